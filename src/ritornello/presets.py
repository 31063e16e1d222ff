"""Presets: named rows of representation, network and hyperparameters. A model family is a row here, not a program.

A row holds only what differs from the defaults of `TrainConfig`; settings given on the command line or in a call take
precedence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.registry import Registry
from ritornello.training.config import TrainConfig


class Preset(NamedTuple):
    """A row: description, settings, and the changes that make it the original system, known defects included."""

    description: str
    settings: Mapping[str, Any]
    corpus: str = "songs"  # the embedded dataset, songs or tunes, if no files are given
    faithful: Mapping[str, Any] = {}  # on top of the settings; empty if these are the original's


_KERAS: Mapping[str, Any] = {  # of system E
    "hidden": 512,
    "layers": 3,
    "dropout": 0.3,
    "optimizer": "rmsprop",
    "learning_rate": 0.001,
    "schedule": "constant",
    "growing_window": False,
    "warmup": 0.0,
    "clip": 1e9,  # Keras clips nothing
    "window": 100,
}

_FIRST_PART: Mapping[str, Any] = {  # the source reads no other part, and no other key
    "representation_options": {"parts": "first", "all_keys": False},
    "transpose": False,
}

MELODY_RNN: Mapping[str, Any] = {  # Magenta's settings for its melody models
    "representation": "melody",
    "network": "magenta_lstm",
    "network_options": {"given": 2},
    "hidden": 128,
    "layers": 2,
    "dropout": 0.5,
    "batch": 128,
    "window": 512,
    "optimizer": "adam",
    "learning_rate": 0.001,
    "schedule": "constant",
    "growing_window": False,
    "warmup": 0.0,
    "clip": 5.0,
    "transpose": False,
}

MELODY_CUTS: Mapping[str, Any] = {"representation_options": {"split_at_tempos": True}}
"""Magenta cuts a melody wherever the tempo changes."""

JAZZ: Mapping[str, Any] = {
    "representation": "jazz",
    "network": "one_hot_lstm",
    "transpose": False,  # its words are relative to the key
    "hidden": 64,
    "layers": 1,
    "dropout": 0.0,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "schedule": "inverse",
    "warmup": 0.0,
    "window": 30,
    "batch": 32,
}
"""The training of the Coursera assignment, as far as the common loop supports it."""

JAZZ_DEFECTS: Mapping[str, Any] = {
    "representation_options": {"faithful": True, "least": 1},
    "network_options": {"every_column": False},
}
"""Late notes, bars that overlap, a network that does not see the chords."""

_MAGENTA = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "growing_window": False,
    "tied": False,
}
"""How all of Magenta's models are trained."""

_PERFORMANCE = {
    **_MAGENTA,
    "representation": "performance",
    "hidden": 512,
    "layers": 3,
    "dropout": 0.0,
    "batch": 64,
    "clip": 3.0,
    "transpositions": tuple(range(-3, 4)),
}

_CHAINER: Mapping[str, Any] = {  # of systems A and B; units, window and clip are nowhere stated
    "network": "gate_dropout_lstm",
    "hidden": 256,
    "dropout": 0.5,
    "optimizer": "adam",
    "learning_rate": 1e-3,  # the library's default
    "schedule": "constant",
    "growing_window": False,
    "warmup": 0.0,
    "batch": 50,  # as in the initialiser of its state
    "window": 32,
    "clip": 5.0,
    "transpose": False,
}


def _accept(name: str, value: Any) -> Preset:
    """Return a preset of a package; ConfigError for settings that a training run does not have."""
    if not isinstance(value, Preset):
        raise TypeError(f"{value!r} is not a Preset")
    for settings in (value.settings, _over(value.settings, value.faithful)):
        checked(TrainConfig, settings)
    return value


_ROWS: dict[str, Preset] = {
    "default": Preset("multitrack tokens, an LSTM whose size fits the budget, the data and the machine", {}),
    "tiny": Preset(
        "a network of 128 units, for a first try or a very small folder", {"hidden": 128, "layers": 1}
    ),
    "large": Preset(
        "two layers of 512 units, for an hour or more", {"hidden": 512, "layers": 2, "batch": 64}
    ),
    "note_classifier": Preset(
        "notes by name and chords as pitch classes (system E), read through an embedding, sized to fit",
        {"representation": "note_names", "network": "note_classifier"},
        faithful={
            **_KERAS,
            **_FIRST_PART,
            "batch": 64,
            "network_options": {"input": "scalar", "widths": [256, 512, 256]},
        },
    ),
    "note_classifier_2019": Preset(
        "the same with the network of its repository since 2019: 3 x 512 units, recurrent dropout, batch norm",
        {
            **_KERAS,
            "representation": "note_names",
            "network": "note_classifier",
            "batch": 128,
            "network_options": {"recurrent_dropout": 0.3, "norm": True, "activation": "relu"},
        },
        faithful={**_FIRST_PART, "network_options": {"input": "scalar"}},
    ),
    "basic_rnn": Preset(
        "Magenta's melodies: a one-hot event, nothing else",
        {**MELODY_RNN, "representation_options": {"encoding": "basic"}},
        faithful=MELODY_CUTS,
    ),
    "mono_rnn": Preset(
        "Magenta's melodies with all 128 pitches, in their own keys",
        {**MELODY_RNN, "representation_options": {"encoding": "mono"}},
        faithful=MELODY_CUTS,
    ),
    "lookback_rnn": Preset(
        "Magenta's melodies that see, and can repeat, what was one and two bars ago",
        {**MELODY_RNN, "representation_options": {"encoding": "lookback"}},
        faithful=MELODY_CUTS,
    ),
    "attention_rnn": Preset(
        "Magenta's melodies that know their key and attend to their last 40 steps",
        {
            **MELODY_RNN,
            "representation_options": {"encoding": "key"},
            "network": "attention_rnn",
            "clip": 3.0,
        },
        faithful=MELODY_CUTS,
    ),
    "jazz_solo": Preset(
        "a solo over given chords: jazz words, one LSTM layer of 64 units (the Coursera assignment)",
        JAZZ,
        "tunes",
        JAZZ_DEFECTS,
    ),
    "jazz_solo_deep": Preset(
        "the same with two layers of 128 units and dropout (deepjazz)",
        {
            **JAZZ,
            "hidden": 128,
            "layers": 2,
            "dropout": 0.2,
            "optimizer": "rmsprop",
            "learning_rate": 0.001,
            "schedule": "constant",
            "growing_window": False,
            "window": 20,
            "batch": 128,
        },
        "tunes",
        JAZZ_DEFECTS,
    ),
    "performance_rnn": Preset(
        "expressive playing in real time: notes on and off, 10 ms steps, 32 degrees of loudness, pedal",
        _PERFORMANCE,
    ),
    "performance_conditioned": Preset(
        "as performance_rnn, conditioned on notes a second and pitch classes",
        {**_PERFORMANCE, "representation_options": {"density": True, "pitch_classes": True}},
    ),
    "drums_rnn": Preset(
        "a drum kit of nine classes on sixteenths, all that is struck together in one token",
        {
            **_MAGENTA,
            "representation": "drums",
            "hidden": 256,
            "layers": 3,
            "dropout": 0.5,
            "batch": 128,
            "clip": 3.0,
        },
    ),
    "improv_rnn": Preset(
        "a melody over chords, given or chosen, on sixteenths",
        {
            **_MAGENTA,
            "representation": "improv",
            "hidden": 64,
            "layers": 2,
            "dropout": 0.5,
            "batch": 128,
            "clip": 5.0,
        },
        "tunes",
    ),
    "polyphony_rnn": Preset(
        "chords on sixteenths: which notes begin in each, and which go on",
        {
            **_MAGENTA,
            "representation": "polyphony",
            "transpositions": tuple(range(-4, 5)),
            "hidden": 256,
            "layers": 3,
            "dropout": 0.5,
            "batch": 64,
            "clip": 5.0,
        },
    ),
    "two_layer_words": Preset(
        "prose as words, two LSTM layers with gate dropout (Chainer, 2016); learns from .txt files",
        {**_CHAINER, "layers": 2, "hidden": 512, "representation": "words"},
    ),
    "two_layer_events": Preset(
        "the notes of one MIDI track as event words, two LSTM layers with gate dropout (Chainer, 2016)",
        {
            **_CHAINER,
            "layers": 2,
            "representation": "event_words",
            "representation_options": {"keep": "notes", "track": 1, "spelling": "hex"},
        },
    ),
    "four_layer_events": Preset(
        "all MIDI events of all tracks as words, four LSTM layers with gate dropout (Chainer, 2016)",
        {
            **_CHAINER,
            "layers": 4,
            "representation": "event_words",
            "representation_options": {"keep": "all"},
        },
    ),
}

PRESETS = Registry[Preset]("preset", group="ritornello.presets", rows=_ROWS, accept=_accept)


def make_config(preset: str, settings: Mapping[str, Any], faithful: bool = False) -> TrainConfig:
    """Return the configuration of a preset, as its original has it if `faithful`, with `settings` on top.

    Unknown names, keys and values are ConfigErrors, and so is `faithful` for a preset without such a variant.
    """
    row = PRESETS[preset]
    if faithful and not row.faithful:
        known = ", ".join(name for name, each in PRESETS.usable().items() if each.faithful)
        raise ConfigError(f"faithful: preset {preset} has no faithful variant; those that have one: {known}")
    return checked(TrainConfig, {**_over(row.settings, row.faithful if faithful else {}), **settings})


def _over(settings: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings` updated with `others`; options, which are mappings, are updated key by key."""
    return {
        **settings,
        **{
            name: {**settings.get(name, {}), **value} if isinstance(value, Mapping) else value
            for name, value in others.items()
        },
    }

"""Named rows: representation, network and training settings. A model family is a row here, never a program.

A row holds only what differs from the defaults of `TrainConfig`; whatever is given on the command line or in
the call goes before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from ritornello.errors import ConfigError, unknown_name
from ritornello.training.config import TrainConfig


class Preset(NamedTuple):
    """A row: what it is for, and its settings."""

    description: str
    settings: Mapping[str, Any]


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
"""The training of the Coursera assignment, as far as the common loop has it."""

_MAGENTA = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "constant",
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
}

PRESETS: dict[str, Preset] = {
    "default": Preset("multitrack tokens, an LSTM whose size fits the budget, the data and the machine", {}),
    "tiny": Preset(
        "a network of 128 units, for a first try or a very small folder", {"hidden": 128, "layers": 1}
    ),
    "large": Preset(
        "two layers of 512 units, for an hour or more", {"hidden": 512, "layers": 2, "batch": 64}
    ),
    "jazz-solo": Preset(
        "a solo over given chords: jazz words, one LSTM layer of 64 units (the Coursera assignment)", JAZZ
    ),
    "jazz-solo-deep": Preset(
        "the same with two layers of 128 units and dropout (deepjazz)",
        {**JAZZ, "hidden": 128, "layers": 2, "dropout": 0.2, "optimizer": "rmsprop",
         "learning_rate": 0.001, "schedule": "constant", "window": 20, "batch": 128},
    ),
    "jazz-solo-faithful": Preset(
        "jazz-solo as its source hears and plays it, with its defects: late notes, bars that overlap",
        {**JAZZ, "representation_options": {"faithful": True, "least": 1},
         "network_options": {"every_column": False}},
    ),
    "performance_rnn": Preset(
        "expressive playing in real time: notes on and off, 10 ms steps, 32 degrees of loudness, pedal",
        _PERFORMANCE,
    ),
    "performance_conditioned": Preset(
        "as performance_rnn, told (and asked for) notes a second and pitch classes",
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
    ),
    "polyphony_rnn": Preset(
        "chords on sixteenths: which notes begin in each, and which go on",
        {
            **_MAGENTA,
            "representation": "polyphony",
            "hidden": 256,
            "layers": 3,
            "dropout": 0.5,
            "batch": 64,
            "clip": 5.0,
        },
    ),
}


def make_config(preset: str, settings: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration of a preset with `settings` on top. Unknown names, keys and values are ConfigErrors."""
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    try:
        return TrainConfig.model_validate({**PRESETS[preset].settings, **settings})
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # of the whole
            raise ConfigError(first["msg"].removeprefix("Value error, ")) from error
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {first['msg'].lower()} (received {first['input']!r})") from error

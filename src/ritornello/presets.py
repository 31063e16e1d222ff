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


_CHAINER: Mapping[str, Any] = {  # of systems A and B; units, window and clip are nowhere stated
    "network": "gate_dropout_lstm",
    "hidden": 256,
    "dropout": 0.5,
    "optimizer": "adam",
    "learning_rate": 1e-3,  # the library's default
    "schedule": "constant",
    "warmup": 0.0,
    "batch": 50,  # as in the initialiser of its state
    "window": 32,
    "clip": 5.0,
    "transpose": False,
}

PRESETS: dict[str, Preset] = {
    "default": Preset("multitrack tokens, an LSTM whose size fits the budget, the data and the machine", {}),
    "tiny": Preset(
        "a network of 128 units, for a first try or a very small folder", {"hidden": 128, "layers": 1}
    ),
    "large": Preset(
        "two layers of 512 units, for an hour or more", {"hidden": 512, "layers": 2, "batch": 64}
    ),
    "two-layer-words": Preset(
        "prose as words, two LSTM layers with gate dropout (Chainer, 2016); learns from .txt files",
        {**_CHAINER, "layers": 2, "representation": "words"},
    ),
    "two-layer-events": Preset(
        "the notes of one MIDI track as event words, two LSTM layers with gate dropout (Chainer, 2016)",
        {
            **_CHAINER,
            "layers": 2,
            "representation": "event_words",
            "representation_options": {"keep": "notes", "track": 1, "spelling": "hex"},
        },
    ),
    "four-layer-events": Preset(
        "all MIDI events of all tracks as words, four LSTM layers with gate dropout (Chainer, 2016)",
        {
            **_CHAINER,
            "layers": 4,
            "representation": "event_words",
            "representation_options": {"keep": "all"},
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

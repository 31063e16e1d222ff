"""The constraints by name. A new one is one file and one row; the laws of `ritornello.testing` then test it.

Its settings become flags of `ritornello compose`, `jam` and `play`, controls of the jam page, keywords of
`Model.compose`, and part of the recipe in every MIDI file. Another package adds one by an entry point of the group
`ritornello.constraints` (see `registry`).

Read in order: `base`, `scale` (bans the same ids at every step), `chord_size` (follows a piece), `density` (looks
ahead).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, create_model

from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Never, Settings
from ritornello.generation.settings import BeamConfig, MusicSettings, SamplerConfig
from ritornello.registry import Registry

__all__ = [
    "CONSTRAINTS",
    "Constraint",
    "ConstraintState",
    "Context",
    "Never",
    "Settings",
    "make_constraints",
    "settings_of_all",
    "start_constraints",
]

_HERE = "ritornello.generation.constraints"


def _accepted(name: str, value: Any) -> type[Constraint]:
    """Return the class of an entry point. Raises TypeError or ValueError if it is no constraint of that name, or if its
    settings declare names that others have: configurations inherit the settings of all constraints."""
    if not (isinstance(value, type) and issubclass(value, Constraint)):
        raise TypeError(f"{value!r} is not a Constraint")
    if value.name != name:
        raise ValueError(f"its name is {value.name!r}")
    own = [CONSTRAINTS[row].settings for row in CONSTRAINTS.own]
    taken = declared(value.settings) & declared(SamplerConfig, BeamConfig, MusicSettings, *own)
    if taken:
        raise ValueError(f"its settings declare what ritornello has: {', '.join(sorted(taken))}")
    return value


def declared(*models: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields, validators and properties that models of settings declare themselves."""
    names = (name for model in models for name in (*vars(model), *model.model_fields))
    return frozenset(name for name in names if not name.startswith(("__", "model_", "_abc")))


CONSTRAINTS = Registry[type[Constraint]](
    "constraint",
    group="ritornello.constraints",
    rows={
        "instruments": f"{_HERE}.instruments:Instruments",
        "length": f"{_HERE}.length:Length",
        "scale": f"{_HERE}.scale:Scale",
        "chords": f"{_HERE}.chords:Chords",
        "register": f"{_HERE}.register:Register",
        "chord_size": f"{_HERE}.chord_size:ChordSize",
        "density": f"{_HERE}.density:Density",
        "parallels": f"{_HERE}.parallels:Parallels",
        "step_limit": f"{_HERE}.step_limit:StepLimit",
        "max_copy": f"{_HERE}.originality:Originality",
        "repetition": f"{_HERE}.repetition:Repetition",
        "entrances": f"{_HERE}.entrances:Entrances",
        "cadence": f"{_HERE}.cadence:Cadence",
        "roots": f"{_HERE}.roots:Roots",
        "pulse": f"{_HERE}.pulse:Pulse",
        "contrast": f"{_HERE}.contrast:Contrast",
        "voice_leading": f"{_HERE}.voice_leading:VoiceLeading",
        "fixed_notes": f"{_HERE}.fixed_notes:FixedNotesConstraint",
    },
    accept=_accepted,
)


def make_constraints(is_live: bool = False) -> list[Constraint]:
    """Return an instance of each usable constraint, or of those that hold in a session."""
    return [row() for row in CONSTRAINTS.usable().values() if row.is_live or not is_live]


def settings_of_all(is_live: bool) -> type[Settings]:
    """Return a pydantic model with the settings of all constraints, or of those that hold in a session."""
    models = dict.fromkeys(type(each).settings for each in make_constraints(is_live))
    return create_model("ConstraintSettings", __base__=tuple(each for each in models if each is not Settings))


def start_constraints(context: Context, more: Sequence[Constraint] = ()) -> list[ConstraintState]:
    """Return the states of the constraints that are asked for or on by default, and of `more`, the most important
    first. Raises ConfigError for settings that the representation does not support or that cannot be kept together.
    """
    started = [each.start(context) for each in (*make_constraints(context.is_live), *more)]
    return sorted((state for state in started if state is not None), key=lambda state: state.rank)

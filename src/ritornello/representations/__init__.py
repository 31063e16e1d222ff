"""Representations by name. A new one is one file and one row of `REPRESENTATIONS`; the laws then test it.

Each is imported when it is first asked for, so that who composes with one waits for no other.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ritornello.config import checked
from ritornello.errors import unknown_name
from ritornello.representations.base import Column, Conditions, GrammarState, Ids, Kind, Representation

__all__ = [
    "REPRESENTATIONS",
    "Column",
    "Conditions",
    "GrammarState",
    "Ids",
    "Kind",
    "Representation",
    "make_representation",
]

CLASSES = {
    "multitrack": "Multitrack",
    "note_names": "NoteNames",
    "melody": "Melody",
    "jazz": "Jazz",
    "performance": "Performance",
    "drums": "Drums",
    "polyphony": "Polyphony",
    "frames": "Frames",
    "improv": "Improv",
    "event_words": "EventWords",
    "words": "Words",
}
"""The class of each representation, in the module of its name."""


class _Kinds(UserDict[str, Kind | None]):
    """Kinds by name; None is one that was not asked for yet."""

    def __getitem__(self, name: str) -> Kind:
        kind = super().__getitem__(name)
        if kind is None:
            kind = self.data[name] = getattr(import_module(f"{__name__}.{name}"), CLASSES[name])
        return kind


REPRESENTATIONS = _Kinds(dict.fromkeys(CLASSES))


def make_representation(name: str, config: Mapping[str, Any]) -> Representation:
    """Return the representation of that name and configuration. Unknown names and keys are ConfigErrors."""
    if name not in REPRESENTATIONS:
        raise unknown_name("representation", name, REPRESENTATIONS)
    kind = REPRESENTATIONS[name]
    return kind(checked(kind.config_model, config, f"representation {name}: "))

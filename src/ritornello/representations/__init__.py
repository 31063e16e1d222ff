"""Representations by name. A new one is one file and one row of `REPRESENTATIONS`; the laws then test it.

Each is imported when it is first used, and so is `base`, so that the names alone cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ritornello.config import checked
from ritornello.registry import Registry, named

if TYPE_CHECKING:
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

REPRESENTATIONS: Registry[Kind] = Registry(
    "representation",
    group="ritornello.representations",
    rows={
        "multitrack": f"{__name__}.multitrack:Multitrack",
        "note_names": f"{__name__}.note_names:NoteNames",
        "melody": f"{__name__}.melody:Melody",
        "jazz": f"{__name__}.jazz:Jazz",
        "performance": f"{__name__}.performance:Performance",
        "drums": f"{__name__}.drums:Drums",
        "polyphony": f"{__name__}.polyphony:Polyphony",
        "frames": f"{__name__}.frames:Frames",
        "improv": f"{__name__}.improv:Improv",
        "event_words": f"{__name__}.event_words:EventWords",
        "words": f"{__name__}.words:Words",
    },
    accept=named("config_model", "reads_prose", "collect_statistics", "fit"),
)


def make_representation(name: str, config: Mapping[str, Any]) -> Representation:
    """Return the representation of that name and configuration. Unknown names and keys are ConfigErrors."""
    kind = REPRESENTATIONS[name]
    return kind(checked(kind.config_model, config, f"representation {name}: "))


def __getattr__(name: str) -> Any:
    """Import a name of `base` when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.base"), name)

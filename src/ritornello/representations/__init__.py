"""Representations by name. A new one is one file and one row of `REPRESENTATIONS`; the laws then test it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ritornello.errors import ConfigError, explain, unknown_name
from ritornello.representations.base import Column, Cursor, Ids, Kind, Plan, Representation
from ritornello.representations.drums import Drums
from ritornello.representations.event_words import EventWords
from ritornello.representations.frames import Frames
from ritornello.representations.improv import Improv
from ritornello.representations.jazz import Jazz
from ritornello.representations.melody import Melody
from ritornello.representations.multitrack import Multitrack
from ritornello.representations.note_names import NoteNames
from ritornello.representations.performance import Performance
from ritornello.representations.polyphony import Polyphony
from ritornello.representations.words import Words

__all__ = [
    "REPRESENTATIONS",
    "Column",
    "Cursor",
    "Ids",
    "Kind",
    "Plan",
    "Representation",
    "make_representation",
]

REPRESENTATIONS: dict[str, Kind] = {
    "multitrack": Multitrack,
    "note_names": NoteNames,
    "melody": Melody,
    "jazz": Jazz,
    "performance": Performance,
    "drums": Drums,
    "polyphony": Polyphony,
    "frames": Frames,
    "improv": Improv,
    "event_words": EventWords,
    "words": Words,
}


def make_representation(name: str, config: Mapping[str, Any]) -> Representation:
    """Return the representation of that name and configuration. Unknown names and keys are ConfigErrors."""
    if name not in REPRESENTATIONS:
        raise unknown_name("representation", name, REPRESENTATIONS)
    kind = REPRESENTATIONS[name]
    try:
        return kind(kind.config_model.model_validate(dict(config)))
    except ValidationError as error:
        raise ConfigError(f"representation {name}: {explain(error)}") from error

"""`Notes`: the ids of a representation that bring a pitched note, and how they sound. Constraints speak of these.

Drums are no pitched notes; so they are free of all constraints made with this table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.base import (
    Compass,
    HasCompasses,
    Representation,
    note_ids,
    voice_count,
)

Pitches = NDArray[np.bool_]
"""A set of pitches: shape (128,)."""


def within(lowest: int = 0, highest: int = 127) -> Pitches:
    """Return the pitches from `lowest` to `highest`."""
    pitch = np.arange(128)
    return np.asarray((pitch >= lowest) & (pitch <= highest))


def of_classes(classes: Iterable[int]) -> Pitches:
    """Return the pitches of some pitch classes, 0-11."""
    return np.isin(np.arange(128) % 12, list(classes))


class Notes:
    """The ids that bring a pitched note: `ids`, and of each the `voices`, the `pitches` as they sound, and
    as the representation names them (`named`).

    is_complete: whether they are all ids that bring any but drums, and there are some.
    """

    def __init__(self, representation: Representation) -> None:
        rows = [
            (token, voice, pitch)
            for voice in range(voice_count(representation))
            for pitch in range(128)
            for token in note_ids(representation, voice, pitch)
        ]
        found = np.array(rows, dtype=np.int64).reshape(-1, 3)
        is_drum = _are_drums(representation, found[:, 0])
        self.ids, self.voices, self.named = found[~is_drum].T
        self.pitches = np.clip(self.named + _move_of(representation), 0, 127)
        others = np.setdiff1d(np.flatnonzero(representation.is_note), found[:, 0])
        self.is_complete = bool(len(self.ids)) and not len(others)

    def __deepcopy__(self, memo: Any) -> Notes:
        return self  # never changes: pieces that fork share it

    def outside(self, pitches: Pitches) -> NDArray[np.int64]:
        """Return the ids of the notes that are none of `pitches`."""
        return np.asarray(self.ids[~pitches[self.pitches]])

    def outside_grip(self, voice: int, low: int, high: int) -> list[int]:
        """Return the ids of a voice's notes below `low` or above `high`."""
        wrong = (self.voices == voice) & ((self.pitches < low) | (self.pitches > high))
        return list(map(int, self.ids[wrong]))


def _are_drums(representation: Representation, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which ids of notes bring a note of the drum kit: those that are never moved, and decode to one."""
    stays = np.ones(len(ids), dtype=bool)
    for step in (-1, 1) if len(ids) else ():
        stays &= representation.transposed(ids.astype(np.int32), step) == ids
    stays[stays] = [_is_drum(representation, token) for token in ids[stays].tolist()]
    return stays


def _is_drum(representation: Representation, token: int) -> bool:
    score = representation.decode(np.array([representation.start_id, token]))
    return any(track.is_drum for track in score.tracks if len(track.notes))


def _move_of(representation: Representation) -> int:
    """Return by how many semitones a note sounds above the pitch of its id."""
    for pitch in range(60, 72):
        token = representation.note_id(0, pitch)
        if token is not None:
            notes = representation.decode(np.array([representation.start_id, token])).all_notes()
            return int(notes["pitch"][0]) - pitch if len(notes) else 0
    return 0


def compasses(
    representation: Representation, notes: Notes, programs: tuple[int, ...] | None
) -> tuple[Compass, ...]:
    """Return what the instruments that play `programs`, or all of a model, can play: one compass a voice if the
    representation tells no more."""
    if isinstance(representation, HasCompasses):
        return representation.compasses(programs)
    sounding = {v: np.unique(notes.pitches[notes.voices == v]) for v in np.unique(notes.voices).tolist()}
    return tuple(Compass("this model", voice, tuple(p.tolist())) for voice, p in sounding.items())

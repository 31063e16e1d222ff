"""Constraints of what can be played or sung: `Register`, the compass of all parts, and `Grip`, what one part begins at
once. Drums are free of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.base import Cursor, Representation

Ints = NDArray[np.int64]


class Notes:
    """The ids of a representation that bring a pitched note: `ids`, and the `voices` and `pitches` of each."""

    def __init__(self, representation: Representation) -> None:
        found = np.array(list(_note_ids(representation)), dtype=np.int64).reshape(-1, 3)
        ids = found[:, 0].astype(np.int32)
        moves = [representation.transposed(ids, step) != ids for step in (-1, 1)]  # drums do not
        self.ids, self.voices, self.pitches = found[moves[0] | moves[1]].T

    def outside(self, voice: int, low: float, high: float) -> list[int]:
        """Return the ids of a voice's notes below `low` or above `high`."""
        wrong = (self.voices == voice) & ((self.pitches < low) | (self.pitches > high))
        return list(map(int, self.ids[wrong]))


def _note_ids(representation: Representation) -> Iterable[tuple[int, int, int]]:
    """Yield (id, voice, pitch) of every note; voices count from 0, and the first without notes ends them."""
    voice, found = 0, True
    while found:
        ids = [(representation.note_id(voice, pitch), pitch) for pitch in range(128)]
        found = any(token is not None for token, _ in ids)
        yield from ((token, voice, pitch) for token, pitch in ids if token is not None)
        voice += 1


class Register:
    """Forbids pitches below `lowest` and above `highest`."""

    def __init__(self, notes: Notes, lowest: int, highest: int) -> None:
        outside = (notes.pitches < lowest) | (notes.pitches > highest)
        self._outside: list[int] = notes.ids[outside].tolist()

    def observe(self, cursor: Cursor) -> None:
        pass

    def forbidden(self, cursor: Cursor) -> Iterable[int]:
        return self._outside


@dataclass
class Grip:
    """Forbids a part to begin more than `most` notes at once, or notes more than `span` semitones apart."""

    notes: Notes
    most: int
    span: int
    onset: float = -1.0
    struck: dict[int, list[int]] = field(default_factory=dict)  # pitches of each voice at the onset
    _now: float = 0.0

    def __deepcopy__(self, memo: object) -> Grip:
        struck = {voice: list(pitches) for voice, pitches in self.struck.items()}
        return Grip(self.notes, self.most, self.span, self.onset, struck, self._now)

    def observe(self, cursor: Cursor) -> None:
        if cursor.last_note is not None:
            voice, pitch = cursor.last_note
            if self._now != self.onset:
                self.onset, self.struck = self._now, {}
            self.struck.setdefault(voice, []).append(pitch)
        self._now = cursor.quarters

    def forbidden(self, cursor: Cursor) -> Iterable[int]:
        for voice, pitches in self.struck.items() if cursor.quarters == self.onset else ():
            is_full = len(pitches) >= self.most
            low, high = (128, -1) if is_full else (max(pitches) - self.span, min(pitches) + self.span)
            yield from self.notes.outside(voice, low, high)

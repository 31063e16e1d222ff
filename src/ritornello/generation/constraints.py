"""Constraints: what a piece must not do, besides what its grammar forbids.

A constraint is made for one piece and follows it: `observe` after each id pushed, `forbidden` before the next one
is chosen. It keeps its own running summary, so a step costs the same however long the piece is. It names single
ids and looks ahead: it forbids the id that *would* break the rule, at the last moment at which something else is
still possible.

Never a dead end: `allowed_ids` drops what the constraints say where the grammar leaves nothing else. For the
repetition guard this does not happen in practice, since a note can always be replaced by a shift in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.base import Cursor, Representation, note_ids, voice_count

SAME_PITCH = 8
"""A voice may play one pitch this many times in a row."""

SAME_BAR = 4
"""A piece may play one bar this many times running."""

Note = tuple[int, int, int]  # position in the bar, voice, pitch


class Constraint(Protocol):
    """A rule that follows one piece."""

    def observe(self, cursor: Cursor) -> None:
        """Take note of the id just pushed to `cursor`."""

    def forbidden(self, cursor: Cursor) -> Iterable[int]:
        """Return the ids that must not be pushed to `cursor` next."""


def allowed_ids(cursor: Cursor, constraints: Iterable[Constraint]) -> tuple[NDArray[np.bool_], bool]:
    """Return the mask of the ids that may come next, and whether the constraints had to be dropped for it."""
    forbidden = [token for constraint in constraints for token in constraint.forbidden(cursor)]
    grammar = cursor.allowed()
    if not forbidden:
        return grammar, False
    mask = grammar.copy()
    mask[forbidden] = False
    return (mask, False) if mask.any() else (grammar, True)


class NotesBeforeEnd:
    """Keeps a piece from ending by itself before it has so many notes."""

    def __init__(self, end_id: int, notes: int) -> None:
        self._end, self._notes = (end_id,), notes

    def observe(self, cursor: Cursor) -> None:
        pass

    def forbidden(self, cursor: Cursor) -> Iterable[int]:
        return self._end if cursor.notes < self._notes else ()


class InScale:
    """Forbids the notes outside a scale; drums are free.

    scale: pitch classes, 0-11. A scheme that moves pieces into a key of its own is asked where it puts them.
    """

    def __init__(self, representation: Representation, scale: Iterable[int]) -> None:
        allowed, move = set(scale), _move_of(representation)
        found = [
            token
            for voice in range(voice_count(representation))
            for pitch in range(128)
            if (pitch + move) % 12 not in allowed
            for token in note_ids(representation, voice, pitch)
        ]
        ids = np.array(found, dtype=np.int64)
        stays = representation.transposed(ids, 1) == ids if len(ids) else ids > 0
        drums = {token for token in ids[stays].tolist() if _is_drum(representation, token)}
        self._outside = tuple(token for token in found if token not in drums)
        self.permitted = np.ones(representation.vocabulary_size, dtype=bool)
        self.permitted[list(self._outside)] = False

    def observe(self, cursor: Cursor) -> None:
        pass

    def forbidden(self, cursor: Cursor) -> Iterable[int]:
        return self._outside


def _is_drum(representation: Representation, token: int) -> bool:
    """Whether an id brings a note of the drum kit."""
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


class RepetitionGuard:
    """Forbids a pitch more than SAME_PITCH times in a row in one voice, and a bar more than SAME_BAR times running.

    Bars are the same if the same voices play the same pitches at the same positions; how long and how loud does
    not count. A fifth equal bar is broken at its last note, as a fill would. Bars without notes do not count.
    """

    def __init__(self, representation: Representation) -> None:
        self._note_ids = partial(note_ids, representation)
        self._runs: dict[int, _PitchRun] = {}
        self._bars = _BarRun()

    def observe(self, cursor: Cursor) -> None:
        bar, position = cursor.place
        self._bars.enter(bar)
        if cursor.last_note is not None:
            voice, pitch = cursor.last_note
            self._runs.setdefault(voice, _PitchRun()).add((bar, position), pitch)
            self._bars.add((position, voice, pitch))

    def forbidden(self, cursor: Cursor) -> Iterable[int]:
        notes = [
            (voice, pitch)
            for voice, run in self._runs.items()
            if (pitch := run.exhausted(cursor.place)) is not None
        ]
        missing = self._bars.completing()
        if missing is not None and missing[0] == cursor.place[1]:
            notes.append(missing[1:])
        return [token for voice, pitch in notes for token in self._note_ids(voice, pitch)]


@dataclass
class _PitchRun:
    """How often a voice has played its last pitch in a row. Notes of one onset count from the lowest up."""

    pitch: int = -1
    count: int = 0
    onset: tuple[int, int] = (-1, -1)
    chord: list[int] = field(default_factory=list)  # pitches at the present onset, not yet counted

    def add(self, onset: tuple[int, int], pitch: int) -> None:
        """Take a note at `onset`."""
        self._move_to(onset)
        self.chord.append(pitch)

    def exhausted(self, onset: tuple[int, int]) -> int | None:
        """Return the pitch that must not be played at `onset`, if there is one."""
        self._move_to(onset)
        interrupted = any(pitch < self.pitch for pitch in self.chord)
        return (
            self.pitch
            if self.count + self.chord.count(self.pitch) >= SAME_PITCH and not interrupted
            else None
        )

    def _move_to(self, onset: tuple[int, int]) -> None:
        if onset == self.onset:
            return
        for pitch in sorted(self.chord):
            self.count = self.count + 1 if pitch == self.pitch else 1
            self.pitch = pitch
        self.onset, self.chord = onset, []


@dataclass
class _BarRun:
    """How often the last whole bar has been played running, and how much of it the present bar has repeated."""

    bar: int = 0
    last: frozenset[Note] = frozenset()
    count: int = 0
    present: set[Note] = field(default_factory=set)
    differs: bool = False  # whether the present bar has a note that the last one has not

    def enter(self, bar: int) -> None:
        """Go on to `bar`, if the piece has come to it."""
        if bar == self.bar:
            return
        skipped = bar > self.bar + 1
        same = not self.differs and len(self.present) == len(self.last)
        self.count = self.count + 1 if same else 1
        if not same:
            self.last = frozenset(self.present)
        if skipped:
            self.last, self.count = frozenset(), 1
        self.bar, self.present, self.differs = bar, set(), False

    def add(self, note: Note) -> None:
        """Take a note of the present bar."""
        self.present.add(note)
        self.differs |= note not in self.last

    def completing(self) -> Note | None:
        """Return the note that would make the present bar one repetition too many, if it is the next missing."""
        if self.count < SAME_BAR or self.differs or len(self.present) != len(self.last) - 1:
            return None
        return next(iter(self.last - self.present))

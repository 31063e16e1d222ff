"""Constraints: what a piece must not do, besides what its grammar forbids.

A constraint is made for one piece and follows it: `observe` after each id pushed, `forbidden` before the next one
is chosen. It keeps its own running summary, so a step costs the same however long the piece is. It names single
ids and looks ahead: it forbids the id that *would* break the rule, at the last moment at which something else is
still possible.

The order of a piece's constraints is their rank: what a person asked for stands before the repetition guard. Where all
together leave nothing, each is heeded in turn if it leaves something with those before it; `allowed_ids` names the
others. So the guard gives way first. What was asked for looks ahead, or leaves a note at any time (`contradictions`
refuses what does not), so it does not give way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ritornello.generation.notes import note_ids_at
from ritornello.representations.base import GrammarState, Representation
from ritornello.representations.limits import Forbidden

SAME_PITCH = 8
"""A voice may play one pitch this many times in a row."""

SAME_CHORD = 24
"""A voice may play one chord this many times in a row."""

SAME_BAR = 4
"""A piece may play one bar this many times running."""

Note = tuple[int, int, int]  # position in the bar, voice, pitch


class Constraint(Protocol):
    """A rule that follows one piece. `wish` names it, in the words in which it is asked for."""

    wish: str

    def observe(self, grammar: Any, /) -> None:
        """Take note of the id just pushed to `grammar`."""

    def forbidden(self, grammar: Any, /) -> Forbidden:
        """Return the ids that must not be pushed to `grammar` next."""


def allowed_ids(
    grammar: GrammarState, constraints: Sequence[Constraint]
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return the mask of the ids that may come next, and the wishes of the constraints that had to give way for it."""
    allowed = grammar.allowed_mask()
    mask = allowed.copy()
    for ids in (forbidden := [constraint.forbidden(grammar) for constraint in constraints]):
        if len(ids):
            mask[ids] = False
    if mask.any():
        return mask, ()
    return _ranked(allowed, [(rule.wish, ids) for rule, ids in zip(constraints, forbidden, strict=True)])


def _ranked(
    mask: NDArray[np.bool_], wishes: Sequence[tuple[str, Forbidden]]
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return what is left of `mask` if each wish is heeded that leaves something, and the names of the others."""
    relaxed_constraints = []
    for wish, ids in wishes:
        left = mask.copy()
        if len(ids):
            left[ids] = False
        if left.any():
            mask = left
        else:
            relaxed_constraints.append(wish)
    return mask, tuple(relaxed_constraints)


class Unchanging:
    """A constraint that keeps nothing of the piece: pieces that fork share it."""

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def observe(self, grammar: GrammarState) -> None:
        pass


class Never(Unchanging):
    """Forbids the same ids at every step."""

    def __init__(self, wish: str, ids: NDArray[np.int64]) -> None:
        self.wish, self.ids = wish, ids

    def forbidden(self, grammar: GrammarState) -> NDArray[np.int64]:
        return self.ids


class NoRepeats(Unchanging):
    """Forbids the ids that bring an earlier note of the piece again if that is one of some pitches: those of a primer
    are not always allowed."""

    wish = "repeated notes"

    def __init__(self, ids: Sequence[int], pitches: frozenset[int]) -> None:
        self._ids, self._pitches = ids, pitches

    def forbidden(self, grammar: GrammarState) -> list[int]:
        return [
            token
            for token in self._ids
            if any(pitch in self._pitches for _, pitch in grammar.notes_of(token))
        ]


class NotesBeforeEnd(Unchanging):
    """Keeps a piece from ending by itself before it has so many notes."""

    wish = "notes"

    def __init__(self, end_id: int, notes: int) -> None:
        self._end, self._notes = (end_id,), notes

    def forbidden(self, grammar: GrammarState) -> tuple[int, ...]:
        return self._end if grammar.notes < self._notes else ()


class RepetitionGuard:
    """Forbids a pitch more than SAME_PITCH times in a row in one voice, a chord more than SAME_CHORD times, and a bar
    more than SAME_BAR times running.

    Bars are the same if the same voices play the same pitches at the same positions; how long and how loud does
    not count. A fifth equal bar is broken at its last note, as a fill would. Bars without notes do not count.
    """

    wish = "repetition guard"

    def __init__(self, representation: Representation) -> None:
        self._note_ids = partial(note_ids_at, representation.tokens)
        self._runs: dict[int, _PitchRun] = {}
        self._bars = _BarRun()

    def observe(self, grammar: GrammarState) -> None:
        bar, position = grammar.place
        self._bars.enter(bar)
        for voice, pitch in grammar.last_notes:
            self._runs.setdefault(voice, _PitchRun()).add((bar, position), pitch)
            self._bars.add((position, voice, pitch))

    def forbidden(self, grammar: GrammarState) -> list[int]:
        notes = [
            (voice, pitch) for voice, run in self._runs.items() for pitch in run.exhausted(grammar.place)
        ]
        missing = self._bars.completing()
        if missing is not None and missing[0] == grammar.place[1]:
            notes.append(missing[1:])
        return [token for voice, pitch in notes for token in self._note_ids(grammar, voice, pitch)]


@dataclass
class _PitchRun:
    """How often a voice has played its last pitch, and its last chord, in a row. Notes of one onset count from the
    lowest up."""

    pitch: int = -1
    count: int = 0
    last_chord: list[int] = field(default_factory=list)
    chord_count: int = 0
    onset: tuple[int, int] = (-1, -1)
    chord: list[int] = field(default_factory=list)  # pitches at the present onset, not yet counted

    def add(self, onset: tuple[int, int], pitch: int) -> None:
        """Take a note at `onset`."""
        self._move_to(onset)
        self.chord.append(pitch)

    def exhausted(self, onset: tuple[int, int]) -> list[int]:
        """Return the pitches that must not be played at `onset`."""
        self._move_to(onset)
        interrupted = any(pitch < self.pitch for pitch in self.chord)
        is_full = self.count + self.chord.count(self.pitch) >= SAME_PITCH and not interrupted
        pitches = [self.pitch] if is_full else []
        if self.chord_count >= SAME_CHORD and self.chord and sorted(self.chord) == self.last_chord[:-1]:
            pitches.append(self.last_chord[-1])  # it would complete the chord once more
        return pitches

    def _move_to(self, onset: tuple[int, int]) -> None:
        if onset == self.onset:
            return
        chord = sorted(self.chord)
        for pitch in chord:
            self.count = self.count + 1 if pitch == self.pitch else 1
            self.pitch = pitch
        if chord:
            self.chord_count = self.chord_count + 1 if chord == self.last_chord else 1
            self.last_chord = chord
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

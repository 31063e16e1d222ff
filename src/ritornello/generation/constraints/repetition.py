"""`repetition`: on by default, limits how often a pitch, a chord or a bar comes in a row.

Networks that read mostly their own output fall into loops. The guard breaks them up, and is among the first to give
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.representations.base import GrammarState, Representation

SAME_PITCH = 8
"""A voice may play one pitch this many times in a row."""

SAME_CHORD = 24
"""A voice may play one chord this many times in a row."""

SAME_BAR = 4
"""A piece may play one bar this many times running."""

Note = tuple[int, int, int]  # position in the bar, voice, pitch


class RepetitionSettings(Settings):
    guard: bool = Field(True, description="break up a pitch or a bar that repeats too often")


class Repetition(Constraint):
    name = "repetition"
    settings = RepetitionSettings

    def start(self, context: Context) -> RepetitionGuard | None:
        return RepetitionGuard(context.representation) if context.of(RepetitionSettings).guard else None


class RepetitionGuard(ConstraintState):
    """Bans a pitch more than SAME_PITCH times in a row in one voice, a chord more than SAME_CHORD times, and a bar
    more than SAME_BAR times running.

    Bars are equal if the same voices play the same pitches at the same positions, with any duration and velocity. A
    fifth equal bar is broken at its last note, as a fill would. Bars without notes do not count.
    """

    name, rank, is_asked = "repetition", 70, False

    def __init__(self, representation: Representation) -> None:
        self._representation = representation
        self._runs: dict[int, _PitchRun] = {}
        self._bars = _BarRun()

    def fork(self) -> RepetitionGuard:
        other = copy(self)
        other._runs = {voice: copy(run) for voice, run in self._runs.items()}
        other._bars = self._bars.fork()
        return other

    def advance(self, grammar: GrammarState) -> None:
        if not grammar.last_notes:
            return
        bar, position = place = grammar.place
        self._bars.enter(bar)
        for voice, pitch in grammar.last_notes:
            if voice not in self._runs:
                self._runs[voice] = _PitchRun()
            self._runs[voice].add(place, pitch)
            self._bars.add((position, voice, pitch))

    def banned(self, grammar: GrammarState, allowed: Mask) -> Sequence[int]:
        near = [(voice, run) for voice, run in self._runs.items() if run.is_near]
        if not near and self._bars.count < SAME_BAR - 1:
            return ()
        place = grammar.place
        notes = [(voice, pitch) for voice, run in near for pitch in run.exhausted(place)]
        self._bars.enter(place[0])
        missing = self._bars.completing()
        if missing is not None and missing[0] == place[1]:
            notes.append(missing[1:])
        if not notes:
            return ()

        from ritornello.generation.notes import note_ids_at

        tokens = self._representation.tokens
        return [token for note in notes for token in note_ids_at(tokens, grammar, *note)]


@dataclass
class _PitchRun:
    """How often a voice has played its last pitch, and its last chord, in a row. Notes of one onset count from the
    lowest up."""

    pitch: int = -1
    count: int = 0
    last_chord: tuple[int, ...] = ()
    chord_count: int = 0
    onset: tuple[int, int] = (-1, -1)
    chord: tuple[int, ...] = ()  # pitches at the present onset, not yet counted
    is_near: bool = False  # whether something may be exhausted before the next note

    def add(self, onset: tuple[int, int], pitch: int) -> None:
        """Add a note at `onset`."""
        self._move_to(onset)
        self.chord = (*self.chord, pitch)
        self.is_near = self.count + len(self.chord) >= SAME_PITCH or self.chord_count >= SAME_CHORD

    def exhausted(self, onset: tuple[int, int]) -> list[int]:
        """Return the pitches that must not be played at `onset`."""
        self._move_to(onset)
        interrupted = any(pitch < self.pitch for pitch in self.chord)
        is_full = self.count + self.chord.count(self.pitch) >= SAME_PITCH and not interrupted
        pitches = [self.pitch] if is_full else []
        if self.chord_count >= SAME_CHORD and self.chord and (*sorted(self.chord),) == self.last_chord[:-1]:
            pitches.append(self.last_chord[-1])  # it would complete the chord once more
        return pitches

    def _move_to(self, onset: tuple[int, int]) -> None:
        if onset == self.onset:
            return
        chord = tuple(sorted(self.chord))
        for pitch in chord:
            self.count = self.count + 1 if pitch == self.pitch else 1
            self.pitch = pitch
        if chord:
            self.chord_count = self.chord_count + 1 if chord == self.last_chord else 1
            self.last_chord = chord
        self.onset, self.chord = onset, ()


@dataclass
class _BarRun:
    """How often the last whole bar has been played in a row, and how much of it the present bar has repeated."""

    bar: int = 0
    last: set[Note] = field(default_factory=set)
    count: int = 0
    present: set[Note] = field(default_factory=set)
    differs: bool = False  # whether the present bar has a note that the last one has not

    def enter(self, bar: int) -> None:
        """Go on to `bar`, if the piece has reached it."""
        if bar == self.bar:
            return
        is_same = not self.differs and len(self.present) == len(self.last)
        self.last, self.count = self.present, self.count + 1 if is_same else 1
        if bar > self.bar + 1:  # bars without notes between them
            self.last, self.count = set(), 1
        self.bar, self.present, self.differs = bar, set(), False

    def add(self, note: Note) -> None:
        """Add a note to the present bar."""
        self.present.add(note)
        self.differs = self.differs or note not in self.last

    def fork(self) -> _BarRun:
        return replace(self, present=set(self.present))  # a whole bar does not change any more

    def completing(self) -> Note | None:
        """Return the note that would make the present bar one repetition too many, if it is the next missing."""
        if self.count < SAME_BAR or self.differs or len(self.present) != len(self.last) - 1:
            return None
        return next(iter(self.last - self.present))

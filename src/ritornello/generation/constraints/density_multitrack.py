"""Polyphony and notes a bar in `multitrack`, with look-ahead.

Where could a piece get stuck? A shift leads to a note, and a piece ends where a note begins; so a note has to come at
the latest when the grammar allows no longer silence, and in the last bar; and as many as a bar needs, before its end.
By then some part must be able to begin one. So `due` is the latest time for the next note, `free` the earliest at which
a part may begin one, and `free <= due` is kept true: by what a note may last, and by how far a shift may lead. A note
as short as can be always keeps it true, so there is always a way on.

The notes that a bar still needs are given a sixteenth each before its end, less only where it is too short for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Mask
from ritornello.generation.constraints.base import ConstraintState
from ritornello.generation.constraints.density import NO_LIMIT, Limits
from ritornello.representations.grids import DURATIONS, SHIFTS, STEPS_PER_QUARTER
from ritornello.representations.multitrack.grammar import (
    HEADER,
    MOST_SILENT_BARS,
    MultitrackGrammarState,
)
from ritornello.representations.multitrack.vocabulary import Vocabulary

SIXTEENTH = STEPS_PER_QUARTER // 4


def most_onsets(vocabulary: Vocabulary, limits: Limits, meter: tuple[int, int] | None) -> int:
    """Return the largest `fewest` that can be kept beside the other limits, in bars of `meter` or else the longest."""
    steps = vocabulary.bar_steps
    bar = steps[vocabulary.nearest_meter(*meter)] if meter else steps.max()
    return int(bar) // (1 if limits.polyphony == NO_LIMIT else SIXTEENTH)


def spacing(limits: Limits, bar_steps: int) -> int:
    """Return how many steps of a bar each note that it needs is given; 0 if there is no room for them.

    With polyphony limited it is a sixteenth, since no note in the last bar is shorter.
    """
    steps = bar_steps // max(limits.fewest, 1)
    return min(steps, SIXTEENTH) if steps >= SIXTEENTH or limits.polyphony == NO_LIMIT else 0


@dataclass(frozen=True)
class Outlook:
    """Where a piece stands, in steps: the times of now, the last onset, the next bar line and the end; the length of a
    bar; the notes that the bar still needs, and may still have. able: the declared voices that can always play. full:
    those that have as many notes as may sound."""

    now: int
    onset: int
    bar_end: int
    end: int
    bar_steps: int
    missing: int
    allowed: int
    able: tuple[int, ...]
    full: tuple[int, ...]
    has_drums: bool

    @property
    def can_play(self) -> bool:
        """Whether a note may begin now for certain."""
        return self.has_drums or (self.allowed > 0 and not set(self.able) <= set(self.full))

    @property
    def is_last(self) -> bool:
        return self.bar_end == self.end


@dataclass
class MultitrackDensity(ConstraintState):
    """The state of `density` in `multitrack`."""

    vocabulary: Vocabulary
    limits: Limits
    bar: int = 0  # of the last pitched note
    begun: int = 0  # pitched notes in it
    ends: dict[int, dict[int, int]] = field(default_factory=dict)  # time of the end, by voice and pitch

    name, rank = "density", 40

    def fork(self) -> MultitrackDensity:
        return replace(self, ends={voice: dict(ends) for voice, ends in self.ends.items()})

    def advance(self, grammar: MultitrackGrammarState) -> None:  # type: ignore[override]
        reader = grammar.reader
        if grammar.kind not in ("note", "duration") or self.vocabulary.is_drum[reader.voice]:
            return
        if grammar.kind == "note":
            self.begun = self._begun_in(reader.bar) + 1
            self.bar = reader.bar
        sounding = {p: end for p, end in self.ends.get(reader.voice, {}).items() if end > reader.time}
        self.ends[reader.voice] = sounding
        sounding[reader.pitch] = reader.time + int(DURATIONS[reader.duration])

    def _begun_in(self, bar: int) -> int:
        return self.begun if bar == self.bar else 0

    def banned(self, grammar: MultitrackGrammarState, allowed: Mask) -> NDArray[np.int64]:  # type: ignore[override]
        barred = self._short_meters.copy()
        if grammar.stage == len(HEADER) and not grammar.programs:
            self._bar_drums_alone(barred)
        elif grammar.stage == len(HEADER):
            self._bar_in_body(barred, grammar)
        return np.flatnonzero(barred)

    @cached_property
    def _short_meters(self) -> Mask:
        """The meters whose bars have no room for the notes that they need."""
        barred = np.zeros(self.vocabulary.tokens.size, dtype=bool)
        steps = self.vocabulary.bar_steps.tolist()
        barred[self.vocabulary.tokens.slice["meter"]] = [not spacing(self.limits, each) for each in steps]
        return barred

    def _bar_drums_alone(self, barred: Mask) -> None:
        """Where bars need notes, a piece has an instrument besides the drums."""
        tokens = self.vocabulary.tokens
        ids = tokens.slice["instrument"]
        barred[ids] = self.vocabulary.is_drum[tokens.voice[ids]] & (self.limits.fewest > 0)

    def _bar_in_body(self, barred: Mask, grammar: MultitrackGrammarState) -> None:
        tokens, outlook = self.vocabulary.tokens, self._outlook(grammar)
        if grammar.may_set_duration and self._bar_durations(barred, grammar, outlook):
            return
        self._bar_notes(barred, outlook)
        for change in ("meter", "tempo"):  # a note follows
            barred[tokens.slice[change]] |= not outlook.can_play
        last = self._latest_landing(outlook) - outlook.now
        barred[tokens.slice["shift"]] |= last < SHIFTS
        barred[tokens.first["end"]] = outlook.missing > 0

    def _outlook(self, grammar: MultitrackGrammarState) -> Outlook:
        reader, limits = grammar.reader, self.limits
        bar_end, begun = reader.time - reader.position + reader.bar_steps, self._begun_in(reader.bar)
        declared = [voice for voice, _ in grammar.programs]
        drums = any(self.vocabulary.is_drum[voice] for voice in declared)
        able = tuple(voice for voice in declared if voice in limits.able)
        return Outlook(
            now=reader.time,
            onset=max(grammar.onset, 0),
            bar_end=bar_end,
            end=bar_end + grammar.bars_left * reader.bar_steps,
            bar_steps=reader.bar_steps,
            missing=max(0, limits.fewest - begun),
            allowed=max(0, limits.most - begun),
            able=able,
            full=tuple(voice for voice in self.ends if self._is_full(voice, reader.time)),
            has_drums=drums,
        )

    # --- what comes next --------------------------------------------------------------------------------------

    def _due(self, outlook: Outlook) -> int:
        """Return the latest time for the next pitched note that the bars need."""
        space = spacing(self.limits, outlook.bar_steps)
        if outlook.missing:
            return outlook.bar_end - outlook.missing * space
        if self.limits.fewest and not outlook.is_last:
            return outlook.bar_end + outlook.bar_steps - self.limits.fewest * space
        return NO_LIMIT

    def _silence_ends(self, outlook: Outlook) -> int:
        """Return the latest time for the next note that the grammar allows."""
        return min(outlook.onset + MOST_SILENT_BARS * outlook.bar_steps, outlook.end - 1)

    def _free(self, outlook: Outlook, endless: tuple[int, int] | None = None) -> int:
        """Return the earliest time after now at which a pitched note may begin, if note `endless` did not end."""
        times = [self._free_voice(voice, outlook.now, endless) for voice in outlook.able]
        earliest = min(times, default=NO_LIMIT)
        return earliest if outlook.allowed else max(earliest, outlook.bar_end)

    def _free_voice(self, voice: int, now: int, endless: tuple[int, int] | None) -> int:
        ends = self.ends.get(voice, {})
        lasting = [NO_LIMIT if (voice, pitch) == endless else end for pitch, end in ends.items() if end > now]
        most = self.limits.polyphony
        return sorted(lasting)[-most] if len(lasting) >= most else now + 1

    def _is_full(self, voice: int, now: int) -> bool:
        """Return whether a voice has as many notes as may sound."""
        return sum(end > now for end in self.ends[voice].values()) >= self.limits.polyphony

    # --- what is barred ---------------------------------------------------------------------------------------

    def _bar_durations(self, barred: Mask, grammar: MultitrackGrammarState, outlook: Outlook) -> bool:
        """Bar durations that would leave no part free when a note is due, and all other ids if a duration has to come
        since that which the voice remembers is too long; return whether that is so."""
        reader, kinds = grammar.reader, self.vocabulary.tokens.slice
        due = self._due(outlook)
        if not outlook.has_drums and (outlook.missing or not outlook.is_last):
            due = min(due, self._silence_ends(outlook))
        if self._free(outlook, (reader.voice, reader.pitch)) <= due:
            return False
        is_long = due - outlook.now < DURATIONS
        must_change = bool(is_long[reader.duration])
        if must_change:
            barred[:] = True
            barred[kinds["velocity"]] = False
        barred[kinds["duration"]] = is_long
        return must_change

    def _bar_notes(self, barred: Mask, outlook: Outlook) -> None:
        vocabulary = self.vocabulary
        notes = vocabulary.tokens.slice["note"]
        voice = vocabulary.tokens.voice[notes]
        if not outlook.allowed:
            barred[notes] = ~vocabulary.is_drum[voice]
        for full in outlook.full:
            barred[notes] |= voice == full
        if outlook.missing and outlook.now >= self._due(outlook):
            barred[notes] |= vocabulary.is_drum[voice]  # it is the last time for a note that counts

    def _latest_landing(self, outlook: Outlook) -> int:
        """Return the latest time to which a shift may lead; now or earlier if none may come."""
        if not outlook.has_drums and self._free(outlook) > self._silence_ends(outlook):
            return outlook.now
        return self._due(outlook)

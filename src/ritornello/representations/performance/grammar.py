"""The grammar of `performance`: which ids make sense next. It leads every piece to an end without hanging notes.

Why it always ends: at one time a pitch ends at most once and begins at most once, so notes run out; shifts stop
short of the end of the last bar; there, notes can only end, then the piece. And there is always a way on: a note
after a shift, a shift before the limit, the end at it. A bar is 2 seconds (4/4 at 120), or what the tempo
and meter make of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.grammar import ReaderGrammarState
from ritornello.representations.performance.reading import HANGING, Reader
from ritornello.representations.performance.vocabulary import (
    HISTOGRAM_STEPS,
    LEVELS,
    MOST_SHIFT,
    STEPS_PER_QUARTER,
    STEPS_PER_SECOND,
    Vocabulary,
    density_bin,
    share_levels,
)
from ritornello.theory import instrument_range

MOST_SILENCE = 4 * STEPS_PER_SECOND


@dataclass
class PerformanceGrammarState(ReaderGrammarState):
    """A `GrammarState` (see `representations.base`) for `performance`."""

    reader: Reader
    vocabulary: Vocabulary
    kind: str = ""  # of the last id
    value: int = 0
    event: int = 0  # time of the last beginning or end of a note
    stretch: int = -1  # number of the stretch of HISTOGRAM_STEPS before the last shifts
    last_class: int = 12  # of the pitch classes that follow one another; 12: none can follow

    def advance(self, token: int) -> None:
        super().advance(token)
        reader = self.reader
        self.value = value = self.tokens.value[token]
        before = reader.time, reader.sounding.get(value)
        kind = reader.advance(token)
        if kind in ("note_on", "note_off"):
            self.event = reader.time
            self.notes += kind == "note_on" and reader.sounding[value] != before[1]
        elif kind == "time_shift" and self.kind != "time_shift":
            self.stretch = before[0] // HISTOGRAM_STEPS
        self._note_classes(kind)
        self.kind = kind

    def _note_classes(self, kind: str) -> None:
        """Keep track of which pitch classes may be said: in rising order, in a new stretch."""
        if kind in ("start", "time_shift"):
            self.last_class = -1 if self.reader.time // HISTOGRAM_STEPS != self.stretch else 12
        elif kind == "pitch_class":
            self.last_class = self.value // LEVELS
        elif kind != "density":
            self.last_class = 12

    @property
    def quarters(self) -> float:
        return self.reader.time / STEPS_PER_QUARTER

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.reader.time, self.bar_steps)

    @property
    def bar_steps(self) -> int:
        """Steps in a bar."""
        numerator, denominator = self.conditions.meter or (4, 4)
        quarters_per_minute = self.conditions.quarters_per_minute or 120.0
        return max(1, round(60 * STEPS_PER_SECOND / quarters_per_minute * 4 * numerator / denominator))

    @property
    def limit(self) -> int:
        """The last step at which something may happen."""
        return self.bars * self.bar_steps - 1

    def allow(self, mask: Mask) -> None:
        if self._allow_controls(mask):
            return  # the conditions demand one
        if (overdue := self._overdue()) and self.kind != "velocity":
            mask[:] = False
            mask[[self.tokens.first["note_off"] + pitch for pitch in overdue]] = True
        else:
            self._allow_notes(mask)
            if self.kind != "velocity":
                self._allow_ends(mask)
                self._allow_shifts(mask)

    def _overdue(self) -> list[int]:
        """Return the pitches that have sounded as long as they may."""
        reader = self.reader
        return [pitch for pitch, begun in reader.sounding.items() if begun + HANGING <= reader.time]

    def _allow_controls(self, mask: Mask) -> bool:
        """Allow what may be said of the notes to come. Return whether the conditions demand that it is said."""
        blocks, reader = self.tokens, self.reader
        if reader.time >= self.limit:
            return False
        if self.kind in ("start", "time_shift") and self.vocabulary.config.density:
            if self.conditions.density:
                values = self.conditions.density
                at = min(reader.time * len(values) // (self.limit + 1), len(values) - 1)
                wanted = int(density_bin(values[at]))
                mask[blocks.first["density"] + wanted] = reader.density != wanted + 1
            else:
                self._allow_others(mask, "density", reader.density)
        if self.vocabulary.config.pitch_classes:
            self._allow_classes(mask)
        return bool((self.conditions.density or self.conditions.pitch_classes) and mask.any())

    def _allow_others(self, mask: Mask, kind: str, present: int) -> None:
        """Allow all of a kind but the present one, counted from 1."""
        mask[self.tokens.slice[kind]] = True
        if present:
            mask[self.tokens.first[kind] + present - 1] = False

    def _allow_classes(self, mask: Mask) -> None:
        """Allow the pitch classes after the last one, at other levels than theirs; only the planned ones, if any."""
        first, levels = self.tokens.first["pitch_class"], self.reader.levels
        wanted = (
            share_levels(np.array(self.conditions.pitch_classes)) if self.conditions.pitch_classes else None
        )
        for each in range(self.last_class + 1, 12):
            other = np.arange(LEVELS) != levels[each]
            mask[first + each * LEVELS : first + (each + 1) * LEVELS] = (
                other if wanted is None else other & (np.arange(LEVELS) == wanted[each])
            )
            if wanted is not None and levels[each] != wanted[each]:
                break  # one after another

    def _allow_notes(self, mask: Mask) -> None:
        """Allow pitches in the compass that do not sound, after a velocity, and a velocity where a note can follow."""
        blocks, reader = self.tokens, self.reader
        if reader.time >= self.limit and self.notes:
            return
        low, high = instrument_range(self.vocabulary.config.program)
        notes = np.zeros(128, dtype=bool)
        notes[low : high + 1] = True
        notes[list(reader.sounding)] = False
        bins = self.vocabulary.config.velocity_bins
        if reader.velocity or not bins:
            mask[blocks.slice["note_on"]] = notes
        if bins and self.kind != "velocity" and notes.any():
            self._allow_others(mask, "velocity", reader.velocity)

    def _allow_ends(self, mask: Mask) -> None:
        """Allow the notes that began earlier to end; and the piece, in its last bar, once all have."""
        reader, first = self.reader, self.tokens.first
        earlier = [pitch for pitch, begun in reader.sounding.items() if begun < reader.time]
        mask[[first["note_off"] + pitch for pitch in earlier]] = True
        is_last_bar = self.is_free or reader.time >= self.limit + 1 - self.bar_steps
        silent = not reader.sounding or (reader.time >= self.limit and not earlier)
        mask[first["end"]] = bool(self.notes and silent and is_last_bar)

    def _allow_shifts(self, mask: Mask) -> None:
        """Allow shifts up to the limit, a step less before the first note; no long silence, no hanging note."""
        reader = self.reader
        pause = MOST_SILENCE + self.event if not reader.sounding else HANGING + min(reader.sounding.values())
        most = min(self.limit - (not self.notes), pause) - reader.time
        if self.kind == "time_shift" and self.value + 1 < MOST_SHIFT:
            return  # a shorter shift is the last one
        first = self.tokens.first["time_shift"]
        mask[first : first + max(0, min(most, MOST_SHIFT))] = True

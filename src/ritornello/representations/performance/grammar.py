"""The grammar of `performance`: which ids may come next. It leads every piece to an end without hanging notes.

Why it always ends: at one time a pitch ends at most once and begins at most once, so notes run out; shifts stop
short of the end of the last bar; there, notes can only end, then the piece. And there is always a way on: a note
after a shift, a shift before the limit, the end at it. A bar is 2 seconds (4/4 at 120), or as long as tempo and
meter of the conditions make it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.grammar import GrammarState
from ritornello.representations.performance.vocabulary import (
    EVEN,
    HISTOGRAM_STEPS,
    LEVELS,
    MOST_SHIFT,
    STEPS_PER_QUARTER,
    STEPS_PER_SECOND,
    PerformanceConfig,
    density_bin,
    share_levels,
)
from ritornello.theory import instrument_range

HANGING = 5 * STEPS_PER_SECOND
"""The longest note."""

MOST_SILENCE = 4 * STEPS_PER_SECOND


@dataclass
class PerformanceGrammarState(GrammarState):
    """The `GrammarState` of `performance`. Times are in steps of 10 ms.

    An id that makes no sense changes nothing: the end of a note that does not sound or has just begun, a pitch struck
    twice at once.
    """

    config: PerformanceConfig
    kind: str = ""  # of the last id
    value: int = 0
    time: int = 0
    velocity: int = 0  # bin; 0: none yet
    density: int = 0  # bin + 1; 0: none yet
    levels: tuple[int, ...] = (EVEN,) * 12  # of the pitch classes
    sounding: dict[int, int] = field(default_factory=dict)  # onset by pitch
    event: int = 0  # time of the last beginning or end of a note
    stretch: int = -1  # number of the stretch of HISTOGRAM_STEPS before the last shifts
    last_class: int = 12  # of the pitch classes that follow one another; 12: none can follow

    def advance(self, token: int) -> None:
        super().advance(token)
        kind, value = self.tokens.kind[token], self.tokens.value[token]
        if kind == "note_on" and self.sounding.get(value, -1) < self.time:
            self.sounding[value] = self.time
            self.notes += 1
        elif kind == "note_off" and self.sounding.get(value, self.time) < self.time:
            del self.sounding[value]
        elif kind == "velocity":
            self.velocity = value + 1
        elif kind == "density":
            self.density = value + 1
        elif kind == "pitch_class":
            each, level = divmod(value, LEVELS)
            self.levels = (*self.levels[:each], level, *self.levels[each + 1 :])
            self.last_class = each
        elif kind == "time_shift":
            if self.kind != "time_shift":
                self.stretch = self.time // HISTOGRAM_STEPS
            self.time += value + 1
        if kind in ("note_on", "note_off"):
            self.event = self.time
        if kind in ("start", "time_shift"):
            self.last_class = -1 if self.time // HISTOGRAM_STEPS != self.stretch else 12
        elif kind not in ("density", "pitch_class"):
            self.last_class = 12
        self.kind, self.value = kind, value

    @property
    def columns(self) -> tuple[int, ...]:
        density = (self.density,) if self.config.density else ()
        return self.token, *density, *(self.levels if self.config.pitch_classes else ())

    @property
    def quarters(self) -> float:
        return self.time / STEPS_PER_QUARTER

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.time, self.bar_steps)

    @cached_property
    def bar_steps(self) -> int:
        numerator, denominator = self.conditions.meter or (4, 4)
        quarters_per_minute = self.conditions.quarters_per_minute or 120.0
        return max(1, round(60 * STEPS_PER_SECOND / quarters_per_minute * 4 * numerator / denominator))

    @property
    def limit(self) -> int:
        """The last step at which an event may come."""
        return self.bars * self.bar_steps - 1

    def fork(self) -> PerformanceGrammarState:
        return replace(self, sounding=dict(self.sounding))

    def allow(self, mask: Mask) -> None:
        has_controls = self.config.density or self.config.pitch_classes
        if has_controls and self.time < self.limit:
            self._allow_controls(mask)
            if (self.conditions.density or self.conditions.pitch_classes) and mask.any():
                return  # the conditions demand one
        first, now = self.tokens.first, self.time
        oldest = min(self.sounding.values(), default=now)
        if oldest + HANGING <= now and self.kind != "velocity":
            mask[:] = False
            self._allow_ends(mask, now + 1 - HANGING)
            return
        self._allow_notes(mask)
        if self.kind != "velocity":
            self._allow_ends(mask, now)
            is_last_bar = self.is_free or now >= self.limit + 1 - self.bar_steps
            silent = not self.sounding or (now >= self.limit and oldest == now)
            mask[first["end"]] = bool(self.notes and silent and is_last_bar)
            self._allow_shifts(mask, oldest)

    def _allow_ends(self, mask: Mask, before: int) -> None:
        """Allow the ends of the notes that began before a time."""
        first = self.tokens.first["note_off"]
        for pitch, onset in self.sounding.items():
            if onset < before:
                mask[first + pitch] = True

    def _allow_controls(self, mask: Mask) -> None:
        """Allow changes of the controls: those that lead to the values of the conditions, else any."""
        first, conditions = self.tokens.first, self.conditions
        if self.kind in ("start", "time_shift") and self.config.density:
            if values := conditions.density:
                at = min(self.time * len(values) // (self.limit + 1), len(values) - 1)
                target = int(density_bin(values[at]))
                mask[first["density"] + target] = self.density != target + 1
            else:
                self._allow_others(mask, "density", self.density)
        if self.config.pitch_classes:
            targets = share_levels(np.array(conditions.pitch_classes)) if conditions.pitch_classes else None
            for each in range(self.last_class + 1, 12):
                levels = mask[first["pitch_class"] + each * LEVELS :][:LEVELS]
                if targets is None:
                    levels[:] = True
                    levels[self.levels[each]] = False
                elif targets[each] != self.levels[each]:
                    levels[targets[each]] = True
                    break  # one after another

    def _allow_others(self, mask: Mask, kind: str, present: int) -> None:
        """Allow all of a kind but the present one, counted from 1."""
        mask[self.tokens.slice[kind]] = True
        if present:
            mask[self.tokens.first[kind] + present - 1] = False

    def _allow_notes(self, mask: Mask) -> None:
        """Allow pitches in the compass that do not sound, after a velocity, and a velocity where a note can follow."""
        if self.time >= self.limit and self.notes:
            return
        low, high = instrument_range(self.config.program)
        sounding = [pitch for pitch in self.sounding if low <= pitch <= high]
        bins, first = self.config.velocity_bins, self.tokens.first["note_on"]
        if self.velocity or not bins:
            mask[first + low : first + high + 1] = True
            for pitch in sounding:
                mask[first + pitch] = False
        if bins and self.kind != "velocity" and len(sounding) <= high - low:
            self._allow_others(mask, "velocity", self.velocity)

    def _allow_shifts(self, mask: Mask, oldest: int) -> None:
        """Allow shifts up to the limit, a step less before the first note; no long silence, no hanging note.

        oldest: when the first of the notes that sound began.
        """
        pause = HANGING + oldest if self.sounding else MOST_SILENCE + self.event
        most = min(self.limit - (not self.notes), pause) - self.time
        if self.kind == "time_shift" and self.value + 1 < MOST_SHIFT:
            return  # a shorter shift is the last one
        first = self.tokens.first["time_shift"]
        mask[first : first + max(0, min(most, MOST_SHIFT))] = True

"""`pulse`: on by default, drums prefer the pattern of the bar before, and fill before a section of a form.

A network that chooses note by note strays from a pattern; drummers keep to it. A drum that was struck at the same place
of the bar before is more probable, another one less, and so is a shift past the next place at which one was struck. In
the second half of the last bar of a section that does not hold: there snare and toms are more probable.

It needs the ids of `multitrack`; for other representations it does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, Context, Preference, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.stepper import Logits
    from ritornello.representations.multitrack.grammar import MultitrackGrammarState
    from ritornello.representations.multitrack.vocabulary import Vocabulary

STRENGTH = 0.5
"""By how many nats the drums of the bar before are preferred; see docs/experiments.md."""

FILLS = (38, 40, 41, 43, 45, 47, 48, 50)
"""Snare drums and toms of the General MIDI kit."""


class PulseSettings(Settings):
    pulse: bool = Field(
        True, description="let drums keep to the pattern of the bar before, and fill before a section"
    )


class Pulse(Constraint):
    name = "pulse"
    settings = PulseSettings
    is_live = False

    def start(self, context: Context) -> PulseState | None:
        from ritornello.representations.multitrack import Multitrack

        found = context.representation
        if not context.of(PulseSettings).pulse or not isinstance(found, Multitrack):
            return None
        return PulseState(found.vocabulary) if found.vocabulary.is_drum.any() else None


class PulseState(Preference):
    """Prefers the drums of the bar before, at their places."""

    name = "pulse"

    def __init__(self, vocabulary: Vocabulary) -> None:
        import numpy as np

        from ritornello.representations.grids import SHIFTS

        tokens = vocabulary.tokens
        drums = (tokens.notes > 0) & np.isin(tokens.voice, np.flatnonzero(vocabulary.is_drum))
        self._others = -STRENGTH * drums.astype(np.float32)
        self._fill = STRENGTH * (drums & np.isin(tokens.pitch, FILLS)).astype(np.float32)
        self._is_drum, self._shifts = drums, SHIFTS
        self.bar = 0
        self.before: dict[int, tuple[int, ...]] = {}  # the ids struck in the bar before, by position
        self.now: dict[int, tuple[int, ...]] = {}  # in this one

    def advance(self, grammar: MultitrackGrammarState) -> None:  # type: ignore[override]
        bar, position = grammar.place
        if bar != self.bar:
            self.before, self.now, self.bar = self.now if bar == self.bar + 1 else {}, {}, bar
        if self._is_drum[grammar.token]:
            self.now = self.now | {position: (*self.now.get(position, ()), grammar.token)}

    def preferred(  # type: ignore[override]
        self, grammar: MultitrackGrammarState, allowed: Mask, logits: Logits
    ) -> Logits | None:
        bar, position, bar_steps, _ = grammar.bar_position
        fixed = grammar.conditions.fixed_notes
        size = fixed.section_bars if fixed else None
        if size and (bar + 1) % size == 0 and grammar.bars_left and 2 * position >= bar_steps:
            return self._fill
        if not self.before:
            return None
        added = self._others.copy()
        struck = max(self.now.get(position, ()), default=-1)
        missing = [token for token in self.before.get(position, ()) if token > struck]
        added[missing] = 0
        added[missing[:1]] = STRENGTH  # ids ascend at an onset, so the others can still follow
        next_place = min((place for place in self.before if place > position), default=bar_steps)
        added[grammar.tokens.slice["shift"]] = -STRENGTH * (self._shifts > next_place - position)
        return added

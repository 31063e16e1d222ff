"""The grammar of `event_words`: which words may come next, so that no note hangs and every piece ends.

Why it always ends: at one tick, events follow the order of the layout strictly upwards, so they run out; at the
last bar line nothing may begin any more; notes that sound can always be ended, whatever the time; then only the
end is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.event_words.vocabulary import END, FIRST_WORD, Vocabulary
from ritornello.representations.grammar import GrammarState
from ritornello.score import Meter


@dataclass
class EventGrammarState(GrammarState):
    """A `GrammarState`. The present place is that of the last note that began."""

    vocabulary: Vocabulary
    time: int = 0
    last_order: int = -1
    sounding: Mask = field(default_factory=lambda: np.zeros(16 * 128, dtype=bool))  # by channel and pitch
    onset: int = 0

    @property
    def bar_ticks(self) -> int:
        return Meter(0, *self.vocabulary.config.meter).bar_ticks(self.vocabulary.config.ticks_per_quarter)

    def advance(self, token: int) -> None:
        vocabulary = self.vocabulary
        super().advance(token)
        if token < FIRST_WORD:
            return
        self.time += int(vocabulary.delta[token])
        self.last_order = int(vocabulary.order[token])
        if vocabulary.is_on[token]:
            self.onset = self.time
            self.notes += 1
        if vocabulary.is_on[token] or vocabulary.is_off[token]:
            self.sounding[vocabulary.key[token]] = vocabulary.is_on[token]

    @property
    def quarters(self) -> float:
        return self.time / self.vocabulary.config.ticks_per_quarter

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.onset, self.bar_ticks)

    def fork(self) -> EventGrammarState:
        return replace(self, sounding=self.sounding.copy())

    def allow(self, mask: Mask) -> None:
        v, sounds = self.vocabulary, self.sounding[self.vocabulary.key]
        limit = self.bars * self.bar_ticks
        in_order = v.is_word & ((v.delta > 0) | (v.order > self.last_order))
        mask |= in_order & v.is_off & sounds
        ends = not mask.any() and self.notes > 0
        if not self.is_finishing:
            new = np.where(v.is_on, v.closable[v.key] & ~sounds, ~v.is_off)
            mask |= in_order & new & (self.time + v.delta < limit)
            ends &= self.is_free or self.time >= limit - self.bar_ticks
        mask[END] = ends

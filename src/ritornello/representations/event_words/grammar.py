"""The grammar of `event_words`: which words may come next, so that no note hangs and every piece ends.

Why it always ends: at one tick, events follow the order of the layout strictly upwards, so they run out; at the
last bar line nothing may begin any more; notes that sound can always be ended, whatever the time; then only the
end is left.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.event_words.vocabulary import END, FIRST_WORD, Vocabulary
from ritornello.representations.grammar import GrammarState


@dataclass
class EventGrammarState(GrammarState):
    """A `GrammarState`. The present place is that of the last note that began."""

    vocabulary: Vocabulary
    time: int = 0
    last_order: int = -1
    onset: int = 0
    playable: Mask = field(init=False)  # words that suit what sounds: its ends, and beginnings of other notes

    def __post_init__(self) -> None:
        self.playable = self.vocabulary.playable_at_first.copy()

    def advance(self, token: int) -> None:
        vocabulary = self.vocabulary
        super().advance(token)
        if token < FIRST_WORD:
            return
        self.time += int(vocabulary.delta[token])
        self.last_order = int(vocabulary.order[token])
        if is_on := bool(vocabulary.is_on[token]):
            self.onset = self.time
            self.notes += 1
        if is_on or vocabulary.is_off[token]:
            key = int(vocabulary.key[token])
            begins, ends = vocabulary.ids_of_key[key]
            self.playable[begins] = vocabulary.closable[key] and not is_on
            self.playable[ends] = is_on

    @property
    def quarters(self) -> float:
        return self.time / self.vocabulary.config.ticks_per_quarter

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.onset, self.vocabulary.bar_ticks)

    def fork(self) -> EventGrammarState:
        other = copy(self)
        other.playable = self.playable.copy()
        return other

    def allow(self, mask: Mask) -> None:
        v, limit = self.vocabulary, self.bars * self.vocabulary.bar_ticks
        np.greater(v.rank, self.last_order, out=mask)
        mask &= self.playable
        can_end = mask & v.is_off
        ends = self.notes > 0 and not can_end[can_end.argmax()]
        if self.is_finishing:
            mask[:] = can_end
        else:
            if self.time + v.longest >= limit:
                mask &= v.is_off | (self.time + v.delta < limit)
            ends &= self.is_free or self.time >= limit - v.bar_ticks
        mask[END] = ends

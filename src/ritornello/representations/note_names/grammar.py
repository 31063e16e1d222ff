"""The grammar of `note_names`: which ids may come next. It leads every piece to an end.

Why it always ends: at one onset each instrument plays one word, in order; each further onset is later; and none
may lie beyond the last bar. A piece may end by itself in the last quarter of its bars: the words express neither
bars nor how many are left, so the end comes where the network finds one, not on a bar line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.grammar import GrammarState
from ritornello.representations.grids import DURATIONS, SHIFTS, STEPS_PER_QUARTER
from ritornello.representations.note_names.vocabulary import nearest_programs
from ritornello.representations.note_names.words import NoteNamesConfig, Words
from ritornello.representations.tokens import Note

BAR = 4 * STEPS_PER_QUARTER
"""Steps of a bar: bars are counted in 4/4, since words have no meter."""

MAY_END = 0.75
"""From this share of its bars on, a piece may end by itself."""

LONGEST_WAIT = 2 * BAR

STEP = STEPS_PER_QUARTER // 2
"""From one word to the next, where durations are not kept: half a quarter, as in system E."""

FIRST_LENGTH = int(np.searchsorted(DURATIONS, STEPS_PER_QUARTER))
"""The length (number in DURATIONS) that an instrument begins with: a quarter."""


@dataclass
class NoteNamesGrammarState(GrammarState):
    """The `GrammarState` of `note_names`. Times are in steps. It ignores tempo and meter of
    the conditions."""

    config: NoteNamesConfig
    words: Words
    kind: str = ""  # of the last id
    time: int = 0  # of the present onset, or of the one that waits have led to
    onset: int = -1  # of the last word; -1: none yet
    named: int = -1  # the last INSTRUMENT; -1: none yet
    lengths: dict[int, int] = field(default_factory=dict)  # number in DURATIONS, by instrument

    default_bars = 64
    """512 words without durations, about as many as system E generates."""

    def advance(self, token: int) -> None:
        super().advance(token)
        self.kind, value = self.tokens.kind[token], self.tokens.value[token]
        if self.kind == "word":
            if self.onset >= 0 and not self.config.durations:
                self.time += STEP
            self.onset = self.time
            self.notes += len(self.words.pitches[token])
        elif self.kind == "wait":
            self.time += int(SHIFTS[value])
        elif self.kind == "length" and self.onset >= 0:
            self.lengths[self.instrument] = value
        elif self.kind == "instrument":
            self.named = value

    @property
    def instrument(self) -> int:
        """The number of the instrument that plays."""
        return max(self.named, 0)

    @property
    def length(self) -> int:
        """The number in DURATIONS of a word that no LENGTH follows."""
        return self.lengths.get(self.instrument, FIRST_LENGTH)

    @property
    def limit(self) -> int:
        """In steps; no onset is so late."""
        return self.bars * BAR

    @property
    def columns(self) -> tuple[int, ...]:
        timed = (self.time % STEPS_PER_QUARTER, self.length) if self.config.durations else ()
        return self.token, *timed, *((self.named + 1,) if self.config.programs else ())

    @property
    def quarters(self) -> float:
        return self.time / STEPS_PER_QUARTER

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.time, BAR)

    def notes_of(self, token: int) -> tuple[Note, ...]:
        return tuple((self.instrument, pitch) for _, pitch in self.tokens.notes_of(token))

    def fork(self) -> NoteNamesGrammarState:
        return replace(self, lengths=dict(self.lengths))

    def allow(self, mask: Mask) -> None:
        words, end = self.tokens.slice["word"], self.tokens.first["end"]
        if not self.config.durations:
            after = self.time + STEP if self.onset >= 0 else 0
            mask[words] = after < self.limit
            mask[end] = self.onset >= 0 and self._may_end(after)
        elif self.kind == "instrument":
            mask[words] = True
        else:
            self._allow_instruments(mask)
            if self.onset == self.time:
                mask[end] = self._may_end(self.time)
                if self.kind == "word":
                    mask[self.tokens.slice["length"]] = True
                    mask[self.tokens.first["length"] + self.length] = False
            elif self.named >= 0 or not self.config.programs:
                mask[words] = True
            if self.onset >= 0:  # waits stay within the piece and a rest; after a wait, none is longer
                longest = min(self.limit - 1 - self.time, LONGEST_WAIT - (self.time - self.onset))
                count = int(np.searchsorted(SHIFTS, longest, side="right"))
                if self.kind == "wait":
                    count = min(count, self.tokens.value[self.token] + 1)
                mask[self.tokens.first["wait"] :][:count] = True

    def _may_end(self, time: int) -> bool:
        return self.is_finishing or time >= MAY_END * self.limit

    def _allow_instruments(self, mask: Mask) -> None:
        """Allow the instruments of the conditions (default: all) but the present one; at an onset, only later ones."""
        known, after = self.config.programs, self.instrument if self.onset == self.time else -1
        for number in set(nearest_programs(known, self.conditions.instruments or known)) if known else ():
            if number > after and number != self.named:
                mask[self.tokens.first["instrument"] + number] = True

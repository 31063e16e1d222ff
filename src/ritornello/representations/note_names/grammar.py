"""The grammar of `note_names`: which ids make sense next. It leads every piece to an end.

Why it always ends: at one onset each instrument plays one word, in order; each further onset is later; and none
may lie beyond the last bar. A piece may end by itself in the last quarter of the bars that it is given: these
words know neither bars nor how many are left, so the end comes where the network finds one, not on a bar line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.grammar import ReaderGrammarState
from ritornello.representations.grids import SHIFTS, STEPS_PER_QUARTER
from ritornello.representations.note_names.reading import STEP, Reader
from ritornello.representations.note_names.vocabulary import Kind, Vocabulary
from ritornello.representations.tokens import Note

BAR = 4 * STEPS_PER_QUARTER
"""Steps of a bar: bars are counted in 4/4, since words have no meter."""

MAY_END = 0.75
"""From this share of its bars on, a piece may end by itself."""

LONGEST_WAIT = 2 * BAR


@dataclass
class NoteNamesGrammarState(ReaderGrammarState):
    """A `GrammarState` (see `representations.base`) for `note_names`. Tempo and meter of the conditions say nothing
    here."""

    reader: Reader
    vocabulary: Vocabulary
    kind: Kind | None = None  # of the last id

    default_bars = 64
    """512 words without durations, about what system E generates."""

    @property
    def limit(self) -> int:
        """In steps; no onset is so late."""
        return self.bars * BAR

    def advance(self, token: int) -> None:
        super().advance(token)
        self.kind = self.reader.advance(token)
        if self.kind == Kind.WORD:
            self.notes += len(self.vocabulary.words.pitches[token])

    @property
    def quarters(self) -> float:
        return self.reader.time / STEPS_PER_QUARTER

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.reader.time, BAR)

    def notes_of(self, token: int) -> tuple[Note, ...]:
        return tuple((self.reader.instrument, pitch) for _, pitch in self.tokens.notes_of(token))

    def allow(self, mask: Mask) -> None:
        if self.vocabulary.config.durations:
            self._allow_timed(mask)
        else:
            self._allow_word(mask)

    def _allow_word(self, mask: Mask) -> None:
        """Allow what follows where every word stands a STEP after the last."""
        begun = self.reader.onset >= 0
        after = self.reader.time + STEP if begun else 0
        mask[self.vocabulary.block[Kind.WORD]] = after < self.limit
        mask[self.vocabulary.id_of(Kind.END)] = begun and self._may_end(after)

    def _may_end(self, time: int) -> bool:
        return self.is_finishing or time >= MAY_END * self.limit

    def _allow_timed(self, mask: Mask) -> None:
        """Allow what follows where times are kept."""
        reader, vocabulary = self.reader, self.vocabulary
        at_onset = reader.onset == reader.time
        if self.kind == Kind.INSTRUMENT:
            mask[vocabulary.block[Kind.WORD]] = True
            return
        self._allow_instruments(mask, reader.instrument if at_onset else -1)
        if at_onset:
            mask[vocabulary.id_of(Kind.END)] = self._may_end(reader.time)
            if self.kind == Kind.WORD:
                mask[vocabulary.block[Kind.LENGTH]] = True
                mask[vocabulary.id_of(Kind.LENGTH, reader.length)] = False
        elif reader.named >= 0 or not vocabulary.config.programs:
            mask[vocabulary.block[Kind.WORD]] = True
        if reader.onset >= 0:
            self._allow_waits(mask)

    def _allow_waits(self, mask: Mask) -> None:
        """Allow waits that stay within the piece and are not too long; after a wait, none that is longer."""
        reader = self.reader
        longest = min(self.limit - 1 - reader.time, LONGEST_WAIT - (reader.time - reader.onset))
        count = int(np.searchsorted(SHIFTS, longest, side="right"))
        if self.kind == Kind.WAIT:
            count = min(count, int(self.vocabulary.value[reader.token]) + 1)
        first = self.vocabulary.id_of(Kind.WAIT)
        mask[first : first + count] = True

    def _allow_instruments(self, mask: Mask, after: int) -> None:
        """Allow the instruments of the conditions (default: all) but the present one; at an onset, only later ones."""
        planned = self.vocabulary.instruments_of(self.conditions.instruments or self.vocabulary.programs)
        for number in set(planned) if self.vocabulary.config.programs else ():
            if number > after and number != self.reader.named:
                mask[self.vocabulary.id_of(Kind.INSTRUMENT, number)] = True

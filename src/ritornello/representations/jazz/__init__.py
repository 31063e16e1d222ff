"""`jazz`: a solo over given chords, in the tokens of deepjazz (after jazzml) and of the Coursera assignment.

A piece is a header and bars; a bar is its chords and then its melody, in *words* of the source, such as
"C,0.333,<M2,d-4>" (see `vocabulary`). Chords are relative to the key, words to the chord and to the note before.

    START METER KEY TEMPO SOLOIST   (ROOT QUALITY [BASS] [PLACE ROOT QUALITY [BASS] ...] word word ...) ...   END

Words leave the realisation a choice, which the source makes by chance. Here chance is drawn from the ids, and
it is free only where nothing was said: each word after a bar's first is played at the middle of its bracket, the
interval it was heard at, whenever that is a tone of its letter; the first is placed so that this holds for as
many as possible. The chords and the key are in the ids, and the same scale table serves for hearing and playing.
So encode, decode, encode gives the same ids. With the option `faithful` all is as in the source (see `faithful`),
and that law does not hold.

What is lost: timing finer than 1/12 of a quarter, velocity, all but one melody and its chords, the pitch of a
bar's first note (its letter is kept), later meters and tempos.

Read in order: `analysis`, `vocabulary`, `encoding`, `reading`, `decoding`, `grammar`, `faithful`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ritornello.representations.base import PLAIN_SAMPLING, Column, Conditions, Ids
from ritornello.representations.grids import TEMPOS, nearest
from ritornello.representations.jazz import decoding, encoding, vocabulary
from ritornello.representations.jazz.grammar import JazzGrammarState, Rules
from ritornello.representations.jazz.reading import Reader
from ritornello.representations.jazz.vocabulary import (
    STEPS_PER_QUARTER,
    JazzConfig,
    JazzOptions,
    Kind,
    Statistics,
    Vocabulary,
    is_usable_meter,
)
from ritornello.representations.leadsheet import check_leadsheet
from ritornello.representations.tokenizer import BaseTokenizer, checked_options
from ritornello.score import Meter, Score
from ritornello.theory import instrument_name

__all__ = ["Jazz", "JazzConfig"]


class Jazz(BaseTokenizer[JazzConfig]):
    """The representation `jazz`; see `representations.base.Representation`."""

    name = "jazz"
    config_model = JazzConfig
    reference_sampling: ClassVar[Mapping[str, Any]] = {**PLAIN_SAMPLING, "temperature": 0.5}  # deepjazz
    plays_over_chords = True

    def __init__(self, config: JazzConfig) -> None:
        self.vocabulary = Vocabulary(config)
        super().__init__(config, self.vocabulary.tokens)
        self._rules = Rules(self.vocabulary)

    @staticmethod
    def collect_statistics(score: Score) -> Statistics:
        """Return what `fit` needs to know of one piece. CorpusError if it has no melody or no chords."""
        check_leadsheet(score)
        meter = encoding.first_meter(score)
        numerator, denominator = meter if is_usable_meter(*meter) else (4, 4)
        steps = Meter(0, numerator, denominator).bar_ticks(STEPS_PER_QUARTER)
        return Statistics(meter, *(_count_words(score, steps, faithful) for faithful in (False, True)))

    @classmethod
    def fit(
        cls, all_statistics: Iterable[Statistics], options: Mapping[str, Any] = MappingProxyType({})
    ) -> Jazz:
        """Return the representation for a corpus; the options are those of `JazzOptions`."""
        return cls(vocabulary.fit(all_statistics, checked_options(cls.name, JazzOptions, options)))

    @property
    def columns(self) -> tuple[Column, ...]:
        return (
            Column("token", self.vocabulary.size),
            Column("position", self.vocabulary.longest_bar + 1),
            Column("root", 13),
            Column("quality", len(self.vocabulary.config.qualities) + 1),
        )

    def encode(self, score: Score) -> Ids:
        return encoding.encode(self.vocabulary, score)

    def decode(self, ids: Ids) -> Score:
        return decoding.decode(self.vocabulary, ids)

    def grammar(self, conditions: Conditions = Conditions()) -> JazzGrammarState:  # a frozen value
        return JazzGrammarState(
            self.tokens, conditions, Reader(self.vocabulary), self.vocabulary, self._rules
        )

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        """Return the beginning of a piece: the primer in its own key and meter and over its own chords."""
        ids = self.encode(score)[:-1]
        if conditions.quarters_per_minute:
            tempo = int(nearest(TEMPOS, np.array(conditions.quarters_per_minute)))
            ids[self.vocabulary.kind[ids] == Kind.TEMPO] = self.vocabulary.id_of(Kind.TEMPO, tempo)
        return ids

    def summary(self) -> Mapping[str, Any]:
        return {
            "voices": [instrument_name(program) for program in vocabulary.SOLOISTS],
            "meters": ["/".join(map(str, meter)) for meter in self.vocabulary.config.meters],
            "words": len(self.vocabulary.words),
            "vocabulary": self.vocabulary_size,
        }


def _count_words(score: Score, bar_steps: int, faithful: bool) -> tuple[tuple[str, int], ...]:
    bars = encoding.read_bars(score, bar_steps, faithful).bars
    return tuple(sorted(Counter(word.name for bar in bars for word in bar.words).items()))

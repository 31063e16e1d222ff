"""`jazz`: a solo over given chords, in the tokens of deepjazz (after jazzml) and of the Coursera assignment.

A piece is a header and bars; a bar is its chords and then its melody, in *words* of the source, such as
"C,0.333,<M2,d-4>" (see `vocabulary`). Chords are relative to the key, words to the chord and to the note before.

    START METER KEY TEMPO SOLOIST   (ROOT QUALITY [BASS] [PLACE ROOT QUALITY [BASS] ...] word word ...) ...   END

Words leave a choice of pitches, which the source makes at random. Here it is seeded by the ids and narrowed (see
`decoding`), the chords and the key are in the ids, and one scale table serves for encoding and decoding. So encode,
decode, encode gives the same ids. With the option `faithful` all is as in the source (see `faithful`), and that law
does not hold.

Lost: timing finer than 1/12 of a quarter, velocity, all but one melody and its chords, the pitch of a
bar's first note (its letter is kept), later meters and tempos.

Read in order: `analysis`, `vocabulary`, `encoding`, `reading`, `decoding`, `grammar`, `faithful`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar

import numpy as np

from ritornello.errors import ConfigError
from ritornello.leadsheet import check_leadsheet, leadsheet_parts, read_leadsheet
from ritornello.representations.base import PLAIN_SAMPLING, Column, Conditions, Ids
from ritornello.representations.grids import TEMPOS, nearest
from ritornello.representations.jazz import decoding, encoding, vocabulary
from ritornello.representations.jazz.grammar import JazzGrammarState, Rules, planned_chords
from ritornello.representations.jazz.vocabulary import (
    STEPS_PER_QUARTER,
    JazzConfig,
    JazzOptions,
    Statistics,
    Vocabulary,
    is_usable_meter,
)
from ritornello.representations.parts import voices_for
from ritornello.representations.tokenizer import BaseTokenizer
from ritornello.score import Meter, Score
from ritornello.theory import DRUMS, instrument_name

__all__ = ["Jazz", "JazzConfig"]


class Jazz(BaseTokenizer[JazzConfig]):
    """The representation `jazz`; see `representations.base.Representation`."""

    name = "jazz"
    unsupported_settings = ("notes",)  # a chord brings several
    config_model = JazzConfig
    options_model = JazzOptions
    fit_config = staticmethod(vocabulary.fit)
    reference_sampling: ClassVar[Mapping[str, Any]] = {**PLAIN_SAMPLING, "temperature": 0.5}  # deepjazz
    plays_over_chords = True
    plays_in_key = True

    def __init__(self, config: JazzConfig) -> None:
        self.vocabulary = Vocabulary(config)
        super().__init__(config, self.vocabulary.tokens)
        self._rules = Rules(self.vocabulary)
        self.soloist: int | None = None  # the program of the melody, instead of that of its id
        self.accompanist = 0  # the program of the chords

    @staticmethod
    def collect_statistics(score: Score) -> Statistics:
        """Return the statistics of one piece. Raises CorpusError if it has no melody or no chords."""
        check_leadsheet(score)
        meter = encoding.first_meter(score)
        numerator, denominator = meter if is_usable_meter(*meter) else (4, 4)
        steps = Meter(0, numerator, denominator).bar_ticks(STEPS_PER_QUARTER)
        counts = []
        for faithful in (False, True):
            bars = encoding.read_bars(score, steps, faithful).bars
            names = Counter(word.name for bar in bars for word in bar.words)
            counts.append(tuple(sorted(names.items())))
        return Statistics(meter, *counts)

    @property
    def columns(self) -> tuple[Column, ...]:
        quality = self.tokens.first["quality"] - 1  # 0: none
        return (
            Column("token", self.vocabulary_size),
            Column("position", self.vocabulary.longest_bar + 1),
            Column("root", 13),
            Column("quality", len(self.vocabulary.config.qualities) + 1, first_token=quality),
        )

    def encode(self, score: Score) -> Ids:
        return encoding.encode(self.vocabulary, score)

    def decode(self, ids: Ids) -> Score:
        ids = self.known_ids(ids)
        return decoding.decode(self.vocabulary, ids, self.soloist, self.accompanist)

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Jazz:
        """Return it with the soloist of `conditions` or `primer`, and the instrument that plays the chords, if there is
        one. ConfigError for more, for drums, and for a soloist of a family that has none."""
        asked, other = conditions.instruments or (), copy(self)
        if len(asked) > 2 or DRUMS in asked:
            names = ", ".join(map(instrument_name, asked))
            raise ConfigError(
                f"instruments {names}: a model of jazz has a soloist and one instrument for the chords, and no drums"
            )
        if asked:
            voices_for([(program,) for program in vocabulary.SOLOISTS], asked[:1])
            other.soloist = asked[0]
        elif primer is not None:
            other.soloist = read_leadsheet(primer, self.settings.melody).program
        other.accompanist = asked[1] if len(asked) == 2 else self.accompanist
        return other

    @property
    def meters(self) -> tuple[tuple[int, int], ...]:
        return self.vocabulary.config.meters

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        return leadsheet_parts(score, self.settings.melody)

    def grammar(self, conditions: Conditions = Conditions()) -> JazzGrammarState:  # a frozen value
        chords = planned_chords(conditions)
        return JazzGrammarState(self.tokens, conditions, self.vocabulary, rules=self._rules, chords=chords)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        """Return the beginning of a piece: the primer in its own key and meter and over its own chords."""
        ids = self.encode(score)[:-1]
        if conditions.quarters_per_minute:
            tempo = int(nearest(TEMPOS, np.array(conditions.quarters_per_minute)))
            ids[self.tokens.is_kind(ids, "tempo")] = self.tokens.first["tempo"] + tempo
        return ids

    def summary(self) -> Mapping[str, Any]:
        return {
            "voices": [instrument_name(program) for program in vocabulary.SOLOISTS],
            "meters": ["/".join(map(str, meter)) for meter in self.vocabulary.config.meters],
            "words": len(self.vocabulary.words),
            "vocabulary": self.vocabulary_size,
        }

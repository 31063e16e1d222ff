"""`multitrack`, the default representation: polyphony, many instruments and drums, in few tokens.

A piece is a header and a body. The header tells its length in bars, meter, tempo and instruments. The body
goes from onset to onset: shift, then the notes, each a token for voice and pitch together, followed by its
velocity and its duration only where they change within the voice. What the tokens say only indirectly, the
place in the bar and the bars left, the network sees as further input columns; and of the past, what came some bars
ago at this place (`lags`), and what followed the latest earlier occurrence of the last ids (`repeats`).

    START  LENGTH_HIGH LENGTH_LOW  METER TEMPO  INSTRUMENT ...   (SHIFT ... [METER] [TEMPO]
           (NOTE [VELOCITY] [DURATION]) ...) ...   END

Why so: a recurrent network pays for each step; `docs/experiments.md` has the measurements. What is lost:
timing finer than 1/24 of a quarter, velocity finer than 8, controllers and pitch bends, the lengths of drum
notes, tempo changes within a bar.

Read in order: `vocabulary`, `encoding`, `reading`, `decoding`, `grammar`, `given`, `given_grammar`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.grids import TEMPOS, nearest
from ritornello.representations.multitrack import decoding, encoding, reading, vocabulary
from ritornello.representations.multitrack.given import make_table
from ritornello.representations.multitrack.given_grammar import GivenGrammarState
from ritornello.representations.multitrack.grammar import MultitrackGrammarState, planned_instruments
from ritornello.representations.multitrack.vocabulary import (
    DRUM_FAMILY,
    LENGTH_LIMIT,
    Kind,
    MultitrackConfig,
    MultitrackOptions,
    Statistics,
    Vocabulary,
)
from ritornello.representations.tokenizer import BaseTokenizer, checked_options
from ritornello.representations.tokens import InstrumentRange
from ritornello.score import Score
from ritornello.theory import instrument_name

__all__ = ["Multitrack", "MultitrackConfig"]


class Multitrack(BaseTokenizer[MultitrackConfig]):
    """The representation `multitrack`; see `representations.base.Representation`."""

    name = "multitrack"
    tells_notes_in_order = True
    keeps_given = True
    config_model = MultitrackConfig

    def __init__(self, config: MultitrackConfig) -> None:
        self.vocabulary = Vocabulary(config)
        super().__init__(config, self.vocabulary.tokens)

    @staticmethod
    def collect_statistics(score: Score) -> Statistics:
        """Return what `fit` needs to know of one piece."""
        return vocabulary.collect_statistics(score)

    @classmethod
    def fit(
        cls, all_statistics: Iterable[Statistics], options: Mapping[str, Any] = MappingProxyType({})
    ) -> Multitrack:
        """Return the representation for a corpus, with `options`, the fields of MultitrackOptions."""
        shown = checked_options(cls.name, MultitrackOptions, options)
        return cls(vocabulary.fit(all_statistics).model_copy(update=shown.model_dump()))

    @property
    def columns(self) -> tuple[Column, ...]:
        return reading.columns_of(self.vocabulary)

    def instrument_ranges(self, programs: Sequence[int] | None = None) -> tuple[InstrumentRange, ...]:
        ranges = {each.token: each for each in super().instrument_ranges()}
        wanted = ranges if programs is None else planned_instruments(self.vocabulary, programs)
        return tuple(ranges[token] for token in wanted if token in ranges)

    def encode(self, score: Score) -> Ids:
        return encoding.encode(self.vocabulary, score)

    def decode(self, ids: Ids) -> Score:
        return decoding.decode(self.vocabulary, ids)

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        columns = reading.Reader(self.vocabulary).at_once(np.asarray(ids))
        return np.ascontiguousarray(columns.T, dtype=np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> MultitrackGrammarState:  # a frozen value
        reader = reading.Reader(self.vocabulary)
        if conditions.given is None:
            return MultitrackGrammarState(self.tokens, conditions, reader, self.vocabulary)
        table, conditions = make_table(self.vocabulary, conditions)
        return GivenGrammarState(self.tokens, conditions, reader, self.vocabulary, table=table)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        """Return the beginning of a piece of `conditions.bars` bars in all (default: twice the primer's, at least 8).

        The meter is the primer's; the instruments are the primer's and, after them, those of the conditions that it
        has not.
        """
        ids = self.encode(score)[:-1]
        kinds = self.vocabulary.kind[ids]
        header_end = _header_length(kinds)
        header, body = ids[:header_end].tolist(), ids[header_end:]
        bars = self._announced(header)
        length = min(max(conditions.bars or max(2 * bars, 8), bars), LENGTH_LIMIT)
        header[1] = self.vocabulary.id_of(Kind.LENGTH_HIGH, length >> 4)
        header[2] = self.vocabulary.id_of(Kind.LENGTH_LOW, length & 15)
        if conditions.quarters_per_minute:
            tempo = int(nearest(TEMPOS, np.array(conditions.quarters_per_minute)))
            header[4] = self.vocabulary.id_of(Kind.TEMPO, tempo)
        voices = self.vocabulary.voice
        have = {int(voices[token]) for token in header[5:]}
        more = planned_instruments(self.vocabulary, conditions.instruments or ())
        instruments = sorted([*header[5:], *(token for token in more if int(voices[token]) not in have)])
        return np.array([*header[:5], *instruments, *body], dtype=np.int32)

    def substitutions(self, score: Score) -> tuple[str, ...]:
        """Return a line for each part of `score` that another instrument plays, or that is moved by octaves."""
        return encoding.substitutions(self.vocabulary, score)

    def _announced(self, header: list[int]) -> int:
        value = self.vocabulary.value
        return int(value[header[1]]) * 16 + int(value[header[2]])

    def summary(self) -> Mapping[str, Any]:
        voices = self.vocabulary.config.voices
        return {
            "voices": [
                f"{instrument_name(voice.programs[0], voice.family == DRUM_FAMILY)} {voice.number + 1}"
                for voice in voices
            ],
            "meters": ["/".join(map(str, meter)) for meter in self.vocabulary.config.meters],
            "vocabulary": self.vocabulary_size,
        }


def _header_length(kinds: NDArray[np.int64]) -> int:
    """Return how many ids the header of an encoded piece has: START to the last INSTRUMENT."""
    return 5 + int(np.argmin(np.append(kinds[5:] == Kind.INSTRUMENT, False)))

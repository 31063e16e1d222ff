"""`performance`, the events of expressive playing: notes on and off, time in real 10 ms, loudness.

Source: "magenta performance_rnn". One stream for all instruments but drums; the sustain pedal is part of the
lengths. There is no meter and no tempo; where bars are asked for, a bar is 2 seconds. The options: how many steps
of loudness there are, and what the network is told of the notes to come (and can be asked for): how many a
second, and which pitch classes. See `vocabulary` for the ids.

    START (TIME_SHIFT ... [DENSITY] [PITCH_CLASS ...] (NOTE_OFF | [VELOCITY] NOTE_ON) ...) ... END

Lost: what is finer than 10 ms, silences beyond 10 seconds, two parts on one key at once.

Read in order: `vocabulary`, `encoding`, `reading`, `grammar`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.performance import encoding, reading, vocabulary
from ritornello.representations.performance.grammar import PerformanceGrammarState
from ritornello.representations.performance.vocabulary import PerformanceConfig, Vocabulary
from ritornello.representations.tokenizer import FixedTokenizer
from ritornello.representations.tokens import Tokens
from ritornello.score import Score

__all__ = ["Performance", "PerformanceConfig"]


class Performance(FixedTokenizer[PerformanceConfig]):
    """The representation `performance`; see `representations.base.Representation`."""

    name = "performance"
    config_model = PerformanceConfig

    def __init__(self, config: PerformanceConfig) -> None:
        super().__init__(config)
        self.vocabulary = Vocabulary(config, self.blocks)

    @staticmethod
    def make_tokens(config: PerformanceConfig) -> Tokens:
        return vocabulary.make_tokens(config)

    @property
    def columns(self) -> tuple[Column, ...]:
        return reading.columns_of(self.vocabulary)

    def encode(self, score: Score) -> Ids:
        return encoding.encode(self.vocabulary, score)

    def decode(self, ids: Ids) -> Score:
        return reading.decode(self.vocabulary, ids)

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        columns = reading.Reader(self.vocabulary).at_once(np.asarray(ids, dtype=np.int64))
        return np.ascontiguousarray(columns.T, dtype=np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> PerformanceGrammarState:  # a frozen value
        return PerformanceGrammarState(
            self.tokens, conditions, reading.Reader(self.vocabulary), self.vocabulary
        )

"""`event_words`: a piece as the words of its MIDI events, as systems A and B have it.

A word is a delta, a status and the data bytes (see `formats.event_words`); the vocabulary is the distinct words of
the corpus: a product of time, pitch and loudness, sparse, and simple. All tracks are laid into one stream, or one
track is taken. A piece is START, its words, END; the network sees the ids and nothing else.

What is lost: tempo and meter, of which the corpus' commonest are kept; texts; simultaneous events are put in order.

Read in order: `layout`, `vocabulary`, `encoding`, `grammar`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ritornello.representations.base import PLAIN_SAMPLING, Conditions, Ids
from ritornello.representations.event_words import encoding, vocabulary
from ritornello.representations.event_words.grammar import EventGrammarState
from ritornello.representations.event_words.layout import Sheet, lay_out
from ritornello.representations.event_words.vocabulary import (
    FIRST_WORD,
    EventWordsConfig,
    EventWordsOptions,
    Vocabulary,
)
from ritornello.representations.tokenizer import BaseTokenizer, checked_options
from ritornello.score import Meter, Score, Tempo

__all__ = ["EventWords", "EventWordsConfig"]


class EventWords(BaseTokenizer[EventWordsConfig]):
    """The representation `event_words`; see `representations.base.Representation`."""

    name = "event_words"
    config_model = EventWordsConfig
    reference_sampling = PLAIN_SAMPLING  # what the source does is not stated
    unsupported_settings = ("tempo", "meter", "instruments", "seconds")

    def __init__(self, config: EventWordsConfig) -> None:
        self.vocabulary = Vocabulary(config)
        super().__init__(config, self.vocabulary.tokens)

    @staticmethod
    def collect_statistics(score: Score) -> Score:
        """Return what `fit` needs to know of one piece."""
        return vocabulary.collect_statistics(score)

    @classmethod
    def fit(
        cls, all_statistics: Iterable[Score], options: Mapping[str, Any] = MappingProxyType({})
    ) -> EventWords:
        """Return the representation for a corpus; `options` are the fields of `EventWordsOptions`."""
        return cls(vocabulary.fit(all_statistics, checked_options(cls.name, EventWordsOptions, options)))

    def encode(self, score: Score) -> Ids:
        return np.array(self._encoding(score).ids, dtype=np.int32)

    def substitutions(self, score: Score) -> tuple[str, ...]:
        """Return what of a score is unknown and what stands for it, in words; nothing if all is known."""
        counts = Counter(self._encoding(score).mapped)
        return tuple(
            f"{wanted} is not in the vocabulary: {f'{taken} stands for it' if taken else 'left out'}"
            for wanted, taken in counts
        )

    def _encoding(self, score: Score) -> encoding.Encoding:
        config = self.vocabulary.config
        score = score.resampled(config.ticks_per_quarter)
        return encoding.encode(self.vocabulary, lay_out(score, config.keep, config.track))

    def decode(self, ids: Ids) -> Score:
        words, config, sheet, now = self.vocabulary, self.vocabulary.config, Sheet(), 0
        for token in np.asarray(ids).tolist():
            if FIRST_WORD <= token < words.size:
                event = words.events[token - FIRST_WORD]
                now += event.delta
                sheet.add(now, event.status, event.first, event.second or 0)
        tempo = Tempo(0, config.microseconds_per_quarter)
        return sheet.score(now, config.ticks_per_quarter, tempo, Meter(0, *config.meter))

    def grammar(self, conditions: Conditions = Conditions()) -> EventGrammarState:  # a frozen value
        return EventGrammarState(self.tokens, conditions, self.vocabulary)

    def summary(self) -> Mapping[str, Any]:
        config = self.vocabulary.config
        return {
            "vocabulary": self.vocabulary_size,
            "events": config.keep,
            "tracks": config.track or "all",
            "ticks_per_quarter": config.ticks_per_quarter,
            "meter": "/".join(map(str, config.meter)),
        }

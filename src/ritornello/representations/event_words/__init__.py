"""`event_words`: a piece as the words of its MIDI events, as systems A and B have it.

A word is a delta, a status and the data bytes (see `formats.event_words`); the vocabulary is the distinct words of
the corpus: a sparse product of time, pitch and velocity. All tracks are merged into one stream, or one track is taken.
A piece is START, its words, END; the ids are the only input column.

Lost: tempo and meter (the commonest of the corpus stand for them); texts; the order of simultaneous events.

Read in order: `layout`, `vocabulary`, `encoding`, `grammar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ritornello.representations.base import PLAIN_SAMPLING, Conditions, Ids
from ritornello.representations.event_words import vocabulary
from ritornello.representations.event_words.encoding import Encoder
from ritornello.representations.event_words.grammar import EventGrammarState
from ritornello.representations.event_words.layout import NO_SECOND, Sheet, channels_of, lay_out, taken
from ritornello.representations.event_words.vocabulary import (
    FIRST_WORD,
    EventWordsConfig,
    EventWordsOptions,
    Vocabulary,
)
from ritornello.representations.tokenizer import BaseTokenizer
from ritornello.score import Meter, Score, Tempo

__all__ = ["EventWords", "EventWordsConfig"]


class EventWords(BaseTokenizer[EventWordsConfig]):
    """The representation `event_words`; see `representations.base.Representation`."""

    name = "event_words"
    config_model = EventWordsConfig
    options_model = EventWordsOptions
    collect_statistics = staticmethod(vocabulary.collect_statistics)
    fit_config = staticmethod(vocabulary.fit)
    reference_sampling = PLAIN_SAMPLING  # that of the source is not stated
    unsupported_settings = ("instruments", "seconds")

    def __init__(self, config: EventWordsConfig) -> None:
        self.vocabulary = Vocabulary(config)
        super().__init__(config, self.vocabulary.tokens)

    @property
    def meters(self) -> tuple[tuple[int, int], ...]:
        return (self.settings.meter,)

    def encode(self, score: Score) -> Ids:
        return np.array([self.start_id, *self._encoder_of(score).ids, self.end_id], dtype=np.int32)

    def substitutions(self, score: Score) -> tuple[str, ...]:
        return tuple(
            f"{wanted} is not in the vocabulary: {f'{taken} stands for it' if taken else 'left out'}"
            for wanted, taken in dict.fromkeys(self._encoder_of(score).substituted)
        )

    def _encoder_of(self, score: Score) -> Encoder:
        config, encoder = self.settings, Encoder(self.vocabulary)
        stream = lay_out(score.resampled(config.ticks_per_quarter), config.keep, config.track)
        for tick, status, first, second in zip(*(column.tolist() for column in stream), strict=True):
            encoder.add(tick, status, first, None if second == NO_SECOND else second)
        return encoder

    def decode(self, ids: Ids) -> Score:
        config, sheet, now = self.settings, Sheet(), 0
        for token in self.known_ids(ids).tolist():
            if token >= FIRST_WORD:
                event = self.vocabulary.events[token - FIRST_WORD]
                now += event.delta
                sheet.add(now, event.status, event.first, event.second or 0)
        tempo = Tempo(0, config.microseconds_per_quarter)
        return sheet.score(now, config.ticks_per_quarter, tempo, Meter(0, *config.meter))

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        """Return the part of each track: its channel."""
        tracks = taken(score.tracks, self.settings.track)
        channels = dict(zip(map(id, tracks), channels_of(tracks), strict=True))
        return tuple(channels.get(id(track)) for track in score.tracks)

    def parts(self, ids: Ids) -> tuple[int, ...]:
        return tuple(channels_of(self.decode(ids).tracks))

    def grammar(self, conditions: Conditions = Conditions()) -> EventGrammarState:  # a frozen value
        return EventGrammarState(self.tokens, conditions, self.vocabulary)

    def summary(self) -> Mapping[str, Any]:
        config = self.settings
        return {
            "vocabulary": self.vocabulary_size,
            "events": config.keep,
            "tracks": config.track or "all",
            "ticks_per_quarter": config.ticks_per_quarter,
            "meter": "/".join(map(str, config.meter)),
        }

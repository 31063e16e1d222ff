"""Stream of events -> ids, by known words only.

An event whose word is unknown goes to the nearest that keeps the order of the layout. Timing that this shifts a
little is made up for by the next event for which there is a word that does; a pause that is much too long for any
word is shortened for good. A note is left out if it could not be begun, or not be ended for certain. So what comes
out is a stream in the order of the layout, made of known words: encoded again, it stays as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ritornello.formats.event_words import Event, spell
from ritornello.formats.messages import NOTE_OFF, NOTE_ON
from ritornello.representations.event_words.layout import NO_SECOND, Stream
from ritornello.representations.event_words.vocabulary import END, FIRST_WORD, START, Vocabulary

DRIFT = 0.125
"""In quarter notes: a shift in time above this stays, one below is made up for."""


class Encoding(NamedTuple):
    """The ids of a piece, and what was mapped: (the word wanted, the word taken or None)."""

    ids: list[int]
    mapped: list[tuple[str, str | None]]


def encode(vocabulary: Vocabulary, stream: Stream) -> Encoding:
    """Return the ids of a stream on the grid of the vocabulary."""
    encoder = _Encoder(vocabulary)
    for tick, status, first, second in zip(*(column.tolist() for column in stream), strict=True):
        encoder.add(tick, status, first, None if second == NO_SECOND else second)
    return Encoding([START, *encoder.ids, END], encoder.mapped)


class _Encoder:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.ids: list[int] = []
        self.mapped: list[tuple[str, str | None]] = []
        self.now = self.shift = self.last_tick = 0
        self.last_order = -1
        self.sounding = np.zeros(16 * 128, dtype=bool)
        self.drift = DRIFT * vocabulary.config.ticks_per_quarter

    def add(self, tick: int, status: int, first: int, second: int | None) -> None:
        kind, key = status & 0xF0, (status & 15) * 128 + first
        if kind == NOTE_OFF and not self.sounding[key]:
            return  # its note was left out
        wanted = Event(tick - self.last_tick, status, first, second)
        token = self._find(wanted, max(0, tick - self.shift - self.now))
        if kind == NOTE_ON and not self.vocabulary.closable[key]:
            token = None
        if token is None:
            self.mapped.append((self._spelled(wanted), None))
            return
        if self.vocabulary.events[token - FIRST_WORD] != wanted:
            self.mapped.append((self._spelled(wanted), self.vocabulary.word(token)))
        self._take(token, tick)
        if kind in (NOTE_ON, NOTE_OFF):
            self.sounding[key] = kind == NOTE_ON

    def _find(self, wanted: Event, delta: int) -> int | None:
        """Return the word to take: one that makes up for the shift so far (by `delta`), the one wanted, the nearest."""
        punctual = wanted._replace(delta=delta)
        for event in (punctual, wanted):
            token = self.vocabulary.ids.get(event)
            if token is not None and (event.delta or self.vocabulary.order[token] > self.last_order):
                return token
        return self.vocabulary.nearest(punctual, self.last_order)

    def _take(self, token: int, tick: int) -> None:
        self.ids.append(token)
        self.now += int(self.vocabulary.delta[token])
        self.last_tick = tick
        error = tick - self.shift - self.now
        if abs(error) > self.drift:
            self.shift += error
        self.last_order = int(self.vocabulary.order[token])

    def _spelled(self, event: Event) -> str:
        return spell(event, self.vocabulary.config.spelling)

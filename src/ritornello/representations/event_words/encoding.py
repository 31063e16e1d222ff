"""Stream of events -> ids.

An event whose word is unknown goes to the nearest that keeps the order of the layout. The next event with a suitable
word makes up for the small shift in time that results; a pause that is much too long for any word is shortened for
good. A note is left out if no word begins it, or none is certain to end it. So the result is a stream of known words in
the order of the layout: encoded again, it stays as it is.
"""

from __future__ import annotations

import numpy as np

from ritornello.formats.event_words import Event, spell
from ritornello.formats.messages import NOTE_OFF, NOTE_ON
from ritornello.representations.event_words.vocabulary import FIRST_WORD, Vocabulary

DRIFT = 0.125
"""In quarter notes: a shift in time above this stays, one below is made up for."""


class Encoder:
    """Encodes the events of a stream on the grid of the vocabulary: `ids` without START and END.

    substituted: (word, the word that stands for it or None), for each that is unknown.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.ids: list[int] = []
        self.substituted: list[tuple[str, str | None]] = []
        self.now = self.shift = self.last_tick = 0
        self.last_order = -1
        self.sounding = np.zeros(16 * 128, dtype=bool)
        self.drift = DRIFT * vocabulary.config.ticks_per_quarter

    def add(self, tick: int, status: int, first: int, second: int | None) -> None:
        """Encode the next event."""
        kind, key, vocabulary = status & 0xF0, (status & 15) * 128 + first, self.vocabulary
        if kind == NOTE_OFF and not self.sounding[key]:
            return  # its note was left out
        wanted = Event(tick - self.last_tick, status, first, second)
        token = self._find(wanted, max(0, tick - self.shift - self.now))
        spelled = spell(wanted, vocabulary.config.spelling)
        if token is None or (kind == NOTE_ON and not vocabulary.closable[key]):
            self.substituted.append((spelled, None))
            return
        if vocabulary.events[token - FIRST_WORD] != wanted:
            self.substituted.append((spelled, vocabulary.tokens.name(token)))
        self.ids.append(token)
        self.now += int(vocabulary.delta[token])
        self.last_tick = tick
        error = tick - self.shift - self.now
        if abs(error) > self.drift:
            self.shift += error
        self.last_order = int(vocabulary.order[token])
        if kind in (NOTE_ON, NOTE_OFF):
            self.sounding[key] = kind == NOTE_ON

    def _find(self, wanted: Event, delta: int) -> int | None:
        """Return the word with `delta`, which makes up for the shift so far, else the one wanted, else the nearest."""
        punctual = wanted._replace(delta=delta)
        for event in (punctual, wanted):
            token = self.vocabulary.ids.get(event)
            if token is not None and (event.delta or self.vocabulary.order[token] > self.last_order):
                return token
        return self.vocabulary.nearest(punctual, self.last_order)

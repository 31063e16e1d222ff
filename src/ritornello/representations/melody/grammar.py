"""The place in a melody while it is written or read, and its grammar: which labels make sense next.

A piece has the length asked for: before it is reached any event may come (no note-off in silence, and at least
one note in all), after it only the end. Magenta's models know no end either; they are given a number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.melody.encodings import BAR, Encoding, Past
from ritornello.representations.melody.extraction import NO_EVENT, NOTE_OFF
from ritornello.representations.tokenizer import BaseGrammarState
from ritornello.representations.tokens import Note

DEFAULT_BARS = 32
"""The length where nobody asks for one."""


@dataclass
class MelodyGrammarState(BaseGrammarState):
    """A `GrammarState` (see `representations.base`). Its place is where the last note began or ended.

    While a note is held the place stays: so a hold goes on with the note, and is no new thing at a new place.
    """

    encoding: Encoding
    steps_per_quarter: int
    past: Past
    length: int = DEFAULT_BARS * BAR  # steps
    token: int = -1
    at: int = 0  # step of the last event other than NO_EVENT
    closing: bool = False
    ended: bool = False

    def advance(self, token: int) -> None:
        self.last_notes = self.notes_of(token)
        self.token = token
        if not 0 <= token < self.encoding.labels:
            self.ended |= token == self.encoding.labels + 1
            return
        event = self.encoding.event(token, self.past)
        if event != NO_EVENT:
            self.at = len(self.past.events)
        self.past.advance(event)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.token, *self.encoding.row(self.past))

    @property
    def notes(self) -> int:
        return self.past.notes

    @property
    def quarters(self) -> float:
        return len(self.past.events) / self.steps_per_quarter

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.at, BAR)

    def notes_of(self, token: int) -> tuple[Note, ...]:
        """Return the note that begins: one that a label names, or that "as a bar ago" repeats."""
        if self.tokens.kind[token] == "repeat":
            token = self.encoding.class_of(self.encoding.event(token, self.past))
        return self.tokens.notes_of(token)

    def finish_bar(self) -> None:
        time = len(self.past.events)
        self.length, self.closing = min(self.length, -(-time // BAR) * BAR), True

    def fork(self) -> MelodyGrammarState:
        return replace(self, past=self.past.fork())

    def allowed_mask(self) -> NDArray[np.bool_]:
        """Return the mask over labels, start and end."""
        encoding, time = self.encoding, len(self.past.events)
        mask = np.zeros(encoding.labels + 2, dtype=bool)
        if self.token < 0:
            mask[-2] = True
        elif time >= self.length and self.past.notes:
            mask[-1] = True
        elif self.closing:
            mask[[encoding.class_of(NO_EVENT), -1]] = True
        elif time >= self.length - 1 and not self.past.notes:
            mask[[encoding.class_of(pitch) for pitch in range(encoding.low, encoding.high)]] = True
        else:
            mask[:-2] = True
            mask[encoding.class_of(NOTE_OFF)] = self.past.sounding is not None
        return mask

"""The grammar of `melody`: which labels may come next.

A piece has the length of the conditions: before it is reached any event may come (no note-off in silence, and at least
one note in all), after it only the end. Magenta's models have no end either; they are given a number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ritornello.arrays import Mask
from ritornello.representations.grammar import GrammarState
from ritornello.representations.melody.encodings import BAR, Encoding, Past
from ritornello.representations.melody.extraction import NO_EVENT, NOTE_OFF
from ritornello.representations.tokens import Note


@dataclass
class MelodyGrammarState(GrammarState):
    """A `GrammarState`. Its place is that of the last event but NO_EVENT: while a note is
    held, it stays that of the note."""

    encoding: Encoding
    steps_per_quarter: int
    past: Past = field(default_factory=Past)
    at: int = 0  # step of the last event other than NO_EVENT

    def advance(self, token: int) -> None:
        super().advance(token)
        if not 0 <= token < self.encoding.labels:
            return
        event = self.encoding.event(token, self.past)
        if event != NO_EVENT:
            self.at = len(self.past.events)
            self.notes += event != NOTE_OFF
        self.past.advance(event)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.token, *self.encoding.row(self.past))

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
        self.last_bars = min(self.bars, -(-len(self.past.events) // BAR))

    def fork(self) -> MelodyGrammarState:
        return replace(self, past=self.past.fork())

    def allow(self, mask: Mask) -> None:
        encoding, left = self.encoding, self.bars * BAR - len(self.past.events)  # steps
        if left <= 0 and self.notes:
            mask[-1] = True
        elif self.is_finishing:
            mask[[encoding.class_of(NO_EVENT), -1]] = True
        elif left <= 1 and not self.notes:
            mask[[encoding.class_of(pitch) for pitch in range(encoding.low, encoding.high)]] = True
        else:
            mask[:-2] = True
            mask[encoding.class_of(NOTE_OFF)] = self.past.sounding is not None

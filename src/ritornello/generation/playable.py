"""Constraints of what can be played or sung: `register`, the compass of all parts, and `Grip`, what one part begins at
once. Drums are free of both."""

from __future__ import annotations

from dataclasses import dataclass, field

from ritornello.generation.constraints import Never
from ritornello.generation.notes import Notes, within
from ritornello.representations.base import GrammarState


def register(notes: Notes, lowest: int, highest: int) -> list[Never]:
    """Return the constraints that forbid pitches below `lowest` and above `highest`."""
    return [
        Never("lowest", notes.outside(within(lowest=lowest))),
        Never("highest", notes.outside(within(highest=highest))),
    ]


@dataclass
class Grip:
    """Forbids a part to begin more than `most` notes at once, or notes more than `span` semitones apart."""

    notes: Notes
    most: int
    span: int
    wish: str = "chord_size, span"
    onset: float = -1.0
    struck: dict[int, list[int]] = field(default_factory=dict)  # pitches of each voice at the onset
    _now: float = 0.0

    def __deepcopy__(self, memo: object) -> Grip:
        struck = {voice: list(pitches) for voice, pitches in self.struck.items()}
        return Grip(self.notes, self.most, self.span, self.wish, self.onset, struck, self._now)

    def observe(self, grammar: GrammarState) -> None:
        for voice, pitch in grammar.last_notes:
            if self._now != self.onset:
                self.onset, self.struck = self._now, {}
            self.struck.setdefault(voice, []).append(pitch)
        self._now = grammar.quarters

    def forbidden(self, grammar: GrammarState) -> list[int]:
        found: list[int] = []
        for voice, pitches in self.struck.items() if grammar.quarters == self.onset else ():
            is_full = len(pitches) >= self.most
            low, high = (128, -1) if is_full else (max(pitches) - self.span, min(pitches) + self.span)
            found += self.notes.outside_grip(voice, low, high)
        return found

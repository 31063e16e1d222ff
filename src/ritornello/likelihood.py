"""The likelihood of music under a model: sums over scored ids, and the figures derived from them.

It is computed by validation in training (`training.scoring`) and for any piece (`generation.likelihood`), by teacher
forcing: each id is scored given the ids of the piece before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FEWEST_NOTES = 2
"""Notes of a bar that may be named as the most surprising."""


@dataclass(frozen=True)
class Likelihood:
    """Sums over the ids of one or several examples; START, which is given, is not scored.

    log_likelihood: in nats. events: ids other than those of steps at which nothing happens, in representations that
    have such ids. right, events_right: ids that were the most probable. A repetition counts as what it repeats.
    """

    log_likelihood: float = 0.0
    tokens: int = 0
    notes: int = 0
    right: int = 0
    events: int = 0
    events_right: int = 0

    def __add__(self, other: Likelihood) -> Likelihood:
        return Likelihood(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def nats_per_token(self) -> float:
        return -self.log_likelihood / max(1, self.tokens)

    @property
    def nats_per_note(self) -> float:
        """Nats of all tokens, also bars, tempo and end, by the number of notes: comparable between representations."""
        return -self.log_likelihood / max(1, self.notes)

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.nats_per_token, 700.0))

    @property
    def accuracy(self) -> float:
        """Share of the tokens that were the most probable."""
        return self.right / max(1, self.tokens)

    @property
    def event_accuracy(self) -> float:
        return self.events_right / max(1, self.events)

    @property
    def no_event_accuracy(self) -> float:
        """The accuracy of the tokens at which nothing happens."""
        return (self.right - self.events_right) / max(1, self.tokens - self.events)

    def facts(self) -> dict[str, Any]:
        """Return sums and figures as plain JSON."""
        names = ("nats_per_token", "nats_per_note", "perplexity", "accuracy", "event_accuracy")
        return vars(self) | {name: round(getattr(self, name), 4) for name in names}


def most_surprising(bars: Sequence[Likelihood]) -> int | None:
    """Return the bar, from 1, with the most nats a note, of those with at least FEWEST_NOTES if there are any."""
    counts = [bar.notes for bar in bars]
    fewest = FEWEST_NOTES if max(counts, default=0) >= FEWEST_NOTES else 1
    able = [number for number, notes in enumerate(counts) if notes >= fewest]
    return 1 + max(able, key=lambda number: bars[number].nats_per_note) if able else None

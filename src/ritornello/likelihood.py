"""How probable a model finds music: sums over the ids that were judged, and what is told of them.

Whoever judges gives one: training its held-out pieces (`training.scoring`), a bundle any piece
(`generation.likelihood`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Likelihood:
    """Sums over the ids of one or several examples; START, which is given, is not judged.

    log_likelihood: in nats. events: the ids at which something happens, where the representation knows steps at
    which nothing does; right, events_right: those that were the likeliest. A repetition counts as what it repeats.
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
        """Of every token, also bars, tempo and the end, by notes: so that schemes of few and of many tokens compare."""
        return -self.log_likelihood / max(1, self.notes)

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.nats_per_token, 700.0))

    @property
    def accuracy(self) -> float:
        """Share of the tokens that were the likeliest."""
        return self.right / max(1, self.tokens)

    @property
    def event_accuracy(self) -> float:
        return self.events_right / max(1, self.events)

    @property
    def no_event_accuracy(self) -> float:
        """Of the tokens at which nothing happens."""
        return (self.right - self.events_right) / max(1, self.tokens - self.events)

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        names = ("nats_per_token", "nats_per_note", "perplexity", "accuracy", "event_accuracy")
        return vars(self) | {name: round(getattr(self, name), 4) for name in names}

"""The progress of a training run, and the plain numbers of its state."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from ritornello.likelihood import Likelihood


@dataclass(frozen=True)
class Progress:
    """The progress of a run. `validation` is set after an evaluation, `message` when a notice is due."""

    step: int
    seconds: float
    fraction: float  # of the budget, 0 to 1
    loss: float  # running mean, in nats a note
    tokens_per_second: float
    epochs: float
    best: float  # lowest held-out nats a note so far
    validation: Likelihood | None = None
    message: str = ""

    @property
    def seconds_left(self) -> float:
        return self.seconds * (1 - self.fraction) / self.fraction if self.fraction > 0 else math.inf


@dataclass
class Counters:
    """The plain numbers of a run's state."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    loss: float = 0.0  # running mean of nats a token
    notes_share: float = 0.0  # running mean of notes a token
    best: float = math.inf
    since_best: int = 0
    evaluations: int = 0
    failed: int = 0
    rate_scale: float = 1.0


class Clock:
    """The seconds of training, in earlier sessions and this one."""

    def __init__(self, before: float) -> None:
        self.before, self.started = before, time.perf_counter()

    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.started

"""The progress of a training run, and the plain numbers of its state."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from ritornello.likelihood import Likelihood


@dataclass(frozen=True)
class Progress:
    """The progress of a run. `validation` is set after an evaluation, `message` when a notice is due."""

    step: int
    seconds: float  # since the command began
    seconds_left: float
    fraction: float  # of the budget, 0 to 1
    loss: float  # running mean, in nats a note; not a number before the first step
    tokens_per_second: float
    epochs: float
    best: float  # lowest held-out nats a note so far
    validation: Likelihood | None = None
    message: str = ""


@dataclass
class Counters:
    """The plain numbers of a run's state."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    loss: float = 0.0  # running mean of nats a token
    notes_share: float = 0.0  # running mean of notes a token
    best: float = math.inf  # lowest held-out nats a note so far
    before: float = math.inf  # of the network that the run began with
    kept_step: int = 0  # after which the network became what is kept
    since_kept: int = 0  # evaluations
    evaluations: int = 0
    evaluated_step: int = -1  # the last step after which the held-out pieces were scored
    failed: int = 0
    rate_scale: float = 1.0
    began: float = 0.0  # seconds when learning began: before, the files were read
    step_seconds: float = 0.0  # of the slowest of the latest steps
    evaluating_seconds: float = 0.0  # of all evaluations: scoring, writing, drawing
    evaluation_seconds: float = 0.0  # of the latest one
    evaluation_ids: int = 0  # that are read in each
    scores_whole: bool = False  # whether they are all held-out pieces, whole
    scoring_seconds: float = 0.0  # for each id that was scored in the latest one


class Clock:
    """The one clock of a run: the seconds of earlier sessions, and those since this command began."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or (lambda: time.perf_counter())
        self._started = self._now()
        self.before = 0.0

    def seconds(self) -> float:
        return self.before + self._now() - self._started

"""The engine: steps one network for many sessions at once, in a batch.

The result of a session does not depend on the others in its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from ritornello.generation.stepper import Logits, State, Stepper
from ritornello.live.session import Step


class Steppable(Protocol):
    """A session, or an object that wraps one."""

    @property
    def wants(self) -> Step | None: ...

    def supply(self, logits: Logits, state: State, now: float) -> None: ...


Stepped = TypeVar("Stepped", bound=Steppable)


class Engine:
    """Steps sessions of one model."""

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper

    def run(self, sessions: Sequence[Steppable], now: Callable[[], float]) -> None:
        """Step until none of `sessions` wants a step."""
        while self.step(sessions, now):
            pass

    def step(self, sessions: Iterable[Stepped], now: Callable[[], float]) -> list[Stepped]:
        """Give one step to those of `sessions` that want one, in one batch; return them. `now` is read after it."""
        steps = [(session, step) for session in sessions if (step := session.wants) is not None]
        if not steps:
            return []
        states = zip(*(step.state for _, step in steps), strict=True)
        state = tuple(np.concatenate(parts) for parts in states)
        logits, after = self.stepper.step([row for _, step in steps for row in step.columns], state)
        time, first = now(), 0
        for session, step in steps:
            rows = slice(first, first := first + len(step.columns))
            # Copies: a view would keep the whole batch in memory as long as one session lives.
            session.supply(logits[rows].copy(), tuple(part[rows].copy() for part in after), time)
        return [session for session, _ in steps]

"""The engine: one network, stepped for many sessions at once.

All sessions of a batch want a step at the same moment; what one of them gets does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import numpy as np

from ritornello.generation.stepper import Logits, State, Stepper
from ritornello.live.session import Step


class Steppable(Protocol):
    """A session, or what stands for one."""

    @property
    def wants(self) -> Step | None: ...

    def supply(self, logits: Logits, state: State, now: float) -> None: ...


Stepped = TypeVar("Stepped", bound=Steppable)


class Engine:
    """Steps sessions of one model."""

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper

    def run(self, sessions: Iterable[Steppable], now: Callable[[], float]) -> None:
        """Step until none of `sessions` wants a step; `now` tells the time at which each batch was done."""
        waiting = list(sessions)
        while waiting := self.step(waiting, now):
            pass

    def step(self, sessions: Iterable[Stepped], now: Callable[[], float]) -> list[Stepped]:
        """Give one step to those of `sessions` that want one, in one batch; return them."""
        asked = [(session, step) for session in sessions if (step := session.wants) is not None]
        if not asked:
            return []
        states = zip(*(step.state for _, step in asked), strict=True)
        state = tuple(np.concatenate(parts) for parts in states)
        logits, after = self.stepper.step([step.columns for _, step in asked], state)
        time = now()
        for row, (session, _) in enumerate(asked):
            # Copies: a view would keep the whole batch in memory as long as one session lives.
            session.supply(logits[row].copy(), tuple(part[row : row + 1].copy() for part in after), time)
        return [session for session, _ in asked]

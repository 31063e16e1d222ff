"""A job: one call of a verb while it runs; whom it tells, and when it ends before its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ritornello.errors import ServiceError
from ritornello.generation import Model
from ritornello.service.models import Models
from ritornello.service.music import PieceNote


class Progress(BaseModel):
    """How far a job is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    done: int = Field(ge=0)
    of: int = Field(ge=1, description="about so many")
    unit: Literal["bars", "examples", "steps"] = "steps"


class NewNotes(BaseModel):
    """Notes that are composed, of one part, in the ticks of the result.

    track: the tracks of the given music come first, in its order, and then new parts in the order in which they are
    heard; in the result, new parts may have another order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    track: int = Field(ge=0, description="number of the part, from 0")
    program: int = Field(ge=0, le=127)
    drums: bool
    ticks_per_quarter: int
    notes: list[PieceNote]


Event: TypeAlias = Progress | NewNotes


class Job:
    """What a verb may use while it runs: models, and whom it tells what happens."""

    def __init__(
        self,
        models: Models,
        tell: Callable[[Event], None] = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
        seconds: float | None = None,
    ) -> None:
        self.models, self.tell, self._cancelled, self._seconds = models, tell, cancelled, seconds

    @cached_property
    def _began(self) -> float:
        return time.monotonic()

    def check(self) -> None:
        """Raise ServiceError if the job is cancelled, or takes longer than it may."""
        if self._cancelled():
            raise ServiceError("cancelled")
        if self._seconds is not None and time.monotonic() - self._began > self._seconds:
            raise ServiceError(f"it takes longer than {self._seconds:g} s; ask for less")

    def model(self, name: str | None) -> Model:
        """Return a model by name (default: the first), whose steps end with this job."""
        self.check()
        return self.models.find(name).watched(self.check)

    def progress(self, done: int, of: int, unit: Literal["bars", "examples", "steps"] = "steps") -> None:
        """Tell how far it is."""
        self.check()
        self.tell(Progress(done=done, of=max(1, of), unit=unit))

"""The jobs of the HTTP service: how many run and wait, who is told what happens, and how they end."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from pydantic import BaseModel

from ritornello.errors import ServiceError
from ritornello.service import Service
from ritornello.service.job import Event
from ritornello.service.limits import ServiceLimits
from ritornello.service.verbs import Verb


class Done(NamedTuple):
    """The end of a job: its answer, encoded, or its error."""

    answer: Any = None
    error: Exception | None = None


class RunningJob:
    """A job that waits or runs. `updates` gives its events, and then its end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.id = secrets.token_urlsafe(9)
        self.cancelled = threading.Event()
        self.future: Future[None] | None = None
        self._loop, self._queue = loop, asyncio.Queue[Event | Done]()

    def tell(self, update: Event | Done) -> None:
        """Queue an event, from any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody listens any longer
            self._loop.call_soon_threadsafe(self._queue.put_nowait, update)

    def cancel(self) -> None:
        """End it: at once if it waits for its turn, else between two steps."""
        self.cancelled.set()
        if self.future is not None and self.future.cancel():
            self.tell(Done(error=ServiceError("cancelled")))

    async def updates(self, seconds: float) -> AsyncIterator[Event | Done | None]:
        """Yield what happens, None after each `seconds` in which nothing does, and last its end."""
        while True:
            try:
                update = await asyncio.wait_for(self._queue.get(), seconds)
            except TimeoutError:
                yield None
                continue
            yield update
            if isinstance(update, Done):
                return

    async def end(self) -> Done:
        """Wait for the end."""
        async for update in self.updates(3600):
            if isinstance(update, Done):
                return update
        raise AssertionError


class Jobs:
    """All jobs of a service; `limits.jobs` of them run at once, in threads."""

    def __init__(self, service: Service, limits: ServiceLimits) -> None:
        self.service, self.limits = service, limits
        self._running: dict[str, RunningJob] = {}
        self._admitted = 0
        self._pool = ThreadPoolExecutor(limits.jobs, "jobs")

    def __len__(self) -> int:
        return len(self._running)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a call from its arrival to the end of its answer; ServiceError if there are too many."""
        if self._admitted >= self.limits.jobs + self.limits.waiting:
            raise BusyError(f"{self._admitted} calls are being answered; try again in a moment")
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    @contextmanager
    def started(
        self, verb: Verb, request: BaseModel, encode: Callable[[BaseModel], Any]
    ) -> Iterator[RunningJob]:
        """Start a job, whose answer is what `encode` makes of its result; it is cancelled at the end of the context."""
        job = RunningJob(asyncio.get_running_loop())
        self._running[job.id] = job
        job.future = self._pool.submit(self._run, job, verb, request, encode)
        try:
            yield job
        finally:
            job.cancel()
            del self._running[job.id]

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; return whether there is one of that id."""
        if job_id in self._running:
            self._running[job_id].cancel()
        return job_id in self._running

    def close(self) -> None:
        """Cancel all jobs, and wait until they have ended."""
        for job in self._running.values():
            job.cancel()
        self._pool.shutdown(cancel_futures=True)

    def _run(
        self, job: RunningJob, verb: Verb, request: BaseModel, encode: Callable[[BaseModel], Any]
    ) -> None:
        try:
            result = self.service.call(
                verb.name, request, job.tell, job.cancelled.is_set, self.limits.job_seconds
            )
            job.tell(Done(encode(result)))
        except Exception as error:
            job.tell(Done(error=error))


class BusyError(ServiceError):
    """There are too many calls."""

"""The session manager: all sessions of a server, and the one thread that advances them.

Everything that touches a session happens in the manager's thread, so nothing is locked and a server's event loop
never waits for a network. Other threads hand it jobs: `post`, or `submit` for a result. Between jobs the thread
advances the sessions that are due, and steps all that wait for the network together, one batch a model.

Read in order: `SessionManager.connect`, `SessionManager._run`, `SessionManager.expire_sessions`.
"""

from __future__ import annotations

import heapq
import logging
import math
import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from ritornello.errors import ConfigError
from ritornello.live.config import JamConfig
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.live.server.hosted_session import Client, HostedSession, SessionSetup, percentiles
from ritornello.live.server.limits import ServerLimits

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Job = Callable[[], object]

LONGEST_WAIT = 0.5
"""Seconds between two looks at what is due, when nothing happens."""

EXPIRE_EVERY = 2.0
"""Seconds between two rounds of `expire_sessions`."""

FIGHT = 3.0
"""A session that one window took from another so few seconds ago is not taken again while somebody is in it."""

STEPS = 2000
"""So many durations of steps are remembered."""


class DueQueue:
    """Which sessions are due when. However many there are, a change costs little: what is out of date is left lying."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, HostedSession]] = []
        self._noted: set[tuple[float, HostedSession]] = set()
        self._serial = 0

    def add(self, hosted: HostedSession) -> None:
        """Note when a session is due, now that it has changed."""
        if hosted.due < math.inf and (hosted.due, hosted) not in self._noted:
            self._serial += 1
            self._noted.add((hosted.due, hosted))
            heapq.heappush(self._heap, (hosted.due, self._serial, hosted))

    @property
    def next_time(self) -> float:
        """When the next session is due, or was to be."""
        return self._heap[0][0] if self._heap else math.inf

    def take(self, now: float) -> list[HostedSession]:
        """Return the sessions that are due, each once."""
        found: dict[HostedSession, None] = {}
        while self._heap and self._heap[0][0] <= now:
            due, _, hosted = heapq.heappop(self._heap)
            self._noted.remove((due, hosted))
            if hosted.due == due:
                found[hosted] = None
        return list(found)


class SessionManager:
    """The sessions, by token. Each new one gets the next seed, counted from `seed`, or a random one."""

    def __init__(
        self,
        catalog: Catalog,
        config: JamConfig,
        seed: int | None = None,
        limits: ServerLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.catalog, self.limits = catalog, limits or ServerLimits()
        self.sessions: dict[str, HostedSession] = {}
        self.step_seconds: deque[float] = deque(maxlen=STEPS)
        self._config, self._seed, self._clock = config, seed, clock
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._expired = 0.0
        self._due_queue = DueQueue()
        self._wanting: dict[HostedSession, None] = {}  # in the order in which they came to want a step
        self._thread = threading.Thread(target=self._run, name="sessions", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, and every session."""
        self._jobs.put(None)
        self._thread.join()

    # --- from any thread --------------------------------------------------------------------------------------

    def post(self, job: Job) -> None:
        """Have a job done in the manager's thread."""
        self._jobs.put(job)

    def submit(self, job: Callable[[], Result]) -> Future[Result]:
        """Have a job done in the manager's thread; the future gets its result, or what it raised."""
        future: Future[Result] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except BaseException as error:
                    future.set_exception(error)

        self._jobs.put(run)
        return future

    # --- in the manager's thread ------------------------------------------------------------------------------

    def connect(self, token: str | None, entry: ModelEntry, client: Client) -> HostedSession:
        """Return the session of `token`, or a new one with `entry`, which is loaded.

        `client` gets its messages from now on. ConfigError if there are as many sessions as the limits allow.
        """
        hosted = self.sessions.get(token or "")
        resumed = hosted is not None and not self._is_fought_over(hosted)
        if hosted is None or not resumed:
            hosted = self._new_session(entry)
            self.sessions[hosted.token] = hosted
        hosted.attach(client, resumed)
        return hosted

    def _is_fought_over(self, hosted: HostedSession) -> bool:
        """Whether two windows take one session from each other: one was duplicated, and each comes back at once."""
        return hosted.client is not None and self._clock() - hosted.taken < FIGHT

    def find(self, token: str) -> HostedSession:
        """Return the session of `token`; ConfigError if there is none."""
        if token not in self.sessions:
            raise ConfigError("there is no such session (any more)")
        return self.sessions[token]

    def _new_session(self, entry: ModelEntry) -> HostedSession:
        if len(self.sessions) >= self.limits.sessions:
            raise ConfigError(f"all {self.limits.sessions} sessions are taken; try again later")
        setup = SessionSetup(self._config, self._next_seed(), self.limits)
        hosted = HostedSession(secrets.token_urlsafe(24), self.catalog, entry, setup, self._clock)
        hosted.step_seconds, hosted.when_due = self.step_seconds, self._due_queue.add
        return hosted

    def _next_seed(self) -> int:
        if self._seed is None:
            return secrets.randbits(32)
        self._seed += 1
        return self._seed - 1

    def _run(self) -> None:
        """Do jobs, advance who is due, step who wants to, until the end."""
        is_busy = False
        while self._do_jobs(0.0 if is_busy else self._until_due()):
            is_busy = self.advance_due()
            if self._clock() - self._expired > EXPIRE_EVERY:
                self._expired = self._clock()
                self.expire_sessions()

    def advance_due(self) -> bool:
        """Let those who are due know the time, and give a step to all that want one; return whether any did."""
        for hosted in self._due_queue.take(self._clock()):
            self._advance(hosted)
        return self._step()

    def _advance(self, hosted: HostedSession) -> None:
        hosted.advance()
        if hosted.wants is None:
            self._wanting.pop(hosted, None)
        else:
            self._wanting[hosted] = None

    def _until_due(self) -> float:
        """Return the seconds until the next session is due."""
        return min(max(self._due_queue.next_time - self._clock(), 0.0), LONGEST_WAIT)

    def _do_jobs(self, wait: float) -> bool:
        """Wait so long for a job, and do all there are; return False at the end."""
        try:
            job = self._jobs.get(timeout=wait) if wait else self._jobs.get_nowait()
            while job is not None:
                self._do(job)
                job = self._jobs.get_nowait()
        except queue.Empty:
            return True
        return False

    def _do(self, job: Job) -> None:
        try:
            job()
        except Exception:  # a session guards itself: this is for the rest
            log.exception("a job failed")

    def _step(self) -> bool:
        """Step, in a batch a model, the sessions that want to; return whether there were any."""
        batches: dict[ModelEntry, list[HostedSession]] = {}
        for hosted in self._wanting:
            batches.setdefault(hosted.entry, []).append(hosted)
        for entry, sessions in batches.items():
            self._step_together(entry, sessions)
        return bool(batches)

    def _step_together(self, entry: ModelEntry, sessions: list[HostedSession]) -> None:
        began = self._clock()
        try:
            entry.engine.step(sessions, self._clock)
        except Exception:
            log.exception("a batch failed: its sessions are stepped one by one")
            for hosted in sessions:
                hosted.guard(partial(self._step_alone, entry, hosted))
        self.step_seconds.append(self._clock() - began)
        for hosted in sessions:
            self._advance(hosted)

    def _step_alone(self, entry: ModelEntry, hosted: HostedSession) -> None:
        entry.engine.step([hosted], self._clock)

    def expire_sessions(self) -> None:
        """Stop, and after a while forget, sessions without a client, and those where nothing happens."""
        limits, now = self.limits, self._clock()
        for token, hosted in list(self.sessions.items()):
            away = now - hosted.seen
            if hosted.client is None:
                if away > limits.pause_seconds:
                    hosted.sleep()
                if away > limits.away_seconds:
                    self._forget(token)
            elif away > limits.quiet_seconds:
                hosted.client.close("nothing was played for long: the session is over")
                self._forget(token)

    def _forget(self, token: str) -> None:
        hosted = self.sessions.pop(token)
        hosted.due = math.inf
        self._wanting.pop(hosted, None)

    def health(self) -> dict[str, object]:
        """Return how it goes: sessions, models, and how long a step takes, in seconds."""
        return {
            "status": "ok",
            "sessions": len(self.sessions),
            "models": [entry.name for entry in self.catalog],
            "step": percentiles(list(self.step_seconds) or [0.0]),
        }

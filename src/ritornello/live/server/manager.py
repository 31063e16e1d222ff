"""The session manager: all sessions of a server, and the one thread that advances them.

Only the manager's thread touches sessions, so nothing is locked and the server's event loop never waits for a
network. Other threads queue jobs: `post`, or `submit` for a result. Between jobs the thread advances the sessions
that are due, and steps those that need the network, in one batch a model.

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
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from ritornello.errors import ConfigError
from ritornello.live.config import JamConfig
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.live.server.hosted_session import Client, HostedSession, Unkept, percentiles
from ritornello.live.server.limits import ServerLimits

if TYPE_CHECKING:  # the page without a server has no SQLite
    from ritornello.live.server.store import Kept, SessionStore

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Job = Callable[[], object]

LONGEST_WAIT = 0.5
"""Seconds between two checks of what is due, without jobs."""

EXPIRE_EVERY = 2.0
"""Seconds between two rounds of `expire_sessions`."""

KEEP_EVERY = 0.5
"""Seconds between two rounds in which the store gets what has changed."""

FIGHT = 3.0
"""Seconds after one window took a session from another in which a third attempt gets a new session instead."""

STEPS = 2000
"""Durations of steps that are kept for the percentiles."""


class DueQueue:
    """A priority queue of the times at which sessions are due. Outdated entries stay queued, so a change is cheap."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, HostedSession]] = []
        self._noted: set[tuple[float, HostedSession]] = set()
        self._serial = count()

    def add(self, hosted: HostedSession) -> None:
        """Add the time at which a session is due."""
        if hosted.due < math.inf and (hosted.due, hosted) not in self._noted:
            self._noted.add((hosted.due, hosted))
            heapq.heappush(self._heap, (hosted.due, next(self._serial), hosted))

    @property
    def next_time(self) -> float:
        """The time of the next entry, which may be outdated."""
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
    """The sessions, by token. Each new one gets the next seed, counted from `seed`, or a random one.

    store: where they are kept so that they outlive the server; opened and closed with this.
    """

    def __init__(
        self,
        catalog: Catalog,
        config: JamConfig,
        seed: int | None = None,
        limits: ServerLimits | None = None,
        clock: Callable[[], float] = time.perf_counter,  # monotonic has steps of 16 ms on Windows
        store: SessionStore | None = None,
    ) -> None:
        self.catalog, self.limits = catalog, limits or ServerLimits()
        self.sessions: dict[str, HostedSession] = {}
        self.step_seconds: deque[float] = deque(maxlen=STEPS)
        self._config, self._clock, self.store = config, clock, store
        self._seeds = iter(partial(secrets.randbits, 32), -1) if seed is None else count(seed)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._expired, self._keep_time = 0.0, -math.inf if store else math.inf
        self._due_queue = DueQueue()
        self._wanting: dict[HostedSession, None] = {}  # a step; in order of arrival
        self._thread = threading.Thread(target=self._run, name="sessions", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        if self.store is not None:
            self.store.open()
        self._thread.start()

    def close(self) -> None:
        """End the thread, and every session."""
        self._jobs.put(None)
        self._thread.join()
        if self.store is not None:
            self.store.keep(self._unkept())
            self.store.close()

    # --- from any thread --------------------------------------------------------------------------------------

    def post(self, job: Job) -> None:
        """Queue a job for the manager's thread."""
        self._jobs.put(job)

    def submit(self, job: Callable[[], Result]) -> Future[Result]:
        """Queue a job for the manager's thread; the future gets its result, or its exception."""
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

    def connect(
        self, token: str | None, entry: ModelEntry, client: Client, kept: Kept | None = None
    ) -> HostedSession:
        """Return the session of `token`, or a new one with `entry`, which is loaded.

        kept: the session of `token` in the store, with which the new one goes on.
        `client` gets its messages from now on. ConfigError if there are as many sessions as the limits allow.
        """
        hosted, limit = self.sessions.get(token or ""), self.limits.sessions
        if hosted is not None and hosted.client is not None and self._clock() - hosted.taken < FIGHT:
            hosted = None  # a duplicated window: the two would take the session from each other for ever
        resumed = hosted is not None
        if hosted is None:
            if len(self.sessions) >= limit and not self._forget_unplayed():
                raise ConfigError(f"all {limit} sessions are taken; try again later")
            if kept is not None and token is not None:
                try:
                    hosted = self._make(token, entry, kept.stored.seed)
                    hosted.recall(client, entry, *kept)
                    self.sessions[token] = hosted
                    return hosted
                except ConfigError as error:
                    log.warning("a session that was kept cannot go on: %s", error)
            hosted = self._make(secrets.token_urlsafe(24), entry, next(self._seeds))
            self.sessions[hosted.token] = hosted
        hosted.attach(client, resumed)
        return hosted

    def _make(self, token: str, entry: ModelEntry, seed: int) -> HostedSession:
        hosted = HostedSession(token, self.catalog, entry, self._config, seed, self.limits, self._clock)
        hosted.step_seconds, hosted.when_due = self.step_seconds, self._due_queue.add
        if self.store is not None:
            hosted.keep()
        return hosted

    def find(self, token: str) -> HostedSession:
        """Return the session of `token`; ConfigError if there is none."""
        if token not in self.sessions:
            raise ConfigError("there is no such session (any more)")
        return self.sessions[token]

    def _run(self) -> None:
        """Do jobs, advance and step sessions, until the end."""
        is_busy = False
        while self._do_jobs(
            0.0 if is_busy else min(self._due_queue.next_time, self._keep_time) - self._clock()
        ):
            is_busy = self.advance_due()
            if self._clock() - self._expired > EXPIRE_EVERY:
                self._expired = self._clock()
                self.expire_sessions()
            if self._clock() >= self._keep_time:
                self._keep_time = self._clock() + KEEP_EVERY
                self.keep_sessions()

    def keep_sessions(self) -> None:
        """Pass to the store what has changed, unless it is still busy with what it got before."""
        if self.store is not None and self.store.is_ready and (unkept := self._unkept()):
            self.store.keep(unkept)

    def _unkept(self) -> list[Unkept]:
        found = (hosted.take_unkept() for hosted in self.sessions.values())
        return [unkept for unkept in found if unkept is not None]

    def advance_due(self) -> bool:
        """Advance the sessions that are due, and step those that need it; return whether any did."""
        for hosted in self._due_queue.take(self._clock()):
            self._advance(hosted)
        batches: dict[ModelEntry, list[HostedSession]] = {}
        for hosted in self._wanting:
            batches.setdefault(hosted.entry, []).append(hosted)
        for entry, sessions in batches.items():
            self._step(entry, sessions)
        return bool(batches)

    def _advance(self, hosted: HostedSession) -> None:
        hosted.advance()
        if hosted.wants is None:
            self._wanting.pop(hosted, None)
        else:
            self._wanting[hosted] = None

    def _do_jobs(self, wait: float) -> bool:
        """Wait up to `wait` seconds for a job, and do all that are queued; return False at the end mark."""
        try:
            job = self._jobs.get(timeout=min(wait, LONGEST_WAIT)) if wait > 0 else self._jobs.get_nowait()
        except queue.Empty:
            return True
        while job is not None:
            try:
                job()
            except Exception:  # a session guards itself: this is for the rest
                log.exception("a job failed")
            if self._jobs.empty():
                return True
            job = self._jobs.get_nowait()
        return False

    def _step(self, entry: ModelEntry, sessions: list[HostedSession]) -> None:
        """Step sessions of a model in one batch, or, if that fails, one by one."""
        began = self._clock()
        try:
            entry.engine.step(sessions, self._clock)
        except Exception:
            log.exception("a batch failed: its sessions are stepped one by one")
            for hosted in sessions:
                hosted.guard(partial(entry.engine.step, [hosted], self._clock))
        self.step_seconds.append(self._clock() - began)
        for hosted in sessions:
            self._advance(hosted)

    def expire_sessions(self) -> None:
        """Stop, and later delete, sessions without a client; delete those without activity."""
        limits, now = self.limits, self._clock()
        for token, hosted in list(self.sessions.items()):
            away = now - hosted.seen
            if hosted.client is None:
                if away > limits.pause_seconds:
                    hosted.sleep()
                if away > (limits.away_seconds if hosted.was_played else limits.pause_seconds):
                    self._forget(token)
            elif away > limits.quiet_seconds:
                hosted.client.close("nothing was played for long: the session is over")
                self._forget(token)

    def _forget_unplayed(self) -> bool:
        """Delete the sessions without a client in which nothing was played; return whether there were any."""
        unplayed = [
            t for t, hosted in self.sessions.items() if hosted.client is None and not hosted.was_played
        ]
        for token in unplayed:
            self._forget(token)
        return bool(unplayed)

    def _forget(self, token: str) -> None:
        hosted = self.sessions.pop(token)
        hosted.due = math.inf
        self._wanting.pop(hosted, None)

    def health(self) -> dict[str, object]:
        """Return the status: the number of sessions, the models, and the duration of a step in seconds."""
        return {
            "status": "ok",
            "sessions": len(self.sessions),
            "models": [entry.name for entry in self.catalog],
            "step": percentiles(self.step_seconds),
        }

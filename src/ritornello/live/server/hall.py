"""The hall: all rooms of a server, and the one thread that moves them.

Everything that touches a session happens in the hall's thread, so nothing is locked and a server's event loop never
waits for a network. Others hand it jobs: `post` and forget, or `ask` for a result. Between jobs the thread lets each
session know the time when it is due, and steps all those that wait for the network together, one batch a model.

Read in order: `Hall.enter`, `Hall._run`, `Hall.keep_order`.
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
from ritornello.live.server.limits import Limits
from ritornello.live.server.offers import Offer, Offers
from ritornello.live.server.room import Listener, Room, Wishes, percentiles

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Job = Callable[[], object]

LONGEST_WAIT = 0.5
"""Seconds between two looks at what is due, when nothing happens."""

ORDER_EVERY = 2.0
"""Seconds between two rounds that send away who has been gone for long."""

FIGHT = 3.0
"""A room that one window took from another so few seconds ago is not taken again while somebody is in it."""

STEPS = 2000
"""So many durations of steps are remembered."""


class Agenda:
    """Which rooms are due when. However many there are, a change costs little: what is out of date is left lying."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Room]] = []
        self._noted: set[tuple[float, Room]] = set()
        self._serial = 0

    def add(self, room: Room) -> None:
        """Note when a room is due, now that it has changed."""
        if room.due < math.inf and (room.due, room) not in self._noted:
            self._serial += 1
            self._noted.add((room.due, room))
            heapq.heappush(self._heap, (room.due, self._serial, room))

    @property
    def next_time(self) -> float:
        """When the next room is due, or was to be."""
        return self._heap[0][0] if self._heap else math.inf

    def take(self, now: float) -> list[Room]:
        """Return the rooms that are due, each once."""
        found: dict[Room, None] = {}
        while self._heap and self._heap[0][0] <= now:
            due, _, room = heapq.heappop(self._heap)
            self._noted.remove((due, room))
            if room.due == due:
                found[room] = None
        return list(found)


class Hall:
    """The rooms, by their tokens. A session without a seed of its own gets the next of `seed`, or a random one."""

    def __init__(
        self,
        offers: Offers,
        config: JamConfig,
        seed: int | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offers, self.limits = offers, limits or Limits()
        self.rooms: dict[str, Room] = {}
        self.step_seconds: deque[float] = deque(maxlen=STEPS)
        self._config, self._seed, self._clock = config, seed, clock
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._tidied = 0.0
        self._agenda = Agenda()
        self._wanting: dict[Room, None] = {}  # in the order in which they came to want a step
        self._thread = threading.Thread(target=self._run, name="hall", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, and every room."""
        self._jobs.put(None)
        self._thread.join()

    # --- from any thread --------------------------------------------------------------------------------------

    def post(self, job: Job) -> None:
        """Have a job done in the hall's thread."""
        self._jobs.put(job)

    def ask(self, job: Callable[[], Result]) -> Future[Result]:
        """Have a job done in the hall's thread; the future gets its result, or what it raised."""
        future: Future[Result] = Future()

        def answer() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except BaseException as error:
                    future.set_exception(error)

        self._jobs.put(answer)
        return future

    # --- in the hall's thread ---------------------------------------------------------------------------------

    def enter(self, token: str | None, offer: Offer, listener: Listener) -> Room:
        """Return the room of `token`, or a new one with `offer`, which is loaded; `listener` hears it from now on.

        A full hall is a ConfigError.
        """
        room = self.rooms.get(token or "")
        resumed = room is not None and not self._is_fought_over(room)
        if room is None or not resumed:
            room = self._new_room(offer)
            self.rooms[room.token] = room
        room.attach(listener, resumed)
        return room

    def _is_fought_over(self, room: Room) -> bool:
        """Whether two windows take one room from each other: a window was duplicated, and each comes back at once."""
        return room.listener is not None and self._clock() - room.taken < FIGHT

    def room(self, token: str) -> Room:
        """Return the room of `token`; ConfigError if there is none."""
        if token not in self.rooms:
            raise ConfigError("there is no such session (any more)")
        return self.rooms[token]

    def _new_room(self, offer: Offer) -> Room:
        if len(self.rooms) >= self.limits.sessions:
            raise ConfigError(f"all {self.limits.sessions} sessions are taken; try again later")
        wishes = Wishes(self._config, self._next_seed(), self.limits)
        room = Room(secrets.token_urlsafe(24), self.offers, offer, wishes, self._clock)
        room.step_seconds, room.when_due = self.step_seconds, self._agenda.add
        return room

    def _next_seed(self) -> int:
        if self._seed is None:
            return secrets.randbits(32)
        self._seed += 1
        return self._seed - 1

    def _run(self) -> None:
        """Do jobs, advance who is due, step who wants to, until the end."""
        is_busy = False
        while self._do_jobs(0.0 if is_busy else self._until_due()):
            is_busy = self.move()
            if self._clock() - self._tidied > ORDER_EVERY:
                self._tidied = self._clock()
                self.keep_order()

    def move(self) -> bool:
        """Let those who are due know the time, and give a step to all that want one; return whether any did."""
        for room in self._agenda.take(self._clock()):
            self._advance(room)
        return self._step()

    def _advance(self, room: Room) -> None:
        room.advance()
        if room.wants is None:
            self._wanting.pop(room, None)
        else:
            self._wanting[room] = None

    def _until_due(self) -> float:
        """Return the seconds until the next room is due."""
        return min(max(self._agenda.next_time - self._clock(), 0.0), LONGEST_WAIT)

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
        except Exception:  # a room guards itself: this is for the rest
            log.exception("a job failed")

    def _step(self) -> bool:
        """Step, in a batch a model, the rooms that want to; return whether there were any."""
        batches: dict[Offer, list[Room]] = {}
        for room in self._wanting:
            batches.setdefault(room.offer, []).append(room)
        for offer, rooms in batches.items():
            self._step_together(offer, rooms)
        return bool(batches)

    def _step_together(self, offer: Offer, rooms: list[Room]) -> None:
        began = self._clock()
        try:
            offer.engine.step(rooms, self._clock)
        except Exception:
            log.exception("a batch failed: its rooms are stepped one by one")
            for room in rooms:
                room.guard(partial(self._step_alone, offer, room))
        self.step_seconds.append(self._clock() - began)
        for room in rooms:
            self._advance(room)

    def _step_alone(self, offer: Offer, room: Room) -> None:
        offer.engine.step([room], self._clock)

    def keep_order(self) -> None:
        """Silence and forget rooms that nobody listens to, and those where nothing happens."""
        limits, now = self.limits, self._clock()
        for token, room in list(self.rooms.items()):
            away = now - room.seen
            if room.listener is None:
                if away > limits.pause_seconds:
                    room.sleep()
                if away > limits.away_seconds:
                    self._forget(token)
            elif away > limits.quiet_seconds:
                room.listener.end("nothing was played for long: the session is over")
                self._forget(token)

    def _forget(self, token: str) -> None:
        room = self.rooms.pop(token)
        room.due = math.inf
        self._wanting.pop(room, None)

    def health(self) -> dict[str, object]:
        """Return how it goes: sessions, models, and how long a step takes, in seconds."""
        return {
            "status": "ok",
            "sessions": len(self.rooms),
            "models": [offer.name for offer in self.offers],
            "step": percentiles(list(self.step_seconds) or [0.0]),
        }

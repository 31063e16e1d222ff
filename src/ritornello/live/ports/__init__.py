"""Ports: what a session is played through. `midi_port` has those of MIDI devices, `osc_port` that of OSC.

A port listens in a thread of its own and puts what it receives into the `PortGroup` of its session: a MIDI message, or
a job for the session's driver (`port_player`). The driver sends MIDI messages when they are due, and publishes what
else happens; a port passes on what it has words for. Times are those of `time.perf_counter`, if not said otherwise.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from ritornello.errors import ConfigError
from ritornello.live.events import Configure, Output

Job = Callable[[Any, float], None]
"""A job for the driver: called in its thread with the driver (a `PortPlayer`) and the time, on the session's clock, at
which it is to be done."""

Received = tuple[float, bytes | Job]
"""The time of what was received, and a MIDI message or a job."""

MOST_HELD = 10_000
"""What was received and is not yet taken, most of it because its time has not come."""


@dataclass(frozen=True)
class BeatSounded:
    """A beat of the metronome, now: the `beat`-th of `beats` in its bar, from 1."""

    beat: int
    beats: int
    quarters_per_minute: float


@dataclass(frozen=True)
class ModelChosen:
    """The model of the turns from now on."""

    name: str


News = Output | Configure | BeatSounded | ModelChosen
"""What a driver publishes: the outputs of its session, its settings when they change, its beats and its model."""


class Port(Protocol):
    """A way out of a session."""

    def send(self, data: bytes) -> None:
        """Send a MIDI message now."""

    def publish(self, news: News, now: float) -> None:
        """Tell what happens; `now` is the time on the session's clock."""

    def close(self) -> None:
        """Stop listening and sending."""


class Ports(Port, Protocol):
    """All ports of a session, as its driver sees them."""

    def receive(self) -> Sequence[Received]:
        """Return what has come since the last call, and is due, in order of time."""

    def put(self, time: float, item: bytes | Job) -> None:
        """Receive `item` at a time, which may be to come; from any thread."""

    def wait(self, seconds: float) -> None:
        """Wait until something is received, `seconds` at most."""


class PortGroup:
    """Any number of ports. What is sent and published goes to each of them."""

    def __init__(self) -> None:
        self.ports: list[Port] = []
        self._arrived: queue.SimpleQueue[tuple[float, int, bytes | Job]] = queue.SimpleQueue()
        self._held: list[tuple[float, int, bytes | Job]] = []
        self._serial = itertools.count()

    def put(self, time: float, item: bytes | Job) -> None:
        """Receive `item` at a time; ConfigError if MOST_HELD wait already. Thread-safe."""
        if self._arrived.qsize() + len(self._held) >= MOST_HELD:
            raise ConfigError(f"more than {MOST_HELD:,} messages wait for their time: this one is left out")
        self._arrived.put((time, next(self._serial), item))

    def receive(self) -> list[Received]:
        with suppress(queue.Empty):
            while True:
                heapq.heappush(self._held, self._arrived.get_nowait())
        due, now = [], time.perf_counter()
        while self._held and self._held[0][0] <= now:
            at, _, item = heapq.heappop(self._held)
            due.append((at, item))
        return due

    def wait(self, seconds: float) -> None:
        if self._held:
            seconds = min(seconds, self._held[0][0] - time.perf_counter())
        if seconds > 0:
            with suppress(queue.Empty):
                heapq.heappush(self._held, self._arrived.get(timeout=seconds))

    def send(self, data: bytes) -> None:
        for port in self.ports:
            port.send(data)

    def publish(self, news: News, now: float) -> None:
        for port in self.ports:
            port.publish(news, now)

    def close(self) -> None:
        for port in self.ports:
            port.close()

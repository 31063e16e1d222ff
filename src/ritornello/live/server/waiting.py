"""Connections that have not said what they want: they end after a time, the oldest ones first if there are many.

A connection costs a file descriptor, of which a process may have a few hundred. So who opens many, or sends a request
byte by byte, would lock out everybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class Waiting:
    """What waits, each with what ends it; above `most`, the oldest is ended."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ends: dict[object, Callable[[], object]] = {}

    def add(self, who: object, end: Callable[[], object]) -> None:
        """Let `who` wait; `end` is called if it has to make room."""
        self._ends[who] = end
        while len(self._ends) > self._most:
            oldest = next(iter(self._ends))
            self._ends.pop(oldest)()

    def remove(self, who: object) -> None:
        """Note that `who` has said what it wants, or has gone."""
        self._ends.pop(who, None)


def protocol_of(most: int, seconds: float) -> type[asyncio.Protocol]:
    """Return HTTP for uvicorn, with `seconds` for a request to arrive, and at most `most` connections that wait."""
    waiting = Waiting(most)

    class Protocol(H11Protocol):
        """HTTP, with a time for requests to arrive."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._timer: asyncio.TimerHandle | None = None
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrived()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.transport.get_protocol() is not self or self._is_answering():
                self._arrived()
            elif self._timer is None:  # the next request has begun
                self._wait()

        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _wait(self) -> None:
            self._timer = self.loop.call_later(seconds, self._end)
            waiting.add(self, self._end)

        def _arrived(self) -> None:
            waiting.remove(self)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _end(self) -> None:
            self._arrived()
            if not self.transport.is_closing() and not self._is_answering():
                self.transport.abort()

    return Protocol

"""The limits of a server, in one table.

They are wide for music and narrow for abuse: a MIDI cable carries about a thousand messages a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ritornello.live.session.stored import MOST_ENTRIES

if TYPE_CHECKING:  # the page without a server has the limits, but no Starlette
    from starlette.requests import Request


@dataclass(frozen=True)
class ServerLimits:
    """Sizes are bytes, times seconds."""

    sessions: int = 256
    """At once, those whose connection is lost and may come back among them."""
    message_bytes: int = 16_384
    messages_a_second: float = 1000
    message_burst: float = 2000
    """Messages at once, as when a page wakes up; above it, the connection is closed."""
    outbox: int = 4000
    """Messages that wait for a page that does not read them; above it, the connection is closed."""
    notes: int = 100_000
    """Of one session, both sides."""
    entries: int = MOST_ENTRIES
    """Of the record of one session: notes, controls, turns and others."""
    session_seconds: float = 12 * 3600
    call_bytes: int = 1_000_000
    """Of a MIDI file that becomes the call."""
    call_seconds: float = 30
    """In which it is to arrive."""
    record_bytes: int = 24_000_000
    """Of a record that is given back; an entry takes some 60."""
    records: int = 2
    """Records that are received at once."""
    record_seconds: float = 60
    """In which a record is to arrive."""
    waiting: int = 64
    """Connections that have not sent a request, or not all of it; above it, the oldest one is closed."""
    request_seconds: float = 10
    """Until a request has arrived, without its body."""
    hello_seconds: float = 10
    """Until the first message, hello."""
    greetings: int = 64
    """Connections without that message; above it, the oldest one is closed."""
    kept_bytes: int = 500_000_000
    """Of the database of sessions that outlive the server; the oldest make room."""
    kept_seconds: float = 7 * 24 * 3600
    """For which a session is kept there after it last changed."""
    pause_seconds: float = 30
    """Without a connection, after which a session falls silent."""
    away_seconds: float = 600
    """Without a connection, after which the session is deleted."""
    quiet_seconds: float = 2 * 3600
    """With a connection, but without a message other than `ping`, after which the session is deleted."""
    renderings: int = 2
    """Downloads that are made at once; others wait."""
    waiting_renderings: int = 16
    rendering_seconds: float = 300


class TokenBucket:
    """A rate limit: `rate` a second in the long run, `burst` at once."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._level, self._seen = burst, clock()

    def take(self) -> bool:
        """Take a token; return whether there was one."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._seen) * self._rate)
        self._seen = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


async def read_body(request: Request, most: int) -> bytes | None:
    """Return the body of a request, None if it has more than `most` bytes.

    One that is somewhat larger is read to its end, so that the client sees the error.
    """
    body, length = bytearray(), 0
    async for part in request.stream():
        length += len(part)
        if length <= most:
            body += part
        elif length > 8 * most:
            break
    return bytes(body) if length <= most else None

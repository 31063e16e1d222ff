"""The limits of the HTTP service, in one table. Those of a piece stand in `music`."""

from __future__ import annotations

from dataclasses import dataclass

from ritornello.service.music import MOST_MIDI


@dataclass(frozen=True)
class ServiceLimits:
    """Sizes are bytes, times seconds."""

    body_bytes: int = 2 * MOST_MIDI
    """Of a request; compressed ones are refused."""
    body_seconds: float = 30
    """In which a request is to arrive."""
    jobs: int = 2
    """That run at once."""
    waiting: int = 16
    """That wait for their turn, or whose request is arriving."""
    job_seconds: float = 300
    """From the first step of a job to its end."""
    reading_seconds: float = 60
    """In which each event is to be read."""
    requests_a_second: float = 20
    """Of one address in the long run."""
    request_burst: float = 60
    """Of one address at once."""
    addresses: int = 1024
    """Whose requests are counted; those that were seen least recently are forgotten."""
    connections: int = 128
    unasked: int = 64
    """Connections that have not sent a request, or not all of it; above it, the oldest one is closed."""
    header_seconds: float = 10
    """Until a request has arrived, without its body."""
    silent_seconds: float = 15
    """After which an empty line tells the reader of events that the job goes on."""

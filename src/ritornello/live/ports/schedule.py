"""What is to be sent to a MIDI port, and when; and what was sent, so that it is known when it comes back."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from ritornello.live.events import LiveNote

LOOPBACK_SECONDS = 0.25
"""In which a message that was sent may come back."""


class Schedule:
    """Notes that are to begin and to end; and which of them sound."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int, LiveNote]] = []
        self._serial = 0
        self._waiting: dict[int, LiveNote] = {}  # by number
        self._sounding: dict[tuple[int, int], LiveNote] = {}  # by channel and pitch

    def add(self, notes: Iterable[LiveNote]) -> None:
        """Plan notes."""
        for note in notes:
            self._waiting[note.number] = note
            self._push(note.start, 1, note)

    def cancel(self, numbers: Iterable[int], at: float) -> None:
        """Take back notes that have not begun, and end at `at` those that have."""
        for number in numbers:
            self._waiting.pop(number, None)
            for note in [note for note in self._sounding.values() if note.number == number]:
                self._push(at, 0, note)

    def _push(self, time: float, begins: int, note: LiveNote) -> None:
        """An end stands before a beginning at the same time."""
        self._serial += 1
        heapq.heappush(self._heap, (time, begins, self._serial, note))

    @property
    def next_time(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[tuple[bool, LiveNote]]:
        """Return what is due, in order: whether a note begins or ends, and the note. Nothing ends twice."""
        found: list[tuple[bool, LiveNote]] = []
        while self._heap and self._heap[0][0] <= now:
            _, begins, _, note = heapq.heappop(self._heap)
            if begins and self._waiting.pop(note.number, None) is not None:
                found += self._begin(note)
            elif not begins and self._sounding.get((note.channel, note.pitch)) is note:
                found += self._end(note)
        return found

    def _begin(self, note: LiveNote) -> list[tuple[bool, LiveNote]]:
        before = self._sounding.get((note.channel, note.pitch))
        ended = [] if before is None else self._end(before)
        self._sounding[note.channel, note.pitch] = note
        self._push(note.start if note.end is None else note.end, 0, note)
        return [*ended, (True, note)]

    def _end(self, note: LiveNote) -> list[tuple[bool, LiveNote]]:
        del self._sounding[note.channel, note.pitch]
        return [(False, note)]

    def clear(self) -> list[tuple[bool, LiveNote]]:
        """Forget all that is planned, and return the ends of what sounds."""
        ended = [(False, note) for note in self._sounding.values()]
        self._heap, self._waiting, self._sounding = [], {}, {}
        return ended


class LoopbackFilter:
    """Filters out our own output where it comes back by the input."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, bytes]] = deque()

    def sent(self, data: bytes, now: float) -> None:
        self._sent.append((now, data))
        while self._sent[0][0] < now - LOOPBACK_SECONDS:
            self._sent.popleft()

    def blocks(self, data: bytes, now: float) -> bool:
        """Return whether this was sent a moment ago; each message is blocked once."""
        for entry in self._sent:
            if entry[1] == data and entry[0] >= now - LOOPBACK_SECONDS:
                self._sent.remove(entry)
                return True
        return False

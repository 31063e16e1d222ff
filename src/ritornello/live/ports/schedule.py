"""The schedule of note-ons and note-offs for a MIDI port, and a filter for messages that loop back."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from ritornello.live.events import LiveNote

LOOPBACK_SECONDS = 0.25
"""The longest delay of a message that loops back."""


class Schedule:
    """A queue of planned notes, and the notes that sound."""

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
        """Drop notes that have not begun, and end at `at` those that have."""
        for number in numbers:
            self._waiting.pop(number, None)
            for note in [note for note in self._sounding.values() if note.number == number]:
                self._push(at, 0, note)

    def _push(self, time: float, begins: int, note: LiveNote) -> None:
        """Queue a note-on (1) or note-off (0); note-offs go first at equal times."""
        self._serial += 1
        heapq.heappush(self._heap, (time, begins, self._serial, note))

    @property
    def next_time(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[tuple[bool, LiveNote]]:
        """Return what is due, in order: whether a note begins, and the note. No note ends twice."""
        found: list[tuple[bool, LiveNote]] = []
        while self._heap and self._heap[0][0] <= now:
            _, begins, _, note = heapq.heappop(self._heap)
            key = note.channel, note.pitch
            if begins and self._waiting.pop(note.number, None) is not None:
                if before := self._sounding.pop(key, None):
                    found.append((False, before))
                self._sounding[key] = note
                self._push(note.start if note.end is None else note.end, 0, note)
                found.append((True, note))
            elif not begins and self._sounding.get(key) is note:
                found.append((False, self._sounding.pop(key)))
        return found

    def clear(self) -> list[tuple[bool, LiveNote]]:
        """Drop all planned notes, and return the note-offs of those that sound."""
        ended = [(False, note) for note in self._sounding.values()]
        self._heap, self._waiting, self._sounding = [], {}, {}
        return ended


class LoopbackFilter:
    """Filters out messages of the output that loop back to the input."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, bytes]] = deque()

    def sent(self, data: bytes, now: float) -> None:
        self._sent.append((now, data))
        while self._sent[0][0] < now - LOOPBACK_SECONDS:
            self._sent.popleft()

    def blocks(self, data: bytes, now: float) -> bool:
        """Return whether this was sent within LOOPBACK_SECONDS; each message is blocked once."""
        for entry in self._sent:
            if entry[1] == data and entry[0] >= now - LOOPBACK_SECONDS:
                self._sent.remove(entry)
                return True
        return False

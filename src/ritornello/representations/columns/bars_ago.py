"""What came so many bars ago at this place: candidates for the next id.

It is the next note of the onset there, above the last one here, or else the shift to the next onset. Notes that are not
above the one before at their onset do not count.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from copy import copy
from functools import cache

import numpy as np

from ritornello.arrays import Ints

_MOST_PLACES = 4096
"""When more notes are stored, those too old for any lag are dropped."""

_NEVER = np.iinfo(np.int64).max


@cache
def _numbers(shifts: tuple[int, ...]) -> Ints:
    """Return how many of `shifts` are at most so many steps, up to the greatest."""
    return np.searchsorted(shifts, np.arange(max(shifts, default=0) + 1), side="right")


class BarsAgo:
    """Columns: for each of `lags`, the note or shift that came so many bars ago, or 0 for none.

    Notes are numbers from 1, below `size`; the shift by the n-th of `shifts` (ascending, from a step) is number
    `before` + n. Without shifts only notes are found. longest_bar: in steps.
    """

    def __init__(
        self, lags: Sequence[int], size: int, longest_bar: int, shifts: Sequence[int] = (), before: int = 0
    ) -> None:
        self._lags, self._size, self._shifts, self._before = lags, size, tuple(shifts), before
        self._reach = max(lags, default=0) * longest_bar
        self._time, self._bar_steps = 0, 1
        self._returning: int | None = None
        self._places = array("q")  # of the last notes that count: time * size + note, ascending
        # Of each lag, the index of the first place after the present one so long ago.
        self._next = [0] * len(lags)
        self._reached = 0  # the place of the last of them, or of the present time

    def at_once(self, time: Ints, bar_steps: Ints, note: Ints, returning: Ints | None = None) -> Ints:
        """Read the time, the steps of the bar, and the note of each step, or 0; with `returning`, one more lag, which
        differs from step to step, 0 for none."""
        size, now = self._size, time * self._size
        place = now + note
        reached = np.maximum.accumulate(place)
        counts = (note > 0) & (reached > np.append(0, reached)[: len(time)])
        places, so_far = np.append(place[counts], _NEVER), np.cumsum(counts)
        shifts = _numbers(self._shifts)
        lags: list[int | Ints] = [*self._lags] if returning is None else [*self._lags, returning]
        result = np.zeros((len(lags), len(time)), dtype=np.int64)
        for row, lag in zip(result, lags, strict=True):
            back = lag * size * bar_steps
            at = np.searchsorted(places, reached - back, side="right")
            ahead = places[at] - (now - back)
            is_found = (now >= back) & (at < so_far) & (np.asarray(lag) > 0)
            is_note = is_found & (ahead < size)
            np.copyto(row, ahead, where=is_note)
            far = np.flatnonzero(is_found ^ is_note)
            row[far] = shifts[np.minimum(ahead[far] // size, len(shifts) - 1)] + self._before
        return result

    def advance(self, time: int, bar_steps: int, note: int, returning: int | None = None) -> None:
        self._time, self._bar_steps, self._returning = time, bar_steps, returning
        place = time * self._size + note
        if place > self._reached:
            self._reached = place
            if note:
                self._places.append(place)
        if len(self._places) > _MOST_PLACES:
            passed = bisect_right(self._places, (time - self._reach) * self._size)
            del self._places[:passed]
            self._next = [max(0, at - passed) for at in self._next]

    @property
    def values(self) -> tuple[int, ...]:
        size, time, places, result = self._size, self._time, self._places, []
        count = len(places)
        for number, lag in enumerate(self._lags):
            back, at = lag * self._bar_steps, self._next[number]
            if time < back:
                result.append(0)
                continue
            present = self._reached - back * size
            if at and places[at - 1] > present:  # bars have become longer
                at = bisect_right(places, present, 0, at)
            while at < count and places[at] <= present:
                at += 1
            self._next[number] = at
            result.append(self._ahead(at, back))
        if self._returning is not None:
            back = self._returning * self._bar_steps
            is_known = back and time >= back
            result.append(
                self._ahead(bisect_right(places, self._reached - back * size), back) if is_known else 0
            )
        return tuple(result)

    def _ahead(self, at: int, back: int) -> int:
        """Return the note at the place `at`, or the shift to it from `back` steps ago; 0 if there is no such place."""
        if at == len(self._places):
            return 0
        ahead = self._places[at] - (self._time - back) * self._size
        steps = ahead // self._size
        return self._before + bisect_right(self._shifts, steps) if steps else ahead

    def fork(self) -> BarsAgo:
        other = copy(self)
        other._places, other._next = self._places[:], list(self._next)
        return other

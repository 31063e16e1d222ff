"""The next voice to enter, and in how many bars: what the header of a piece announces, which a network would forget."""

from __future__ import annotations

from copy import copy
from itertools import pairwise

import numpy as np

from ritornello.arrays import Ints

MOST_BARS = 8
"""The greatest number of bars in the column."""


class Entering:
    """Columns: 1 + the voice, or 0 for none; 1 + the bars until it enters, 0 if it should have, at most MOST_BARS.

    The n-th announcement is that of the n-th voice declared. A voice that has played does not enter any more. Of
    several that enter in one bar, the first in score order is told.
    """

    def __init__(self) -> None:
        self.due: dict[int, int] = {}  # the bar of entrance of each announced voice that has not played
        self._declared: list[int] = []
        self._announced = 0
        self._played: set[int] = set()
        self._bar = 0

    def at_once(self, voice: Ints, is_note: Ints, entrance: Ints, bar: Ints) -> Ints:
        """Read the voice that each step names, or -1; whether it begins a note; the bar that it announces, or -1; and
        the present bar."""
        is_note = is_note.astype(bool)
        notes = np.flatnonzero(is_note)
        _, first = np.unique(voice[notes], return_index=True)
        others = np.flatnonzero(~is_note & ((voice >= 0) | (entrance >= 0)))
        events = np.sort(np.concatenate([notes[first], others]))
        result, reader = np.zeros((2, len(bar)), dtype=np.int64), Entering()
        for step, stop in pairwise([*events.tolist(), len(bar)]):
            reader.advance(int(voice[step]), bool(is_note[step]), int(entrance[step]), 0)
            if reader.due:
                entering, due = reader._next
                result[0, step:stop] = entering + 1
                result[1, step:stop] = 1 + np.clip(due - bar[step:stop], 0, MOST_BARS)
        return result

    def advance(self, voice: int, is_note: bool, entrance: int, bar: int) -> None:
        self._bar = bar
        if is_note:
            self._played.add(voice)
            self.due.pop(voice, None)
        elif voice >= 0:
            self._declared.append(voice)
        if entrance >= 0:
            if self._announced < len(self._declared):
                announced = self._declared[self._announced]
                if announced not in self._played:
                    self.due[announced] = entrance
            self._announced += 1

    @property
    def _next(self) -> tuple[int, int]:
        return min(self.due.items(), key=lambda item: (item[1], item[0]))

    @property
    def values(self) -> tuple[int, int]:
        if not self.due:
            return 0, 0
        voice, due = self._next
        return voice + 1, 1 + min(max(due - self._bar, 0), MOST_BARS)

    def fork(self) -> Entering:
        other = copy(self)
        other.due, other._declared, other._played = dict(self.due), list(self._declared), set(self._played)
        return other

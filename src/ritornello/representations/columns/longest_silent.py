"""The voice that has been silent for longest, and for how many bars.

A network that composes for many instruments forgets those of the header that have not played. A voice counts from when
the header names it or it plays; one that never played has been silent for longest. Of several, it is the first in score
order.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints

MOST_BARS = 8
"""The greatest number of bars in the column."""

NEVER_PLAYED = MOST_BARS + 1

_NEVER, _ABSENT = -1, -2


class LongestSilent:
    """Columns: 1 + the voice, or 0 for none; the bars since its last note began, at most MOST_BARS, or NEVER_PLAYED."""

    def __init__(self) -> None:
        self.last_onset: dict[int, int] = {}  # of each voice that counts; -1: none yet
        self._time, self._bar_steps = 0, 1

    def at_once(self, voice: Ints, is_note: NDArray[np.bool_], time: Ints, bar_steps: Ints) -> Ints:
        """Read the voice that each step names, or -1; whether it begins a note; the time, and the steps of the bar."""
        voices = np.flatnonzero(np.bincount(voice + 1)[1:])  # numpy.unique is slow to import
        if not len(voices):
            return np.zeros((2, len(time)), dtype=np.int64)
        onset = np.where(is_note, time, _NEVER)
        last = np.maximum.accumulate(np.where(voice[:, None] == voices, onset[:, None], _ABSENT), axis=0)
        last[last == _ABSENT] = np.iinfo(np.int64).max
        number = last.argmin(axis=1)
        since = last[np.arange(len(time)), number]
        is_any = since <= time
        bars = np.minimum(np.where(is_any, time - since, 0) // bar_steps, MOST_BARS)
        columns = voices[number] + 1, np.where(since == _NEVER, NEVER_PLAYED, bars)
        return np.where(is_any, columns, 0)

    def advance(self, voice: int, is_note: bool, time: int, bar_steps: int) -> None:
        self._time, self._bar_steps = time, bar_steps
        if is_note:
            self.last_onset[voice] = time
        elif voice >= 0:
            self.last_onset.setdefault(voice, _NEVER)

    @property
    def values(self) -> tuple[int, int]:
        if not self.last_onset:
            return 0, 0
        since, voice = min((since, voice) for voice, since in self.last_onset.items())
        bars = min((self._time - since) // self._bar_steps, MOST_BARS)
        return voice + 1, NEVER_PLAYED if since == _NEVER else bars

    def fork(self) -> LongestSilent:
        other = copy(self)
        other.last_onset = dict(self.last_onset)
        return other

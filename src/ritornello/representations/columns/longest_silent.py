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

_NEVER, _LATEST = -1, 1 << 60


class LongestSilent:
    """Columns: 1 + the voice, or 0 for none; the bars since its last note began, at most MOST_BARS, or NEVER_PLAYED."""

    def __init__(self) -> None:
        self.last_onset: dict[int, int] = {}  # of each voice that counts; -1: none yet
        self._longest = _LATEST, -1  # the last onset of the voice that is silent for longest, and the voice
        self._time, self._bar_steps = 0, 1

    def at_once(self, voice: Ints, is_note: NDArray[np.bool_], time: Ints, bar_steps: Ints) -> Ints:
        """Read the voice that each step names, or -1; whether it begins a note; the time, and the steps of the bar."""
        count, result = len(time), np.zeros((2, len(time)), dtype=np.int64)
        notes, named = np.flatnonzero(is_note), np.flatnonzero(~is_note & (voice >= 0))[::-1]
        player, onset = voice[notes], time[notes]
        by_voice = np.argsort(player.astype(np.int16), kind="stable")
        begins = np.diff(player[by_voice], prepend=-1) != 0
        if len(notes):
            until = np.full(len(notes), count)  # the step at which the voice of a note plays again
            until[by_voice[:-1]] = np.where(begins[1:], count, notes[by_voice[1:]])
            # The first note, by onset and voice, whose voice has not played again is the one looked for. If it is yet
            # to begin, all voices have played at the present time.
            order = np.argsort(onset * (1 + player.max()) + player, kind="stable")
            passed = np.cumsum(np.bincount(np.maximum.accumulate(until[order]), minlength=count + 1))
            heard = slice(notes[0], None)
            found, now = order[passed[:-1][heard]], time[heard]
            lowest = np.minimum.accumulate(player)[np.cumsum(is_note)[heard] - 1]
            has_begun = notes[found] <= np.arange(count)[heard]
            since = np.where(has_begun, onset[found], now)
            result[0, heard] = np.where(has_begun, player[found], lowest) + 1
            result[1, heard] = np.minimum((now - since) // bar_steps[heard], MOST_BARS)
        first = dict(zip(player[by_voice[begins]].tolist(), notes[by_voice[begins]].tolist(), strict=True))
        for each, step in sorted(dict(zip(voice[named].tolist(), named.tolist(), strict=True)).items())[::-1]:
            result[:, step : max(step, first.get(each, count))] = [[each + 1], [NEVER_PLAYED]]
        return result

    def advance(self, voice: int, is_note: bool, time: int, bar_steps: int) -> None:
        self._time, self._bar_steps = time, bar_steps
        if voice < 0:
            return
        last_onset = self.last_onset
        if is_note:
            last_onset[voice] = time
        elif voice not in last_onset:
            last_onset[voice] = _NEVER
        else:
            return
        if voice == self._longest[1] or (last_onset[voice], voice) < self._longest:
            self._longest = min(zip(last_onset.values(), last_onset, strict=True))

    @property
    def values(self) -> tuple[int, int]:
        since, voice = self._longest
        if since == _LATEST:
            return 0, 0
        if since == _NEVER:
            return voice + 1, NEVER_PLAYED
        return voice + 1, min((self._time - since) // self._bar_steps, MOST_BARS)

    def fork(self) -> LongestSilent:
        other = copy(self)
        other.last_onset = dict(self.last_onset)
        return other

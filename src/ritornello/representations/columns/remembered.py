"""What each voice was told last, such as the duration of its notes, since it is told only where it changes."""

from __future__ import annotations

from copy import copy

import numpy as np

from ritornello.arrays import Ints


class Remembered:
    """Columns: what the present voice was told last of each of several things, at first `first`."""

    def __init__(self, *first: int) -> None:
        self._first = first
        self._told: dict[int, tuple[int, ...]] = {}  # by voice
        self._voice = -1

    def at_once(self, voice: Ints, *told: Ints) -> Ints:
        """Read the present voice, -1 for none, and what it is told: a number from 0, or -1 for nothing."""
        order = np.argsort(voice, kind="stable")  # by voice, in time order within
        begins = np.flatnonzero(np.diff(voice[order], prepend=-2))
        floor = np.repeat(begins, np.diff([*begins, len(voice)]))
        result = np.empty((len(told), len(voice)), dtype=np.int64)
        for row, first, values in zip(result, self._first, told, strict=True):
            values = np.where(voice >= 0, values, -1)[order]
            latest = np.where(values >= 0, np.arange(len(voice)), -1)
            latest = np.maximum.accumulate(latest) if len(voice) else latest
            row[order] = np.where(
                latest >= floor, values[latest], first
            )  # what another voice was told is no matter
        return result

    def advance(self, voice: int, *told: int) -> None:
        self._voice = voice
        if voice >= 0:
            pairs = zip(told, self.of(voice), strict=True)
            self._told[voice] = tuple(old if new < 0 else new for new, old in pairs)

    def of(self, voice: int) -> tuple[int, ...]:
        """Return what a voice was told last."""
        return self._told.get(voice, self._first)

    @property
    def values(self) -> tuple[int, ...]:
        return self.of(self._voice)

    def fork(self) -> Remembered:
        other = copy(self)
        other._told = dict(self._told)
        return other

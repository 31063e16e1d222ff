"""The last value of each voice, such as the duration of its notes, where ids have it only when it changes."""

from __future__ import annotations

from copy import copy

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.tokenizer import hold


class Remembered:
    """Columns: the last values, one of each attribute, of the present voice; `first` at the beginning."""

    def __init__(self, *first: int) -> None:
        self._first = first
        self._latest: dict[int, tuple[int, ...]] = {}  # by voice
        self._voice = -1

    def at_once(self, voice: Ints, *values: Ints) -> Ints:
        """Read the present voice, -1 for none, and its new value of each attribute: from 0, or -1 for none."""
        order = np.argsort(voice.astype(np.int16), kind="stable")  # by voice, in time order within
        in_order = voice[order]
        begins = np.append(True, in_order[1:] != in_order[:-1])[: len(voice)]
        result = np.empty((len(values), len(voice)), dtype=np.int64)
        for row, first, new in zip(result, self._first, values, strict=True):
            new = np.where(voice >= 0, new, -1)[order]
            at = np.flatnonzero(begins | (new >= 0))  # where the value changes
            latest = np.where(new[at] >= 0, new[at], first)
            row[order] = hold(at, latest, len(voice))
        return result

    def advance(self, voice: int, *values: int) -> None:
        self._voice = voice
        if voice >= 0:
            pairs = zip(values, self.of(voice), strict=True)
            self._latest[voice] = tuple([old if new < 0 else new for new, old in pairs])

    def of(self, voice: int) -> tuple[int, ...]:
        """Return the last values of a voice."""
        return self._latest.get(voice, self._first)

    @property
    def values(self) -> tuple[int, ...]:
        return self.of(self._voice)

    def fork(self) -> Remembered:
        other = copy(self)
        other._latest = dict(self._latest)
        return other

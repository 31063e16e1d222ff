"""The key so far: the one of the 24 keys that fits all notes up to now best.

A recurrent network forgets the key in which a long piece began. Here all notes so far are counted, each once, and
compared with the profiles of the keys (see `theory.estimate_key`), in whole numbers, so that both ways of computing it
agree. Of keys that fit equally well, the first upwards from the last note counts, so that the column is transposed with
the piece.

Keys are numbered: 12 major ones by tonic, from C up, then 12 minor ones.
"""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import Any

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.tokenizer import hold
from ritornello.theory import key_profiles

KEYS = 24


@cache
def _preference() -> Ints:
    """Return what is added to the points after a note of each pitch class, (12, 24): it is below KEYS, so it decides
    only between keys that fit equally well, and differs for each key, so that the greatest sum also tells the key."""
    upwards = (np.arange(12) - np.arange(12)[:, None]) % 12
    return KEYS - 1 - np.concatenate([upwards, upwards + 12], axis=1)


@cache
def _advances() -> Ints:
    """Return what is added after a note of each pitch class (12: none) for one of each, (13, 12, 24): what it adds to
    the points of each key, multiples of KEYS, and its preference in place of the last one's."""
    points = np.rint(key_profiles().T * 10_000).astype(np.int64) * KEYS
    before = np.concatenate([_preference(), np.zeros((1, KEYS), dtype=np.int64)])
    return np.asarray(points + _preference() - before[:, None])


@cache
def _advances_one_by_one() -> list[list[Ints]]:
    return [list(row) for row in _advances()]


@cache
def _advances_by_key() -> Ints:
    """Return `_advances` as (24, 13 * 12)."""
    return np.ascontiguousarray(_advances().reshape(-1, KEYS).T)


class KeySoFar:
    """Columns: 1 + the key, or 0 before the first note; and 1 + the degree of the last step's note, or 0 for none."""

    def __init__(self) -> None:
        self.key = 0  # 1 + the number of the key, or 0
        self.values = 0, 0
        self._fits, self._last = np.zeros(KEYS, dtype=np.int64), 12  # the points so far; the last pitch class

    def at_once(self, pitch: Ints) -> Ints:
        """Read the pitch of the note of each step, or -1."""
        at = np.flatnonzero(pitch >= 0)
        pitch_class = pitch[at] % 12
        step = np.append(12, pitch_class)[: len(at)] * 12 + pitch_class
        best = np.take(_advances_by_key(), step, axis=1).cumsum(axis=1).max(axis=0)
        order = KEYS - 1 - best % KEYS
        keys = order // 12 * 12 + (order + pitch_class) % 12 + 1
        result = np.zeros((2, len(pitch)), dtype=np.int64)
        result[0] = hold(np.append(0, at), np.append(0, keys), len(pitch))
        result[1, at] = degree(pitch[at], keys) + 1
        return result

    def advance(self, pitch: int) -> None:
        if pitch < 0:
            self.values = self.key, 0
            return
        last, self._last = self._last, pitch % 12
        self._fits = self._fits + _advances_one_by_one()[last][self._last]
        self.key = int(self._fits.argmax()) + 1
        self.values = self.key, (pitch - self.key + 1) % 12 + 1

    def fork(self) -> KeySoFar:
        return copy(self)  # the sums are never changed in place


def degree(pitch: Any, value: Any) -> Any:
    """Return how many semitones a pitch is above the tonic of a key, 0 to 11; `value` is 1 + its number."""
    return (pitch - (value - 1)) % 12


def move_key(key: Any, semitones: int) -> Any:
    """Return the number of a transposed key."""
    return key // 12 * 12 + (key + semitones) % 12


def is_minor(value: int) -> bool:
    """Return whether a key is minor; `value` is 1 + its number."""
    return value > 12

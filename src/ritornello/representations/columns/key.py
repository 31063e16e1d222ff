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
from ritornello.theory import key_profiles

KEYS = 24


@cache
def _points() -> Ints:
    """Return what a note of each pitch class adds to each key, (12, 24): multiples of KEYS, see `_preference`."""
    return np.rint(key_profiles().T * 10_000).astype(np.int64) * KEYS


@cache
def _preference() -> Ints:
    """Return what is added after a note of each pitch class, (12, 24): it is below KEYS, so it decides only between
    keys that fit equally well."""
    upwards = (np.arange(12) - np.arange(12)[:, None]) % 12
    return KEYS - 1 - np.concatenate([upwards, upwards + 12], axis=1)


@cache
def _advances() -> list[list[Ints]]:
    """Return what is added after a note of each pitch class (12: none) for one of each: its points, and its preference
    in place of the last one's."""
    before = np.concatenate([_preference(), np.zeros((1, KEYS), dtype=np.int64)])
    return [list(row) for row in _points() + _preference() - before[:, None]]


class KeySoFar:
    """Columns: 1 + the key, or 0 before the first note; and 1 + the degree of the last step's note, or 0 for none."""

    def __init__(self) -> None:
        self.key = 0  # 1 + the number of the key, or 0
        self.values = 0, 0
        self._fits, self._last = np.zeros(KEYS, dtype=np.int64), 12  # the points so far; the last pitch class

    def at_once(self, pitch: Ints) -> Ints:
        """Read the pitch of the note of each step, or -1."""
        is_note = pitch >= 0
        pitch_class = pitch[is_note] % 12
        fits = np.cumsum(_points()[pitch_class], axis=0) + _preference()[pitch_class]
        keys = fits.argmax(axis=1) + 1
        key = np.concatenate([[0], keys])[np.cumsum(is_note)]
        return np.stack([key, np.where(is_note, degree(pitch, key) + 1, 0)])

    def advance(self, pitch: int) -> None:
        if pitch < 0:
            self.values = self.key, 0
            return
        last, self._last = self._last, pitch % 12
        self._fits = self._fits + _advances()[last][self._last]
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

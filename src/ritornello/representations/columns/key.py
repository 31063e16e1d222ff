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

from ritornello.arrays import Ints, hold
from ritornello.theory import key_profiles

KEYS = 24


_RANKS = 32
"""More than there are keys: a sum of points times this leaves room for the rank that decides between equal sums."""


@cache
def _upwards() -> Ints:
    """Return the keys in the order in which they are preferred after a note of each pitch class, (12, 24)."""
    tonic = (np.arange(12)[:, None] + np.arange(12)) % 12
    return np.concatenate([tonic, tonic + 12], axis=1)


@cache
def _points() -> Ints:
    """Return what a note of each pitch class adds to each key, (12, 24)."""
    return np.rint(key_profiles().T * 10_000).astype(np.int64) * _RANKS


@cache
def _preferences() -> Ints:
    """Return what is added to the sums after a note of each pitch class, (12, 24): the more, the earlier in order."""
    return _RANKS - 1 - np.argsort(_upwards(), axis=1)


@cache
def _steps() -> Ints:
    """Return what each pitch class adds to sums with preferences, by the pitch class before it, (24, 13 * 12).

    The last 12 are those of a first note.
    """
    before = np.concatenate([_preferences(), np.zeros((1, KEYS), dtype=np.int64)])[:, None]
    return np.ascontiguousarray((_points() + _preferences() - before).reshape(-1, KEYS).T)


class KeySoFar:
    """Columns: 1 + the key, or 0 before the first note; and 1 + the degree of the last step's note, or 0 for none."""

    def __init__(self) -> None:
        self.values = 0, 0
        self._fits = np.zeros(KEYS, dtype=np.int64)

    def at_once(self, pitch: Ints) -> Ints:
        """Read the pitch of the note of each step, or -1."""
        at = np.flatnonzero(pitch >= 0)
        pitch_class = pitch[at] % 12
        step = np.append(12, pitch_class)[: len(at)] * 12 + pitch_class
        best = np.take(_steps(), step, axis=1).cumsum(axis=1).max(axis=0)
        keys = _upwards()[pitch_class, _RANKS - 1 - best % _RANKS] + 1
        result = np.zeros((2, len(pitch)), dtype=np.int64)
        result[0] = hold(np.append(0, at), np.append(0, keys), len(pitch))
        result[1, at] = degree(pitch[at], keys) + 1
        return result

    def advance(self, pitch: int) -> None:
        if pitch < 0:
            self.values = self.key, 0
            return
        self._fits = self._fits + _points()[pitch % 12]
        best = int((self._fits + _preferences()[pitch % 12]).max())
        key = int(_upwards()[pitch % 12, _RANKS - 1 - best % _RANKS]) + 1
        self.values = key, degree(pitch, key) + 1

    @property
    def key(self) -> int:
        """1 + the number of the key, or 0."""
        return self.values[0]

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

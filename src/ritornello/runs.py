"""Rolling hashes of all runs (n-grams) of a length in a sequence of numbers; equal runs have equal hashes.

The prefix sums of number * base**index are computed once; the hash of any run is the difference of two of them (Karp
and Rabin 1987), modulo 2**64, in which powers of an odd base have inverses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import stable_order

Hashes = NDArray[np.uint64]

BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(BASE, -1, 1 << 64)
_MASK = (1 << 64) - 1
_ROW = 1024  # powers that are made one by one; the others are products of these


def prefix_sums(numbers: NDArray[np.integer[Any]]) -> Hashes:
    """Return the prefix sums of `numbers` (each at least 0), shape (time + 1,)."""
    terms = numbers.astype(np.uint64) + np.uint64(1)
    terms *= _powers(BASE, len(terms))
    sums = np.zeros(len(terms) + 1, dtype=np.uint64)
    np.cumsum(terms, out=sums[1:])
    return sums


def run_hashes(sums: Hashes, length: int, first: int = 0, stop: int | None = None) -> Hashes:
    """Return the hash of each run of `length` numbers that begins at `first` or later and before `stop`, from their
    `prefix_sums`; empty if there are too few."""
    stop = min(len(sums) if stop is None else stop, max(first, len(sums) - length))
    hashes: Hashes = sums[first + length : stop + length] - sums[first:stop]
    hashes *= _powers(_INVERSE, stop)[first:]
    return hashes


def repeated(hashes: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of all hashes that have an equal one before them, in any order, and of the last such one.

    They are sorted by their low 32 bits, and by all 64 only if two of them differ in the others alone.
    """
    keys: Any
    for keys in (hashes.astype(np.uint32), hashes):
        order = stable_order(keys)
        at = np.flatnonzero(np.diff(keys[order]) == 0)
        again, before = order[at + 1], order[at]
        if keys is hashes or np.array_equal(hashes[again], hashes[before]):
            break
    return again, before


def run_hashes_at(sums: Hashes, starts: NDArray[np.integer[Any]], length: int) -> Hashes:
    """Return those of `run_hashes` that begin at `starts`."""
    hashes: Hashes = sums[starts + length] - sums[starts]
    return np.asarray(hashes * _powers(_INVERSE, len(sums) - length)[starts])


_tables: dict[int, Hashes] = {}
"""The first powers of BASE and of its inverse: as many as were ever asked for."""


def _powers(base: int, asked: int) -> Hashes:
    table = _tables.get(base, np.zeros(0, dtype=np.uint64))
    if len(table) < asked:
        count = max(asked, 2 * len(table))  # so that many that grow are not made anew each time
        row = np.cumprod(np.array([1] + [base] * (_ROW - 1), dtype=np.uint64))
        starts = np.full(-(-count // _ROW), pow(base, _ROW, 1 << 64), dtype=np.uint64)
        starts[:1] = 1
        table = _tables[base] = np.multiply.outer(np.cumprod(starts), row).ravel()
    return table[:asked]


@dataclass
class RollingHash:
    """The hash of the last `length` numbers, equal to that of `run_hashes`; of fewer until there are so many."""

    length: int
    value: int = 0
    _pushed: int = 0  # at most `length`

    def advance(self, number: int, leaving: int | None) -> None:
        """Add the next number; `leaving`: the number `length` before it, None if there is none."""
        if leaving is None:
            self.value = self.value + (number + 1) * pow(BASE, self._pushed, 1 << 64) & _MASK
            self._pushed += 1
        else:
            kept = (self.value - leaving - 1) * _INVERSE
            self.value = kept + (number + 1) * _last_power(self.length) & _MASK

    def fork(self) -> RollingHash:
        """Return an independent copy."""
        return replace(self)


@lru_cache
def _last_power(length: int) -> int:
    return pow(BASE, length - 1, 1 << 64)

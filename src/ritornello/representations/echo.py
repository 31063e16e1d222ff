"""What came next the last time: the id that followed the latest earlier occurrence of what was just heard.

A recurrent network forgets the notes of a section long before the section returns. So the past is searched for the
last ORDERS[k] ids; the longest that occurred before counts. Both what followed it (the *echo*) and how long it was
(its *order*, 0 if there was none) are shown to the network, which learns how far to trust them. Only the past is
searched, so both are causal.

`echoes` does it for a whole piece at once; an `Echo` one id at a time, with the same result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

ORDERS = (6, 12, 24, 48)
"""How many ids must be the same."""

_BASE = 0x9E3779B97F4A7C15  # odd, so that its powers can be divided by modulo 2**64
_INVERSE = pow(_BASE, -1, 1 << 64)


def echoes(ids: NDArray[np.signedinteger[Any]]) -> tuple[Ints, Ints]:
    """Return the echo of each id (an id, or -1) and its order (0 to len(ORDERS)), each (time,)."""
    echo = np.full(len(ids), -1, dtype=np.int64)
    order = np.zeros(len(ids), dtype=np.int64)
    hashes = _prefix_hashes(ids)
    for number, length in enumerate(ORDERS, 1):
        before = _previous(_window_hashes(hashes, length)) + length - 1
        ends = np.flatnonzero(before >= length - 1)
        at = ends + length - 1
        echo[at], order[at] = ids[before[ends] + 1], number
    return echo, order


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _prefix_hashes(ids: NDArray[np.signedinteger[Any]]) -> NDArray[np.uint64]:
    """Return the sums of id * base**place over all beginnings, modulo 2**64, (time + 1,)."""
    terms = (ids.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, len(ids))
    return np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms, dtype=np.uint64)])


def _window_hashes(hashes: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """Return a number for each run of `length` ids, the same for the same run wherever it is (Karp and Rabin 1987)."""
    if len(hashes) <= length:
        return np.zeros(0, dtype=np.uint64)
    return (hashes[length:] - hashes[:-length]) * _powers(_INVERSE, len(hashes) - length)


def _previous(values: NDArray[np.uint64]) -> Ints:
    """Return for each value the index of its latest earlier occurrence; a large negative number if there is none."""
    order = np.argsort(values, kind="stable")
    same = values[order[1:]] == values[order[:-1]]
    previous = np.full(len(values), -(1 << 40), dtype=np.int64)
    previous[order[1:][same]] = order[:-1][same]
    return previous


@dataclass
class Echo:
    """The ids of a piece so far; `value` and `order` are the echo after the last of them."""

    ids: list[int] = field(default_factory=list)
    places: dict[tuple[int, ...], int] = field(default_factory=dict)
    value: int = -1
    order: int = 0

    def push(self, token: int) -> None:
        """Take the next id."""
        self.ids.append(token)
        self.value, self.order = -1, 0
        for number, length in enumerate(ORDERS, 1):
            if len(self.ids) < length:
                break
            run = tuple(self.ids[-length:])
            if run in self.places:
                self.value, self.order = self.ids[self.places[run] + 1], number
            self.places[run] = len(self.ids) - 1

    def copy(self) -> Echo:
        """Return an independent copy."""
        return Echo(list(self.ids), dict(self.places), self.value, self.order)

"""What came next the last time: the id that followed the latest earlier occurrence of what was just heard.

A recurrent network forgets the notes of a section long before the section returns. So the past is searched for the
last ORDERS[k] ids; the longest that occurred before counts. Both what followed it (the *echo*) and how long it was
(its *order*, 0 if there was none) are shown to the network, which learns how far to trust them. Only the past is
searched, so both are causal.

Memory is bounded: what is more than REACH ids ago is forgotten.

`echoes` does it for a whole piece at once; an `Echo` one id at a time, with the same result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.runs import RollingHash, prefix_sums, run_hashes

Ints = NDArray[np.int64]

ORDERS = (6, 12, 24, 48)
"""How many ids must be the same."""

REACH = 8192
"""How many ids ago the same may have been heard."""

_LAYER = 1024  # ids whose runs are remembered together


def echoes(ids: NDArray[np.signedinteger[Any]]) -> tuple[Ints, Ints]:
    """Return the echo of each id (an id, or -1) and its order (0 to len(ORDERS)), each (time,)."""
    echo = np.full(len(ids), -1, dtype=np.int64)
    order = np.zeros(len(ids), dtype=np.int64)
    sums = prefix_sums(ids)
    for number, length in enumerate(ORDERS, 1):
        hashes = run_hashes(sums, length)
        before = _previous(hashes)
        found = np.flatnonzero((before >= 0) & (np.arange(len(before)) - before <= REACH))
        echo[found + length - 1], order[found + length - 1] = ids[before[found] + length], number
    return echo, order


def _previous(values: NDArray[np.uint64]) -> Ints:
    """Return for each value the index of its latest earlier occurrence, or -1."""
    order = np.argsort(values, kind="stable")
    same = values[order[1:]] == values[order[:-1]]
    previous = np.full(len(values), -1, dtype=np.int64)
    previous[order[1:][same]] = order[:-1][same]
    return previous


class _Past:
    """What followed the latest occurrence of each run, by its hash. Copies share all but the newest layer."""

    def __init__(self) -> None:
        self._layers: tuple[dict[int, tuple[int, int]], ...] = ()  # the newest first
        self._newest: dict[int, tuple[int, int]] = {}
        self._count = 0  # ids that followed something

    def find(self, run: int) -> int:
        """Return the id that followed this run, or -1."""
        for layer in (self._newest, *self._layers):
            if run in layer:
                number, token = layer[run]
                return token if self._count - number <= REACH else -1
        return -1

    def put(self, runs: Iterable[int], token: int) -> None:
        """Remember that `token` followed these runs."""
        self._newest.update(dict.fromkeys(runs, (self._count, token)))
        self._count += 1
        if self._count % _LAYER == 0:
            self._layers = (self._newest, *self._layers[: REACH // _LAYER])
            self._newest = {}

    def copy(self) -> _Past:
        """Return an independent copy."""
        other = copy(self)
        other._newest = dict(self._newest)
        return other


@dataclass
class Echo:
    """The ids of a piece so far; `value` and `order` are the echo after the last of them."""

    value: int = -1
    order: int = 0
    _ids: deque[int] = field(default_factory=lambda: deque(maxlen=ORDERS[-1]))
    _runs: list[RollingHash] = field(default_factory=lambda: [RollingHash(length) for length in ORDERS])
    _past: _Past = field(default_factory=_Past)

    def push(self, token: int) -> None:
        """Take the next id."""
        count = len(self._ids)
        self._past.put((run.value for run in self._runs if count >= run.length), token)
        self.value, self.order = -1, 0
        for run in self._runs:
            run.push(token, self._ids[-run.length] if count >= run.length else None)
        for number, run in enumerate(self._runs, 1):
            found = self._past.find(run.value) if count + 1 >= run.length else -1
            if found < 0:
                break  # a longer run cannot have been heard either
            self.value, self.order = found, number
        self._ids.append(token)

    def copy(self) -> Echo:
        """Return an independent copy."""
        return Echo(
            self.value, self.order, self._ids.copy(), [run.copy() for run in self._runs], self._past.copy()
        )

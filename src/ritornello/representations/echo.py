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

from ritornello.runs import prefix_sums, run_hashes

Ints = NDArray[np.int64]

ORDERS = (6, 12, 24, 48)
"""How many ids must be the same."""


def echoes(ids: NDArray[np.signedinteger[Any]]) -> tuple[Ints, Ints]:
    """Return the echo of each id (an id, or -1) and its order (0 to len(ORDERS)), each (time,)."""
    echo = np.full(len(ids), -1, dtype=np.int64)
    order = np.zeros(len(ids), dtype=np.int64)
    sums = prefix_sums(ids)
    for number, length in enumerate(ORDERS, 1):
        before = _previous(run_hashes(sums, length)) + length - 1
        ends = np.flatnonzero(before >= length - 1)
        at = ends + length - 1
        echo[at], order[at] = ids[before[ends] + 1], number
    return echo, order


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

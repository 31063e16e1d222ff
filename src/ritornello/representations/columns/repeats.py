"""Repeats: what followed the latest earlier occurrence of the last ids (longest-suffix match, as in PPM and LZ).

A recurrent network forgets the notes of a section long before the section returns. So the past is searched for the
last n ids, for each n of some ascending `orders`, and the id that followed them the last time, the *repeat* of that
order, is a candidate column; the network learns how reliable each order is. Only the past is searched, so repeats are
causal. Memory is bounded: only the last REACH ids are searched.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ritornello.arrays import Ints
from ritornello.representations.base import Column
from ritornello.runs import BASE, prefix_sums, run_hashes


def _ascending(orders: tuple[int, ...]) -> tuple[int, ...]:
    if list(orders) != sorted(set(orders)):
        raise ValueError("each must be greater than the one before")
    return orders


Orders = Annotated[
    tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(max_length=8), AfterValidator(_ascending)
]
"""How many ids must be the same, ascending."""

REACH = 8192
"""How many ids ago the earlier occurrence may be."""

_LAYER = 1024  # ids whose runs are in one layer of `_Past`

_MASK = (1 << 64) - 1

_ID_BITS = 32
_LAST_ID = (1 << _ID_BITS) - 1


def repeat_columns(vocabulary_size: int, orders: tuple[int, ...]) -> tuple[Column, ...]:
    """Return the names and sizes of the columns of repeats."""
    return tuple(Column(f"repeat of {order}", vocabulary_size + 1, is_candidate=True) for order in orders)


class Repeats:
    """Columns: 1 + the repeat of each order after the last id, or 0 for none."""

    def __init__(self, orders: tuple[int, ...]) -> None:
        self.values = self._none = (0,) * len(orders)
        self._orders = orders
        self._powers = [(order, pow(BASE, order, 1 << 64)) for order in orders]
        # A polynomial of the ids up to each of the last ones, modulo 2**64: the hash of a run is a difference of two
        # (Karp and Rabin 1987).
        self._sums = deque([0], maxlen=max(orders, default=0) + 1)
        self._runs: list[int] = []  # the hashes of the last ids, for each order for which there are so many
        self._count = 0
        # By hash, what followed the latest occurrence of a run: the number of an id, << _ID_BITS, and the id. Forks
        # share all layers but the newest.
        self._newest: dict[int, int] = {}
        self._layers: tuple[dict[int, int], ...] = ()  # the newest first

    def at_once(self, ids: NDArray[np.signedinteger[Any]]) -> Ints:
        result = np.zeros((len(self._orders), len(ids)), dtype=np.int64)
        sums = prefix_sums(ids)
        for row, length in zip(result, self._orders, strict=True):
            hashes = run_hashes(sums, length)
            order = np.argsort(hashes, kind="stable")
            again, before = (
                order[1:],
                order[:-1],
            )  # each run, and its latest earlier occurrence, if they are the same
            found = (hashes[again] == hashes[before]) & (again - before <= REACH)
            row[again[found] + length - 1] = ids[before[found] + length] + 1
        return result

    def advance(self, token: int) -> None:
        newest, layers, sums, count = self._newest, self._layers, self._sums, self._count
        place = count << _ID_BITS | token
        for run in self._runs:
            newest[run] = place
        self._count = count = count + 1
        if count % _LAYER == 0:
            self._layers = layers = (newest, *layers[: REACH // _LAYER])
            newest = self._newest = {}
        total = sums[-1] * BASE + token + 1 & _MASK
        sums.append(total)
        runs, values, is_known = [], [], True
        for order, power in self._powers:
            if order > count:
                break
            run = total - sums[-1 - order] * power & _MASK
            runs.append(run)
            if is_known:  # else a longer run cannot have occurred either
                found = newest.get(run)
                if found is None and layers:
                    found = next((layer[run] for layer in layers if run in layer), None)
                if is_known := found is not None and count - (found >> _ID_BITS) <= REACH:
                    values.append((found & _LAST_ID) + 1)
        self._runs = runs
        self.values = (*values, *self._none[len(values) :]) if values else self._none

    def fork(self) -> Repeats:
        other = copy(self)
        other._sums, other._newest = self._sums.copy(), dict(self._newest)
        return other

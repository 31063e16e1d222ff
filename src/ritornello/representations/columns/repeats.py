"""Repeats: what followed the latest earlier occurrence of the last ids (longest-suffix match, as in PPM and LZ).

A recurrent network forgets the notes of a section long before the section returns. So the past is searched for the
last n ids, for each n of some ascending `orders`, and the id that followed them the last time, the *repeat* of that
order, is a candidate column; the network learns how reliable each order is. Only the past is searched, so repeats are
causal. Memory is bounded: only the last REACH ids are searched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from copy import copy
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ritornello.arrays import Ints
from ritornello.representations.base import Column
from ritornello.runs import RollingHash, prefix_sums, repeated, run_hashes


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


def repeat_columns(vocabulary_size: int, orders: tuple[int, ...]) -> tuple[Column, ...]:
    """Return the names and sizes of the columns of repeats."""
    return tuple(Column(f"repeat of {order}", vocabulary_size + 1, is_candidate=True) for order in orders)


class Repeats:
    """Columns: 1 + the repeat of each order after the last id, or 0 for none."""

    def __init__(self, orders: tuple[int, ...]) -> None:
        self.values = (0,) * len(orders)
        self._orders = orders
        self._runs = [RollingHash(order) for order in orders]
        self._ids: deque[int] = deque(maxlen=max(orders, default=0))
        self._past = _Past()

    def at_once(self, ids: NDArray[np.signedinteger[Any]]) -> Ints:
        result = np.zeros((len(self._orders), len(ids)), dtype=np.int64)
        sums, ends = prefix_sums(ids), np.arange(len(ids))
        for row, length in zip(result, self._orders, strict=True):
            ends = ends[np.searchsorted(ends, length - 1) :]  # of the runs that may occur twice
            again, before = (ends[each] for each in repeated(run_hashes(sums, length)[ends - (length - 1)]))
            is_near = again - before <= REACH
            row[again] = np.where(is_near, ids[before + 1] + 1, 0)
            twice = np.zeros(len(ids), dtype=bool)  # a longer run occurs twice only if its end does
            twice[again] = twice[before] = True
            ends = np.flatnonzero(twice)
        return result

    def advance(self, token: int) -> None:
        count = len(self._ids)
        self._past.put((run.value for run in self._runs if count >= run.length), token)
        values = [0] * len(self._runs)
        for run in self._runs:
            run.advance(token, self._ids[-run.length] if count >= run.length else None)
        for number, run in enumerate(self._runs):
            found = self._past.find(run.value) if count + 1 >= run.length else -1
            if found < 0:
                break  # a longer run cannot have occurred either
            values[number] = found + 1
        self.values = tuple(values)
        self._ids.append(token)

    def fork(self) -> Repeats:
        other = copy(self)
        other._runs, other._ids = [run.fork() for run in self._runs], self._ids.copy()
        other._past = self._past.fork()
        return other


class _Past:
    """The id after the latest occurrence of each run, by its hash. Copies share all but the newest layer."""

    def __init__(self) -> None:
        self._layers: tuple[dict[int, tuple[int, int]], ...] = ()  # the newest first
        self._newest: dict[int, tuple[int, int]] = {}
        self._count = 0  # calls of `put`

    def find(self, run: int) -> int:
        """Return the id that followed this run, or -1."""
        for layer in (self._newest, *self._layers):
            if run in layer:
                number, token = layer[run]
                return token if self._count - number <= REACH else -1
        return -1

    def put(self, runs: Iterable[int], token: int) -> None:
        """Store that `token` followed these runs."""
        self._newest.update(dict.fromkeys(runs, (self._count, token)))
        self._count += 1
        if self._count % _LAYER == 0:
            self._layers = (self._newest, *self._layers[: REACH // _LAYER])
            self._newest = {}

    def fork(self) -> _Past:
        """Return an independent copy."""
        other = copy(self)
        other._newest = dict(self._newest)
        return other

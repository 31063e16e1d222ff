"""Repeats: what followed the latest earlier occurrence of the last ids (longest-suffix match, as in PPM and LZ).

A recurrent network forgets the notes of a section long before the section returns. So the past is searched for the
last n ids, for each n of some ascending `orders`, and the id that followed them the last time, the *repeat* of that
order, is a candidate column; the network learns how reliable each order is. Only the past is searched, so repeats are
causal. Memory is bounded: only the last REACH ids are searched.
"""

from __future__ import annotations

from array import array
from copy import copy
from functools import cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ritornello.arrays import Ints
from ritornello.representations.base import Column
from ritornello.runs import BASE, prefix_sums, repeated, run_hashes


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

_LAYER = 1024  # ids whose runs are in one dictionary

_MASK = (1 << 64) - 1


@cache
def _powers(orders: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return each order, and that power of BASE."""
    return tuple((order, pow(BASE, order, 1 << 64)) for order in orders)


def repeat_columns(vocabulary_size: int, orders: tuple[int, ...]) -> tuple[Column, ...]:
    """Return the names and sizes of the columns of repeats."""
    return tuple(Column(f"repeat of {order}", vocabulary_size + 1, is_candidate=True) for order in orders)


class Repeats:
    """Columns: 1 + the repeat of each order after the last id, or 0 for none."""

    def __init__(self, orders: tuple[int, ...]) -> None:
        self.values = self._none = (0,) * len(orders)
        self._orders = orders
        self._powers = _powers(orders)
        # Arrays, since they lie in one piece of memory: the last ids, and for each of them a polynomial of all ids up
        # to it, modulo 2**64: the hash of a run is a difference of two (Karp and Rabin 1987).
        self._ids, self._sums = array("q"), array("Q", [0])
        self._dropped = 0  # ids before those
        # By hash, the number of the id after the latest occurrence of a run; ~number if it is the only one, of which no
        # longer run is stored yet. Forks share all layers but the newest.
        self._newest: dict[int, int] = {}
        self._layers: tuple[dict[int, int], ...] = ()  # the newest first

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
        ids, sums, newest, layers = self._ids, self._sums, self._newest, self._layers
        total = sums[-1] * BASE + token + 1 & _MASK
        ids.append(token)
        sums.append(total)
        dropped = self._dropped
        number, only, values = dropped + len(ids), 0, []
        for order, power in self._powers:
            if order > number:
                break
            if only >= order:  # the earlier occurrence of the shorter run was the only one so far
                at = only - dropped
                newest[sums[at] - sums[at - order] * power & _MASK] = ~only
            run = total - sums[-1 - order] * power & _MASK
            found = newest.get(run)
            if found is None:
                for layer in layers:
                    found = layer.get(run)
                    if found is not None:
                        break
            only = 0 if found is None or found >= 0 else ~found
            earlier = only or found
            if earlier is None or number - earlier > REACH:
                newest[run] = ~number
                break  # a longer run cannot have occurred either
            newest[run] = number
            values.append(ids[earlier - dropped] + 1)
        self.values = (*values, *self._none[len(values) :]) if values else self._none
        if number % _LAYER == 0:
            self._layers, self._newest = (newest, *layers[: REACH // _LAYER]), {}
            if len(ids) > 2 * REACH:
                self._dropped += REACH - _LAYER
                del ids[: REACH - _LAYER], sums[: REACH - _LAYER]

    def fork(self) -> Repeats:
        other = copy(self)
        other._ids, other._sums, other._newest = self._ids[:], self._sums[:], dict(self._newest)
        return other

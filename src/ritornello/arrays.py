"""The types of the arrays that notes and ids come in, and their sorting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
"""Over the vocabulary: which ids are meant. Over time: at which steps something holds."""

Floats = NDArray[np.float64]


def run_edges(values: NDArray[Any]) -> Ints:
    """Return where runs of equal `values` begin, and then their number."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.concatenate(([0], changes, [len(values)])) if len(values) else np.zeros(1, dtype=np.int64)


def stable_order(*keys: NDArray[Any]) -> Ints:
    """Return the order that sorts by the first of `keys`, then by the next, and so on; what is equal stays in order.

    The keys are integers, none negative.
    """
    order = None
    for key in reversed(keys):
        values = key if order is None else key[order]
        if (values[1:] < values[:-1]).any():
            by_value = _radix_order(values)
            order = by_value if order is None else order[by_value]
    return np.arange(len(keys[0])) if order is None else order


def _radix_order(values: NDArray[Any]) -> Ints:
    """Return the stable sorting order of `values`; numpy has radix sort for up to 16 bits, its fastest."""
    bits = int(values.max()).bit_length()
    order = np.argsort(values.astype(np.uint8 if bits <= 8 else np.uint16), kind="stable")
    for shift in range(16, bits, 16):
        order = order[np.argsort((values[order] >> shift).astype(np.uint16), kind="stable")]
    return order


def hold(at: Ints, values: NDArray[Any], count: int) -> NDArray[Any]:
    """Return `values` over `count` steps, each from its place in `at`, ascending from 0, up to the next one."""
    edges = np.append(at, count)
    return np.repeat(values, edges[1:] - edges[:-1])


def commonest(values: Ints, beside: Ints, size: int) -> Ints:
    """Return for each number below `size` what stands beside it most often, the lowest of several; -1 for none.

    values, beside: of the same shape, from 0 up.
    """
    counts = np.zeros((size, 1 + int(beside.max(initial=0))), dtype=np.int64)
    np.add.at(counts, (values, beside), 1)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)

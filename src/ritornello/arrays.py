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


def stable_order(*keys: Ints) -> Ints:
    """Return the order that sorts by the first of `keys`, then by the next, and so on; what is equal stays in order.

    No key is negative. It is a radix sort, which numpy has for 16 bits only, and faster than its others.
    """
    order: Ints | None = None
    for key in reversed(keys):
        for shift in range(0, int(key.max(initial=0)).bit_length(), 16):
            digits = (key >> shift if shift else key).astype(np.uint16)
            if order is None:
                order = np.argsort(digits, kind="stable")
            else:
                order = order[np.argsort(digits[order], kind="stable")]
    return np.arange(len(keys[0])) if order is None else order

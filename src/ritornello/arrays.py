"""The types of the arrays that notes and ids come in, and their sorting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
"""Over the vocabulary: which ids are meant. Over time: at which steps something holds."""

Floats = NDArray[np.float64]


def stable_order(keys: Ints) -> Ints:
    """Return the stable sorting order of `keys`, none negative; a radix sort, faster than numpy's of 64 bits."""
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    for shift in range(16, int(keys.max(initial=0)).bit_length(), 16):
        order = order[np.argsort((keys[order] >> shift).astype(np.uint16), kind="stable")]
    return order

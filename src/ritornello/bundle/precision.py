"""How a bundle stores its weights: as they are, as halves, or in 8-bit blocks.

In blocks, each BLOCK values of a row are integers from -127 to 127 times a scale, a half: block-wise quantisation
(Dettmers and others 2022, arXiv:2110.02861) with equal steps, as Q8_0 of ggml has it. An outlier makes the steps of its
own block larger, not those of a whole matrix. The values are stored as an array of the matrix's name and shape, the
scales beside them under that name and SCALES.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Precision = Literal["float32", "float16", "int8"]
"""float16: every weight is a half; int8: matrices are in blocks, all others are halves."""

Weights = dict[str, NDArray[Any]]

BLOCK = 64
"""Values of a row that share a scale; the last block of a row may be shorter."""

SCALES = "/scales"

_LARGEST = 127


def narrowed(weights: Weights, precision: Precision) -> Weights:
    """Return float32 weights as a bundle stores them; those of other types stay as they are.

    Numbers beyond the range of `precision` become infinite. Rows shorter than a block would hardly become smaller in
    8 bits; they are halves.
    """
    found: Weights = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for name, array in weights.items():
            if array.dtype != np.float32 or precision == "float32":
                found[name] = array
            elif precision == "int8" and array.ndim > 1 and array.shape[-1] >= BLOCK:
                found[name], found[name + SCALES] = quantise(array, np.float16)
            else:
                found[name] = array.astype(np.float16)
    return found


def widened(stored: Weights) -> Weights:
    """Return stored weights as the numbers that they stand for, halves and blocks as float32."""
    found: Weights = {}
    for name, array in stored.items():
        if array.dtype == np.int8:
            found[name] = dequantise(array, stored[name + SCALES])
        elif not name.endswith(SCALES):
            found[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return found


def check_blocks(stored: Weights) -> None:
    """Raise ValueError if the values and scales of blocks do not fit each other."""
    for name, array in stored.items():
        scales = stored.get(name + SCALES)
        values = stored.get(name.removesuffix(SCALES))
        if name.endswith(SCALES) and (values is None or values.dtype != np.int8):
            raise ValueError(f"{name} belongs to no values of 8 bits")
        if array.dtype == np.int8:
            if scales is None or scales.dtype != np.float16:
                raise ValueError(f"{name} has values of 8 bits without scales of 16 bits")
            _check_shapes(array, scales)


def quantise(rows: NDArray[np.floating[Any]], scale_type: Any) -> tuple[NDArray[np.int8], NDArray[Any]]:
    """Return the values of rows (..., width), of the same shape, and the scales, (..., blocks), of `scale_type`.

    Where a scale is a normal number of its type, the restored number is within half a scale of the original.
    """
    width, blocks = rows.shape[-1], _blocks(rows.shape[-1])
    padding = [(0, 0)] * (rows.ndim - 1) + [(0, blocks * BLOCK - width)]
    padded = np.pad(rows, padding).reshape(*rows.shape[:-1], blocks, BLOCK)
    scales = (np.abs(padded).max(axis=-1) / _LARGEST).astype(scale_type)
    steps = np.where(scales == 0, 1, scales).astype(np.float32)[..., None]
    values = np.clip(np.rint(padded / steps), -_LARGEST, _LARGEST).astype(np.int8)
    return values.reshape(*rows.shape[:-1], blocks * BLOCK)[..., :width], scales


def dequantise(values: NDArray[np.int8], scales: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the numbers that values (..., width) and scales (..., blocks) stand for.

    ValueError if the shapes do not fit each other.
    """
    _check_shapes(values, scales)
    width = values.shape[-1]
    restored = np.empty(values.shape, dtype=np.float32)
    whole, rest = divmod(width, BLOCK)
    for first, blocks, size in ((0, whole, BLOCK), (whole, 1, rest)):
        if blocks and size:
            part = (..., slice(first * BLOCK, first * BLOCK + blocks * size))
            shape = (*values.shape[:-1], blocks, size)
            steps = scales[..., first : first + blocks, None].astype(np.float32)
            np.multiply(values[part].reshape(shape), steps, out=restored[part].reshape(shape))
    return restored


def _check_shapes(values: NDArray[Any], scales: NDArray[Any]) -> None:
    width = values.shape[-1] if values.ndim else 0
    if not values.ndim or scales.shape != (*values.shape[:-1], _blocks(width)):
        raise ValueError(f"values of shape {values.shape} do not fit scales of shape {scales.shape}")


def _blocks(width: int) -> int:
    return -(-width // BLOCK)

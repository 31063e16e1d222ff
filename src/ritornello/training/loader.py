"""The data loader: batches are made where the network is, from rows of input columns that lie there.

Windows of rows are gathered and moved to other keys by table. Rows are derived from the ids of a piece once, in its own
key, as small integers (`shards.row_type`): 2 bytes for each column, 36 bytes an id for the 18 columns of `multitrack`.
If those of the whole corpus fit (`memory.room_for_rows`), they stay on the device, `ResidentRows`; on a graphics card
all of them are derived before the first step, by all cores, on a processor those of a piece when it is first begun.
Else a thread derives the pieces ahead that will be begun next, and only the windows go to the device, `StreamedRows`.

A batch is the same either way, on every device, to the last bit. Nothing here waits for a device.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ritornello.corpus.pool import Failure, map_guarded
from ritornello.corpus.shards import Corpus, Rows, open_corpus, row_type
from ritornello.corpus.streams import ALL_KEYS, Windows
from ritornello.errors import CorpusError
from ritornello.representations.columns import transposition
from ritornello.training.memory import room_for_rows

IGNORE = -100
"""The target of padding; torch's cross-entropy ignores it by default."""

BLOCK, OVERLAP = 1 << 16, 1 << 13
"""Of a longer piece so many ids are derived at a time when it is streamed, and those of the longest window more."""

AHEAD = 64
"""The pieces that are derived ahead when they are streamed."""


@dataclass(frozen=True)
class Batch:
    """inputs: (row, time, column) int64. targets: (row, time) int64. reset: (row,) bool, true where a piece begins.

    total: number of targets other than IGNORE, in the rows of all processes.
    """

    inputs: Tensor
    targets: Tensor
    reset: Tensor
    total: int


class Loader:
    """Makes the batches of a corpus on a device."""

    def __init__(
        self,
        corpus: Corpus,
        device: torch.device,
        semitones: Sequence[int] = ALL_KEYS,
        *,
        room: int | None = None,
        processes: int = 1,
    ) -> None:
        """semitones: those of the windows to come. room: the bytes that rows may take; by default what the device has
        to spare, for each of so many processes."""
        self.device = device
        room = room_for_rows(device, processes) if room is None else room
        fits = bytes_per_id(corpus) * int(corpus.index["length"].sum()) <= room
        self.rows: ResidentRows | StreamedRows
        self.rows = ResidentRows(corpus, device) if fits else StreamedRows(corpus, device, room)
        low, high = int(corpus.index["low"].min(initial=0)), int(corpus.index["high"].max(initial=0))
        self._keys = _Keys(corpus, device, [move for move in semitones if low <= move <= high])

    def load(self, windows: Windows) -> Batch:
        """Return the batch that reads `windows`."""
        numbers = [
            self.rows.places(windows),
            windows.count,
            windows.unscored,
            self._keys.number[windows.semitones],
            windows.reset,
        ]
        place, count, unscored, key, reset = to_device(np.stack(numbers).astype(np.int64), self.device)
        steps = torch.arange(windows.steps, device=self.device)
        rows = self._keys.move(self.rows.gather(windows, place, count), key)
        inside = steps < count[:, None]
        inputs = (rows[:, :-1] * inside[..., None]).long()
        targets = torch.where(inside & (steps >= unscored[:, None]), rows[:, 1:, 0].long(), IGNORE)
        return Batch(inputs, targets, reset.bool(), windows.total)


def bytes_per_id(corpus: Corpus) -> int:
    """Return the memory that the rows of a corpus take for each id."""
    return len(corpus.representation.columns) * row_type(corpus.representation).itemsize


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array as a tensor on a device. The copy to a graphics card is begun, not waited for."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class _Keys:
    """Moves rows to other keys, by a table of the values of all columns in every key."""

    def __init__(self, corpus: Corpus, device: torch.device, semitones: Sequence[int]) -> None:
        moves = [0, *(move for move in semitones if move)]
        each = [transposition(corpus.representation, move) for move in moves]
        self.number = np.zeros(
            2 * max(map(abs, moves)) + 1, dtype=np.int64
        )  # of a move; negative ones from the end
        self.number[moves] = np.arange(len(moves))
        self._is_needed = len(moves) > 1
        self._turns = any((one.source != each[0].source).any() for one in each)
        table, source = np.concatenate([one.table for one in each]), np.stack([one.source for one in each])
        first = each[0].first + len(each[0].table) * np.arange(len(moves))[:, None]
        self._table = torch.from_numpy(table.astype(np.int32)).to(device)
        self._source, self._first = (torch.from_numpy(part).to(device) for part in (source, first))

    def move(self, rows: Tensor, key: Tensor) -> Tensor:
        """Return rows (row, time, column) moved by `key`, (row,): the numbers of moves."""
        if not self._is_needed:
            return rows
        if self._turns:
            rows = rows.gather(2, self._source[key][:, None].expand(rows.shape))
        places = rows + self._first[key][:, None]
        return self._table[places]


class RowSource(Protocol):
    """Where the rows of windows come from."""

    def places(self, windows: Windows) -> NDArray[np.int64]:
        """Return a number for each row of `windows`, given to `gather`."""

    def gather(self, windows: Windows, place: Tensor, count: Tensor) -> Tensor:
        """Return rows of columns, (row, steps + 1, column), in the pieces' own key; after `count` + 1 steps, any."""


class ResidentRows:
    """The rows of all pieces of a corpus, one piece after another, on a device."""

    def __init__(self, corpus: Corpus, device: torch.device) -> None:
        self._corpus, self._device = corpus, device
        lengths = corpus.index["length"].astype(np.int64)
        self._start = np.cumsum(lengths) - lengths
        self._is_known = np.zeros(len(lengths), dtype=bool)
        shape = int(lengths.sum()), len(corpus.representation.columns)
        kind = torch.int16 if row_type(corpus.representation).itemsize == 2 else torch.int32
        self._rows = torch.empty(
            shape, dtype=kind, device=device
        )  # a processor's pages are taken when written to

    def derive(self) -> None:
        """Derive the rows of all pieces, by all cores."""
        if not (self._corpus.path / "corpus.json").exists():  # of a corpus in memory
            return self._ensure(np.arange(len(self._start)))
        derive = functools.partial(_rows_of, self._corpus.path)
        for piece, rows in map_guarded(derive, range(len(self._start))):
            if isinstance(rows, Failure):
                raise CorpusError(f"{self._corpus.names()[piece]}: its columns: {rows.message}")
            self._put(piece, rows)

    def places(self, windows: Windows) -> NDArray[np.int64]:
        self._ensure(windows.piece)
        return np.asarray(self._start[windows.piece] + windows.offset)

    def gather(self, windows: Windows, place: Tensor, count: Tensor) -> Tensor:
        ahead = torch.arange(windows.steps + 1, device=self._device)
        index = place[:, None] + torch.minimum(ahead, count[:, None])
        return self._rows.index_select(0, index.flatten()).view(*index.shape, -1)

    def _ensure(self, pieces: NDArray[np.int64]) -> None:
        for piece in np.unique(pieces[~self._is_known[pieces]]).tolist():
            self._put(piece, self._corpus.rows(piece))

    def _put(self, piece: int, rows: Rows) -> None:
        start = int(self._start[piece])
        self._rows[start : start + len(rows)] = to_device(rows, self._device)
        self._is_known[piece] = True


def _rows_of(path: Path, piece: int) -> Rows:
    """Return the rows of a piece, in a worker process."""
    return _opened(path).rows(piece)


@functools.lru_cache(maxsize=1)
def _opened(path: Path) -> Corpus:
    return open_corpus(path, check=False)  # the process that began this one has checked it


class StreamedRows:
    """Blocks of the rows of those pieces that are read, derived ahead by a thread.

    `room` bytes of them are kept, the latest used ones; and always those that are read now or ahead.
    """

    def __init__(self, corpus: Corpus, device: torch.device, room: int) -> None:
        self._corpus, self._device = corpus, device
        self._lengths = corpus.index["length"].tolist()
        self._left = room // bytes_per_id(corpus)  # ids that there is room for
        self._blocks: OrderedDict[tuple[int, int], Future[Rows]] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "rows")

    def places(self, windows: Windows) -> NDArray[np.int64]:
        return windows.offset % BLOCK

    def gather(self, windows: Windows, place: Tensor, count: Tensor) -> Tensor:
        columns = len(self._corpus.representation.columns)
        shape = len(windows.piece), windows.steps + 1, columns
        gathered = np.zeros(shape, dtype=row_type(self._corpus.representation))
        at = zip(windows.piece.tolist(), windows.offset.tolist(), windows.count.tolist(), strict=True)
        reading = [
            (row, number, (piece, offset // BLOCK), offset % BLOCK)
            for row, (piece, offset, number) in enumerate(at)
            if number
        ]
        ahead = [(piece, block + 1) for _, _, (piece, block), _ in reading]
        ahead += [(piece, 0) for piece in windows.following[:AHEAD].tolist()]
        self._prepare([block for _, _, block, _ in reading] + ahead)
        for row, number, block, first in reading:
            gathered[row, : number + 1] = self._blocks[block].result()[first : first + number + 1]
        return to_device(gathered, self._device)

    def _prepare(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Let the thread derive those blocks, (piece, number), that are missing; then forget what is over the room."""
        wanted = {block: self._ids(*block) for block in blocks if self._ids(*block) > 0}
        for (piece, number), ids in wanted.items():
            if (piece, number) not in self._blocks:
                start = number * BLOCK
                rows = self._thread.submit(self._corpus.rows, piece, start, start + ids)
                self._blocks[piece, number], self._left = rows, self._left - ids
            self._blocks.move_to_end((piece, number))
        while self._left < 0 and len(self._blocks) > len(wanted):
            oldest, _ = self._blocks.popitem(last=False)
            self._left += self._ids(*oldest)

    def _ids(self, piece: int, number: int) -> int:
        """Return the ids in a block of a piece; none after its end."""
        return min(BLOCK + OVERLAP, int(self._lengths[piece]) - number * BLOCK)

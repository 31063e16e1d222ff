"""Batches of contiguous streams, for training with carried state.

A batch has `rows` streams. Each reads its piece window by window, so that row b of batch k+1 continues row b of
batch k; when the piece is over, the row begins another one and says so in `reset`. No window crosses pieces:
what is left of a window after the end of a piece is padding, with IGNORE as its target.

Augmentation happens here, on the ids: each time a piece is begun it is moved by a random number of semitones.

The whole state is a small dict of plain values. A stream resumed from it equals one never interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.corpus.shards import Corpus
from ritornello.representations.base import moved_rows

IGNORE = -100
"""Target where there is none; torch's cross-entropy leaves it out by default."""

ALL_KEYS = tuple(range(-5, 7))
"""Semitones by which pieces are moved: every key once."""


@dataclass(frozen=True)
class Batch:
    """inputs: (row, time, column) int64. targets: (row, time) int64. reset: (row,) bool, true where a piece begins.

    total: how many targets there are besides IGNORE, in the rows of all processes.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    reset: NDArray[np.bool_]
    total: int = 0


@dataclass
class _Row:
    """The piece a stream is in (-1: none), how many of its ids it has read, and by how much it is moved."""

    piece: int = -1
    offset: int = 0
    semitones: int = 0


class Batches:
    """An endless stream of training batches over the pieces that are not held out."""

    def __init__(
        self,
        corpus: Corpus,
        rows: int,
        window: int,
        *,
        seed: int = 0,
        semitones: Sequence[int] = ALL_KEYS,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Each time a piece is begun it is moved by one of `semitones`.

        `rows` are those of all processes; number `rank` of `ranks` reads an equal share of them, one after another.
        Each follows where all rows are, which costs next to nothing, and fills only its own. So together they
        read what a single one would, and the state is the same in all of them, however many they are.
        """
        self.corpus, self.window, self.seed, self.semitones = corpus, window, seed, tuple(semitones)
        self._own = range(rank * rows // ranks, (rank + 1) * rows // ranks)
        self._pieces = corpus.pieces(held_out=False)
        self._epoch, self._place = 0, 0
        self._order = self._shuffled(0)
        self._rows = [_Row() for _ in range(rows)]
        for row in self._rows:
            self._begin(row)
            self._skip_ahead(row)

    @property
    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, as plain values."""
        rows = [[row.piece, row.offset, row.semitones] for row in self._rows]
        return {"epoch": self._epoch, "place": self._place, "rows": rows}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._epoch, self._place = state["epoch"], state["place"]
        self._order = self._shuffled(self._epoch)
        self._rows = [_Row(*row) for row in state["rows"]]

    @property
    def epochs(self) -> float:
        """How many times the corpus has been begun, counting the present time in parts."""
        return self._epoch + self._place / max(1, len(self._order))

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch, total = _blank(len(self._own), self.window, len(self.corpus.representation.columns)), 0
        for number, row in enumerate(self._rows):
            targets = int(self.corpus.index[row.piece]["length"]) - 1
            if row.offset >= targets:
                self._begin(row)
                targets = int(self.corpus.index[row.piece]["length"]) - 1
            if number in self._own:
                batch.reset[number - self._own.start] = row.offset == 0
                _fill(batch, number - self._own.start, self.corpus, row, self.window)
            count = min(self.window, targets - row.offset)
            row.offset, total = row.offset + count, total + count
        return replace(batch, total=total)

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self.seed, epoch)).permutation(self._pieces)

    def _begin(self, row: _Row) -> None:
        """Give `row` the next piece of the epoch, moved to a key of its own."""
        if self._place >= len(self._order):
            self._epoch, self._place = self._epoch + 1, 0
            self._order = self._shuffled(self._epoch)
        row.piece, row.offset = int(self._order[self._place]), 0
        at = self.corpus.index[row.piece]
        possible = [move for move in self.semitones if int(at["low"]) <= move <= int(at["high"])]
        random = np.random.default_rng((self.seed, self._epoch, self._place))
        row.semitones = possible[int(random.integers(len(possible)))] if possible else 0
        self._place += 1

    def _skip_ahead(self, row: _Row) -> None:
        """Begin the very first piece of a row anywhere, so that the rows do not all read openings at once."""
        windows = int(self.corpus.index[row.piece]["length"] - 1) // self.window
        random = np.random.default_rng((self.seed, 1 << 20, self._place))
        row.offset = self.window * int(random.integers(0, windows + 1)) if windows else 0
        if row.offset >= self.corpus.index[row.piece]["length"] - 1:
            row.offset = 0


def held_out_pieces(corpus: Corpus, most_ids: int | None = None) -> NDArray[np.int64]:
    """Return the numbers of the held-out pieces, in an order that is always the same.

    With `most_ids`, only the first that together have no more ids than that (at least one).
    """
    pieces = np.random.default_rng(0).permutation(corpus.pieces(held_out=True))
    if most_ids is None:
        return pieces
    lengths = np.cumsum(corpus.index["length"][pieces])
    return pieces[: max(1, int(np.searchsorted(lengths, most_ids, side="right")))]


def held_out_batches(
    corpus: Corpus, rows: int, window: int, *, most_ids: int | None = None, rank: int = 0, ranks: int = 1
) -> Iterator[Batch]:
    """Yield batches that together hold each of `held_out_pieces` exactly once, in its own key.

    Of several processes each gets its share of the pieces, `rows` at a time.
    """
    # Longest first: then all rows end at about the same time.
    queue = sorted(
        held_out_pieces(corpus, most_ids).tolist(), key=lambda piece: int(corpus.index[piece]["length"])
    )[rank::ranks]
    streams = [_Row(queue.pop()) for _ in range(min(rows, len(queue)))]
    while True:
        batch = _blank(len(streams), window, len(corpus.representation.columns))
        for number, row in enumerate(streams):
            if row.piece >= 0 and row.offset >= corpus.index[row.piece]["length"] - 1:
                row.piece, row.offset = (queue.pop(), 0) if queue else (-1, 0)
            if row.piece >= 0:
                batch.reset[number] = row.offset == 0
                row.offset += _fill(batch, number, corpus, row, window)
        if all(row.piece < 0 for row in streams):
            return
        yield batch


def _blank(rows: int, window: int, columns: int) -> Batch:
    return Batch(
        np.zeros((rows, window, columns), dtype=np.int64),
        np.full((rows, window), IGNORE, dtype=np.int64),
        np.zeros(rows, dtype=bool),
    )


def _fill(batch: Batch, number: int, corpus: Corpus, row: _Row, window: int) -> int:
    """Write the next window of `row` into the batch; return how many targets it has."""
    rows = corpus.rows(row.piece, row.offset, row.offset + window + 1).astype(np.int64)
    if row.semitones:
        rows[:] = moved_rows(corpus.representation, rows, row.semitones)
    count = len(rows) - 1
    batch.inputs[number, :count] = rows[:-1]
    batch.targets[number, :count] = rows[1:, 0]
    return count

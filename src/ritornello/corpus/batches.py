"""The data loader: batches of contiguous streams, for truncated backpropagation through time with carried state.

A batch has `batch_size` streams. Each reads its piece `bptt_steps` ids at a time, so that row b of batch k+1 continues
row b of batch k; at the end of a piece the stream begins another one and sets `reset`. No row crosses pieces: after the
end of a piece it is padded, with IGNORE as the target. Inputs and targets are those of teacher forcing: the target at
each step is the next id of the piece, and the network always reads the ids of the piece, never its own.

Augmentation: each time a stream begins a piece, its ids are transposed by a random number of semitones. The input
columns are computed from the transposed ids and kept as small integers until the end of the piece.

The state of the loader is a small dict of plain values. A loader resumed from it yields the same batches as one that
was never interrupted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.corpus.shards import Corpus, Rows

IGNORE = -100
"""The target of padding; torch's cross-entropy ignores it by default."""

ALL_KEYS = tuple(range(-5, 7))
"""Semitones by which pieces are transposed: every key once."""

BLOCK = 1 << 16
"""Number of ids whose input columns a stream keeps; those of a longer piece are computed in blocks."""

EXCERPT = 1024
"""Number of ids, from its beginning, of which a validation piece is scored in the course of a run."""


@dataclass(frozen=True)
class Batch:
    """inputs: (row, time, column) int64. targets: (row, time) int64. reset: (row,) bool, true where a piece begins.

    total: number of targets other than IGNORE, in the rows of all processes.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    reset: NDArray[np.bool_]
    total: int = 0


@dataclass
class _Stream:
    """The current piece (-1: none), the number of its ids that were read, and its transposition.

    block: the input columns computed so far, from id number `first` on.
    """

    piece: int = -1
    offset: int = 0
    semitones: int = 0
    block: Rows | None = field(default=None, repr=False)
    first: int = 0

    def begin(self, piece: int, semitones: int = 0) -> None:
        self.piece, self.offset, self.semitones, self.block = piece, 0, semitones, None

    def rows(self, corpus: Corpus, count: int, most: int | None = None) -> Rows:
        """Return the next `count` rows of the piece, fewer at its end, or after `most` ids of it."""
        length = _length(corpus, self.piece, most)
        stop = min(self.offset + count, length)
        if self.block is None or stop > self.first + len(self.block):
            self.first = self.offset
            until = min(self.offset + max(BLOCK, count), length)
            self.block = corpus.rows(self.piece, self.offset, until, self.semitones)
        return self.block[self.offset - self.first : stop - self.first]


class Batches:
    """The endless iterator of training batches, epoch after epoch."""

    def __init__(
        self,
        corpus: Corpus,
        batch_size: int,
        bptt_steps: int,
        *,
        seed: int = 0,
        semitones: Sequence[int] = ALL_KEYS,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """semitones: each piece is transposed by one of these, chosen anew each time that it is begun.

        batch_size: number of streams of all processes; process `rank` of `ranks` fills an equal, contiguous share of
        the rows. Every process follows the positions of all streams, which is cheap. So together they read what a
        single process would, and the state is the same in each of them and does not depend on their number.
        """
        self.corpus, self.bptt_steps, self.seed, self.semitones = corpus, bptt_steps, seed, tuple(semitones)
        self._own = range(rank * batch_size // ranks, (rank + 1) * batch_size // ranks)
        self._pieces = corpus.pieces(validation=False)
        self._epoch, self._place = 0, 0
        self._order = self._shuffled(0)
        self._streams = [_Stream() for _ in range(batch_size)]
        for stream in self._streams:
            self._begin(stream)
            # The first piece of a stream begins anywhere, so that not all streams read openings at once.
            targets = self._targets(stream)
            offset = bptt_steps * int(
                np.random.default_rng((seed, 1 << 20, self._place)).integers(0, targets // bptt_steps + 1)
            )
            stream.offset = offset if offset < targets else 0

    @property
    def state(self) -> dict[str, Any]:
        """Everything needed to resume from here, as plain values."""
        streams = [[stream.piece, stream.offset, stream.semitones] for stream in self._streams]
        return {"epoch": self._epoch, "place": self._place, "streams": streams}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._epoch, self._place = state["epoch"], state["place"]
        self._order = self._shuffled(self._epoch)
        self._streams = [_Stream(*stream) for stream in state["streams"]]

    @property
    def epochs(self) -> float:
        """Epochs so far, with the fraction of the current one."""
        return self._epoch + self._place / max(1, len(self._order))

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch, total = _blank(len(self._own), self.bptt_steps, len(self.corpus.representation.columns)), 0
        for number, stream in enumerate(self._streams):
            if stream.offset >= self._targets(stream):
                self._begin(stream)
            if number in self._own:
                _fill(batch, number - self._own.start, self.corpus, stream)
            count = min(self.bptt_steps, self._targets(stream) - stream.offset)
            stream.offset, total = stream.offset + count, total + count
        return replace(batch, total=total)

    def _targets(self, stream: _Stream) -> int:
        """Return the number of targets in the current piece of `stream`."""
        return int(self.corpus.index[stream.piece]["length"]) - 1

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self.seed, epoch)).permutation(self._pieces)

    def _begin(self, stream: _Stream) -> None:
        """Let `stream` begin the next piece of the epoch, in a random key."""
        if self._place >= len(self._order):
            self._epoch, self._place = self._epoch + 1, 0
            self._order = self._shuffled(self._epoch)
        piece = int(self._order[self._place])
        at = self.corpus.index[piece]
        possible = [move for move in self.semitones if int(at["low"]) <= move <= int(at["high"])]
        random = np.random.default_rng((self.seed, self._epoch, self._place))
        stream.begin(piece, possible[int(random.integers(len(possible)))] if possible else 0)
        self._place += 1


def validation_pieces(
    corpus: Corpus, most_ids: int | None = None, excerpt: int | None = None
) -> NDArray[np.int64]:
    """Return the numbers of the validation pieces, in a fixed random order.

    With `most_ids`, only the first ones that together have at most that many ids (at least one piece), of which the
    first `excerpt` of each count.
    """
    pieces = np.random.default_rng(0).permutation(corpus.pieces(validation=True))
    if most_ids is None:
        return pieces
    lengths = corpus.index["length"][pieces]
    lengths = np.cumsum(lengths if excerpt is None else np.minimum(lengths, excerpt))
    return pieces[: max(1, int(np.searchsorted(lengths, most_ids, side="right")))]


def excerpt_length(corpus: Corpus, most_ids: int) -> int:
    """Return how many ids of each validation piece to score so that they are `most_ids` or fewer: EXCERPT of some
    pieces, or more where that would be all of them."""
    lengths = corpus.index["length"][corpus.pieces(validation=True)]
    longer = range(EXCERPT + 1, int(lengths.max(initial=0)) + 1)
    return EXCERPT + bisect_right(longer, most_ids, key=lambda most: int(np.minimum(lengths, most).sum()))


def validation_batches(
    corpus: Corpus,
    batch_size: int,
    bptt_steps: int,
    *,
    most_ids: int | None = None,
    excerpt: int | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> Iterator[Batch]:
    """Yield batches that together hold each of `validation_pieces` exactly once, in its original key.

    excerpt: only so many ids of each, the first. Each of several processes gets its share of the pieces, `batch_size`
    at a time.
    """
    # Longest first, so that all streams end at about the same time.
    queue = sorted(
        validation_pieces(corpus, most_ids, excerpt).tolist(),
        key=lambda piece: _length(corpus, piece, excerpt),
    )[rank::ranks]
    streams = [_Stream(queue.pop()) for _ in range(min(batch_size, len(queue)))]
    while True:
        for stream in streams:
            if stream.piece >= 0 and stream.offset >= _length(corpus, stream.piece, excerpt) - 1:
                stream.begin(queue.pop() if queue else -1)
        left = [_length(corpus, s.piece, excerpt) - 1 - s.offset for s in streams if s.piece >= 0]
        if not left:
            return
        batch = _blank(len(streams), min(bptt_steps, max(left)), len(corpus.representation.columns))
        for number, stream in enumerate(streams):
            if stream.piece >= 0:
                stream.offset += _fill(batch, number, corpus, stream, excerpt)
        yield batch


def _length(corpus: Corpus, piece: int, most: int | None) -> int:
    length = int(corpus.index[piece]["length"])
    return length if most is None else min(length, most)


def _blank(batch_size: int, bptt_steps: int, columns: int) -> Batch:
    return Batch(
        np.zeros((batch_size, bptt_steps, columns), dtype=np.int64),
        np.full((batch_size, bptt_steps), IGNORE, dtype=np.int64),
        np.zeros(batch_size, dtype=bool),
    )


def _fill(batch: Batch, number: int, corpus: Corpus, stream: _Stream, most: int | None = None) -> int:
    """Write the next window of `stream` into a row of the batch, and return its number of targets."""
    rows = stream.rows(corpus, batch.targets.shape[1] + 1, most)
    count = len(rows) - 1
    batch.reset[number] = stream.offset == 0
    batch.inputs[number, :count] = rows[:-1]
    batch.targets[number, :count] = rows[1:, 0]
    return count

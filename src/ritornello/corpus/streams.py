"""The streams of the data loader, which ids a batch reads: truncated backpropagation through time, with carried state.

A batch has `batch_size` streams. Each reads its piece `bptt_steps` ids at a time, so that row b of batch k+1 continues
row b of batch k; at the end of a piece the stream begins another one and sets `reset`. No row crosses pieces: after the
end of a piece it is padded. Inputs and targets are those of teacher forcing: the target at each step is the next id of
the piece, and the network always reads the ids of the piece, never its own.

Augmentation: each time a stream begins a piece, the piece is transposed by a random number of semitones.

The state of the streams is a small dict of plain values. Streams resumed from it read the same as ones that were never
interrupted. Here are numbers only; `training.loader` makes tensors of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints, Mask
from ritornello.corpus.shards import Corpus

ALL_KEYS = tuple(range(-5, 7))
"""Semitones by which pieces are transposed: every key once."""

EXCERPT = 1024
"""Number of ids, from its beginning, of which a validation piece is scored in the course of a run."""


@dataclass(frozen=True)
class Windows:
    """Which ids the rows of a batch of `steps` steps read: `count` inputs each, from id number `offset` of a piece on.

    piece, offset, count, semitones: (row,). A row without a piece has a count of 0. reset: (row,), true where a piece
    begins. total: the inputs in the rows of all processes. following: the pieces that will be begun next.
    """

    piece: Ints
    offset: Ints
    count: Ints
    semitones: Ints
    reset: Mask
    steps: int
    total: int
    following: Ints


class Streams:
    """The endless iterator of the windows of training batches, epoch after epoch."""

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

        batch_size: number of streams of all processes; process `rank` of `ranks` reads an equal, contiguous share of
        the rows. Every process follows the positions of all streams, which is cheap. So together they read what a
        single process would, and the state is the same in each of them and does not depend on their number.
        """
        self.corpus, self.bptt_steps, self.seed, self.semitones = corpus, bptt_steps, seed, tuple(semitones)
        self._own = slice(rank * batch_size // ranks, (rank + 1) * batch_size // ranks)
        self._pieces = corpus.pieces(validation=False)
        self._targets = corpus.index["length"].astype(np.int64) - 1  # of each piece
        self._epoch, self._place = 0, 0
        self._order = self._shuffled(0)
        self._piece, self._offset, self._moved = np.zeros((3, batch_size), dtype=np.int64)
        for row in range(batch_size):
            self._begin(row)
            # The first piece of a stream begins anywhere, so that not all streams read openings at once.
            targets = int(self._targets[self._piece[row]])
            random = np.random.default_rng((seed, 1 << 20, self._place))
            offset = bptt_steps * int(random.integers(0, targets // bptt_steps + 1))
            self._offset[row] = offset if offset < targets else 0

    @property
    def state(self) -> dict[str, Any]:
        """Everything needed to resume from here, as plain values: of a stream its piece, offset and semitones."""
        streams = np.stack([self._piece, self._offset, self._moved], axis=1).tolist()
        return {"epoch": self._epoch, "place": self._place, "streams": streams}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._epoch, self._place = state["epoch"], state["place"]
        self._order = self._shuffled(self._epoch)
        self._piece, self._offset, self._moved = np.array(state["streams"], dtype=np.int64).T.copy()

    @property
    def epochs(self) -> float:
        """Epochs so far, with the fraction of the current one."""
        return self._epoch + self._place / max(1, len(self._order))

    def __iter__(self) -> Iterator[Windows]:
        return self

    def __next__(self) -> Windows:
        for row in np.flatnonzero(self._offset >= self._targets[self._piece]).tolist():
            self._begin(row)
        count = np.minimum(self.bptt_steps, self._targets[self._piece] - self._offset)
        own = self._own
        windows = Windows(
            piece=self._piece[own].copy(),
            offset=self._offset[own],
            count=count[own],
            semitones=self._moved[own].copy(),
            reset=self._offset[own] == 0,
            steps=self.bptt_steps,
            total=int(count.sum()),
            following=self._order[self._place :],
        )
        self._offset = self._offset + count
        return windows

    def _shuffled(self, epoch: int) -> Ints:
        return np.random.default_rng((self.seed, epoch)).permutation(self._pieces)

    def _begin(self, row: int) -> None:
        """Let a stream begin the next piece of the epoch, in a random key."""
        if self._place >= len(self._order):
            self._epoch, self._place = self._epoch + 1, 0
            self._order = self._shuffled(self._epoch)
        piece = int(self._order[self._place])
        at = self.corpus.index[piece]
        possible = [move for move in self.semitones if int(at["low"]) <= move <= int(at["high"])]
        random = np.random.default_rng((self.seed, self._epoch, self._place))
        moved = possible[int(random.integers(len(possible)))] if possible else 0
        self._piece[row], self._offset[row], self._moved[row] = piece, 0, moved
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


def validation_windows(
    corpus: Corpus,
    batch_size: int,
    bptt_steps: int,
    *,
    most_ids: int | None = None,
    excerpt: int | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> Iterator[Windows]:
    """Yield the windows that together hold each of `validation_pieces` exactly once, in its original key.

    excerpt: only so many ids of each, the first. Each of several processes gets its share of the pieces, `batch_size`
    at a time.
    """
    lengths = corpus.index["length"].astype(np.int64)
    targets = (lengths if excerpt is None else np.minimum(lengths, excerpt)) - 1
    # Longest first, so that all streams end at about the same time.
    pieces = validation_pieces(corpus, most_ids, excerpt).tolist()
    queue = sorted(pieces, key=targets.__getitem__)[rank::ranks]
    piece = np.array([queue.pop() for _ in range(min(batch_size, len(queue)))], dtype=np.int64)
    offset, left = np.zeros_like(piece), targets[piece]
    while left.any():
        count = np.minimum(min(bptt_steps, int(left.max())), left)
        following = np.array(queue[::-1], dtype=np.int64)
        steps, total = int(count.max()), int(count.sum())
        reset = (offset == 0) & (left > 0)
        yield Windows(piece.copy(), offset, count, np.zeros_like(piece), reset, steps, total, following)
        offset, left = offset + count, left - count
        for row in np.flatnonzero(left == 0).tolist()[: len(queue)]:
            piece[row] = queue.pop()
            offset[row], left[row] = 0, targets[piece[row]]

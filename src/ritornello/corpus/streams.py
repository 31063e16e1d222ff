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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritornello.arrays import Ints, Mask
from ritornello.corpus.shards import Corpus

ALL_KEYS = tuple(range(-5, 7))
"""Semitones by which pieces are transposed: every key once."""

EXCERPT, WARM_UP = 256, 64
"""The most ids of an excerpt that are scored, and those before them that are only read."""


@dataclass(frozen=True)
class Windows:
    """Which ids the rows of a batch of `steps` steps read: `count` inputs each, from id number `offset` of a piece on.

    piece, offset, count, unscored, semitones: (row,). A row without a piece has a count of 0. The first `unscored`
    targets do not count. reset: (row,), true where a row begins anew. total: the inputs in the rows of all processes.
    following: the pieces that will be begun next.
    """

    piece: Ints
    offset: Ints
    count: Ints
    unscored: Ints
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
            unscored=np.zeros_like(count[own]),
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


@dataclass(frozen=True)
class Excerpts:
    """Parts of pieces that are scored: `count` inputs each, from id number `offset` of a piece on.

    The first `unscored` targets of each are read to warm up the state, not scored. Each field: (excerpt,).
    """

    piece: Ints
    offset: Ints
    count: Ints
    unscored: Ints

    def __len__(self) -> int:
        return len(self.piece)

    def __getitem__(self, part: slice | Ints | Mask) -> Excerpts:
        return Excerpts(self.piece[part], self.offset[part], self.count[part], self.unscored[part])

    @property
    def ids(self) -> int:
        """The number of ids that are read."""
        return int(self.count.sum())

    def up_to(self, most_ids: int) -> Excerpts:
        """Return the first ones that together read at most so many ids, one at least."""
        return self[: max(1, int(np.searchsorted(np.cumsum(self.count), most_ids, side="right")))]


def held_out_pieces(corpus: Corpus) -> Excerpts:
    """Return the held-out (validation) pieces, whole, in a fixed random order."""
    return _cut(corpus, np.random.default_rng(0), None)


def held_out_excerpts(corpus: Corpus, seed: int = 0) -> Excerpts:
    """Return the held-out pieces cut into excerpts of equal length, EXCERPT ids at most, in random order.

    So the first ones are a sample of all pieces and places. Before each, up to WARM_UP ids are read and not scored.
    """
    return _cut(corpus, np.random.default_rng((seed, 1 << 21)), EXCERPT)


def _cut(corpus: Corpus, random: np.random.Generator, most: int | None) -> Excerpts:
    pieces = corpus.pieces(validation=True)
    targets = corpus.index["length"][pieces].astype(np.int64) - 1
    parts = np.ones_like(targets) if most is None else np.maximum(1, -(-targets // most))
    piece = np.repeat(np.arange(len(pieces)), parts)
    part = np.arange(len(piece)) - np.repeat(np.cumsum(parts) - parts, parts)
    first, end = (targets[piece] * each // parts[piece] for each in (part, part + 1))
    unscored = np.minimum(first, WARM_UP)
    order = random.permutation(len(piece))
    return Excerpts(pieces[piece], first - unscored, end - first + unscored, unscored)[order]


def validation_windows(
    excerpts: Excerpts, batch_size: int, bptt_steps: int, *, rank: int = 0, ranks: int = 1
) -> Iterator[Windows]:
    """Yield the windows that together hold each excerpt exactly once, in its original key.

    Each of several processes gets its share of the excerpts, `batch_size` at a time.
    """
    # Longest first, so that all streams end at about the same time.
    queue = np.argsort(excerpts.count, kind="stable")[rank::ranks].tolist()
    row = np.array([queue.pop() for _ in range(min(batch_size, len(queue)))], dtype=np.int64)
    done, left = np.zeros_like(row), excerpts.count[row]
    while left.any():
        count = np.minimum(min(bptt_steps, int(left.max())), left)
        yield Windows(
            piece=excerpts.piece[row],
            offset=excerpts.offset[row] + done,
            count=count,
            unscored=np.clip(excerpts.unscored[row] - done, 0, count),
            semitones=np.zeros_like(row),
            reset=(done == 0) & (left > 0),
            steps=int(count.max()),
            total=int(count.sum()),
            following=excerpts.piece[queue[::-1]],
        )
        done, left = done + count, left - count
        for place in np.flatnonzero(left == 0).tolist()[: len(queue)]:
            row[place] = queue.pop()
            done[place], left[place] = 0, excerpts.count[row[place]]

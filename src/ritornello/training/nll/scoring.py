"""Exact nats per frame: the probability of a frame is the product of those of its ids, each given all before it.

A frame is encoded as its pitches, ascending, and its end. So every chord has exactly one encoding, and the sum over all
chords is 1 if the probabilities of each id are normalised over those that may come next: `Frames.continuations`. The
end of the piece is given, not scored, as in all papers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ritornello.arrays import Floats
from ritornello.networks import Network
from ritornello.representations.base import Ids
from ritornello.representations.frames import Frames

_BATCH = 8


@dataclass(frozen=True)
class FrameNats:
    """The nats of every frame, one array a piece."""

    pieces: tuple[Floats, ...]

    def average(self, by_piece: bool = False, first: bool = True) -> float:
        """Return the mean over all frames, or with `by_piece` the mean of the pieces' means; without `first`, the first
        frame of each piece is left out, and so are pieces of one frame."""
        scored = [nats if first else nats[1:] for nats in self.pieces]
        scored = [nats for nats in scored if len(nats)]
        return float(np.mean([nats.mean() for nats in scored] if by_piece else np.concatenate(scored)))


def frame_nats(networks: Sequence[Network], representation: Frames, pieces: Sequence[Ids]) -> FrameNats:
    """Return the nats of the frames of `pieces` (ids without `end_id`) under a network, or under the mean of the
    probabilities of several, id by id, which is exact too."""
    order = np.argsort([len(ids) for ids in pieces], kind="stable")
    found: dict[int, Floats] = {}
    for at in range(0, len(order), _BATCH):
        numbers = order[at : at + _BATCH].tolist()
        batch = [pieces[number] for number in numbers]
        mean = np.logaddexp.reduce([_log_probabilities(each, representation, batch) for each in networks])
        for number, ids, row in zip(numbers, batch, mean - np.log(len(networks)), strict=True):
            ends = ids[2:] == representation.frame_end_id  # the header, the first two ids, is given
            nats = -row[1 : len(ids) - 1]
            sums = np.bincount(np.cumsum(ends) - ends, weights=nats, minlength=int(ends.sum()))
            found[number] = sums.astype(np.float64)
    return FrameNats(tuple(found[number] for number in range(len(pieces))))


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no complete types
def _log_probabilities(network: Network, representation: Frames, batch: Sequence[Ids]) -> Floats:
    """Return the log-probability of each id but the first, (piece, time); 0 after the end of a piece."""
    network.eval()
    longest = max(len(ids) for ids in batch)
    inputs = np.zeros((len(batch), longest, len(representation.columns)), dtype=np.int64)
    for row, ids in zip(inputs, batch, strict=True):
        row[: len(ids)] = representation.inputs(ids)
    logits, _ = network(torch.from_numpy(inputs), network.initial_state(len(batch)))
    result = np.zeros((len(batch), longest - 1))
    for number, ids in enumerate(batch):
        possible = torch.from_numpy(representation.continuations(ids[:-1]))
        mine = logits[number, : len(ids) - 1].double().masked_fill(~possible, -torch.inf)
        chosen = mine.log_softmax(-1).gather(-1, torch.from_numpy(ids[1:].astype(np.int64))[:, None])
        result[number, : len(ids) - 1] = chosen[:, 0].numpy()
    return result

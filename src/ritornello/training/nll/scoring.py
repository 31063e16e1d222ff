"""Exact nats per frame: the probability of a frame is the product of those of its ids, each given all before it.

Every frame has exactly one encoding, whose ids are given by `frame_numbers`. So the sum over all frames that could
follow is 1 if the probabilities of each id are normalised over those that may come next, `continuations`. What is not
of a frame, such as the header, is given, not scored; so is the end of the piece, as in all papers.

The mean of several probabilities is a probability, too. So the mean of several networks, and of a network that reads
the piece in several keys, are exact. Of the second, the key of each copy is moved back: it is a mixture of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch

from ritornello.arrays import Floats, Ints, Mask
from ritornello.networks import Network
from ritornello.representations.base import Ids, Representation
from ritornello.representations.columns import transposition

_BATCH, _WINDOW = 64, 64  # pieces and steps that a network reads at once


class Scorable(Representation, Protocol):
    """A representation in which every frame has exactly one encoding."""

    def frame_numbers(self, ids: Ids) -> Ints:
        """Return the number of the frame that each id of a piece is of, (time,); -1 for none."""

    def continuations(self, ids: Ids) -> Mask:
        """Return masks of the ids that can follow each, (time, vocabulary), in a piece that does not end."""


class Mixture(NamedTuple):
    """The mean of the probabilities under each of `networks`, with the piece moved by each of `semitones`."""

    networks: Sequence[Network]
    semitones: Sequence[int] = (0,)


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


def frame_nats(mixture: Mixture, representation: Scorable, pieces: Sequence[Ids]) -> FrameNats:
    """Return the nats of the frames of `pieces` (ids without `end_id`)."""
    order = np.argsort([len(ids) for ids in pieces], kind="stable")
    found: dict[int, Floats] = {}
    for at in range(0, len(order), _BATCH):
        numbers = order[at : at + _BATCH].tolist()
        rows = log_probabilities(mixture, representation, [pieces[number] for number in numbers])
        for number, row in zip(numbers, rows, strict=True):
            frame = representation.frame_numbers(pieces[number])[1:]
            is_scored = frame >= 0
            nats = np.bincount(frame[is_scored], weights=-row[: len(frame)][is_scored])
            found[number] = nats.astype(np.float64)
    return FrameNats(tuple(found[number] for number in range(len(pieces))))


def log_probabilities(mixture: Mixture, representation: Scorable, batch: Sequence[Ids]) -> Floats:
    """Return the log-probability of each id but the first, (piece, time); 0 after the end of a piece."""
    rows, found = [representation.inputs(ids) for ids in batch], []
    for semitones in mixture.semitones:
        move = transposition(representation, semitones)
        inputs = np.zeros((len(batch), max(map(len, batch)), len(representation.columns)), dtype=np.int64)
        for row, own in zip(inputs, rows, strict=True):
            row[: len(own)] = move(own)
        possible = [
            representation.continuations(row[: len(own) - 1, 0])
            for row, own in zip(inputs, rows, strict=True)
        ]
        found += [_chosen(network, inputs, possible) for network in mixture.networks]
    return np.asarray(np.logaddexp.reduce(found) - np.log(len(found)))


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no complete types
def _chosen(network: Network, inputs: Ids, possible: Sequence[Mask]) -> Floats:
    """Return the log-probability of the next id at each step of `inputs`, (piece, time, column), among those possible
    in each piece, (its time, vocabulary); 0 after its end."""
    network.eval()
    device = next(network.parameters()).device
    state, result = network.initial_state(len(inputs)), np.zeros((len(inputs), inputs.shape[1] - 1))
    for at in range(0, inputs.shape[1] - 1, _WINDOW):
        ids = torch.from_numpy(inputs[:, at : at + _WINDOW + 1]).to(device)
        logits, state = network(ids[:, :-1], state)
        impossible = np.zeros(logits.shape, dtype=bool)
        for row, mask in zip(impossible, possible, strict=True):
            row[: max(0, len(mask) - at)] = ~mask[at : at + _WINDOW]
        scores = logits.float().masked_fill(torch.from_numpy(impossible).to(device), -torch.inf)
        chosen = scores.log_softmax(-1).gather(-1, ids[:, 1:, :1])
        result[:, at : at + _WINDOW] = chosen[..., 0].double().cpu().numpy()
    for row, mask in zip(result, possible, strict=True):
        row[len(mask) :] = 0.0
    return result

"""The loss of a network on a batch under teacher forcing, with the state carried from batch to batch."""

from __future__ import annotations

from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ritornello.networks import Network, State, reset_rows
from ritornello.training.loader import IGNORE, Batch


class NetworkLoss(NamedTuple):
    """total: nats, summed over the targets. logits: (row, time, id), float32. state: after the batch."""

    total: Tensor
    logits: Tensor
    state: State


def network_loss(
    network: Network,
    batch: Batch,
    state: State | None,
    bfloat16: bool = False,
    probabilities: Tensor | None = None,
) -> NetworkLoss:
    """Return the cross-entropy of the targets of a batch under `network`.

    state: that after the previous batch, None at the beginning; rows in which a piece begins get the initial one.
    bfloat16: whether to compute in that arithmetic where torch's autocast does.
    probabilities: targets instead of the batch's, (row, time, id); see `distillation`.
    """
    logits, state = read_batch(network, batch, state, bfloat16)
    targets = batch.targets.flatten() if probabilities is None else probabilities.flatten(0, 1)
    total = functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=IGNORE, reduction="sum")
    return NetworkLoss(total, logits, state)


def read_batch(
    network: Network, batch: Batch, state: State | None, bfloat16: bool = False
) -> tuple[Tensor, State]:
    """Let a network read a batch on its device; return the logits, and the state after the batch."""
    initial = network.initial_state(len(batch.reset))
    state = initial if state is None else reset_rows(state, initial, batch.reset)
    with torch.autocast(batch.inputs.device.type, torch.bfloat16) if bfloat16 else nullcontext():
        logits, state = network(batch.inputs, state)
    return logits.float(), state


def count_notes(notes: Tensor, targets: Tensor) -> Tensor:
    """Return the number of notes in the targets of a batch; `notes` has those of each id."""
    return (notes[targets.clamp(min=0)] * (targets != IGNORE)).sum()

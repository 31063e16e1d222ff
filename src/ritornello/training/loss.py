"""The loss of a network on a batch under teacher forcing, with the state carried from batch to batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ritornello.corpus.batches import IGNORE, Batch
from ritornello.networks import Network, State, reset_rows


class NetworkLoss(NamedTuple):
    """total: nats, summed over the targets. logits: (row, time, id), float32. state: after the batch."""

    total: Tensor
    logits: Tensor
    state: State


def network_loss(network: Network, batch: Batch, state: State | None, bfloat16: bool = False) -> NetworkLoss:
    """Return the cross-entropy of the targets of a batch under `network`.

    state: that after the previous batch, None at the beginning; rows in which a piece begins get the initial one.
    bfloat16: whether to compute in that arithmetic where torch's autocast does.
    """
    logits, targets, state = read_batch(network, batch, state, bfloat16)
    total = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum"
    )
    return NetworkLoss(total, logits, state)


def read_batch(
    network: Network, batch: Batch, state: State | None, bfloat16: bool = False
) -> tuple[Tensor, Tensor, State]:
    """Let a network read a batch; return logits and targets on its device, and the state after the batch."""
    device = next(network.parameters()).device
    initial = network.initial_state(len(batch.reset))
    reset = torch.from_numpy(batch.reset).to(device)
    state = initial if state is None else reset_rows(state, initial, reset)
    inputs, targets = torch.from_numpy(batch.inputs).to(device), torch.from_numpy(batch.targets).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        logits, state = network(inputs, state)
    return logits.float(), targets, state

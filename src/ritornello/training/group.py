"""Data-parallel training: several processes train one network, each on its share of the streams, in the same steps.

A launcher (torchrun, `ritornello train --processes`, SLURM with torchrun) starts the processes and tells each its
rank by the environment; `join_group` reads it. Every process holds the whole network. What they exchange is little:
the sum of their gradients, once a step; so their weights stay equal, and so does all that follows from them.

A group of one exchanges nothing. All methods are called by all processes, in the same order.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed
from torch.distributed.rendezvous import rendezvous

PATIENCE = datetime.timedelta(hours=12)
"""How long processes wait for one that reads files."""


@dataclass(frozen=True)
class Group:
    """The processes of a run: this one's number, and how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            distributed.barrier()

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace every tensor by its sum over all processes."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])  # one message instead of many
        distributed.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def highest(self, *values: float) -> list[float]:
        """Return the highest of each value over all processes."""
        if self.size == 1:
            return list(values)
        together = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(together, op=distributed.ReduceOp.MAX)
        return list(together.tolist())

    def all_rows(self, part: Tensor) -> Tensor:
        """Return the rows of all processes, in the order of their ranks; each has as many as this one."""
        if self.size == 1:
            return part
        parts = [torch.empty_like(part) for _ in range(self.size)]
        distributed.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    def own(self, batch_size: int) -> slice:
        """Return which rows of a batch this process has; `batch_size` is a multiple of the size."""
        share = batch_size // self.size
        return slice(self.rank * share, (self.rank + 1) * share)


def group_size() -> int:
    """Return how many processes a launcher has started for this run, 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def was_restarted() -> bool:
    """Whether a launcher starts these processes again because one of them died."""
    return _attempt() > 0


def _attempt() -> int:
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def join_group() -> Group:
    """Return the group that this process was started for; alone without a launcher.

    Messages go through gloo, which every build of torch has; tensors on a graphics card pass through memory.
    """
    if group_size() == 1:
        return Group()
    if not distributed.is_initialized():
        store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
        # Processes that were started again must not find the addresses of those that died.
        store = distributed.PrefixStore(f"attempt {_attempt()}", store)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=PATIENCE)
    return Group(distributed.get_rank(), distributed.get_world_size())

"""Data-parallel training: several processes train one network, each on its share of the streams, in the same steps.

A launcher (torchrun, `ritornello train --processes`, SLURM with torchrun) starts the processes and sets the rank of
each in its environment; `join_group` reads it. Every process holds the whole network. The processes exchange only the
sum of their gradients, once a step, so their weights stay equal.

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
"""The longest time that processes wait for the one that reads the files."""


@dataclass(frozen=True)
class Group:
    """The processes of a run: the rank of this one, and their number."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and output."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes reach this call."""
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
        """Return the slice of a batch's rows that this process reads; `batch_size` is a multiple of the size."""
        share = batch_size // self.size
        return slice(self.rank * share, (self.rank + 1) * share)


def group_size() -> int:
    """Return the number of processes that a launcher has started for this run, 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def was_restarted() -> bool:
    """Whether a launcher has restarted these processes because one of them died."""
    return _attempt() > 0


def _attempt() -> int:
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def join_group() -> Group:
    """Return the group of this process, of size 1 without a launcher.

    Messages go through gloo, which every build of torch has; tensors on a graphics card pass through memory.
    """
    if group_size() == 1:
        return Group()
    if not distributed.is_initialized():
        store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
        # Restarted processes must not find the addresses of those that died.
        store = distributed.PrefixStore(f"attempt {_attempt()}", store)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=PATIENCE)
    return Group(distributed.get_rank(), distributed.get_world_size())

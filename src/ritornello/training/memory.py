"""Memory: what a training step frees is kept for the next one; how much of it the rows of a corpus may take."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import torch

from ritornello.memory import free_memory

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of mallopt, as in glibc's malloc.h
_MOST_KEPT = (1 << 31) - 1

CARD_SHARE, PROCESSOR_SHARE = 0.5, 0.25
"""The shares of the free memory of a graphics card, and of a processor, that the rows of a corpus may take."""

PROCESSOR_ROOM = 2 << 30
"""The most bytes that they may take of a processor's, whatever is free."""


def keep_freed_memory() -> None:
    """Let this process keep what it frees, up to 2 GB.

    Torch allocates each result anew. glibc takes large allocations from the system each time, which clears every page:
    a third of a step's time (docs/experiments.md). Without glibc this does nothing.
    """
    with suppress(OSError, AttributeError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)


def room_for_rows(device: torch.device, processes: int = 1) -> int:
    """Return the bytes that the rows of a corpus may take on a device, in each of several processes of a machine."""
    if device.type == "cuda":
        return int(CARD_SHARE * torch.cuda.mem_get_info(device)[0])
    return int(min(PROCESSOR_ROOM, PROCESSOR_SHARE * (free_memory() or PROCESSOR_ROOM))) // processes

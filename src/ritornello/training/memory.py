"""Memory settings: what a training step frees is kept for the next one, not returned to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of mallopt, as in glibc's malloc.h
_MOST_KEPT = (1 << 31) - 1


def keep_freed_memory() -> None:
    """Let this process keep what it frees, up to 2 GB.

    Torch allocates each result anew. glibc takes large allocations from the system each time, which clears every page:
    a third of a step's time (docs/experiments.md). Without glibc this does nothing.
    """
    with suppress(OSError, AttributeError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)

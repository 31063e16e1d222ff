"""What a device found out, read when it has arrived, so that nobody waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

MOST_PENDING = 16
"""Readings on their way. A program that is further ahead waits, so that its clock is that of the device."""


class Readings:
    """A queue of small tensors on their way from a device to the processor."""

    def __init__(self) -> None:
        self._pending: deque[tuple[Tensor, Any]] = deque()

    def add(self, reading: Tensor) -> None:
        """Begin to read a tensor of a few floats."""
        if reading.device.type != "cuda":
            self._pending.append((reading, None))
            return
        place = torch.empty(reading.shape, dtype=reading.dtype, pin_memory=True)
        place.copy_(reading, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record(torch.cuda.current_stream(reading.device))
        self._pending.append((place, arrived))

    def take(self, all_of_them: bool = False) -> Iterator[list[float]]:
        """Yield, in order, what has arrived; wait for the rest if `all_of_them`, or for those above MOST_PENDING."""
        while self._pending:
            reading, arrived = self._pending[0]
            if arrived is not None and not arrived.query():
                if not all_of_them and len(self._pending) <= MOST_PENDING:
                    return
                arrived.synchronize()
            self._pending.popleft()
            yield reading.tolist()

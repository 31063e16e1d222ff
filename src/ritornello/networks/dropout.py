"""Dropout with an eighth of the usual random numbers on a processor."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PARTS = 256


class Dropout(nn.Module):
    """`nn.Dropout` with the dropped share rounded to 1/256: each random number of 64 bits serves 8 values."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.share)
        kept = min(max(1, round(PARTS * (1 - self.share))), PARTS - 1)
        numbers = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(1 << 63), None)
        mask = numbers.view(torch.uint8)[: x.numel()].view(x.shape) < kept
        return x * (mask.to(x.dtype) * (PARTS / kept))

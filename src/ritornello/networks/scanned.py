"""The base of networks with a linear recurrence: h(t) = keep(t) h(t-1) + add(t), element by element.

`keep` and `add` depend on the inputs alone, never on h. So the matrix products of a window are computed for all its
steps at once, and a step of the recurrence is one multiplication and one addition for each unit (`scan`). A network is
a stack of residual `Block`s around such a cell: a short convolution, the cell, and a feed-forward part, with layer
normalisation (as in Griffin, De and others 2024, arXiv:2402.19427).

A cell is a module (inputs (batch, time, hidden), state (batch, hidden)) -> (outputs, state after the last step).
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ritornello.networks.base import State, floats
from ritornello.networks.dropout import Dropout
from ritornello.networks.embedded import EmbeddedConfig, EmbeddedNetwork


class ScannedConfig(EmbeddedConfig):
    """Sizes of a stack of blocks."""

    convolution: int = Field(4, ge=1, le=64, description="steps mixed before the recurrence, 1: none")
    expansion: int = Field(
        2, ge=1, le=16, description="units of the feed-forward part, times those of a layer"
    )


def scan(keep: Tensor, add: Tensor, state: Tensor) -> Tensor:
    """Return h, (batch, time, hidden), for `keep` and `add` of the same shape and `state` (batch, hidden)."""
    if keep.shape[1] == 1:
        return keep * state[:, None] + add
    result: Tensor = _Scan.apply(keep, add, state)
    return result


class _Scan(torch.autograd.Function):
    """The recurrence and its gradient, one pass over time each, which is the fastest order on a processor."""

    @staticmethod
    def forward(ctx: Any, keep: Tensor, add: Tensor, state: Tensor) -> Tensor:
        h, result = state, torch.empty_like(add)
        for t in range(keep.shape[1]):
            h = torch.addcmul(add[:, t], keep[:, t], h)
            result[:, t] = h
        ctx.save_for_backward(keep, result, state)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keep, result, state = ctx.saved_tensors
        (gradient,) = gradients
        of_add = torch.empty_like(gradient)
        flowing = torch.zeros_like(state)  # gradient of h(t) from later steps
        for t in reversed(range(keep.shape[1])):
            of_h = gradient[:, t] + flowing
            of_add[:, t] = of_h
            flowing = of_h * keep[:, t]
        before = torch.cat([state[:, None], result[:, :-1]], dim=1)
        return of_add * before, of_add, flowing


class Convolution(nn.Module):
    """A causal convolution over the last `width` values of each unit. The state is the last `width` - 1 inputs, (batch,
    width - 1, hidden)."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, hidden) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(hidden))

    def forward(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        time = x.shape[1]
        joined = torch.cat([before.to(x.dtype), x], dim=1)
        y = self.bias.expand_as(x)
        for age, weight in enumerate(self.weight):
            y = torch.addcmul(y, joined[:, age : age + time], weight)
        return y, joined[:, time:]


class Block(nn.Module):
    """Convolution, cell and feed-forward part. The state is that of the cell and that of the convolution."""

    def __init__(self, config: ScannedConfig, cell: nn.Module) -> None:
        super().__init__()
        hidden, wide = config.hidden, config.hidden * config.expansion
        self.before_cell, self.before_feed = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.convolution, self.cell = Convolution(hidden, config.convolution), cell
        self.up, self.down = nn.Linear(hidden, wide), nn.Linear(wide, hidden)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, state: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mixed, before = self.convolution(self.before_cell(x), before)
        y, state = self.cell(mixed, state)
        x = x + self.dropout(y)
        x = x + self.dropout(self.down(functional.silu(self.up(self.before_feed(x)))))
        return x, state, before


class ScannedNetwork(EmbeddedNetwork):
    """Blocks over summed column embeddings.

    The state is (hidden, recent): (batch, layers, hidden) and (batch, layers, convolution - 1, hidden).
    """

    def __init__(self, config: ScannedConfig, column_sizes: tuple[int, ...], cell: type[nn.Module]) -> None:
        super().__init__(config, column_sizes)
        self.widths = config.layers, config.convolution - 1, config.hidden
        self.widen = nn.Linear(config.embedding, config.hidden)
        self.blocks = nn.ModuleList(Block(config, cell(config.hidden)) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.hidden)

    def initial_layers(self, batch: int) -> State:
        layers, recent, hidden = self.widths
        return self.bias.new_zeros(batch, layers, hidden), self.bias.new_zeros(batch, layers, recent, hidden)

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x = self.widen(x)
        after: list[State] = []
        for number, block in enumerate(self.blocks):
            x, hidden, recent = block(x, state[0][:, number], state[1][:, number])
            after.append(floats(hidden, recent))
        hidden, recent = (torch.stack(parts, dim=1) for parts in zip(*after, strict=True))
        return self.norm(x), (hidden, recent)

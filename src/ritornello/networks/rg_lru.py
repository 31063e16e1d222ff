"""`rg_lru`: the real-gated linear recurrent unit of Griffin (De and others 2024, arXiv:2402.19427).

Each unit forgets at its own rate, sigmoid(L), modulated by a gate. With the input x:

    r = sigmoid(Wr u + br)     i = sigmoid(Wi u + bi)     u = Wu x + bu
    a = sigmoid(L) ^ (c r)     h(t) = a h(t-1) + sqrt(1 - a^2) i u     y = Wy (gelu(Wg x + bg) h)

with c = 8. Unlike there, Wr and Wi are full matrices, and the convolution comes before x (see `scanned`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ritornello.networks.scanned import ScannedConfig, ScannedNetwork, scan

SHARPNESS = 8.0
"""c in the formula above."""

SLOWEST, FASTEST = 0.999, 0.9
"""Range of the initial sigmoid(L)^c, spread evenly over the units."""


LEAST = 1e-6
"""Lower bound of 1 - a^2, so that the gradient of the root stays finite."""


class RgLruConfig(ScannedConfig):
    """Sizes of an `rg_lru` network."""


class RgLruCell(nn.Module):
    """The recurrence of one layer."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.enter = nn.Linear(hidden, 2 * hidden)  # Wg, Wu
        self.gates = nn.Linear(hidden, 2 * hidden)  # Wr, Wi
        self.leave = nn.Linear(hidden, hidden)  # Wy
        kept = torch.linspace(FASTEST, SLOWEST, hidden) ** (1 / SHARPNESS)
        self.forget = nn.Parameter(torch.log(kept / (1 - kept)))  # L

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        shown, entering = self.enter(x).split(self.gates.in_features, dim=-1)
        slowing, opening = self.gates(entering).float().sigmoid().split(self.gates.in_features, dim=-1)
        log_keep = SHARPNESS * slowing * functional.logsigmoid(self.forget)
        scale = torch.sqrt((1 - torch.exp(2 * log_keep)).clamp_min(LEAST))
        h = scan(torch.exp(log_keep), scale * opening * entering.float(), state)
        return self.leave(functional.gelu(shown) * h), h[:, -1]


class RgLru(ScannedNetwork):
    """Blocks around `RgLruCell`."""

    name = "rg_lru"
    config_model = RgLruConfig

    def __init__(self, config: RgLruConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__(config, column_sizes, RgLruCell)

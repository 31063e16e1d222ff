"""`min_gru`: a minimal gated recurrent unit, whose gate does not depend on the state.

With the input x and matrices to be learned (Feng and others 2024, arXiv:2410.01201):

    z = sigmoid(Wz x + bz)        c = Wc x + bc        h(t) = (1 - z) h(t-1) + z c

Since the gate of a layer sees only its input, at least two layers are needed.
"""

from __future__ import annotations

from torch import Tensor, nn

from ritornello.networks.scanned import ScannedConfig, ScannedNetwork, scan


class MinGruConfig(ScannedConfig):
    """Sizes of a `min_gru` network."""


class MinGruCell(nn.Module):
    """The recurrence of one layer."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.gates = nn.Linear(hidden, 2 * hidden)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        gate, candidate = self.gates(x).float().split(self.gates.in_features, dim=-1)
        y = scan((-gate).sigmoid(), gate.sigmoid() * candidate, state)
        return y, y[:, -1]


class MinGru(ScannedNetwork):
    """Blocks around `MinGruCell`."""

    name = "min_gru"
    config_model = MinGruConfig

    def __init__(self, config: MinGruConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__(config, column_sizes, MinGruCell)

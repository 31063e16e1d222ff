"""`gate_dropout_lstm`: stacked LSTM layers whose dropout acts on the input side of the gates only.

The network of the two-layer and four-layer Chainer systems ("A2", "B2"): embedding, LSTM layers, linear layer, all
of one width. In each layer

    gates = dropout(W_x x + b_x) + (W_h h + b_h)        both n -> 4n, so two bias vectors
    c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')

with no peepholes and no extra bias of the forget gate. The recurrent path and the output have no dropout. The
initial weights are Chainer's: matrices normal with variance 1 / inputs, embeddings normal, biases 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ritornello.arrays import Ints
from ritornello.networks.base import Network, State, floats


class GateDropoutLstmConfig(BaseModel):
    """Sizes of a `gate_dropout_lstm` network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(256, ge=1, le=8192, description="units in each layer, and width of the embedding")
    layers: int = Field(2, ge=1, le=16, description="stacked layers")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of the gates' input side dropped in training")


class GateDropoutLayer(nn.Module):
    """One layer: (batch, time, units), hidden and cell (batch, units) -> the same."""

    def __init__(self, units: int, dropout: float) -> None:
        super().__init__()
        self.units = units
        self.from_input = nn.Linear(units, 4 * units)
        self.from_hidden = nn.Linear(units, 4 * units)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        outputs = []
        for from_input in self.dropout(self.from_input(x)).unbind(1):
            i, f, g, o = (from_input + self.from_hidden(h)).split(self.units, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, dim=1), h, c


class GateDropoutLstm(Network):
    """Stacked `GateDropoutLayer`s. The state is (hidden, cell), each (batch, layers, units)."""

    name = "gate_dropout_lstm"
    config_model = GateDropoutLstmConfig

    def __init__(self, config: GateDropoutLstmConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.ModuleList(nn.Embedding(size, config.hidden) for size in column_sizes)
        self.layers = nn.ModuleList(
            GateDropoutLayer(config.hidden, config.dropout) for _ in range(config.layers)
        )
        self.project = nn.Linear(config.hidden, column_sizes[0])
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=config.hidden**-0.5)
                nn.init.zeros_(module.bias)

    def initial_state(self, batch: int) -> State:
        shape = (batch, self.config.layers, self.config.hidden)
        zeros = self.project.weight.new_zeros(shape, dtype=torch.float32)
        return zeros, zeros

    def places(self, other: Network, columns: Sequence[Ints]) -> Mapping[str, tuple[int, Ints]]:
        tables = {f"embeddings.{number}.weight": (0, rows) for number, rows in enumerate(columns)}
        return tables | dict.fromkeys(("project.weight", "project.bias"), (0, columns[0]))

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        embedded = [embedding(inputs[..., i]) for i, embedding in enumerate(self.embeddings)]
        x = torch.stack(embedded).sum(0)  # (batch, time, units)
        after = []
        for layer, h, c in zip(self.layers, *(part.unbind(1) for part in state), strict=True):
            x, h, c = layer(x, h, c)
            after.append(floats(h, c))
        hidden, cell = (torch.stack(parts, dim=1) for parts in zip(*after, strict=True))
        return self.project(x), (hidden, cell)

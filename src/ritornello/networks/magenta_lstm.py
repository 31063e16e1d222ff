"""`magenta_lstm`: stacked LSTM layers on numbers, as in Magenta's basic, mono and lookback models.

The columns after the token are the input, joined into one vector: a column of 2 values is a number 0 or 1, one of
3 values a number -1, 0 or +1, and a larger one of n values a one-hot piece of n - 1 numbers, its last value being
all zeros. The token itself is not read. There is no embedding.

Each layer is TensorFlow's BasicLSTMCell: one bias, and 1 added to the forget gate. Dropout acts on the output of
every layer. Source: systems.md, D2.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from ritornello.networks.base import Network, State, floats

UNLIKELY = -1e4
"""The logit of an id that is never predicted: its probability is 0, and gradients stay finite."""


class MagentaLstmConfig(BaseModel):
    """Sizes of a `magenta_lstm` network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(128, ge=1, le=8192, description="units in each layer")
    layers: int = Field(2, ge=1, le=16, description="stacked layers")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of each layer's output dropped while training")
    given: int = Field(
        0, ge=0, description="so many of the last ids are never predicted, such as start and end"
    )


class JoinColumns(nn.Module):
    """The columns after the first as one vector of floats, (batch, time, width).

    Each value of a column is a row of one table, and the rows of all columns are summed: a single step is then three
    operations instead of several for each column.
    """

    firsts: Tensor
    table: Tensor

    def __init__(self, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        sizes = column_sizes[1:]
        firsts = torch.tensor([sum(sizes[:i]) for i in range(len(sizes))])
        self.register_buffer("firsts", firsts, persistent=False)  # row of each column in the table
        self.register_buffer("table", torch.block_diag(*map(numbers_of, sizes)), persistent=False)
        self.width = self.table.shape[1]

    def forward(self, inputs: Tensor) -> Tensor:
        rows: Tensor = functional.embedding(inputs[..., 1:] + self.firsts, self.table)
        return rows.sum(-2)


def numbers_of(size: int) -> Tensor:
    """Return the numbers for each value of a column of `size` values, (size, numbers)."""
    return torch.arange(size)[:, None] - float(size == 3) if size <= 3 else torch.eye(size, size - 1)


class BasicLstm(nn.Module):
    """One LSTM layer with a single bias and 1 added to the forget gate; gates in torch's order i, f, g, o."""

    forget_bias: Tensor

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.input_weight = nn.Parameter(torch.empty(4 * hidden, inputs))
        self.hidden_weight = nn.Parameter(torch.empty(4 * hidden, hidden))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        open_gate = torch.zeros(4 * hidden)
        open_gate[hidden : 2 * hidden] = 1.0
        self.register_buffer("forget_bias", open_gate, persistent=False)
        both = torch.empty(4 * hidden, inputs + hidden)
        nn.init.xavier_uniform_(both)  # of both together, as TensorFlow has them in one matrix
        with torch.no_grad():
            self.input_weight.copy_(both[:, :inputs])
            self.hidden_weight.copy_(both[:, inputs:])

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs (batch, time, hidden) and the new states, each (batch, hidden), from x (batch, time, _)."""
        weights = [self.input_weight, self.hidden_weight, self.bias, self.forget_bias]
        states = (hidden[None].contiguous(), cell[None].contiguous())
        y, h, c = torch.lstm(x, states, weights, True, 1, 0.0, self.training, False, True)
        return y, h[0], c[0]

    def step(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new states, each (batch, hidden), after one step x (batch, inputs); hidden is the output."""
        gates = functional.linear(x, self.input_weight, self.bias + self.forget_bias)
        i, f, g, o = (gates + functional.linear(hidden, self.hidden_weight)).split(self.hidden, dim=-1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(cell), cell


def glorot(network: nn.Module) -> None:
    """Initialise all linear layers as TensorFlow does: weights of Glorot and Bengio (2010), biases of zero.

    With torch's own, half as large, the attention model long predicts the frequencies of the labels only.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def with_given(logits: Tensor, given: int) -> Tensor:
    """Return the logits with those of `given` more ids that are never predicted."""
    return functional.pad(logits, (0, given), value=UNLIKELY) if given else logits


class MagentaLstm(Network):
    """Stacked LSTM on joined columns. The state is (hidden, cell), each (batch, layers, hidden)."""

    name = "magenta_lstm"
    config_model = MagentaLstmConfig

    def __init__(self, config: MagentaLstmConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.join = JoinColumns(column_sizes)
        sizes = [self.join.width, *[config.hidden] * config.layers]
        self.cells = nn.ModuleList(BasicLstm(a, b) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(config.dropout)
        self.project = nn.Linear(config.hidden, column_sizes[0] - config.given)
        glorot(self)

    def initial_state(self, batch: int) -> State:
        zeros = self.project.weight.new_zeros(
            batch, self.config.layers, self.config.hidden, dtype=torch.float32
        )
        return zeros, zeros

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        x = self.join(inputs)
        after = []
        for layer, cell in enumerate(self.cells):
            x, *states = cell(x, state[0][:, layer], state[1][:, layer])
            after.append(states)
            x = self.dropout(x)
        stacked = (torch.stack(parts, dim=1) for parts in zip(*after, strict=True))
        return with_given(self.project(x), self.config.given), floats(*stacked)

"""`attention_rnn`: stacked LSTM layers, the first of which looks back on its own last outputs.

This is the cell of Magenta's attention models (systems.md, D2; after Bahdanau and others 2014, arXiv:1409.0473).
With the input x, the last attention d, the stored outputs a_1 ... a_40 and W, b, K, v to be learned:

    x' = W1 [x; d] + b1                          of the size of x
    o, c, h = LSTM(x')
    u_i = v . tanh(K a_i + W2 [c; h] + b2)       alpha = softmax(u)
    d = sum of alpha_i a_i
    y = W3 [o; d] + b3                           the output, stored in place of the oldest

The store begins with zeros, which are attended to like any other output. How columns become x, what BasicLSTMCell
is and where dropout acts is told in `magenta_lstm`.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from ritornello.networks.base import Network, State
from ritornello.networks.magenta_lstm import (
    BasicLstm,
    MagentaLstmConfig,
    glorot,
    input_size,
    join_columns,
    with_given,
)


class AttentionRnnConfig(MagentaLstmConfig):
    """Sizes of an `attention_rnn` network."""

    attention: int = Field(40, ge=1, le=1024, description="how many of the last outputs are looked back on")


class AttentionCell(nn.Module):
    """The first layer. Its state is hidden, cell, attention, each (batch, hidden), and store (batch, slots, hidden)."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.mix = nn.Linear(inputs + hidden, inputs)  # W1, b1
        self.lstm = BasicLstm(inputs, hidden)
        self.key = nn.Linear(hidden, hidden, bias=False)  # K
        self.query = nn.Linear(2 * hidden, hidden)  # W2, b2
        self.score = nn.Linear(hidden, 1, bias=False)  # v
        self.output = nn.Linear(2 * hidden, hidden)  # W3, b3

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the outputs (batch, time, hidden) for x (batch, time, inputs), and the state after them."""
        hidden, cell, attention, store = state
        keys = self.key(store)
        outputs = []
        for t in range(x.shape[1]):
            mixed = self.mix(torch.cat([x[:, t], attention], dim=-1))
            hidden, cell = self.lstm.step(mixed, hidden, cell)
            query = self.query(torch.cat([cell, hidden], dim=-1))[:, None]
            weights = self.score(torch.tanh(keys + query)).softmax(dim=1)
            attention = (weights * store).sum(dim=1)
            y = self.output(torch.cat([hidden, attention], dim=-1))
            outputs.append(y)
            store = torch.cat([store[:, 1:], y[:, None]], dim=1)
            keys = torch.cat([keys[:, 1:], self.key(y)[:, None]], dim=1)
        return torch.stack(outputs, dim=1), (hidden, cell, attention, store)


class AttentionRnn(Network):
    """Stacked LSTM with attention in the first layer.

    The state is (hidden, cell, attention, store): two of (batch, layers, hidden), then (batch, hidden) and
    (batch, slots, hidden).
    """

    def __init__(self, config: AttentionRnnConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config, self.column_sizes = config, column_sizes
        self.first = AttentionCell(input_size(column_sizes), config.hidden)
        self.others = nn.ModuleList(BasicLstm(config.hidden, config.hidden) for _ in range(config.layers - 1))
        self.dropout = nn.Dropout(config.dropout)
        self.project = nn.Linear(config.hidden, column_sizes[0] - config.given)
        glorot(self)

    def initial_state(self, batch: int) -> State:
        config = self.config
        shapes = [(config.layers, config.hidden)] * 2 + [(config.hidden,), (config.attention, config.hidden)]
        weight = self.project.weight
        return tuple(weight.new_zeros(batch, *shape, dtype=torch.float32) for shape in shapes)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        hidden, cell, attention, store = state
        x = join_columns(inputs, self.column_sizes)
        y, (h, c, attention, store) = self.first(x, (hidden[:, 0], cell[:, 0], attention, store))
        y, hiddens, cells = self.dropout(y), [h], [c]
        for layer, lstm in enumerate(self.others, 1):
            y, h, c = lstm(y, hidden[:, layer], cell[:, layer])
            y = self.dropout(y)
            hiddens.append(h)
            cells.append(c)
        after = torch.stack(hiddens, dim=1), torch.stack(cells, dim=1), attention, store
        return with_given(self.project(y), self.config.given), tuple(part.float() for part in after)

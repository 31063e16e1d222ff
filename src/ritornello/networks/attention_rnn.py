"""`attention_rnn`: stacked LSTM layers, the first with attention over its own last outputs.

This is the cell of Magenta's attention models (systems.md, D2; after Bahdanau and others 2014, arXiv:1409.0473).
With the input x, the last attention d, the stored outputs a_1 ... a_40 and the parameters W, b, K, v:

    x' = W1 [x; d] + b1                          of the size of x
    o, c, h = LSTM(x')
    u_i = v . tanh(K a_i + W2 [c; h] + b2)       alpha = softmax(u)
    d = sum of alpha_i a_i
    y = W3 [o; d] + b3                           the output, stored in place of the oldest

The initial store is zeros, which are attended to like any other output. K a_i is kept beside a_i, so that a step
multiplies by K only once. See `magenta_lstm` for x, BasicLSTMCell and dropout.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from ritornello.networks.base import Network, State, floats
from ritornello.networks.magenta_lstm import (
    BasicLstm,
    JoinColumns,
    MagentaLstmConfig,
    glorot,
    with_given,
)


class AttentionRnnConfig(MagentaLstmConfig):
    """Sizes of an `attention_rnn` network."""

    attention: int = Field(40, ge=1, le=1024, description="number of last outputs that are attended to")


class AttentionCell(nn.Module):
    """The first layer. Its state is hidden, cell, attention, each (batch, hidden), and store and keys, the outputs a
    and K a, each (batch, slots, hidden)."""

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
        hidden, cell, attention, store, keys = state
        if self.training:  # K has changed since, and gets gradients from the store
            keys = self.key(store)
        outputs = []
        for t in range(x.shape[1]):
            mixed = self.mix(torch.cat([x[:, t], attention], dim=-1))
            hidden, cell = self.lstm.step(mixed, hidden, cell)
            query = self.query(torch.cat([cell, hidden], dim=-1))[:, None]
            weights = self.score(torch.tanh(keys + query)).softmax(dim=1)
            attention = (weights.transpose(1, 2) @ store)[:, 0]
            y = self.output(torch.cat([hidden, attention], dim=-1))
            outputs.append(y)
            store = torch.cat([store[:, 1:], y[:, None]], dim=1)
            keys = torch.cat([keys[:, 1:], self.key(y)[:, None]], dim=1)
        return torch.stack(outputs, dim=1), (hidden, cell, attention, store, keys)


class AttentionRnn(Network):
    """Stacked LSTM with attention in the first layer.

    The state is (hidden, cell, attention, store, keys): two of (batch, layers, hidden), then (batch, hidden) and two
    of (batch, slots, hidden).
    """

    name = "attention_rnn"
    config_model = AttentionRnnConfig

    def __init__(self, config: AttentionRnnConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.join = JoinColumns(column_sizes)
        self.first = AttentionCell(self.join.width, config.hidden)
        self.others = nn.ModuleList(BasicLstm(config.hidden, config.hidden) for _ in range(config.layers - 1))
        self.dropout = nn.Dropout(config.dropout)
        self.project = nn.Linear(config.hidden, column_sizes[0] - config.given)
        glorot(self)

    def initial_state(self, batch: int) -> State:
        config = self.config
        slots = config.attention, config.hidden
        shapes = [(config.layers, config.hidden)] * 2 + [(config.hidden,), slots, slots]
        weight = self.project.weight
        return tuple(weight.new_zeros(batch, *shape, dtype=torch.float32) for shape in shapes)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        hidden, cell, *attended = state
        y, (h, c, *attended) = self.first(self.join(inputs), (hidden[:, 0], cell[:, 0], *attended))
        y, hiddens, cells = self.dropout(y), [h], [c]
        for layer, lstm in enumerate(self.others, 1):
            y, h, c = lstm(y, hidden[:, layer], cell[:, layer])
            y = self.dropout(y)
            hiddens.append(h)
            cells.append(c)
        after = torch.stack(hiddens, dim=1), torch.stack(cells, dim=1), *attended
        return with_given(self.project(y), self.config.given), floats(*after)

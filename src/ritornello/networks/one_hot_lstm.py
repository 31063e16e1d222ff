"""`one_hot_lstm`: one-hot columns, LSTM layers, a dense layer to the logits; nothing embedded, nothing tied.

The network of the Coursera assignment "Improvise a Jazz Solo" (one layer of 64 units: 41,678 parameters for 78
values, 45,530 for 90) and of deepjazz (two of 128, dropout 0.2 after each: 247,630 for 78). Parameters are counted
as in Keras, with one bias for each gate; here it is the weight of an additional input that is always 1, since
`nn.LSTM` would have two. As in Keras, the initial bias of the forget gates is 1. The input is all columns as one-hot
vectors; with the token's column alone the network is that of the sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from ritornello.arrays import Ints
from ritornello.networks.base import Network, State, floats


class OneHotLstmConfig(BaseModel):
    """Sizes of a `one_hot_lstm` network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(64, ge=1, le=8192, description="units in each layer")
    layers: int = Field(1, ge=1, le=16, description="stacked layers")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of activations dropped after each layer")
    every_column: bool = Field(True, description="see all columns, or the token alone as the sources do")


class OneHotLstm(Network):
    """LSTM layers over one-hot columns. The state is (hidden, cell), each (batch, layers, hidden)."""

    name = "one_hot_lstm"
    config_model = OneHotLstmConfig

    def __init__(self, config: OneHotLstmConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.column_sizes = column_sizes if config.every_column else column_sizes[:1]
        widths = [sum(self.column_sizes), *[config.hidden] * (config.layers - 1)]
        self.layers = nn.ModuleList(
            nn.LSTM(width + 1, config.hidden, bias=False, batch_first=True) for width in widths
        )
        self.dropout = nn.Dropout(config.dropout)
        self.dense = nn.Linear(config.hidden, column_sizes[0])
        for (
            layer
        ) in self.layers:  # as in Keras: Glorot for the inputs, orthogonal for the recurrence, forget bias 1
            inputs, recurrent = layer.parameters()
            nn.init.xavier_uniform_(inputs)
            nn.init.orthogonal_(recurrent)
            with torch.no_grad():
                inputs[:, -1] = 0.0
                inputs[config.hidden : 2 * config.hidden, -1] = 1.0

    def initial_state(self, batch: int) -> State:
        weight = self.dense.weight
        zeros = weight.new_zeros(batch, self.config.layers, self.config.hidden, dtype=torch.float32)
        return zeros, zeros

    def places(self, other: OneHotLstm, columns: Sequence[Ints]) -> Mapping[str, tuple[int, Ints]]:
        seen = zip(columns[: len(self.column_sizes)], np.cumsum([0, *other.column_sizes]), strict=False)
        inputs = [np.where(rows >= 0, rows + first, -1) for rows, first in seen]
        constant = np.array([sum(other.column_sizes)])
        found = {"layers.0.weight_ih_l0": (1, np.concatenate([*inputs, constant]))}
        return found | dict.fromkeys(("dense.weight", "dense.bias"), (0, columns[0]))

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        hot = [functional.one_hot(inputs[..., i], size) for i, size in enumerate(self.column_sizes)]
        x = torch.cat(hot, dim=-1).to(self.dense.weight.dtype)  # (batch, time, sum of sizes)
        hidden, cell = [], []
        for i, layer in enumerate(self.layers):
            x = torch.cat([x, torch.ones_like(x[..., :1])], dim=-1)
            before = tuple(part[:, i : i + 1].transpose(0, 1).contiguous() for part in state)
            x, (h, c) = layer(x, before)
            x = self.dropout(x)
            hidden.append(h)
            cell.append(c)
        after = (torch.cat(part).transpose(0, 1) for part in (hidden, cell))
        return self.dense(x), floats(*after)

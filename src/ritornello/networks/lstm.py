"""`lstm`: embedded columns, stacked LSTM layers, a projection to the logits.

Each column has its own embedding; their sum is the input of the first layer. With `tied`, the output layer
uses the token embedding again (Press and Wolf 2017, arXiv:1608.05859), through a projection to its width.
Ids may have attributes (`features`), such as the pitch of a note. Then an id's embedding is the sum of its own and
of those of its attributes, going in and coming out: what is learned of one id helps those that are like it.

Dropout acts between layers, never on the recurrent path.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from ritornello.networks.base import Network, State


class LstmConfig(BaseModel):
    """Sizes of an `lstm` network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(256, ge=1, le=8192, description="units in each layer")
    layers: int = Field(2, ge=1, le=16, description="stacked layers")
    embedding: int = Field(192, ge=1, le=4096, description="width of the embedded input")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of activations dropped while training")
    tied: bool = Field(True, description="use the token embedding as the output layer too")
    features: tuple[tuple[int, ...], ...] = Field(
        (), description="a row of attributes for each id; ids that share one share a part of their embedding"
    )


class Lstm(Network):
    """Stacked LSTM over summed column embeddings. The state is (hidden, cell), each (batch, layers, hidden)."""

    def __init__(self, config: LstmConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.ModuleList(nn.Embedding(size, config.embedding) for size in column_sizes)
        self.lstm = nn.LSTM(
            config.embedding,
            config.hidden,
            config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(config.dropout)
        width = config.embedding if config.tied else column_sizes[0]
        self.project = nn.Linear(config.hidden, width)
        self.bias = nn.Parameter(torch.zeros(column_sizes[0] if config.tied else 0))
        attributes = len(config.features[0]) if config.features else 0
        features = torch.tensor(config.features, dtype=torch.int64).reshape(len(config.features), attributes)
        self.register_buffer("features", features, persistent=False)
        self.shared = nn.ModuleList(nn.Embedding(int(c.max()) + 1, config.embedding) for c in features.T)
        for embedding in (*self.embeddings, *self.shared):
            nn.init.normal_(embedding.weight, std=config.embedding**-0.5)

    def initial_state(self, batch: int) -> State:
        weight = self.project.weight
        zeros = weight.new_zeros(batch, self.config.layers, self.config.hidden, dtype=torch.float32)
        return zeros, zeros

    def token_table(self) -> Tensor:
        """Return the embedding of every id, (vocabulary, embedding): its own, and those of its attributes."""
        table: Tensor = self.embeddings[0].weight
        for number, shared in enumerate(self.shared):
            table = table + shared(self.features[:, number])
        return table

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        tokens = self.token_table()
        embedded = [functional.embedding(inputs[..., 0], tokens)]
        embedded += [table(inputs[..., i]) for i, table in enumerate(self.embeddings) if i > 0]
        x = self.dropout(torch.stack(embedded).sum(0))  # (batch, time, embedding)
        h, c = (part.transpose(0, 1).contiguous() for part in state)  # torch wants (layers, batch, hidden)
        x, (h, c) = self.lstm(x, (h, c))
        y = self.project(self.dropout(x))  # (batch, time, embedding or vocabulary)
        if self.config.tied:
            y = y @ tokens.T + self.bias
        return y, (h.transpose(0, 1).float(), c.transpose(0, 1).float())

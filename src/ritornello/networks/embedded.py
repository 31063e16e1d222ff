"""What networks share that embed their columns: the way in, the way out. Between them each has layers of its own.

Each column has its own embedding; their sum is the input of the first layer. With `tied`, the output layer uses
the token embedding again (Press and Wolf 2017, arXiv:1608.05859), through a projection to its width. Ids may have
attributes (`features`), such as the pitch of a note. Then an id's embedding is the sum of its own and of those of
its attributes, going in and coming out: what is learned of one id helps those that are like it.

Dropout acts on the embedded input and before the output.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from ritornello.networks.base import Network
from ritornello.networks.dropout import Dropout


class EmbeddedConfig(BaseModel):
    """Sizes of a network with embedded columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(256, ge=1, le=8192, description="units in each layer")
    layers: int = Field(2, ge=1, le=16, description="stacked layers")
    embedding: int = Field(192, ge=1, le=4096, description="width of the embedded input")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of activations dropped while training")
    tied: bool = Field(True, description="use the token embedding as the output layer too")
    features: tuple[tuple[int, ...], ...] = Field(
        (), description="a row of attributes for each id; ids that share one share a part of their embedding"
    )


class EmbeddedNetwork(Network):
    """Base of networks with embedded columns. A subclass calls `embed`, its own layers, and `read_out`."""

    def __init__(self, config: EmbeddedConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.ModuleList(nn.Embedding(size, config.embedding) for size in column_sizes)
        self.dropout = Dropout(config.dropout)
        width = config.embedding if config.tied else column_sizes[0]
        self.project = nn.Linear(config.hidden, width)
        self.bias = nn.Parameter(torch.zeros(column_sizes[0] if config.tied else 0))
        attributes = len(config.features[0]) if config.features else 0
        features = torch.tensor(config.features, dtype=torch.int64).reshape(len(config.features), attributes)
        self.register_buffer("features", features, persistent=False)
        firsts = torch.tensor([sum(column_sizes[:i]) for i in range(len(column_sizes))])
        self.register_buffer("firsts", firsts, persistent=False)  # row of each column in the joint table
        self.shared = nn.ModuleList(nn.Embedding(int(c.max()) + 1, config.embedding) for c in features.T)
        for embedding in (*self.embeddings, *self.shared):
            nn.init.normal_(embedding.weight, std=config.embedding**-0.5)

    def token_table(self) -> Tensor:
        """Return the embedding of every id, (vocabulary, embedding): its own, and those of its attributes."""
        table: Tensor = self.embeddings[0].weight
        for number, shared in enumerate(self.shared):
            table = table + shared(self.features[:, number])
        return table

    def embed(self, inputs: Tensor, tokens: Tensor) -> Tensor:
        """Return (batch, time, embedding) for inputs (batch, time, column); `tokens` is the token table."""
        # One look-up in one table: a single step is a few operations then, instead of a few for each column.
        table = torch.cat([tokens, *(embedding.weight for embedding in self.embeddings[1:])])
        rows, shape = inputs + self.firsts, (*inputs.shape[:-1], -1)
        if self.training:  # the same sum, faster with gradients; step graphs do not know it
            summed = functional.embedding_bag(rows.flatten(0, -2), table, mode="sum").view(shape)
        else:
            summed = functional.embedding(rows, table).sum(-2)
        embedded: Tensor = self.dropout(summed)
        return embedded

    def read_out(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Return the logits, (batch, time, vocabulary), for the last layer's output (batch, time, hidden)."""
        y: Tensor = self.project(self.dropout(x))
        return y @ tokens.T + self.bias if self.config.tied else y

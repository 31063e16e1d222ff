"""`mini_gru`: embedded columns, one GRU layer, a projection to the logits."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ritornello.networks.base import Network, State, floats


class MiniGruConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(16, ge=1, description="units")


class MiniGru(Network):
    name = "mini_gru"
    config_model = MiniGruConfig

    def __init__(self, config: MiniGruConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.ModuleList(nn.Embedding(size, config.hidden) for size in column_sizes)
        self.gru = nn.GRU(config.hidden, config.hidden, batch_first=True)
        self.output = nn.Linear(config.hidden, column_sizes[0])

    def initial_state(self, batch: int) -> State:
        return (self.output.weight.new_zeros(batch, 1, self.config.hidden),)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        embedded = torch.stack([table(inputs[..., i]) for i, table in enumerate(self.embeddings)]).sum(dim=0)
        y, h = self.gru(embedded, state[0].transpose(0, 1).contiguous())
        return self.output(y), floats(h.transpose(0, 1))

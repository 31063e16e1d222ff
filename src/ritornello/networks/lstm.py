"""`lstm`: embedded columns, stacked LSTM layers, a projection to the logits.

See `embedded` for the embedding of columns and the output layer. Dropout also acts between layers, never on the
recurrent path.
"""

from __future__ import annotations

from torch import Tensor, nn

from ritornello.networks.base import State, floats
from ritornello.networks.embedded import EmbeddedConfig, EmbeddedNetwork


class LstmConfig(EmbeddedConfig):
    """Sizes of an `lstm` network."""


class Lstm(EmbeddedNetwork):
    """Stacked LSTM over summed column embeddings. The state is (hidden, cell), each (batch, layers, hidden)."""

    name = "lstm"
    config_model = LstmConfig

    def __init__(self, config: LstmConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__(config, column_sizes)
        dropout = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(config.embedding, config.hidden, config.layers, batch_first=True, dropout=dropout)

    def initial_layers(self, batch: int) -> State:
        zeros = self.bias.new_zeros(batch, self.config.layers, self.config.hidden)
        return zeros, zeros

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, c = (part.transpose(0, 1).contiguous() for part in state)  # torch wants (layers, batch, hidden)
        x, (h, c) = self.lstm(x, (h, c))
        return x, floats(h.transpose(0, 1), c.transpose(0, 1))

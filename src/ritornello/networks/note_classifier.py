"""`note_classifier`: stacked LSTM layers, a dense layer, and the logits; the networks of system E.

Its three variants (Classical-Piano-Composer) as configurations, with their numbers of parameters for 352 classes:

    article, training    widths 256, 512, 256, dense 256 linear, dropout 0.3              2,782,816
    article, generation  512, 512, 512, else the same; it cannot load these weights  5,472,864
    repository, 2019     512, 512, 512, recurrent dropout 0.3, norm, dense 256 ReLU       5,475,936

(the last figure with the 1,536 running statistics of its batch norms, which Keras counts too).

`input="scalar"` is the source's input: id / classes, one number a step, which puts the words in a meaningless order.
`"embedding"` is the sum of learned vectors, one for each value of each column.

As in Keras: one bias a gate; kernels begin by Glorot and Bengio (2010), recurrent kernels orthogonal, biases 0 and
1 for the forget gates; recurrent dropout (Gal and Ghahramani 2016, arXiv:1512.05287) keeps one mask for all
steps of a window; batch norm with momentum 0.99 and epsilon 0.001. Unlike in Keras, the network streams: every step
has logits, and the state is carried, where the source reads windows of 100 from a zero state and uses the last step
only. So in training the batch norms take their statistics over all steps of a batch; inference uses the running
statistics, so that steps and rows stay independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ritornello.arrays import Ints
from ritornello.networks.base import Network, State, floats

MOMENTUM, EPSILON = 0.99, 1e-3


class NoteClassifierConfig(BaseModel):
    """Sizes of a `note_classifier` network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(512, ge=1, le=8192, description="units in each layer")
    layers: int = Field(3, ge=1, le=16, description="stacked layers")
    widths: tuple[int, ...] = Field(
        (), max_length=16, description="units of each layer, instead of hidden and layers"
    )
    input: Literal["scalar", "embedding"] = Field("embedding", description="how a token is read")
    embedding: int = Field(128, ge=0, le=4096, description="width of the embedded input; 0 if scalar")
    dense: int = Field(256, ge=0, le=8192, description="units of the layer before the logits; 0: none")
    activation: Literal["linear", "relu"] = Field("linear", description="of the dense layer")
    norm: bool = Field(False, description="batch norm before and after the dense layer")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of activations dropped after layers")
    recurrent_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the state dropped in all layers but the last, instead of dropout",
    )

    @model_validator(mode="before")
    @classmethod
    def _settle(cls, values: Any) -> Any:
        """A scalar input has no embedding."""
        if isinstance(values, dict) and values.get("input") == "scalar":
            return {**values, "embedding": 0}
        return values

    @model_validator(mode="after")
    def _check(self) -> NoteClassifierConfig:
        if self.input == "embedding" and not self.embedding:
            raise ValueError("embedding must be at least 1, unless the input is scalar")
        if any(not 1 <= width <= 8192 for width in self.widths):
            raise ValueError("widths must each be 1 to 8192")
        return self

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """The units of each layer."""
        return self.widths or (self.hidden,) * self.layers


class LstmLayer(nn.Module):
    """One LSTM layer with one bias a gate; gates in the order input, forget, candidate, output."""

    def __init__(self, inputs: int, width: int, recurrent_dropout: float) -> None:
        super().__init__()
        self.width, self.recurrent_dropout = width, recurrent_dropout
        self.kernel = nn.Parameter(torch.empty(4 * width, inputs))
        self.recurrent = nn.Parameter(torch.empty(4 * width, width))
        self.bias = nn.Parameter(torch.zeros(4 * width))
        nn.init.xavier_uniform_(self.kernel)
        nn.init.orthogonal_(self.recurrent)
        with torch.no_grad():
            self.bias[width : 2 * width] = 1.0

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the outputs (batch, time, width) and the state after the last step, each (batch, width)."""
        if self.training and self.recurrent_dropout:
            return self._dropped(x, h, c)
        weights = [self.kernel, self.recurrent, self.bias, torch.zeros_like(self.bias)]
        state = [h[None].contiguous(), c[None].contiguous()]
        y, h, c = torch.lstm(x, state, weights, True, 1, 0.0, self.training, False, True)
        return y, h[0], c[0]

    def _dropped(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `forward`, with dropout of the state that the gates read, by one mask a row for all steps."""
        mask = functional.dropout(torch.ones_like(h), self.recurrent_dropout)
        gates = functional.linear(x, self.kernel, self.bias).unbind(1)
        outputs = []
        for gate in gates:
            i, f, g, o = (gate + functional.linear(h * mask, self.recurrent)).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        return torch.stack(outputs, dim=1), h, c


class BatchNorm(nn.Module):
    """Batch normalisation of features as Keras does it: four vectors, two of them learned by gradient."""

    mean: Tensor
    variance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (batch, time, feature) normalised; in training, by its own statistics over batch and time."""
        mean, variance = self.mean, self.variance
        if self.training:
            mean, variance = x.float().mean((0, 1)), x.float().var((0, 1), correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, 1 - MOMENTUM)
                self.variance.lerp_(variance, 1 - MOMENTUM)
        return (x - mean) * torch.rsqrt(variance + EPSILON) * self.scale + self.shift


class NoteClassifier(Network):
    """The network of system E. The state is (hidden, cell), each (batch, units of all layers)."""

    name = "note_classifier"
    config_model = NoteClassifierConfig

    def __init__(self, config: NoteClassifierConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config, self.classes = config, column_sizes[0]
        widths = config.layer_widths
        embedded = column_sizes if config.input == "embedding" else ()
        self.embeddings = nn.ModuleList(nn.Embedding(size, config.embedding) for size in embedded)
        for embedding in self.embeddings:
            nn.init.normal_(embedding.weight, std=max(config.embedding, 1) ** -0.5)
        inner = [config.recurrent_dropout] * (len(widths) - 1) + [0.0]
        self.layers = nn.ModuleList(
            LstmLayer(inputs, width, dropout)
            for inputs, width, dropout in zip(
                (config.embedding or 1, *widths[:-1]), widths, inner, strict=True
            )
        )
        self.between = nn.Dropout(0.0 if config.recurrent_dropout else config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        head: list[nn.Module] = [BatchNorm(widths[-1]), self.dropout] if config.norm else []
        if config.dense:
            head.append(_make_linear(widths[-1], config.dense))
            head += [nn.ReLU()] if config.activation == "relu" else []
            head += [BatchNorm(config.dense)] if config.norm else []
        self.head = nn.Sequential(*head, self.dropout)
        self.output = _make_linear(config.dense or widths[-1], self.classes)

    def initial_state(self, batch: int) -> State:
        zeros = self.output.weight.new_zeros(batch, sum(self.config.layer_widths), dtype=torch.float32)
        return zeros, zeros

    def places(self, other: Network, columns: Sequence[Ints]) -> Mapping[str, tuple[int, Ints]]:
        if self.config.input == "scalar":  # reads the number of an id
            return super().places(other, columns)
        tables = {f"embeddings.{number}.weight": (0, rows) for number, rows in enumerate(columns)}
        return tables | dict.fromkeys(("output.weight", "output.bias"), (0, columns[0]))

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        widths = list(self.config.layer_widths)
        x = self._read(inputs)
        after = []
        parts = zip(self.layers, *(part.split(widths, dim=1) for part in state), strict=True)
        for number, (layer, h, c) in enumerate(parts):
            x, h, c = layer(self.between(x) if number else x, h, c)
            after.append(floats(h, c))
        hidden, cell = (torch.cat(part, dim=1) for part in zip(*after, strict=True))
        return self.output(self.head(x)), (hidden, cell)

    def _read(self, inputs: Tensor) -> Tensor:
        """Return the input of the first layer, (batch, time, embedding or 1)."""
        if self.config.input == "scalar":
            return inputs[..., :1].float() / self.classes
        embedded = [embedding(inputs[..., i]) for i, embedding in enumerate(self.embeddings)]
        return torch.stack(embedded).sum(0)


def _make_linear(inputs: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear

"""The interface of networks: (inputs, state) -> (logits, state), without knowledge of music.

Conventions
-----------
- `inputs` is an integer tensor of shape (batch, time, column); `logits` a float tensor of shape
  (batch, time, vocabulary). Column 0 is the id of the current token; the logits are for the next one.
- A state is a tuple of float tensors, batch first. It can be detached, copied, saved, or sliced by rows, and holds
  everything about the past: T steps at once equal T single steps. A law tests this.
- `bundle` stores the parameters by their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from ritornello.arrays import Ints
from ritornello.errors import ConfigError

State = tuple[Tensor, ...]


class Network(nn.Module):
    """Base of all networks, made from a configuration and the sizes of the columns: `Kind(config, column_sizes)`.

    Subclasses define the two methods, and are final.
    """

    name: ClassVar[str]
    """The name in `NETWORKS` and in bundles."""

    config_model: ClassVar[type[BaseModel]]

    maps_new_columns: ClassVar[bool] = False
    """Whether a column more in the vocabulary that it is mapped to changes nothing else of it (`mapping`)."""

    config: Any
    """The configuration, of type `config_model`."""

    @property
    def reads_back(self) -> bool:
        """Whether its shapes depend on numbers, so that a graphics card is waited for in each step of training."""
        return False

    def initial_state(self, batch: int) -> State:
        """Return the state before the first step of `batch` pieces."""
        raise NotImplementedError

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits for the next ids, (batch, time, vocabulary), and the state after the last step."""
        raise NotImplementedError

    def places(self, other: Any, columns: Sequence[Ints]) -> Mapping[str, tuple[int, Ints]]:
        """Return which of its parameters depend on the vocabulary, for `mapping`: by name the axis with a place for
        each value of a column, and for each place that of `other` with the same meaning, -1 for none.

        other: a network of the same kind and sizes. columns: for each column the value of `other` that means the same
        as each value. By default all have to be the same: ConfigError for others.
        """
        if all(np.array_equal(column, np.arange(len(column))) for column in columns):
            return {}
        raise ConfigError(f"network {self.name}: it cannot be mapped to another vocabulary")

    def __call__(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        result: tuple[Tensor, State] = super().__call__(inputs, state)
        return result


def detach(state: State) -> State:
    """Return `state` detached from the autograd graph."""
    return tuple(part.detach() for part in state)


def reset_rows(state: State, initial: State, rows: Tensor) -> State:
    """Return `state` with the rows where the mask `rows` (batch,) is true taken from `initial`."""
    return tuple(
        torch.where(rows.reshape(-1, *[1] * (part.dim() - 1)), start, part)
        for part, start in zip(state, initial, strict=True)
    )


def floats(*parts: Tensor) -> tuple[Tensor, ...]:
    """Return tensors as float32. Those that are already stay as they are, since a cast would be part of every step."""
    return tuple(part if part.dtype == torch.float32 else part.float() for part in parts)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


Config = dict[str, Any]

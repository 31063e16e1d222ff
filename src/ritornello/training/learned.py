"""What of a network is learned: all of its weights, a change of low rank of each matrix, or its biases.

A network that knows much and sees little is better changed little. A change of low rank replaces a matrix W by W + A B,
where A has few columns and B few rows, and learns these (LoRA: Hu and others 2021, arXiv:2106.09685). Of the biases
alone there are some thousands (BitFit: Ben Zaken and others 2022, arXiv:2106.10199).

The network's own matrices always hold W + A B, so it is an ordinary network, which is scored and saved as any other;
and the gradients of A and B follow from that of their matrix. A backward pass that leaves out the matrices' gradients
would save nothing: torch's LSTM computes them with the others (docs/experiments.md).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Factored(NamedTuple):
    """A matrix that is `start` + `left` @ `right`, of which only the two factors are learned."""

    matrix: nn.Parameter
    start: Tensor
    left: nn.Parameter
    right: nn.Parameter


class Learned:
    """The parameters that an optimizer changes, by name, and the weights of the network that follow from them.

    Of the network only what requires a gradient takes part; what is not learned does not require one afterwards.
    """

    def __init__(self, network: nn.Module, learn: str = "all", rank: int = 8) -> None:
        """learn: "all", "low-rank" or "biases". rank: of the change of each matrix."""
        known = {name: each for name, each in network.named_parameters() if each.requires_grad}
        if learn == "biases":
            chosen = biases(network)
            for name in known.keys() - chosen.keys():
                known[name].requires_grad_(False)
            known = {name: each for name, each in known.items() if name in chosen}
        self.factored = {
            name: _factored(each, rank)
            for name, each in known.items()
            if learn == "low-rank" and _has_fewer_numbers(each, rank)
        }
        self.parameters = {name: each for name, each in known.items() if name not in self.factored}
        for name, each in self.factored.items():
            self.parameters |= {f"{name}.left": each.left, f"{name}.right": each.right}

    @property
    def count(self) -> int:
        """The number of values that are learned."""
        return sum(parameter.numel() for parameter in self.parameters.values())

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no complete types
    def derive_gradients(self) -> list[Tensor]:
        """Return the gradients of the parameters, those of factors from those of their matrices."""
        for matrix, _, left, right in self.factored.values():
            if matrix.grad is not None:
                left.grad, right.grad, matrix.grad = matrix.grad @ right.T, left.T @ matrix.grad, None
        return [parameter.grad for parameter in self.parameters.values() if parameter.grad is not None]

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def update_network(self) -> None:
        """Give the network the matrices that follow from the factors."""
        for matrix, start, left, right in self.factored.values():
            torch.addmm(start, left, right, out=matrix.data)

    def state(self) -> dict[str, Tensor]:
        """Return what cannot be told from the network's weights, to resume from here."""
        parts = ("start", "left", "right")
        return {f"{name}.{p}": getattr(each, p) for name, each in self.factored.items() for p in parts}

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        for name, each in self.factored.items():
            for part in ("start", "left", "right"):
                getattr(each, part).copy_(state[f"{name}.{part}"])


def biases(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the biases of a network by name: its parameters that are vectors."""
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        # torch's LSTM has a second bias that is only added to the first.
        if parameter.dim() == 1 and parameter.numel() and "bias_hh" not in name
    }


def _has_fewer_numbers(parameter: nn.Parameter, rank: int) -> bool:
    """Whether two factors are fewer numbers than what they change."""
    return bool(parameter.dim() == 2 and rank * sum(parameter.shape) < parameter.numel())


def _factored(matrix: nn.Parameter, rank: int) -> Factored:
    """Return a matrix as itself plus the product of two factors, which is 0 so far."""
    rows, columns = matrix.shape
    left = nn.Parameter(matrix.new_zeros(rows, rank))
    right = nn.Parameter(torch.randn(rank, columns, device=matrix.device) / math.sqrt(columns))
    return Factored(matrix, matrix.detach().clone(), left, right)

"""The published split of a collection: its pieces to train on, to choose on, and to be tested on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

Piece = TypeVar("Piece")
Other = TypeVar("Other")


class Splits(NamedTuple, Generic[Piece]):
    """The pieces of a collection by its published splits."""

    train: list[Piece]
    valid: list[Piece]
    test: list[Piece]

    def map(self, function: Callable[[Piece], Other]) -> Splits[Other]:
        """Return the splits with `function` of each piece."""
        return Splits(*([function(piece) for piece in pieces] for pieces in self))

"""Limits: how many notes may sound at once, how many may begin in a bar, and how long an instrument may be silent.

To know at one note that there will be a way on for the next, one has to know how ids move time and how long notes are.
So a representation that can keep limits makes the constraint itself, its *room* (`KeepsLimits`); `generation` puts it
beside the others. Drums are free of limits, and do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

NO_LIMIT = 1 << 30

ENTRANCES = "entrances"
"""The wish that every instrument plays; nobody has to ask for it."""

CADENCE = "cadence"
"""The wish that a piece ends on its tonic, likewise."""

Forbidden = Sequence[int] | NDArray[np.integer[Any]]
"""Ids that must not come next."""


@dataclass(frozen=True)
class Limits:
    """polyphony: notes of one part that may sound at once, at least 1. fewest, most: notes of all parts together that
    begin in a bar; most is at least 1 and not below fewest. able: the voices that other wishes leave a note at any
    time, at least one but where only drums play. wish: what a person calls the limits."""

    polyphony: int = NO_LIMIT
    fewest: int = 0
    most: int = NO_LIMIT
    able: frozenset[int] = frozenset()
    wish: str = "limits"


class Rule(Protocol):
    """A constraint (`generation.constraints`) of one piece: what its limits leave room for, or who has to enter."""

    wish: str

    def observe(self, grammar: Any, /) -> None:
        """Take note of the id just pushed to `grammar`."""

    def forbidden(self, grammar: Any, /) -> Forbidden:
        """Return the ids after which it could no longer be kept."""


@runtime_checkable
class KeepsLimits(Protocol):
    """A representation that can keep limits."""

    def make_room(self, limits: Limits) -> Rule:
        """Return the constraint of one piece."""

    def most_onsets(self, limits: Limits, meter: tuple[int, int] | None) -> int:
        """Return the largest `fewest` that can be kept beside the other limits, whatever sounds at a bar line; in
        bars of `meter`, or else of the longest."""


@runtime_checkable
class KeepsForm(Protocol):
    """A representation that can see to it that every instrument of a piece plays, and that the piece ends at home."""

    def make_entrances(self) -> Rule:
        """Return the constraint of one piece that lets every instrument enter."""

    def make_cadence(self) -> Rule:
        """Return the constraint of one piece that ends on its tonic chord."""

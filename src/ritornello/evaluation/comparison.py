"""How alike two sets of numbers are: the area that their distributions share.

As Yang and Lerch (2020, "On the evaluation of generative models in music") have it: a distribution is a sum of Gaussian
bells, one a piece, as wide as Scott's rule says (1979); the overlap of two is the area under the lower of them, 0 to 1.
Few pieces overlap less than many, even of one kind. So a set is compared with halves of the real pieces, and the mean
over several random halvings stands beside that of the halves with each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HALVINGS = 10
POINTS = 512
"""Places at which distributions are compared."""

NARROWEST = 0.01
"""Width of a bell, as a share of the range of all values, at least: for sets with one value only."""


class Likeness(NamedTuple):
    """Means and standard deviations of both sets, their overlap, and the overlap of the real pieces with themselves."""

    generated: tuple[float, float]
    real: tuple[float, float]
    overlap: float
    ceiling: float

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        return {
            "generated": [round(value, 4) for value in self.generated],
            "real": [round(value, 4) for value in self.real],
            "overlap": round(self.overlap, 4),
            "ceiling": round(self.ceiling, 4),
        }


def compare(generated: Floats, real: Floats, random: np.random.Generator) -> Likeness:
    """Return how alike two sets are; values that are not a number do not count. Sets with none have no overlap."""
    generated, real = (values[np.isfinite(values)] for values in (generated, real))
    overlaps, ceilings = [], []
    for _ in range(HALVINGS):
        first, second = np.array_split(random.permutation(real), 2)
        overlaps.append((overlap(generated, first) + overlap(generated, second)) / 2)
        ceilings.append(overlap(first, second))
    return Likeness(_moments(generated), _moments(real), float(np.mean(overlaps)), float(np.mean(ceilings)))


def overlap(one: Floats, other: Floats) -> float:
    """Return the area under both distributions, 0 to 1."""
    if not len(one) or not len(other):
        return float(len(one) == len(other))
    both = np.concatenate([one, other])
    spread = max(float(np.ptp(both)), 1e-9)
    places = np.linspace(both.min() - spread, both.max() + spread, POINTS)
    lower = np.minimum(density(one, places, spread), density(other, places, spread))
    return float(min(1.0, lower.sum() * (places[1] - places[0])))


def density(values: Floats, places: Floats, spread: float) -> Floats:
    """Return the height of the distribution of `values` at `places`; `spread` is the range of all values."""
    width = max(float(np.std(values)) * len(values) ** -0.2, NARROWEST * spread)
    bells = np.exp(-0.5 * ((places[:, None] - values) / width) ** 2)
    return np.asarray(bells.mean(axis=1) / (width * np.sqrt(2 * np.pi)))


def _moments(values: Floats) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (float("nan"), float("nan"))

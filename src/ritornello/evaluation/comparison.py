"""Likeness of two sets of pieces, feature by feature: the overlapping area of two distributions.

After Yang and Lerch (2020, "On the evaluation of generative models in music"): a distribution is a kernel density
estimate, a sum of Gaussian kernels, one a piece; the overlap of two is the area under the lower of them, 0 to 1. The
kernels of both sets have one width, Scott's rule (1979) for the mean of their variances, at least the feature's grain:
else two sets of values that are all nearly 0 might not overlap at all.

Few pieces overlap less than many, even of one kind, so a figure alone means little. Both sets are halved at random,
HALVINGS times. The overlap is that of a half of the generated pieces with a half of the real ones; the *ceiling* is
that of the two real halves, which have the same size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritornello.arrays import Floats

Table = Mapping[str, Floats]
"""A column for each feature, (piece,); not a number where it is undefined."""

HALVINGS = 20
POINTS = 512
"""Number of points at which densities are compared."""

NARROWEST = 0.01
"""The least width of a kernel, as a share of the range of all values, so that the points do not miss it."""


@dataclass(frozen=True)
class Likeness:
    """Of one feature: means and standard deviations of both sets, and for each halving the overlap of generated with
    real pieces and that of the real halves."""

    generated: tuple[float, float]
    real: tuple[float, float]
    overlaps: tuple[float, ...]
    ceilings: tuple[float, ...]

    @property
    def overlap(self) -> float:
        return float(np.mean(self.overlaps))

    @property
    def ceiling(self) -> float:
        return float(np.mean(self.ceilings))

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        return {
            "generated": [round(value, 4) for value in self.generated],
            "real": [round(value, 4) for value in self.real],
            "overlap": round(self.overlap, 4),
            "ceiling": round(self.ceiling, 4),
        }


def compare(
    generated: Table, real: Table, grains: Mapping[str, float], random: np.random.Generator
) -> dict[str, Likeness]:
    """Return the likeness of two sets of pieces in each feature; the halvings are the same for all features."""
    halvings = [(_halves(generated, random), _halves(real, random)) for _ in range(HALVINGS)]
    likeness = {}
    for name, grain in grains.items():
        overlaps, ceilings = [], []
        for of_generated, of_real in halvings:
            (a, b), (c, d) = ([table[name] for table in halves] for halves in (of_generated, of_real))
            overlaps.append((overlap(a, c, grain) + overlap(b, d, grain)) / 2)
            ceilings.append(overlap(c, d, grain))
        of_both = moments(finite(generated[name])), moments(finite(real[name]))
        likeness[name] = Likeness(*of_both, tuple(overlaps), tuple(ceilings))
    return likeness


def shares_of_ceiling(likeness: Mapping[str, Likeness]) -> Floats:
    """Return for each halving the mean overlap over all features, as a share of the mean ceiling."""
    overlaps, ceilings = (
        np.array([getattr(row, name) for row in likeness.values()]) for name in ("overlaps", "ceilings")
    )
    return np.asarray(overlaps.mean(axis=0) / np.maximum(ceilings.mean(axis=0), 1e-9))


def _halves(table: Table, random: np.random.Generator) -> list[Table]:
    order = random.permutation(len(next(iter(table.values()))))
    return [{name: values[half] for name, values in table.items()} for half in np.array_split(order, 2)]


def finite(values: Floats) -> Floats:
    """Return the finite values."""
    return values[np.isfinite(values)]


def overlap(one: Floats, other: Floats, grain: float) -> float:
    """Return the area under both densities, 0 to 1; it is 0 if one set is empty."""
    one, other = finite(one), finite(other)
    if not len(one) or not len(other):
        return float(len(one) == len(other))
    width = kernel_width(one, other, grain)
    places = places_for(np.concatenate([one, other]), width)
    lower = np.minimum(density(one, places, width), density(other, places, width))
    return float(min(1.0, lower.sum() * (places[1] - places[0])))


def kernel_width(one: Floats, other: Floats, grain: float) -> float:
    """Return the standard deviation of the kernels of two sets; either may be empty, not both."""
    sets = [values for values in (one, other) if len(values)]
    deviation = np.sqrt(np.mean([np.var(values) for values in sets]))
    scott = deviation * np.mean([len(values) for values in sets]) ** -0.2
    return float(max(scott, grain, NARROWEST * np.ptp(np.concatenate(sets))))


def places_for(values: Floats, width: float) -> Floats:
    """Return POINTS from below the lowest of `values` to above the highest."""
    return np.linspace(values.min() - 4 * width, values.max() + 4 * width, POINTS)


def density(values: Floats, places: Floats, width: float) -> Floats:
    """Return the kernel density estimate of `values` at `places`."""
    kernels = np.exp(-0.5 * ((places[:, None] - values) / width) ** 2)
    return np.asarray(kernels.mean(axis=1) / (width * np.sqrt(2 * np.pi)))


def moments(values: Floats) -> tuple[float, float]:
    """Return mean and standard deviation."""
    return (float(values.mean()), float(values.std())) if len(values) else (float("nan"), float("nan"))

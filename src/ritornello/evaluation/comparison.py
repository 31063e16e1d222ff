"""How alike two sets of pieces are, feature by feature: the area that two distributions share.

As Yang and Lerch (2020, "On the evaluation of generative models in music") have it: a distribution is a sum of
Gaussian bells, one a piece, and the overlap of two is the area under the lower of them, 0 to 1. The bells of both sets
are of one width, Scott's rule (1979) for the mean of their variances, and no narrower than the feature's grain: else of
two sets that are nearly always 0, the one exactly and the other nearly, the areas would miss each other.

Few pieces overlap less than many, even of one kind, so a figure alone says little. Both sets are halved at random,
HALVINGS times. The overlap is that of a half of the generated pieces with one of the real ones; the *ceiling* that of
the two real halves: as many pieces, and more alike cannot be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritornello.arrays import Floats

Table = Mapping[str, Floats]
"""A column for each feature, (piece,); not a number where a piece has no such thing."""

HALVINGS = 20
POINTS = 512
"""Places at which distributions are compared."""

NARROWEST = 0.01
"""Width of a bell, as a share of the range of all values, at least: so that places do not miss it."""


@dataclass(frozen=True)
class Likeness:
    """Of one feature: means and standard deviations of both sets, and for each halving the overlap of generated with
    real pieces, and of the real ones with themselves."""

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
    """Return how alike two sets of pieces are in each feature; all features are halved alike."""
    halvings = [(_halves(generated, random), _halves(real, random)) for _ in range(HALVINGS)]
    likeness = {}
    for name, grain in grains.items():
        overlaps, ceilings = [], []
        for mine, theirs in halvings:
            (a, b), (c, d) = ([table[name] for table in halves] for halves in (mine, theirs))
            overlaps.append((overlap(a, c, grain) + overlap(b, d, grain)) / 2)
            ceilings.append(overlap(c, d, grain))
        moments = _moments(finite(generated[name])), _moments(finite(real[name]))
        likeness[name] = Likeness(*moments, tuple(overlaps), tuple(ceilings))
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
    """Return the values that are a number."""
    return values[np.isfinite(values)]


def overlap(one: Floats, other: Floats, grain: float) -> float:
    """Return the area under both distributions, 0 to 1; of nothing with something it is 0."""
    one, other = finite(one), finite(other)
    if not len(one) or not len(other):
        return float(len(one) == len(other))
    width = bell_width(one, other, grain)
    places = places_for(np.concatenate([one, other]), width)
    lower = np.minimum(density(one, places, width), density(other, places, width))
    return float(min(1.0, lower.sum() * (places[1] - places[0])))


def bell_width(one: Floats, other: Floats, grain: float) -> float:
    """Return the standard deviation of the bells of two sets; either may be empty, not both."""
    sets = [values for values in (one, other) if len(values)]
    deviation = np.sqrt(np.mean([np.var(values) for values in sets]))
    scott = deviation * np.mean([len(values) for values in sets]) ** -0.2
    return float(max(scott, grain, NARROWEST * np.ptp(np.concatenate(sets))))


def places_for(values: Floats, width: float) -> Floats:
    """Return where to look at distributions of `values`: from below the lowest to above the highest."""
    return np.linspace(values.min() - 4 * width, values.max() + 4 * width, POINTS)


def density(values: Floats, places: Floats, width: float) -> Floats:
    """Return the height of the distribution of `values` at `places`."""
    bells = np.exp(-0.5 * ((places[:, None] - values) / width) ** 2)
    return np.asarray(bells.mean(axis=1) / (width * np.sqrt(2 * np.pi)))


def _moments(values: Floats) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (float("nan"), float("nan"))

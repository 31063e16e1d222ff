"""The two-sample test: can a classifier tell composed pieces from real ones? And by what?

A classifier learns from four fifths of the pieces and judges the rest; so every piece is judged by one that has not
seen it, nor a version of it, nor the piece of the other kind with the same settings: these make a *family*, which is on
one side (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests"). The *area* under the ROC curve is the
chance that of a real and a composed piece the composed one is named: 0.5 is a guess, 1 certainty. It does not tell how
good the pieces are, only that there is something to mend, and what was noticed tells where.

What chance alone gives is measured, not assumed: in each family real and composed are swapped or not at random, and all
is done again, PERMUTATIONS times.

The classifier (`forest`) sees ranks, so that no unit matters; what a piece has not (not a number) ranks below all.

Read in order: `TwoSample`, `tell_apart`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ritornello.arrays import Floats, Ints, Mask
from ritornello.evaluation.comparison import finite, moments
from ritornello.evaluation.details import Details
from ritornello.evaluation.forest import forest_scores

FOLDS = 5
REPEATS = 4
PERMUTATIONS = 20
SWAPS = 200
"""Permutations by which details are judged, one at a time."""

RESAMPLINGS = 500

FEWEST = 10
"""Families without which nothing is told."""

FEW = 40
"""Families below which the figure is rough."""

MOST_OF_GROUP = 3
"""Details of a group that are told at most: its others say much the same."""


class Noticed(NamedTuple):
    """A detail that differs more than chance: its group and name, the distance of its distributions, 0 to 1 (the
    greatest difference of the shares of pieces below any value: Kolmogorov and Smirnov), and its mean and standard
    deviation in real and in composed pieces."""

    group: str
    name: str
    distance: float
    real: tuple[float, float]
    composed: tuple[float, float]

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        rounded = {name: [round(value, 4) for value in getattr(self, name)] for name in ("real", "composed")}
        return {"group": self.group, "name": self.name, "distance": round(self.distance, 4), **rounded}


@dataclass(frozen=True)
class TwoSample:
    """The result: the area and its standard error (the pieces resampled by families), what chance alone gives, lowest
    and highest of 95 %, the area by groups of details alone, and what was noticed most, in order, of each group at most
    MOST_OF_GROUP."""

    area: float
    error: float
    chance: tuple[float, float]
    groups: dict[str, float]
    noticed: tuple[Noticed, ...]
    families: int

    @property
    def mean_of_groups(self) -> float:
        """The mean area by one group of details alone: it compares models where the area by all is nearly 1."""
        return float(np.mean(list(self.groups.values())))

    @property
    def note(self) -> str:
        """What to beware of, or nothing."""
        return f"only {self.families} different pieces: a rough figure" if self.families < FEW else ""

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        return {
            "area": round(self.area, 4),
            "error": round(self.error, 4),
            "chance": [round(value, 4) for value in self.chance],
            "groups": {name: round(value, 4) for name, value in self.groups.items()},
            "noticed": [each.facts() for each in self.noticed],
            "families": self.families,
        }


def tell_apart(
    real: Details,
    composed: Details,
    families: tuple[Sequence[int], Sequence[int]],
    random: np.random.Generator,
) -> TwoSample | None:
    """Return how well the pieces are told apart; None for fewer than FEWEST families with pieces of both kinds.

    families: a number for each real and each composed piece; those with one number are on one side.
    """
    family = np.unique(np.concatenate(families), return_inverse=True)[1]
    is_composed = np.repeat([False, True], [len(real.values), len(composed.values)])
    if len(np.intersect1d(family[~is_composed], family[is_composed])) < FEWEST:
        return None
    ranks = ranked(np.concatenate([real.values, composed.values]))

    def judged(columns: Floats, label: Mask) -> Floats:
        return cross_validated(columns, label, family, random)

    scores = np.mean([judged(ranks, is_composed) for _ in range(REPEATS)], axis=0)
    groups = {
        name: area(judged(ranks[:, np.array(real.groups) == name], is_composed), is_composed)
        for name in dict.fromkeys(real.groups)
    }
    swapped = [swap(is_composed, family, random) for _ in range(PERMUTATIONS)]
    by_chance = np.array([area(judged(ranks, label), label) for label in swapped])
    middle, spread = float(by_chance.mean()), float(by_chance.std(ddof=1))
    return TwoSample(
        area(scores, is_composed),
        _error(scores, is_composed, family, random),
        (middle - 2 * spread, middle + 2 * spread),
        groups,
        tuple(_noticed(real, composed, ranks, is_composed, family, random)),
        len(np.unique(family)),
    )


def _noticed(
    real: Details,
    composed: Details,
    ranks: Floats,
    is_composed: Mask,
    family: Ints,
    random: np.random.Generator,
) -> Iterator[Noticed]:
    """Yield the details that differ more than the most different one does by chance in 19 of 20 swaps."""
    swapped = (swap(is_composed, family, random) for _ in range(SWAPS))
    farthest = [distances(ranks, label).max() for label in swapped]
    apart = distances(ranks, is_composed)
    told = np.flatnonzero(apart > np.quantile(farthest, 0.95))
    room = dict.fromkeys(real.groups, MOST_OF_GROUP)
    for at in told[np.argsort(-apart[told], kind="stable")].tolist():
        room[real.groups[at]] -= 1
        if room[real.groups[at]] < 0:
            continue
        both = (moments(finite(each.values[:, at])) for each in (real, composed))
        yield Noticed(real.groups[at], real.names[at], float(apart[at]), *both)


def distances(ranks: Floats, is_second: Mask) -> Floats:
    """Return for each column of ranks the greatest difference between the shares of both classes that are at most
    anything, (column,)."""
    order = np.argsort(ranks, axis=0, kind="stable")
    steps = np.where(is_second, 1 / is_second.sum(), -1 / (~is_second).sum())
    ordered = np.take_along_axis(ranks, order, axis=0)
    is_last = np.diff(ordered, axis=0, append=np.inf) > 0  # of equal ones
    return np.asarray(np.abs(np.cumsum(steps[order], axis=0) * is_last).max(axis=0))


def ranked(values: Floats) -> Floats:
    """Return the rank of each number in its column, from 1, equal ones the mean of theirs; what is not a number ranks
    below all."""
    filled = np.where(np.isnan(values), -np.inf, values)
    ordered = np.sort(filled, axis=0)
    ranks = [
        np.searchsorted(column, own, "left") + np.searchsorted(column, own, "right") + 1
        for column, own in zip(ordered.T, filled.T, strict=True)
    ]
    return np.array(ranks, dtype=np.float64).T / 2


def area(scores: Floats, is_second: Mask) -> float:
    """Return the area under the ROC curve: the chance that of a row of each class the one of the second has the higher
    score, equal ones counted half (Mann and Whitney 1947)."""
    second = int(is_second.sum())
    above = ranked(scores[:, None])[is_second].sum() - second * (second + 1) / 2
    return float(above / (second * (len(scores) - second)))


def cross_validated(columns: Floats, is_second: Mask, family: Ints, random: np.random.Generator) -> Floats:
    """Return the score of each row by a classifier that has seen no row of its family, (row,)."""
    scores = np.empty(len(columns))
    for fold in np.array_split(random.permutation(np.unique(family)), FOLDS):
        judged = np.isin(family, fold)
        scores[judged] = forest_scores(columns, is_second, judged, random)
    return scores


def swap(is_second: Mask, family: Ints, random: np.random.Generator) -> Mask:
    """Return the classes with those of each family swapped or not, at random."""
    return np.asarray(is_second ^ (random.random(int(family.max()) + 1) < 0.5)[family])


def _error(scores: Floats, is_second: Mask, family: Ints, random: np.random.Generator) -> float:
    """Return the standard error of the area, from the spread over RESAMPLINGS of the families (bootstrap)."""
    second, first = scores[is_second, None], scores[~is_second]
    wins = (second > first) + (second == first) / 2
    count = int(family.max()) + 1
    drawn = random.multinomial(count, np.full(count, 1 / count), RESAMPLINGS)
    of_second, of_first = drawn[:, family[is_second]], drawn[:, family[~is_second]]
    pairs = of_second.sum(axis=1) * of_first.sum(axis=1)
    kept = pairs > 0
    return float((((of_second @ wins) * of_first).sum(axis=1)[kept] / pairs[kept]).std())

"""How much a composed piece is like the pieces that its model learned from, in a few figures of its structure.

The candidates of a piece are ranked by it. A piece that loops has bars too like those before them, one that wanders has
too many pitch classes and nothing that returns: both lie far from real pieces, on opposite sides. So neither the most
probable nor the boldest candidate wins.

The figures are those of lines (`originality.Line`), which the index in a bundle holds of all music learned from. So
every bundle with an index can be ranked by it. Real pieces are taken as normally distributed; `Worth` measures the
distance from their mean in their own spread (Mahalanobis 1936). No figure tells which notes a piece has in common with
another, so a copy gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.arrays import Floats
from ritornello.originality import LONGEST_WAIT, Index, Line, lines_of
from ritornello.score import Score
from ritornello.theory import SCALES

LAGS = (1, 2, 4, 8)
"""Distances in bars at which bars are compared."""

FEWEST_PIECES = 24
"""With fewer real pieces, their spread is not known well enough to rank by."""

SHRINKAGE = 0.2
"""The share of the covariances that is taken as zero, since there are few pieces for so many of them."""

LEAST_SPREAD = 0.01
"""Of a figure that is nearly the same in all real pieces."""

SHORTEST = 4
"""Bars of real pieces; shorter ones are left out."""

SCALE_CLASSES = np.array(
    [
        np.isin(np.arange(12), [(tonic + step) % 12 for step in SCALES[name]])
        for name in ("major", "minor")
        for tonic in range(12)
    ]
)


class Worth:
    """The worth of pieces of so many bars: the logarithm of their density among real ones, but for a constant."""

    def __init__(self, table: Floats, bars: int) -> None:
        """`table`: the figures of real pieces, (piece, figure)."""
        self.bars = bars
        self._mean, self._spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
        scaled = self._scaled(table)
        covariance = scaled.T @ scaled / len(scaled)
        self._precision = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * np.eye(FIGURES))

    def _scaled(self, rows: Floats) -> Floats:
        """Return figures in standard deviations from the mean; what is not a number counts as the mean."""
        scaled = (rows - self._mean) / np.maximum(self._spread, LEAST_SPREAD)
        return np.nan_to_num(scaled)

    def __call__(self, score: Score) -> float:
        row = self._scaled(figures(lines_of(score), self.bars))
        return float(-row @ self._precision @ row / 2)


def make_worth(index: Index | None, bars: int) -> Worth | None:
    """Return the worth of pieces of so many bars by the music of `index`; None if there is none, or too little."""
    if index is None:
        return None
    long_enough = (lines for lines in index.beginnings(bars) if _is_long_enough(lines))
    table = np.array([figures(lines, bars) for lines in long_enough])
    if len(table) < FEWEST_PIECES or np.isnan(table).all(axis=0).any():
        return None
    return Worth(table, bars)


def figures(lines: Sequence[Line], bars: int) -> Floats:
    """Return the figures of the first `bars` bars of a piece; not a number where there is nothing to count."""
    at = [line.bars < bars for line in lines]
    lines = [Line(*(each[kept] for each in line)) for line, kept in zip(lines, at, strict=True) if kept.any()]
    if not lines:
        return np.full(FIGURES, np.nan)
    number = np.repeat(np.arange(len(lines)), [len(line.bars) for line in lines])
    onsets, pitches, own = (np.concatenate(each) for each in zip(*lines, strict=True))
    played = int(own.max()) + 1
    is_next = np.diff(number) == 0
    waits, intervals = np.minimum(np.diff(onsets)[is_next], LONGEST_WAIT), np.diff(pitches)[is_next]
    steps = np.abs(intervals[waits > 0])
    classes = np.bincount(pitches % 12, minlength=12)
    # A note is where it is after the first one of its bar, in its line.
    is_first = np.diff(own + played * number, prepend=-1) != 0
    offset = onsets - onsets[is_first][np.cumsum(is_first) - 1]
    cell = own + (played + LAGS[-1]) * number
    notes = (cell << 32) + (np.minimum(offset, (1 << 24) - 1) << 8) + pitches
    rhythm = (cell << 32) + offset
    found = [np.isin(notes - (lag << 32), notes)[own >= lag] for lag in LAGS]
    heard = np.zeros(len(notes), dtype=bool)
    for lag, same in zip(LAGS, found, strict=True):
        heard[own >= lag] |= same
    return np.array(
        [
            _entropy(classes),
            _share((SCALE_CLASSES @ classes).max(), classes.sum()),
            _entropy(np.unique(pitches, return_counts=True)[1]),
            _mean(steps == 0),
            _mean((steps > 0) & (steps < 3)),
            _mean(steps > 7),
            _mean(waits == 0),
            _entropy(np.unique(waits[waits > 0], return_counts=True)[1]),
            np.log(len(pitches) / played),
            is_first.sum() / (played * len(lines)),
            *(_mean(each) for each in found),
            _mean(heard),
            _mean(np.isin(rhythm - (1 << 32), rhythm)[own >= 1]),
        ]
    )


FIGURES = 11 + len(LAGS) + 1
"""Number of `figures`: entropy of pitch classes; share of notes in the best scale; entropy of pitches; shares of steps
that repeat a pitch, are seconds, are wider than a fifth; share of notes that begin with another; entropy of waits; notes
a bar, their logarithm; share of bars that a line plays; shares of notes that were there LAGS bars before, or at any of
these; share of those whose rhythm was there a bar before."""


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log2(shares)).sum())


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else np.nan


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan


def _is_long_enough(lines: Sequence[Line]) -> bool:
    return max((int(line.bars[-1]) for line in lines), default=0) >= SHORTEST - 1

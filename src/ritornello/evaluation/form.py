"""Form in numbers: bars that come again, likeness over distances, figures that come again.

The likeness of two bars is the share of their notes that both have, by onset in the bar and pitch (Jaccard). Bars
without notes are like nothing. Of these likenesses a matrix is made, (bar, bar); what is beside its diagonal is the
form (Foote 1999, "Visualizing music and audio using self-similarity").
"""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Floats, Ints, Mask, run_edges
from ritornello.evaluation.features import Piece, mean, ratio
from ritornello.evaluation.lines import Line

LAGS = range(1, 9)
ALIKE = 0.5
"""Bars of this likeness or more are alike."""

FIGURE = 4
"""Notes of a melodic figure."""


def likeness(bar: Ints, event: Ints, bars: int) -> Floats:
    """Return the likeness of every two bars, (bar, bar), by the events in them.

    bar, event: of each note; events are any numbers from 0. 0 where either bar is empty.
    """
    _, column = np.unique(event, return_inverse=True)
    has = np.zeros((bars, int(column.max(initial=-1)) + 1), dtype=np.float32)
    has[bar, column] = 1
    shared, counts = (has @ has.T).astype(np.float64), has.sum(axis=1, dtype=np.float64)
    return np.asarray(shared / np.maximum(counts[:, None] + counts - shared, 1))


def at_lag(matrix: Floats, lag: int, filled: Mask) -> Floats:
    """Return the likeness of each bar with notes to that `lag` bars before, where that has notes too."""
    both = filled[lag:] & filled[:-lag]
    return np.asarray(np.diagonal(matrix, -lag)[both])


def form(piece: Piece) -> dict[str, float]:
    """Return the numbers of the form of a piece."""
    starts, notes = piece.bar_starts, piece.notes
    bar = np.searchsorted(starts, notes["start"], side="right") - 1
    onset = notes["start"] - starts[bar]
    exact = likeness(bar, onset * 128 + notes["pitch"], len(starts))
    rhythm = likeness(bar, onset, len(starts))
    filled = np.bincount(bar, minlength=len(starts)) > 0
    values = {}
    for lag in LAGS:
        of_lag = at_lag(exact, lag, filled)
        bars = "the bar before" if lag == 1 else f"the bar {lag} before"
        values[f"bars equal to {bars}"] = mean((of_lag == 1).astype(float))
        values[f"bars alike to {bars}"] = mean((of_lag >= ALIKE).astype(float))
        values[f"likeness to {bars}"] = mean(of_lag)
    for lag in (1, 2, 4):
        values[f"likeness of rhythm to the bar {lag} before"] = mean(at_lag(rhythm, lag, filled))
    return values | _far(exact, filled) | _blocks(exact, rhythm)


def _far(matrix: Floats, filled: Mask) -> dict[str, float]:
    """Return how much comes again from more than eight bars before, and for how many bars together."""
    earlier = np.tril(matrix, -LAGS[-1] - 1)
    best = earlier.max(axis=1, initial=0)[LAGS[-1] + 1 :][filled[LAGS[-1] + 1 :]]
    alike = earlier >= ALIKE
    longest = 0
    for lag in range(LAGS[-1] + 1, len(matrix)):
        edges = run_edges(np.diagonal(alike, -lag))
        lengths = np.diff(edges)[np.diagonal(alike, -lag)[edges[:-1]]]
        longest = max(longest, int(lengths.max(initial=0)))
    return {
        "likeness to the best of bars more than 8 before": mean(best),
        "bars alike to one more than 8 before": mean((best >= ALIKE).astype(float)),
        "longest return, in bars": float(longest) if len(matrix) > LAGS[-1] + 1 else np.nan,
    }


def _blocks(exact: Floats, rhythm: Floats) -> dict[str, float]:
    """Return how much more alike bars of one block of four or eight are than bars of neighbouring blocks."""
    values = {}
    places = np.arange(len(exact))
    distance = np.abs(places[:, None] - places)
    for size in (4, 8):
        near = (distance > 0) & (distance < size)
        same = near & (places[:, None] // size == places // size)
        for name, matrix in (("notes", exact), ("rhythm", rhythm)):
            inside, across = mean(matrix[same]), mean(matrix[near & ~same])
            values[f"blocks of {size} bars: {name} more alike inside"] = inside - across
    return values


def figures(line: Line) -> dict[str, float]:
    """Return how much of a melody consists of figures that came before, in any key."""
    values = {}
    steps, waits = np.diff(line.pitches), np.diff(line.starts)
    for name, rows in (
        ("intervals", steps[:, None]),
        ("rhythm", waits[:, None]),
        ("both", np.stack([steps, waits], axis=1)),
    ):
        count = len(rows) - FIGURE + 2
        if count < 2:
            values[f"figures of {FIGURE} notes that came before: {name}"] = np.nan
            continue
        windows = np.lib.stride_tricks.sliding_window_view(rows, FIGURE - 1, axis=0).reshape(count, -1)
        different = len(np.unique(windows, axis=0))
        values[f"figures of {FIGURE} notes that came before: {name}"] = 1 - ratio(different, count)
    return values

"""Form in numbers: bars that come again, likeness over distances, figures and motifs, phrases and sections.

The likeness of two bars is the share of their notes that both have, by onset in the bar and pitch (Jaccard). Bars
without notes are like nothing. Of these likenesses a matrix is made, (bar, bar); what is beside its diagonal is the
form (Foote 1999, "Visualizing music and audio using self-similarity").
"""

from __future__ import annotations

import numpy as np

from ritornello.analysis.motifs import find_motifs
from ritornello.analysis.phrases import find_phrases
from ritornello.analysis.sections import find_sections
from ritornello.arrays import Floats, Ints, Mask, run_edges
from ritornello.evaluation.features import STEPS_PER_QUARTER, Piece, mean, ratio
from ritornello.score import make_notes

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


def figures(piece: Piece) -> dict[str, float]:
    """Return how much of the melody consists of figures that came before, in any key, and of motifs."""
    voice = piece.melody
    line = make_notes() if voice is None else voice.notes
    steps, waits = np.diff(line["pitch"].astype(np.int64)), np.diff(line["start"])
    rows = {"intervals": steps[:, None], "rhythm": waits[:, None], "both": np.stack([steps, waits], axis=1)}
    in_motifs = sum(len(motif.places) * (len(motif.steps) + 1) for motif in find_motifs(piece.score))
    return {
        **{
            f"figures of {FIGURE} notes that came before: {name}": _repeated(each)
            for name, each in rows.items()
        },
        "notes of the melody in motifs": ratio(in_motifs, len(line)),
    }


def _repeated(rows: Ints) -> float:
    """Return the share of the windows over FIGURE - 1 rows that equal an earlier one."""
    count = len(rows) - FIGURE + 2
    if count < 2:
        return np.nan
    windows = np.lib.stride_tricks.sliding_window_view(rows, FIGURE - 1, axis=0).reshape(count, -1)
    return 1 - len(np.unique(windows, axis=0)) / count


def phrases(piece: Piece) -> dict[str, float]:
    """Return the numbers of phrases and sections: their lengths, returns, and what they end with."""
    score = piece.score
    beats = piece.beats
    of_melody, sections = find_phrases(score, beats), find_sections(score, beats)
    lengths = np.diff([*(phrase.start for phrase in of_melody), score.end]) / STEPS_PER_QUARTER
    bars = np.array([section.stop_bar - section.first_bar for section in sections])
    kinds = len({section.letter for section in sections})
    chords = piece.chords
    falls = np.append(0, np.diff(chords.root) % 12) == 5  # the root fell a fifth to this chord
    ends = {
        f"{name} that end after a falling fifth": mean(
            falls[np.searchsorted(chords.start, [each.end for each in of_name]) - 1]
        )
        for name, of_name in (("phrases", of_melody), ("sections", sections))
    }
    return ends | {
        "length of phrases, in quarters": mean(lengths),
        "spread of the length of phrases": ratio(np.std(lengths), mean(lengths)) if len(lengths) else np.nan,
        "length of sections, in bars": mean(bars),
        "sections of 4, 8 or 16 bars": mean(np.isin(bars, (4, 8, 16))),
        "different sections": float(kinds),
        "sections that return": 1 - ratio(kinds, len(sections)),
    }

"""Sections: which stretches of a score come back, as letters: A B A.

Bars are compared with each other (self-similarity). A section begins where the bars after it differ from those before,
and where a repetition begins or ends; among these bar lines, those that give sections of the usual lengths are chosen.
Sections that are alike bar by bar have the same letter.

Read in order: `bar_similarity`, `section_edges`, `find_sections`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ritornello.analysis.beats import Beats, find_beats
from ritornello.arrays import Floats, Ints
from ritornello.score import Score, note_columns

MOST_BARS = 4000
"""Longer pieces are not compared with themselves: the similarities would need more than 120 MB."""

KERNEL = 4
"""Bars on each side of a bar line that are compared."""

SHORTEST, LONGEST = 2, 32
"""The lengths of sections, in bars."""

COST, ODD, SHORT = 0.5, 0.25, 0.4
"""The costs of a section, of one that is no multiple of 4 bars (half of it for multiples of 2), and of one below 8."""

ALIKE = 0.6
"""The least mean similarity of bars in sections of one letter."""

_FINEST = 12  # positions in a quarter


@dataclass(frozen=True)
class Section:
    """A stretch of bars (numbers from 0, `stop` not included) and its ticks. Sections of one letter are alike."""

    letter: str
    first_bar: int
    stop_bar: int
    start: int
    end: int


def find_sections(score: Score, beats: Beats | None = None) -> tuple[Section, ...]:
    """Return the sections of `score` in time order, without gaps; none without notes, or above `MOST_BARS`."""
    lines = score.bars.edges
    if not score.note_count or len(lines) - 1 > MOST_BARS:
        return ()
    similarity = bar_similarity(score, beats or find_beats(score))
    edges = section_edges(similarity)
    spans = list(pairwise(edges))
    kinds: list[tuple[int, int]] = []
    letters = []
    for span in spans:
        found = [alike(similarity, kind, span) for kind in kinds]
        best = int(np.argmax(found)) if found else 0
        if not found or found[best] < ALIKE:
            best = len(kinds)
            kinds.append(span)
        letters.append(_letter(best))
    return tuple(
        Section(letter, first, stop, int(lines[first]), int(lines[stop]))
        for letter, (first, stop) in zip(letters, spans, strict=True)
    )


def alike(similarity: Floats, one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the mean similarity of the bars of two stretches, in order; less by as much as their lengths differ."""
    lengths = one[1] - one[0], other[1] - other[0]
    both = np.arange(min(lengths))
    return float(similarity[one[0] + both, other[0] + both].sum() / max(lengths))


def bar_similarity(score: Score, beats: Beats) -> Floats:
    """Return how alike bars are, (bars, bars), 0 to 1: the mean cosine of their onsets, and of what sounds by beats.

    Onsets are by place in the bar and pitch class, for drums by instrument. Silent bars are alike.
    """
    lines = score.bars.edges
    bars = len(lines) - 1
    parts = []
    for is_drum in (False, True):
        start, _, pitch, _ = note_columns(track for track in score.tracks if track.is_drum == is_drum)
        bar = np.searchsorted(lines, start, side="right") - 1
        place = (start - lines[bar]) * _FINEST // score.ticks_per_quarter
        parts.append((bar, place * 256 + 128 * is_drum + (pitch if is_drum else pitch % 12)))
    bar, feature = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    onsets = _cosines(bar, feature, bars)
    first = np.flatnonzero(np.diff(beats.bar, prepend=-1))
    beat, tone = np.nonzero(beats.sound)
    within = beat - first[beats.bar[beat]]
    sound = _cosines(beats.bar[beat], within * 12 + tone, bars, beats.sound[beat, tone])
    return (onsets + sound) / 2


def _cosines(row: Ints, feature: Ints, rows: int, weights: Floats | None = None) -> Floats:
    """Return the cosines (rows, rows) of rows with these features; those of rows without any with each other are 1."""
    _, column = np.unique(feature, return_inverse=True)
    columns = int(column.max(initial=-1)) + 1
    table = np.sqrt(np.bincount(row * columns + column, weights, rows * columns).reshape(rows, columns))
    norm = np.linalg.norm(table, axis=1)
    table = table / np.maximum(norm, 1e-9)[:, None]
    empty = norm == 0
    return np.asarray(table @ table.T + np.outer(empty, empty))


def section_edges(similarity: Floats) -> list[int]:
    """Return the bars with which sections begin, and the number of bars, by a dynamic programme over bar lines."""
    bars = len(similarity)
    gains = novelty(similarity) + repetition(similarity)
    sums, before = np.full(bars + 1, -np.inf), np.zeros(bars + 1, dtype=np.int64)
    sums[0] = 0.0
    for stop in range(1, bars + 1):
        low = max(0, stop - LONGEST)
        length = stop - np.arange(low, stop)
        cost = COST + ODD * (length % 4 != 0) / (1 + (length % 2 == 0)) + SHORT * (length < 8)
        cost = cost + 4.0 * (length < SHORTEST)
        totals = sums[low:stop] + gains[low:stop] - cost
        best = int(totals.argmax())
        sums[stop], before[stop] = totals[best], low + best
    edges = [bars]
    while edges[-1]:
        edges.append(int(before[edges[-1]]))
    return edges[::-1]


def novelty(similarity: Floats) -> Floats:
    """Return for each bar line how much more alike the bars on each side of it are than across it, (bars,), 0 to 1.

    Source: J. Foote, "Automatic audio segmentation using a measure of audio novelty", ICME 2000.
    """
    bars = len(similarity)
    sums = np.pad(similarity.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    at = np.arange(bars)
    low, high = np.maximum(at - KERNEL, 0), np.minimum(at + KERNEL, bars)

    def mean(a: Ints, b: Ints, c: Ints, d: Ints) -> Floats:
        total = sums[b, d] - sums[a, d] - sums[b, c] + sums[a, c]
        return np.asarray(total / np.maximum((b - a) * (d - c), 1))

    inside = (mean(low, at, low, at) + mean(at, high, at, high)) / 2
    return np.maximum(inside - mean(low, at, at, high), 0.0)


def repetition(similarity: Floats) -> Floats:
    """Return for each bar line how many bars begin or end there that come back, (bars,), in units of 8 bars, at most 1.

    A run of at least four bars that are like those at the same distance before them begins and ends in both places.
    """
    bars = len(similarity)
    gains = np.zeros(bars + 1)
    for lag in range(4, bars):
        like = np.concatenate(([False], np.diagonal(similarity, lag) >= ALIKE, [False]))
        change = np.flatnonzero(like[1:] != like[:-1]).reshape(-1, 2)
        for first, stop in change[change[:, 1] - change[:, 0] >= KERNEL].tolist():
            places = [first, stop, first + lag, stop + lag]
            gains[places] = np.maximum(gains[places], min((stop - first) / 8, 1.0))
    return gains[:bars]


def _letter(number: int) -> str:
    """Return A to Z, then A1 to Z1 and so on."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")

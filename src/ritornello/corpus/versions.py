"""Versions of one piece: files that share half of their melodic figures, in any key, tempo, loudness or arrangement.

A figure is FIGURE consecutive notes of a track by their intervals and distances in time. Of the figures of a file a
sketch is kept, its SKETCH smallest hash values (Broder 1997): how many two files share is estimated from their
sketches. Exact duplicates are found by `scan`; versions are learned from, but on one side of the split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import run_edges
from ritornello.runs import prefix_sums, run_hashes
from ritornello.score import Score, note_columns, rescaled

FIGURE = 8
"""Notes of a figure."""

SKETCH = 256
GRID = 24
"""Steps to a quarter note."""

FEWEST_SHARED = 8
"""Figures in two sketches from which on two files can be versions of one piece."""

SHARE_OF_VERSIONS = 0.5
"""The share of the figures of the smaller one."""

MOST_FILES = 32
"""A figure in more files tells nothing about any two of them."""

Sketch = NDArray[np.uint32]
ALL = 1 << 32


def sketch_of(score: Score) -> Sketch:
    """Return the sketch of a score, sorted; of its drums only if there is nothing else."""
    tracks = [track for track in score.tracks if not track.is_drum] or list(score.tracks)
    start, _, pitch, _ = note_columns(tracks)
    onset = rescaled(start, score.ticks_per_quarter, GRID)
    steps = np.diff(onset) * 256 + np.diff(pitch) + 128
    track = np.repeat(np.arange(len(tracks)), [len(each.notes) for each in tracks])
    hashes = run_hashes(prefix_sums(steps), FIGURE - 1)[track[FIGURE - 1 :] == track[: 1 - FIGURE]]
    hashes = (hashes ^ hashes >> np.uint64(33)) * np.uint64(0xFF51AFD7ED558CCD)  # the high bits depend on all
    figures = np.sort((hashes >> np.uint64(32)).astype(np.uint32))
    return figures[run_edges(figures)[:-1]][:SKETCH]


def families_of(sketches: Sequence[Sketch]) -> list[int]:
    """Return for each file the number of the first one that it is a version of, directly or through others."""
    first = list(range(len(sketches)))

    def root(file: int) -> int:
        while first[file] != file:
            first[file] = file = first[first[file]]
        return file

    for one, other in _pairs(sketches):
        if _are_versions(sketches[one], sketches[other]):
            low, high = sorted((root(one), root(other)))
            first[high] = low
    return [root(file) for file in range(len(sketches))]


def _pairs(sketches: Sequence[Sketch]) -> list[tuple[int, int]]:
    """Return the pairs of files that share figures enough to be compared."""
    hashes = np.concatenate([np.zeros(0, dtype=np.uint32), *sketches])
    files = np.repeat(np.arange(len(sketches)), [len(sketch) for sketch in sketches])
    order = np.argsort(hashes, kind="stable")
    groups = np.split(files[order], np.flatnonzero(np.diff(hashes[order])) + 1)
    shared = Counter(
        pair for group in groups if 1 < len(group) <= MOST_FILES for pair in combinations(group.tolist(), 2)
    )
    return [pair for pair, count in shared.items() if count >= FEWEST_SHARED]


def _are_versions(one: Sketch, other: Sketch) -> bool:
    limit = min(int(sketch[-1]) + 1 if len(sketch) == SKETCH else ALL for sketch in (one, other))
    one, other = one[one < limit], other[other < limit]
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared >= max(FEWEST_SHARED, SHARE_OF_VERSIONS * min(len(one), len(other)))

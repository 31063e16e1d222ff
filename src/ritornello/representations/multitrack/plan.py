"""The plan of a piece: its chords, and its bars that return, as its notes tell them.

A plan is foreseen before the notes that it governs: a chord where it changes, and of a bar how many bars ago one like
it began. Both are found on the grid, in numbers that do not depend on the key, so that the plan is transposed with the
piece.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ritornello.analysis.chords import NONE, find_chords
from ritornello.analysis.chords import QUALITIES as FOUND
from ritornello.arrays import Ints
from ritornello.score import Score
from ritornello.theory import CHORDS, pitch_class_name

QUALITIES = ("maj", "min", "7", "dim", "aug")
"""The chords that a plan tells apart, by their names in `theory.CHORDS`; others count as the nearest of them."""

NO_CHORD = 12 * len(QUALITIES)
"""The number of no chord; those before it are 12 * quality + root."""

FARTHEST = 16
"""Bars ago that a bar may return from."""

LIKE = 0.6
"""Share of the notes of the greater of two bars that both have, from which one is like the other."""


@cache
def number_of(root: int, quality: str) -> int:
    """Return the number of a chord of a quality of `theory.CHORDS`."""
    tones = CHORDS[quality]
    if 3 in tones and 4 not in tones:
        near = "dim" if 6 in tones and 7 not in tones else "min"
    elif 8 in tones and 7 not in tones:
        near = "aug"
    else:
        near = "7" if 10 in tones else "maj"
    return 12 * QUALITIES.index(near) + root


def chord_name(number: int) -> str:
    """Return the symbol of a chord, "N.C." for none."""
    if number == NO_CHORD:
        return "N.C."
    quality = QUALITIES[number // 12]
    return pitch_class_name(number % 12) + {"maj": "", "min": "m"}.get(quality, quality)


def chords_at(score: Score, ticks: Ints) -> Ints:
    """Return the number of the chord of a score at each of `ticks`."""
    found = find_chords(score)
    near = np.array([number_of(0, quality) for quality in FOUND])
    numbers = np.where(found.root == NONE, NO_CHORD, near[found.quality] + found.root)
    return np.asarray(numbers[np.searchsorted(found.start, ticks, side="right") - 1])


def returns_of(bar: Ints, place: Ints, bars: int) -> Ints:
    """Return for each bar how many bars ago the one began that it is like most, 0 for none.

    bar, place: of each note, ascending; place: a number for its position in the bar and what it is.
    """
    reach = int(place.max(initial=0)) + 1
    keys, count = bar * reach + place, np.bincount(bar, minlength=bars)
    shared = np.zeros((FARTHEST + 1, bars))
    shared[0] = LIKE
    for ago in range(1, FARTHEST + 1):
        wanted = keys - ago * reach
        found = keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted
        before = np.append(np.zeros(min(ago, bars), dtype=np.int64), count[:-ago])[:bars]
        shared[ago] = np.bincount(bar[found], minlength=bars) / np.maximum(1, np.maximum(count, before))
    return np.asarray(shared.argmax(axis=0))

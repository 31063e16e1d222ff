"""Phrases: where the melody breathes.

A phrase begins after a rest or a long note. How long a note must be is judged by those around it, and the phrases
together by their lengths: a dynamic programme chooses the beginnings with the greatest sum of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ritornello.analysis.beats import Beats, find_beats
from ritornello.analysis.voices import find_melody
from ritornello.arrays import Floats
from ritornello.score import Notes, Score

AROUND = 6
"""Notes on each side by which a note is judged as long."""

REST = 1.5
"""What a rest of the length of the notes around it adds to a beginning; a note of four times their length adds two."""

COST = 0.8
"""The cost of a phrase."""

USUAL = 10.0
"""The usual length of a phrase, in beats; half of it or twice it costs `UNUSUAL`, a quarter of it four times that."""

UNUSUAL = 0.5

MOST = 64.0
"""The longest phrase in beats, unless a note or rest is longer."""


@dataclass(frozen=True)
class Phrase:
    """A phrase of the melody, from the start of its first note to the end of its last one, in ticks."""

    start: int
    end: int


def find_phrases(score: Score, beats: Beats | None = None) -> tuple[Phrase, ...]:
    """Return the phrases of the melody of `score` in time order; none without pitched notes."""
    melody = find_melody(score)
    if melody is None:
        return ()
    notes = melody.notes
    first = phrase_beginnings(notes, beats or find_beats(score))
    ends = notes["start"] + notes["duration"]
    return tuple(
        Phrase(int(notes["start"][at]), int(ends[stop - 1])) for at, stop in pairwise([*first, len(notes)])
    )


def phrase_beginnings(notes: Notes, beats: Beats) -> list[int]:
    """Return the places, among the notes of a melody, with which phrases begin; the first is 0."""
    at = np.interp(notes["start"], beats.edges, np.arange(len(beats.edges)))
    strength = breaks(notes)
    times, gains = np.append(at, len(beats)), np.append([0.0], strength)
    sums, before = np.zeros(len(times)), np.zeros(len(times), dtype=np.int64)
    for place in range(1, len(times)):
        low = min(int(np.searchsorted(times, times[place] - MOST)), place - 1)
        length = np.maximum(times[place] - times[low:place], 0.25)
        cost = COST + UNUSUAL * np.log2(length / USUAL) ** 2
        totals = sums[low:place] + gains[low:place] - cost
        best = int(totals.argmax())
        sums[place], before[place] = totals[best], low + best
    chosen, place = [], len(times) - 1
    while place:
        place = int(before[place])
        chosen.append(place)
    return chosen[::-1]


def breaks(notes: Notes) -> Floats:
    """Return how much each note but the last sounds like the end of a phrase, (notes - 1,): 0 for one like the others.

    It is the logarithm, to the base 2, of the time up to the next note over the usual one around it, plus the rest.
    """
    step = np.diff(notes["start"]).astype(np.float64)
    if not len(step):
        return np.zeros(0)
    rest = np.maximum(step - notes["duration"][:-1], 0.0)
    padded = np.pad(step, AROUND, mode="reflect" if len(step) > AROUND else "edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1), axis=1)
    usual = np.maximum(usual, 1.0)
    return np.asarray(
        np.maximum(np.log2(np.maximum(step, 1.0) / usual), 0.0) + REST * np.minimum(rest / usual, 2.0)
    )

"""Motifs: short patterns of a melody that come back, also on other degrees.

A pattern is a rhythm with steps of the local scale, so that a sequence within the key is a return.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ritornello.analysis.keys import KeySpan, find_keys
from ritornello.analysis.voices import find_melody
from ritornello.arrays import Ints, Mask
from ritornello.score import Notes, Score
from ritornello.theory import SCALES

LENGTHS = range(4, 10)
"""The notes of a motif."""

LEAST_TIMES = 3
"""A pattern that is heard less often is none."""

MOST = 5
"""Motifs of a piece, those that explain most of its notes."""

LONGEST = 8
"""Quarters from the first note of a motif to its last."""

_FINEST = 24  # positions in a quarter


@dataclass(frozen=True)
class Motif:
    """A pattern of n notes: n - 1 steps of the scale and times between onsets, in quarters; and where it begins.

    places: the ticks of its first notes, in order, at least `LEAST_TIMES`; none overlaps with another.
    """

    steps: tuple[int, ...]
    quarters: tuple[Fraction, ...]
    places: tuple[int, ...]


def find_motifs(score: Score, keys: tuple[KeySpan, ...] | None = None) -> tuple[Motif, ...]:
    """Return at most `MOST` motifs of the melody of `score`, those with most notes first; none without a melody."""
    melody = find_melody(score)
    if melody is None:
        return ()
    notes = melody.notes
    steps = np.diff(scale_places(notes, find_keys(score) if keys is None else keys))
    times = np.rint(np.diff(notes["start"]) * (_FINEST / score.ticks_per_quarter)).astype(np.int64)
    free = np.ones(len(notes), dtype=bool)
    motifs: list[Motif] = []
    while len(motifs) < MOST:
        found = _best_pattern(steps, times, free)
        if found is None:
            break
        length, places = found
        for place in places:
            free[place : place + length] = False
        first = slice(places[0], places[0] + length - 1)
        quarters = tuple(Fraction(time, _FINEST) for time in times[first].tolist())
        motifs.append(Motif(tuple(steps[first].tolist()), quarters, tuple(notes["start"][places].tolist())))
    return tuple(motifs)


def scale_places(notes: Notes, keys: tuple[KeySpan, ...]) -> Ints:
    """Return the place of each note on the scale of its key, 7 to an octave; a foreign note has that below it."""
    scales = [np.array([SCALES["major"], SCALES["minor"]][span.minor]) for span in keys]
    span = np.searchsorted([each.start for each in keys], notes["start"], side="right") - 1
    tonics = np.array([each.tonic for each in keys])
    tables = np.array([np.searchsorted(scale, np.arange(12), side="right") - 1 for scale in scales])
    above = notes["pitch"].astype(np.int64) - tonics[span]
    return np.asarray(above // 12 * 7 + tables[span, above % 12])


def _best_pattern(steps: Ints, times: Ints, free: Mask) -> tuple[int, list[int]] | None:
    """Return the length and the places of the pattern that covers most free notes; of two, the longer one."""
    best: tuple[int, list[int]] | None = None
    for length in LENGTHS:
        if len(free) < length:
            break
        windows = np.lib.stride_tricks.sliding_window_view
        rows = np.concatenate([windows(steps, length - 1), windows(times, length - 1)], axis=1)
        usable = windows(free, length).all(axis=1)
        usable &= rows[:, length - 1 :].sum(axis=1) <= LONGEST * _FINEST
        usable &= (rows[:, : length - 1] != 0).sum(axis=1) >= 2  # a note that repeats is no motif
        at = np.flatnonzero(usable)
        if not len(at):
            continue
        _, kind, counts = np.unique(rows[at], axis=0, return_inverse=True, return_counts=True)
        for each in np.flatnonzero(counts >= LEAST_TIMES).tolist():
            places: list[int] = []
            for place in at[kind.ravel() == each].tolist():
                if not places or place >= places[-1] + length:
                    places.append(place)
            covered = (len(places) - 1) * length
            if len(places) >= LEAST_TIMES and (best is None or covered >= (len(best[1]) - 1) * best[0]):
                best = length, places
    return best

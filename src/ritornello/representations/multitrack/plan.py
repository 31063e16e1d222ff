"""The plan of a piece: its chords, and its bars that return, as its notes tell them.

A plan is foreseen before the notes that it governs: a chord where it changes, and of a bar how many bars ago one like
it began. Both are found on the grid, in numbers that do not depend on the key, so that the plan is transposed with the
piece.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ritornello.arrays import Floats, Ints
from ritornello.theory import CHORDS, pitch_class_name

QUALITIES = ("maj", "min", "dim", "aug", "7", "m7")
"""The chords that a plan knows, by their tones in `theory.CHORDS`."""

NO_CHORD = 12 * len(QUALITIES)
"""The number of no chord; those before it are 12 * quality + root."""

FARTHEST = 16
"""Bars ago that a bar may return from."""

LIKE = 0.6
"""Share of the notes of the greater of two bars that both have, from which one is like the other."""

_CHANGE = 1.0
"""What a change of chord costs, in beats of notes that fit."""

_OUTSIDE, _BASS, _FEWEST = 1.0, 0.3, 0.25


@cache
def _templates() -> Floats:
    """Return what a beat of each pitch class adds to the points of each chord, (12, chords)."""
    tones = np.zeros((NO_CHORD, 12))
    for quality, name in enumerate(QUALITIES):
        for root in range(12):
            tones[12 * quality + root, [(root + tone) % 12 for tone in CHORDS[name]]] = 1
            tones[12 * quality + root, root] += 0.1
    sizes = np.repeat([len(CHORDS[name]) for name in QUALITIES], 12)
    return np.where(tones > 0, tones, -_OUTSIDE).T - 0.05 * (sizes - 3)


def chord_name(number: int) -> str:
    """Return the symbol of a chord, "N.C." for none."""
    if number == NO_CHORD:
        return "N.C."
    quality = QUALITIES[number // 12]
    return pitch_class_name(number % 12) + {"maj": "", "min": "m"}.get(quality, quality)


def beat_weights(start: Ints, steps: Ints, pitch: Ints, beats: Ints) -> tuple[Floats, Ints]:
    """Return how much of each beat notes of each pitch class fill, (beats, 12), 1 in all, and the lowest pitch."""
    end = np.minimum(start + steps, beats[-1])
    first = np.searchsorted(beats, start, side="right") - 1
    count = np.searchsorted(beats, end, side="left") - first
    note = np.repeat(np.arange(len(start)), count)
    beat = np.arange(len(note)) - np.repeat(np.cumsum(count) - count, count) + first[note]
    overlap = np.minimum(end[note], beats[beat + 1]) - np.maximum(start[note], beats[beat])
    size = len(beats) - 1
    weights = np.bincount(beat * 12 + pitch[note] % 12, overlap, minlength=size * 12).reshape(size, 12)
    lowest = np.full(size, 128)
    np.minimum.at(lowest, beat, pitch[note])
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), lowest


def chords_of(start: Ints, steps: Ints, pitch: Ints, beats: Ints) -> Ints:
    """Return the number of the chord of each beat; `beats` has the first step of each, and the end of the last.

    start, steps, pitch: of the notes, without drums. The best sequence of chords, where each change costs something
    (Viterbi).
    """
    if not len(start):
        return np.full(len(beats) - 1, NO_CHORD)
    weights, lowest = beat_weights(start, steps, pitch, beats)
    points = np.zeros((len(weights), NO_CHORD + 1))
    points[:, :NO_CHORD] = weights @ _templates()
    sounding = lowest < 128
    roots = np.arange(NO_CHORD) % 12
    points[:, :NO_CHORD] += _BASS * (sounding[:, None] & (roots == lowest[:, None] % 12))
    points[:, NO_CHORD] = _FEWEST
    points[~sounding] = 0
    back = np.empty(points.shape, dtype=np.int64)
    total, stay = points[0], np.arange(NO_CHORD + 1)
    for beat, added in enumerate(points[1:], 1):
        best = int(total.argmax())
        changed = total[best] - _CHANGE
        back[beat] = np.where(total >= changed, stay, best)
        total = np.maximum(total, changed) + added
    result = np.empty(len(points), dtype=np.int64)
    result[-1] = total.argmax()
    for beat in range(len(points) - 1, 0, -1):
        result[beat - 1] = back[beat, result[beat]]
    return result


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
    return shared.argmax(axis=0)

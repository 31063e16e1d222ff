"""The beat of a call without a metronome, heard from the onsets of its notes.

Every tempo of a fine scale is tried. At each, the interval from onset to onset is taken for the length in notation
that explains it best: one that is frequent in music, and near in time, by the accuracy of a hand and a tempo that
bends. Three things count: how well the lengths explain the intervals; whether notes begin where notes of their length
do (a half note not between two beats), at the best of the places that the first note may have in its beat; and the
tempo itself. Then half, double and other simple shares of the best tempo are told apart by what is usual, with weights
that were learned; see `tempo_level`. The beat is the line of regression through the onsets, the last counting most.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

import numpy as np

from ritornello.arrays import Floats, Ints
from ritornello.live.session.tempo_level import LEVELS, WEIGHTS, Reading, features

SLOWEST, FASTEST = 40.0, 208.0
"""Quarters a minute: the range of a metronome."""

TEMPOS = np.exp(np.arange(np.log(SLOWEST), np.log(FASTEST), 0.01))

UNITS = 12
"""The finest lengths and places are twelfths of a quarter."""

TUNE = {
    2: 0.02, 3: 0.2, 4: 0.16, 6: 0.34, 8: 0.01, 9: 0.03, 12: 0.38, 18: 0.05, 21: 0.004, 24: 0.1,
    30: 0.006, 36: 0.02, 42: 0.003, 48: 0.015, 60: 0.002, 72: 0.003, 96: 0.002,
}  # fmt: skip
CHORDS = {
    3: 0.02, 6: 0.16, 9: 0.01, 12: 0.3, 18: 0.04, 24: 0.25, 30: 0.004, 36: 0.03, 48: 0.2, 72: 0.004, 96: 0.01,
}  # fmt: skip
"""How frequent each length, in twelfths of a quarter, is after a note or two, and after a chord of three or more.

The order is that of tunes and piano music (counted in `folk-nottingham`, `leadsheets` and `mutopia-piano`), with
quarters, longer notes and triplets more frequent than there: calls are simpler than tunes, and have fewer notes.
"""

RARE = 1e-4
LENGTHS = np.array(sorted(TUNE | CHORDS))
FREQUENCY = np.log([[each.get(int(length), RARE) for length in LENGTHS] for each in (TUNE, CHORDS)])

HAND, BEND = 0.018, 0.05
"""Standard deviations: of an onset in seconds, and of an interval's tempo as a share."""

OFF_BEAT, SYNCOPE, MISPLACED = -0.15, -1.4, -4.0
"""Logarithms, against a note on the beat: of a note that begins between beats, on a line of its own length; of a note
of a beat or more that begins at half a beat; and of one that begins elsewhere."""

FIRST_PLACES = np.array([0, 6, 3, 9, 4, 8])
"""The places of the first note in its beat that are tried."""

CENTRE, WIDTH, NEAR = 100.0, 0.55, 0.12
"""The prior of the tempo, log-normal: centre, standard deviation in octaves, and the one about an expected tempo."""

SATURATION = 10.0
"""Intervals that count in full: many notes of one kind are no more evidence than these."""

CHORD_SECONDS = 0.045
"""Onsets within so many seconds of the first are one chord."""

MOST_ONSETS = 48

MEMORY = 8.0
"""Quarters after which an onset counts 1/e in the regression."""


def _place_costs() -> Floats:
    """Return the logarithms of a place in the beat, (lengths, UNITS)."""
    costs = np.full((len(LENGTHS), UNITS), MISPLACED)
    for row, length in zip(costs, LENGTHS.tolist(), strict=True):
        row[:: gcd(length, UNITS)] = OFF_BEAT
        row[UNITS // 2] = SYNCOPE if length >= UNITS else row[UNITS // 2]
        row[0] = 0.0
    return costs


PLACES = _place_costs()

NEAR_LEVEL = 0.045
"""How near the tempo of a level is to its share of the best one, as a logarithm."""


class Heard(NamedTuple):
    """A beat that was heard: quarters a minute, and the time of the first one, near the first note or after it."""

    quarters_per_minute: float
    first_beat: float


def hear_beat(onsets: Sequence[float], expected: float, trust: float = 0.0) -> Heard:
    """Return the beat of notes that begin at `onsets` (seconds, any order, one or more).

    expected: a tempo. trust: 0 to 1, the share of the prior that is near it. With a single onset the tempo is the
    expected one, and the beat begins there.
    """
    times, sizes = chords_of(onsets)
    if len(times) == 1:
        return Heard(min(max(expected, SLOWEST), FASTEST), float(times[0]))
    prior = _prior(expected, trust)
    readings, evidence = read_levels(times, sizes, prior)
    usual = [
        features(each, evidence) @ WEIGHTS + np.log(np.interp(each.quarters_per_minute, TEMPOS, prior / WIDE))
        for each in readings
    ]
    return _regression(readings[int(np.argmax(usual))].places / UNITS, times)


def read_levels(times: Floats, sizes: Ints, prior: Floats) -> tuple[list[Reading], float]:
    """Return the readings of two or more onsets at all levels of the tempo that explains them best, and the intervals
    that count in full.

    times, sizes: of notes and chords, in order. prior: of TEMPOS.
    """
    intervals = np.diff(times)
    ideal = 60 / TEMPOS[:, None, None] * LENGTHS / UNITS
    spread = 2 * HAND**2 + (BEND * ideal) ** 2
    is_chord = sizes[:-1] >= 3
    fits = FREQUENCY[is_chord.astype(int)] - 0.5 * (intervals[None, :, None] - ideal) ** 2 / spread
    lengths = LENGTHS[fits.argmax(axis=2)]  # (tempos, intervals)
    places = np.pad(np.cumsum(lengths, axis=1), ((0, 0), (1, 0)))
    begins = (places[:, :-1, None] + FIRST_PLACES) % UNITS
    placed = PLACES[fits.argmax(axis=2)[:, :, None], begins].mean(axis=1)  # (tempos, FIRST_PLACES)
    fit, place = np.maximum(fits.max(axis=2), np.log(RARE)).mean(axis=1), placed.max(axis=1)
    evidence = SATURATION * -np.expm1(-len(intervals) / SATURATION)
    scores = evidence * (fit + place) + np.log(prior)
    found = []
    for wanted in TEMPOS[scores.argmax()] * LEVELS:
        near = np.flatnonzero(np.abs(np.log(TEMPOS / wanted)) < NEAR_LEVEL)
        if len(near):
            best = near[scores[near].argmax()]
            first = FIRST_PLACES[placed[best].argmax()]
            found.append(
                Reading(TEMPOS[best], lengths[best], is_chord, places[best] + first, fit[best], place[best])
            )
    return found, float(evidence)


def chords_of(onsets: Sequence[float]) -> tuple[Floats, Ints]:
    """Return the mean onset, and the number of notes, of each of the last chords or single notes."""
    times = np.sort(np.asarray(onsets, dtype=np.float64))
    groups: list[list[float]] = []
    for time in times.tolist():
        if groups and time - groups[-1][0] < CHORD_SECONDS:
            groups[-1].append(time)
        else:
            groups.append([time])
    groups = groups[-MOST_ONSETS:]
    return np.array([np.mean(group) for group in groups]), np.array(
        [len(group) for group in groups], dtype=np.int64
    )


def _prior(expected: float, trust: float) -> Floats:
    wide = np.exp(-0.5 * (np.log2(TEMPOS / CENTRE) / WIDTH) ** 2)
    near = np.exp(-0.5 * (np.log2(TEMPOS / expected) / NEAR) ** 2)
    prior: Floats = (1 - trust) * wide + trust * near + 1e-9
    return prior


WIDE = _prior(CENTRE, 0)


def _regression(quarters: Floats, times: Floats) -> Heard:
    """Return the beat of onsets at places in quarters."""
    slope, at_zero = np.polyfit(quarters, times, 1, w=np.exp((quarters - quarters[-1]) / (2 * MEMORY)))
    first = np.ceil((times[0] - at_zero) / slope - 1 / 8)
    return Heard(float(np.clip(60 / slope, SLOWEST, FASTEST)), float(at_zero + first * slope))

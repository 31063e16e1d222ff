"""Half, double or as it is: the level of a tempo that onsets alone leave open.

A row of sixteenths at 60 quarters a minute has the onsets of eighths at 120. What is usual tells them apart: the
tempo, the lengths after notes and chords, where bars begin, what comes again. `FEATURES` are these for one reading;
the one with the highest weighted sum is heard. The weights are those of a logistic regression (of a softmax over the
readings of a call) with an L2 penalty, by

    python tools/tempo_level.py FOLDER

on excerpts of written music at their own tempos and on random calls, which count three times. The same command measures
them on the other half of the pieces and other random calls; see docs/experiments.md, 2026-11-27.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Floats, Ints, Mask

LEVELS = np.array([1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4])
"""The tempos that are compared, as shares of the one that explains the onsets best."""

QUARTER, SIXTEENTH = 12, 3
LENGTHS = np.array([3, 4, 6, 8, 9, 12, 18, 24, 36, 48])
"""The lengths, in twelfths of a quarter, that are counted; another counts as the nearest of them by its logarithm."""

BARS = (48, 36)
"""The lengths of a bar that are tried."""

HALF_BARS = {48: 24, 36: 12}
"""The distance of the places in a bar where a long note may begin besides its first beat."""

SECOND_ACCENT = 0.4
"""The weight of these places against the first beat."""

SLOWEST_BAND, BAND, BANDS = -1.4, 0.3, 8
"""The bands of the tempo: where the first begins and how wide each is, in octaves from 100 quarters a minute."""

FEATURES = (
    "fit", "place", "tempo", "tempo squared", *(f"tempo band {band}" for band in range(BANDS)),
    *(f"note of {length}" for length in LENGTHS.tolist()), *(f"chord of {length}" for length in LENGTHS.tolist()),
    "accents", "repeats", "repeats of half a bar", "sixteenths", "no eighths", "no quarters", "whole bars",
)  # fmt: skip


class Reading(NamedTuple):
    """Onsets read at a tempo, in quarters a minute.

    lengths, is_chord: of each interval, in twelfths of a quarter. places: of each onset, in twelfths from a beat on.
    fit, place: the mean logarithms of the lengths and of the places in the beat; see `tempo`.
    """

    quarters_per_minute: float
    lengths: Ints
    is_chord: Mask
    places: Ints
    fit: float
    place: float


def features(reading: Reading, evidence: float) -> Floats:
    """Return FEATURES of a reading. evidence: the intervals that count in full."""
    tempo = np.log2(reading.quarters_per_minute / 100)
    band = int(np.clip((tempo - SLOWEST_BAND) / BAND, 0, BANDS - 1))
    nearest = np.abs(np.log(LENGTHS / reading.lengths[:, None])).argmin(axis=1)
    shares = [
        np.bincount(nearest[of], minlength=len(LENGTHS)) for of in (~reading.is_chord, reading.is_chord)
    ]
    whole, half = max(_repeats(reading.places, bar) for bar in BARS), _repeats(reading.places, BARS[0] // 2)
    shortest, longest = reading.lengths.min(), reading.lengths.max()
    return np.array(
        [
            evidence * reading.fit, evidence * reading.place, tempo, tempo**2, *np.eye(BANDS)[band],
            *(evidence * share / len(nearest) for share in np.concatenate(shares)),
            evidence * max(_accents(reading, bar) for bar in BARS), evidence * whole, evidence * half,
            shortest <= SIXTEENTH, shortest >= QUARTER, shortest >= 2 * QUARTER, longest >= BARS[0],
        ]
    )  # fmt: skip


def _accents(reading: Reading, bar: int) -> float:
    """Return how much of the time is in notes that begin with a bar or half of one, at the best place of the bars."""
    lengths = np.minimum([*reading.lengths, 2 * QUARTER], bar)
    begins = (reading.places + np.arange(0, bar, 6)[:, None]) % bar
    weights = np.where(begins == 0, 1, np.where(begins % HALF_BARS[bar] == 0, SECOND_ACCENT, 0))
    return float((weights @ lengths).max() / lengths.sum())


def _repeats(places: NDArray[np.int64], lag: int) -> float:
    """Return the share of the sixteenths with an onset that have one again after `lag`, as far as it reaches."""
    onsets = np.unique(places // SIXTEENTH)
    early = onsets[onsets + lag // SIXTEENTH <= places[-1] // SIXTEENTH]
    return float(np.isin(early + lag // SIXTEENTH, onsets).mean()) if len(early) > 2 else 0.5


WEIGHT = {
    "fit": 0.209, "place": -0.0574, "tempo": 0.0355, "tempo squared": -2.11, "tempo band 0": -1.57,
    "tempo band 1": 0.732, "tempo band 2": 0.283, "tempo band 3": 0.0499, "tempo band 4": 0.777,
    "tempo band 5": 0.632, "tempo band 6": 0.943, "tempo band 7": -1.25, "note of 3": 0.603,
    "note of 4": 0.0201, "note of 6": 0.134, "note of 8": -0.365, "note of 9": -0.0605, "note of 12": 0.017,
    "note of 18": 0.0547, "note of 24": -0.835, "note of 36": -0.715, "note of 48": -3.12,
    "chord of 3": 1.2, "chord of 4": -0.122, "chord of 6": 0.151, "chord of 8": 0, "chord of 9": 1.87,
    "chord of 12": 0.336, "chord of 18": 0.0663, "chord of 24": 0.024, "chord of 36": -0.918,
    "chord of 48": -0.932, "accents": 0.545, "repeats": 0.238, "repeats of half a bar": -0.251,
    "sixteenths": -1.79, "no eighths": 0.261, "no quarters": 0.299, "whole bars": 0.77,
}  # fmt: skip
WEIGHTS = np.array([WEIGHT[name] for name in FEATURES])

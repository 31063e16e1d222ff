"""Tempo estimation of a call without a metronome, from the onsets of its notes.

Every tempo of a fine scale is tried. The onsets are mapped to a circle, once for each subdivision of the beat; the
length of their mean there, 0 to 1, measures how well they fit that grid (the mean resultant length of circular
statistics). A few notes fit several tempos, half and double, sometimes three to four; so a prior favours tempos
near the expected one, which is the last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SLOWEST, FASTEST = 50.0, 200.0
"""Quarters a minute."""

TEMPOS = np.arange(SLOWEST, FASTEST + 0.5, 0.5)

GRIDS = (1.0, 1.0, 0.3, 0.6)
"""Weights of the fit of the onsets to beats, and to halves, thirds and quarters of them."""

WIDTH = 0.45
"""Octaves from the expected tempo at which the prior is exp(-1/2): a standard deviation."""

MOST_ONSETS = 64
FEWEST_ONSETS = 3


def estimate_tempo(onsets: Sequence[float], expected: float) -> float:
    """Return quarters a minute, SLOWEST to FASTEST, of notes that begin at `onsets` (seconds, any order).

    Only the last MOST_ONSETS count. With fewer than FEWEST_ONSETS different ones it is `expected`.
    """
    expected = min(max(expected, SLOWEST), FASTEST)
    times = np.unique(np.round(np.asarray(onsets, dtype=np.float64), 3))[-MOST_ONSETS:]
    if len(times) < FEWEST_ONSETS:
        return expected
    beats = (times - times[0])[None, :] * TEMPOS[:, None] / 60
    beat = np.exp(2j * np.pi * beats)
    half = beat * beat
    grids = zip(GRIDS, (beat, half, half * beat, half * half), strict=True)
    fits = sum(weight * np.abs(circle.mean(axis=1)) for weight, circle in grids)
    prior = np.exp(-0.5 * (np.log2(TEMPOS / expected) / WIDTH) ** 2)
    return float(TEMPOS[np.argmax(fits * prior)])

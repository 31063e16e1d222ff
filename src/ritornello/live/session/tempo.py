"""The tempo of what somebody plays without a metronome, from the times at which notes begin.

Each tempo of a fine scale is tried. For one, the onsets are laid around a circle, once for each subdivision of the
beat; the length of their mean there, 0 to 1, says how well they fall on that grid (the mean resultant length of
circular statistics). A few notes fit several tempos, half and double, sometimes three to four; so the tempo that
is expected, the last one, tips the scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SLOWEST, FASTEST = 50.0, 200.0
"""Quarters a minute."""

TEMPOS = np.arange(SLOWEST, FASTEST + 0.5, 0.5)

GRIDS = (1.0, 1.0, 0.3, 0.6)
"""How much it counts that onsets fall on beats, and on halves, thirds and quarters of them."""

WIDTH = 0.45
"""Octaves from the tempo expected at which its advantage has fallen to exp(-1/2)."""

MOST_ONSETS = 64
FEWEST_ONSETS = 3


def estimate_tempo(onsets: Sequence[float], expected: float) -> float:
    """Return quarters a minute, SLOWEST to FASTEST, of notes that begin at `onsets` (seconds, any order).

    Only the last MOST_ONSETS count. With fewer than FEWEST_ONSETS different ones it is what was `expected`.
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

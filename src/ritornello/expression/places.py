"""Where notes stand in the meter: bar, beat, and how strong the place is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.arrays import Floats, Ints, Mask
from ritornello.score import Meter, Score

FINEST = 24
"""Places are told apart down to 1/24 of a quarter."""


@dataclass(frozen=True)
class Places:
    """Places in the meter, in columns of equal length.

    bar: number of the bar from 0. beat: number of the beat in the bar from 0. phase: part of the beat that has passed,
    at least 0 and below 1. beat_quarters: length of the beat. strength: 4 on the downbeat, 3 in the middle of a bar of
    an even number of beats, 2 on other beats, 1 on the first division of a beat (halves, or thirds of a compound beat),
    0 elsewhere. is_compound: whether the meter is, such as 6/8.
    """

    bar: Ints
    beat: Ints
    phase: Floats
    beat_quarters: Floats
    strength: Ints
    is_compound: Mask


def places(score: Score, ticks: Ints, edges: Ints | None = None) -> Places:
    """Return the places of `ticks`, (n,), in the meters of `score`; a tick beyond the last bar is in that bar.

    `edges`: those of `score.bars`, if they are known already.
    """
    edges = score.bars.edges if edges is None else edges
    bar = np.clip(np.searchsorted(edges, ticks, side="right") - 1, 0, len(edges) - 2)
    meters = score.meters if score.meters and score.meters[0].tick == 0 else (Meter(0, 4, 4), *score.meters)
    of_bar = np.searchsorted([meter.tick for meter in meters], edges[bar], side="right") - 1
    beats = np.array([max(1, meter.beats) for meter in meters])[of_bar]
    whole = np.array([meter.numerator * 4 / meter.denominator for meter in meters])[of_bar]
    is_compound = np.array([meter.beats != meter.numerator for meter in meters])[of_bar]
    beat_quarters = whole / beats
    quarters = np.rint((ticks - edges[bar]) * FINEST / score.ticks_per_quarter) / FINEST
    beat, phase = np.divmod(quarters / beat_quarters + 1e-9, 1.0)
    phase = np.where(phase < 1e-6, 0.0, phase)
    beat = beat.astype(np.int64)
    divisions = np.where(is_compound, 3, 2) * phase
    is_middle = (beats % 2 == 0) & (beats > 2) & (2 * beat == beats)
    on_beat = np.where(beat == 0, 4, np.where(is_middle, 3, 2))
    strength = np.where(phase == 0, on_beat, np.abs(divisions - np.rint(divisions)) < 1e-3)
    return Places(bar, beat, phase, beat_quarters, strength.astype(np.int64), is_compound)


def within(edges: Ints, ticks: Ints) -> Floats:
    """Return how far `ticks` are between the neighbouring ones of `edges`, 0 to 1; the last edge is where all end."""
    at = np.clip(np.searchsorted(edges, ticks, side="right") - 1, 0, len(edges) - 2)
    return np.asarray(np.clip((ticks - edges[at]) / np.maximum(1, edges[at + 1] - edges[at]), 0.0, 1.0))

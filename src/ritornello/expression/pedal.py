"""The sustain pedal of a piano: it changes with the harmony."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ritornello.arrays import Ints
from ritornello.score import CONTROL_CHANGE, Track, make_controls
from ritornello.sustain import SUSTAIN

PIANOS = range(6)
"""The programs of pianos with a pedal: the acoustic and electric ones."""

LATE = 0.08
"""Quarters from the change of harmony until the pedal is down again: it catches what was struck with the change."""


def pedalled(track: Track, changes: Ints, ticks_per_quarter: int) -> Track:
    """Return `track` with the pedal down after each of the ticks `changes`, the last of which is the end.

    It goes up at the next, or where the track rests.
    """
    starts, ends = track.notes["start"], track.notes["start"] + track.notes["duration"]
    late = max(1, round(LATE * ticks_per_quarter))
    rows: list[tuple[int, int, int, int]] = []
    for change, following in zip(changes[:-1].tolist(), changes[1:].tolist(), strict=True):
        sounds = (starts < following) & (ends > change)
        if not sounds.any():
            continue
        up = min(following, int(ends[sounds].max()))
        if up > change + 2 * late:
            rows += [(change + late, CONTROL_CHANGE, SUSTAIN, 127), (up, CONTROL_CHANGE, SUSTAIN, 0)]
    controls = np.concatenate([track.controls, make_controls(rows)])
    return replace(track, controls=controls[np.argsort(controls["tick"], kind="stable")])

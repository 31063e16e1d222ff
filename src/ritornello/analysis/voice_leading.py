"""How voices move against each other: parallel fifths, octaves and unisons, and crossings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ritornello.leadsheet import top_line
from ritornello.score import Notes, Score

MOST_VOICES = 6
"""So many voices, the highest, are compared at most."""


class VoiceLeading(NamedTuple):
    """Of the moves of two voices that both move, from one onset that they share to the next: all, those in parallel
    fifths and in parallel octaves or unisons, and those to where the voice that is the higher on average is below."""

    moves: int
    fifths: int
    octaves: int
    crossings: int


def voices_of(score: Score) -> list[Notes]:
    """Return the notes of the tracks with pitched notes, by mean pitch from the highest down."""
    voices = [track.notes for track in score.tracks if not track.is_drum and len(track.notes)]
    return sorted(voices, key=lambda notes: -float(notes["pitch"].mean()))


def voice_leading(voices: Sequence[Notes]) -> VoiceLeading:
    """Return how voices, from the highest down, move against each other; of chords of a voice the top note counts."""
    counts = np.zeros(4, dtype=np.int64)
    for upper, lower in combinations(map(top_line, voices[:MOST_VOICES]), 2):
        times = np.intersect1d(upper["start"], lower["start"])
        high, low = (
            line["pitch"][np.searchsorted(line["start"], times)].astype(np.int64) for line in (upper, lower)
        )
        both_move, interval = (np.diff(high) != 0) & (np.diff(low) != 0), (high - low) % 12
        parallel = both_move & (np.diff(high) == np.diff(low))
        kinds = (True, parallel & (interval[1:] == 7), parallel & (interval[1:] == 0), (high < low)[1:])
        counts += [(both_move & kind).sum() for kind in kinds]
    return VoiceLeading(*counts.tolist())

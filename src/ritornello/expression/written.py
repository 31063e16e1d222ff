"""What a performer reads in a score: the melody, phrases, harmony and metrical places of its pitched notes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.analysis.chords import find_chords
from ritornello.arrays import Floats, Ints, Mask
from ritornello.expression.places import places, within
from ritornello.score import Score, note_columns


@dataclass(frozen=True, eq=False)
class Written:
    """What a performer reads. Of the pitched notes of all tracks, track after track, each (notes,): pitch; length in
    quarters; metrical strength (`Places`); whether they are of the melody, and whether they begin together with a note
    of it; their place in the phrase, 0 to 1. Ticks: where phrases begin, and then where the last ends; where the chord
    or the bar changes, and then the end."""

    pitch: Ints
    quarters: Floats
    strength: Ints
    is_melody: Mask
    is_beside_melody: Mask
    in_phrase: Floats
    phrases: Ints
    harmony: Ints
    first_rows: Ints

    def rows(self, track: int) -> Ints:
        """Return where the notes of a pitched track are in the columns."""
        return np.arange(self.first_rows[track], self.first_rows[track + 1])


def read_written(score: Score) -> Written:
    """Return what a performer reads in `score`."""
    pitched = [track for track in score.tracks if not track.is_drum]
    start, duration, pitch, _ = note_columns(pitched)
    edges = score.bars.edges
    phrases = np.unique(np.append(edges[:-1:4], edges[-1]))
    is_melody = _melody(start, start + duration, pitch)
    counts = [0 if track.is_drum else len(track.notes) for track in score.tracks]
    return Written(
        pitch=pitch,
        quarters=duration / score.ticks_per_quarter,
        strength=places(score, start).strength,
        is_melody=is_melody,
        is_beside_melody=np.isin(start, start[is_melody]) & ~is_melody,
        in_phrase=within(phrases, start),
        phrases=phrases,
        harmony=np.unique(np.concatenate([find_chords(score).start, edges])),
        first_rows=np.cumsum([0, *counts]),
    )


def _melody(start: Ints, end: Ints, pitch: Ints) -> Mask:
    """Return which notes are of the upper voice: highest of those that begin together, and above what still sounds."""
    is_melody = np.zeros(len(start), dtype=bool)
    last = -1
    for n in np.lexsort((-pitch, start)).tolist():
        if last >= 0 and (start[n] == start[last] or (start[n] < end[last] and pitch[n] < pitch[last])):
            continue
        is_melody[n], last = True, n
    return is_melody

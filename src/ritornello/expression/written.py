"""What a performer reads in a score: the melody, phrases, harmony and metrical places of its pitched notes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.analysis.beats import find_beats
from ritornello.analysis.chords import find_chords
from ritornello.analysis.phrases import find_phrases
from ritornello.analysis.voices import find_melody
from ritornello.arrays import Floats, Ints, Mask
from ritornello.expression.places import places, within
from ritornello.score import Score, note_columns


@dataclass(frozen=True, eq=False)
class Written:
    """What a performer reads. Of the pitched notes of all tracks, track after track, each (notes,): pitch;
    metrical strength (`Places`); whether they are of the melody, and whether they begin together with a note
    of it; their place in the phrase, 0 to 1. Ticks: where phrases begin, and then where the last ends; where the chord
    or the bar changes, and then the end."""

    pitch: Ints
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
    start, _, pitch, _ = note_columns(pitched)
    counts = [0 if track.is_drum else len(track.notes) for track in score.tracks]
    first_rows = np.cumsum([0, *counts])
    beats, edges = find_beats(score), score.bars.edges
    phrases = np.array([*(phrase.start for phrase in find_phrases(score, beats)), edges[-1]], dtype=np.int64)
    is_melody = np.zeros(len(start), dtype=bool)
    if melody := find_melody(score):
        rows = slice(first_rows[melody.track], first_rows[melody.track + 1])
        names = [
            128 * notes["start"] + notes["pitch"]
            for notes in (score.tracks[melody.track].notes, melody.notes)
        ]
        is_melody[rows] = np.isin(*names)
    return Written(
        pitch=pitch,
        strength=places(score, start).strength,
        is_melody=is_melody,
        is_beside_melody=np.isin(start, start[is_melody]) & ~is_melody,
        in_phrase=within(phrases, start),
        phrases=phrases,
        harmony=np.unique(np.concatenate([find_chords(score, beats).start, edges])),
        first_rows=first_rows,
    )


def arch(place: Floats) -> Floats:
    """Return how a phrase swells and falls, at places of it from 0 to 1.

    A parabola, as in Todd, "A model of expressive timing in tonal music" (Music Perception 3, 1985); of those that are
    0 at the beginning and -1 at the end, the one with mean 0.
    """
    return 2 * place - 3 * place**2

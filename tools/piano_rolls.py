"""Folk tunes from the piano rolls of a benchmark: what is the melody, and what are the chords.

A roll only says which pitches sound in each frame, an eighth. What it does not say is guessed from the music: where the
bars begin and how long they are, from where the chords change; and that a pitch which stays was held, not struck again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from ritornello.score import Meter, Score, Tempo, Track, make_notes
from ritornello.training.nll.matrices import LOWEST_PITCH, Roll, read_rolls

TICKS_PER_QUARTER = 24
VELOCITY = 80
FIDDLE, GUITAR = 40, 25

Frames = list[list[int]]  # pitches of each frame, ascending
Sound = tuple[int, int, int]  # first frame, frames, pitch


def folk_tunes(path: Path) -> Iterator[tuple[str, Score]]:
    """Yield a name and a score for each tune of a benchmark file, of all its splits."""
    rolls = read_rolls(path)
    for split, pieces in zip(rolls._fields, rolls, strict=True):
        for number, roll in enumerate(pieces, 1):
            if roll.any():
                yield f"{split}-{number:03}", folk_tune(_pitches(roll))


def _pitches(roll: Roll) -> Frames:
    return [(np.flatnonzero(frame) + LOWEST_PITCH).tolist() for frame in roll]


def _track(sounds: Sequence[Sound], frame_ticks: int, program: int, name: str) -> Track:
    rows = [(at * frame_ticks, count * frame_ticks, pitch, VELOCITY) for at, count, pitch in sounds]
    return Track(make_notes(rows), program, name=name)


EIGHTH = TICKS_PER_QUARTER // 2
NEAR = 5  # semitones that a melody moves to a note of the chord rather than pausing
TEMPOS = {(6, 8): 165, (3, 4): 120, (4, 4): 112}  # quarters a minute


def folk_tune(frames: Frames) -> Score:
    """Return the melody, on a fiddle, and the chords, on a guitar."""
    melody, chords = _apart(frames)
    meter, pickup = _bars(melody, chords)
    shift = -pickup % _eighths(meter)
    parts = [
        _track(_held([[pitch] if pitch else [] for pitch in melody], shift, 8), EIGHTH, FIDDLE, "Fiddle"),
        _track(_held(chords, shift, _eighths(meter)), EIGHTH, GUITAR, "Guitar"),
    ]
    tempo = Tempo.from_quarters_per_minute(0, TEMPOS[meter])
    return Score(
        TICKS_PER_QUARTER,
        tuple(track for track in parts if len(track.notes)),
        tempos=(tempo,),
        meters=(Meter(0, *meter),),
    )


def _eighths(meter: tuple[int, int]) -> int:
    return 8 * meter[0] // meter[1]


def _apart(frames: Frames) -> tuple[list[int], Frames]:
    """Return the melody, 0 where it pauses, and the chords."""
    melody: list[int] = []
    chords: Frames = []
    last = 72
    for pitches in frames:
        chord, top = (pitches[:-1], pitches[-1]) if pitches else ([], 0)
        if chords and pitches and pitches == chords[-1]:  # the melody pauses, or plays a note of the chord
            chord, top = pitches, (top if abs(top - last) <= NEAR else 0)
        melody.append(top)
        chords.append(chord if len(chord) > 1 else [])
        last = top or last
    return melody, chords


def _bars(melody: list[int], chords: Frames) -> tuple[tuple[int, int], int]:
    """Return the meter, and after how many eighths the first whole bar begins: where most chords change."""
    changes = np.flatnonzero([a != b for a, b in zip([[], *chords], chords, strict=False)])
    if not len(changes):
        return (4, 4), 0
    votes = {
        (length, first): float(np.mean((changes - first) % length == 0)) + 0.1 / length
        for length in (6, 8)
        for first in range(length)
    }
    length, first = max(votes, key=votes.__getitem__)
    if length == 8:
        return (4, 4), first
    onsets = np.flatnonzero([a != b for a, b in zip([0, *melody], melody, strict=False)])
    begun = np.bincount((onsets - first) % 6, minlength=6)
    return ((6, 8) if 2 * begun[3] >= begun[2] + begun[4] else (3, 4)), first


def _held(frames: Frames, shift: int, longest: int) -> list[Sound]:
    """Return the sounds of frames, equal ones that follow each other joined; none crosses `longest` frames' bounds."""
    numbered = ((pitches, (at + shift) // longest) for at, pitches in enumerate(frames))
    sounds: list[Sound] = []
    at = shift
    for (pitches, _), group in groupby(numbered):
        count = len(list(group))
        sounds += [(at, count, pitch) for pitch in pitches]
        at += count
    return sounds

"""Chorales and folk tunes from the piano rolls of the benchmarks: who sings or plays which of the pitches.

A roll only says which pitches sound in each frame. A chorale (a frame is a quarter) becomes four voices, a folk tune (a
frame is an eighth) a melody with chords. What a roll does not say is guessed from the music: where the bars begin and
how long they are, from where the chords change; and that a pitch which stays was held, not struck again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from ritornello.score import Meter, Score, Tempo, Track, make_notes
from ritornello.training.nll.matrices import LOWEST_PITCH, Roll, read_rolls

TICKS_PER_QUARTER = 24
VELOCITY = 80
CHOIR, FIDDLE, GUITAR = 52, 40, 25
VOICES = ("Soprano", "Alto", "Tenor", "Bass")
LONGEST_HELD = 4  # quarters of a chord of a chorale

Frames = list[list[int]]  # pitches of each frame, ascending
Sound = tuple[int, int, int]  # first frame, frames, pitch


def read_pieces(path: Path, to_score: Callable[[Frames], Score]) -> Iterator[tuple[str, Score]]:
    """Yield a name and a score for each piece of a benchmark file, of all its splits."""
    rolls = read_rolls(path)
    for split, pieces in zip(rolls._fields, rolls, strict=True):
        for number, roll in enumerate(pieces, 1):
            if roll.any():
                yield f"{split}-{number:03}", to_score(_pitches(roll))


def _pitches(roll: Roll) -> Frames:
    return [(np.flatnonzero(frame) + LOWEST_PITCH).tolist() for frame in roll]


def _track(sounds: Sequence[Sound], frame_ticks: int, program: int, name: str) -> Track:
    rows = [(at * frame_ticks, count * frame_ticks, pitch, VELOCITY) for at, count, pitch in sounds]
    return Track(make_notes(rows), program, name=name)


# --- chorales -------------------------------------------------------------------------------------------------


def chorale(frames: Frames) -> Score:
    """Return four voices; a chord that comes again whole was held. The collection is in C: sing it where it is sung."""
    held = [(len(list(group)), pitches) for pitches, group in groupby(frames)]
    sounds: list[list[Sound]] = [[] for _ in VOICES]
    at, before = _pickup(held), [72, 67, 60, 50]
    for count, pitches in held:
        for part in range(0, count, LONGEST_HELD) if pitches else ():
            before = _sung(pitches, before)
            for voice, pitch in zip(sounds, before, strict=True):
                voice.append((at + part, min(LONGEST_HELD, count - part), pitch))
        at += count
    move = _to_singers(max(pitch for *_, pitch in sounds[0]), min(pitch for *_, pitch in sounds[-1]))
    tracks = [
        _track([(at, count, pitch + move) for at, count, pitch in voice], TICKS_PER_QUARTER, CHOIR, name)
        for voice, name in zip(sounds, VOICES, strict=True)
    ]
    tempo = Tempo.from_quarters_per_minute(0, 76)
    return Score(TICKS_PER_QUARTER, tuple(tracks), tempos=(tempo,), meters=(Meter(0, 4, 4),))


def _pickup(held: list[tuple[int, list[int]]]) -> int:
    """Return 3, the rest before a pickup of a quarter, if that puts more held chords on quarters 1 and 3."""
    ends = np.cumsum([count for count, _ in held])
    begins = np.array([end - count for end, (count, _) in zip(ends, held, strict=True) if count > 1])
    return 3 if np.count_nonzero(begins % 2) > len(begins) / 2 else 0


def _to_singers(highest: int, lowest: int) -> int:
    """Return by how many semitones a chorale is moved so that it exceeds what choirs sing least, and moves least."""
    return min(range(-6, 7), key=lambda n: (max(0, highest + n - 79) + max(0, 41 - lowest - n), abs(n)))


def _sung(pitches: list[int], before: list[int]) -> list[int]:
    """Return each voice's pitch, from the top; of fewer than four, those are doubled that move the voices least."""
    best = [pitches[-1], *sorted(pitches[:-1], reverse=True)][: len(VOICES)]
    while len(best) < len(VOICES):
        doubled = (sorted([*best, pitch], reverse=True) for pitch in sorted(set(best)))
        best = min(doubled, key=lambda voices: _motion(voices, before))
    return best


def _motion(voices: list[int], before: list[int]) -> int:
    return sum(abs(a - b) for a, b in zip(voices, before, strict=False))


# --- folk tunes -----------------------------------------------------------------------------------------------

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

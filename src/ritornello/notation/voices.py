"""Voices: notes -> chords that follow one another, so that what sounds together at different times is told apart.

`exact_voices` keeps every note; a moment has as many voices as notes that overlap. `readable_voices` cuts and lengthens
notes so that two voices are enough.

Read in order: `Chord`, `exact_voices`, `readable_voices`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import gcd, lcm
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.notation.bars import UNITS
from ritornello.notation.quantise import Rows, clusters

MOST_VOICES = 32  # of one staff system of an instrument; what needs more is shortened, and counted

_MOST_PARTS = 64  # of a quarter that a voice goes through
_EIGHTH, _SIXTEENTH, _SHORTEST = UNITS // 2, UNITS // 4, UNITS // 8


class Chord(NamedTuple):
    """Notes that start and end together, in units from the start of the piece; `pitches` from low to high."""

    start: int
    end: int
    pitches: tuple[int, ...]
    velocities: tuple[int, ...]

    @property
    def middle(self) -> float:
        return (self.pitches[0] + self.pitches[-1]) / 2


Voice = list[Chord]


def exact_voices(rows: Rows) -> tuple[list[Voice], int]:
    """Return voices that hold every note, and the number of notes that had to be shortened.

    Wherever nothing sounds on, voices begin anew; the highest one is the first.
    """
    voices: defaultdict[int, Voice] = defaultdict(list)
    shortened = 0
    for span in clusters(rows):
        found, cut = _assigned(_chords(rows[span]))
        shortened += cut
        found.sort(key=lambda voice: -sum(chord.middle for chord in voice) / len(voice))
        for number, voice in enumerate(found):
            voices[number] += voice
    return [voices[number] for number in sorted(voices)], shortened


def _chords(rows: Rows) -> Iterator[Chord]:
    """Yield the notes that start and end together as chords, by start, the longest first."""
    columns = (rows.start, -rows.end, rows.pitch, rows.velocity)
    notes = sorted(zip(*(column.tolist() for column in columns), strict=True))
    for (start, end), group in groupby(notes, key=lambda note: note[:2]):
        _, _, pitches, velocities = zip(*group, strict=True)
        yield Chord(start, -end, pitches, velocities)


def _assigned(chords: Iterator[Chord]) -> tuple[list[Voice], int]:
    """Return `chords` in voices, each in the silent one that is nearest in pitch, and how many notes were shortened."""
    voices: list[Voice] = []
    shortened = 0
    for chord in chords:
        silent = [
            voice
            for voice in voices
            if voice[-1].end <= chord.start and not _clash(voice[-1].end, chord.start)
        ]
        if silent:
            min(silent, key=lambda voice: abs(voice[-1].middle - chord.middle)).append(chord)
        elif len(voices) < MOST_VOICES:
            voices.append([chord])
        else:
            voice = min(voices, key=lambda voice: voice[-1].end)
            if voice[-1].start < chord.start:
                voice[-1] = voice[-1]._replace(end=chord.start)
                voice.append(chord)
            else:
                velocities = dict(
                    zip(
                        voice[-1].pitches + chord.pitches,
                        voice[-1].velocities + chord.velocities,
                        strict=True,
                    )
                )
                pitches, loudness = zip(*sorted(velocities.items()), strict=True)
                voice[-1] = voice[-1]._replace(pitches=pitches, velocities=loudness)
            shortened += len(chord.pitches)
    return voices, shortened


def _clash(end: int, start: int) -> bool:
    """Return whether no tuplet that is read easily reaches both times, such as a fifth and a seventh of a quarter."""
    if end == start or end // UNITS != start // UNITS:
        return False
    return lcm(UNITS // gcd(end, UNITS), UNITS // gcd(start, UNITS)) > _MOST_PARTS


# Readable


def readable_voices(rows: Rows) -> list[Voice]:
    """Return one voice, or an upper and a lower one where notes are held while others move above them."""
    lower = _held_below(rows)
    return [voice for voice in (_joined(rows[~lower]), _joined(rows[lower])) if voice]


def strokes(rows: Rows) -> list[Voice]:
    """Return the voice of a drum: each stroke lasts until the next, but not past its quarter."""
    starts = np.unique(rows.start)
    ends = np.minimum(np.append(starts[1:], starts[-1:] + UNITS), (starts // UNITS + 1) * UNITS)
    return [[_chord(rows, *span) for span in zip(starts.tolist(), ends.tolist(), strict=True)]]


def _chord(rows: Rows, start: int, end: int) -> Chord:
    span = slice(*np.searchsorted(rows.start, [start, start + 1]).tolist())
    loudest: dict[int, int] = {}
    for pitch, velocity in zip(rows.pitch[span].tolist(), rows.velocity[span].tolist(), strict=True):
        loudest[pitch] = max(velocity, loudest.get(pitch, 0))
    pitches, velocities = zip(*sorted(loudest.items()), strict=True)
    return Chord(start, end, pitches, velocities)


def _held_below(rows: Rows) -> NDArray[np.bool_]:
    """Return which notes need a lower voice: a higher one overlaps them by half of the shorter of the two or more.

    Notes that start together and end almost together share a chord, and short overlaps are cut.
    """
    lower = np.zeros(len(rows), dtype=bool)
    starts, ends, pitches = rows.start, rows.end, rows.pitch
    first = np.searchsorted(np.maximum.accumulate(ends), starts, side="right")
    stop = np.searchsorted(starts, ends)
    for index in range(len(rows)):
        near = slice(first[index], stop[index])
        higher = pitches[near] > pitches[index]
        overlap = np.minimum(ends[near], ends[index]) - np.maximum(starts[near], starts[index])
        shorter = np.minimum(ends[near] - starts[near], ends[index] - starts[index])
        together = (starts[near] == starts[index]) & (np.abs(ends[near] - ends[index]) < _EIGHTH)
        apart = (overlap * 2 >= shorter) & (overlap > _SHORTEST) & ~together
        lower[index] = bool((higher & apart).any())
    return lower


def _joined(rows: Rows) -> Voice:
    """Return `rows` as chords, each cut at the next; gaps too short for a rest are closed."""
    starts, firsts = np.unique(rows.start, return_index=True)
    if not len(starts):
        return []
    ends = np.maximum.reduceat(rows.end, firsts)
    chords = []
    for start, end, following in zip(
        starts.tolist(), ends.tolist(), [*starts[1:].tolist(), None], strict=True
    ):
        if following is None:
            following = -(-end // _SIXTEENTH) * _SIXTEENTH
        if end > following or following - end <= min(_SIXTEENTH + UNITS // 12, end - start):
            end = following
        chords.append(_chord(rows, start, end))
    return chords


def in_bars(voice: Sequence[Chord], lines: Sequence[int]) -> Iterator[tuple[int, int, int, Chord]]:
    """Yield (bar, start, end, chord) for the part of each chord in each bar; `lines` are the bar lines."""
    bar = 0
    for chord in voice:
        while lines[bar + 1] <= chord.start:
            bar += 1
        at = bar
        while at < len(lines) - 1 and lines[at] < chord.end:
            yield at, max(chord.start, lines[at]), min(chord.end, lines[at + 1]), chord
            at += 1

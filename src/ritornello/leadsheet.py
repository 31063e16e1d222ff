"""`Score` -> a lead sheet: one melody, and the chords it is played over.

The melody is a track chosen by name or number, or else by `melody_track`: a track with such a name, else the
one that is most like a melody (one note at a time, high, busy). The chords are those *given*, as texts that
are chord symbols, or else *found* in the notes of the other tracks: block chords where they are struck, anything
else for each half bar (each bar, if its beats cannot be halved), by the nearest of `TEMPLATES`.

Ticks are those of the score; nothing is quantised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ritornello.chord_symbols import CHORDS_NAME, chord_symbols
from ritornello.errors import ConfigError, CorpusError
from ritornello.score import Notes, Score, Track, make_notes, sort_notes
from ritornello.theory import CHORDS, Chord, make_chord

MELODY_NAME = re.compile(r"melod|solo|lead|voice|vocal|sing|theme|tune", re.IGNORECASE)
"""Names of tracks of a melody."""

TEMPLATES = ("maj", "min", "7", "maj7", "m7", "dim", "m7b5", "dim7", "aug", "6", "m6", "sus4", "7sus4", "mM7")
"""The qualities of chords found in notes; of two that fit alike, the earlier."""


@dataclass(frozen=True)
class LeadSheet:
    """A melody (notes, perhaps overlapping) and chords as (tick, chord, or None for none) in time order; `given`: as
    symbols."""

    melody: Notes
    program: int
    chords: tuple[tuple[int, Chord | None], ...]
    given: bool

    __hash__ = None  # type: ignore[assignment]


def read_leadsheet(score: Score, melody: str | None = None) -> LeadSheet:
    """Return the lead sheet of `score`; without pitched notes it is empty. `melody`: as for `melody_track`."""
    line, program, others = _divided(score, melody)
    given = chord_symbols(score)
    chords: tuple[tuple[int, Chord | None], ...] = given or find_chords(
        score, others if len(others) else line
    )
    return LeadSheet(line, program, chords, bool(given))


def _divided(score: Score, melody: str | None = None) -> tuple[Notes, int, Notes]:
    """Return the melody, one note at a time, its program, and the other pitched notes."""
    pitched = [track for track in score.tracks if len(track.notes) and not track.is_drum]
    if not pitched:
        return make_notes(), 0, make_notes()
    chosen = melody_track(pitched, melody)
    line = top_line(pitched[chosen].notes)
    rest = [track.notes for i, track in enumerate(pitched) if i != chosen]
    rest = rest or [np.setdiff1d(pitched[chosen].notes, line)]  # one track plays both
    return line, pitched[chosen].program, sort_notes(np.concatenate(rest))


def check_leadsheet(score: Score) -> None:
    """Raise CorpusError, saying why, for a score that has no melody or no chords to play it over."""
    pitched = [track for track in score.tracks if len(track.notes) and not track.is_drum]
    if not pitched:
        raise CorpusError("no melody: only drums play")
    sheet = read_leadsheet(score)
    if not sheet.given and len(pitched) == 1 and len(sheet.melody) == len(pitched[0].notes):
        raise CorpusError("no chords: one melody alone, without accompaniment or chord symbols")


def leadsheet_parts(score: Score, melody: str | None = None) -> tuple[int | None, ...]:
    """Return the part of each track in a lead sheet: 0 the melody, 1 the chords, None neither; `melody`: as for
    `melody_track`."""
    pitched = [number for number, t in enumerate(score.tracks) if len(t.notes) and not t.is_drum]
    chosen = pitched[melody_track([score.tracks[n] for n in pitched], melody)] if pitched else -1
    return tuple(int(number != chosen) if number in pitched else None for number in range(len(score.tracks)))


def melody_track(tracks: Sequence[Track], wanted: str | None = None) -> int:
    """Return the number of the track that has the melody.

    `wanted` is a name, or part of one, or a number from 1; ConfigError if there is none. By default it is the first
    with a name such as melody, solo, lead or voice; else the one with the greatest `likeness`.
    """
    if wanted is not None:
        if wanted.isdecimal() and 1 <= int(wanted) <= len(tracks):
            return int(wanted) - 1
        for number, track in enumerate(tracks):
            if wanted.lower() in track.name.lower():
                return number
        listed = ", ".join(f"{number} {track.name!r}" for number, track in enumerate(tracks, 1))
        raise ConfigError(f"no melody track {wanted!r}; there are {listed}")
    named = [i for i, track in enumerate(tracks) if MELODY_NAME.search(track.name)]
    unnamed = [i for i, track in enumerate(tracks) if not CHORDS_NAME.search(track.name)]
    candidates = named[:1] or unnamed or range(len(tracks))
    return max(candidates, key=lambda i: likeness(tracks[i]))


def likeness(track: Track) -> float:
    """Return the likeness of a track to a melody, from its share of single notes, its height (octaves), its notes."""
    notes = track.notes
    onsets = len(np.unique(notes["start"]))
    alone = onsets / len(notes)
    return 3 * alone + float(notes["pitch"].mean()) / 12 + min(onsets, 200) / 200


def top_line(notes: Notes) -> Notes:
    """Return one note at a time: of several struck at once the highest; a lower one struck under it is left out,
    if it is mostly covered; else a note ends where the next begins."""
    line: list[list[int]] = []
    for start, duration, pitch, velocity in notes.tolist():
        above = line[-1] if line else [-1, 0, -1, 0]
        overlap = min(above[0] + above[1], start + duration) - start
        if start == above[0]:
            line[-1] = [start, duration, pitch, velocity]  # sorted by pitch: it is the higher one
        elif pitch >= above[2] or overlap <= 0 or 2 * overlap < duration:
            line.append([start, duration, pitch, velocity])
    for note, following in pairwise(line):
        note[1] = min(note[1], following[0] - note[0])
    return make_notes(line)


def find_chords(score: Score, notes: Notes) -> tuple[tuple[int, Chord], ...]:
    """Return the chords of `notes`: where chords of three notes or more are struck, if most notes are in such chords,
    else for each half bar. Where fewer than two pitch classes sound, the chord before goes on."""
    onsets, counts = np.unique(notes["start"], return_counts=True)
    edges: list[int] = []
    if 10 * counts[counts >= 3].sum() >= 9 * len(notes):
        edges = onsets[counts >= 3].tolist()
    if not edges:
        end = int((notes["start"] + notes["duration"]).max(initial=1))
        for start, stop in pairwise([*score.bar_starts(end).tolist(), end]):
            beats = (stop - start) / score.ticks_per_quarter
            edges += [start, (start + stop) // 2] if beats >= 4 and beats % 2 == 0 else [start]
    chords: list[tuple[int, Chord]] = []
    starts, ends = notes["start"], notes["start"] + notes["duration"]
    longest = int(notes["duration"].max(initial=0))
    for tick, stop in zip(edges, [*edges[1:], int(ends.max(initial=0)) + 1], strict=True):
        at = slice(*np.searchsorted(starts, (tick - longest, stop)).tolist())
        chord = name_chord(notes[at], tick, stop)
        if chord is not None and (not chords or chords[-1][1] != chord):
            chords.append((tick, chord))
    return tuple(chords)


def name_chord(notes: Notes, start: int, stop: int) -> Chord | None:
    """Return the chord that best fits the notes from `start` to `stop`, or None if fewer than two classes sound.

    The fit is the share of sound within the chord, less a part of each tone that is missing, plus a little if the
    lowest note is the root.
    """
    sounding = np.minimum(notes["start"] + notes["duration"], stop) - np.maximum(notes["start"], start)
    pitches = notes["pitch"][sounding > 0]
    weights = np.bincount(pitches % 12, weights=sounding[sounding > 0], minlength=12)
    if np.count_nonzero(weights) < 2:
        return None
    weights = weights / weights.sum()
    bass = int(pitches.min()) % 12

    chords, tones = _templates()
    missing = tones @ (np.maximum(0.0, 0.08 - weights) / 0.08)
    roots = np.array([root for root, _ in chords])
    fits = np.round(tones @ weights - 0.15 * missing + 0.1 * (roots == bass), 9)
    return make_chord(*chords[int(np.argmax(fits))])


@cache
def _templates() -> tuple[list[tuple[int, str]], NDArray[np.float64]]:
    """Return (root, quality) of each chord that is found in notes, and its tones: 1 or 0 for each pitch class."""
    chords = [(root, quality) for quality in TEMPLATES for root in range(12)]
    tones = np.zeros((len(chords), 12))
    for row, (root, quality) in zip(tones, chords, strict=True):
        row[[(root + step) % 12 for step in CHORDS[quality]]] = 1.0
    return chords, tones

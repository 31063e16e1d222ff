"""`Score` -> a lead sheet: one melody, and the chords it is played over.

The melody is a track chosen by name or number, or else by `melody_track`: a track that is called so, else the
one that is most like a melody (one note at a time, high, busy). The chords are those *given*, as texts that
are chord symbols, or else *found* in what the other tracks play: block chords where they are struck, anything
else for each half bar (each bar, if its beats cannot be halved), by the nearest of `TEMPLATES`.

Ticks are those of the score that is given; nothing here is quantised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ritornello.errors import ConfigError, CorpusError
from ritornello.score import Notes, Score, Text, Track, make_notes, sort_notes
from ritornello.theory import CHORDS, Chord, make_chord, parse_chord

MELODY_NAME = re.compile(r"melod|solo|lead|voice|vocal|sing|theme|tune", re.IGNORECASE)
CHORDS_NAME = re.compile(r"chord|harmon|accomp|comp\b|changes", re.IGNORECASE)
"""What tracks are called that play these parts."""

TEMPLATES = ("maj", "min", "7", "maj7", "m7", "dim", "m7b5", "dim7", "aug", "6", "m6", "sus4", "7sus4", "mM7")
"""The qualities that are looked for in notes; of two that fit alike, the earlier."""

_REHEARSAL = tuple("ABCDEFG")


@dataclass(frozen=True)
class LeadSheet:
    """A melody (notes, perhaps overlapping) and chords as (tick, chord) in time order; `given`: as symbols."""

    melody: Notes
    program: int
    chords: tuple[tuple[int, Chord], ...]
    given: bool

    __hash__ = None  # type: ignore[assignment]


def read_leadsheet(score: Score, melody: str | None = None) -> LeadSheet:
    """Return the lead sheet of `score`; without pitched notes it is empty. `melody`: as for `melody_track`."""
    pitched = [track for track in score.tracks if len(track.notes) and not track.is_drum]
    if not pitched:
        return LeadSheet(make_notes(), 0, (), False)
    chosen = melody_track(pitched, melody)
    line = top_line(pitched[chosen].notes)
    rest = [track.notes for i, track in enumerate(pitched) if i != chosen]
    rest = rest or [np.setdiff1d(pitched[chosen].notes, line)]  # one track plays both
    given = given_chords(score)
    others = sort_notes(np.concatenate(rest))
    chords = given or find_chords(score, others if len(others) else line)
    return LeadSheet(line, pitched[chosen].program, chords, bool(given))


def check_leadsheet(score: Score) -> None:
    """Raise CorpusError, saying why, for a score that has no melody or no chords to play it over."""
    pitched = [track for track in score.tracks if len(track.notes) and not track.is_drum]
    if not pitched:
        raise CorpusError("no melody: only drums play")
    sheet = read_leadsheet(score)
    if not sheet.given and len(pitched) == 1 and len(sheet.melody) == len(pitched[0].notes):
        raise CorpusError("no chords: one melody alone, without accompaniment or chord symbols")


# --- the melody ----------------------------------------------------------------------------------------------


def melody_track(tracks: Sequence[Track], wanted: str | None = None) -> int:
    """Return the number of the track that has the melody.

    `wanted` is a name, or part of one, or a number from 1; ConfigError if no track is that. Else it is the first
    that is called melody, solo, lead, voice or the like; else the one with the greatest `likeness`.
    """
    if wanted is not None:
        return _wanted_track(tracks, wanted)
    named = [i for i, track in enumerate(tracks) if MELODY_NAME.search(track.name)]
    unnamed = [i for i, track in enumerate(tracks) if not CHORDS_NAME.search(track.name)]
    candidates = named[:1] or unnamed or range(len(tracks))
    return max(candidates, key=lambda i: likeness(tracks[i]))


def _wanted_track(tracks: Sequence[Track], wanted: str) -> int:
    if wanted.isdecimal() and 1 <= int(wanted) <= len(tracks):
        return int(wanted) - 1
    names = [track.name for track in tracks]
    for i, name in enumerate(names):
        if wanted.lower() in name.lower():
            return i
    listed = ", ".join(f"{i} {name!r}" for i, name in enumerate(names, 1))
    raise ConfigError(f"no melody track {wanted!r}; there are {listed}")


def likeness(track: Track) -> float:
    """Return how much a track is like a melody: its share of single notes, its height (in octaves), its notes."""
    notes = track.notes
    onsets = len(np.unique(notes["start"]))
    alone = onsets / len(notes)
    return 3 * alone + float(notes["pitch"].mean()) / 12 + min(onsets, 200) / 200


def top_line(notes: Notes) -> Notes:
    """Return one note at a time: of several struck at once the highest; a lower one struck under it is left out,
    if it is mostly covered; else a note ends where the next begins."""
    line: list[list[int]] = []
    for start, duration, pitch, velocity in notes.tolist():
        if line and start == line[-1][0]:
            line[-1] = [start, duration, pitch, velocity]  # sorted by pitch: it is the higher one
        elif not line or not _is_covered(line[-1], start, duration, pitch):
            line.append([start, duration, pitch, velocity])
    for note, following in pairwise(line):
        note[1] = min(note[1], following[0] - note[0])
    return make_notes(line)


def _is_covered(above: list[int], start: int, duration: int, pitch: int) -> bool:
    overlap = min(above[0] + above[1], start + duration) - start
    return pitch < above[2] and overlap > 0 and 2 * overlap >= duration


# --- chords given ---------------------------------------------------------------------------------------------


def given_chords(score: Score) -> tuple[tuple[int, Chord], ...]:
    """Return the chords written as texts. They count if the track is called chords, or else if two or more texts of
    one kind are mostly chord symbols and not just the letters of rehearsal marks."""
    for track in score.tracks:
        if CHORDS_NAME.search(track.name) and (chords := _parse_texts(track.texts)):
            return chords
    for texts in (score.texts, *(track.texts for track in score.tracks)):
        for kind in ("marker", "text", "cue", "lyric"):
            group = [text for text in texts if text.kind == kind]
            chords = _parse_texts(group)
            if len(chords) >= 2 and 3 * len(chords) >= 2 * len(group) and not _is_rehearsal(group):
                return chords
    return ()


def _parse_texts(texts: Iterable[Text]) -> tuple[tuple[int, Chord], ...]:
    found = {}
    for text in texts:
        try:
            if text.text.strip()[:1].isupper():
                found[text.tick] = parse_chord(text.text)
        except ConfigError:
            continue  # not a chord, or one that nobody can read: the one before goes on
    return tuple(sorted(found.items()))


def _is_rehearsal(texts: Sequence[Text]) -> bool:
    names = tuple(text.text.strip() for text in texts)
    return names == _REHEARSAL[: len(names)]


# --- chords found ---------------------------------------------------------------------------------------------


def find_chords(score: Score, notes: Notes) -> tuple[tuple[int, Chord], ...]:
    """Return the chords that `notes` make; nothing changes where too little is played to tell."""
    edges = _block_edges(notes) or _half_bars(score, notes)
    chords: list[tuple[int, Chord]] = []
    starts, ends = notes["start"], notes["start"] + notes["duration"]
    for tick, stop in zip(edges, [*edges[1:], int(ends.max(initial=0)) + 1], strict=True):
        at = slice(0, int(np.searchsorted(starts, stop)))
        chord = name_chord(notes[at], tick, stop)
        if chord is not None and (not chords or chords[-1][1] != chord):
            chords.append((tick, chord))
    return tuple(chords)


def _block_edges(notes: Notes) -> list[int]:
    """Return the ticks at which chords of three notes or more are struck, if most notes are in such chords."""
    ticks, counts = np.unique(notes["start"], return_counts=True)
    in_blocks = counts[counts >= 3].sum()
    return [int(tick) for tick in ticks[counts >= 3]] if 10 * in_blocks >= 9 * len(notes) else []


def _half_bars(score: Score, notes: Notes) -> list[int]:
    end = int((notes["start"] + notes["duration"]).max(initial=1))
    edges: list[int] = []
    starts = score.bar_starts(end).tolist()
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        beats = (stop - start) / score.ticks_per_quarter
        edges += [start, (start + stop) // 2] if beats >= 4 and beats % 2 == 0 else [start]
    return edges


def name_chord(notes: Notes, start: int, stop: int) -> Chord | None:
    """Return the chord that best fits what sounds from `start` to `stop`, or None if fewer than two classes sound.

    The fit is the share of sound within the chord, less a part of each tone that is missing, plus a little if the
    lowest note is the root.
    """
    sounding = np.minimum(notes["start"] + notes["duration"], stop) - np.maximum(notes["start"], start)
    heard = notes[sounding > 0]
    weights = np.bincount(heard["pitch"] % 12, weights=sounding[sounding > 0], minlength=12)
    if np.count_nonzero(weights) < 2:
        return None
    weights = weights / weights.sum()
    bass = int(heard["pitch"].min()) % 12
    best = max(_FITS, key=lambda fit: round(_fit(weights, fit, bass), 9))
    return make_chord(*best[:2])


_FITS = tuple(
    (root, quality, frozenset((root + step) % 12 for step in CHORDS[quality]))
    for quality in TEMPLATES
    for root in range(12)
)


def _fit(weights: np.ndarray, fit: tuple[int, str, frozenset[int]], bass: int) -> float:
    root, _, tones = fit
    inside = [float(weights[tone]) for tone in tones]
    missing = sum(max(0.0, 0.08 - weight) for weight in inside) / 0.08
    return sum(inside) - 0.15 * missing + 0.1 * (root == bass)

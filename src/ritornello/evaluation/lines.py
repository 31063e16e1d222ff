"""Lines in numbers: the melody, the bass, and each voice of a piece.

A line has one note at a time: of the notes that begin together the highest, in the bass the lowest. The voices of a
piece are its tracks with pitched notes, by mean pitch from the highest. So a part that is named or numbered otherwise
is the same voice.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from ritornello.arrays import Floats, Ints, run_edges
from ritornello.evaluation.features import STEPS_PER_QUARTER, Piece, entropy, mean, ratio
from ritornello.score import Notes

MOVES = {
    "repeated": (0, 0),
    "steps": (1, 2),
    "thirds": (3, 4),
    "fourths and fifths": (5, 7),
    "sixths and sevenths": (8, 11),
    "octaves": (12, 12),
    "leaps of more than an octave": (13, 127),
}
"""The names of melodic moves and their sizes in semitones, both inclusive."""

MOST_VOICES = 6
"""Parallels are looked for between so many voices, the highest, at most."""


class Line(NamedTuple):
    """One note at a time: starts and durations in steps, and pitches; (note,) each."""

    starts: Ints
    durations: Ints
    pitches: Ints


def line_of(notes: Notes, highest: bool = True) -> Line:
    """Return the highest, or the lowest, of the notes that begin at each time."""
    order = np.lexsort((-notes["pitch"] if highest else notes["pitch"], notes["start"]))
    chosen = notes[order][run_edges(notes["start"][order])[:-1]]
    return Line(*(chosen[name].astype(np.int64) for name in ("start", "duration", "pitch")))


def voices_of(piece: Piece) -> list[Notes]:
    """Return the notes of the voices, from the highest down."""
    voices = [track.notes for track in piece.score.tracks if not track.is_drum and len(track.notes)]
    return sorted(voices, key=lambda notes: -float(notes["pitch"].mean()))


def melody_of(piece: Piece) -> Line:
    """Return the line of the highest voice."""
    return line_of(next(iter(voices_of(piece)), piece.pitched))


def moves(line: Line) -> dict[str, float]:
    """Return the numbers of the moves of a line."""
    steps = np.diff(line.pitches)
    sizes, moving = np.abs(steps), steps[steps != 0]
    values = {
        name: ratio(((low <= sizes) & (sizes <= high)).sum(), len(sizes))
        for name, (low, high) in MOVES.items()
    }
    turns = np.sign(moving[1:]) != np.sign(moving[:-1])
    after_leap = np.abs(moving[:-1]) > 4
    runs = np.diff(run_edges(line.pitches))
    waits = np.diff(line.starts)
    return values | {
        "semitones": ratio((sizes == 1).sum(), len(sizes)),
        "moves up": ratio((moving > 0).sum(), len(moving)),
        "turns": ratio(turns.sum(), len(turns)),
        "leaps that are followed by a turn": ratio(turns[after_leap].sum(), after_leap.sum()),
        "longest repetition of a note": float(runs.max(initial=0)) if len(runs) else np.nan,
        "entropy of moves": entropy(steps),
        "entropy of waits": entropy(waits),
        "range": float(np.ptp(line.pitches)) if len(line.pitches) else np.nan,
        "mean pitch": float(line.pitches.mean()) if len(line.pitches) else np.nan,
        "spread of pitch": float(line.pitches.std()) if len(line.pitches) else np.nan,
        "time filled": ratio(np.minimum(line.durations[:-1], waits).sum(), waits.sum()),
        "waits as long as the last": ratio((np.diff(waits) == 0).sum(), len(waits) - 1),
    }


def plays(piece: Piece, notes: Notes) -> dict[str, float]:
    """Return when and how much a voice plays."""
    starts = piece.bar_starts
    per_bar = np.bincount(np.searchsorted(starts, notes["start"], side="right") - 1, minlength=len(starts))
    silent = per_bar == 0
    busy: Ints = per_bar[~silent]
    edges = run_edges(silent)
    rests = np.diff(edges)[silent[edges[:-1]]]
    return {
        "share of bars with notes": float(1 - silent.mean()),
        "bar of entrance": float(np.argmin(silent)),
        "longest rest, in bars": float(rests.max(initial=0)),
        "rests, in bars with notes": float(len(rests) / max(1, len(busy))),
        "notes a bar, where it plays": mean(busy),
        "spread of notes a bar": ratio(np.std(busy), mean(busy)) if len(busy) else np.nan,
        "notes at once": ratio(len(notes), len(np.unique(notes["start"]))),
    }


def parallels(voices: list[Notes]) -> dict[str, float]:
    """Return how often two voices that both move go on in fifths, and in octaves or unisons: shares of these moves."""
    lines = [line_of(voice) for voice in voices[:MOST_VOICES]]
    counts = np.zeros(3)
    for upper, lower in combinations(lines, 2):
        times = np.intersect1d(upper.starts, lower.starts)
        high, low = (line.pitches[np.searchsorted(line.starts, times)] for line in (upper, lower))
        both_move = (np.diff(high) != 0) & (np.diff(high) == np.diff(low))
        interval = (high - low)[:-1] % 12
        any_moves = (np.diff(high) != 0) & (np.diff(low) != 0)
        counts += [any_moves.sum(), (both_move & (interval == 7)).sum(), (both_move & (interval == 0)).sum()]
    return {"parallel fifths": ratio(counts[1], counts[0]), "parallel octaves": ratio(counts[2], counts[0])}


def lines(piece: Piece) -> dict[str, float]:
    """Return the numbers of the melody, in the highest voice, and of the bass, over all voices."""
    bass = line_of(piece.pitched, highest=False)
    values = {f"melody: {name}": value for name, value in moves(melody_of(piece)).items()}
    return values | {f"bass: {name}": value for name, value in moves(bass).items()}


def entrances(piece: Piece) -> dict[str, float]:
    """Return what the highest and the lowest voice play, what the others play on average, and how they lead."""
    voices = voices_of(piece)
    rows = [plays(piece, notes) for notes in voices]
    values: dict[str, float] = {"voices": float(len(voices))}
    for who, of_whom in (("highest", rows[:1]), ("lowest", rows[1:][-1:]), ("inner", rows[1:-1])):
        for name in plays(piece, piece.pitched):
            of_name = [row[name] for row in of_whom]
            values[f"{who} voice: {name}"] = float(np.mean(of_name)) if of_name else np.nan
    latest = max((row["bar of entrance"] for row in rows), default=np.nan)
    crossing = [np.mean(_at_beats(piece, one) < _at_beats(piece, other)) for one, other in pairwise(voices)]
    return values | {
        "latest entrance of a voice, bar": latest,
        "time in which a voice is above a higher one": float(np.mean(crossing)) if crossing else np.nan,
        **parallels(voices),
    }


def _at_beats(piece: Piece, notes: Notes) -> Floats:
    """Return the highest pitch that last began in a voice at each quarter; not a number before it enters."""
    line = line_of(notes)
    at = (
        np.searchsorted(line.starts, np.arange(0, max(1, piece.score.end), STEPS_PER_QUARTER), side="right")
        - 1
    )
    return np.where(at >= 0, line.pitches[at].astype(float), np.nan)

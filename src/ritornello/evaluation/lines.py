"""Lines in numbers: the melody, the bass, and each voice of a piece.

Melody and bass are those that `analysis` finds. The voices of a piece are its tracks with pitched notes, by mean pitch
from the highest. So a part that is named or numbered otherwise is the same voice.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ritornello.analysis.voice_leading import voice_leading, voices_of
from ritornello.analysis.voices import find_bass
from ritornello.arrays import Floats, Ints, run_edges
from ritornello.evaluation.features import STEPS_PER_QUARTER, Piece, entropy, mean, ratio
from ritornello.leadsheet import top_line
from ritornello.score import Notes, make_notes

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


def moves(line: Notes) -> dict[str, float]:
    """Return the numbers of the moves of a line."""
    pitches = line["pitch"].astype(np.int64)
    steps, waits = np.diff(pitches), np.diff(line["start"])
    sizes, moving = np.abs(steps), steps[steps != 0]
    values = {name: mean((low <= sizes) & (sizes <= high)) for name, (low, high) in MOVES.items()}
    turns = np.sign(moving[1:]) != np.sign(moving[:-1])
    runs = np.diff(run_edges(pitches))
    return values | {
        "semitones": mean(sizes == 1),
        "moves up": mean(moving > 0),
        "turns": mean(turns),
        "leaps that are followed by a turn": mean(turns[np.abs(moving[:-1]) > 4]),
        "longest repetition of a note": float(runs.max(initial=0)) if len(runs) else np.nan,
        "entropy of moves": entropy(steps),
        "entropy of waits": entropy(waits),
        "range": float(np.ptp(pitches)) if len(pitches) else np.nan,
        "mean pitch": mean(pitches),
        "spread of pitch": float(pitches.std()) if len(pitches) else np.nan,
        "time filled": ratio(np.minimum(line["duration"][:-1], waits).sum(), waits.sum()),
        "waits as long as the last": mean(np.diff(waits) == 0),
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
    found = voice_leading(voices)
    return {
        "parallel fifths": ratio(found.fifths, found.moves),
        "parallel octaves": ratio(found.octaves, found.moves),
    }


def lines(piece: Piece) -> dict[str, float]:
    """Return the numbers of the melody and of the bass."""
    values: dict[str, float] = {}
    for name, voice in (("melody", piece.melody), ("bass", find_bass(piece.score))):
        line = make_notes() if voice is None else voice.notes
        values |= {f"{name}: {what}": value for what, value in moves(line).items()}
    return values


def entrances(piece: Piece) -> dict[str, float]:
    """Return what the highest and the lowest voice play, what the others play on average, and how they lead."""
    voices = voices_of(piece.score)
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
    line = top_line(notes)
    quarters = np.arange(0, max(1, piece.score.end), STEPS_PER_QUARTER)
    at = np.searchsorted(line["start"], quarters, side="right") - 1
    return np.where(at >= 0, line["pitch"][at].astype(float), np.nan)

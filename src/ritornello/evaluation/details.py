"""All numbers by which a composed piece may be told from a real one, in groups: what a musician would speak of.

`GROUPS` has a function for each group, which returns its numbers by what they are, in words. Together they are some two
hundred; not a number is what a piece has not, such as pitches of a drum solo. They are not features to be alike in, as
those of `features`, but what the two-sample test may notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ritornello.analysis.chords import NONE, QUALITIES
from ritornello.analysis.keys import bar_keys
from ritornello.arrays import Floats
from ritornello.evaluation.features import (
    ENDINGS,
    FEATURES,
    STEPS_PER_QUARTER,
    Piece,
    beginning,
    entropy,
    mean,
    ratio,
)
from ritornello.evaluation.form import figures, form, phrases
from ritornello.evaluation.lines import entrances, lines
from ritornello.score import Score

LENGTHS = {"sixteenths or shorter": 0.25, "eighths": 0.5, "quarters": 1.0, "halves": 2.0, "longer": np.inf}
"""Names of note lengths, and the longest of each in quarters."""

MOTIONS = {
    "down a fifth": (5,),
    "up a fifth": (7,),
    "by a second": (1, 2, 10, 11),
    "by a third": (3, 4, 8, 9),
    "by a tritone": (6,),
}
"""Names of motions of a root, in semitones up."""

BURST = STEPS_PER_QUARTER // 8
"""Notes that are no longer than this at the very end of a piece are a burst."""


def pitch(piece: Piece) -> dict[str, float]:
    """Return the numbers of pitches and keys."""
    pitches = piece.pitches
    key = piece.score.estimated_key()
    return {
        "mean pitch": float(pitches.mean()) if len(pitches) else np.nan,
        "spread of pitch": float(pitches.std()) if len(pitches) else np.nan,
        "highest pitch": float(pitches.max(initial=0)) if len(pitches) else np.nan,
        "lowest pitch": float(pitches.min(initial=127)) if len(pitches) else np.nan,
        "sharps of the key, flats below 0": float(key.fifths),
        "minor keys": float(key.minor),
    }


def rhythm(piece: Piece) -> dict[str, float]:
    """Return the numbers of note lengths, onsets and the density of bars."""
    notes, starts = piece.notes, piece.bar_starts
    lengths = notes["duration"] / STEPS_PER_QUARTER
    edges = np.searchsorted(list(LENGTHS.values()), lengths - 1e-9)
    values = {
        f"notes that are {name}": ratio((edges == place).sum(), len(notes))
        for place, name in enumerate(LENGTHS)
    }
    in_quarter = notes["start"] % STEPS_PER_QUARTER
    on = in_quarter == 0
    off = in_quarter == STEPS_PER_QUARTER // 2
    bar = np.searchsorted(starts, notes["start"], side="right") - 1
    per_bar = np.bincount(bar, minlength=len(starts))
    dense, half = per_bar.mean(), max(1, len(per_bar) // 2)
    onsets = np.unique(notes["start"])
    return values | {
        "notes on quarters": ratio(on.sum(), len(notes)),
        "notes on eighths between": ratio(off.sum(), len(notes)),
        "notes elsewhere": ratio((~on & ~off).sum(), len(notes)),
        "notes on downbeats": ratio(np.isin(notes["start"], starts).sum(), len(notes)),
        "bars with a note on the downbeat": float(np.isin(starts, onsets).mean()),
        "notes that begin with others": ratio(len(notes) - len(onsets), len(notes)),
        "entropy of lengths": entropy(notes["duration"]),
        "entropy of waits": entropy(np.diff(onsets)),
        "notes a bar, spread": ratio(per_bar.std(), dense),
        "notes a bar, from bar to bar": ratio(mean(np.abs(np.diff(per_bar))), dense),
        "density of the first two bars": ratio(per_bar[:2].mean(), dense),
        "density of bars 3 to 8": ratio(mean(per_bar[2:8]), dense),
        "density of the second half": ratio(mean(per_bar[half:]), dense),
        "spread of loudness": float(notes["velocity"].std()) if len(notes) else np.nan,
    }


def harmony(piece: Piece) -> dict[str, float]:
    """Return the numbers of what sounds together in beats and bars, of chords and of local keys."""
    beats = piece.beats
    sounds = beats.sound.any(axis=1)
    heard = beats.sound[sounds]
    bars = np.zeros((int(beats.bar[-1]) + 1, 12))
    np.add.at(bars, beats.bar, beats.sound)
    shares, of_bars = _shares(heard), _shares(bars[bars.any(axis=1)])
    present = heard > 0
    keys = bar_keys(beats)
    return {
        "pitch classes of a beat": mean(present.sum(axis=1)),
        "different pitch classes of a bar": mean((of_bars > 0).sum(axis=1)),
        "pitch classes of a bar, in bits": mean(-(of_bars * np.log2(np.maximum(of_bars, 1e-12))).sum(axis=1)),
        **{
            f"beats with {name} in them": mean((present & np.roll(present, step, axis=1)).any(axis=1))
            for name, step in (("semitones", 1), ("whole tones", 2), ("tritones", 6))
        },
        "change of pitch classes from beat to beat": mean(_changes(shares)),
        "change of pitch classes from bar to bar": mean(_changes(of_bars)),
        **{f"change of pitch classes over {lag} bars": mean(_changes(of_bars, lag)) for lag in (2, 4)},
        "changes of key, a bar": mean(np.diff(keys) != 0),
        "bars in the commonest key": float(np.bincount(keys).max() / len(keys)),
        **_chords(piece),
    }


def _chords(piece: Piece) -> dict[str, float]:
    """Return the numbers of the chords of a piece, by how long they last, and of the motions of their roots."""
    chords = piece.chords
    length = chords.end - chords.start
    is_chord = chords.root != NONE
    time = length[is_chord].sum()
    quality = np.bincount(chords.quality[is_chord], length[is_chord], minlength=len(QUALITIES))
    moving = is_chord[1:] & is_chord[:-1] & (np.diff(chords.root) != 0)
    motion = (np.diff(chords.root) % 12)[moving]
    return {
        "chords a bar": float(len(chords) / (piece.beats.bar[-1] + 1)),
        "longest chord, in quarters": float(length.max() / STEPS_PER_QUARTER),
        "time without a chord": 1 - ratio(time, length.sum()),
        **{
            f"time in {name} chords": ratio(of_name, time)
            for name, of_name in zip(QUALITIES, quality, strict=True)
        },
        "time with the root in the bass": ratio(length[is_chord & (chords.root == chords.bass)].sum(), time),
        "chords that begin on a downbeat": mean(np.isin(chords.start, piece.bar_starts)),
        **{f"roots that move {name}": mean(np.isin(motion, steps)) for name, steps in MOTIONS.items()},
    }


def _shares(rows: Floats) -> Floats:
    """Return rows that sum to 1."""
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-9))


def _changes(rows: Floats, lag: int = 1) -> Floats:
    """Return how far each row is from the one `lag` before, 0 to 1: half the sum of the differences of shares."""
    return np.asarray(np.abs(rows[lag:] - rows[:-lag]).sum(axis=1) / 2)


def ending(piece: Piece) -> dict[str, float]:
    """Return the numbers of the end of a whole piece."""
    notes, start, end = piece.notes, piece.bar_starts[-1], piece.score.end
    chord = notes[notes["start"] == notes["start"].max(initial=-1)]
    roots = piece.chords.root
    roots = roots[roots != NONE]
    return {
        "notes in a burst at the end": float(burst(piece)),
        "density of the last bar": ratio((notes["start"] >= start).sum() * len(piece.bar_starts), len(notes)),
        "notes of the last chord": float(len(chord)),
        "length of the last chord, in quarters": float(chord["duration"].max(initial=0) / STEPS_PER_QUARTER),
        "length of the last bar up to the end, in quarters": float((end - start) / STEPS_PER_QUARTER),
        "notes that sound to the end": float((notes["start"] + notes["duration"] >= end).sum()),
        "the root falls a fifth to the last chord": mean(np.diff(roots[-2:]) % 12 == 5),
    }


def burst(piece: Piece) -> int:
    """Return how many notes of at most BURST steps begin in the last BURST steps of a piece."""
    notes = piece.notes
    return int(((notes["start"] >= piece.score.end - BURST) & (notes["duration"] <= BURST)).sum())


GROUPS: dict[str, Callable[[Piece], dict[str, float]]] = {
    "pitch": pitch,
    "rhythm": rhythm,
    "lines": lines,
    "harmony": harmony,
    "repetition": lambda piece: form(piece) | figures(piece),
    "phrases": phrases,
    "voices": entrances,
    "ending": ending,
}
"""Functions that return the numbers of a piece by group."""

OF_OVERLAP = {
    "pitch": (
        "pitches",
        "pitch classes",
        "pitch range",
        "pitch entropy",
        "class entropy",
        "scale consistency",
    ),
    "rhythm": ("groove consistency", "notes a beat", "duration", "empty beats", "empty bars"),
    "voices": ("polyphony", "polyphony rate"),
    "repetition": ("repeated bars",),
    "ending": tuple(ENDINGS),
}
"""The features of `features` that belong to each group."""


class Details(NamedTuple):
    """The numbers of some pieces: groups and names, (number,), and values, (piece, number)."""

    groups: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats

    def of(self, name: str) -> Floats:
        """Return the number of a name, (piece,)."""
        return np.asarray(self.values[:, self.names.index(name)])


def details_of(
    scores: Sequence[Score], bars: int | None = None, more: Mapping[tuple[str, str], Floats] | None = None
) -> Details:
    """Return all numbers of pieces: of their first `bars` bars, and of the endings of whole pieces.

    more: further ones by group and name, (piece,) each.
    """
    rows = [details(score, bars) for score in scores]
    columns = {
        (group, name): [row[group][name] for row in rows] for group in rows[0] for name in rows[0][group]
    }
    columns |= {key: column.tolist() for key, column in (more or {}).items()}
    groups, names = zip(*columns, strict=True)
    return Details(groups, names, np.array(list(columns.values()), dtype=np.float64).T)


def details(score: Score, bars: int | None = None) -> dict[str, dict[str, float]]:
    """Return all numbers of a piece by group and name."""
    whole = Piece(score)
    part = Piece(beginning(score, bars)) if bars else whole
    found = {}
    for group, function in GROUPS.items():
        piece = whole if group == "ending" else part
        features = [(FEATURES | ENDINGS)[name] for name in OF_OVERLAP.get(group, ())]
        found[group] = {each.meaning: float(each.value(piece)) for each in features} | function(piece)
    return found

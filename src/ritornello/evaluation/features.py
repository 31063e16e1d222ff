"""Features of a piece, each a number: a table of names, what they are, and functions.

They are those of MusPy (Dong and others 2020, arXiv:2008.01951, section 5) and of the works that it names: drums count
in rhythm, not in pitch. A feature of which a piece has nothing (the pitches of a drum solo) is not a number. Times are
rounded to STEPS_PER_QUARTER.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ritornello.arrays import Ints
from ritornello.score import Notes, Score, make_notes, sort_notes
from ritornello.theory import SCALES, estimate_key

STEPS_PER_QUARTER = 24


class Feature(NamedTuple):
    """A row: what it is, in words, the function, and the smallest difference that means anything."""

    meaning: str
    value: Callable[[Score], float]
    grain: float


def measure(score: Score, features: Mapping[str, Feature]) -> dict[str, float]:
    """Return the value of each of `features`."""
    on_grid = score.resampled(STEPS_PER_QUARTER)
    return {name: float(feature.value(on_grid)) for name, feature in features.items()}


def beginning(score: Score, bars: int) -> Score:
    """Return the first bars of a piece: the notes that begin in them, cut where they end."""
    starts = score.bar_starts()
    if len(starts) <= bars:
        return score
    stop = int(starts[bars])

    def cut(notes: Notes) -> Notes:
        kept = notes[notes["start"] < stop].copy()
        kept["duration"] = np.minimum(kept["duration"], stop - kept["start"])
        return kept

    return replace(score, tracks=tuple(replace(track, notes=cut(track.notes)) for track in score.tracks))


def pitched(score: Score) -> Notes:
    """Return the notes of all tracks but drums, in one sorted array."""
    return sort_notes(np.concatenate([make_notes(), *(t.notes for t in score.tracks if not t.is_drum)]))


def _pitch_count(score: Score) -> float:
    return len(np.unique(pitched(score)["pitch"]))


def _class_count(score: Score) -> float:
    return len(np.unique(pitched(score)["pitch"] % 12))


def _range(score: Score) -> float:
    pitches = pitched(score)["pitch"]
    return int(np.ptp(pitches)) if len(pitches) else np.nan


def _entropy(values: Any) -> float:
    """Return the entropy in bits of how often each value occurs (Shannon 1948)."""
    if not len(values):
        return np.nan
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log2(shares)).sum())


def _pitch_entropy(score: Score) -> float:
    return _entropy(pitched(score)["pitch"])


def _class_entropy(score: Score) -> float:
    return _entropy(pitched(score)["pitch"] % 12)


_SCALE_MASKS = np.array(
    [
        np.isin(np.arange(12), [(tonic + step) % 12 for step in SCALES[name]])
        for name in ("major", "minor")
        for tonic in range(12)
    ]
)


def _scale_consistency(score: Score) -> float:
    counts = np.bincount(pitched(score)["pitch"] % 12, minlength=12)
    return float((_SCALE_MASKS @ counts).max() / counts.sum()) if counts.sum() else np.nan


def _sounding(score: Score) -> tuple[Ints, Ints]:
    """Return spans of time, and how many notes sound in each, drums aside."""
    notes = pitched(score)
    times = np.concatenate([notes["start"], notes["start"] + notes["duration"]])
    change = np.repeat([1, -1], len(notes))
    order = np.argsort(times, kind="stable")
    return np.diff(times[order], append=times.max(initial=0)), np.cumsum(change[order])


def _polyphony(score: Score) -> float:
    spans, counts = _sounding(score)
    busy = spans[counts > 0].sum()
    return float((spans * counts).sum() / busy) if busy else np.nan


def _polyphony_rate(score: Score) -> float:
    spans, counts = _sounding(score)
    return float(spans[counts > 1].sum() / score.end) if score.end else np.nan


def _empty_share(score: Score, edges: Ints) -> float:
    """Return the share of the spans between `edges` (the last one to the end) in which no note sounds."""
    notes = score.all_notes()
    first = np.searchsorted(edges, notes["start"], side="right") - 1
    last = np.searchsorted(edges, notes["start"] + np.maximum(notes["duration"], 1) - 1, side="right") - 1
    change = np.zeros(len(edges) + 1, dtype=np.int64)
    np.add.at(change, first, 1)
    np.add.at(change, last + 1, -1)
    return float((np.cumsum(change)[:-1] == 0).mean())


def _empty_beats(score: Score) -> float:
    return _empty_share(score, np.arange(0, max(1, score.end), STEPS_PER_QUARTER))


def _empty_bars(score: Score) -> float:
    return _empty_share(score, score.bar_starts())


def _bars(score: Score) -> list[tuple[int, Notes]]:
    """Return the length of each bar in steps, and the notes that begin in it, from its beginning."""
    notes, starts = score.all_notes(), score.bar_starts()
    edges = np.searchsorted(notes["start"], starts)
    last = score.meters[-1].bar_ticks(STEPS_PER_QUARTER) if score.meters else 4 * STEPS_PER_QUARTER
    lengths = np.diff(starts, append=starts[-1] + last)
    bars = []
    for start, length, of_bar in zip(starts, lengths, np.split(notes, edges[1:]), strict=True):
        moved = of_bar.copy()
        moved["start"] -= start
        bars.append((int(length), moved))
    return bars


def _groove(score: Score) -> float:
    """Return 1 - the mean Hamming distance of the onsets of neighbouring bars of one length, in sixteenths, a share of
    the bar."""
    distances = []
    sixteenth = STEPS_PER_QUARTER // 4
    bars = [
        (length // sixteenth, set((notes["start"] // sixteenth).tolist())) for length, notes in _bars(score)
    ]
    for (length, onsets), (next_length, next_onsets) in itertools.pairwise(bars):
        if length == next_length and length:
            distances.append(len(onsets ^ next_onsets) / length)
    return 1 - float(np.mean(distances)) if distances else np.nan


def _notes_per_beat(score: Score) -> float:
    return score.note_count * STEPS_PER_QUARTER / score.end if score.end else np.nan


def _duration(score: Score) -> float:
    durations = pitched(score)["duration"]
    return float(np.median(durations)) / STEPS_PER_QUARTER if len(durations) else np.nan


def _repeated_bars(score: Score) -> float:
    """Return the share of bars with notes that are as an earlier one: the same onsets and pitches."""
    shapes = [np.stack([notes["start"], notes["pitch"]]).tobytes() for _, notes in _bars(score) if len(notes)]
    return 1 - len(set(shapes)) / len(shapes) if shapes else np.nan


def _last_chord(score: Score) -> Notes:
    notes = pitched(score)
    return np.asarray(notes[notes["start"] == notes["start"].max(initial=-1)])


def _final_length(score: Score) -> float:
    notes, last = pitched(score), _last_chord(score)
    return float(last["duration"].max() / max(1.0, np.median(notes["duration"]))) if len(last) else np.nan


def _final_tonic(score: Score) -> float:
    notes, last = pitched(score), _last_chord(score)
    if not len(last):
        return np.nan
    weights = np.bincount(notes["pitch"] % 12, weights=notes["duration"], minlength=12)
    return float(last["pitch"].min() % 12 == estimate_key(weights)[0])


def _final_beat(score: Score) -> float:
    notes = score.all_notes()
    if not len(notes):
        return np.nan
    starts = score.bar_starts()
    last = int(notes["start"].max())
    return float(last in starts)


FEATURES = {
    "pitches": Feature("different pitches", _pitch_count, 1),
    "pitch classes": Feature("different pitch classes", _class_count, 0.5),
    "pitch range": Feature("semitones from the lowest to the highest pitch", _range, 1),
    "pitch entropy": Feature("of how often each pitch occurs, in bits", _pitch_entropy, 0.05),
    "class entropy": Feature("of how often each pitch class occurs, in bits", _class_entropy, 0.05),
    "scale consistency": Feature(
        "share of notes in the best fitting major or minor scale", _scale_consistency, 0.01
    ),
    "polyphony": Feature("notes that sound at once, while any does", _polyphony, 0.05),
    "polyphony rate": Feature("share of the time in which two notes or more sound", _polyphony_rate, 0.01),
    "empty beats": Feature("share of quarters in which nothing sounds", _empty_beats, 0.01),
    "empty bars": Feature("share of bars in which nothing sounds", _empty_bars, 0.01),
    "groove consistency": Feature("likeness of the onsets of neighbouring bars", _groove, 0.01),
    "notes a beat": Feature("notes that begin in a quarter", _notes_per_beat, 0.05),
    "duration": Feature("median, in quarters", _duration, 0.05),
    "repeated bars": Feature("share of bars that came before, note for note", _repeated_bars, 0.01),
}
"""What is measured on beginnings of equal length. MusPy's in-scale rate needs a key to be told, and its two features of
drum patterns a pattern: they are left out."""

ENDINGS = {
    "final length": Feature("duration of the last chord, in those of the median note", _final_length, 0.1),
    "final tonic": Feature("whether the bass of the last chord is the tonic", _final_tonic, 0.05),
    "final downbeat": Feature("whether the last notes begin a bar", _final_beat, 0.05),
}
"""What is measured on whole pieces: how they end."""

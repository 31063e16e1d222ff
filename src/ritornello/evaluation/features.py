"""Features of a piece, each a number: a table of names, meanings and functions of a `Piece`.

They are those of MusPy (Dong and others 2020, arXiv:2008.01951, section 5) and of the works that it cites: drums count
in rhythm, not in pitch. An undefined feature (a pitch of a drum solo) is not a number. Times are rounded to
STEPS_PER_QUARTER.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ritornello.analysis.beats import Beats, find_beats
from ritornello.analysis.chords import Chords, find_chords
from ritornello.analysis.voices import Voice, find_melody
from ritornello.arrays import Ints
from ritornello.score import Notes, Score, make_notes, sort_notes
from ritornello.structure import SCALE_CLASSES
from ritornello.theory import estimate_key

STEPS_PER_QUARTER = 24


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


def ratio(part: Any, whole: Any) -> float:
    """Return `part` / `whole`; of nothing it is not a number."""
    return float(part / whole) if whole else np.nan


def mean(values: Any) -> float:
    """Return the mean; of nothing it is not a number."""
    return float(np.mean(values)) if len(values) else np.nan


def entropy(values: Any) -> float:
    """Return the entropy in bits of the frequencies of values (Shannon 1948)."""
    if not len(values):
        return np.nan
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log2(shares)).sum())


class Piece:
    """A score on the grid of STEPS_PER_QUARTER, and what its features are computed from.

    notes: of all tracks, sorted. pitched: the same without drums; pitches: their pitches, (note,).
    """

    def __init__(self, score: Score) -> None:
        self.score = score.resampled(STEPS_PER_QUARTER)
        self.notes = self.score.all_notes()
        of_tracks = (track.notes for track in self.score.tracks if not track.is_drum)
        self.pitched: Notes = sort_notes(np.concatenate([make_notes(), *of_tracks]))
        self.pitches = self.pitched["pitch"]

    @cached_property
    def bar_starts(self) -> Ints:
        """The step of each bar line, (bar,)."""
        return self.score.bar_starts()

    @cached_property
    def beats(self) -> Beats:
        return find_beats(self.score)

    @cached_property
    def chords(self) -> Chords:
        return find_chords(self.score, self.beats)

    @cached_property
    def melody(self) -> Voice | None:
        return find_melody(self.score)

    @cached_property
    def sounding(self) -> tuple[Ints, Ints]:
        """Spans of time, and the number of pitched notes that sound in each."""
        starts, durations = self.pitched["start"], self.pitched["duration"]
        times = np.concatenate([starts, starts + durations])
        change = np.repeat([1, -1], len(starts))
        order = np.argsort(times, kind="stable")
        return np.diff(times[order], append=times.max(initial=0)), np.cumsum(change[order])

    @cached_property
    def bars(self) -> list[tuple[int, Notes]]:
        """The length of each bar in steps, and the notes that begin in it, from its beginning."""
        starts, meters = self.score.bar_starts(), self.score.meters
        edges = np.searchsorted(self.notes["start"], starts)
        last = meters[-1].bar_ticks(STEPS_PER_QUARTER) if meters else 4 * STEPS_PER_QUARTER
        lengths = np.diff(starts, append=starts[-1] + last)
        bars = []
        for start, length, of_bar in zip(starts, lengths, np.split(self.notes, edges[1:]), strict=True):
            moved = of_bar.copy()
            moved["start"] -= start
            bars.append((int(length), moved))
        return bars

    @cached_property
    def last_chord(self) -> Notes:
        """The pitched notes that begin last."""
        starts = self.pitched["start"]
        return np.asarray(self.pitched[starts == starts.max(initial=-1)])

    def scale_consistency(self) -> float:
        """Return the share of notes in the major or minor scale that fits best."""
        counts = np.bincount(self.pitches % 12, minlength=12)
        return ratio((SCALE_CLASSES @ counts).max(), counts.sum())

    def polyphony(self) -> float:
        """Return the mean number of notes that sound at once, while any does."""
        spans, counts = self.sounding
        return ratio((spans * counts).sum(), spans[counts > 0].sum())

    def polyphony_rate(self) -> float:
        """Return the share of the time in which two notes or more sound."""
        spans, counts = self.sounding
        return ratio(spans[counts > 1].sum(), self.score.end)

    def empty_share(self, edges: Ints) -> float:
        """Return the share of the spans between `edges` (the last one to the end) in which no note sounds."""
        starts, ends = self.notes["start"], self.notes["start"] + np.maximum(self.notes["duration"], 1)
        change = np.zeros(len(edges) + 1, dtype=np.int64)
        np.add.at(change, np.searchsorted(edges, starts, side="right") - 1, 1)
        np.add.at(change, np.searchsorted(edges, ends - 1, side="right"), -1)
        return float((np.cumsum(change)[:-1] == 0).mean())

    def groove(self) -> float:
        """Return 1 - the mean Hamming distance between the onsets of neighbouring bars of one length, in sixteenths, as
        a share of the bar."""
        distances = []
        sixteenth = STEPS_PER_QUARTER // 4
        bars = [
            (length // sixteenth, set((notes["start"] // sixteenth).tolist())) for length, notes in self.bars
        ]
        for (length, onsets), (next_length, next_onsets) in itertools.pairwise(bars):
            if length == next_length and length:
                distances.append(len(onsets ^ next_onsets) / length)
        return 1 - float(np.mean(distances)) if distances else np.nan

    def repeated_bars(self) -> float:
        """Return the share of the bars with notes that equal an earlier one in onsets and pitches."""
        shapes = [
            np.stack([notes["start"], notes["pitch"]]).tobytes() for _, notes in self.bars if len(notes)
        ]
        return 1 - len(set(shapes)) / len(shapes) if shapes else np.nan

    def final_length(self) -> float:
        """Return the longest duration in the last chord, in those of the median note."""
        if not len(self.last_chord):
            return np.nan
        return float(self.last_chord["duration"].max() / max(1.0, np.median(self.pitched["duration"])))

    def final_tonic(self) -> float:
        """Return whether the lowest note of the last chord is the tonic, 0 or 1."""
        if not len(self.last_chord):
            return np.nan
        weights = np.bincount(self.pitches % 12, weights=self.pitched["duration"], minlength=12)
        return float(self.last_chord["pitch"].min() % 12 == estimate_key(weights)[0])

    def final_downbeat(self) -> float:
        """Return whether the last onset is the beginning of a bar, 0 or 1."""
        if not len(self.notes):
            return np.nan
        return float(int(self.notes["start"].max()) in self.score.bar_starts())


class Feature(NamedTuple):
    """A row: the meaning in words, the function, and the smallest difference that counts."""

    meaning: str
    value: Callable[[Piece], float]
    grain: float


def measure(score: Score, features: Mapping[str, Feature]) -> dict[str, float]:
    """Return the value of each of `features`."""
    piece = Piece(score)
    return {name: float(feature.value(piece)) for name, feature in features.items()}


FEATURES = {
    "pitches": Feature("different pitches", lambda piece: len(np.unique(piece.pitches)), 1),
    "pitch classes": Feature(
        "different pitch classes", lambda piece: len(np.unique(piece.pitches % 12)), 0.5
    ),
    "pitch range": Feature(
        "semitones from the lowest to the highest pitch",
        lambda piece: float(np.ptp(piece.pitches)) if len(piece.pitches) else np.nan,
        1,
    ),
    "pitch entropy": Feature(
        "of the frequencies of pitches, in bits", lambda piece: entropy(piece.pitches), 0.05
    ),
    "class entropy": Feature(
        "of the frequencies of pitch classes, in bits", lambda piece: entropy(piece.pitches % 12), 0.05
    ),
    "scale consistency": Feature(
        "share of notes in the best fitting major or minor scale", Piece.scale_consistency, 0.01
    ),
    "polyphony": Feature("notes that sound at once, while any does", Piece.polyphony, 0.05),
    "polyphony rate": Feature(
        "share of the time in which two notes or more sound", Piece.polyphony_rate, 0.01
    ),
    "empty beats": Feature(
        "share of quarters in which nothing sounds",
        lambda piece: piece.empty_share(np.arange(0, max(1, piece.score.end), STEPS_PER_QUARTER)),
        0.01,
    ),
    "empty bars": Feature(
        "share of bars in which nothing sounds",
        lambda piece: piece.empty_share(piece.score.bar_starts()),
        0.01,
    ),
    "groove consistency": Feature("likeness of the onsets of neighbouring bars", Piece.groove, 0.01),
    "notes a beat": Feature(
        "notes that begin in a quarter",
        lambda piece: ratio(len(piece.notes) * STEPS_PER_QUARTER, piece.score.end),
        0.05,
    ),
    "duration": Feature(
        "median, in quarters",
        lambda piece: (
            float(np.median(piece.pitched["duration"])) / STEPS_PER_QUARTER if len(piece.pitched) else np.nan
        ),
        0.05,
    ),
    "repeated bars": Feature("share of bars that came before, note for note", Piece.repeated_bars, 0.01),
}
"""Measured on beginnings of equal length. MusPy's in-scale rate, which needs a given key, and its two features of drum
patterns, which need a given pattern, are left out."""

ENDINGS = {
    "final length": Feature(
        "duration of the last chord, in those of the median note", Piece.final_length, 0.1
    ),
    "final tonic": Feature("whether the bass of the last chord is the tonic", Piece.final_tonic, 0.05),
    "final downbeat": Feature("whether the last notes begin a bar", Piece.final_downbeat, 0.05),
}
"""Features of the endings of whole pieces."""

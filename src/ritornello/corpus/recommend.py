"""Which preset suits a folder: facts of each piece (`Character`), and rules over all of them (`recommend`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ritornello.chord_symbols import chord_texts
from ritornello.errors import counted
from ritornello.score import Notes, Score

MOST = 0.8
"""The share of the pieces that must have a trait for a folder to have it."""

FINE_GRID = 12
"""Grid lines in a quarter: sixteenths and triplets fall on them."""

OFF_GRID = 0.35
"""A piece has no beat if more of its onsets are further than a quarter of the spacing from a grid line: of onsets
anywhere, half are."""

ONE_VOICE = 0.9
"""A part is one voice if this share of its notes ends before the next begins, or overlaps it by a quarter at most."""


@dataclass(frozen=True)
class Character:
    """Traits of a piece.

    is_drums: drums alone. off_grid: the share of onsets away from the grid lines. tempos: how many tempos are set.
    parts: pitched parts; of these, voices play one note at a time, and chord_parts mostly three or more. has_chords:
    chord symbols.
    """

    is_drums: bool
    off_grid: float
    tempos: int
    parts: int
    voices: int
    chord_parts: int
    has_chords: bool


def character_of(score: Score) -> Character:
    """Return the traits of a piece with notes."""
    pitched = [track for track in score.tracks if len(track.notes) and not track.is_drum]
    quarters = score.all_notes()["start"] / score.ticks_per_quarter * FINE_GRID
    distance = np.abs(quarters - np.rint(quarters))
    single = [_is_one_voice(track.notes) for track in pitched]
    return Character(
        is_drums=not pitched,
        off_grid=float((distance > 0.25).mean()),
        tempos=len({tempo.microseconds_per_quarter for tempo in score.tempos}),
        parts=len(pitched),
        voices=sum(single),
        chord_parts=sum(
            _is_in_chords(track.notes) for track, alone in zip(pitched, single, strict=True) if not alone
        ),
        has_chords=len(chord_texts(score)) >= 2,
    )


def _is_one_voice(notes: Notes) -> bool:
    starts = notes["start"].astype(np.int64)
    gaps, durations = np.diff(starts), notes["duration"][:-1]
    return bool(len(notes) < 2 or ((gaps > 0) & (durations - gaps <= durations // 4)).mean() >= ONE_VOICE)


def _is_in_chords(notes: Notes) -> bool:
    """Whether most onsets have three notes or more."""
    _, counts = np.unique(notes["start"], return_counts=True)
    return bool((counts >= 3).mean() >= 0.6)


@dataclass(frozen=True)
class Recommendation:
    """A preset, a representation, or neither (the default) for a folder, and why."""

    reason: str
    preset: str | None = None
    representation: str | None = None

    @property
    def options(self) -> str:
        """The options of `train`."""
        if self.preset:
            return f" --preset {self.preset}"
        return f" --representation {self.representation}" if self.representation else ""


def recommend(characters: Sequence[Character]) -> Recommendation:
    """Return what suits most of the pieces; `multitrack` suits any."""

    def most(trait: Sequence[bool]) -> bool:
        return sum(trait) >= MOST * len(characters)

    performed = [c.off_grid >= OFF_GRID and c.tempos <= 1 for c in characters]
    if most([c.is_drums for c in characters]):
        return Recommendation("all is drums", preset="drums_rnn")
    if most(performed):
        reason = (
            f"{sum(performed)} of {len(characters)} pieces have one tempo throughout and notes anywhere between its "
            "beats, as recordings of a performance have; there are no bars to learn from, and performance_rnn keeps "
            "time in seconds"
        )
        return Recommendation(reason, preset="performance_rnn")
    if most([c.has_chords or (c.voices == 1 and c.parts == 2 and c.chord_parts == 1) for c in characters]):
        reason = "a melody over chords; improv_rnn is for melodies over chords that are given"
        return Recommendation(reason, preset="jazz_solo")
    if most([c.parts == 4 and c.voices == 4 for c in characters]):
        return Recommendation("four voices, each a note at a time: chord by chord", representation="frames")
    if most([c.parts == 1 and c.voices == 1 for c in characters]):
        return Recommendation("one melody, a note at a time, alone", preset="attention_rnn")
    some = sum(performed)
    mixed = f"; {counted(some, 'piece')} without a beat, of one tempo, may be left out" if some else ""
    return Recommendation(f"several instruments, or chords and more: multitrack, the default{mixed}")

"""What needs other real pieces to be measured: chord progressions and ranges of voices.

Each piece is measured by the real pieces of other families (`two_sample`), so a real piece does not know itself, and
a composed one not the piece that it was composed like.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.chords import NONE, QUALITIES, find_chords
from ritornello.arrays import Floats, Ints
from ritornello.evaluation.features import ratio
from ritornello.score import Score

SYMBOLS = 12 * len(QUALITIES)
"""A progression is told by the motion of the root in semitones up, 0-11, and the quality of the chord that it leads
to."""

USUAL = (0.01, 0.99)
"""The range of a voice: between these shares of its notes in real pieces, by pitch."""


PROGRESSION = "harmony", "surprise at a chord change, in nats"
OUTSIDE = "voices", "notes outside the usual range of their voice"
"""Groups and names of the two numbers."""


class Progressions(NamedTuple):
    """The chord changes of a piece: the quality before, the symbol, and that of the change before, SYMBOLS if there is
    none; (change,) each."""

    quality: Ints
    symbol: Ints
    before: Ints


def progressions_of(score: Score) -> Progressions:
    """Return the chord changes of a piece; changes of the bass alone do not count, and silence breaks the chain."""
    chords = find_chords(score)
    keep = np.ones(len(chords), dtype=bool)
    keep[1:] = (np.diff(chords.root) != 0) | (np.diff(chords.quality) != 0)
    root, quality = chords.root[keep], chords.quality[keep]
    symbol = np.diff(root) % 12 * len(QUALITIES) + quality[1:]
    is_change = (root[1:] != NONE) & (root[:-1] != NONE)
    before = np.append(SYMBOLS, np.where(is_change, symbol, SYMBOLS))[:-1]
    return Progressions(quality[:-1][is_change], symbol[is_change], before[is_change])


class Counts:
    """Counts of chord changes: by the symbol before, (before, symbol), and by the quality before, (quality, symbol)."""

    def __init__(self, pieces: Sequence[Progressions]) -> None:
        self.by_symbol = np.zeros((SYMBOLS + 1, SYMBOLS))
        self.by_quality = np.zeros((len(QUALITIES), SYMBOLS))
        for piece in pieces:
            np.add.at(self.by_symbol, (piece.before, piece.symbol), 1)
            np.add.at(self.by_quality, (piece.quality, piece.symbol), 1)

    def nats(self, piece: Progressions, without: Counts) -> Floats:
        """Return the surprise of each change, in nats, by these counts less those of `without`.

        The counts of both contexts and of none are interpolated with each other and with equal chances, each as sure as
        it has more changes to a kind of change (Witten and Bell 1991).
        """
        by_symbol = self.by_symbol[piece.before] - without.by_symbol[piece.before]
        by_quality = self.by_quality - without.by_quality
        chance = np.full(len(piece.symbol), 1 / SYMBOLS)
        rows = np.arange(len(piece.symbol))
        for counts in (
            np.broadcast_to(by_quality.sum(axis=0), by_symbol.shape),
            by_quality[piece.quality],
            by_symbol,
        ):
            kinds, total = (counts > 0).sum(axis=1), counts.sum(axis=1)
            known = counts[rows, piece.symbol] + kinds * chance
            chance = np.where(total > 0, known / np.maximum(total + kinds, 1), chance)
        return np.asarray(-np.log(chance))


class Measured(NamedTuple):
    """Of each piece, (piece,): the sum of nats of its chord changes, and their number; its notes outside the usual
    range of their voice, and all notes of voices whose range is known."""

    nats: Floats
    changes: Ints
    outside: Ints
    notes: Ints

    @property
    def nats_per_change(self) -> float:
        return ratio(self.nats.sum(), self.changes.sum())

    @property
    def share_outside(self) -> float:
        return ratio(self.outside.sum(), self.notes.sum())

    def columns(self) -> dict[tuple[str, str], Floats]:
        """Return the shares of each piece by group and name, (piece,) each."""
        parts = {PROGRESSION: (self.nats, self.changes), OUTSIDE: (self.outside, self.notes)}
        return {
            key: np.array([ratio(*row) for row in zip(*pair, strict=True)], dtype=np.float64)
            for key, pair in parts.items()
        }


def measure_against(
    pieces: Sequence[Score], families: Sequence[int], real: Sequence[Score], of_real: Sequence[int]
) -> Measured:
    """Return what the real pieces of other families tell of `pieces`."""
    learned = [progressions_of(score) for score in real]
    voices = {
        name: number for number, name in enumerate(dict.fromkeys(v for score in real for v in _voices(score)))
    }
    heard = [_pitch_counts(score, voices) for score in real]
    counts, everywhere = Counts(learned), np.sum(heard, axis=0)
    rows = []
    for score, family in zip(pieces, families, strict=True):
        own = [number for number, other in enumerate(of_real) if other == family]
        progressions = progressions_of(score)
        nats = counts.nats(progressions, Counts([learned[number] for number in own]))
        others = everywhere - np.sum([heard[number] for number in own], axis=0)
        rows.append((nats.sum(), len(nats), *_outside(_pitch_counts(score, voices), others)))
    nats, changes, outside, notes = np.array(rows).T
    return Measured(nats, changes.astype(np.int64), outside.astype(np.int64), notes.astype(np.int64))


def _voices(score: Score) -> list[tuple[int, int, int]]:
    """Return the name of the voice of each pitched track: program, place among the tracks of this, and their number."""
    programs = [track.program for track in score.tracks if not track.is_drum and len(track.notes)]
    return [(each, programs[:place].count(each), programs.count(each)) for place, each in enumerate(programs)]


def _pitch_counts(score: Score, voices: dict[tuple[int, int, int], int]) -> NDArray[np.int64]:
    """Return how many notes each voice has at each pitch, (voice, 128)."""
    counts = np.zeros((len(voices), 128), dtype=np.int64)
    tracks = [track for track in score.tracks if not track.is_drum and len(track.notes)]
    for name, track in zip(_voices(score), tracks, strict=True):
        if name in voices:
            np.add.at(counts[voices[name]], track.notes["pitch"], 1)
    return counts


def _outside(counts: Ints, others: Ints) -> tuple[int, int]:
    """Return how many notes are outside the USUAL range of the same voice in other pieces, and how many of all notes
    are of voices that these have."""
    total = others.sum(axis=1, keepdims=True)
    below, up_to = np.cumsum(others, axis=1) - others, np.cumsum(others, axis=1)
    usual = (up_to > USUAL[0] * total) & (below < USUAL[1] * total)
    known = counts * (total > 0)
    return int((known * ~usual).sum()), int(known.sum())

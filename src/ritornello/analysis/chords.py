"""Chords: root, quality and bass of each stretch of a score, by a dynamic programme over its beats.

A chord gains by its tones that sound, by its root in the bass and by its place in the local key, and loses by other
tones. A change of chord costs, least at a bar line. So a chord holds over passing notes, and arpeggios are chords.

Read in order: `QUALITIES`, `Chords`, `find_chords`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.beats import Beats, find_beats
from ritornello.analysis.keys import bar_keys
from ritornello.analysis.paths import best_path
from ritornello.arrays import Floats, Ints, Mask, run_edges
from ritornello.score import Score
from ritornello.theory import CHORDS, Chord, make_chord

QUALITIES = ("maj", "min", "7", "m7", "maj7", "dim", "m7b5", "dim7", "aug", "sus4")
"""The qualities that are told apart, by their names in `theory.CHORDS`."""

RARE = ("dim", "m7b5", "dim7", "aug", "sus4")
"""Those that need more evidence."""

NONE = -1
"""Root, quality and bass where there is no chord: silence, or notes that fit none."""


@dataclass(frozen=True)
class ChordModel:
    """The weights of the dynamic programme, for a whole beat; chosen as docs/experiments.md says.

    root, third, fifth, seventh: gains of a tone of the chord that sounds; other: cost of another tone; bass, inversion:
    gains if the root, or another tone of the chord, is the lowest; primary: gain of the chords on tonic, subdominant
    and dominant of the local key; seventh_chord, rare: costs of chords with a seventh, and of those of `RARE`; none:
    gain of no chord; change: costs of a change at a bar line, in the middle of a bar, at other beats, within beats.
    """

    root: float = 1.0
    third: float = 0.8
    fifth: float = 0.9
    seventh: float = 0.25
    other: float = 1.15
    bass: float = 0.8
    inversion: float = 0.25
    primary: float = 0.25
    seventh_chord: float = 0.4
    rare: float = 0.85
    none: float = 0.1
    change: tuple[float, float, float, float] = (0.5, 1.0, 1.5, 2.0)


MODEL = ChordModel()


@dataclass(frozen=True, eq=False)
class Chords:
    """The chords of a score, in time order and without gaps; each array is (chords,).

    start, end: ticks; root and bass: pitch classes 0-11; quality: a place in `QUALITIES`. Where there is no chord, the
    three are `NONE`. Two neighbours differ in root, quality or bass.
    """

    start: Ints
    end: Ints
    root: Ints
    quality: Ints
    bass: Ints

    def __len__(self) -> int:
        return len(self.start)

    def named(self) -> tuple[tuple[int, Chord | None], ...]:
        """Return (tick, chord) of each, as `leadsheet.LeadSheet` has them; None for no chord."""
        rows = zip(*(each.tolist() for each in (self.start, self.root, self.quality, self.bass)), strict=True)
        return tuple(
            (start, None if root == NONE else make_chord(root, QUALITIES[quality], bass))
            for start, root, quality, bass in rows
        )


def find_chords(score: Score, beats: Beats | None = None, model: ChordModel = MODEL) -> Chords:
    """Return the chords of the pitched notes of `score`; one span without a chord for a score without such notes.

    Chords begin and end at beats. The bass is the tone of the chord that is lowest where it begins; else, and where one
    note sounds at a time, it is the root.
    """
    beats = beats or find_beats(score)
    gains = chord_gains(beats, model)
    states = best_path(gains, np.asarray(model.change)[beats.level])
    edges = run_edges(states)
    first = edges[:-1]
    chosen = states[first]
    root, quality = (np.where(chosen < len(_TONES), part, NONE) for part in (chosen % 12, chosen // 12))
    lowest = beats.lowest[first] % 12
    is_tone = _TONES[np.minimum(chosen, len(_TONES) - 1), lowest]
    bass = np.where(beats.voiced[first] & is_tone & (root != NONE), lowest, root)
    return Chords(beats.edges[first], beats.edges[edges[1:]], root, quality, bass)


def chord_gains(beats: Beats, model: ChordModel = MODEL) -> Floats:
    """Return the gain (beats, 121) of each chord in each beat: by quality, then root; the last is no chord."""
    weights, of_key = _weights(model)
    lowest = np.zeros((len(beats), 12))
    at = np.flatnonzero(beats.voiced)
    lowest[at, beats.lowest[at] % 12] = 1.0
    sounds = beats.sound.max(axis=1) > 0
    gains = np.full((len(beats), len(_TONES) + 1), float(model.none))
    gains[:, :-1] = np.concatenate([beats.sound, lowest], axis=1) @ weights
    gains[:, :-1] += of_key[bar_keys(beats)[beats.bar]] * sounds[:, None]
    return gains


@lru_cache(maxsize=8)
def _weights(model: ChordModel) -> tuple[Floats, Floats]:
    """Return what chords gain by a class that sounds and by the lowest, (24, chords), and by the key, (24, chords)."""
    sound, lowest = np.full((len(QUALITIES), 12), -model.other), np.zeros((len(QUALITIES), 12))
    bias = np.zeros(len(QUALITIES))
    for row, quality in enumerate(QUALITIES):
        tones = CHORDS[quality]
        for tone, gain in zip(tones, (model.root, model.third, model.fifth, model.seventh), strict=False):
            sound[row, tone] = gain
        lowest[row, list(tones)] = model.inversion
        lowest[row, 0] = model.bass
        bias[row] -= model.seventh_chord * (len(tones) > 3) + model.rare * (quality in RARE)
    by_class = np.concatenate([_on_roots(sound), _on_roots(lowest)], axis=1).T
    above = (np.arange(len(_TONES)) - np.arange(24)[:, None]) % 12
    return by_class, np.repeat(bias, 12) + model.primary * np.isin(above, (0, 5, 7))


def _on_roots(rows: NDArray[Any]) -> NDArray[Any]:
    """Return a row by class for each quality and root of rows by interval above the root, one for each quality."""
    return np.array([np.roll(row, root) for row in rows for root in range(12)])


_TONES: Mask = _on_roots(np.array([[step in CHORDS[quality] for step in range(12)] for quality in QUALITIES]))
"""The classes of each chord, (120, 12)."""

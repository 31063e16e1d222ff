"""What a call is like: its key, register, pace and motifs, for an answer to this call.

The call is read as its ids give it, on the grid of the model. The key is not decided: the 24 keys are weighed by the
evidence, so a call of few notes asks for little. Classes that the call has itself, such as blue notes, always suit.

Read in order: `CallProfile`, `profile_of`, `motifs_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ritornello.analysis.beats import Beats, find_beats
from ritornello.analysis.keys import LOG_PROFILES, key_evidence
from ritornello.analysis.phrases import phrase_beginnings
from ritornello.analysis.voices import find_melody
from ritornello.arrays import Floats
from ritornello.score import Notes, Score, note_columns

FEWEST, MOST = 4, 7
"""Notes of a motif."""

LONGEST = 8.0
"""Quarters from the first note of a motif to its last."""

OWN = 0.3
"""The share of the call's own classes in those that suit it; the others are those of the keys."""

GRIDS = (4, 3, 8)
"""Parts of a quarter on which the waits of a motif fall, the most usual first."""

NEAR = 0.06
"""Quarters by which a wait may be off a grid."""


@dataclass(frozen=True)
class Motif:
    """The beginning of a phrase: intervals in semitones, and waits between onsets in quarters, one fewer than notes.

    pitch: of its first note.
    """

    pitch: int
    intervals: tuple[int, ...]
    waits: tuple[float, ...]

    @property
    def length(self) -> float:
        """Quarters from the first onset to the last."""
        return sum(self.waits)


@dataclass(frozen=True, eq=False)
class CallProfile:
    """A call with at least one pitched note. Times are quarters.

    suits: (12,), how well each class suits, in nats: 0 for those that are as usual as chance or more, else below.
    tonic, minor: the most probable key. low, middle, high: the pitches of the tenth, the half and the nine tenths of
    its notes. pace: onsets a quarter. line: the pitches of its melody.
    """

    suits: Floats
    tonic: int
    minor: bool
    low: float
    middle: float
    high: float
    pace: float
    line: tuple[int, ...]
    motifs: tuple[Motif, ...]

    @property
    def triad(self) -> tuple[int, int, int]:
        """The classes of the tonic triad, the tonic first."""
        return self.tonic, (self.tonic + 4 - self.minor) % 12, (self.tonic + 7) % 12


def profile_of(score: Score) -> CallProfile | None:
    """Return the profile of a call; None if it has no pitched notes."""
    start, duration, pitch, _ = note_columns(track for track in score.tracks if not track.is_drum)
    melody = find_melody(score)
    if melody is None:
        return None
    beats = find_beats(score)
    evidence = key_evidence(beats).sum(axis=0)
    weights = np.exp(evidence - evidence.max())
    keys = weights / weights.sum() @ np.exp(LOG_PROFILES)
    own = np.sqrt(np.bincount(pitch % 12, np.minimum(duration, score.ticks_per_quarter), 12))
    shares = (1 - OWN) * keys + OWN * own / own.sum()
    key = int(evidence.argmax())
    low, middle, high = np.quantile(pitch, (0.1, 0.5, 0.9)).tolist()
    onsets = np.unique(start)
    lasts = float(max(onsets[-1] - onsets[0], score.ticks_per_quarter)) / score.ticks_per_quarter
    return CallProfile(
        suits=np.minimum(np.log(12 * shares), 0.0),
        tonic=key % 12,
        minor=key >= 12,
        low=low,
        middle=middle,
        high=high,
        pace=max(len(onsets) - 1, 1) / lasts,
        line=tuple(melody.notes["pitch"].tolist()),
        motifs=motifs_of(melody.notes, beats, score.ticks_per_quarter),
    )


def motifs_of(notes: Notes, beats: Beats, ticks_per_quarter: int) -> tuple[Motif, ...]:
    """Return the beginnings of the phrases of a melody, the first one first, that have FEWEST notes or more.

    A motif ends with its longest note if that is one of those after the third; it is no row of one pitch.
    """
    found = []
    for first, stop in pairwise([*phrase_beginnings(notes, beats), len(notes)]):
        part = notes[first : min(stop, first + MOST)]
        waits = [_on_grid(wait / ticks_per_quarter) for wait in np.diff(part["start"]).tolist()]
        pitches = part["pitch"].tolist()
        count = len(waits)
        while count and sum(waits[:count]) > LONGEST:
            count -= 1
        following = waits[FEWEST - 1 : count]
        if following and max(following) > min(waits[:count]):  # it ends where it rests
            count = FEWEST - 1 + following.index(max(following))
        if count >= FEWEST - 1 and len(set(pitches[: count + 1])) > 1 and min(waits[:count]) > 0:
            intervals = tuple(after - before for before, after in pairwise(pitches[: count + 1]))
            found.append(Motif(pitches[0], intervals, tuple(waits[:count])))
    return tuple(found)


def _on_grid(wait: float) -> float:
    """Return a wait on the first grid that it is near to, or else on the finest."""
    places = [round(wait * parts) / parts for parts in GRIDS]
    return next((place for place in places if place and abs(place - wait) < NEAR), places[-1])

"""Which of several answers to a call is the best.

An answer loses for notes outside the key of the call, for a register away from it, for loops, for another density, and
gains for what it takes up of the call's melody and for an end on the tonic; where the music learned from is known, it
is judged too by how like that its structure is (`structure.Worth`). Each part is about 1 for a difference that one
hears.

Read in order: `Ranking`, `loops`, `shared`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ritornello.live.session.answer_preferences import Shape
from ritornello.live.session.call_profile import CallProfile
from ritornello.live.session.encoding_window import TICKS
from ritornello.live.session.response_decoder import DecidedNote
from ritornello.score import Meter, Score, Track, make_notes
from ritornello.structure import Worth
from ritornello.theory import DRUMS

GRAM = 4
"""Notes of the patterns of which loops and motifs are made."""

KEY, REGISTER, LOOPS, MOTIF, PACE, HOME, LIKE = 12.0, 0.3, 4.0, 5.0, 1.0, 1.0, 0.1
"""The weights: of the mean of nats by which classes suit the key; of semitones from the middle of the call beyond
`NEAR`; of the share of repeated patterns beyond `USUAL`; of the share of patterns that are the call's; of octaves of
density beyond one; of an end on the tonic; of nats of `Worth`."""

NEAR = 5.0
USUAL = 0.25
MOST_SHARED = 0.5
"""More than this share of the call's patterns gains no more."""


@dataclass(frozen=True)
class Ranking:
    """How good answers to a call are."""

    call: CallProfile
    shape: Shape
    worth: Worth | None = None

    def __call__(self, notes: Sequence[DecidedNote], start: float, stop: float) -> float:
        """Return how good the notes from `start` to `stop` (quarters) are as an answer, or as the beginning of one."""
        heard = sorted(note for note in notes if note.program != DRUMS and start - 1e-6 <= note.start < stop)
        if not heard:
            return -math.inf
        call, pitches = self.call, np.array([note.pitch for note in heard])
        line = top_line(heard)
        away = max(0.0, abs(float(np.median(pitches)) - call.middle) - NEAR)
        density = len(line) / max(stop - start, 1.0) / call.pace
        total = KEY * float(call.suits[pitches % 12].mean()) - REGISTER * away
        total -= LOOPS * max(0.0, loops(line) - USUAL) / (1 - USUAL)
        total += MOTIF * min(shared(line, call.line), MOST_SHARED)
        total -= PACE * max(0.0, abs(math.log2(density)) - 1)
        if stop > start + self.shape.last_beat:
            total += HOME * (line[-1] % 12 == call.tonic) + HOME / 2 * (line[-1] % 12 in call.triad)
        if self.worth is not None and len(heard) > 1:
            total += LIKE * max(self.worth(_as_score(heard, start)), -100.0)
        return total


def top_line(notes: Sequence[DecidedNote]) -> list[int]:
    """Return the highest pitch at each onset of sorted notes."""
    return [max(note.pitch for note in chord) for _, chord in groupby(notes, key=lambda note: note.start)]


def loops(line: Sequence[int]) -> float:
    """Return the share of the patterns of a melody that it had before; 0 if it has fewer than two."""
    grams = [tuple(line[at : at + GRAM]) for at in range(len(line) - GRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if len(grams) > 1 else 0.0


def shared(line: Sequence[int], other: Sequence[int]) -> float:
    """Return the share of the patterns of intervals in `line` that `other` has too, at any pitch or upside down."""
    mine, theirs = _intervals(line), set(_intervals(other))
    found = [gram in theirs or tuple(-step for step in gram) in theirs for gram in mine if any(gram)]
    return float(np.mean(found)) if found else 0.0


def _intervals(line: Sequence[int]) -> list[tuple[int, ...]]:
    steps = np.diff(line).tolist()
    return [tuple(steps[at : at + GRAM - 1]) for at in range(len(steps) - GRAM + 2)]


def _as_score(notes: Sequence[DecidedNote], start: float) -> Score:
    """Return pitched notes as a score that begins at `start`, a track for each program."""
    tracks = []
    for program in dict.fromkeys(note.program for note in notes):
        mine = [note for note in notes if note.program == program]
        rows = [
            (round((n.start - start) * TICKS), round((n.end - n.start) * TICKS), n.pitch, 80) for n in mine
        ]
        tracks.append(Track(make_notes(rows), program))
    return Score(TICKS, tuple(tracks), meters=(Meter(0, 4, 4),))

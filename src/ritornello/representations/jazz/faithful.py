"""The source's way from tokens to notes, step by step (deepjazz: grammar and qa; the assignment).

It is kept for comparison: it rounds at random, plays notes late, lets bars overlap, and decodes scale tones with
another scale than it encodes. Steps 1 to 5 are those of the source, in its order; a bracket without a note before it,
which fails there, is ignored. Times are in steps of the grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ritornello.representations.jazz.analysis import (
    APPROACH,
    CHORD,
    FAITHFUL_PLAYED,
    OTHER,
    SCALE,
    STRUCK,
    is_major,
)
from ritornello.representations.jazz.reading import Bar, Played
from ritornello.representations.jazz.vocabulary import STEPS_PER_QUARTER
from ritornello.theory import Chord
from ritornello.theory.chord_scales import scale_classes

SIXTEENTH = STEPS_PER_QUARTER // 4

BLUES_WEIGHTS = (4, 2, 1, 2, 3, 2)
"""How often each degree of the hexatonic blues scale is taken. The source weights them; by how much is ours."""

Row = tuple[int, int, int]
"""Start and length in steps, pitch."""

Random = np.random.Generator


def realise(
    bars: Sequence[Bar], chords: Sequence[tuple[tuple[int, Chord], ...]], bar_steps: int, random: Random
) -> list[Row]:
    """Return the notes of all bars, a bar's length apart, each as long as its words make it; bars overlap."""
    rows: dict[tuple[int, int], int] = {}
    for number, (bar, placed) in enumerate(zip(bars, chords, strict=True)):
        words = prune_durations(without_outsiders(bar.line), random)
        for start, steps, pitch in clean_up(prune_notes(unparse(words, placed, random))):
            rows[number * bar_steps + start, pitch] = steps
    return [(start, steps, pitch) for (start, pitch), steps in rows.items()]


def without_outsiders(words: Sequence[Played]) -> list[Played]:
    """Step 1: approach and other tones become chord tones, but not the bar's first."""
    outside = (APPROACH, OTHER)
    return [replace(w, letter=CHORD) if i and w.letter in outside else w for i, w in enumerate(words)]


def prune_durations(words: Sequence[Played], random: Random) -> list[Played]:
    """Step 2: durations become multiples of a sixteenth, up or down at random; up even from an exact one."""
    up = random.random(len(words)) < 0.5
    return [
        replace(word, steps=(word.steps // SIXTEENTH + int(rounded_up)) * SIXTEENTH)
        for word, rounded_up in zip(words, up, strict=True)
    ]


def unparse(words: Sequence[Played], chords: Sequence[tuple[int, Chord]], random: Random) -> list[Row]:
    """Step 3: words become notes; the time goes on by a word's duration *before* it is placed."""
    now, before, rows = 0, None, []
    for word in words:
        now += word.steps
        if word.letter not in STRUCK:
            continue
        chord = next((c for at, c in reversed(chords) if at <= now), chords[0][1])
        pitch = (
            _free(word, chord, random)
            if word.interval is None or before is None
            else _near(word, word.interval + before, before, chord, random)
        )
        before = pitch
        rows.append((now, word.steps, pitch))
    return rows


def _free(word: Played, chord: Chord, random: Random) -> int:
    """Return a pitch for a word without a bracket, in octave 4."""
    if word.letter == CHORD:
        return 60 + int(random.choice(sorted(chord.pitch_classes)))
    classes = sorted(_played(chord), key=lambda pitch_class: (pitch_class - chord.root) % 12)
    weights = np.array(BLUES_WEIGHTS if len(classes) == 6 else [1] * len(classes), dtype=float)
    degree = int(random.choice(classes, p=weights / weights.sum()))
    if word.letter != SCALE:
        degree += int(random.choice((-1, 1)))
    return 60 + degree % 12


def _played(chord: Chord) -> frozenset[int]:
    return scale_classes(chord.root, FAITHFUL_PLAYED[not is_major(chord)])


def _near(word: Played, middle: int, before: int, chord: Chord, random: Random) -> int:
    """Return a pitch of the word's letter within its bracket; if there is none, a tone from the pitch before."""
    beside = {(tone + way) % 12 for tone in chord.pitch_classes for way in (-1, 1)}
    classes = {CHORD: chord.pitch_classes, SCALE: _played(chord), APPROACH: beside}
    wanted = classes.get(word.letter, range(12))
    fitting = [p for p in range(middle - 3, middle + 4) if p % 12 in wanted and p != before]
    pitch = int(random.choice(fitting or [before - 2, before + 2]))
    while pitch < 48:  # octave 3 at least
        pitch += 12
    return pitch if pitch < 128 else pitch - 12


def prune_notes(rows: Sequence[Row]) -> list[Row]:
    """Step 4: of two neighbours of the same pitch the second goes; pairs do not overlap."""
    return [row for i, row in enumerate(rows) if not (i % 2 and row[2] == rows[i - 1][2])]


def clean_up(rows: Sequence[Row]) -> list[Row]:
    """Step 5: no length becomes a sixteenth; of neighbours that begin together the later goes."""
    kept = [row for i, row in enumerate(rows) if not i or row[0] != rows[i - 1][0]]
    return [(start, steps or SIXTEENTH, pitch) for start, steps, pitch in kept]

"""What a model hears of a primer: not the parts that it has no voice for, and its bars as they are on its grid."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from ritornello.errors import ConfigError
from ritornello.representations.base import Representation
from ritornello.score import Score, Track, sort_notes
from ritornello.theory import instrument_name


def hear(representation: Representation, primer: Score) -> Score:
    """Return the primer without the tracks that the model does not read. ConfigError if no notes are left."""
    parts = zip(primer.tracks, representation.parts_read(primer), strict=True)
    heard = replace(primer, tracks=tuple(t for t, part in parts if part is not None or not len(t.notes)))
    if primer.note_count and not heard.note_count:
        names = ", ".join(dict.fromkeys(names_of(primer.tracks)))
        raise ConfigError(f"the primer has only {names}, which this model cannot read")
    return heard


def remarks_on(representation: Representation, primer: Score) -> tuple[str, ...]:
    """Return a line for each thing in a primer that the model does not hear, or hears as another."""
    parts = zip(primer.tracks, representation.parts_read(primer), strict=True)
    unheard = dict.fromkeys(names_of(track for track, part in parts if part is None and len(track.notes)))
    lines = [f"{name}: stays as it is; the model does not hear it" for name in unheard]
    return (*lines, *representation.substitutions(hear(representation, primer)))


def names_of(tracks: Iterable[Track]) -> list[str]:
    return [instrument_name(track.program, track.is_drum) for track in tracks]


def step_of(representation: Representation) -> float:
    """Return the grid of a representation in quarters; 1/24 if its ids do not tell."""
    steps = representation.tokens.duration[representation.tokens.duration > 0]
    return float(steps.min()) if len(steps) else 1 / 24


def before_bar_lines(score: Score, bars: frozenset[int], step: float) -> Score:
    """Return `score` with notes that begin less than half a step (quarters) before one of `bars` a whole step before
    it: they belong to the bar before, and rounded to steps they would not."""
    starts = score.bar_starts(score.end + 1)
    lines = starts[[bar for bar in bars if 0 < bar < len(starts)]]
    ticks = step * score.ticks_per_quarter

    def moved(track: Track) -> Track:
        notes = track.notes.copy()
        for line in lines.tolist():
            early = (notes["start"] < line) & (notes["start"] >= line - ticks / 2)
            notes["duration"][early] += notes["start"][early] - (line - math.ceil(ticks))
            notes["start"][early] = line - math.ceil(ticks)
        return replace(track, notes=sort_notes(notes))

    return replace(score, tracks=tuple(map(moved, score.tracks))) if len(lines) else score

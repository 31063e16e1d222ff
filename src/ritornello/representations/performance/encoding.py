"""`Score` -> ids, vectorised over whole columns.

1. The notes of all parts but drums, lengthened by the sustain pedal, on a grid of 10 ms of real time.
2. Every event gets a sort key: its time, its rank at that time (shift, density, pitch classes, notes), and its
   place within the rank: the number of its note, off after on, velocity before on.
3. One sort by key gives the ids.
"""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.base import Ids
from ritornello.representations.grids import shorten_gaps, strike
from ritornello.representations.performance.vocabulary import (
    DENSITY_STEPS,
    EVEN,
    HISTOGRAM_STEPS,
    LEVELS,
    MOST_SHIFT,
    STEPS_PER_SECOND,
    PerformanceConfig,
    density_bin,
    share_levels,
)
from ritornello.representations.tokens import Tokens
from ritornello.score import Score, make_notes, ticks_to_seconds
from ritornello.sustain import sustained_ends

LONGEST_GAP = 10 * STEPS_PER_SECOND
"""A longer time in which nothing begins or ends is shortened to this."""

Notes = tuple[Ints, Ints, Ints, Ints]  # start, end, pitch, velocity bin, in order of start and pitch
Events = tuple[Ints, Ints, Ints, Ints]  # time, rank, place within the rank, id

_RANK_SHIFT, _RANK_DENSITY, _RANK_CLASSES, _RANK_NOTES = range(4)


def encode(tokens: Tokens, config: PerformanceConfig, score: Score) -> Ids:
    notes, first = collect_notes(config, score), tokens.first
    times = np.unique(np.concatenate([[0], notes[0], notes[1]]))
    gaps = np.diff(times, prepend=0)
    counts = -(-gaps // MOST_SHIFT)  # of the shifts that lead to each time, the greatest first
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    shift = np.minimum(np.repeat(gaps, counts) - number * MOST_SHIFT, MOST_SHIFT)
    shifts = first["time_shift"] + shift - 1
    events = [(np.repeat(times, counts), np.full(len(shifts), _RANK_SHIFT), number, shifts)]
    events.append(_note_events(first, notes, config.velocity_bins > 0))
    if config.density and len(notes[0]):
        events.append(_density_events(first["density"], notes[0], times))
    if config.pitch_classes and len(notes[0]):
        events.append(_class_events(first["pitch_class"], notes, times))
    time, rank, place, ids = (np.concatenate(columns) for columns in zip(*events, strict=True))
    body = ids[np.lexsort((place, rank, time))]
    return np.concatenate([[first["start"]], body, [first["end"]]]).astype(np.int32)


def collect_notes(config: PerformanceConfig, score: Score) -> Notes:
    """Return the notes as they are played, in steps of 10 ms."""
    tracks = [track for track in score.tracks if not track.is_drum]
    notes = np.concatenate([make_notes(), *(track.notes for track in tracks)])
    ends = np.concatenate([np.empty(0), *(sustained_ends(track, score.end) for track in tracks)])
    start, end = (
        np.floor(ticks_to_seconds(score, ticks) * STEPS_PER_SECOND + 0.5).astype(np.int64)
        for ticks in (notes["start"], ends)
    )
    velocity = config.velocity_bin(np.minimum(notes["velocity"].astype(np.int64), 127))
    start, end, pitch, velocity = strike(start, end, notes["pitch"].astype(np.int64), velocity)
    return (*shorten_gaps(start, end, LONGEST_GAP), pitch, velocity)


def _note_events(first: dict[str, int], notes: Notes, has_velocity: bool) -> Events:
    """Return the events that begin and end notes, and the velocities where they change."""
    start, end, pitch, velocity = notes
    number, changed = np.arange(len(start)), (np.diff(velocity, prepend=0) != 0) & has_velocity
    time = np.concatenate([start[changed], start, end])
    place = np.concatenate([number[changed] * 3, number * 3 + 1, number * 3 + 2])
    ids = np.concatenate(
        [first["velocity"] + velocity[changed] - 1, first["note_on"] + pitch, first["note_off"] + pitch]
    )
    return time, np.full(len(time), _RANK_NOTES), place, ids


def _density_events(first: int, start: Ints, times: Ints) -> Events:
    """Return a DENSITY at each of `times` at which the notes a second in the time ahead fall into another bin."""
    count = np.searchsorted(start, times + DENSITY_STEPS) - np.searchsorted(start, times)
    bins = density_bin(count * STEPS_PER_SECOND / DENSITY_STEPS)
    changed = np.diff(bins, prepend=-1) != 0
    zeros = np.zeros(int(changed.sum()), dtype=np.int64)
    return times[changed], zeros + _RANK_DENSITY, zeros, first + bins[changed]


def _class_events(first: int, notes: Notes, times: Ints) -> Events:
    """Return a PITCH_CLASS for each class whose level changes, at the first of `times` in each stretch."""
    start, end, pitch, _ = notes
    times = times[np.diff(times // HISTOGRAM_STEPS, prepend=-1) != 0]
    seconds = np.zeros((len(times), 12))
    for row, time in enumerate(times):
        lengths = np.minimum(end, time + HISTOGRAM_STEPS) - np.maximum(start, time)
        seconds[row] = np.bincount(pitch % 12, np.maximum(lengths, 0) / STEPS_PER_SECOND, minlength=12)
    levels = share_levels(seconds)
    where, classes = np.nonzero(np.diff(levels, axis=0, prepend=EVEN))
    ids = first + classes * LEVELS + levels[where, classes]
    return times[where], np.full(len(where), _RANK_CLASSES), classes, ids

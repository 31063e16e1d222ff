"""Quantisation: grids of time, pitch and tempo, and how notes are put on them.

`SHIFTS`, `DURATIONS` and `TEMPOS` are for representations with a fine grid, STEPS_PER_QUARTER to a quarter. Those with
few steps a quarter round to the nearest step, at least one a note, as their source "magenta" does. They have bars of
4/4 only, and no tempo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from ritornello.arrays import Ints
from ritornello.score import Score, Track, end_at_restrike, make_notes, note_columns, rescaled
from ritornello.theory import instrument_name

STEPS_PER_QUARTER = 24
"""The fine grid: 32nd notes and 16th triplets fall on it."""

SHIFTS = np.array(
    [*range(1, 49), *range(54, 97, 6), *range(108, 193, 12), 216, 240, 288, 384], dtype=np.int64
)
"""Steps from one onset to the next, in one token; longer shifts are sums, greatest first."""

DURATIONS = np.array(
    [*range(1, 25), 27, 28, 30, 32, 33, 36, 40, 42, 44, 45, 48, 54, 56, 60, 64, 66, 69, 72, 78, 80, 84, 90, 93,
     96, 108, 120, 132, 144, 156, 168, 180, 192, 216, 240, 264, 288, 336, 384, 432, 480, 576, 768],
    dtype=np.int64,
)  # fmt: skip
"""Lengths of notes in steps; others become the nearest."""

SHIFT_STEPS: tuple[int, ...] = tuple(SHIFTS.tolist())
DURATION_STEPS: tuple[int, ...] = tuple(DURATIONS.tolist())
"""The same as plain numbers, in which a single one is found faster."""

TEMPOS = np.array(
    [20, 24, 28, 32, 36, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 63, 66, 69, 72, 76, 80, 84, 88, 92, 96, 100,
     104, 108, 112, 116, 120, 126, 132, 138, 144, 152, 160, 168, 176, 184, 192, 200, 208, 220, 232, 244, 256, 272,
     288, 304, 320],
    dtype=np.int64,
)  # fmt: skip
"""Quarters a minute: the scale of a metronome, and a little beyond at both ends."""

TICKS_PER_QUARTER = 480
"""The resolution of decoded scores, usual in MIDI files."""

TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER

VELOCITY = 100
"""The velocity of every note where tokens have none."""

NEVER = 1 << 40
"""A step later than any."""


def fold_into_range(pitch: Ints, low: Ints | int, high: Ints | int) -> Ints:
    """Return pitches moved by octaves into [low, high]; if that range is too narrow, its nearest end."""
    if ((pitch >= low) & (pitch <= high)).all():
        return pitch
    up = np.maximum(0, -(-(low - pitch) // 12)) * 12
    down = np.maximum(0, -(-(pitch - high) // 12)) * 12
    return np.asarray(np.clip(pitch + up - down, low, high))


def nearest(table: Ints, values: Ints) -> Ints:
    """Return the indices of the entries of a sorted table that are nearest to `values`; of two, the lower."""
    return np.searchsorted((table[1:] + table[:-1]) / 2, values, side="left")


_STEPS = np.arange(DURATIONS[-1] + 1)
_NEAREST_DURATION: Ints = nearest(DURATIONS, _STEPS)
_LONGEST_DURATION: Ints = np.searchsorted(DURATIONS, _STEPS, side="right") - 1
_LONGEST_SHIFT: Ints = np.searchsorted(SHIFTS, _STEPS, side="right") - 1


def _number(table: Ints, steps: Ints) -> Ints:
    return np.asarray(table[np.minimum(steps, len(table) - 1)])


def nearest_duration(steps: Ints) -> Ints:
    """Return the numbers of the nearest of DURATIONS; of two, the lower."""
    return _number(_NEAREST_DURATION, steps)


def longest_duration(steps: Ints) -> Ints:
    """Return the numbers of the longest of DURATIONS that are not longer than `steps`, -1 for none."""
    return _number(_LONGEST_DURATION, steps)


def longest_shift(steps: Ints) -> Ints:
    """Return the numbers of the longest of SHIFTS that are not longer than `steps`, -1 for none."""
    return _number(_LONGEST_SHIFT, steps)


def is_on_grid(meter: tuple[int, int], steps_per_quarter: int, longest_bar: int) -> bool:
    """Whether bars of a meter, (numerator, denominator), are whole steps, at most `longest_bar`."""
    steps, rest = divmod(meter[0] * 4 * steps_per_quarter, meter[1])
    return rest == 0 and 1 <= steps <= longest_bar


def known_meter(meters: Sequence[tuple[int, int]], meter: tuple[int, int]) -> tuple[int, int] | None:
    """Return the one of `meters` in which music in `meter` can be composed; None if there is none.

    It is the meter itself, or one with bars of the same length that are halved throughout: 2/2 is composed as 4/4.
    Meters that divide a bar otherwise, such as 3/4 and 6/8, do not stand for each other.
    """
    halved = (1, 2, 4)
    if meter in meters or meter[0] not in halved:
        return meter if meter in meters else None
    alike = (known for known in meters if known[0] in halved and known[0] * meter[1] == meter[0] * known[1])
    return next(alike, None)


@lru_cache(maxsize=1024)
def nearest_meter(meters: tuple[tuple[int, int], ...], numerator: int, denominator: int) -> int:
    """Return the index of the meter that is this one, or else is nearest in the length of its bar."""
    bars = [abs(4 * a / b - 4 * numerator / denominator) for a, b in meters]
    return min(range(len(meters)), key=lambda i: (meters[i] != (numerator, denominator), bars[i]))


def without_doubles(start: Ints, end: Ints, key: Ints, *ties: Ints) -> Ints:
    """Return the indices of the notes, by start and key, without doubles: of notes with the same start and key only
    the longest stays; of equally long ones the first by `ties`, one after the other."""
    place = start * (1 + key.max(initial=0)) + key
    order = np.argsort(place, kind="stable")
    place = place[order]
    again = place[1:] == place[:-1]
    if not again.any():
        return order
    is_double = np.append(again, False) | np.append(False, again)
    doubles = order[is_double]
    by_ties = [tie[doubles] for tie in reversed(ties)]
    order[is_double] = doubles[np.lexsort((*by_ties, -end[doubles], place[is_double]))]
    return np.asarray(order[np.append(True, ~again)])


def strike(start: Ints, end: Ints, pitch: Ints, velocity: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Return notes by start and pitch, no pitch twice at once, as on a keyboard.

    Times are in steps. A note lasts at least a step and ends when its pitch is struck again; of notes of one pitch
    that begin together, the longest stays.
    """
    kept = without_doubles(start, end, pitch)
    start, end, pitch, velocity = start[kept], end[kept], pitch[kept], velocity[kept]
    return start, end_at_restrike(start, np.maximum(end, start + 1), pitch), pitch, velocity


def shorten_gaps(start: Ints, end: Ints, longest: int, unit: int = 1) -> tuple[Ints, Ints]:
    """Return starts and ends with shorter gaps, times in which nothing begins or ends.

    A gap longer than `longest`, between events or before the first, is shortened by whole `unit`s to no less.
    """
    times = np.unique(np.concatenate([start, end]))
    excess = np.maximum(np.diff(times, prepend=0) - longest, 0) // unit * unit
    moved = times - np.cumsum(excess)
    return moved[np.searchsorted(times, start)], moved[np.searchsorted(times, end)]


def quantised(score: Score, is_drum: bool, steps_per_quarter: int, longest: int) -> tuple[Ints, Ints, Ints]:
    """Return start, end and pitch, in steps, of the notes of the drums, or else of all others, by start and pitch.

    Notes of more than `longest` steps are cut.
    """
    start, duration, pitch, _ = note_columns(track for track in score.tracks if track.is_drum == is_drum)
    begin, end = (
        rescaled(ticks, score.ticks_per_quarter, steps_per_quarter) for ticks in (start, start + duration)
    )
    end = np.minimum(end, begin + longest)
    start, end, pitch, _ = strike(begin, end, pitch, begin)
    return start, end, pitch


def without_rests(start: Ints, end: Ints, bar: int, longest: int) -> tuple[Ints, Ints]:
    """Return starts and ends from the bar of the first note on; gaps longer than `longest` are shortened by bars."""
    lead = int(start.min()) // bar * bar if len(start) else 0
    return shorten_gaps(start - lead, end - lead, longest, bar)


def spread(start: Ints, end: Ints, pitch: Ints) -> tuple[Ints, Ints, Ints]:
    """Return, for each step of each note, the step, the pitch, and the steps since the note began."""
    length = end - start
    since = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return np.repeat(start, length) + since, np.repeat(pitch, length), since


def solo_score(rows: Iterable[tuple[int, int, int]], steps_per_quarter: int, program: int) -> Score:
    """Return the score of one instrument from rows of start, length and pitch, in steps; without notes an empty one."""
    ticks = TICKS_PER_QUARTER // steps_per_quarter
    notes = make_notes((start * ticks, length * ticks, pitch, VELOCITY) for start, length, pitch in rows)
    track = Track(notes, program, name=instrument_name(program))
    return Score(TICKS_PER_QUARTER, (track,) if len(notes) else ())

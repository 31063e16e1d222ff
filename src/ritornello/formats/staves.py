"""Notes -> bars of written notes: quantised, in voices, in existing note values. No library is used here.

Conventions
-----------
- Time is in *units*, `UNITS` to a quarter note, so that thirty-seconds and triplets are whole numbers.
- Onsets and ends are rounded to the coarsest grid that fits their quarter; a note lasts at least one grid step, and
  ends where its pitch is struck again. Apart from that no note is cut, moved or left out, up to `VOICES` voices in a
  track.
- A note is written as several tied ones where it crosses a bar line or its length is no single note value.

Read in order: `Written`, `snap`, `write_bars`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ritornello.score import Notes, without_overlaps

UNITS = 24
VOICES = 4
_GRIDS = (6, 8, 4, 3)  # sixteenths, triplet eighths, triplet sixteenths, thirty-seconds: the coarsest first
_MOST_ROUNDS = 8
_TOLERANCE = 0.5  # units; the largest error of a grid that fits
_VALUES = (96, 72, 48, 36, 24, 18, 12, 6, 3)  # from the whole note to the thirty-second, some dotted
_COMPOUND_VALUES = (72, 36, 24, 18, 12, 6, 3)  # where three eighths make a beat
COMPOUND_BEAT = 36
_TRIPLETS = (16, 8, 4)  # a quarter, an eighth, a sixteenth of a triplet


@dataclass(frozen=True)
class Written:
    """A chord, or a rest if it has no pitches: start from the start of the bar and duration, in units.

    pitches: MIDI pitches from low to high. tied_before, tied_after: whether all of them are tied to the chord before
    and to the one after.
    """

    start: int
    duration: int
    pitches: tuple[int, ...] = ()
    velocity: int = 0
    tied_before: bool = False
    tied_after: bool = False

    @property
    def end(self) -> int:
        return self.start + self.duration


Voice = list[Written]


def snap(notes: Notes, ticks_per_quarter: int) -> Notes:
    """Return `notes` with start and duration in units, on the grid of each quarter, sorted by start and pitch.

    A note moved to the next quarter can change the grid of that quarter, so this is repeated until nothing moves.
    """
    snapped = _snap_once(notes, ticks_per_quarter)
    for _ in range(_MOST_ROUNDS):
        again = _snap_once(snapped, UNITS)
        if np.array_equal(again, snapped):
            break
        snapped = again
    return snapped


def _snap_once(notes: Notes, ticks_per_quarter: int) -> Notes:
    starts = notes["start"] * (UNITS / ticks_per_quarter)
    ends = (notes["start"] + notes["duration"]) * (UNITS / ticks_per_quarter)
    quarters, places = np.unique(np.floor((starts + 1) / UNITS), return_inverse=True)
    grids = _grids(starts, places, len(quarters))
    snapped = notes.copy()
    snapped["start"] = _to_grid(starts, grids[places])
    found = np.searchsorted(quarters, np.floor((ends + 1) / UNITS))
    alone = np.minimum(found, max(0, len(quarters) - 1))
    with_onsets = quarters[alone] == np.floor((ends + 1) / UNITS) if len(quarters) else np.zeros(0, bool)
    end_grids = np.where(with_onsets, grids[alone], _grids(ends, np.arange(len(ends)), len(ends)))
    snapped["duration"] = np.maximum(_to_grid(ends, end_grids) - snapped["start"], grids[places])
    return without_overlaps(snapped)


def _grids(times: NDArray[np.float64], places: NDArray[np.intp], count: int) -> NDArray[np.int64]:
    """Return the grid of each of `count` quarters: the coarsest that fits all its times, else that of least error."""
    errors = np.zeros((len(_GRIDS), count))
    for row, grid in zip(errors, _GRIDS, strict=True):
        np.maximum.at(row, places, np.abs(times - np.rint(times / grid) * grid))
    fits = errors <= _TOLERANCE
    best = np.where(fits.any(axis=0), fits.argmax(axis=0), errors[:2].argmin(axis=0))
    grids: NDArray[np.int64] = np.array(_GRIDS)[best]
    return grids


def _to_grid(times: NDArray[np.float64], grids: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.rint(times / grids).astype(np.int64) * grids


def write_bars(notes: Notes, bars: NDArray[np.int64], beats: Sequence[int]) -> list[list[Voice]]:
    """Return the voices of every bar, each filled with rests; a bar without notes has one voice of rests.

    notes: snapped. bars: n + 1 bar lines. beats: of n bars, the beat in units, UNITS or COMPOUND_BEAT.
    """
    result: list[list[Voice]] = [[] for _ in range(len(bars) - 1)]
    for chords in _voices(notes):
        by_bar: dict[int, Voice] = {}
        for chord in chords:
            for bar, part in _cut_at_bars(chord, bars):
                by_bar.setdefault(bar, []).append(part)
        for bar, parts in by_bar.items():
            result[bar].append(_filled(parts, int(bars[bar + 1] - bars[bar]), beats[bar]))
    for bar, voices in enumerate(result):
        if not voices:
            voices.append(_filled([], int(bars[bar + 1] - bars[bar]), beats[bar]))
    return result


def _voices(notes: Notes) -> list[Voice]:
    """Return voices of chords, with times in the piece: each chord goes to the first silent voice.

    With `VOICES` voices sounding, it cuts the chord that ends first, or joins it if both start together.
    """
    voices: list[Voice] = []
    for chord in _chords(notes):
        free = next((voice for voice in voices if voice[-1].end <= chord.start), None)
        if free is not None:
            free.append(chord)
        elif len(voices) < VOICES:
            voices.append([chord])
        else:
            voice = min(voices, key=lambda voice: voice[-1].end)
            last = voice[-1]
            if last.start < chord.start:
                voice[-1] = replace(last, duration=chord.start - last.start)
                voice.append(chord)
            else:
                voice[-1] = replace(last, pitches=tuple(sorted({*last.pitches, *chord.pitches})))
    return voices


def _chords(notes: Notes) -> Iterator[Written]:
    """Yield notes that start and end together as chords, by start, then longest first; a pitch only once in each."""
    rows = sorted(notes.tolist(), key=lambda row: (row[0], -row[1], -row[2], -row[3]))
    for (start, duration), group in groupby(rows, key=lambda row: row[:2]):
        left = [(pitch, velocity) for _, _, pitch, velocity in group]
        while left:
            chord = dict(reversed(left))
            velocity = max(chord.values())
            yield Written(start, duration, tuple(sorted(chord)), velocity)
            left = [*(Counter(left) - Counter(chord.items())).elements()]


def _cut_at_bars(chord: Written, bars: NDArray[np.int64]) -> Iterator[tuple[int, Written]]:
    """Yield (bar, part of the chord), with times from the start of the bar; the parts are tied."""
    first = int(np.searchsorted(bars, chord.start, side="right")) - 1
    for bar in range(first, len(bars) - 1):
        start, end = max(chord.start, int(bars[bar])), min(chord.end, int(bars[bar + 1]))
        if start >= end:
            return
        before, after = chord.tied_before or start > chord.start, chord.tied_after or end < chord.end
        part = replace(chord, start=start - int(bars[bar]), duration=end - start)
        yield bar, replace(part, tied_before=before, tied_after=after)


def _filled(parts: Voice, length: int, beat: int) -> Voice:
    """Return a bar of note values that fill `length`: its parts of chords, and rests between them."""
    result: Voice = []
    at = 0
    for part in [*parts, Written(length, 0)]:
        if part.start > at:
            result += _values(Written(at, part.start - at), beat)
        if part.duration:
            result += _values(part, beat)
        at = part.end
    return result


def _values(part: Written, beat: int) -> Voice:
    """Return `part` as tied chords (or rests), each of a single note value."""
    result = []
    at = part.start
    while at < part.end:
        value = _first_value(at, part.end, beat)
        tied = bool(part.pitches)
        before, after = part.tied_before or at > part.start, part.tied_after or at + value < part.end
        result.append(
            replace(part, start=at, duration=value, tied_before=tied and before, tied_after=tied and after)
        )
        at += value
    return result


def _first_value(start: int, end: int, beat: int) -> int:
    """Return the first note value of the time from `start` to `end`, in units from the start of the bar.

    On a beat it is the longest that fits; off the beat it ends at the next one, except in eighth-quarter-eighth;
    within a triplet, and before one, it is a triplet value.
    """
    to_quarter = min(end, (start // UNITS + 1) * UNITS) - start
    if start % 3 or to_quarter % 3:
        triplets = (value for value in _TRIPLETS if value <= to_quarter and start % min(value, 8) == 0)
        return next(triplets, min(to_quarter, 4))
    length = (end if end % 3 == 0 else end // UNITS * UNITS) - start
    if beat == UNITS == length and start % beat == UNITS // 2:
        return UNITS
    longest = length if start % beat == 0 else min(length, beat - start % beat)
    values = _COMPOUND_VALUES if beat == COMPOUND_BEAT else _VALUES
    return next(value for value in values if value <= longest)

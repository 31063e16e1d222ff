"""Score -> readable staves: rhythm quantised, keyboards on two staves, at most two voices a staff.

Conventions
-----------
- Time is in *units*, `UNITS` to a quarter note: sixteenths, thirty-seconds and triplets are whole numbers.
- The notation simplifies the performance: times are rounded, short gaps are closed, and a note ends where the next
  one of its voice begins. The score itself is not changed.
- No notation library is used here; `musicxml_staves` turns the staves into MusicXML.

Read in order: `Chord`, `Staff`, `make_staves`, then the steps: `quantised`, `_hands`, `_voices`; last `spell`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ritornello.score import Notes, Score, Track
from ritornello.theory import instrument_name

UNITS = 24
_EIGHTH, _SIXTEENTH, _SHORTEST = 12, 6, 3

_GRIDS = ((4, 0.0), (3, 0.008), (6, 0.02), (8, 0.02))
"""Parts of a quarter, and the cost of each division in quarters: its mean error must be smaller by so much."""

_TWO_STAVES = frozenset({*range(8), *range(16, 21), 46})  # keyboards and the harp
_GUITARS, _BASSES, _VIOLA = range(24, 32), range(32, 40), 41
_LONGEST_NAME = 20
_HAND_WINDOW = 2.0  # quarters on each side of a note that decide where the hands are split


@dataclass(frozen=True)
class Chord:
    """Notes that start and end together: start and duration in units, pitches from low to high."""

    start: int
    duration: int
    pitches: tuple[int, ...]
    lyric: str = ""

    @property
    def end(self) -> int:
        return self.start + self.duration


@dataclass(frozen=True)
class Staff:
    """Five lines: a clef's name (see `musicxml_staves`), and one or two voices, the upper first.

    `braced`: whether a brace joins it to the staff before it, as the left hand to the right.
    """

    name: str
    program: int
    is_drum: bool
    clef: str
    voices: tuple[tuple[Chord, ...], ...]
    braced: bool = False


def make_staves(score: Score) -> list[Staff]:
    """Return the staves of all tracks that have notes, in score order."""
    staves: list[Staff] = []
    waiting = [track for track in score.tracks if len(track.notes)]
    while waiting:
        track = waiting.pop(0)
        if track.is_drum:
            strokes = _strokes(quantised(track.notes, score.ticks_per_quarter))
            staves.append(Staff(_name(track), track.program, True, "percussion", (strokes,)))
        elif waiting and _are_hands(track, waiting[0]):
            left = waiting.pop(0)
            if track.name != left.name:  # "right" and "left": the brace shows that
                track = replace(track, name="")
            staves.append(_staff(score, track, track.notes, _clef(track, track.notes)))
            staves.append(replace(_staff(score, left, left.notes, _clef(left, left.notes)), braced=True))
        elif track.program in _TWO_STAVES and _spans_two_staves(track.notes):
            high, low = _hands(track.notes, score.ticks_per_quarter)
            staves.append(_staff(score, track, high, "treble"))
            staves.append(replace(_staff(score, replace(track, texts=()), low, "bass"), braced=True))
        else:
            staves.append(_staff(score, track, track.notes, _clef(track, track.notes)))
    return staves


def _are_hands(first: Track, second: Track) -> bool:
    """Return whether two neighbouring tracks are the right and the left hand of one keyboard player."""
    if first.is_drum or second.is_drum or first.program != second.program or first.program not in _TWO_STAVES:
        return False
    return bool(np.median(first.notes["pitch"]) >= np.median(second.notes["pitch"]) + 5)


def _staff(score: Score, track: Track, notes: Notes, clef: str) -> Staff:
    lyrics = {text.tick: text.text.strip() for text in track.texts if text.kind == "lyric"}
    voices = _voices(notes, score.ticks_per_quarter, lyrics)
    return Staff(_name(track), track.program, False, clef, voices)


def _name(track: Track) -> str:
    """Return the name of the track, or that of its instrument where it is missing or too long for a staff."""
    name = " ".join(track.name.split())
    if not 0 < len(name) <= _LONGEST_NAME:
        name = instrument_name(track.program, track.is_drum)
    return name[:1].upper() + name[1:]


def _clef(track: Track, notes: Notes) -> str:
    middle = float(np.median(notes["pitch"]))
    if track.program in _GUITARS and 45 <= middle < 69:
        return "treble8vb"
    if track.program in _BASSES and middle < 48:
        return "bass8vb"
    if track.program == _VIOLA and 52 <= middle < 70:
        return "alto"
    if middle > 88:
        return "treble8va"
    return "treble" if middle >= 58 else "bass"


# Rhythm


def quantised(notes: Notes, ticks_per_quarter: int) -> NDArray[np.int64]:
    """Return rows of (start, end, pitch, tick): start and end in units, on the grid that fits each quarter best.

    `tick` is the start of the note in the score. A note lasts at least a thirty-second.
    """
    starts = notes["start"] / ticks_per_quarter
    ends = (notes["start"] + notes["duration"]) / ticks_per_quarter
    count = int(max(starts.max(initial=0), ends.max(initial=0))) + 2
    quarters = starts.astype(np.int64)
    costs = []
    for parts, price in _GRIDS:
        errors = np.abs(starts * parts - np.rint(starts * parts)) / parts
        total = np.bincount(quarters, errors, count)
        costs.append(total / np.maximum(np.bincount(quarters, minlength=count), 1) + price)
    grid = np.array([parts for parts, _ in _GRIDS], dtype=np.int64)[np.argmin(costs, axis=0)]
    first = _snapped(starts, grid)
    last = np.maximum(_snapped(ends, grid), first + _SHORTEST)
    rows = np.stack([first, last, notes["pitch"], notes["start"]], axis=1).astype(np.int64)
    return np.asarray(rows[np.lexsort((rows[:, 2], rows[:, 0]))])


def _snapped(times: NDArray[np.float64], grid: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `times`, given in quarters, in units on the grid of the quarter they fall in."""
    parts = grid[times.astype(np.int64)]
    return np.asarray(np.rint(times * parts) * (UNITS // parts), dtype=np.int64)


def _strokes(rows: NDArray[np.int64]) -> tuple[Chord, ...]:
    """Return the chords of a drum track: each lasts until the next, but not past its quarter."""
    starts = np.unique(rows[:, 0])
    nexts = np.append(starts[1:], starts[-1] + UNITS)
    ends = np.minimum(nexts, (starts // UNITS + 1) * UNITS)
    return tuple(
        Chord(start, end - start, tuple(sorted(set(rows[rows[:, 0] == start, 2].tolist()))))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    )


# Staves and voices


def _spans_two_staves(notes: Notes) -> bool:
    """Return whether a tenth of the notes is too low for the treble clef and a tenth too high for the bass clef."""
    low, high = np.quantile(notes["pitch"], (0.1, 0.9))
    return bool(low < 55 and high > 64)


def _hands(notes: Notes, ticks_per_quarter: int) -> tuple[Notes, Notes]:
    """Return the notes of the right and the left hand, split half-way between the top and bottom around each note."""
    window = round(_HAND_WINDOW * ticks_per_quarter)
    starts, pitches = notes["start"], notes["pitch"].astype(np.int64)
    low = np.searchsorted(starts, starts - window)
    high = np.searchsorted(starts, starts + window, side="right")
    between = [
        (pitches[a:b].min() + pitches[a:b].max()) / 2
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]
    right = pitches >= np.clip(between, 55, 65)
    return notes[right], notes[~right]


def _voices(notes: Notes, ticks_per_quarter: int, lyrics: dict[int, str]) -> tuple[tuple[Chord, ...], ...]:
    """Return one voice, or an upper and a lower one where notes are held while others move above them."""
    if not len(notes):
        return ((),)
    rows = quantised(notes, ticks_per_quarter)
    lower = _held_below(rows)
    voices = [_voice(rows[~lower], lyrics), _voice(rows[lower], {})]
    return tuple(voice for voice in voices if voice) or ((),)


def _held_below(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which notes need a lower voice: a higher one overlaps them by half of the shorter of the two or more.

    Notes that start together and end almost together share a chord, and short overlaps are cut.
    """
    lower = np.zeros(len(rows), dtype=bool)
    starts, ends, pitches, _ = rows.T
    longest = int((ends - starts).max())
    first = np.searchsorted(starts, starts - longest)
    stop = np.searchsorted(starts, ends)
    for index in range(len(rows)):
        near = slice(first[index], stop[index])
        higher = pitches[near] > pitches[index]
        overlap = np.minimum(ends[near], ends[index]) - np.maximum(starts[near], starts[index])
        shorter = np.minimum(ends[near] - starts[near], ends[index] - starts[index])
        together = (starts[near] == starts[index]) & (np.abs(ends[near] - ends[index]) < _EIGHTH)
        apart = (overlap * 2 >= shorter) & (overlap > _SHORTEST) & ~together
        lower[index] = bool((higher & apart).any())
    return lower


def _voice(rows: NDArray[np.int64], lyrics: dict[int, str]) -> tuple[Chord, ...]:
    """Return `rows` as chords, each cut at the next; gaps too short for a rest are closed."""
    if not len(rows):
        return ()
    starts, firsts = np.unique(rows[:, 0], return_index=True)
    chords = []
    for group, following in zip(np.split(rows, firsts[1:]), [*starts[1:].tolist(), None], strict=True):
        start, end = int(group[0, 0]), int(group[:, 1].max())
        following = -(-end // _SIXTEENTH) * _SIXTEENTH if following is None else following
        if end > following or following - end <= min(_SIXTEENTH + 2, end - start):
            end = following
        lyric = next((lyrics[tick] for tick in group[:, 3].tolist() if tick in lyrics), "")
        chords.append(Chord(start, end - start, tuple(sorted(set(group[:, 2].tolist()))), lyric))
    return tuple(chords)


# Note values

_VALUES = (96, 72, 48, 36, 24, 18, 12, 9, 6, 3)
_TRIPLET_VALUES = (16, 8, 4, 2, 1)


def spell(start: int, duration: int, beat: int, is_rest: bool = False) -> list[int]:
    """Return the note values, in units, that fill `duration` from `start` (both within a bar), for a `beat`.

    A value that starts on a beat may last over several; one that starts off the beat ends with it, except for the
    plain syncopation of an eighth, a quarter and an eighth. The values add up to `duration`.
    """
    values = []
    while duration > 0:
        value = _first_value(start, duration, beat, is_rest)
        values.append(value)
        start, duration = start + value, duration - value
    return values


def _first_value(start: int, duration: int, beat: int, is_rest: bool) -> int:
    within = start % beat
    if not is_rest and within == 0 and duration in _VALUES:
        if duration % beat == 0 or 2 * duration == 3 * beat:  # whole beats, or a dotted one
            return duration
    elif not is_rest and beat == UNITS == duration and start % (2 * beat) == _EIGHTH:  # the syncopation
        return duration
    if within == 0 and duration >= beat:
        whole = [v for v in _VALUES if v <= duration and v % beat == 0 and start % (2 * beat) == 0]
        return whole[0] if whole else beat
    longest = min(duration, beat - within)
    values = _TRIPLET_VALUES if longest % 3 or start % 3 else _VALUES
    return next(value for value in values if value <= longest)


def bar_units(ticks: Sequence[int], ticks_per_quarter: int) -> list[int]:
    """Return bar lines in units, rounded to thirty-seconds, so that note values can fill every bar."""
    return [round(tick * UNITS / ticks_per_quarter / _SHORTEST) * _SHORTEST for tick in ticks]

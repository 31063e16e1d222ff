"""Beams and beats: what a meter groups.

Lengths and places are `Fraction`s in quarters, places from the start of the bar. The rules are those of engravers
(Gould, *Behind Bars*, "Grouping of note-values"; Ross, *The Art of Music Engraving and Processing*): eighths in 4/4 are
beamed by half bars and in 3/4 over the bar, shorter notes by the beat; compound meters by dotted beats; irregular ones
as 3+2, 2+2+3 and the like.

Read in order: `beat`, `beam_groups`, `beamed`, `beam_marks`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate

EIGHTH = Fraction(1, 2)

Note = tuple[Fraction | int, Fraction | int, int]
"""Start, duration, and number of beams."""


def beat(numerator: int, denominator: int) -> Fraction:
    """Return the beat of a meter, which a tempo mark shows: a dotted quarter in 6/8, a half in 2/2, an eighth in 5/8.

    Bars of three eighths or shorter notes are one beat.
    """
    is_compound = denominator >= 8 and numerator % 3 == 0
    return Fraction(4 * (3 if is_compound else 1), denominator)


def beam_groups(
    numerator: int,
    denominator: int,
    quarters: Fraction | None = None,
    value: Fraction = EIGHTH,
    from_end: bool = True,
) -> list[Fraction]:
    """Return the lengths of the groups of a bar; no beam joins two groups. They add up to `quarters`.

    quarters: the length of the bar, that of the meter by default. A shorter bar has the last groups of the meter, as a
    pickup has, or the first ones if not `from_end`; a longer one has more groups of the meter.
    value: the shortest note: eighths may have wide groups (half bars in 4/4, the bar in 3/4), shorter ones have not.
    """
    groups = _pattern(numerator, denominator, value < EIGHTH)
    quarters = sum(groups, Fraction()) if quarters is None else quarters
    if from_end:
        groups.reverse()
    result: list[Fraction] = []
    left, at = quarters, 0
    while left > 0:
        result.append(min(left, groups[at % len(groups)]))
        left, at = left - result[-1], at + 1
    return result[::-1] if from_end else result


def _pattern(numerator: int, denominator: int, is_short: bool) -> list[Fraction]:
    """Return the groups of a whole bar."""
    unit = Fraction(4, denominator)
    if denominator >= 8:
        if numerator % 3 == 0:
            return [3 * unit] * (numerator // 3)
        if numerator < 4 or numerator % 2 == 0:
            pairs = [2 * unit] * (numerator // 2) + [unit] * (numerator % 2)
            is_half = not is_short and numerator % 4 == 0
            return [4 * unit] * (numerator // 4) if is_half else pairs
        return [3 * unit, 2 * unit] if numerator == 5 else [2 * unit] * ((numerator - 3) // 2) + [3 * unit]
    quarters = int(numerator * unit)
    if is_short:
        return [Fraction(1)] * quarters
    if denominator < 4 or quarters % 4 == 0:  # half notes, and half bars
        return [Fraction(2)] * (quarters // 2)
    if quarters in (2, 3, 6):
        return [Fraction(3 if quarters % 3 == 0 else 2)] * (2 if quarters == 6 else 1)
    return [Fraction(1)] * quarters


def beamed(
    notes: Sequence[Note],
    numerator: int,
    denominator: int,
    quarters: Fraction | None = None,
    from_end: bool = True,
    unit: int = 1,
) -> list[list[int]]:
    """Return the indices of the notes under each beam, of the notes and rests of a voice in one bar, in time order.

    A note is (start, duration, beams): 1 beam for an eighth, 2 for a sixteenth, as it is written, also in a tuplet;
    0 for longer notes and rests, which no beam crosses. Eighths are beamed over a wide group if they begin and end on
    beats; else, and where a shorter note or a tuplet is among them, they are beamed by the beat. `quarters` and
    `from_end`: as for `beam_groups`. Starts and durations are in quarters, or in parts of which `unit` are a quarter.
    """
    wide, narrow = (
        _edges(numerator, denominator, quarters, value, from_end, unit) for value in (EIGHTH, EIGHTH / 2)
    )
    beats = narrow
    if len(narrow) > 2 and from_end and narrow[1] < narrow[2] - narrow[1]:
        beats = narrow[1:]  # a pickup that begins off the beat
    eighth = unit * EIGHTH
    result: list[list[int]] = []
    for run in _runs(notes, wide):
        first, last = notes[run[0]], notes[run[-1]]
        is_plain = all(notes[i][2] == 1 and notes[i][1] == eighth for i in run)
        if is_plain and first[0] in beats and last[0] + last[1] in beats:
            result.append(run)
        else:
            inside = _runs([notes[i] for i in run], narrow)
            result += [[run[i] for i in part] for part in inside]
    return [run for run in result if len(run) > 1]


@lru_cache(maxsize=1024)
def _edges(
    numerator: int, denominator: int, quarters: Fraction | None, value: Fraction, from_end: bool, unit: int
) -> list[Fraction | int]:
    """Return the ends of the beam groups and 0, whole numbers where they are such, because those are compared fast."""
    ends = accumulate(beam_groups(numerator, denominator, quarters, value, from_end))
    return [0, *(int(end * unit) if (end * unit).denominator == 1 else end * unit for end in ends)]


def _runs(notes: Sequence[Note], edges: Sequence[Fraction | int]) -> list[list[int]]:
    """Return the runs of notes that have beams, follow each other, and begin in one group."""
    runs: list[list[int]] = []
    end, group = None, -1
    for index, (start, duration, beams) in enumerate(notes):
        own = bisect_right(edges, start)
        if beams and start == end and own == group:
            runs[-1].append(index)
        elif beams:
            runs.append([index])
        end, group = (start + duration if beams else None), own
    return runs


def beam_marks(notes: Sequence[Note]) -> list[list[str]]:
    """Return the marks of the notes under one beam (two or more, as for `beamed`), a list for each, outermost first.

    They are those of MusicXML: "begin", "continue", "end", and for a beam of one note "forward hook" or
    "backward hook": towards the note with which it fills a larger value.
    """
    marks: list[list[str]] = [[] for _ in notes]
    for level in range(1, max(beams for _, _, beams in notes) + 1):
        for index, (start, duration, beams) in enumerate(notes):
            if beams < level:
                continue
            before = index > 0 and notes[index - 1][2] >= level
            after = index + 1 < len(notes) and notes[index + 1][2] >= level
            if before or after:
                mark = "continue" if before and after else "end" if before else "begin"
            else:
                is_first_half = start % (2 * duration) == 0
                points_on = index == 0 or (index + 1 < len(notes) and is_first_half)
                mark = "forward hook" if points_on else "backward hook"
            marks[index].append(mark)
    return marks

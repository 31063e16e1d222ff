"""Note values: the time of a bar, cut into notes, ties, rests, tuplets and beams.

- A bar is a tree: its groups, their beats, halves or thirds of those, and so on (`_children`). A node that has times
  within it which no plain value reaches, and none of which is its middle, is a tuplet; else its children are looked at.
- What is between tuplets has plain values: a note does not hide a line of the tree that is stronger than its own start,
  but for plain syncopations; a rest fills a node.

All times are in units from the start of the bar's shape. The rhythm of a bar depends on nothing but its arguments, so
it is computed once for all bars that are alike.

Read in order: `Value`, `rhythm`, `_tuplets`, `_plain_values`, `_beamed`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import groupby, pairwise
from math import lcm
from typing import NamedTuple

from ritornello.notation.bars import FINEST, UNITS, Shape
from ritornello.notation.beams import beam_marks, beamed

_NAMES = ("1024th", "512th", "256th", "128th", "64th", "32nd", "16th", "eighth", "quarter", "half", "whole")
TYPES = {FINEST << power: name for power, name in enumerate(_NAMES)}
"""Plain note values by their length in units."""

_FLAGS = {name: 8 - place for place, name in enumerate(_NAMES[:8])} | dict.fromkeys(_NAMES[8:], 0)
_DOTTED = {length * 3 // 2: (name, 1) for length, name in TYPES.items() if length > FINEST}
_VALUES = {length: (name, 0) for length, name in TYPES.items()} | _DOTTED
_LONGEST_FIRST = sorted(_VALUES, reverse=True)
_MOST_PARTS = 64  # of a tuplet


class Event(NamedTuple):
    """What a voice does from `start` to `end`: a note or chord, or a rest."""

    start: int
    end: int
    is_rest: bool


@dataclass(frozen=True)
class Tuplet:
    """`actual` notes in the time of `normal` notes of type `unit`."""

    start: int
    end: int
    actual: int
    normal: int
    unit: str
    parts: int  # into which it is divided, a multiple of `actual`


class Value(NamedTuple):
    """One written note or rest of the event with index `event`: `type` and `dots` within `tuplet`, and its beams.

    `opens` and `closes`: whether the bracket of the tuplet begins or ends with it.
    """

    event: int
    start: int
    end: int
    type: str
    dots: int = 0
    tuplet: Tuplet | None = None
    opens: bool = False
    closes: bool = False
    beams: tuple[str, ...] = ()


@lru_cache(maxsize=8192)
def rhythm(shape: Shape, events: tuple[Event, ...]) -> tuple[Value, ...]:
    """Return the note values of `events`, which follow one another without a gap."""
    times = sorted({time for event in events for time in event[:2]})
    tuplets = list(_tuplets(shape, 0, shape.length, times))
    edges = sorted({edge for tuplet in tuplets for edge in (tuplet.start, tuplet.end)})
    values: list[Value] = []
    for index, event in enumerate(events):
        cuts = [event.start, *(edge for edge in edges if event.start < edge < event.end), event.end]
        for start, end in pairwise(cuts):
            inside = next((tuplet for tuplet in tuplets if tuplet.start <= start < tuplet.end), None)
            if inside:
                values += _tuplet_values(index, inside, start, end)
            else:
                values += _plain_values(index, shape, start, end, event.is_rest)
    return tuple(_beamed(shape, [event.is_rest for event in events], _bracketed(values)))


# The tree


@lru_cache(maxsize=65536)
def _children(shape: Shape, start: int, length: int) -> tuple[tuple[int, int], ...]:
    """Return (start, length) of the parts of a node: groups of the bar, then beats, halves or thirds."""
    if length == shape.length and len(shape.groups) > 1:
        return tuple((a, b - a) for a, b in pairwise((0, *shape.groups)))
    if length <= FINEST:
        return ()
    odd = length // FINEST
    odd //= odd & -odd
    if odd == 3:
        third = length // 3
        return tuple((start + place * third, third) for place in range(3))
    if odd == 1:
        return (start, length // 2), (start + length // 2, length // 2)
    longest = FINEST << ((length - 1) // FINEST).bit_length() - 1  # the longest plain value that is shorter
    step = UNITS if length > 2 * UNITS else longest
    return tuple((a, b - a) for a, b in pairwise((*range(start, start + length, step), start + length)))


def _node(shape: Shape, start: int, end: int) -> tuple[int, int]:
    """Return (start, length) of the smallest node that holds all from `start` to `end`."""
    node = (0, shape.length)
    while True:
        parts = _children(shape, *node)
        inner = next((part for part in parts if part[0] <= start and end <= part[0] + part[1]), None)
        if inner is None:
            return node
        node = inner


# Tuplets


def _tuplets(shape: Shape, start: int, length: int, times: Sequence[int]) -> Iterator[Tuplet]:
    """Yield the tuplets within a node, in time order. `times` are all starts and ends of events, sorted."""
    inside = [time for time in times if start < time < start + length]
    if all(time % FINEST == 0 for time in inside):
        return
    tuplet = _as_tuplet(shape, start, length, inside)
    if tuplet:
        yield tuplet
        return
    for part_start, part_length in _children(shape, start, length):
        yield from _tuplets(shape, part_start, part_length, times)


def _as_tuplet(shape: Shape, start: int, length: int, inside: Sequence[int]) -> Tuplet | None:
    """Return a node as a tuplet, or None if its parts are to be looked at one by one."""
    parts = lcm(*(Fraction(time - start, length).denominator for time in inside))
    odd = parts // (parts & -parts)
    is_ternary = len(_children(shape, start, length)) == 3
    if parts > _MOST_PARTS or (is_ternary and parts % 3 == 0) or (length > shape.beat and parts != odd):
        return None
    if not is_ternary and not _may_hide_middle(start, length, inside):
        return None
    normal = 3 if is_ternary else 2
    while 2 * normal < odd:
        normal *= 2
    name = TYPES.get(length // normal)
    return Tuplet(start, start + length, odd, normal, name, parts) if name and odd > 1 else None


def _may_hide_middle(start: int, length: int, inside: Sequence[int]) -> bool:
    """Return whether no line of the rhythm is needed at the middle of a node."""
    middle, end = start + length // 2, start + length
    if middle in inside:
        return False
    before = max((time for time in inside if time < middle), default=start)
    after = min((time for time in inside if time > middle), default=end)
    return all(time % FINEST or time in (start, end) for time in (before, after))


def _tuplet_values(index: int, tuplet: Tuplet, start: int, end: int) -> Iterator[Value]:
    """Yield the values of one event within a tuplet."""
    part = (tuplet.end - tuplet.start) // tuplet.parts
    written = part * tuplet.actual // tuplet.normal
    at, last = (start - tuplet.start) // part, (end - tuplet.start) // part
    while at < last:
        count = next((count for count in range(last - at, 0, -1) if count * written in _VALUES), 1)
        name, dots = _VALUES.get(count * written, (_NAMES[0], 0))
        first = tuplet.start + at * part
        yield Value(index, first, first + count * part, name, dots, tuplet)
        at += count


def _bracketed(values: Sequence[Value]) -> Iterator[Value]:
    """Yield `values` with the brackets of their tuplets."""
    for before, value, after in zip([None, *values[:-1]], values, [*values[1:], None], strict=True):
        opens = value.tuplet is not None and (before is None or before.tuplet != value.tuplet)
        closes = value.tuplet is not None and (after is None or after.tuplet != value.tuplet)
        yield value._replace(opens=opens, closes=closes) if opens or closes else value


# Plain values


def _plain_values(index: int, shape: Shape, start: int, end: int, is_rest: bool) -> Iterator[Value]:
    """Yield the values of one event outside of tuplets."""
    while start < end:
        fitting = (
            length
            for length in _LONGEST_FIRST
            if start + length <= end
            and (
                _rest_fits(shape, start, start + length)
                if is_rest
                else _note_fits(shape, start, start + length, start + length == end)
            )
        )
        length = next(fitting, end - start)
        name, dots = _VALUES.get(length) or (TYPES[max(n for n in TYPES if n <= max(length, FINEST))], 0)
        yield Value(index, start, start + length, name, dots)
        start += length


@lru_cache(maxsize=65536)
def _note_fits(shape: Shape, start: int, end: int, is_last: bool) -> bool:
    """Return whether one note may stand from `start` to `end`: whether the lines that it hides need not be seen.

    Syncopations may stand only where the event ends with them (`is_last`).
    """
    at, length = _node(shape, start, end)
    children = _children(shape, at, length)
    if length > shape.beat != UNITS:  # compound: whole beats
        return start % shape.beat == 0 and end % shape.beat == 0
    parts = {part for _, part in children}
    starts = {first for first, _ in children}
    if not children or (start in starts and (len(parts) == 1 or end in starts | {at + length})):
        return True
    if not is_last or len(parts) > 1:
        return False
    part = children[0][1]
    if length <= UNITS:  # a sixteenth, a dotted eighth
        return (start - at) % (length // 4) == 0 and (end - at) % (length // 4) == 0
    if len(children) == 3:  # in 3/4 an eighth, quarters, an eighth
        return end - start == part and (start - at) % part == part // 2
    if length == shape.length and part % (2 * UNITS) == 0:  # a quarter, a half, a quarter in 4/4
        return start % UNITS == 0 and end % UNITS == 0
    return (
        len(children) == 2 and start - at == at + length - end == part // 2
    )  # an eighth, a quarter, an eighth


@lru_cache(maxsize=65536)
def _rest_fits(shape: Shape, start: int, end: int) -> bool:
    """Return whether one rest may stand from `start` to `end`: a node, or the first two thirds of a compound beat."""
    at, length = _node(shape, start, end)
    is_beat = length <= shape.beat and len(_children(shape, at, length)) == 3
    return start == at and (end == at + length or (is_beat and 3 * (end - at) == 2 * length))


# Beams


def _beamed(shape: Shape, rests: Sequence[bool], values: Iterable[Value]) -> list[Value]:
    """Return `values` with beams: as the meter wants them, but a tuplet over several beats has its own."""
    found = list(values)
    notes = [
        (value.start, value.end - value.start, 0 if rests[value.event] else _FLAGS[value.type])
        for value in found
    ]
    wide = [bool(value.tuplet and value.tuplet.end - value.tuplet.start > shape.beat) for value in found]
    narrow = [(*note[:2], 0) if is_wide else note for note, is_wide in zip(notes, wide, strict=True)]
    quarters = Fraction(shape.length, UNITS)
    runs = beamed(narrow, shape.numerator, shape.denominator, quarters, from_end=False, unit=UNITS)
    flagged = ((found[at].tuplet if wide[at] and notes[at][2] else None, at) for at in range(len(found)))
    for tuplet, group in groupby(flagged, key=lambda item: item[0]):
        run = [at for _, at in group]
        runs += [run] if tuplet and len(run) > 1 else []
    for run in _nested(runs, found):
        for at, marks in zip(run, beam_marks([notes[at] for at in run]), strict=True):
            found[at] = found[at]._replace(beams=tuple(marks))
    return found


def _nested(runs: Iterable[list[int]], values: Sequence[Value]) -> Iterator[list[int]]:
    """Yield the runs of beamed values, cut at the edges of tuplets that are only partly under the beam."""
    for run in runs:
        inside = Counter(values[at].tuplet for at in run)
        if len(inside) == 1:
            yield run
            continue
        whole = {
            tuplet
            for tuplet, count in inside.items()
            if count == sum(value.tuplet == tuplet for value in values)
        }
        for _, group in groupby(
            run, key=lambda at: None if values[at].tuplet in whole else values[at].tuplet
        ):
            part = list(group)
            if len(part) > 1:
                yield part

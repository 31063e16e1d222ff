"""Tempo and dynamics of written music, as numbers.

Conventions
-----------
- A velocity is 1-127; `DEFAULT_VELOCITY` without any mark.
- A mark holds for all staves of its part, unless staves have their own marks at the same time.
- A hairpin leads to the mark at its end; without one that fits, a step of `STEP` louder or softer.
- sfz and the like are for the notes at their place; fp is loud for these, soft after them.

Read in order: `Dynamic`, `Dynamics`, `Pace`.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

DEFAULT_VELOCITY = 80
STEP = 16
ACCENTS = {"accent": STEP, "strong-accent": 24}
"""By how much an articulation is louder."""

LEVELS = {
    "n": 1, "pppppp": 1, "ppppp": 5, "pppp": 10, "ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112,
    "fff": 120, "ffff": 124, "fffff": 126, "ffffff": 127,
}  # fmt: skip
"""The velocity from a mark on."""

ATTACKS = {
    "sf": (112, None), "sfz": (112, None), "fz": (112, None), "rf": (104, None), "rfz": (104, None),
    "sffz": (124, None), "sffffz": (127, None), "fp": (96, "p"), "ffp": (112, "p"), "pf": (49, "f"), "sfp": (112, "p"),
    "sfpp": (112, "pp"), "sfzp": (112, "p"),
}  # fmt: skip
"""The velocity at a mark, and the level after it if it changes."""


@dataclass(frozen=True)
class Dynamic:
    """A mark: a level (velocity) from here on, an attack, or a hairpin that begins (1 louder, -1 softer) or ends (0).

    ends_at_mark: a hairpin in words, which lasts up to the next level.
    """

    level: int | None = None
    attack: int | None = None
    hairpin: int | None = None
    ends_at_mark: bool = False


@dataclass(frozen=True)
class _Stretch:
    """From `start` on the level `level`, changing to `goal` up to `stop`; ticks, velocities."""

    start: int
    level: float
    stop: int
    goal: float

    def at(self, tick: int) -> float:
        if tick >= self.stop:
            return self.goal
        return self.level + (tick - self.start) / (self.stop - self.start) * (self.goal - self.level)


@dataclass
class _Curve:
    """The levels of one staff in time order, and the velocities of attacks by tick."""

    stretches: list[_Stretch] = field(default_factory=list)
    attacks: dict[int, int] = field(default_factory=dict)

    def at(self, tick: int) -> float:
        index = bisect_right(self.stretches, tick, key=lambda stretch: stretch.start) - 1
        return self.stretches[index].at(tick) if index >= 0 else DEFAULT_VELOCITY


class Dynamics:
    """The dynamics of a part: `velocity` by tick and staff, from its marks, (tick, staff, mark) in time order.

    reach: how far behind a hairpin, in ticks, the mark may stand to which it leads; in words, how far it may last.
    """

    def __init__(self, marks: Iterable[tuple[int, int, Dynamic]], reach: int) -> None:
        self.reach = reach
        self.marks = defaultdict[int, list[tuple[int, Dynamic]]](list)
        for tick, staff, mark in marks:
            self.marks[tick].append((staff, mark))
        self.curves: dict[int, _Curve] = {}

    def velocity(self, tick: int, staff: int, own: int | None, accent: int) -> int:
        """Return the velocity of a note; `own` is what it says itself, `accent` what its articulations add."""
        if own is not None:
            return own
        if staff not in self.curves:
            self.curves[staff] = self._curve(staff)
        curve = self.curves[staff]
        level = curve.attacks.get(tick)
        return max(1, min(127, round((curve.at(tick) if level is None else level) + accent)))

    def _curve(self, staff: int) -> _Curve:
        found: list[tuple[int, Dynamic]] = []
        for tick, marks in sorted(self.marks.items()):
            own = [mark for of, mark in marks if of == staff]
            found += [(tick, mark) for mark in own or [mark for _, mark in marks]]
        curve = _Curve()
        for index, (tick, mark) in enumerate(found):
            if mark.attack is not None:
                curve.attacks[tick] = mark.attack
            if mark.level is not None:
                curve.stretches.append(_Stretch(tick, mark.level, tick, mark.level))
            elif mark.hairpin:
                level = curve.at(tick)
                curve.stretches.append(_Stretch(tick, level, *self._goal(found, index, level)))
        return curve

    def _goal(self, marks: Sequence[tuple[int, Dynamic]], index: int, level: float) -> tuple[int, float]:
        """Return where the hairpin marks[index] ends, and the level there; its own place if it has no end."""
        start, hairpin = marks[index]
        direction, end = hairpin.hairpin or 0, None
        for tick, mark in itertools.islice(marks, index + 1, None):
            if tick - (start if hairpin.ends_at_mark else tick if end is None else end) > 4 * self.reach:
                break
            if end is None and mark.hairpin is not None and not hairpin.ends_at_mark:
                end = tick  # another hairpin ends it too
            if mark.level is not None and tick > start:
                end = tick if end is None else end
                fits = (mark.level - level) * direction > 0 and tick - end <= self.reach
                if hairpin.ends_at_mark and not fits:
                    return start, level
                return end, mark.level if fits else _stepped(level, direction)
        return (start, level) if end is None else (end, _stepped(level, direction))


def _stepped(level: float, direction: int) -> float:
    return max(1.0, min(127.0, level + STEP * direction))


# --- tempo ---

_LENGTHS = {
    "maxima": Fraction(32), "long": Fraction(16), "breve": Fraction(8), "whole": Fraction(4), "half": Fraction(2),
    "quarter": Fraction(1), "eighth": Fraction(1, 2), "16th": Fraction(1, 4), "32nd": Fraction(1, 8),
    "64th": Fraction(1, 16), "128th": Fraction(1, 32), "256th": Fraction(1, 64), "512th": Fraction(1, 128),
    "1024th": Fraction(1, 256),
}  # fmt: skip
"""The note types in quarters."""

_SPEED = re.compile(r"(\d{1,6}(?:[.,]\d{1,6})?)(?:\s*(?:-|–|—|/|~|to|bis|à|a)\s*(\d{1,6}(?:[.,]\d{1,6})?))?")


@dataclass(frozen=True)
class Pace:
    """A tempo in quarters a minute, or as a ratio to the one before."""

    quarters: Fraction | None = None
    ratio: Fraction | None = None


def length_of(kind: str, dots: int = 0) -> Fraction | None:
    """Return the length in quarters of a note type with dots, or None if it is unknown."""
    length = _LENGTHS.get(kind)
    return None if length is None else length * (2 - Fraction(1, 2 ** min(dots, 8)))


def speed_of(text: str) -> Fraction | None:
    """Return the number in "ca. 108", "72,5" or "100-112" (the mean), or None."""
    match = _SPEED.search(text)
    if match is None:
        return None
    speeds = [Fraction(each.replace(",", ".")) for each in match.groups() if each]
    return sum(speeds, Fraction(0)) / len(speeds)

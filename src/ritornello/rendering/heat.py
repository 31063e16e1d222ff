"""Numbers of the notes of a piece as colours: the scale, and what is drawn of it over a piano roll or a score.

The scale is a part of matplotlib's plasma (CC0, by S. van der Walt and N. Smith): from dark blue to orange it becomes
lighter throughout, so it can be read with colour blindness, and all of it stands out from paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ritornello.arrays import Floats

Colour = tuple[int, int, int]

_ANCHORS = ((13, 8, 135), (84, 2, 163), (139, 10, 165), (185, 50, 137), (222, 97, 100), (248, 149, 64))

UNKNOWN: Colour = (176, 174, 168)
"""The colour of notes without a number."""

STACK: tuple[Colour, ...] = ((168, 164, 156), (70, 68, 64), (214, 210, 202))
"""The colours of the parts of a bar's number, from below: shades of grey, apart from the scale."""


@dataclass(frozen=True, eq=False)
class Heat:
    """What is shown of the notes of a score.

    values: of the notes of each track, in their order; NaN for none. most: the value at the end of the scale. name,
    unit: of the values. numbered: (track, index) of the notes that are numbered, from 1. bars: (bars, part), the parts
    of a number of each bar of the score; parts: their names.
    """

    values: tuple[Floats, ...]
    most: float
    name: str
    unit: str
    numbered: tuple[tuple[int, int], ...]
    bars: Floats
    parts: tuple[str, ...]
    bars_name: str

    def colour(self, value: float) -> Colour:
        """Return the colour of a value."""
        return UNKNOWN if np.isnan(value) else scale_colour(value / self.most)

    def colours(self, track: int) -> list[Colour]:
        """Return the colours of the notes of a track."""
        return [self.colour(value) for value in self.values[track].tolist()]

    def first_bars(self, bars: int, notes: Sequence[int]) -> Heat:
        """Return that of the first bars of the score, which have so many notes of each track."""
        values = tuple(each[:count] for each, count in zip(self.values, notes, strict=True))
        kept = tuple(each for each in self.numbered if each[1] < notes[each[0]])
        return replace(self, values=values, numbered=kept, bars=self.bars[:bars])

    @property
    def highest_bar(self) -> float:
        """The top of the axis of the bars: a whole number, at least 1."""
        return float(max(1, np.ceil(self.bars.sum(axis=1).max(initial=0))))


def scale_colour(share: float) -> Colour:
    """Return the colour at a share of the scale, 0 to 1."""
    place = min(max(share, 0.0), 1.0) * (len(_ANCHORS) - 1)
    first = min(int(place), len(_ANCHORS) - 2)
    red, green, blue = (
        round(a + (b - a) * (place - first))
        for a, b in zip(_ANCHORS[first], _ANCHORS[first + 1], strict=True)
    )
    return red, green, blue


def hex_colour(colour: Colour) -> str:
    """Return a colour as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*colour)

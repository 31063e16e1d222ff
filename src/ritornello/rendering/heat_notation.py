"""`heat.Heat` over an engraved score: coloured notes, numbers at some of them, and the numbers of the bars below.

The notes get their colours in the MusicXML that verovio engraves, and the numbered ones an id, which it keeps. What is
drawn besides is put into the SVG of each page, in the coordinates of its notes and staff lines.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from ritornello.notation.bars import Timeline
from ritornello.notation.musicxml import Looks
from ritornello.notation.staves import Part
from ritornello.rendering.heat import STACK, Heat, hex_colour, scale_colour
from ritornello.score import Score

FOOT = 170
"""The room at the foot of a page for the last numbers of bars and the scale, in tenths of a millimetre."""

SYSTEM_GAP = 20
"""The room between systems, in verovio's units, with the numbers of the bars."""

_ID = "numbered-"
_CURVE, _BELOW = 720, 420  # the height of the numbers of the bars, and how far they are below what is lowest
_STAFF = re.compile(r'class="staff">\s*((?:<path d="M-?\d+ -?\d+ L-?\d+ -?\d+" stroke-width="\d+" />\s*)+)')
_LINE = re.compile(r"M(-?\d+) (-?\d+) L(-?\d+)")
_HEAD = r'<g class="notehead">\s*<use [^>]*translate\((-?\d+), (-?\d+)\)[^>]*/>'
_NUMBERED = re.compile(rf'(<g id="{_ID}(\d+)" class="note"[^>]*>\s*{_HEAD})')
_PAGE_END = re.compile(r"(</g>\s*</svg>\s*</svg>\s*)$")


def looks_of(heat: Heat, score: Score, timeline: Timeline, parts: Sequence[Part]) -> Looks:
    """Return the colour of each written note, and an id for those with a number, by the nearest note of its pitch."""
    index_of = {id(track): index for index, track in enumerate(score.tracks)}
    number_of = {place: number for number, place in enumerate(heat.numbered, start=1)}
    notes: dict[tuple[int, int], list[tuple[int, dict[str, str]]]] = defaultdict(list)
    for place, part in enumerate(parts):
        for track in (index_of[id(track)] for track in part.tracks):
            of_track = score.tracks[track].notes
            starts, colours = timeline.to_units(of_track["start"]).tolist(), heat.colours(track)
            for index, (start, pitch) in enumerate(zip(starts, of_track["pitch"].tolist(), strict=True)):
                number = number_of.get((track, index))
                attributes = {"color": hex_colour(colours[index])}
                attributes |= {"id": f"{_ID}{number}"} if number else {}
                notes[place, pitch].append((start, attributes))

    def look(place: int, start: int, pitch: int) -> Mapping[str, str]:
        near = min(notes[place, pitch], key=lambda note: abs(note[0] - start), default=None)
        return near[1] if near else {}

    return look


def with_heat(pages: Sequence[str], heat: Heat) -> list[str]:
    """Return pages of verovio with the numbers of the notes, and those of the bars, which follow one another."""
    bar, result = 0, []
    for page in pages:
        drawn = []
        for system in re.split(r'(?=<g id="[^"]*" class="system")', page)[1:]:
            measures = re.split(r'(?=<g id="[^"]*" class="measure")', system)[1:]
            drawn.append(_bars_svg(heat, measures, bar))
            bar += len(measures)
        drawn += [_ring(*map(int, found)) for _, *found in _NUMBERED.findall(page)]
        result.append(_PAGE_END.sub(lambda end: "".join(drawn) + end[1], page))  # noqa: B023  # called at once
    return result


def _bars_svg(heat: Heat, measures: Sequence[str], first: int) -> str:
    """Return the numbers of the bars of a system, from its first bar on, below its staves and notes."""
    lines = [
        [tuple(map(int, line)) for line in _LINE.findall("".join(_STAFF.findall(each)))] for each in measures
    ]
    if not all(lines):
        return ""
    lowest = max(y for of_bar in lines for _, y, _ in of_bar)
    heads = (int(y) for each in measures for _, y in re.findall(_HEAD, each))
    bottom = max(lowest, *heads, lowest) + _BELOW + _CURVE
    left, right = lines[0][0][0], lines[-1][0][2]
    drawn = []
    for number in (0.0, heat.highest_bar):
        y = bottom - number / heat.highest_bar * _CURVE
        drawn.append(f'<path d="M{left} {y:.0f} H{right}" stroke="#c8c3b8" stroke-width="10"/>')
        drawn.append(_text(left - 90, y + 100, 300, f"{number:g}", "end"))
    for place, of_bar in enumerate(lines[: len(heat.bars) - first]):
        (start, _, end), y = of_bar[0], float(bottom)
        for height, colour in zip(
            (heat.bars[first + place] / heat.highest_bar * _CURVE).tolist(), STACK, strict=False
        ):
            y -= height
            size = f'width="{end - start - 40}" height="{height:.0f}"'
            drawn.append(
                f'<rect x="{start + 20}" y="{y:.0f}" {size} fill="{hex_colour(colour)}" stroke="none"/>'
            )
    return "".join(drawn)


def _ring(number: int, x: int, y: int) -> str:
    """Return a number in a ring above the note at a point."""
    ring = f'<circle cx="{x + 106}" cy="{y - 390}" r="185" fill="#fff" stroke="#262421" stroke-width="16"/>'
    return ring + _text(x + 106, y - 300, 250, str(number), "middle")


def scale_svg(heat: Heat, x: int, y: int) -> str:
    """Return the scale of colours with its numbers, and the shades of the parts of the bars, on a line from a point."""
    size, at = 30, float(x)
    drawn = [_text(at, y, size, f"{heat.name}, {heat.unit}")]
    at += 0.5 * size * len(f"{heat.name}, {heat.unit}")
    for step in range(60):
        colour = hex_colour(scale_colour(step / 59))
        drawn.append(f'<rect x="{at + 6 * step:.0f}" y="{y - 24}" width="7" height="26" fill="{colour}"/>')
    for number in range(0, int(heat.most) + 1, 2):
        more = " and more" if number == int(heat.most) else ""
        drawn.append(_text(at + 360 * number / heat.most - 6, y + 30, 24, f"{number}{more}"))
    at += 560
    drawn.append(_text(at, y, size, heat.bars_name))
    at += 0.47 * size * len(heat.bars_name)
    for name, shade in zip(heat.parts, STACK, strict=False):
        drawn.append(f'<rect x="{at:.0f}" y="{y - 22}" width="24" height="24" fill="{hex_colour(shade)}"/>')
        drawn.append(_text(at + 34, y, size, name))
        at += 60 + 0.5 * size * len(name)
    return "".join(drawn)


def _text(x: float, y: float, size: int, text: str, anchor: str = "start") -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" font-size="{size}px" text-anchor="{anchor}"'
    return f'<text {place} fill="#262421" stroke="none">{escape(text)}</text>'

"""A picture of what a model expects at a point: the music before it as a piano roll, and beside it, in the same rows,
the probability of each pitch, in the colours of the instruments; below, how likely each plays, and for how long."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ritornello.notation.names import printed_names
from ritornello.paths import write_bytes
from ritornello.rendering.heat import Colour
from ritornello.rendering.notebook import html_box, image_html
from ritornello.rendering.pianoroll import (
    DRUM_COLOUR,
    FAINT,
    GREY,
    INK,
    LINE,
    MARGIN,
    PALETTE,
    SHADE,
    Pen,
    mixed,
    track_colours,
)
from ritornello.theory import drum_name, pitch_name

if TYPE_CHECKING:
    from PIL import Image

    from ritornello.generation.next_notes import NextNotes

LEAST = 0.02
"""Notes that are less probable are left out, unless the piece has them."""

_WIDTH = 1100
_LEFT, _POINT, _BARS, _RIGHT = (
    84,
    590,
    650,
    970,
)  # edges: of the roll, the point in it, and the probabilities
_TOP = 84.0
_BEFORE = 2  # bars before that of the point
_ROWS = (7.0, 13.0)  # heights
_HEIGHT = 420.0  # the target
_LENGTHS = {
    4.0: "whole", 3.0: "dotted half", 2.0: "half", 1.5: "dotted quarter", 1.0: "quarter", 0.75: "dotted eighth",
    0.667: "quarter triplet", 0.5: "eighth", 0.333: "eighth triplet", 0.25: "sixteenth", 0.125: "thirty-second",
}  # fmt: skip


def write_picture(found: NextNotes, path: Path) -> None:
    """Write the picture as a PNG."""
    write_bytes(path, _png(found))


def picture_html(found: NextNotes) -> str:
    """Return the picture for a notebook."""
    name = f"Notes that {found.model} expects at bar {found.bar}, beat {found.beat:g}"
    return html_box([image_html(_png(found), escape(name))])


def _png(found: NextNotes) -> bytes:
    png = io.BytesIO()
    draw(found).save(png, "PNG", optimize=True)
    return png.getvalue()


def draw(found: NextNotes) -> Image.Image:
    """Return the picture."""
    score, shown = found.score, [note for note in found.notes if note.probability >= LEAST or note.is_played]
    labels = [name for name, _ in printed_names(score.tracks, score.title)]
    colours = {labels[track]: colour for track, colour in track_colours(score).items()}
    spare = (colour for colour in PALETTE if colour not in colours.values())
    for name in [*(note.instrument for note in shown), *found.instruments]:
        colours.setdefault(name, next(spare, GREY))
    edges = score.bars.edges
    bar = int(np.searchsorted(edges, found.tick, side="right")) - 1
    start = int(edges[max(0, bar - _BEFORE)])
    before = [
        (track, note)
        for track in score.tracks
        for note in track.notes
        if note["start"] < found.tick and note["start"] + note["duration"] > start
    ]
    pitches = [note.pitch for note in shown if not note.is_drum]
    pitches += [int(note["pitch"]) for track, note in before if not track.is_drum]
    drums = {note.pitch for note in shown if note.is_drum}
    drums |= {int(note["pitch"]) for track, note in before if track.is_drum}
    rows = [(False, pitch) for pitch in range(max(pitches) + 1, min(pitches) - 2, -1)] if pitches else []
    rows += [(True, pitch) for pitch in sorted(drums, reverse=True)]
    height = min(max(_HEIGHT / len(rows), _ROWS[0]), _ROWS[1])
    top_of = {row: _TOP + height * number for number, row in enumerate(rows)}
    bottom = _TOP + height * len(rows)
    pen = Pen(_WIDTH, bottom + 56 + 22 * (1 + len(found.instruments)))
    pen.text(MARGIN, 30, f"What {found.model} expects at bar {found.bar}, beat {found.beat:g}", 20, INK)
    pen.text(MARGIN, 56, f"given the music before; shares of {found.tries} continuations", 12)
    _draw_rows(pen, rows, top_of, height)
    ticks_per_pixel = max(found.tick - start, score.ticks_per_quarter) / (_POINT - _LEFT)

    def across(tick: float) -> float:
        return max(_LEFT, _POINT - (found.tick - tick) / ticks_per_pixel)

    for number in range(max(0, bar - _BEFORE), bar + 1):
        x = across(float(edges[number]))
        pen.box(x - 0.5, _TOP, x + 0.5, bottom, LINE)
        pen.text(x + 3, _TOP - 8, str(found.bar - bar + number), 10)
    for track, note in before:
        left, right = across(note["start"]), min(across(note["start"] + note["duration"]), _POINT)
        top = top_of[track.is_drum, int(note["pitch"])]
        colour = DRUM_COLOUR if track.is_drum else colours[labels[_index(score.tracks, track)]]
        right = left + height if track.is_drum else max(right - 1, left + 3)
        pen.pill((left, top + 1, right, top + height - 1), height / 3, mixed(colour, 0.75))
    pen.box(_POINT - 1, _TOP - 4, _POINT + 1, bottom + 4, INK)
    _draw_probabilities(pen, found, colours, top_of, height, bottom)
    _draw_instruments(pen, found, colours, bottom + 56)
    return pen.finish()


def _index(tracks: Sequence[object], track: object) -> int:
    return next(number for number, each in enumerate(tracks) if each is track)


def _draw_rows(
    pen: Pen, rows: Sequence[tuple[bool, int]], top_of: dict[tuple[bool, int], float], height: float
) -> None:
    for is_drum, pitch in rows:
        top = top_of[is_drum, pitch]
        if is_drum or pitch % 12 in (1, 3, 6, 8, 10):
            pen.box(_LEFT, top, _RIGHT, top + height, SHADE)
        if is_drum:
            pen.text(_LEFT - 6, top + height / 2, drum_name(pitch)[:14], 8, anchor="rm")
        elif pitch % 12 == 0:
            pen.box(_LEFT, top + height - 0.25, _RIGHT, top + height + 0.25, LINE)
            pen.text(_LEFT - 6, top + height / 2, pitch_name(pitch), 10, anchor="rm")


def _draw_probabilities(
    pen: Pen,
    found: NextNotes,
    colours: dict[str, Colour],
    top_of: dict[tuple[bool, int], float],
    height: float,
    bottom: float,
) -> None:
    """Draw a bar for each pitch, with a part for each instrument, and a ring at the notes that the piece has."""
    by_row = defaultdict(list)
    for note in found.notes:
        if (note.is_drum, note.pitch) in top_of and (note.probability >= LEAST or note.is_played):
            by_row[note.is_drum, note.pitch].append(note)
    most = max((sum(note.probability for note in notes) for notes in by_row.values()), default=0.0)
    end = max(0.25, np.ceil(most * 4) / 4)
    for quarter in range(round(end * 4) + 1):
        x = _BARS + (_RIGHT - _BARS) * quarter / 4 / end
        pen.box(x - 0.25, _TOP, x + 0.25, bottom, FAINT if quarter else LINE)
        pen.text(x, bottom + 12, f"{quarter / 4:.0%}", 10, anchor="mm")
    pen.pill((_BARS - 14, bottom + 24, _BARS - 6, bottom + 32), 4, (255, 255, 255), INK)
    pen.text(_BARS, bottom + 28, "what the piece has", 10)
    for row, notes in by_row.items():
        x, top = float(_BARS), top_of[row]
        for note in notes:
            wide = note.probability / end * (_RIGHT - _BARS)
            pen.box(x, top + 1, x + wide, top + height - 1, mixed(colours[note.instrument], 0.9))
            x += wide
        total = sum(note.probability for note in notes)
        if total >= 0.05 or any(note.is_played for note in notes):
            pen.text(x + 5, top + height / 2, f"{notes[0].name} {total:.0%}", 10, INK)
        for place, note in enumerate(note for note in notes if note.is_played):
            left = _BARS - 14 - 12 * place
            pen.pill(
                (left, top + height / 2 - 4, left + 8, top + height / 2 + 4),
                4,
                (255, 255, 255),
                colours[note.instrument],
            )


def _draw_instruments(pen: Pen, found: NextNotes, colours: dict[str, Colour], top: float) -> None:
    """Write how likely each instrument plays, and the lengths of its notes."""
    lengths = defaultdict[str, dict[float, float]](lambda: defaultdict(float))
    for note in found.notes:
        for quarters, share in () if note.is_drum else note.lengths:
            lengths[note.instrument][quarters] += note.probability * share
    for number, (name, share) in enumerate(found.instruments.items()):
        y = top + 22 * number
        pen.pill((MARGIN, y - 5, MARGIN + 22, y + 5), 5, colours[name])
        whole = sum(lengths[name].values())
        told = ", ".join(
            f"{_LENGTHS.get(quarters, f'{quarters:g} quarters')} {part / whole:.0%}"
            for quarters, part in sorted(lengths[name].items(), key=lambda each: -each[1])[:3]
            if part >= whole / 100
        )
        pen.text(MARGIN + 30, y, f"{name} plays {share:.0%}" + (f": {told}" if told else ""), 12, INK)
    pen.text(MARGIN + 30, top + 22 * len(found.instruments), f"nothing begins {found.silence:.0%}", 12)

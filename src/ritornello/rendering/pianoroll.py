"""Score -> piano roll: an image of all notes, with a colour for each track.

Conventions
-----------
- The piece is laid out in *systems*, which break at bar lines like the staves of a printed score. Time is linear in
  ticks, so equal bars are equally wide; the seconds are marked below.
- Every pitch has a row; drums have rows of their own at the bottom. Velocity is the strength of the colour. The melody
  is drawn last, above its accompaniment.
- Above stand the local keys, where they change, and the chord symbols: those of the score, or else, in grey, those
  that are found in it (`analysis`), unless one note sounds at a time.
- Lengths are pixels of the final image. Everything is drawn `SUPERSAMPLE` times larger and then reduced.

Read in order: `layout` (positions), then here `render_pianoroll`, `_draw_system` and the functions it calls.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ritornello.analysis import KeySpan, find_chords, find_keys, find_melody
from ritornello.analysis.beats import find_beats
from ritornello.arrays import Mask
from ritornello.chord_symbols import chord_texts
from ritornello.errors import ConfigError
from ritornello.notation.harmony import NO_CHORD, chord_names
from ritornello.notation.names import printed_names
from ritornello.paths import write_bytes
from ritornello.rendering.heat import STACK, Colour, Heat, scale_colour
from ritornello.rendering.layout import ABOVE, BELOW, DRUM_ROW, LEFT, NAMES_ROW, Layout, make_layout
from ritornello.score import Notes, Score, Track, seconds_to_ticks, ticks_to_seconds
from ritornello.theory import drum_name, key_name

SUPERSAMPLE = 2
WIDTHS = (400, 6000)
MARGIN = 28
MOST_LEGEND_ENTRIES = 24
MOST_KEYS = 3
FACTS = "   ·   "  # what stands between them
CHORD_SIZE = 11
CURVE = 48.0  # the height of the axis of the bars
SCALE_HEIGHT = 60
MOST_BARS_WITH_NAMES = 1000  # of what is found; in longer pieces bars are too narrow for it

PAPER: Colour = (251, 250, 246)
SHADE: Colour = (243, 241, 235)  # rows of black keys, and every other drum
FAINT: Colour = (232, 229, 221)
LINE: Colour = (200, 195, 184)
GREY: Colour = (128, 124, 116)
INK: Colour = (38, 36, 33)

PALETTE: tuple[Colour, ...] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 102, 153), (230, 159, 0), (75, 160, 215),
    (136, 34, 85), (17, 119, 51), (51, 34, 136), (153, 120, 40), (68, 170, 153), (170, 68, 90),
)  # fmt: skip
"""Colours that can be told apart with colour blindness: those of Okabe and Ito, then muted ones of Paul Tol."""

DRUM_COLOUR: Colour = (84, 82, 80)

_BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
_SECONDS_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400)
_KEYBOARD = 26  # its width
_DOT = 6.5  # the diameter of a drum note
_FAINTEST = 0.35  # the opacity of velocity 0


def write_pianoroll(score: Score, path: Path | str, width: int = 1600) -> None:
    """Write the piano roll of `score` to `path`, a PNG."""
    buffer = io.BytesIO()
    render_pianoroll(score, width).save(buffer, "PNG", optimize=True)
    write_bytes(Path(path), buffer.getvalue())


def render_pianoroll(score: Score, width: int = 1600, heat: Heat | None = None) -> Image.Image:
    """Return the piano roll of `score`, `width` pixels (400-6000) wide and as high as necessary.

    With `heat`, the colours of the notes tell its numbers instead of the tracks, and those of the bars stand below.
    Raise ConfigError for a score without notes.
    """
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise ConfigError(f"a picture {width} pixels wide: allowed are {WIDTHS[0]} to {WIDTHS[1]}")
    if not score.note_count:
        raise ConfigError("the score has no notes: there is nothing to see")
    colours, names = track_colours(score), _names_above(score)
    order = _drawing_order(score, colours)
    layout = make_layout(score, width, bool(names.keys) + bool(names.chords), CURVE if heat else 0.0)
    strips = [_draw_header(score, colours, width, heat)]
    for first, stop in zip(layout.edges[:-1].tolist(), layout.edges[1:].tolist(), strict=True):
        strips.append(_draw_system(score, layout, colours, order, names, (first, stop), heat))
    page = Image.new("RGB", (width, sum(strip.height for strip in strips) + MARGIN // 2), PAPER)
    top = 0
    for strip in strips:
        page.paste(strip, (0, top))
        top += strip.height
    return page


class Pen:
    """Draws on a strip of the page, in pixels of the final image."""

    def __init__(self, width: int, height: float) -> None:
        self.size = (width, round(height))
        self.image = Image.new("RGB", (self.size[0] * SUPERSAMPLE, self.size[1] * SUPERSAMPLE), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        x, y, x_end, y_end = _scaled(left, top, right, bottom)
        self._draw.rectangle((x, y, max(x, x_end - 1), max(y, y_end - 1)), fill=colour)

    def pill(
        self, box: tuple[float, float, float, float], radius: float, colour: Colour, rim: Colour = PAPER
    ) -> None:
        x, y, x_end, y_end = _scaled(*box)
        corners = (x, y, max(x_end - 1, x + 2), max(y_end - 1, y + 2))
        self._draw.rounded_rectangle(corners, radius * SUPERSAMPLE, colour, rim, 1)

    def text(
        self, x: float, y: float, text: str, size: int, colour: Colour = GREY, anchor: str = "lm"
    ) -> None:
        """Write `text` at a point; `anchor` as in Pillow: l, m or r across, then a, m or s down."""
        at = (x * SUPERSAMPLE, y * SUPERSAMPLE)
        self._draw.text(at, text, font=_font(size), fill=colour, anchor=anchor)

    def finish(self) -> Image.Image:
        return self.image.resize(self.size, Image.Resampling.LANCZOS)


def _scaled(*lengths: float) -> tuple[int, ...]:
    return tuple(round(length * SUPERSAMPLE) for length in lengths)


@functools.lru_cache(maxsize=16)
def _font(size: int) -> Any:
    return ImageFont.load_default(size * SUPERSAMPLE)


def text_width(text: str, size: int) -> float:
    return float(_font(size).getlength(text)) / SUPERSAMPLE


def _shortened(text: str, size: int, width: float) -> str:
    """Return `text` on one line, shortened with an ellipsis if it is wider than `width`."""
    text = " ".join(text.split())
    while text_width(text, size) > width and len(text) > 1:
        text = text[: min(len(text) - 2, 400)].rstrip() + "…"
    return text


def mixed(colour: Colour, amount: float, ground: Colour = PAPER) -> Colour:
    """Return `colour` laid over `ground` with an opacity of `amount`."""
    red, green, blue = (round(g + (c - g) * amount) for c, g in zip(colour, ground, strict=True))
    return red, green, blue


def track_colours(score: Score) -> dict[int, Colour]:
    """Return a colour for each track that has notes, by its index in the score."""
    voices = iter(range(len(score.tracks)))
    return {
        index: DRUM_COLOUR if track.is_drum else PALETTE[next(voices) % len(PALETTE)]
        for index, track in enumerate(score.tracks)
        if len(track.notes)
    }


# The header


def _draw_header(
    score: Score, colours: dict[int, Colour], width: int, heat: Heat | None = None
) -> Image.Image:
    inner = width - 2 * MARGIN
    rows = [] if heat else _legend_rows(_legend(score, colours), inner)
    top = 78.0 if score.title.strip() else 40.0
    pen = Pen(width, top + 14 + 24 * len(rows) + 10 + (SCALE_HEIGHT if heat else 0))
    if heat:
        _draw_scale(pen, heat, top + 14)
    if score.title.strip():
        pen.text(MARGIN, 36, _shortened(score.title, 28, inner), 28, INK)
    pen.text(MARGIN, top - 12, _facts(score, inner), 14)
    for row, entries in enumerate(rows):
        for left, name, colour in entries:
            y = top + 20 + 24 * row
            pen.pill((MARGIN + left, y - 5, MARGIN + left + 22, y + 5), 5, colour)
            pen.text(MARGIN + left + 30, y, name, 13, INK)
    return pen.finish()


def _facts(score: Score, width: float) -> str:
    """Return tempo, meter, key, length and number of notes in one line; without the last ones if there is no space."""
    meter = score.meters[0] if score.meters and score.meters[0].tick == 0 else None
    facts = [
        f"{score.first_tempo.quarters_per_minute:.0f} quarters a minute",
        f"{meter.numerator}/{meter.denominator}" if meter else "4/4",
        *_keys(score),
        _clock(score.seconds),
        f"{score.note_count:,} notes",
    ]
    while text_width(FACTS.join(facts), 14) > width and len(facts) > 1:
        facts.pop()
    return FACTS.join(facts)


def _keys(score: Score) -> list[str]:
    """Return the name of the key: its signatures, or else the key that fits the notes; nothing for drums alone."""
    if all(track.is_drum for track in score.tracks if len(track.notes)):
        return []
    estimated = score.estimated_key()
    if not score.keys:
        return [f"{key_name(estimated.fifths, estimated.minor)} (estimated)"]
    names: list[str] = []
    for key in score.keys[:MOST_KEYS]:
        # Most files give a signature without a mode.
        is_minor = key.minor or (len(score.keys) == 1 and estimated.minor and estimated.fifths == key.fifths)
        name = key_name(key.fifths, is_minor)
        names += [name] if names[-1:] != [name] else []
    return [", ".join(names) + (" …" if len(score.keys) > MOST_KEYS else "")]


def _clock(seconds: float) -> str:
    """Return minutes and seconds as "1:05", with hours as "1:00:05"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _legend(score: Score, colours: dict[int, Colour]) -> list[tuple[str, Colour]]:
    """Return (name, colour) of each track. Tracks of one name are numbered; drums share an entry."""
    names = printed_names([score.tracks[index] for index in colours], score.title)
    entries = dict(zip((name for name, _ in names), colours.values(), strict=True))
    kept = list(entries.items())[:MOST_LEGEND_ENTRIES]
    more = len(entries) - len(kept)
    return [*kept, (f"and {more} more", PAPER)] if more else kept


def _legend_rows(entries: list[tuple[str, Colour]], width: float) -> list[list[tuple[float, str, Colour]]]:
    """Return `entries` with their left edges, wrapped into rows `width` pixels wide."""
    rows: list[list[tuple[float, str, Colour]]] = [[]]
    left = 0.0
    for name, colour in entries:
        needed = 30 + text_width(name, 13) + 26
        if rows[-1] and left + needed > width:
            rows.append([])
            left = 0.0
        rows[-1].append((left, name, colour))
        left += needed
    return rows


# A system


def _draw_system(
    score: Score,
    layout: Layout,
    colours: dict[int, Colour],
    order: Sequence[int],
    names: _NamesAbove,
    span: tuple[int, int],
    heat: Heat | None,
) -> Image.Image:
    """Return the image of the bars from tick `span[0]` up to `span[1]`, with the tracks drawn in `order`."""
    pen = Pen(layout.width, layout.system_height)
    right = _x(layout, span, span[1])
    _draw_rows(pen, layout, right)
    _draw_time_axis(pen, layout, score, span)
    _draw_keys(pen, layout, names.keys, span)
    _draw_chords(pen, layout, names, span)
    for index in order:
        _draw_notes(
            pen, layout, score.tracks[index], colours[index], span, heat.colours(index) if heat else None
        )
    if heat:
        _draw_numbers(pen, layout, score, heat, span)
        _draw_curve(pen, layout, heat, span)
    return pen.finish()


def _drawing_order(score: Score, colours: dict[int, Colour]) -> list[int]:
    """Return the tracks with long notes first, so that short notes stay visible, and the melody last."""
    melody = find_melody(score)
    sung = melody.track if melody else None
    return sorted(
        colours, key=lambda index: (index == sung, -float(score.tracks[index].notes["duration"].mean()))
    )


@dataclass(frozen=True)
class _NamesAbove:
    """What stands above the bars: keys, and chords as (tick, name); whether the chords are `written` in the score."""

    keys: Sequence[KeySpan]
    chords: Sequence[tuple[int, str]]
    written: bool


def _names_above(score: Score) -> _NamesAbove:
    """Return the keys that are found, and the chord symbols of the score, or else those that are found."""
    written = [(text.tick, _shortened(text.text, CHORD_SIZE, 80)) for text in chord_texts(score)]
    chords = [(tick, name) for tick, name in written if name]
    if len(score.bars) > MOST_BARS_WITH_NAMES:
        return _NamesAbove((), chords, True)
    beats = find_beats(score)
    keys = find_keys(score, beats)
    if written or not beats.is_harmonic:
        return _NamesAbove(keys, chords, True)
    found = [each for each in chord_names(find_chords(score, beats), keys) if each[1] != NO_CHORD]
    return _NamesAbove(keys, found, False)


def _x(layout: Layout, span: tuple[int, int], tick: float) -> float:
    return LEFT + (tick - span[0]) / layout.ticks_per_pixel


def _draw_rows(pen: Pen, layout: Layout, right: float) -> None:
    """Draw the row of every pitch and drum, with piano keys and the names of the drums to the left."""
    row = layout.row
    key_left, key_right = LEFT - _KEYBOARD - 4, LEFT - 4
    if layout.high >= layout.low:
        top, bottom = layout.pitch_top(layout.high), layout.pitch_top(layout.low) + row
        pen.box(key_left, top, key_right, bottom, (255, 255, 255))
        pen.box(key_right, top, key_right + 0.5, bottom, LINE)
    for pitch in range(layout.low, layout.high + 1):
        top = layout.pitch_top(pitch)
        if pitch % 12 in _BLACK_KEYS:
            pen.box(LEFT, top, right, top + row, SHADE)
            pen.box(key_left, top + row / 2 - 0.25, key_right, top + row / 2 + 0.25, LINE)
            pen.box(key_left, top + 0.5, key_left + 0.62 * _KEYBOARD, top + row - 0.5, INK)
        elif pitch % 12 in (0, 5):
            pen.box(key_left, top + row - 0.25, key_right, top + row + 0.25, LINE)
        if pitch % 12 == 0:
            pen.box(LEFT, top + row - 0.5, right, top + row + 0.5, LINE)
            pen.text(key_left - 5, top + row / 2, f"C{pitch // 12 - 1}", 10, anchor="rm")
    for place, drum in enumerate(layout.drums):
        top = layout.drum_top(drum)
        pen.box(LEFT, top, right, top + DRUM_ROW, SHADE if place % 2 == 0 else PAPER)
        name = _shortened(drum_name(drum), 8, LEFT - 14)
        pen.text(LEFT - 8, top + DRUM_ROW / 2, name, 8, anchor="rm")


def _draw_time_axis(pen: Pen, layout: Layout, score: Score, span: tuple[int, int]) -> None:
    """Draw bar lines with numbers and, where there is space, quarter lines; mark the seconds below."""
    top, bottom = layout.above, layout.bottom
    quarter = score.ticks_per_quarter / layout.ticks_per_pixel
    if quarter >= 16:
        for tick in range(span[0], span[1], score.ticks_per_quarter):
            x = _x(layout, span, tick)
            pen.box(x - 0.25, top, x + 0.25, bottom, FAINT)
    first, last = np.searchsorted(layout.bars, span)
    numbers = np.arange(first, last + 1)
    width = (span[1] - span[0]) / layout.ticks_per_pixel
    gap = width / max(1, last - first)
    for number in numbers[:: _thinning(gap, 7)].tolist():
        x = _x(layout, span, int(layout.bars[number]))
        pen.box(x - 0.5, top, x + 0.5, bottom, LINE)
    for number in numbers[:-1][:: _thinning(gap, 34)].tolist():
        shown = str(number + layout.first_number) if number + layout.first_number else ""
        pen.text(_x(layout, span, int(layout.bars[number])) + 3, ABOVE - 8, shown, 10)
    begin, end = ticks_to_seconds(score, span).tolist()
    wanted = max(1.0, (end - begin) * 75 / max(width, 1.0))
    step = next((step for step in _SECONDS_STEPS if step >= wanted), int(wanted))
    seconds = np.arange(np.ceil(begin / step) * step, end, step)
    for second, tick in zip(seconds.tolist(), seconds_to_ticks(score, seconds).tolist(), strict=True):
        x = _x(layout, span, tick)
        pen.box(x - 0.25, layout.bottom, x + 0.25, layout.bottom + 5, GREY)
        pen.text(x, layout.bottom + 12, _clock(second), 10, anchor="mm")


def _draw_keys(pen: Pen, layout: Layout, keys: Sequence[KeySpan], span: tuple[int, int]) -> None:
    """Write the keys in a row of their own, where they begin; one without space is left out."""
    free = 0.0
    for key in keys:
        left = _x(layout, span, key.start) + 3
        if span[0] <= key.start < span[1] and left >= free:
            name = key_name(key.key.fifths, key.minor)
            pen.text(left, ABOVE + NAMES_ROW - 8, name, 10)
            free = left + text_width(name, 10) + 5


def _draw_chords(pen: Pen, layout: Layout, names: _NamesAbove, span: tuple[int, int]) -> None:
    """Write the chord symbols above their times; where there is no space, those at bar lines go first."""
    taken: list[tuple[float, float]] = []
    chords = [(tick, name) for tick, name in names.chords if span[0] <= tick < span[1]]
    for tick, name in sorted(chords, key=lambda chord: (chord[0] not in layout.bars, chord[0])):
        wide = text_width(name, CHORD_SIZE)
        left = min(_x(layout, span, tick) + 3, layout.width - 4 - wide)
        if all(left >= end + 5 or left + wide + 5 <= start for start, end in taken):
            taken.append((left, left + wide))
            pen.text(left, layout.above - 8, name, CHORD_SIZE, INK if names.written else GREY)


def _thinning(gap: float, least: float) -> int:
    """Return the power of two n such that every n-th of marks `gap` pixels apart leaves them `least` apart."""
    return int(2 ** max(0, np.ceil(np.log2(least / max(gap, 1e-9)))))


def _draw_notes(
    pen: Pen,
    layout: Layout,
    track: Track,
    colour: Colour,
    span: tuple[int, int],
    own: Sequence[Colour] | None = None,
) -> None:
    """Draw the notes of a track in its colour, as strong as they are loud; or each in its `own`."""
    sounds = _sounds(track.notes, span)
    notes = track.notes[sounds]
    lefts = np.maximum(notes["start"], span[0])
    rights = np.minimum(notes["start"] + notes["duration"], span[1])
    place, height = (layout.drum_top, _DOT) if track.is_drum else (layout.pitch_top, layout.row)
    if track.is_drum:
        rights = lefts  # a dot at the onset
    inset = (DRUM_ROW - _DOT) / 2 if track.is_drum else 0.0
    for index, left, right, pitch, velocity in zip(
        np.flatnonzero(sounds).tolist(), _across(layout, span, lefts), _across(layout, span, rights),
        notes["pitch"].tolist(), notes["velocity"].tolist(), strict=True,
    ):  # fmt: skip
        top, least = place(pitch) + inset, height if track.is_drum else 2.5
        strength = _FAINTEST + (1 - _FAINTEST) * velocity / 127
        box = (left, top, max(right, left + least), top + height)
        pen.pill(box, height / (2 if track.is_drum else 3), own[index] if own else mixed(colour, strength))


def _sounds(notes: Notes, span: tuple[int, int]) -> Mask:
    """Return which notes sound within a span; a note without length counts as one tick."""
    ends = notes["start"] + np.maximum(notes["duration"], 1)
    return np.asarray((notes["start"] < span[1]) & (ends > span[0]))


# Numbers of the notes


def _draw_scale(pen: Pen, heat: Heat, top: float) -> None:
    """Draw the scale of colours with its numbers, and the shades of the parts of the numbers of the bars."""
    pen.text(MARGIN, top + 10, f"{heat.name}, {heat.unit}", 13, INK)
    left, wide = MARGIN + text_width(f"{heat.name}, {heat.unit}", 13) + 14, 200.0
    for step in range(100):
        pen.box(
            left + step * wide / 100,
            top + 3,
            left + (step + 1) * wide / 100,
            top + 17,
            scale_colour(step / 99),
        )
    for number in range(0, int(heat.most) + 1, 2):
        more = " and more" if number == int(heat.most) else ""
        x = left + wide * number / heat.most
        pen.text(x, top + 26, f"{number}{more}", 10, anchor="lm" if more else "mm")
    pen.text(MARGIN, top + 48, heat.bars_name, 13, INK)
    x = MARGIN + text_width(heat.bars_name, 13) + 14
    for name, colour in zip(heat.parts, STACK, strict=False):
        pen.box(x, top + 43, x + 12, top + 53, colour)
        pen.text(x + 17, top + 48, name, 12)
        x += text_width(name, 12) + 36


def _draw_numbers(pen: Pen, layout: Layout, score: Score, heat: Heat, span: tuple[int, int]) -> None:
    """Write the numbers of the numbered notes in rings above them."""
    for number, (track, index) in enumerate(heat.numbered, start=1):
        note = score.tracks[track].notes[index]
        if span[0] <= note["start"] < span[1]:
            top = (layout.drum_top if score.tracks[track].is_drum else layout.pitch_top)(int(note["pitch"]))
            x, y = _x(layout, span, int(note["start"])) + 4, top - 9
            half = 7 if number < 10 else 9
            pen.pill((x - half, y - 7, x + half, y + 7), 7, (255, 255, 255), INK)
            pen.text(x, y, str(number), 10, INK, "mm")


def _draw_curve(pen: Pen, layout: Layout, heat: Heat, span: tuple[int, int]) -> None:
    """Draw the number of each bar below the system, its parts one above the other."""
    bottom = layout.bottom + BELOW + layout.curve
    scale, right = layout.curve / heat.highest_bar, _x(layout, span, span[1])
    for number in (0.0, heat.highest_bar / 2, heat.highest_bar):
        y = bottom - number * scale
        pen.box(LEFT, y - 0.25, right, y + 0.25, LINE)
        pen.text(LEFT - 8, y, f"{number:g}", 10, anchor="rm")
    first, last = np.searchsorted(layout.bars, span).tolist()
    for number in range(first, last):
        left, end = (_x(layout, span, int(tick)) for tick in layout.bars[number : number + 2])
        y = bottom
        for height, colour in zip((heat.bars[number] * scale).tolist(), STACK, strict=False):
            pen.box(left + 1, y - height, max(left + 2, end - 1), y, colour)
            y -= height


def _across(layout: Layout, span: tuple[int, int], ticks: NDArray[np.int64]) -> list[float]:
    places: list[float] = (LEFT + (ticks - span[0]) / layout.ticks_per_pixel).tolist()
    return places

"""Score -> cover: a square image for places where music is shared, with the piano roll as a disc.

Conventions
-----------
- Time runs clockwise from the top, once round; low pitches are near the middle, high ones near the rim. Notes are
  arcs that glow; drums are dots on the innermost rings.
- Two colours: warm for the player, cool for the model, where the names of the tracks mark the player's (`PLAYER`).
  In other pieces the colour of a track depends on its mean pitch: from cool (low) through rose to warm (high).
- Everything is drawn `SUPERSAMPLE` times larger and then reduced.

Read in order: `render_cover`, `_Disc`, `track_colours`.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from ritornello.errors import ConfigError
from ritornello.paths import write_bytes
from ritornello.score import Score

Colour = tuple[int, int, int]

SIZE = 1400
"""Pixels a side: the largest size that such places require."""
SIZES = (200, 3000)
SUPERSAMPLE = 2
JPEG_QUALITY = 92

WARM: Colour = (255, 172, 84)
COOL: Colour = (86, 186, 255)
BETWEEN: Colour = (222, 128, 196)
CENTRE: Colour = (34, 32, 52)
EDGE: Colour = (11, 11, 19)
PALE: Colour = (238, 236, 228)
GREY: Colour = (150, 150, 168)

PLAYER = "You: "
"""The prefix of the names of the player's tracks in the score of a live session; other tracks are the model's."""

# Shares of the side of the image.
_MIDDLE = (0.5, 0.455)
_INNER, _OUTER = 0.13, 0.41  # radii of the lowest and highest pitch
_DRUMS = (0.075, 0.115)
_HUB = 0.012
_GLOW = 0.008
_FAINTEST = 0.45  # the strength of velocity 0
_TURN = 0.985  # the share of the circle for the piece: a gap separates its end from its beginning
_LEAST_PITCHES = 24


def write_cover(score: Score, path: Path | str, subtitle: str = "", size: int = SIZE) -> None:
    """Write the cover of `score` to `path`: a PNG or, by its suffix, a JPEG."""
    buffer = io.BytesIO()
    kind = "JPEG" if Path(path).suffix.lower() in (".jpg", ".jpeg") else "PNG"
    render_cover(score, subtitle, size).save(buffer, kind, quality=JPEG_QUALITY, optimize=True)
    write_bytes(Path(path), buffer.getvalue())


def render_cover(score: Score, subtitle: str = "", size: int = SIZE) -> Image.Image:
    """Return the cover of `score`, `size` (200-3000) pixels wide and high, with its title and `subtitle` below.

    Raise ConfigError for a score without notes.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise ConfigError(f"a cover of {size} pixels: allowed are {SIZES[0]} to {SIZES[1]}")
    if not score.note_count:
        raise ConfigError("the score has no notes: there is nothing to see")
    side = size * SUPERSAMPLE
    notes = _draw_notes(score, side)
    glow = notes.resize((size // 2, size // 2)).filter(ImageFilter.GaussianBlur(_GLOW * size / 2))
    page = ImageChops.screen(_background(side), ImageChops.screen(glow.resize((side, side)), notes))
    _write_texts(page, score.title, subtitle)
    return page.resize((size, size), Image.Resampling.LANCZOS)


def track_colours(score: Score) -> list[Colour]:
    """Return the colour of each track: warm or cool by its player, or else from cool (low) to warm (high)."""
    played = [track.name.startswith(PLAYER) for track in score.tracks]
    if any(played):
        return [WARM if by_player else COOL for by_player in played]
    heights = [
        -1.0 if track.is_drum or not len(track.notes) else float(track.notes["pitch"].mean())
        for track in score.tracks
    ]
    places = np.argsort(np.argsort(heights, kind="stable")) / max(1, len(heights) - 1)
    return [_between(float(place)) for place in places]


def _between(place: float) -> Colour:
    """Return a colour from cool (0) to warm (1)."""
    return _mixed(COOL, BETWEEN, 2 * place) if place < 0.5 else _mixed(BETWEEN, WARM, 2 * place - 1)


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _background(side: int) -> Image.Image:
    """Return the background: darker towards the corners."""
    small = 256
    y, x = np.mgrid[0:small, 0:small] / small
    distance = np.clip(np.hypot(x - _MIDDLE[0], y - _MIDDLE[1]) / 0.62, 0, 1)[..., None]
    colours = np.array(CENTRE) * (1 - distance) + np.array(EDGE) * distance
    return Image.fromarray(np.rint(colours).astype(np.uint8), "RGB").resize(
        (side, side), Image.Resampling.BICUBIC
    )


class _Disc:
    """Draws on the disc, with angles in degrees clockwise from the top, and radii as shares of the side."""

    def __init__(self, side: int) -> None:
        self.image = Image.new("RGB", (side, side))
        self._draw = ImageDraw.Draw(self.image)
        self._side = side
        self._x, self._y = _MIDDLE[0] * side, _MIDDLE[1] * side

    def dot(self, angle: float, radius: float, half: float, colour: Colour) -> None:
        x = self._x + self._side * radius * math.sin(math.radians(angle))
        y = self._y - self._side * radius * math.cos(math.radians(angle))
        half *= self._side
        self._draw.ellipse((x - half, y - half, x + half, y + half), fill=colour)

    def arc(self, start: float, end: float, radius: float, half: float, colour: Colour) -> None:
        """Draw an arc of width `2 * half` with round ends."""
        inset = math.degrees(half / radius)
        start, end = start + inset, max(start + inset, end - inset)
        self.dot(start, radius, half, colour)
        if end > start:
            reach = self._side * (radius + half)
            box = (self._x - reach, self._y - reach, self._x + reach, self._y + reach)
            self._draw.arc(box, start - 90, end - 90, fill=colour, width=max(1, round(2 * half * self._side)))
            self.dot(end, radius, half, colour)

    def ring(self, radius: float, colour: Colour) -> None:
        reach = self._side * radius
        box = (self._x - reach, self._y - reach, self._x + reach, self._y + reach)
        self._draw.ellipse(box, outline=colour, width=max(1, self._side // 1400))


def _draw_notes(score: Score, side: int) -> Image.Image:
    """Return the disc on black. Tracks with long notes are drawn first, so that short notes stay visible."""
    disc = _Disc(side)
    low, high = _pitch_range(score)
    step = (_OUTER - _INNER) / (high - low)
    for pitch in range(low, high + 1):
        if pitch % 12 == 0:
            disc.ring(_INNER + (pitch - low) * step, (26, 26, 40))
    disc.dot(0, 0, _HUB, (60, 60, 84))
    degrees = 360 * _TURN / max(1, score.end)
    parts = [part for part in zip(score.tracks, track_colours(score), strict=True) if len(part[0].notes)]
    for track, colour in sorted(parts, key=lambda part: -float(part[0].notes["duration"].mean())):
        starts, pitches = track.notes["start"] * degrees, track.notes["pitch"]
        ends = starts + track.notes["duration"] * degrees
        radii = np.interp(pitches, (35, 60), _DRUMS) if track.is_drum else _INNER + (pitches - low) * step
        strengths = _FAINTEST + (1 - _FAINTEST) * track.notes["velocity"] / 127
        for start, end, radius, strength in np.stack([starts, ends, radii, strengths], axis=1).tolist():
            shade = _mixed((0, 0, 0), colour, strength)
            if track.is_drum:
                disc.dot(start, radius, 0.0022, shade)
            else:
                disc.arc(start, end, radius, 0.42 * step, shade)
    return disc.image


def _pitch_range(score: Score) -> tuple[int, int]:
    """Return the lowest and highest pitch of the disc, with a margin around the notes: at least two octaves."""
    pitches = [t.notes["pitch"] for t in score.tracks if not t.is_drum and len(t.notes)]
    low, high = (
        (int(np.concatenate(pitches).min()), int(np.concatenate(pitches).max())) if pitches else (60, 60)
    )
    spare = max(1, (_LEAST_PITCHES - (high - low) + 1) // 2)
    return low - spare, high + spare


def _write_texts(page: Image.Image, title: str, subtitle: str) -> None:
    draw, side = ImageDraw.Draw(page), page.width
    for text, height, size, colour in ((title, 0.912, 0.038, PALE), (subtitle, 0.955, 0.019, GREY)):
        text = " ".join(text.split())
        if not text:
            continue
        font: Any = ImageFont.load_default(size * side)
        while font.getlength(text) > 0.9 * side and len(text) > 1:
            text = text[:-2].rstrip() + "…"
        draw.text((side / 2, height * side), text, font=font, fill=colour, anchor="mm")

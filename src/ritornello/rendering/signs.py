"""Signs of music within words: accidentals in chord symbols, and the note of a tempo.

verovio sets them in its own font, which neither typst nor a browser has. Accidentals become those of the text font, and
the note of a tempo is drawn.
"""

from __future__ import annotations

import re

from ritornello.notation.directions import beat_of
from ritornello.score import Meter

_ACCIDENTALS = {"\uea63": "♭♭", "\uea64": "♭", "\uea65": "♮", "\uea66": "♯", "\uea67": "♯♯"}  # by SMuFL
_NOTES = {"\ueca2": "whole", "\ueca3": "half", "\ueca5": "quarter", "\ueca7": "eighth"}
_DOT = "\uecb7"
_SIGN = re.compile(r'<tspan font-family="Leipzig" font-size="(\d+)px">([^<]*)</tspan>')
_TEMPO = re.compile(
    r'(<g [^>]*class="tempo"[^>]*>\s*)<text x="(-?\d+)" y="(-?\d+)"[^>]*>(.*?)</text>', flags=re.DOTALL
)
_OF_TEXT = 9 / 16  # the size of text relative to that of signs


def tempo_mark(x: float, y: float, size: float, note: str, is_dotted: bool, count: str) -> str:
    """Return the SVG of a tempo, such as a quarter = 120: `x` and `y` of its left end, `size` of the text."""
    unit = size / 36
    fill = "#000" if note in ("quarter", "eighth") else "#fff"
    stem = "" if note == "whole" else '<path d="M17 -8v-36"/>'
    stem += '<path d="M17 -44q2 12 12 22" fill="none"/>' if note == "eighth" else ""
    dot = '<circle cx="25" cy="-7" r="2" fill="#000"/>' if is_dotted else ""
    head = f'<ellipse cx="9" cy="-7" rx="8" ry="6" fill="{fill}" transform="rotate(-22 9 -7)"/>'
    place = f'transform="translate({x:.0f} {y:.0f}) scale({unit:.4g})" stroke="#000" stroke-width="2"'
    text = f'<text x="{x + (38 if is_dotted else 30) * unit:.0f}" y="{y:.0f}" font-size="{size:.0f}">= {count}</text>'
    return f"<g {place}>{head}{stem}{dot}</g>{text}"


def with_plain_signs(svg: str) -> str:
    """Return a page of verovio with its signs in words drawn or set in the text font."""
    svg = _TEMPO.sub(_drawn_tempo, svg)
    return _SIGN.sub(lambda sign: _plain_sign(int(sign[1]), sign[2]), svg)


def _drawn_tempo(found: re.Match[str]) -> str:
    words = re.sub(r"<[^>]*>|\s", "", found[4])
    note = next((name for sign, name in _NOTES.items() if sign in words), None)
    size = re.search(r'font-size="(\d+)px">[^<]*=', found[4])
    if note is None or size is None:
        return found[0]
    count = words.partition("=")[2]
    return found[1] + tempo_mark(int(found[2]), int(found[3]), int(size[1]), note, _DOT in words, count)


def _plain_sign(size: int, signs: str) -> str:
    plain = "".join(_ACCIDENTALS.get(sign, sign) for sign in signs)
    return f'<tspan font-size="{size * _OF_TEXT:.0f}px">{plain}</tspan>'


def header_tempo(quarters_per_minute: float, meter: Meter, x: float, y: float, size: float) -> str:
    """Return the SVG of the tempo that a piece begins with, counted in the beats of its meter."""
    note, is_dotted, quarters = beat_of(meter)
    return tempo_mark(x, y, size, note, is_dotted, f"{quarters_per_minute / float(quarters):.0f}")

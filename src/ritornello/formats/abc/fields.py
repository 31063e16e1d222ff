"""What fields of ABC say: keys, meters, unit lengths, tempos, voices and the order of parts.

Read in order: `read_key`, `read_meter`, `read_tempo`, `properties_of`, `read_parts`.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, field
from fractions import Fraction

from ritornello.formats.notated.expression import Pace, speed_of
from ritornello.formats.notated.keys import altered_by, key_of
from ritornello.score import Key

MOST_PARTS = 1000  # of a tune in the order of playing

_TONIC = re.compile(r"\s*(?:(?P<pipes>H[Pp])\b|(?P<letter>[A-G])(?P<sign>[#b♯♭]?)\s*(?P<mode>[A-Za-z]*))")
_ALTERED = re.compile(r"(?<!\S)(\^\^?|__?|=)([A-Ga-g])(?!\S)")
_PROPERTY = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|(\S+))')
_CLEF = re.compile(r"(?<![\w=])(treble|alto|tenor|bass|perc|none)(\d?)([+-]8|[+-]15)?(?!\w)")
_ALTERATIONS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
_ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    '"': "\u0308",
    "~": "\u0303",
    "c": "\u0327",
    "v": "\u030c",
}
_ACCENT = re.compile(r"""\\(['`^"~cv])([A-Za-z])""")


def plain_text(text: str) -> str:
    r"""Return a text of a field with its accents, such as `\'e` and `&eacute;`, as letters."""
    text = _ACCENT.sub(lambda match: match[2] + _ACCENTS[match[1]], html.unescape(text))
    return " ".join(unicodedata.normalize("NFC", text.replace("\\", "")).split())


@dataclass(frozen=True)
class Signature:
    """A key (None for none) and the semitones by which it alters letters."""

    key: Key | None = None
    altered: dict[str, int] = field(default_factory=dict)


def read_key(text: str) -> Signature | None:
    """Return what a K: says; None if it says no key, but perhaps a clef."""
    tonic = _TONIC.match(text)
    changes = {letter.upper(): _ALTERATIONS[sign] for sign, letter in _ALTERED.findall(text)}
    if tonic is not None and tonic["pipes"]:
        return Signature(Key(0, 2), altered_by(2))
    key = None
    if tonic is not None:
        alter = {"": 0, "#": 1, "♯": 1}.get(tonic["sign"], -1)
        mode = tonic["mode"] if tonic["mode"][:3].lower() != "exp" else ""
        key = key_of(tonic["letter"], alter, mode) or key_of(tonic["letter"], alter, "")
    if key is None:
        is_none = re.match(r"\s*(none\b|$)", text)
        return Signature(None, changes) if is_none or changes else None
    if re.search(r"\bexp\b", text):
        fifths = next((n for n in range(-7, 8) if _signs(altered_by(n)) == _signs(changes)), None)
        return Signature(None if fifths is None else Key(0, fifths), changes)
    return Signature(key, altered_by(key.fifths) | changes)


def _signs(altered: dict[str, int]) -> dict[str, int]:
    return {letter: alter for letter, alter in altered.items() if alter}


def read_meter(text: str) -> tuple[int, int] | None:
    """Return the meter that an M: says, such as "6/8", "C|" or "(2+3)/8"; None for free or an unknown one."""
    text = text.split("=")[0].strip()
    if text in ("C", "C|"):
        return (4, 4) if text == "C" else (2, 2)
    match = re.match(r"\(?\s*(\d{1,3}(?:\s*\+\s*\d{1,3})*)\s*\)?\s*/\s*(\d{1,3})", text)
    if match is None:
        return None
    beats, kind = sum(map(int, match[1].split("+"))), int(match[2])
    return (beats, kind) if 1 <= beats <= 255 and kind in (1, 2, 4, 8, 16, 32, 64, 128) else None


def read_unit(text: str) -> Fraction | None:
    """Return an L: in quarters, or None."""
    match = re.match(r"\s*(\d{1,3})\s*(?:/\s*(\d{1,3}))?", text)
    if match is None or not int(match[1]) or match[2] == "0":
        return None
    return 4 * Fraction(int(match[1]), int(match[2] or 1))


def read_tempo(text: str, unit: Fraction) -> Pace | None:
    """Return the tempo that a Q: says: "1/4=120", "3/8=50 Allegro", "1/4 3/8=40"; "120" is of unit lengths a minute."""
    plain = re.sub(r'"[^"]*"', " ", text)
    lengths, equals, speed = plain.rpartition("=")
    value = speed_of(speed)
    if not value:
        return None
    beats = [read_unit(each) for each in re.findall(r"\d+\s*/\s*\d+", lengths)]
    beat = sum((each for each in beats if each), Fraction(0)) or unit
    if equals and (times := re.match(r"\s*[A-GCa-g](\d)", lengths)):
        beat = unit * int(times[1])
    return Pace(value * beat)


@dataclass(frozen=True)
class Properties:
    """What a V: or K: says about a voice: its name, by how many semitones it sounds higher, and if it is percussion."""

    name: str | None = None
    octaves: int | None = None
    clef_octaves: int | None = None
    transpose: int | None = None
    is_drum: bool | None = None


def properties_of(text: str) -> Properties:
    """Return the properties of a voice in a text such as 'name="Violin I" clef=treble-8 transpose=-2'."""
    found = {key.lower(): quoted or plain for key, quoted, plain in _PROPERTY.findall(text)}
    clef = _CLEF.search(found.get("clef", "") or _PROPERTY.sub(" ", text))
    octaves = {"+8": 1, "-8": -1, "+15": 2, "-15": -2}
    return Properties(
        found.get("name", found.get("nm")),
        _small(found.get("octave")),
        octaves.get(clef[3], 0) if clef else None,
        _small(found.get("transpose", found.get("t"))),
        clef[1] == "perc" if clef else None,
    )


def _small(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[+-]?\d{1,2}", text) else None


def read_parts(text: str) -> str:
    """Return the labels of parts in the order of playing that a P: says: "A(AB)2C" is AABABC; at most MOST_PARTS."""
    stack = [""]
    for each in re.findall(r"[A-Za-z()]\d{0,2}|\)\d{0,2}", text):
        mark, times = each[0], max(1, int(each[1:] or 1))
        if mark == "(":
            stack.append("")
        elif mark == ")" and len(stack) > 1:
            inner = stack.pop()
            stack[-1] += (inner * times)[:MOST_PARTS]
        elif mark.isalpha():
            stack[-1] += mark * times
        stack[-1] = stack[-1][:MOST_PARTS]
    return "".join(stack)[:MOST_PARTS]

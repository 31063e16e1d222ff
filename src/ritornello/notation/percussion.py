"""The drum staff: the line and the note head of every drum, as in usual drum-set notation."""

from __future__ import annotations

from itertools import product

_COMMON = {
    35: ("E4", "normal"), 36: ("F4", "normal"), 37: ("C5", "x"), 38: ("C5", "normal"), 39: ("C5", "triangle"),
    40: ("C5", "diamond"), 41: ("G4", "normal"), 43: ("A4", "normal"), 45: ("B4", "normal"), 47: ("D5", "normal"),
    48: ("E5", "normal"), 50: ("F5", "normal"), 42: ("G5", "x"), 44: ("D4", "x"), 46: ("G5", "circle-x"),
    49: ("A5", "x"), 57: ("B5", "x"), 52: ("B5", "circle-x"), 55: ("A5", "circle-x"), 51: ("F5", "x"),
    53: ("F5", "diamond"), 59: ("F5", "circle-x"), 54: ("D5", "x"), 56: ("E5", "triangle"), 69: ("E5", "x"),
    70: ("D5", "circle-x"), 75: ("B4", "x"), 76: ("E5", "diamond"), 77: ("D5", "diamond"),
}  # fmt: skip

_PLACES = ("D5", "E5", "B4", "A4", "G4", "C5", "F5", "F4", "E4", "G5", "A5", "D4")
_HEADS = ("triangle", "diamond", "slash", "x", "circle-x", "square", "cross", "inverted triangle", "slashed",
          "back slashed", "cluster", "arrow down", "arrow up")  # fmt: skip
_FREE = (sign for head, place in product(_HEADS, _PLACES) if (sign := (place, head)) not in _COMMON.values())
_RARE = (*range(60, 88), *range(27, 60), *range(27), *range(88, 128))
_SIGNS = _COMMON | dict(zip((pitch for pitch in _RARE if pitch not in _COMMON), _FREE, strict=False))


def drum_sign(pitch: int) -> tuple[str, str]:
    """Return place ("F4") and note head (as in MusicXML) of a drum; every pitch from 0 to 127 has its own."""
    return _SIGNS[pitch]

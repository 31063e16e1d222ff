"""Chord symbols as MusicXML's `<harmony>` has them: root, kind, degrees, bass, and the text that is printed.

Source: MusicXML 4.0, W3C Community Group, elements `harmony`, `kind` and `degree`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ritornello.errors import ConfigError
from ritornello.notation.spelling import spell_class
from ritornello.theory import Chord, parse_chord
from ritornello.theory.chords import AS_BEFORE

Name = tuple[str, int]
"""Letter and alteration in semitones: ("B", -1) is B flat."""

Degree = tuple[int, int, str]
"""Degree above the root, alteration in semitones, and "add", "alter" or "subtract"."""

_FLAT5, _SHARP5 = (5, -1, "alter"), (5, 1, "alter")
_FLAT9, _NINTH, _SHARP9 = (9, -1, "add"), (9, 0, "add"), (9, 1, "add")
_SHARP11, _FLAT13 = (11, 1, "add"), (13, -1, "add")

KINDS: dict[str, tuple[str, tuple[Degree, ...]]] = {
    "maj": ("major", ()),
    "min": ("minor", ()),
    "dim": ("diminished", ()),
    "aug": ("augmented", ()),
    "5": ("power", ()),
    "sus2": ("suspended-second", ()),
    "sus4": ("suspended-fourth", ()),
    "add9": ("major", (_NINTH,)),
    "madd9": ("minor", (_NINTH,)),
    "6": ("major-sixth", ()),
    "m6": ("minor-sixth", ()),
    "6/9": ("major-sixth", (_NINTH,)),
    "m6/9": ("minor-sixth", (_NINTH,)),
    "7": ("dominant", ()),
    "maj7": ("major-seventh", ()),
    "m7": ("minor-seventh", ()),
    "mM7": ("major-minor", ()),
    "m7b5": ("half-diminished", ()),
    "dim7": ("diminished-seventh", ()),
    "aug7": ("augmented-seventh", ()),
    "maj7#5": ("major-seventh", (_SHARP5,)),
    "maj7#11": ("major-seventh", (_SHARP11,)),
    "7b5": ("dominant", (_FLAT5,)),
    "7b9": ("dominant", (_FLAT9,)),
    "7#9": ("dominant", (_SHARP9,)),
    "7#11": ("dominant", (_SHARP11,)),
    "7b13": ("dominant", (_FLAT13,)),
    "7alt": ("augmented-seventh", (_FLAT9, _SHARP9)),
    "7sus4": ("suspended-fourth", ((7, 0, "add"),)),
    "9": ("dominant-ninth", ()),
    "maj9": ("major-ninth", ()),
    "m9": ("minor-ninth", ()),
    "9sus4": ("suspended-fourth", ((7, 0, "add"), _NINTH)),
    "11": ("dominant-11th", ()),
    "m11": ("minor-11th", ()),
    "13": ("dominant-13th", ()),
    "maj13": ("major-13th", ()),
    "m13": ("minor-13th", ()),
    "13b9": ("dominant-13th", ((9, -1, "alter"),)),
    "add11": ("major", ((11, 0, "add"),)),
    "mM9": ("major-minor", (_NINTH,)),
    "m7#5": ("minor-seventh", (_SHARP5,)),
    "m7b9": ("minor-seventh", (_FLAT9,)),
    "m9b5": ("half-diminished", (_NINTH,)),
    "m11b5": ("half-diminished", (_NINTH, (11, 0, "add"))),
    "dimM7": ("diminished", ((7, 1, "add"),)),
    "maj7b5": ("major-seventh", (_FLAT5,)),
    "maj13#11": ("major-13th", (_SHARP11,)),
    "6/9#11": ("major-sixth", (_NINTH, _SHARP11)),
    "9b5": ("dominant-ninth", (_FLAT5,)),
    "9#5": ("augmented-seventh", (_NINTH,)),
    "7b5b9": ("dominant", (_FLAT5, _FLAT9)),
    "7b5#9": ("dominant", (_FLAT5, _SHARP9)),
    "7#5b9": ("augmented-seventh", (_FLAT9,)),
    "7#5#9": ("augmented-seventh", (_SHARP9,)),
    "7b9#11": ("dominant", (_FLAT9, _SHARP11)),
    "7#9#11": ("dominant", (_SHARP9, _SHARP11)),
    "7b9b13": ("dominant", (_FLAT9, _FLAT13)),
    "7#9b13": ("dominant", (_SHARP9, _FLAT13)),
    "13#11": ("dominant-13th", (_SHARP11,)),
    "13sus4": ("suspended-fourth", ((7, 0, "add"), _NINTH, (13, 0, "add"))),
    "7b9sus4": ("suspended-fourth", ((7, 0, "add"), _FLAT9)),
}
"""The kind and the degrees of each quality of `theory.CHORDS`. An added seventh is a minor one. As on lead sheets, a
dominant eleventh has no third, and thirteenths have no eleventh."""

_NAME = r"[A-Ga-g](?:[#♯]+|[b♭]*)"
_SYMBOL = re.compile(rf"\s*({_NAME})(.*?)(?:/\s*({_NAME})\s*)?", re.DOTALL)


@dataclass(frozen=True)
class Harmony:
    """A chord symbol: `kind` is a value of MusicXML, `text` what is printed between root and bass, "" for a triad.

    The kind "none" is the sign N.C., no chord; "other" a symbol of an unknown quality, printed as it is.
    """

    root: Name
    kind: str
    text: str
    degrees: tuple[Degree, ...] = ()
    bass: Name | None = None

    @property
    def name(self) -> str:
        """The symbol: "Bbmaj7/D"."""
        if self.kind == "none":
            return self.text
        return _shown(self.root) + self.text + (f"/{_shown(self.bass)}" if self.bass else "")


def written_harmony(symbol: str) -> Harmony | None:
    """Return the harmony of a symbol, with the names and the text as they are written: "Bbmaj7/D", "F#-7", "N.C.".

    None for a text that does not begin with a root.
    """
    if symbol.strip().upper() in AS_BEFORE[1:]:
        return Harmony(("C", 0), "none", "N.C.")
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        return None
    try:
        kind, degrees = KINDS[parse_chord(symbol).quality]
    except ConfigError:
        kind, degrees = "other", ()
    root, text, bass = match.groups()
    return Harmony(_name(root), kind, text.strip(), degrees, _name(bass) if bass else None)


def harmony_of(chord: Chord, fifths: int = 0) -> Harmony:
    """Return the harmony of a chord that has no written symbol; its names are those of the key signature."""
    kind, degrees = KINDS[chord.quality]
    text = {"maj": "", "min": "m"}.get(chord.quality, chord.quality)
    bass = spell_class(chord.bass, fifths) if chord.bass != chord.root else None
    return Harmony(spell_class(chord.root, fifths), kind, text, degrees, bass)


def _shown(name: Name) -> str:
    letter, alter = name
    return letter + ("#" * alter if alter > 0 else "b" * -alter)


def _name(text: str) -> Name:
    return text[0].upper(), sum({"#": 1, "♯": 1}.get(sign, -1) for sign in text[1:])

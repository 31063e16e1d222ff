"""<harmony> -> a chord symbol that `theory.parse_chord` reads: "Dm7/G", "F#7b9", "N.C.".

Degrees that are added, altered or left out make another quality of `CHORDS`; where there is none with these tones, the
quality of the kind stays.

Read in order: `chord_symbol`, `_root`, `_quality`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from ritornello.errors import ConfigError
from ritornello.formats.musicxml.elements import integer_in, text_in
from ritornello.formats.notated.keys import LINE, name_at, place_of
from ritornello.notation.harmony import KINDS as WRITTEN_KINDS
from ritornello.notation.harmony import NO_CHORD
from ritornello.score import Key
from ritornello.theory import CHORDS, parse_chord

KINDS = {kind: quality for quality, (kind, degrees) in WRITTEN_KINDS.items() if not degrees} | {
    "augmented-seventh": "aug7",
    "major-11th": "maj9",
    "Neapolitan": "maj",
    "Italian": "7",
    "French": "7b5",
    "German": "7",
    "Tristan": "m7b5",
}
"""The quality (of `CHORDS`) of each kind of MusicXML; the sixth chords of nations are those on their bass."""

_DEGREE_TONES = (0, 2, 4, 5, 7, 9, 10)
"""The semitones of the degrees 1 to 7 that are added: major and perfect, but a minor seventh."""
_DEGREE_OF_TONE = (1, 2, 2, 3, 3, 4, 5, 5, 5, 6, 7, 7)

_NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII")
_STEPS = {False: (0, 2, 4, -1, 1, 3, 5), True: (0, 2, -3, -1, 1, -4, -2)}
"""The degrees of a major and a minor key in fifths above the tonic."""


def chord_symbol(harmony: Element, fifths: int, key: Key) -> str | None:
    """Return the symbol of a <harmony>, or None if it has no chord.

    fifths: the transposition of the part, on the line of fifths. key: the written key, for numerals and functions.
    """
    kind = text_in(harmony, "kind")
    if kind == "none":
        return NO_CHORD
    root = _root(harmony, key)
    if root is None or kind == "pedal":
        return None
    bass = _name_in(harmony, "bass", fifths)
    name = name_at(root + fifths)
    symbol = name + _quality(harmony, kind)
    return f"{symbol}/{bass}" if bass and bass != name else symbol


def _root(harmony: Element, key: Key) -> int | None:
    """Return the root on the line of fifths: by letter, or as a degree of the key."""
    if harmony.find("root") is not None:
        return _place_in(harmony, "root")
    degree, alter = (
        integer_in(harmony, "numeral/numeral-root", 0),
        integer_in(harmony, "numeral/numeral-alter", 0),
    )
    function = re.match(r"([#b♯♭]?)([IViv]+)", text_in(harmony, "function"))
    if function and function[2].upper() in _NUMERALS:
        degree = _NUMERALS.index(function[2].upper()) + 1
        alter = {"": 0, "#": 1, "♯": 1}.get(function[1], -1)
    fifths = integer_in(harmony, "numeral/numeral-key/numeral-fifths", key.fifths)
    minor = (
        text_in(harmony, "numeral/numeral-key/numeral-mode") or ("minor" if key.minor else "")
    ) == "minor"
    if not 1 <= degree <= 7:
        return None
    return fifths + 3 * minor + _STEPS[minor][degree - 1] + 7 * alter


def _place_in(harmony: Element, name: str) -> int | None:
    """Return a root or bass on the line of fifths, or None."""
    step = text_in(harmony, f"{name}/{name}-step").upper()
    if len(step) != 1 or step not in LINE:
        return None
    alter = integer_in(harmony, f"{name}/{name}-alter", 0)
    return place_of(step, max(-3, min(3, alter)))


def _name_in(harmony: Element, name: str, fifths: int) -> str | None:
    place = _place_in(harmony, name)
    return None if place is None else name_at(place + fifths)


def _quality(harmony: Element, kind: str) -> str:
    """Return what stands after the root: by kind and degrees, or what is printed if it adds tones to the kind."""
    printed = harmony.find("kind")
    text = _quality_of(printed.get("text") or "") if printed is not None else None
    quality = KINDS.get(kind, text or "maj")
    if degrees := harmony.findall("degree"):
        tones = _tones(CHORDS[quality], degrees)
        quality = next((name for name, row in CHORDS.items() if set(row) == tones), quality)
    elif text and set(CHORDS[text]) > set(CHORDS[quality]):
        quality = text
    return {"maj": "", "min": "m"}.get(quality, quality)


def _quality_of(text: str) -> str | None:
    """Return the quality that is printed; None if it is none, or left to the kind."""
    try:
        return parse_chord("C" + text).quality if text.strip() else None
    except ConfigError:
        return None


def _tones(chord: Sequence[int], degrees: Sequence[Element]) -> set[int]:
    """Return the tones, in semitones above the root, of a chord with its degrees added, altered or left out."""
    tones = [(7 if chord == CHORDS["dim7"] and tone == 9 else _DEGREE_OF_TONE[tone], tone) for tone in chord]
    for each in degrees:
        degree = (integer_in(each, "degree-value", 1) - 1) % 7 + 1
        alter, change = integer_in(each, "degree-alter", 0), text_in(each, "degree-type")
        found = [tone for tone in tones if tone[0] == degree]
        if change in ("alter", "subtract") and found:
            tones.remove(found[0])
        if change != "subtract":
            from_tone = found[0][1] if change == "alter" and found else _DEGREE_TONES[degree - 1]
            tones.append((degree, from_tone + alter))
    return {tone % 12 for _, tone in tones}

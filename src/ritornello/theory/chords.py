"""Chords, and their symbols in lead sheets.

A symbol is a root, a quality in one of its spellings, and optionally `/` and a bass: "F#m7b5/E", "Bbmaj7", "C-7",
"G7#9", "D6/9". `CHORDS` has the tones of each quality, `SPELLINGS` its spellings; spaces, commas and parentheses in a
symbol are ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ritornello.errors import ConfigError, unknown_name
from ritornello.theory.pitches import parse_pitch_class, pitch_class_name

CHORDS: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "5": (0, 7),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "add9": (0, 2, 4, 7),
    "madd9": (0, 2, 3, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "6/9": (0, 2, 4, 7, 9),
    "m6/9": (0, 2, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "mM7": (0, 3, 7, 11),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
    "aug7": (0, 4, 8, 10),
    "maj7#5": (0, 4, 8, 11),
    "maj7#11": (0, 4, 6, 7, 11),
    "7b5": (0, 4, 6, 10),
    "7b9": (0, 1, 4, 7, 10),
    "7#9": (0, 3, 4, 7, 10),
    "7#11": (0, 4, 6, 7, 10),
    "7b13": (0, 4, 7, 8, 10),
    "7alt": (0, 1, 3, 4, 8, 10),
    "7sus4": (0, 5, 7, 10),
    "9": (0, 2, 4, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "m9": (0, 2, 3, 7, 10),
    "9sus4": (0, 2, 5, 7, 10),
    "11": (0, 2, 5, 7, 10),
    "m11": (0, 2, 3, 5, 7, 10),
    "13": (0, 2, 4, 7, 9, 10),
    "maj13": (0, 2, 4, 7, 9, 11),
    "m13": (0, 2, 3, 7, 9, 10),
    "13b9": (0, 1, 4, 7, 9, 10),
    "add11": (0, 4, 5, 7),
    "mM9": (0, 2, 3, 7, 11),
    "m7#5": (0, 3, 8, 10),
    "m7b9": (0, 1, 3, 7, 10),
    "m9b5": (0, 2, 3, 6, 10),
    "m11b5": (0, 2, 3, 5, 6, 10),
    "dimM7": (0, 3, 6, 11),
    "maj7b5": (0, 4, 6, 11),
    "maj13#11": (0, 2, 4, 6, 7, 9, 11),
    "6/9#11": (0, 2, 4, 6, 7, 9),
    "9b5": (0, 2, 4, 6, 10),
    "9#5": (0, 2, 4, 8, 10),
    "7b5b9": (0, 1, 4, 6, 10),
    "7b5#9": (0, 3, 4, 6, 10),
    "7#5b9": (0, 1, 4, 8, 10),
    "7#5#9": (0, 3, 4, 8, 10),
    "7b9#11": (0, 1, 4, 6, 7, 10),
    "7#9#11": (0, 3, 4, 6, 7, 10),
    "7b9b13": (0, 1, 4, 7, 8, 10),
    "7#9b13": (0, 3, 4, 7, 8, 10),
    "13#11": (0, 2, 4, 6, 7, 9, 10),
    "13sus4": (0, 2, 5, 7, 9, 10),
    "7b9sus4": (0, 1, 5, 7, 10),
}
"""The semitones above the root of each quality. The dominant "11" omits its third, as is usual."""

SPELLINGS: dict[str, tuple[str, ...]] = {
    "maj": ("", "M", "ma", "major", "Δ3"),
    "min": ("m", "-", "mi", "minor"),
    "dim": ("°", "o", "mb5", "-b5"),
    "aug": ("+", "#5", "+5"),
    "5": ("power", "no3", "omit3"),
    "sus2": ("2",),
    "sus4": ("sus", "4"),
    "add9": ("add2",),
    "madd9": ("minadd9", "-add9", "madd2"),
    "6": ("maj6", "M6", "add6"),
    "m6": ("min6", "-6", "mi6"),
    "6/9": ("69", "6add9", "maj6/9"),
    "m6/9": ("m69", "min6/9", "-6/9", "-69"),
    "7": ("dom7", "dom"),
    "maj7": ("M7", "Δ", "Δ7", "ma7", "j7", "^7", "^", "major7"),
    "m7": ("min7", "-7", "mi7", "minor7"),
    "mM7": ("mmaj7", "mimaj7", "m+7", "minmaj7", "-maj7", "-Δ", "-Δ7", "mΔ", "mΔ7", "minM7", "-M7", "-^7"),
    "m7b5": ("ø", "ø7", "min7b5", "-7b5", "mi7b5", "h7", "hdim7"),
    "dim7": ("°7", "o7"),
    "aug7": ("+7", "7#5", "7+5", "7+", "7aug"),
    "maj7#5": ("M7#5", "+M7", "augmaj7", "+maj7", "Δ#5", "Δ7#5"),
    "maj7#11": ("M7#11", "Δ#11", "Δ7#11", "^7#11", "maj9#11"),
    "7b5": ("7-5",),
    "7b9": ("7-9",),
    "7#9": ("7+9",),
    "7#11": ("9#11", "7+11", "7#4"),
    "7b13": ("7-13", "7b6"),
    "7alt": ("alt", "alt7"),
    "7sus4": ("7sus", "sus7", "sus47"),
    "9": ("dom9", "79"),
    "maj9": ("M9", "Δ9", "ma9", "^9"),
    "m9": ("min9", "-9", "mi9"),
    "9sus4": ("9sus", "sus9", "sus4add9"),
    "11": ("dom11",),
    "m11": ("min11", "-11", "mi11", "m7add11", "m711"),
    "13": ("dom13", "7add13", "713", "7/6"),
    "maj13": ("M13", "Δ13", "ma13", "^13"),
    "m13": ("min13", "-13", "mi13"),
    "13b9": ("13-9",),
    "add11": ("add4",),
    "mM9": ("mmaj9", "minmaj9", "-maj9", "mimaj9", "mΔ9", "-Δ9", "-M9", "minM9"),
    "m7#5": ("min7#5", "-7#5", "mi7#5", "m7+5", "mb6"),
    "m7b9": ("min7b9", "-7b9", "mi7b9"),
    "m9b5": ("min9b5", "-9b5", "mi9b5", "ø9"),
    "m11b5": ("min11b5", "-11b5", "mi11b5", "ø11"),
    "dimM7": ("dimmaj7", "°M7", "°maj7", "°Δ7", "oM7", "omaj7"),
    "maj7b5": ("M7b5", "Δb5", "Δ7b5", "ma7b5"),
    "maj13#11": ("M13#11", "Δ13#11", "ma13#11"),
    "6/9#11": ("69#11", "maj6/9#11"),
    "9b5": ("9-5",),
    "9#5": ("9+5", "+9", "9+", "aug9"),
    "7b5b9": ("7b9b5",),
    "7b5#9": ("7#9b5",),
    "7#5b9": ("7b9#5", "+7b9", "aug7b9"),
    "7#5#9": ("7#9#5", "+7#9", "aug7#9"),
    "7b9#11": ("7#11b9",),
    "7#9#11": ("7#11#9",),
    "7b9b13": ("7b13b9",),
    "7#9b13": ("7b13#9",),
    "13#11": ("13+11",),
    "13sus4": ("13sus",),
    "7b9sus4": ("7sus4b9", "7susb9", "7b9sus"),
}
"""The alternative spellings of each quality."""


@dataclass(frozen=True)
class Chord:
    """A chord: root and bass as pitch classes 0-11, a quality of `CHORDS`, all classes with the bass."""

    root: int
    quality: str
    pitch_classes: frozenset[int]
    bass: int

    @property
    def name(self) -> str:
        """The symbol, roots written with sharps."""
        quality = "" if self.quality == "maj" else "m" if self.quality == "min" else self.quality
        slash = f"/{pitch_class_name(self.bass)}" if self.bass != self.root else ""
        return f"{pitch_class_name(self.root)}{quality}{slash}"


def make_chord(root: int, quality: str, bass: int | None = None) -> Chord:
    """Return the chord of a quality of `CHORDS` on a pitch class."""
    tones = {(root + step) % 12 for step in CHORDS[quality]}
    bass = root if bass is None else bass
    return Chord(root, quality, frozenset(tones | {bass}), bass)


def parse_chord(text: str) -> Chord:
    """Return the chord of a lead-sheet symbol. Raises ConfigError with the nearest quality."""
    symbol = re.sub(r"[\s(),]", "", text)
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise ConfigError(f"no chord {text!r}; allowed: a root A-G, a quality, a bass (C, Bbmaj7, F#m7b5/E)")
    root, spelling, bass = match.groups()
    quality = _CAPITALS.sub(lambda match: match[0].lower(), spelling.translate(_SIGNS))
    if quality not in _QUALITIES:
        raise unknown_name(f"chord quality in {text!r}:", quality, CHORDS)
    return make_chord(parse_pitch_class(root), _QUALITIES[quality], parse_pitch_class(bass) if bass else None)


def parse_chord_bars(text: str) -> tuple[tuple[Chord, ...], ...]:
    """Return the chords of each bar of "Dm7 G7 Cmaj7 %", a bar each, or of "Dm7 G7 | Cmaj7", a bar between lines.

    "%" repeats the bar before, and "N.C." continues the chord before. Raises ConfigError with the invalid symbol and
    the nearest quality.
    """
    lines = (
        [part.split() for part in re.split(r"[|\n]+", text)] if "|" in text else [[w] for w in text.split()]
    )
    bars: list[tuple[Chord, ...]] = []
    for words in (words for words in lines if words):
        chords = tuple(parse_chord(word) for word in words if word.upper() not in AS_BEFORE)
        if not chords and not bars:
            raise ConfigError(f"{' '.join(words)!r} needs a chord before it")
        bars.append(chords or (bars[-1] if words == ["%"] else bars[-1][-1:]))
    if not bars:
        raise ConfigError(f"no chords in {text!r}; allowed: symbols such as Dm7 G7 Cmaj7")
    return tuple(bars)


AS_BEFORE = ("%", "N.C.", "NC", "N.C")
"""The signs of lead sheets for a repeated bar and for no chord."""

_ROOT = "[A-Ga-g](?:[#♯]+|[b♭]*)"
# Here "-" after the root means minor, not flat; and the slash of "6/9" is part of the quality.
_SYMBOL = re.compile(rf"({_ROOT})(.*?)(?:/({_ROOT}))?")

_SIGNS = str.maketrans({"♯": "#", "♭": "b", "−": "-", "–": "-", "º": "°", "△": "Δ", "∆": "Δ"})

_CAPITALS = re.compile("MAJ|Maj|MIN|Min|MI|Mi|MA|Ma|DIM|Dim|SUS|Sus|AUG|Aug|ADD|Add")

_QUALITIES: dict[str, str] = {quality: quality for quality in CHORDS} | {
    spelling: quality for quality, spellings in SPELLINGS.items() for spelling in spellings
}

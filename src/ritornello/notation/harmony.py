"""Chord symbols as MusicXML's `<harmony>` has them: root, kind, degrees, bass, and the text that is printed.

Source: MusicXML 4.0, W3C Community Group, elements `harmony`, `kind` and `degree`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ritornello.analysis.chords import Chords, find_chords
from ritornello.analysis.keys import KeySpan, find_keys
from ritornello.chord_symbols import chord_texts
from ritornello.errors import ConfigError
from ritornello.notation.spelling import spell_class
from ritornello.score import Score, Text
from ritornello.theory import Chord, is_no_chord, parse_chord, split_chord

NO_CHORD = "N.C."

Name = tuple[str, int]
"""Letter and alteration in semitones: ("B", -1) is B flat."""

Degree = tuple[int, int, str]
"""Degree above the root, alteration in semitones, and "add", "alter" or "subtract"."""

_FLAT5, _SHARP5 = (5, -1, "alter"), (5, 1, "alter")
_FLAT9, _NINTH, _SHARP9 = (9, -1, "add"), (9, 0, "add"), (9, 1, "add")
_ELEVENTH, _SHARP11 = (11, 0, "add"), (11, 1, "add")
_FLAT13, _THIRTEENTH, _SEVENTH = (13, -1, "add"), (13, 0, "add"), (7, 0, "add")
_NO3, _NO5 = (3, 0, "subtract"), (5, 0, "subtract")

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
    "majb5": ("major", (_FLAT5,)),
    "m#5": ("minor", (_SHARP5,)),
    "mb6": ("minor", ((6, -1, "add"),)),
    "omit5": ("major", (_NO5,)),
    "momit5": ("minor", (_NO5,)),
    "7omit3": ("dominant", (_NO3,)),
    "7omit5": ("dominant", (_NO5,)),
    "m7omit5": ("minor-seventh", (_NO5,)),
    "maj7omit3": ("major-seventh", (_NO3,)),
    "maj7omit5": ("major-seventh", (_NO5,)),
    "9omit5": ("dominant-ninth", (_NO5,)),
    "sus2sus4": ("suspended-fourth", (_NINTH,)),
    "7sus2": ("suspended-second", (_SEVENTH,)),
    "6sus4": ("suspended-fourth", ((6, 0, "add"),)),
    "6sus2": ("suspended-second", ((6, 0, "add"),)),
    "maj7sus4": ("suspended-fourth", ((7, 1, "add"),)),
    "maj7sus2": ("suspended-second", ((7, 1, "add"),)),
    "add#11": ("major", (_SHARP11,)),
    "madd11": ("minor", (_ELEVENTH,)),
    "6#11": ("major-sixth", (_SHARP11,)),
    "7add11": ("dominant", (_ELEVENTH,)),
    "7add13": ("dominant", (_THIRTEENTH,)),
    "m7add11": ("minor-seventh", (_ELEVENTH,)),
    "m7add13": ("minor-seventh", (_THIRTEENTH,)),
    "maj7add11": ("major-seventh", (_ELEVENTH,)),
    "maj7add13": ("major-seventh", (_THIRTEENTH,)),
    "9#11": ("dominant-ninth", (_SHARP11,)),
    "maj9#11": ("major-ninth", (_SHARP11,)),
    "maj9#5": ("major-ninth", (_SHARP5,)),
    "maj11": ("major-ninth", (_ELEVENTH,)),
    "mM11": ("major-minor", (_NINTH, _ELEVENTH)),
    "7b9#9": ("dominant", (_FLAT9, _SHARP9)),
    "7b5b13": ("dominant", (_FLAT5, _FLAT13)),
    "7#11b13": ("dominant", (_SHARP11, _FLAT13)),
    "9b13": ("dominant-ninth", (_FLAT13,)),
    "13#9": ("dominant-13th", ((9, 1, "alter"),)),
    "13b9#11": ("dominant-13th", ((9, -1, "alter"), _SHARP11)),
    "13#9#11": ("dominant-13th", ((9, 1, "alter"), _SHARP11)),
    "13b5": ("dominant-13th", (_FLAT5,)),
    "m7b5b9": ("half-diminished", (_FLAT9,)),
    "dim7add9": ("diminished-seventh", (_NINTH,)),
    "7#11add13": ("dominant", (_SHARP11, _THIRTEENTH)),
    "7b9#9b13": ("dominant", (_FLAT9, _SHARP9, _FLAT13)),
}
"""The kind and the degrees of each quality of `theory.CHORDS`. An added seventh is a minor one. As on lead sheets, a
dominant eleventh has no third, and thirteenths have no eleventh."""


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
    if is_no_chord(symbol):
        return Harmony(("C", 0), "none", NO_CHORD)
    parts = split_chord(symbol)
    if parts is None:
        return None
    try:
        kind, degrees = KINDS[parse_chord(symbol).quality]
    except ConfigError:
        kind, degrees = "other", ()
    root, text, bass = parts
    return Harmony(_name(root), kind, text.strip(), degrees, _name(bass) if bass else None)


def harmony_of(chord: Chord, fifths: int = 0) -> Harmony:
    """Return the harmony of a chord that has no written symbol; its names are those of the key signature."""
    kind, degrees = KINDS[chord.quality]
    text = {"maj": "", "min": "m"}.get(chord.quality, chord.quality)
    bass = spell_class(chord.bass, fifths) if chord.bass != chord.root else None
    return Harmony(spell_class(chord.root, fifths), kind, text, degrees, bass)


def chord_names(chords: Chords, keys: Sequence[KeySpan]) -> tuple[tuple[int, str], ...]:
    """Return (tick, symbol) of chords that were found, with the names of the local key; "N.C." where there is none."""
    starts = [span.start for span in keys]
    return tuple(
        (tick, harmony_of(chord, keys[bisect_right(starts, tick) - 1].key.fifths).name if chord else NO_CHORD)
        for tick, chord in chords.named()
    )


def with_chord_symbols(score: Score) -> Score:
    """Return `score` with symbols of the chords that are found in it; as it is, if it has symbols or no pitches."""
    if chord_texts(score) or not (keys := find_keys(score)):
        return score
    names = chord_names(find_chords(score), keys)
    texts = (*score.texts, *(Text(tick, "chord", name) for tick, name in names))
    return replace(score, texts=tuple(sorted(texts, key=lambda text: text.tick)))


def _shown(name: Name) -> str:
    letter, alter = name
    return letter + ("#" * alter if alter > 0 else "b" * -alter)


def _name(text: str) -> Name:
    return text[0].upper(), sum({"#": 1, "♯": 1}.get(sign, -1) for sign in text[1:])

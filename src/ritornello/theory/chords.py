"""Chords, and their symbols in lead sheets.

A symbol is a root, a quality in one of its spellings, and optionally `/` and a bass: "F#m7b5/E", "Bbmaj7", "C-7",
"G7#9", "D6/9". `CHORDS` has the tones of each quality, `SPELLINGS` its customary spellings; any other one is read tone
by tone (`_tones`), such as "C7(9, #11)" or "Gm7(omit5)". Roots may have German names too, H, Cis, Es; B is B natural,
as in English, and B flat is Bb. `NO_CHORD` has the signs of no chord.
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
    "majb5": (0, 4, 6),
    "m#5": (0, 3, 8),
    "mb6": (0, 3, 7, 8),
    "omit5": (0, 4),
    "momit5": (0, 3),
    "7omit3": (0, 7, 10),
    "7omit5": (0, 4, 10),
    "m7omit5": (0, 3, 10),
    "maj7omit3": (0, 7, 11),
    "maj7omit5": (0, 4, 11),
    "9omit5": (0, 2, 4, 10),
    "sus2sus4": (0, 2, 5, 7),
    "7sus2": (0, 2, 7, 10),
    "6sus4": (0, 5, 7, 9),
    "6sus2": (0, 2, 7, 9),
    "maj7sus4": (0, 5, 7, 11),
    "maj7sus2": (0, 2, 7, 11),
    "add#11": (0, 4, 6, 7),
    "madd11": (0, 3, 5, 7),
    "6#11": (0, 4, 6, 7, 9),
    "7add11": (0, 4, 5, 7, 10),
    "7add13": (0, 4, 7, 9, 10),
    "m7add11": (0, 3, 5, 7, 10),
    "m7add13": (0, 3, 7, 9, 10),
    "maj7add11": (0, 4, 5, 7, 11),
    "maj7add13": (0, 4, 7, 9, 11),
    "9#11": (0, 2, 4, 6, 7, 10),
    "maj9#11": (0, 2, 4, 6, 7, 11),
    "maj9#5": (0, 2, 4, 8, 11),
    "maj11": (0, 2, 4, 5, 7, 11),
    "mM11": (0, 2, 3, 5, 7, 11),
    "7b9#9": (0, 1, 3, 4, 7, 10),
    "7b5b13": (0, 4, 6, 8, 10),
    "7#11b13": (0, 4, 6, 7, 8, 10),
    "9b13": (0, 2, 4, 7, 8, 10),
    "13#9": (0, 3, 4, 7, 9, 10),
    "13b9#11": (0, 1, 4, 6, 7, 9, 10),
    "13#9#11": (0, 3, 4, 6, 7, 9, 10),
    "13b5": (0, 2, 4, 6, 9, 10),
    "m7b5b9": (0, 1, 3, 6, 10),
    "dim7add9": (0, 2, 3, 6, 9),
    "7#11add13": (0, 4, 6, 7, 9, 10),
    "7b9#9b13": (0, 1, 3, 4, 7, 8, 10),
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
    "maj7#11": ("M7#11", "Δ#11", "Δ7#11", "^7#11"),
    "7b5": ("7-5",),
    "7b9": ("7-9",),
    "7#9": ("7+9",),
    "7#11": ("7+11", "7#4"),
    "7b13": ("7-13", "7b6"),
    "7alt": ("alt", "alt7", "7altered", "altered"),
    "7sus4": ("7sus", "sus7", "sus47"),
    "9": ("dom9", "79"),
    "maj9": ("M9", "Δ9", "ma9", "^9"),
    "m9": ("min9", "-9", "mi9"),
    "9sus4": ("9sus", "sus9"),
    "11": ("dom11",),
    "m11": ("min11", "-11", "mi11"),
    "13": ("dom13",),
    "maj13": ("M13", "Δ13", "ma13", "^13"),
    "m13": ("min13", "-13", "mi13"),
    "13b9": ("13-9",),
    "add11": ("add4",),
    "mM9": ("mmaj9", "minmaj9", "-maj9", "mimaj9", "mΔ9", "-Δ9", "-M9", "minM9"),
    "m7#5": ("min7#5", "-7#5", "mi7#5", "m7+5"),
    "m7b9": ("min7b9", "-7b9", "mi7b9"),
    "m9b5": ("min9b5", "-9b5", "mi9b5", "ø9"),
    "m11b5": ("min11b5", "-11b5", "mi11b5", "ø11"),
    "dimM7": ("dimmaj7", "°M7", "°maj7", "°Δ7", "oM7", "omaj7"),
    "maj7b5": ("M7b5", "Δb5", "Δ7b5", "ma7b5"),
    "mb6": ("-b6", "mib6"),
    "omit5": ("no5",),
    "7add13": ("7/6",),
    "sus2sus4": ("sus24", "sus42", "sus2/4", "sus4/2"),
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
    """Return the chord of a lead-sheet symbol. Raises ConfigError with the nearest quality, or what to write."""
    parts = split_chord(text)
    if parts is None:
        raise ConfigError(
            f"no chord {text!r}; allowed: a root A-G, a quality, a bass (C, Bbmaj7, F#m7b5/E){_hint(text)}"
        )
    root, written, bass = parts
    quality = quality_of(written)
    if quality is None:
        plain = _compact(written)
        error = unknown_name(f"chord quality in {text!r}:", plain, CHORDS)
        raise ConfigError(f"{error}{hint}") if (hint := _hint(text)) else error
    return make_chord(parse_pitch_class(root), quality, parse_pitch_class(bass) if bass else None)


def quality_of(written: str) -> str | None:
    """Return the quality of `CHORDS` for what stands after a root, such as "m7b5", "7(9)"; None if there is none."""
    text = re.sub(_CAPITALS, lambda match: match[0].lower(), written.translate(_SIGNS))
    added = re.fullmatch(_ADDED, text)
    plain = f"{added[1]}add{added[2]}" if added else _compact(text)
    if plain in _QUALITIES:
        return _QUALITIES[plain]
    tones = _tones(f"{added[1]}add{added[2]}" if added else text)
    return None if tones is None else _BY_TONES.get(tones)


def _compact(written: str) -> str:
    return re.sub(r"[\s(),]", "", written).rstrip(".")


def _tones(text: str) -> frozenset[int] | None:
    """Return the semitones above the root of a quality, read sign by sign; None where it cannot be read so.

    A triad, its extension, then changes: tones added, altered, suspended or left out. An altered ninth replaces that of
    the extension.
    """
    match = re.match(_BASE, text)
    assert match is not None  # it may be empty
    triad, major, extension = match["triad"], match["major"], (match["extension"] or "").replace("/", "")
    is_minor, is_dim = triad in ("m", "mi", "min", "minor", "-"), triad in ("dim", "°", "o")
    is_half = triad in ("ø", "h")
    third: int | None = None if extension == "5" else 3 if is_minor or is_dim or is_half else 4
    fifth: int | None = 6 if is_dim or is_half else 8 if triad in ("aug", "+") else 7
    tones: set[int] = set()
    if extension in ("7", "9", "11", "13") or is_half or (major in ("Δ", "^") and not extension):
        tones.add(11 if major else 9 if is_dim else 10)
    tones |= {"6": {9}, "69": {9, 2}, "9": {2}, "11": {2, 5}, "13": {2, 9}}.get(extension, set())
    if extension == "11" and not (triad or major):
        third = None  # as is usual
    rest = text[match.end() :]
    while rest.strip(" (),."):
        change = re.match(_CHANGE, rest)
        if change is None or (change["number"] == "7" and not change["major"]):
            return None
        rest = rest[change.end() :]
        if change["sus"]:
            third = None
            tones |= {"2": {2}, "4": {5}, "": {5}}.get(change["sus"][3:], {2, 5})
        elif change["omit"]:
            third, fifth = (None, fifth) if change["without"] == "3" else (third, None)
        elif change["number"]:
            sign, number = change["sign"], change["number"]
            tone = (
                _DEGREES[number] + {"b": -1, "-": -1, "#": 1, "+": 1}.get(sign, 0) + (change["major"] != "")
            )
            if number == "5":
                fifth = tone
                continue
            if sign and number == "9":
                tones.discard(2)
            tones.add(tone % 12)
    return frozenset({0, *tones, *(tone for tone in (third, fifth) if tone is not None)})


def split_chord(text: str) -> tuple[str, str, str | None] | None:
    """Return the English name of the root, the quality as it is written, and the name of the bass, of a chord symbol.

    None for a text that does not begin with a root.
    """
    symbol = text.strip().translate(_SIGNS).rstrip(".,")
    if symbol.startswith("(") and symbol.endswith(")"):
        symbol = symbol[1:-1]
    match = re.fullmatch(_SYMBOL, symbol)
    return None if match is None else (_english(match[1]), match[2], match[3] and _english(match[3]))


def _english(root: str) -> str:
    """Return the English name of a root, which may have a German one: B for H, Eb for Es."""
    german = re.fullmatch(_GERMAN, root)
    if german is None:
        return root
    letter = "B" if german["letter"] in "Hh" else german["letter"]
    return letter + {"is": "#", "es": "b", "s": "b"}.get(german["ending"], "") + german["signs"]


def _hint(text: str) -> str:
    """Return what to write instead of a symbol of another system, as the end of a message."""
    name = text.strip()
    if re.match(_LATIN, name):
        return "; write letters for do, re, mi: C D E F G A B"
    if re.match(_ROMAN, name):
        return "; a numeral has no pitch without a key: write the chords of the key, such as C F G7"
    return ""


def is_no_chord(text: str) -> bool:
    """Return whether a text is a sign that no chord is to sound: N.C."""
    return text.strip().upper() in NO_CHORD


def parse_chord_bars(text: str) -> tuple[tuple[Chord | None, ...], ...]:
    """Return the chords of each bar of "Dm7 G7 Cmaj7 %", a bar each, or of "Dm7 G7 | Cmaj7", a bar between lines.

    None stands for no chord ("N.C.", "-"). "%" repeats the bar before, and "/" or a "%" beside chords the chord before.
    Raises ConfigError with the invalid symbol and the nearest quality, and for a B beside German names.
    """
    lines = (
        [part.split() for part in re.split(r"[|\n]+", text)] if "|" in text else [[w] for w in text.split()]
    )
    bars: list[tuple[Chord | None, ...]] = []
    for words in (words for words in lines if words):
        if words == ["%"] and bars:
            bars.append(bars[-1])
            continue
        bar: list[Chord | None] = []
        for word in words:
            before = bar or (bars[-1] if bars else None)
            if word in ("%", "/") and not before:
                raise ConfigError(f"{word!r} needs a chord before it")
            bar.append(before[-1] if word in ("%", "/") and before else _chord_or_none(word))
        bars.append(tuple(bar))
    if not bars:
        raise ConfigError(f"no chords in {text!r}; allowed: symbols such as Dm7 G7 Cmaj7")
    _check_german(text)
    return tuple(bars)


def _chord_or_none(word: str) -> Chord | None:
    return None if is_no_chord(word) or word in DASHES else parse_chord(word)


def _check_german(text: str) -> None:
    """Raise ConfigError for a B in a progression with German names, where it may be B flat."""
    roots = [match.groups() for word in re.split(r"[\s|]+", text) if (match := re.fullmatch(_SYMBOL, word))]
    names = [name for root, _, bass in roots for name in (root, bass) if name]
    german = next((name for name in names if re.fullmatch(_GERMAN, name)), None)
    if german and "B" in names:
        raise ConfigError(f"B beside the German {german}: write Bb for the German B, or B instead of H")


NO_CHORD = ("N.C.", "N.C", "NC", "NC.", "N/C", "N. C.", "NO CHORD")
"""The signs of lead sheets for no chord, in capitals."""

DASHES = ("-", "–", "—")
"""Signs of no chord in a progression."""

_ROOT = "(?:[CDEFGAHcdefgah]is|[CDFGHcdfgh]es|[EAea]s(?!us)|[Hh])[#♯]*|[A-Ga-g](?:[#♯]+|[b♭]*)"
# Here "-" after the root means minor, not flat; and the slash of "6/9" is part of the quality.
_SYMBOL = rf"({_ROOT})(.*?)(?:\s*/\s*({_ROOT}))?"
_GERMAN = "(?=[Hh]|.[ie]?s)(?P<letter>[A-Ha-h])(?P<ending>is|es|s)?(?P<signs>[#♯]*)"

_SIGNS = str.maketrans({"♯": "#", "♭": "b", "−": "-", "–": "-", "º": "°", "△": "Δ", "∆": "Δ"})

_CAPITALS = "MAJ|Maj|MIN|Min|MI|Mi|MA|Ma|DIM|Dim|SUS|Sus|AUG|Aug|ADD|Add|ALT|Alt|OMIT|Omit|NO|No"

_ADDED = r"(m|min|mi|-|)\(\s*(2|4|9|11|13)\s*\)"
"""A tension in parentheses after a triad: C(9) is C with an added ninth."""

_BASE = (
    r"(?P<triad>minor|min|mi|m(?!a(?!dd))|-(?!5)|dim|°|o|aug|\+|ø|h|dom|)(?:[\s(/]*(?P<major>major|maj|ma|M|Δ|\^|[jJ]))?"
    r"(?:[\s(]*(?P<extension>6/9|69|5|6|7|9|11|13))?"
)

_CHANGE = (
    r"[\s(),/.]*(?:(?P<sus>sus(?:2/?4|4/?2|2sus4|4|2)?)|(?P<omit>omit|no)\s*(?P<without>[35])"
    r"|(?:add)?(?P<major>maj|M|)(?P<sign>[b#+-]|)(?P<number>2|4|5|6|7|9|11|13))"
)

_DEGREES = {"2": 2, "4": 5, "5": 7, "6": 9, "7": 10, "9": 2, "11": 5, "13": 9}
"""Semitones above the root of the degrees that are added; a seventh is minor."""

_LATIN = r"(?i:do|re|ré|mi|fa|sol|la|si)(?i:(?![ac-ln-z]))"
_ROMAN = r"[b#♭♯]?(?:VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)(?![a-ln-z])"

_QUALITIES: dict[str, str] = {quality: quality for quality in CHORDS} | {
    spelling: quality for quality, spellings in SPELLINGS.items() for spelling in spellings
}

_BY_TONES: dict[frozenset[int], str] = {}
for _quality, _steps in CHORDS.items():
    _BY_TONES.setdefault(frozenset(_steps), _quality)

"""Pitches, intervals, scales and keys: tables, and parsers of their names.

Conventions: a pitch is a MIDI number 0-127 (60 is C4, middle C); a pitch class is 0-11 (C is 0); an interval
is a number of semitones. Accidentals in names are any of `#`, `♯`, `b`, `♭`, and `-` for a flat (as in Humdrum and
music21); letters are upper or lower case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from ritornello.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""The pitch class of each letter."""

SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")

INTERVALS: dict[str, int] = {
    "unison": 0,
    "minor second": 1,
    "major second": 2,
    "minor third": 3,
    "major third": 4,
    "perfect fourth": 5,
    "tritone": 6,
    "perfect fifth": 7,
    "minor sixth": 8,
    "major sixth": 9,
    "minor seventh": 10,
    "major seventh": 11,
    "octave": 12,
}
"""Semitones of each interval."""

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "lydian dominant": (0, 2, 4, 6, 7, 9, 10),
    "altered": (0, 1, 3, 4, 6, 8, 10),
    "phrygian dominant": (0, 1, 4, 5, 7, 8, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "major blues": (0, 2, 3, 4, 7, 9),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "octatonic": (0, 1, 3, 4, 6, 7, 9, 10),
    "diminished": (0, 2, 3, 5, 6, 8, 9, 11),
    "bebop dominant": (0, 2, 4, 5, 7, 9, 10, 11),
    "bebop major": (0, 2, 4, 5, 7, 8, 9, 11),
    "hungarian minor": (0, 2, 3, 6, 7, 8, 11),
    "chromatic": tuple(range(12)),
}
"""Semitones above the tonic. "octatonic" begins with a half step, "diminished" with a whole step; "blues" is
the hexatonic (minor) blues scale; "melodic minor" is the ascending form."""

SCALE_ALIASES: dict[str, str] = {
    "": "major",
    "M": "major",
    "maj": "major",
    "min": "minor",
    "m": "minor",
    "natural minor": "minor",
    "pentatonic": "major pentatonic",
    "hexatonic blues": "blues",
    "minor blues": "blues",
    "half whole": "octatonic",
    "whole half": "diminished",
    "super locrian": "altered",
    "jazz minor": "melodic minor",
}

MODES: dict[str, int] = {
    "major": 0, "ionian": 0, "major pentatonic": 0, "dorian": 2, "phrygian": 4, "lydian": 5, "mixolydian": 7,
    "minor": 9, "harmonic minor": 9, "melodic minor": 9, "aeolian": 9, "minor pentatonic": 9, "locrian": 11,
}  # fmt: skip
"""The scales that are written with a key signature, and how far the tonic lies above that of its major key."""

KEY_CLASSES = {False: (0, 2, 4, 5, 7, 9, 11), True: (0, 2, 3, 5, 7, 8, 9, 10, 11)}
"""Semitones above the tonic of the notes of a key, in minor or not. Minor has both forms of the sixth and seventh."""

# Krumhansl & Kessler (1982), Tracing the dynamic changes in perceived tonal organization in a spatial
# representation of musical keys, Psychological Review 89; figures as in Krumhansl (1990), table 2.1.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

ACCIDENTALS = {"#": 1, "♯": 1, "x": 2, "b": -1, "♭": -1, "-": -1, "♮": 0}

_KEY = re.compile(
    r"(?P<letter>[A-Ha-h])(?P<sign>#|♯|b|♭|-(?= |$)|[ -]sharp|[ -]flat|(?:is|s|es)(?![a-z]))?"
    r"(?:[ -]?(?P<mode>M|m|maj|min|major|minor|dur|moll))?"
)

_NAME = re.compile(r"([A-Ga-g])([#♯x♮]+|[b♭-]*)")
_PITCH = re.compile(r"([A-Ga-g])([#♯x♮]+|[b♭-]*?)(-1|\d+)")


def pitch_class_name(pitch: int, flats: bool = False) -> str:
    """Return the name of a pitch's class: "C#", or "Db" with `flats`."""
    return (FLAT_NAMES if flats else SHARP_NAMES)[pitch % 12]


def pitch_name(pitch: int, flats: bool = False) -> str:
    """Return the name of a MIDI pitch, 0-127: 60 is "C4", 0 is "C-1"."""
    return f"{pitch_class_name(pitch, flats)}{_checked(pitch, str(pitch)) // 12 - 1}"


def parse_pitch(text: str) -> int:
    """Return the MIDI pitch of "C4", "F#3", "Bb2", "B-2" (also B flat 2) or "60".

    "-1" at the end is the octave below octave 0, as in `pitch_name`: "C-1" is pitch 0. Raises ConfigError.
    """
    name = text.strip()
    if name.isdecimal():
        return _checked(int(name), name)
    match = _PITCH.fullmatch(name)
    if match is None:
        raise ConfigError(
            f"no pitch {text!r}; allowed: a letter, # or b, and an octave (C4, F#3, Bb2), or 0-127"
        )
    letter, accidentals, octave = match.groups()
    return _checked(12 * (int(octave) + 1) + LETTERS[letter.upper()] + _shift(accidentals), name)


def parse_pitch_class(text: str) -> int:
    """Return the pitch class 0-11 of "C", "F#", "Bb" or "B-". Raises ConfigError."""
    match = _NAME.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"no note name {text!r}; allowed: a letter A-G, then # or b (C, F#, Bb)")
    return split_name(text.strip())[0]


def split_name(text: str) -> tuple[int, str]:
    """Return the pitch class of the note name at the start of `text`, and the rest. Raises ConfigError."""
    match = _NAME.match(text)
    if match is None:
        raise ConfigError(f"no note name at the start of {text!r}; allowed: a letter A-G, then # or b")
    letter, accidentals = match.groups()
    return (LETTERS[letter.upper()] + _shift(accidentals)) % 12, text[match.end() :]


def parse_scale(text: str) -> tuple[int, str, frozenset[int]]:
    """Return tonic pitch class, scale name and pitch classes of "D dorian", "C major", "Bb" (major) or "F#m".

    Raises ConfigError with the nearest scale name.
    """
    tonic, rest = split_name(text.strip())
    name = " ".join(rest.replace("-", " ").split())
    name = name if name == "M" else name.lower()
    name = SCALE_ALIASES.get(name, name)
    if name not in SCALES:
        raise unknown_name("scale", name, SCALES)
    return tonic, name, frozenset((tonic + step) % 12 for step in SCALES[name])


def parse_scale_classes(text: str) -> frozenset[int]:
    """Return the pitch classes of a scale by name ("D dorian") or of its notes, with commas ("C,D,E,G,A").

    Raises ConfigError.
    """
    if "," in text:
        return frozenset(parse_pitch_class(name) for name in text.split(",") if name.strip())
    return parse_scale(text)[2]


def parse_key(text: str) -> tuple[int, bool]:
    """Return (fifths, minor) of "D major", "F# minor", "Bb", "B flat major", "Am" or, in German, "Es-Dur" and "h-Moll".

    fifths: the key signature, -7 (flats) to 7 (sharps). A tonic alone is a major key. Raises ConfigError.
    """
    name = " ".join(text.split())
    match = _KEY.fullmatch(
        name if name.endswith(("m", "M")) and len(name) < 5 else name[:1] + name[1:].lower()
    )
    if match is None:
        raise ConfigError(
            f"no key {text!r}; allowed: a tonic and major or minor (D major, F# minor, Bb); other scales: scale"
        )
    letter, sign, mode = match["letter"].upper(), (match["sign"] or "").lstrip(" "), match["mode"] or ""
    is_german = mode in ("dur", "moll") or sign in ("is", "s", "es") or letter == "H"
    if letter == "H" or (is_german and letter == "B"):
        sign = sign if letter == "H" else "b"
        letter = "B"
    shift = {"": 0, "#": 1, "♯": 1, "sharp": 1, "-sharp": 1, "is": 1}.get(sign, -1)
    minor = mode in ("m", "min", "minor", "moll")
    fifths = "FCGDAEB".index(letter) - 1 + 7 * shift - 3 * minor
    if abs(fifths) > 7:
        other = key_name(fifths - 12 if fifths > 0 else fifths + 12, minor)
        raise ConfigError(f"key {text}: no signature has {abs(fifths)} sharps or flats; give {other}")
    return fifths, minor


def key_tonic(fifths: int, minor: bool = False) -> int:
    """Return the pitch class, 0-11, of the tonic of a key signature."""
    return (7 * fifths + 9 * minor) % 12


def key_classes(fifths: int, minor: bool = False) -> frozenset[int]:
    """Return the pitch classes of a key; in minor also the raised sixth and seventh."""
    tonic = key_tonic(fifths, minor)
    return frozenset((tonic + step) % 12 for step in KEY_CLASSES[minor])


def scale_signature(text: str) -> tuple[int, bool] | None:
    """Return the key signature, as (fifths, minor), with which a named scale is written: "D dorian" as C major.

    None for scales without one, such as "C blues" or a list of notes.
    """
    if "," in text:
        return None
    tonic, name, _ = parse_scale(text)
    if name not in MODES:
        return None
    minor = MODES[name] == 9
    return key_fifths(tonic if minor else (tonic - MODES[name]) % 12, minor), minor


def estimate_key(weights: ArrayLike) -> tuple[int, bool, int]:
    """Return (tonic pitch class, minor, fifths) of the key that best fits 12 weights, one a pitch class.

    The first weight is that of C; durations are good weights. The method is that of Krumhansl and Schmuckler: the
    highest correlation with the 24 rotated profiles (Krumhansl 1990, *Cognitive Foundations of Musical Pitch*,
    chapter 4). `fifths` is the key signature, -6 to 5. Equal weights fit every key equally and give C major.
    """
    import numpy as np

    shares = np.asarray(weights, dtype=np.float64)
    shares = shares / max(shares.sum(), 1e-300)
    best = int(np.argmax(np.round(key_profiles() @ (shares - shares.mean()), 12)))  # equal is equal
    tonic, minor = best % 12, best >= 12
    return tonic, minor, key_fifths(tonic, minor)


@cache
def key_profiles() -> NDArray[np.float64]:
    """Return the profiles of the 24 keys, 12 major and 12 minor from C, each of mean 0 and length 1."""
    import numpy as np

    profiles = np.array([np.roll(p, tonic) for p in (MAJOR_PROFILE, MINOR_PROFILE) for tonic in range(12)])
    profiles -= profiles.mean(axis=1, keepdims=True)
    return np.asarray(profiles / np.linalg.norm(profiles, axis=1, keepdims=True))


def key_fifths(tonic: int, minor: bool = False) -> int:
    """Return the key signature (-6 to 5, flats below 0) of a tonic pitch class."""
    return ((tonic + 3 * minor) * 7 + 6) % 12 - 6


def key_name(fifths: int, minor: bool = False) -> str:
    """Return the name of a key signature (-7 to 7): "Eb major", "F# minor"."""
    circle = "FCGDAEB"
    place = fifths + 1 + 3 * minor
    accidentals = "#" * (place // 7) if place >= 0 else "b" * (-(place // 7))
    return f"{circle[place % 7]}{accidentals} {'minor' if minor else 'major'}"


def nearest_in(pitch: int, allowed: Sequence[int] | frozenset[int]) -> int:
    """Return the pitch nearest to `pitch` with its class in `allowed` (not empty); of two, the lower."""
    return min(range(pitch - 6, pitch + 7), key=lambda p: (p % 12 not in allowed, abs(p - pitch), p))


def _shift(accidentals: str) -> int:
    return sum(ACCIDENTALS[sign] for sign in accidentals)


def _checked(pitch: int, text: str) -> int:
    if not 0 <= pitch <= 127:
        raise ConfigError(f"pitch {text} is out of range; allowed: 0-127, which is C-1 to G9")
    return pitch

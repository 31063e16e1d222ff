"""Places on the line of fifths: C is 0, G 1, F -1; keys and names of notes by them."""

from __future__ import annotations

from ritornello.score import Key

LINE = "FCGDAEB"
"""The letters from place -1 on."""

MODES = {
    "maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1,
}  # fmt: skip
"""How many fifths the signature of a mode is above that of major, by the first three letters of its name."""


def place_of(letter: str, alter: int = 0) -> int:
    """Return the place of a note by its letter in capitals and its sharps (flats if negative)."""
    return LINE.index(letter) - 1 + 7 * alter


def within(fifths: int) -> int:
    """Return a signature of -7 to 7 fifths that sounds as that of `fifths`."""
    return fifths if -7 <= fifths <= 7 else (fifths + 6) % 12 - 6


def name_at(place: int) -> str:
    """Return the name at a place on the line of fifths; names with two signs become simpler ones."""
    if not -8 <= place <= 12:
        place = (place + 5) % 12 - 5
    letter, sharps = LINE[(place + 1) % 7], (place + 1) // 7
    return letter + "#" * sharps + "b" * -sharps


def key_of(letter: str, alter: int, mode: str) -> Key | None:
    """Return the key of a tonic in a mode, by name ("dorian", "Mix", "m"; "" for major); None for an unknown one."""
    name = mode.lower()
    steps = -3 if name == "m" else MODES.get(name[:3]) if name else 0
    return None if steps is None else Key(0, within(place_of(letter, alter) + steps), steps == -3)


def altered_by(fifths: int) -> dict[str, int]:
    """Return the semitones by which a signature alters letters."""
    return {letter: (fifths - place_of(letter) + 5) // 7 for letter in LINE}


def fifths_of(semitones: int) -> int:
    """Return a transposition in semitones as places on the line of fifths, with few signs."""
    return (7 * semitones + 6) % 12 - 6

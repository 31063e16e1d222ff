"""Note lists, notes written as text, for primers: "C4 E4 G4+C5:2 R F#4:1/2".

Notes are separated by spaces. A note is a pitch ("C4", "F#3", "Bb2", or 0-127), a chord of pitches joined by "+", or
"R" for a rest. ":" and the length in quarter notes may follow, as a number or a fraction ("0.5", "1/2"); the default
is one quarter.

A list in brackets, "[60, -2, 62, -2]", is a melody in sixteenths as in Magenta: a pitch 0-127 is a note-on, -2 no
event, -1 a note-off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from ritornello.errors import ConfigError
from ritornello.score import Score, Tempo, Track, make_notes
from ritornello.theory import DRUMS, parse_pitch

TICKS_PER_QUARTER = 480
LONGEST = 64
"""The longest note of a list, in quarter notes."""

_VELOCITY = 80


@dataclass(frozen=True)
class ListedNote:
    """A note, chord or rest: MIDI pitches (none for a rest), and a length in quarter notes, above 0."""

    pitches: tuple[int, ...]
    quarters: Fraction


def parse_notes(text: str) -> tuple[ListedNote, ...]:
    """Return the notes of a list. Raise ConfigError, with the position, for an invalid note; also for no notes."""
    notes = []
    for place, word in enumerate(text.split(), start=1):
        names, colon, length = word.partition(":")
        try:
            pitches = () if names in ("R", "r") else sorted({parse_pitch(name) for name in names.split("+")})
            notes.append(ListedNote(tuple(pitches), _parse_length(length) if colon else Fraction(1)))
        except ConfigError as error:
            raise ConfigError(f"note {place}, {word!r}: {error}") from None
    if not any(note.pitches for note in notes):
        raise ConfigError(f"no notes in {text!r}; write for instance: C4 E4 G4:2")
    return tuple(notes)


def notes_to_score(text: str, program: int = 0, quarters_per_minute: float = 120.0) -> Score:
    """Return the score of a note list, with one track. `program` is 0-127, or 128 for the drum kit."""
    if text.strip().startswith("["):
        text = _events_to_notes(text)
    rows, start = [], Fraction(0)
    for note in parse_notes(text):
        tick, end = (round(at * TICKS_PER_QUARTER) for at in (start, start + note.quarters))
        rows += [(tick, max(1, end - tick), pitch, _VELOCITY) for pitch in note.pitches]
        start += note.quarters
    is_drum = program == DRUMS
    track = Track(make_notes(rows), program=0 if is_drum else program, is_drum=is_drum)
    tempo = Tempo.from_quarters_per_minute(0, quarters_per_minute)
    return Score(TICKS_PER_QUARTER, (track,), tempos=(tempo,))


def _events_to_notes(text: str) -> str:
    """Return a melody in the notation of Magenta, "[60, -2, -1]", as a note list."""
    words = text.strip().removeprefix("[").removesuffix("]").replace(",", " ").split()
    notes: list[tuple[str, int]] = []
    for place, word in enumerate(words, start=1):
        if not re.fullmatch(r"-[12]|\d{1,3}", word) or int(word) > 127:
            raise ConfigError(
                f"event {place}, {word!r}, of {text!r}: allowed are -2, -1 and the pitches 0 to 127"
            )
        if word == "-2" and notes:
            notes[-1] = notes[-1][0], notes[-1][1] + 1
        else:
            notes.append(("R" if word.startswith("-") else word, 1))
    return " ".join(f"{name}:{steps}/4" for name, steps in notes)


def _parse_length(text: str) -> Fraction:
    # Matched first: Fraction("1e999999999") would take hours.
    quarters = Fraction(text) if re.fullmatch(r"\d{0,4}\.?\d{1,6}|\d{1,4}/[1-9]\d{0,3}", text) else None
    if quarters is None or not 0 < quarters <= LONGEST:
        raise ConfigError(
            f"no length {text!r}; allowed: quarter notes, above 0, at most {LONGEST} (2, 0.5, 1/3)"
        )
    return quarters

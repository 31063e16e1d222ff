"""The words of `note_names`: how notes and chords are spelt, and the words of a corpus.

A *code* is the meaning of a word as a number: below CHORD, 128, a note of that MIDI pitch; from it up a chord, 128 plus
its pitch classes as bits (pitch class 0 is bit 0). A note is written as music21 writes pitches it reads from MIDI:
five of the black keys as C#, E-, F#, G#, B-, then the octave (60 is C4). A chord is its pitch classes in normal
order, joined by dots; a chord of one pitch class, an octave, is a bare digit.

Pitches below 12 are read an octave higher: in this spelling `E-1` would be both E of octave -1 and E flat of
octave 1.

Source: system E (Classical-Piano-Composer), whose words these are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field, field_validator, model_validator

from ritornello.arrays import Ints
from ritornello.representations.tokens import CHORD

CODES = CHORD + (1 << 12)

LOWEST = 12
"""The lowest pitch that has a name of its own, C0."""

CHORD_OCTAVE = 60
"""The C of octave 4, where chords are put back."""

SPELLING = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "G#", "A", "B-", "B")


def normal_order(mask: int) -> tuple[int, ...]:
    """Return the pitch classes of a chord (as bits, at least one) in normal order.

    Of all rotations, the one of the smallest span; of several, the one most packed to the left; of several still,
    the one with the lowest first pitch class (Forte 1973, *The Structure of Atonal Music*, 1.2).
    """
    classes = [c for c in range(12) if mask >> c & 1]
    rotations = [tuple(classes[i:] + classes[:i]) for i in range(len(classes))]

    def tightness(rotation: tuple[int, ...]) -> tuple[int, list[int], int]:
        steps = [(c - rotation[0]) % 12 for c in rotation]
        return steps[-1], steps, rotation[0]

    return min(rotations, key=tightness)


def word_of(code: int) -> str:
    """Return the word of a code; pitches below LOWEST have that of the octave above."""
    if code >= CHORD:
        return ".".join(map(str, normal_order(code - CHORD)))
    pitch = code if code >= LOWEST else code + 12
    return f"{SPELLING[pitch % 12]}{pitch // 12 - 1}"


_CODE_OF_NOTE = {word_of(pitch): pitch for pitch in range(LOWEST, CHORD)}


def code_of(word: str) -> int:
    """Return the code of a word; ValueError for one that `word_of` does not write."""
    code = _CODE_OF_NOTE.get(word)
    if code is not None:
        return code
    classes = word.split(".")
    if all(c.isdecimal() and int(c) < 12 for c in classes):
        code = CHORD + sum(1 << c for c in {int(c) for c in classes})
        if word_of(code) == word:
            return code
    raise ValueError(f"no note or chord {word!r}; allowed: names such as E5, B-4, F#4, chords such as 4.9")


def pitches_of(code: int) -> tuple[int, ...]:
    """Return the MIDI pitches that a code is played as, ascending.

    The octaves of a chord are not in its word: it lies in octave 4, as music21 puts it; a single pitch class is
    doubled in octave 5, since it was a chord.
    """
    if code < CHORD:
        return (code,)
    classes = [c for c in range(12) if code - CHORD >> c & 1]
    return tuple(CHORD_OCTAVE + c for c in (*classes, *([classes[0] + 12] if len(classes) == 1 else ())))


def moved(codes: Ints, semitones: int) -> Ints:
    """Return codes moved by `semitones`; a note that leaves the range of pitches becomes -1."""
    pitches = codes + semitones
    notes = np.where((pitches >= LOWEST) & (pitches < CHORD), pitches, -1)
    masks = np.maximum(codes - CHORD, 0) << semitones % 12
    return np.where(codes < CHORD, notes, CHORD + (masks & 0xFFF | masks >> 12))


def series_of(codes: Ints) -> tuple[Ints, Ints, Ints]:
    """Return series, step and period of codes as they move to other keys (see `representations.tokens.Meaning`).

    All notes are one series. Chords are one if they are the same chord on different roots; its period is 12, or less
    for a chord that is the same on several roots, such as an augmented one.
    """
    is_chord = codes >= CHORD
    chords = np.where(is_chord, codes, CHORD)
    lowered = np.stack([moved(chords, -step) for step in range(12)])
    step = np.argmin(lowered, axis=0)
    period = 12 // (lowered == chords).sum(axis=0)
    return (
        np.where(is_chord, 1 + lowered.min(axis=0) - CHORD, 0),
        np.where(is_chord, step, codes),
        np.where(is_chord, period, 0),
    )


class NoteNamesConfig(BaseModel, frozen=True, extra="forbid"):
    """The vocabulary and the options of a `note_names`."""

    words: tuple[str, ...] = Field(min_length=1, max_length=CODES, description="sorted, distinct")
    parts: Literal["all", "first"] = Field("all", description="which parts of a piece are read")
    durations: bool = Field(False, description="lengths and rests too")
    programs: tuple[int, ...] = Field((), max_length=128, description="instruments told apart; none: a piano")

    @field_validator("words")
    @classmethod
    def _check_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            code_of(word)
        if list(words) != sorted(set(words)):
            raise ValueError("words must be sorted and distinct")
        return words

    @model_validator(mode="after")
    def _check_programs(self) -> NoteNamesConfig:
        if list(self.programs) != sorted(set(self.programs)) or not all(0 <= p < 128 for p in self.programs):
            raise ValueError("programs must be sorted, distinct and 0 to 127")
        if self.programs and not self.durations:
            raise ValueError("instruments need durations: only then can two of them play at once")
        return self


class Words:
    """The words of a corpus: word number -> code, and code -> number of the nearest word."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.names = words
        self.codes: Ints = np.array([code_of(word) for word in words], dtype=np.int64)
        self.pitches = [pitches_of(code) for code in self.codes.tolist()]
        self._exact = np.full(CODES, -1, dtype=np.int64)
        self._exact[self.codes] = np.arange(len(words))

    def __len__(self) -> int:
        return len(self.names)

    def find(self, codes: Ints) -> Ints:
        """Return the numbers of the words of `codes`, -1 where the corpus has none or there is no such code."""
        possible = (codes >= 0) & (codes < CODES)
        return np.where(possible, self._exact[np.where(possible, codes, 0)], -1)

    def nearest(self, codes: Ints) -> Ints:
        """Return the numbers of the words nearest to `codes`, shape (codes,).

        A note goes to the nearest pitch, a chord to the chord that differs in the fewest pitch classes; of
        several, to the first. Where the corpus has no chords (or no notes), all words are compared so.
        """

        def nearest_word(code: int) -> int:
            alike = np.flatnonzero((self.codes >= CHORD) == (code >= CHORD))
            if len(alike) and code < CHORD:
                return int(alike[np.argmin(abs(self.codes[alike] - code))])
            alike = alike if len(alike) else np.arange(len(self.codes))
            differing = _classes(self.codes[alike]) ^ _classes(np.array(code))
            return int(alike[np.argmin(_BITS[differing])])

        numbers = self._exact[codes]
        unknown, place = np.unique(codes[numbers < 0], return_inverse=True)
        near = np.array([nearest_word(code) for code in unknown.tolist()], dtype=np.int64)
        numbers[numbers < 0] = near[place]
        return numbers


_BITS = np.array([number.bit_count() for number in range(1 << 12)])


def _classes(codes: Ints) -> Ints:
    """Return the pitch classes of codes as bits."""
    return np.where(codes < CHORD, 1 << codes % 12, codes - CHORD)


def in_all_keys(codes: Iterable[int]) -> set[int]:
    """Return `codes` moved by -5 to 6 semitones: every key once."""
    known: Ints = np.array(sorted(codes), dtype=np.int64)
    return set(np.concatenate([moved(known, s) for s in range(-5, 7)]).tolist()) - {-1}

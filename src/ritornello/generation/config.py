"""What can be asked of the pieces to compose; every field is a flag of `ritornello compose`."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from ritornello.config import parsed
from ritornello.generation.beam import BeamConfig
from ritornello.generation.copying import SHORT_COPY
from ritornello.generation.stepper import StepPrecision
from ritornello.originality import LONGEST_COPY
from ritornello.theory import Chord, parse_chord_bars, parse_instrument, parse_pitch, parse_pitch_class

DEFAULT_BARS = 32

METER = re.compile(r"[1-9][0-9]?/(1|2|4|8|16|32)")

MOST_CANDIDATES = 1000

MIN_COPY = 4
"""Runs of fewer notes are in all music."""


class ComposeConfig(BeamConfig):
    """What is asked of the pieces to compose. At most one of bars, seconds and notes may be given."""

    bars: int | None = Field(
        None, ge=1, le=1000, description=f"length in bars ({DEFAULT_BARS} if no length is given)"
    )
    seconds: float | None = Field(
        None, gt=0, le=3600, description="length in seconds, to the nearest bar; without a tempo, at 120"
    )
    notes: int | None = Field(
        None, ge=1, le=100_000, description="length in notes, those of the primer included"
    )
    tempo: float | None = Field(None, ge=10, le=400, description="quarter notes a minute")
    meter: str | None = Field(None, description="meter, such as 3/4")
    instruments: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="names or General MIDI numbers from 0, such as violin,cello",
    )
    chords: str | None = Field(
        None,
        min_length=1,
        max_length=10_000,
        description='chords to play over, a bar each, such as "Dm7 G7 Cmaj7 %"; with bar lines "Dm7 G7 | Cmaj7"',
    )
    density: tuple[float, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="notes a second, for models told of them; several are spread over the piece, such as 4,16",
    )
    pitch_classes: tuple[float, ...] | None = Field(
        None,
        min_length=12,
        max_length=12,
        description="for models told of them: the notes to use, such as C,D,E,G,A, or 12 weights from C up",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="makes the same pieces again; random if not given"
    )
    index: int = Field(0, ge=0, lt=2**31, description="number of the first piece of this seed")
    count: int = Field(1, ge=1, le=1000, description="how many pieces, in one run")
    lowest: str | None = Field(None, description="lowest pitch of all parts but drums, such as C3 or 48")
    highest: str | None = Field(None, description="highest pitch of all parts but drums")
    chord_size: int | None = Field(None, ge=1, le=128, description="most notes that one part begins at once")
    span: int | None = Field(
        None,
        ge=0,
        le=127,
        description="most semitones between notes that one part begins at once; a hand has 16",
    )
    best_of: int = Field(
        1,
        ge=1,
        le=256,
        description="compose so many candidates for each piece, and keep the most probable that copies little",
    )
    max_copy: int | None = Field(
        None,
        ge=0,
        le=LONGEST_COPY,
        description="no longer run of notes, in any key, that the music learned from has too; 0: any"
        f" ({SHORT_COPY} if not given and the model knows that music)",
    )
    guard: bool = Field(True, description="break up a pitch or a bar that repeats too often")
    harmonise: bool = Field(
        False, description="let the primer sound from beginning to end, and add notes to it (polyphony)"
    )
    faithful: bool = Field(
        False, description="choose ids as the model's original system does, where nothing else is given"
    )
    precision: StepPrecision = Field(
        "float32", description="arithmetic; int8 rounds the weights to 8 bits: faster, other pieces"
    )

    @field_validator("instruments", mode="before")
    @classmethod
    def _split_instruments(cls, value: Any) -> Any:
        """Take "violin, cello" or single numbers for a list too."""
        names = [value] if isinstance(value, str | int) else value
        if not isinstance(names, list | tuple):
            return names
        return tuple(word.strip() for name in names for word in str(name).split(","))

    @field_validator("instruments")
    @classmethod
    def _check_instruments(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            parsed(parse_instrument, name)
        return names

    @field_validator("max_copy")
    @classmethod
    def _check_copy(cls, notes: int | None) -> int | None:
        if notes is not None and 0 < notes < MIN_COPY:
            raise ValueError(f"must be at least {MIN_COPY}, or 0 for any")
        return notes

    @field_validator("meter")
    @classmethod
    def _check_meter(cls, text: str | None) -> str | None:
        if text is not None and not METER.fullmatch(text):
            raise ValueError("a meter is 1 to 99 notes of 1/1, 1/2, 1/4, 1/8, 1/16 or 1/32, such as 3/4")
        return text

    @field_validator("chords")
    @classmethod
    def _check_chords(cls, text: str | None) -> str | None:
        if text is not None:
            parsed(parse_chord_bars, text)
        return text

    @field_validator("density", "pitch_classes", mode="before")
    @classmethod
    def _split_numbers(cls, value: Any) -> Any:
        """Take "4, 16" or a single number for a list too, and names for the weights of pitch classes."""
        words = str(value).replace(",", " ").split() if isinstance(value, str | int | float) else value
        if isinstance(words, list) and any(word[:1].isalpha() for word in words if isinstance(word, str)):
            return _weights_of(words)
        return words

    @field_validator("lowest", "highest")
    @classmethod
    def _check_pitches(cls, text: str | None) -> str | None:
        if text is not None:
            parsed(parse_pitch, text)
        return text

    @model_validator(mode="after")
    def _check_register(self) -> Self:
        lowest, highest = self.register_pitches
        if lowest > highest:
            raise ValueError(f"lowest {self.lowest} is above highest {self.highest}; exchange them")
        if self.count * self.best_of > MOST_CANDIDATES:
            raise ValueError(
                f"count {self.count} times best_of {self.best_of}: at most {MOST_CANDIDATES} in one run"
            )
        return self

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        given = [f"{name} {value}" for name in ("bars", "seconds", "notes") if (value := getattr(self, name))]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} contradict each other; give one length")
        return self

    @property
    def register_pitches(self) -> tuple[int, int]:
        """The lowest and the highest pitch allowed."""
        return parse_pitch(self.lowest or "0"), parse_pitch(self.highest or "127")

    @property
    def limits_register(self) -> bool:
        return self.lowest is not None or self.highest is not None

    @property
    def limits_notes(self) -> bool:
        """Whether anything is asked of register or grip."""
        return self.limits_register or self.chord_size is not None or self.span is not None

    @property
    def programs(self) -> tuple[int, ...] | None:
        """The instruments as General MIDI programs, 128 for the drum kit."""
        return (
            None if self.instruments is None else tuple(parse_instrument(name) for name in self.instruments)
        )

    @property
    def chord_bars(self) -> tuple[tuple[Chord, ...], ...] | None:
        """The chords of each bar."""
        return None if self.chords is None else parse_chord_bars(self.chords)

    @property
    def meter_pair(self) -> tuple[int, int] | None:
        """The meter as (numerator, denominator)."""
        return None if self.meter is None else _read_meter(self.meter)


def _read_meter(meter: str) -> tuple[int, int]:
    numerator, denominator = meter.split("/")
    return int(numerator), int(denominator)


def _weights_of(names: list[str]) -> tuple[float, ...]:
    """Return a weight for each pitch class: 1 for those named, else 0."""
    named = {parsed(parse_pitch_class, name) for name in names}
    return tuple(float(each in named) for each in range(12))

"""What can be asked of the pieces to compose; every field is a flag of `ritornello compose`."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from ritornello.config import DEFAULT_BARS, parsed
from ritornello.generation.options import SHORT_COPY, BeamConfig, GivenConfig, StepPrecision
from ritornello.theory import (
    Chord,
    parse_chord_bars,
    parse_instrument,
    parse_pitch,
    parse_pitch_class,
    parse_scale_classes,
)

METER = re.compile(r"[1-9][0-9]?/(1|2|4|8|16|32)")

NOTES_PER_BAR = re.compile(r"[0-9]{1,3}(-[0-9]{1,3})?")

CONSTRAINTS = (
    "scale", "chords", "lowest", "highest", "chord_size", "span", "polyphony", "notes_per_bar", "max_copy"
)  # fmt: skip
"""Fields that a composition keeps to at every step."""

MOST_CANDIDATES = 1000

MOST_COPY = 512
"""As far as `originality` tells runs apart."""

MIN_COPY = 4
"""Runs of fewer notes are in all music."""


class ComposeConfig(GivenConfig, BeamConfig):
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
        description='chords to play over, a bar each, such as "Dm7 G7 Cmaj7 %"; with bar lines "Dm7 G7 | Cmaj7". '
        "Models that know no chords begin notes on chord tones on every beat",
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
    strict_chords: bool = Field(
        False, description="with --chords: all notes are chord tones, not only those on the beats"
    )
    scale: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description='notes of all parts but drums, such as "D dorian" or C,D,E,G,A',
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
    polyphony: int | None = Field(
        None, ge=1, le=128, description="most notes of one part that sound at once; 1 is a single line"
    )
    notes_per_bar: str | None = Field(
        None, description="fewest and most notes that begin in a bar, in all parts but drums, such as 4-12"
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
        le=MOST_COPY,
        description="no longer run of notes, in any key, that the music learned from has too; 0: any"
        f" ({SHORT_COPY} if not given and the model knows that music)",
    )
    guard: bool = Field(True, description="break up a pitch or a bar that repeats too often")
    entrances: bool = Field(True, description="let all instruments of a piece enter, one after another")
    cadence: bool = Field(True, description="let the last bar be the tonic chord of the key so far")
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

    @field_validator("scale")
    @classmethod
    def _check_scale(cls, text: str | None) -> str | None:
        if text is not None and not parsed(parse_scale_classes, text):
            raise ValueError("a scale has at least one note, such as C,D,E,G,A")
        return text

    @field_validator("notes_per_bar")
    @classmethod
    def _check_notes_per_bar(cls, text: str | None) -> str | None:
        if text is None:
            return None
        if not NOTES_PER_BAR.fullmatch(text):
            raise ValueError("give the fewest and the most, up to 999, such as 4-12, or one number")
        fewest, most = _read_range(text)
        if fewest > most:
            raise ValueError(f"the fewest, {fewest}, are more than the most, {most}; exchange them")
        if not most:
            raise ValueError("the most is at least 1")
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
    def _check_harmony(self) -> Self:
        if self.strict_chords and self.chords is None:
            raise ValueError("strict_chords: there are no chords to keep to; give chords too")
        if self.notes is not None and self.notes_per_bar is not None:
            raise ValueError(
                f"notes {self.notes} may end within a bar, which notes_per_bar {self.notes_per_bar} forbids; "
                "give the length in bars"
            )
        return self

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        given = [f"{name} {value}" for name in ("bars", "seconds", "notes") if (value := getattr(self, name))]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} contradict each other; give one length")
        if self.asks_for_given and given and not self.bars:
            raise ValueError(
                f"{self.asks_for_given} and {given[0]} contradict each other; give the length in bars"
            )
        return self

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        for name in ("polyphony", "notes_per_bar"):
            if self.asks_for_given and getattr(self, name) is not None:
                raise ValueError(
                    f"{name} {getattr(self, name)} and {self.asks_for_given} contradict each other: given notes are "
                    "not counted out; leave one out"
                )
        return self

    @property
    def register_pitches(self) -> tuple[int, int]:
        """The lowest and the highest pitch allowed."""
        return parse_pitch(self.lowest or "0"), parse_pitch(self.highest or "127")

    @property
    def limits_register(self) -> bool:
        return self.lowest is not None or self.highest is not None

    @property
    def limits_grip(self) -> bool:
        return self.chord_size is not None or self.span is not None

    @property
    def scale_classes(self) -> frozenset[int] | None:
        """The pitch classes of the scale."""
        return None if self.scale is None else parse_scale_classes(self.scale)

    @property
    def notes_range(self) -> tuple[int, int] | None:
        """The fewest and the most notes in a bar."""
        return None if self.notes_per_bar is None else _read_range(self.notes_per_bar)

    @property
    def constraints(self) -> tuple[str, ...]:
        """The names of those constraints that are asked for."""
        return tuple(name for name in CONSTRAINTS if getattr(self, name) is not None)

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


def _read_range(text: str) -> tuple[int, int]:
    fewest, _, most = text.partition("-")
    return int(fewest), int(most or fewest)


def _weights_of(names: list[str]) -> tuple[float, ...]:
    """Return a weight for each pitch class: 1 for those named, else 0."""
    named = {parsed(parse_pitch_class, name) for name in names}
    return tuple(float(each in named) for each in range(12))

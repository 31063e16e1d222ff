"""`Conditions`: what is fixed of a piece before its first note (conditioning), and `FixedNotes` and `Opening`, parts of
it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from ritornello.score import Score
from ritornello.theory import DRUMS, Chord


@dataclass(frozen=True)
class FixedNotes:
    """The fixed notes of a piece; the model composes the rest. A note belongs to the bar, from 0, in which it begins.

    In bars that are `free` nothing is fixed. In those of `returns`, {bar: an earlier bar}, the notes of the earlier bar
    sound again, as they were composed. In all others exactly the notes of `score` sound, at their onset, pitch and
    length, and its meters and tempos hold throughout. is_accompanied: parts that are not in `score` are free in all
    bars; a representation without parts may add notes to those of `score`. section_bars: those of each section of a
    form.
    """

    score: Score | None = None
    free: frozenset[int] = frozenset()
    returns: Mapping[int, int] = field(default_factory=dict)
    is_accompanied: bool = False
    section_bars: int | None = None


class Opening(BaseModel, frozen=True, extra="forbid"):
    """How a piece of the corpus opens: the meter that lasts longest, its first tempo in quarters a minute, and its
    instruments in score order (programs 0-127, 128 for drums), each with the bar, from 0, in which it enters.

    Networks forget it: there is one in a whole piece, and one that learned other music before keeps to that music's.
    """

    meter: tuple[int, int]
    quarters_per_minute: float = Field(gt=0, le=10_000)
    programs: tuple[Annotated[int, Field(ge=0, le=DRUMS)], ...] = Field(min_length=1, max_length=256)
    entrances: tuple[Annotated[int, Field(ge=0)], ...] = Field(max_length=256)

    @model_validator(mode="after")
    def _check_entrances(self) -> Self:
        if len(self.entrances) != len(self.programs):
            raise ValueError(f"{len(self.entrances)} entrances for {len(self.programs)} instruments")
        return self


@dataclass(frozen=True)
class Conditions:
    """What is fixed of a piece before its first note; None leaves the choice to the model.

    bars: its length in bars, at least 1. quarters_per_minute: its first tempo. meter: (numerator, denominator).
    instruments: General MIDI programs 0-127, or 128 for the drum kit, in score order. chords: those of each bar, which
    share it equally (None: no chord); after the last bar they begin again; they need `plays_over_chords`. key: the key
    signature, (fifths, minor), where ids tell it. density: notes a second, spread evenly over the piece. pitch_classes:
    12 weights, from C up. fixed_notes: they need `keeps_fixed_notes`. keeps_compass: whether each part keeps to the
    range that it had in the corpus, where that is known; see `for_piece`. opening: how the piece opens, where that is
    not fixed otherwise.
    """

    bars: int | None = None
    quarters_per_minute: float | None = None
    meter: tuple[int, int] | None = None
    instruments: tuple[int, ...] | None = None
    chords: tuple[tuple[Chord | None, ...], ...] | None = None
    key: tuple[int, bool] | None = None
    density: tuple[float, ...] | None = None
    pitch_classes: tuple[float, ...] | None = None
    fixed_notes: FixedNotes | None = None
    keeps_compass: bool = False
    opening: Opening | None = None

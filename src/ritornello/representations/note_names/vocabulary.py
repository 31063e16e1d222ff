"""The ids of `note_names`: the words first, so that their ids are the source's indices; then what we add.

    WORD ...  START END  [WAIT ... LENGTH ... INSTRUMENT ...]     (the last three only if asked for)

And the fitting of the table to a corpus.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ritornello.arrays import Ints
from ritornello.config import checked
from ritornello.representations.grids import DURATIONS, SHIFTS, STEPS_PER_QUARTER
from ritornello.representations.note_names.words import (
    LOWEST,
    NoteNamesConfig,
    Words,
    in_all_keys,
    series_of,
    word_of,
)
from ritornello.representations.tokens import CHORD, InstrumentRange, Meaning, Tokens, build_tokens
from ritornello.representations.vocabulary import KindBlocks
from ritornello.score import Notes, Score, Track, make_notes
from ritornello.theory import instrument_name

PROGRAMS_LIMIT = 32
"""Instruments told apart, the most frequent ones."""


class Kind(IntEnum):
    """The kinds of token, in the order of their blocks."""

    WORD = 0
    START = 1
    END = 2
    WAIT = 3  # steps to the next onset; longer ones are sums, greatest first
    LENGTH = 4  # how long the notes of the last word last; remembered by the instrument
    INSTRUMENT = 5  # who plays from now on


class Vocabulary(KindBlocks[Kind]):
    """The blocks of ids for a configuration, and what each id means, as arrays over the ids."""

    def __init__(self, config: NoteNamesConfig) -> None:
        self.config, self.words = config, Words(config.words)
        timed = config.durations
        counts = {
            Kind.WORD: len(self.words),
            Kind.WAIT: len(SHIFTS) if timed else 0,
            Kind.LENGTH: len(DURATIONS) if timed else 0,
            Kind.INSTRUMENT: len(config.programs),
        }
        super().__init__(Kind, counts)

    @cached_property
    def tokens(self) -> Tokens:
        """What the ids mean. A word is of whichever instrument plays, if there are several."""
        series, step, period = series_of(self.words.codes)
        values = {Kind.WAIT: SHIFTS.tolist(), Kind.LENGTH: DURATIONS.tolist(), Kind.INSTRUMENT: self.programs}
        meanings: dict[Kind, Meaning] = {
            Kind.WORD: {
                "voice": -1 if self.config.programs else 0,
                "pitch": self.words.codes,
                "notes": 1,
                "series": series,
                "step": step,
                "period": period,
            },
            Kind.INSTRUMENT: {
                "voice": np.arange(len(self.config.programs)),
                "program": np.array(self.config.programs, dtype=np.int64),
            },
        }
        pitches = tuple(code for code in sorted(self.words.codes.tolist()) if code < CHORD)
        ids = self.block[Kind.INSTRUMENT]
        declared: list[int | None] = [*range(ids.start, ids.stop)] or [None]
        instruments = [
            InstrumentRange(instrument_name(program), program, voice, pitches, token)
            for voice, (program, token) in enumerate(zip(self.programs, declared, strict=True))
        ]
        blocks = self.token_blocks(meanings, values, {Kind.WORD: self.words.names})
        return build_tokens(*blocks, instruments=instruments)

    @property
    def programs(self) -> tuple[int, ...]:
        """The program of each instrument; without instruments, one piano."""
        return self.config.programs or (0,)

    def instruments_of(self, programs: Iterable[int]) -> list[int]:
        """Return the number of the known instrument nearest to each program."""
        known = np.array(self.programs)
        return [int(np.argmin(abs(known - program))) for program in programs]


class Options(BaseModel):
    """What can be asked of the scheme when it is fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: str = Field("all", pattern="^(all|first)$", description="which parts of a piece are read")
    durations: bool = Field(False, description="lengths and rests too")
    instruments: bool = Field(False, description="tell instruments apart; needs durations")
    all_keys: bool = Field(True, description="know the words of the corpus in every key")


class Statistics(NamedTuple):
    """The codes of one piece, read in each way that may be asked for, and its programs."""

    merged: tuple[int, ...]
    first: tuple[int, ...]
    separate: tuple[int, ...]
    programs: tuple[int, ...]


def collect_statistics(score: Score) -> Statistics:
    """Return what fitting needs to know of one piece."""
    parts = parts_of(score.resampled(STEPS_PER_QUARTER))
    by_program = {track.program: [t for t in parts if t.program == track.program] for track in parts}
    separate = {code for tracks in by_program.values() for code in _codes(tracks)}
    return Statistics(_codes(parts), _codes(parts[:1]), tuple(sorted(separate)), tuple(sorted(by_program)))


def _codes(tracks: list[Track]) -> tuple[int, ...]:
    return tuple(np.unique(slices([track.notes for track in tracks])[1]).tolist())


def fit(all_statistics: Iterable[Statistics], options: Options) -> NoteNamesConfig:
    """Return the vocabulary for a corpus: every word that occurs, sorted."""
    codes: set[int] = set()
    programs: dict[int, int] = {}
    for piece in all_statistics:
        codes.update(
            piece.separate
            if options.instruments
            else piece.first
            if options.parts == "first"
            else piece.merged
        )
        for program in piece.programs:
            programs[program] = programs.get(program, 0) + 1
    codes = in_all_keys(codes) if options.all_keys else codes
    frequent = sorted(programs, key=lambda program: (-programs[program], program))[:PROGRAMS_LIMIT]
    return checked(
        NoteNamesConfig,
        {
            "words": sorted({word_of(code) for code in codes or {60}}),
            "parts": options.parts,
            "durations": options.durations,
            "programs": sorted(frequent or [0]) if options.instruments else (),
        },
        "representation note_names: ",
    )


def parts_of(score: Score) -> list[Track]:
    """Return the tracks that have notes with names: drums have none."""
    return [track for track in score.tracks if len(track.notes) and not track.is_drum]


def slices(columns: list[Notes]) -> tuple[Ints, Ints, Ints]:
    """Return start, code and length of each onset of note columns that are on the grid, in steps.

    The notes of one onset are one word, a note if all have one pitch, else a chord; it is as long as the longest.
    """
    notes = np.concatenate([make_notes(), *columns])
    order = np.lexsort((notes["pitch"], notes["start"]))
    start, pitch = notes["start"][order], notes["pitch"][order].astype(np.int64)
    if not len(start):
        return start, pitch, start
    pitch = np.where(pitch < LOWEST, pitch + 12, pitch)
    first: NDArray[np.int64] = np.flatnonzero(np.diff(start, prepend=start[0] - 1))
    lowest = np.minimum.reduceat(pitch, first)
    highest = np.maximum.reduceat(pitch, first)
    mask = np.bitwise_or.reduceat(1 << pitch % 12, first)
    length = np.maximum.reduceat(notes["duration"][order], first)
    return start[first], np.where(lowest == highest, lowest, CHORD + mask), length

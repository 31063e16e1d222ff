"""The vocabulary of `note_names`: its table of ids, and its fitting to a corpus.

    WORD ...  START END  [WAIT ... LENGTH ... INSTRUMENT ...]     (the last three are options)

The words come first, so that their ids are the source's indices. WAIT: steps to the next onset; longer ones are sums,
greatest first. LENGTH: of the notes of the last word; it stays in force for its instrument. INSTRUMENT: which one plays
from now on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

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
from ritornello.representations.tokens import CHORD, LAST, InstrumentRange, Tokens, block, build_tokens
from ritornello.score import Notes, Score, Track, make_notes
from ritornello.theory import instrument_name

PROGRAMS_LIMIT = 32
"""Instruments in a vocabulary at most, the most frequent ones."""


def make_tokens(config: NoteNamesConfig, words: Words) -> Tokens:
    """Return the table of the ids. A word is of whichever instrument plays, if there are several."""
    series, step, period = series_of(words.codes)
    waits, lengths = (table.tolist() if config.durations else [] for table in (SHIFTS, DURATIONS))
    count, programs = len(config.programs), np.array(config.programs, dtype=np.int64)
    first = len(words) + 2 + len(waits) + len(lengths)  # INSTRUMENT
    pitches = tuple(sorted(words.codes[words.codes < CHORD].tolist()))
    return build_tokens(
        block(
            "word",
            len(words),
            words.names,
            voice=-1 if count else 0,
            pitch=words.codes,
            notes=1,
            series=series,
            step=step,
            period=period,
        ),
        block("start"),
        block("end"),
        block("wait", len(waits), [f"wait {steps}" for steps in waits]),
        block("length", len(lengths), [f"length {steps}" for steps in lengths], tells_of=LAST),
        block(
            "instrument", count, [f"instrument {p}" for p in programs], voice=range(count), program=programs
        ),
        instruments=[
            InstrumentRange(
                instrument_name(program), program, voice, pitches, first + voice if count else None
            )
            for voice, program in enumerate(config.programs or (0,))
        ],
    )


def nearest_programs(known: Sequence[int], programs: Iterable[int]) -> list[int]:
    """Return the number of the known program nearest to each program."""
    return [int(np.argmin(abs(np.array(known) - program))) for program in programs]


class Options(BaseModel, frozen=True, extra="forbid"):
    """The options of `note_names`."""

    parts: str = Field("all", pattern="^(all|first)$", description="which parts of a piece are read")
    durations: bool = Field(False, description="lengths and rests too")
    instruments: bool = Field(False, description="tell instruments apart; needs durations")
    all_keys: bool = Field(True, description="know the words of the corpus in every key")


class Statistics(NamedTuple):
    """The codes of one piece, read in each way that the options allow, and its programs."""

    merged: tuple[int, ...]
    first: tuple[int, ...]
    separate: tuple[int, ...]
    programs: tuple[int, ...]

    def codes(self, parts: str, separate: bool) -> tuple[int, ...]:
        """Return the codes under the options `parts` and `instruments`."""
        return self.separate if separate else self.first if parts == "first" else self.merged


def collect_statistics(score: Score) -> Statistics:
    """Return the statistics of one piece."""

    def codes(tracks: list[Track]) -> tuple[int, ...]:
        return tuple(np.unique(slices([track.notes for track in tracks])[1]).tolist())

    parts = parts_of(score.resampled(STEPS_PER_QUARTER))
    programs = sorted({track.program for track in parts})
    separate = {code for each in programs for code in codes([t for t in parts if t.program == each])}
    return Statistics(codes(parts), codes(parts[:1]), tuple(sorted(separate)), tuple(programs))


def fit(all_statistics: Iterable[Statistics], options: Options) -> NoteNamesConfig:
    """Return the vocabulary for a corpus: every word that occurs, sorted."""
    codes: set[int] = set()
    programs: Counter[int] = Counter()
    for piece in all_statistics:
        codes.update(piece.codes(options.parts, options.instruments))
        programs.update(piece.programs)
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

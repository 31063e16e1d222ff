"""The tokens of `multitrack`: their kinds, values and order, and the fitting of the table to a corpus.

A vocabulary is blocks of ids, one block a kind, in the order of `Kind`. Notes come last, sorted by voice and
pitch, so that transposing a note is adding to its id, and "later in the chord" is "greater id".

A *voice* is the n-th part of an instrument family within a piece, or the one that knows its program: the first
strings part, the second, the drums. Families are the sixteen of General MIDI (program // 8) and the drum kit. The
header of a piece says which program each voice has. So the same token means a like role in every piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ritornello.representations.columns.repeats import Orders
from ritornello.representations.grids import (
    DURATIONS,
    SHIFTS,
    STEPS_PER_QUARTER,
    TEMPOS,
    is_on_grid,
    nearest_meter,
)
from ritornello.representations.tokens import InstrumentRange, Meaning, Tokens, build_tokens
from ritornello.representations.vocabulary import KindBlocks
from ritornello.score import Meter, Score, Track
from ritornello.theory import DRUMS, instrument_name, instrument_range

DRUM_FAMILY = 16

SCORE_ORDER = (9, 8, 7, 6, 10, 3, 1, 2, 0, 11, 12, 13, 5, 4, 14, 15, DRUM_FAMILY)
"""The families from the top of a page to its bottom: winds, voices, leads, guitars, keyboards, strings, bass, drums."""

VELOCITY_STEP = 8
"""Velocities fall into 16 bins of this width; a bin sounds at its middle."""

LONGEST_BAR = 384
"""Steps of the longest bar a meter may have (4 whole notes)."""

LENGTH_LIMIT = 1023
"""Bars that a header can announce."""

TRANSPOSITION = 6
"""Semitones by which the pitches of a voice are widened beyond those seen."""


class Kind(IntEnum):
    """The kinds of token, in the order of their blocks."""

    START = 0
    END = 1
    LENGTH_HIGH = 2  # the length in bars, divided by 16
    LENGTH_LOW = 3  # its remainder
    METER = 4
    TEMPO = 5
    INSTRUMENT = 6  # a voice and its program
    SHIFT = 7
    VELOCITY = 8
    DURATION = 9
    NOTE = 10


class Voice(BaseModel):
    """A voice: its family (0-15, 16 the drums), its number in the family, and its lowest and highest pitch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: int = Field(ge=0, le=DRUM_FAMILY)
    number: int = Field(ge=0, le=255)
    low: int = Field(ge=0, le=127)
    high: int = Field(ge=0, le=127)
    programs: tuple[int, ...] = Field(min_length=1, description="programs seen, the most frequent first")


Lag = Annotated[int, Field(ge=1, le=16)]


class MultitrackOptions(BaseModel):
    """What can be asked of the tokenizer: what of the past it shows to the network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lags: tuple[Lag, ...] = Field(
        (1, 2, 4), max_length=8, description="show what came so many bars ago at this place"
    )
    repeats: Orders = Field(
        (8, 16, 32), description="show what followed the latest earlier occurrence of so many last ids"
    )
    key: bool = Field(True, description="show the key so far, and the degree of the last note in it")
    longest_silent: bool = Field(True, description="show which instrument has not played for longest")


class MultitrackConfig(BaseModel):
    """What a vocabulary was fitted to, and what of the past is shown; nothing in models made before there was any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lags: Annotated[tuple[Lag, ...], Field(max_length=8)] = ()
    repeats: Orders = ()
    key: bool = False
    longest_silent: bool = False
    voices: tuple[Voice, ...] = Field(min_length=1, max_length=256)
    meters: tuple[tuple[int, int], ...] = Field(min_length=1, max_length=64)


class Statistics(NamedTuple):
    """What fitting needs of one piece; small, so that workers can send it back."""

    voices: tuple[tuple[int, int, int, int, int], ...]  # family, number, program, lowest, highest pitch
    meters: tuple[tuple[int, int], ...]


class Vocabulary(KindBlocks[Kind]):
    """The blocks of ids for a configuration, and what each id means, as arrays over the ids."""

    def __init__(self, config: MultitrackConfig) -> None:
        self.config = config
        self.instruments = [
            (v, program) for v, voice in enumerate(config.voices) for program in sorted(voice.programs)
        ]
        notes = [
            (v, pitch) for v, voice in enumerate(config.voices) for pitch in range(voice.low, voice.high + 1)
        ]
        counts = {
            Kind.LENGTH_HIGH: (LENGTH_LIMIT + 1) // 16,
            Kind.LENGTH_LOW: 16,
            Kind.METER: len(config.meters),
            Kind.TEMPO: len(TEMPOS),
            Kind.INSTRUMENT: len(self.instruments),
            Kind.SHIFT: len(SHIFTS),
            Kind.VELOCITY: 128 // VELOCITY_STEP,
            Kind.DURATION: len(DURATIONS),
            Kind.NOTE: len(notes),
        }
        super().__init__(Kind, counts)
        self.voice = np.full(self.size, -1)
        self.pitch = np.full(self.size, -1)
        self.voice[self.first[Kind.NOTE] :], self.pitch[self.first[Kind.NOTE] :] = np.array(notes).T
        in_instruments = slice(self.first[Kind.INSTRUMENT], self.first[Kind.SHIFT])
        self.voice[in_instruments] = [v for v, _ in self.instruments]
        self.bar_steps = np.array([meter_steps(*meter) for meter in config.meters])
        self.is_drum = np.array([voice.family == DRUM_FAMILY for voice in config.voices])
        lows = np.array([voice.low for voice in config.voices])
        widths = np.array([voice.high - voice.low + 1 for voice in config.voices])
        self.low, self.high = lows, lows + widths - 1
        self.is_melodic = (self.kind == Kind.NOTE) & ~self.is_drum[
            self.voice
        ]  # each id: a note of some pitch
        self._voice_first = self.first[Kind.NOTE] + np.concatenate([[0], np.cumsum(widths)[:-1]])

    def note_ids(self, voice: NDArray[np.int64], pitch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ids of notes whose pitches lie within their voices."""
        return np.asarray(self._voice_first[voice] + pitch - self.low[voice])

    @cached_property
    def tokens(self) -> Tokens:
        """What the ids mean."""
        notes = self.block[Kind.NOTE]
        voices, pitches = self.voice[notes], self.pitch[notes]
        is_drum = self.is_drum[voices]
        owners, programs = np.array(self.instruments).T
        values: dict[Kind, Sequence[Any]] = {
            Kind.METER: ["/".join(map(str, meter)) for meter in self.config.meters],
            Kind.TEMPO: TEMPOS.tolist(),
            Kind.INSTRUMENT: [f"{voice}:{program}" for voice, program in self.instruments],
            Kind.SHIFT: SHIFTS.tolist(),
            Kind.DURATION: DURATIONS.tolist(),
        }
        meanings: dict[Kind, Meaning] = {
            Kind.INSTRUMENT: {"voice": owners, "program": np.where(self.is_drum[owners], DRUMS, programs)},
            Kind.SHIFT: {"duration": SHIFTS / STEPS_PER_QUARTER},
            Kind.NOTE: {
                "voice": voices,
                "pitch": pitches,
                "notes": 1,
                "is_drum": is_drum,
                "series": np.where(is_drum, -1, voices),
            },
        }
        return build_tokens(
            *self.token_blocks(meanings, values, {Kind.NOTE: lambda n: f"note {voices[n]} {pitches[n]}"}),
            instruments=self._instrument_ranges(),
            is_timed=True,
            tells_ends=True,
            shared=("voice", "pitch", "pitch_class"),
        )

    def _instrument_ranges(self) -> Iterable[InstrumentRange]:
        """Yield what each instrument can play, voice by voice, in each the most frequent program first."""
        tokens = {pair: self.id_of(Kind.INSTRUMENT, value) for value, pair in enumerate(self.instruments)}
        for number, voice in enumerate(self.config.voices):
            for program in voice.programs:
                shown = DRUMS if self.is_drum[number] else program
                low, high = self.playable(number, program)
                pitches = tuple(range(low, high + 1))
                yield InstrumentRange(instrument_name(shown), shown, number, pitches, tokens[number, program])

    def playable(self, voice: int, program: int) -> tuple[int, int]:
        """Return the lowest and highest pitch of a voice that the instrument can play; all of the voice for drums, and
        if it can play none."""
        low, high = int(self.low[voice]), int(self.high[voice])
        if self.is_drum[voice]:
            return low, high
        lowest, highest = instrument_range(program)
        inside = max(low, lowest), min(high, highest)
        return inside if inside[0] <= inside[1] else (low, high)

    @cached_property
    def meanings(self) -> list[tuple[Kind, int, int, int]]:
        """Kind, value, voice and pitch of each id as plain numbers, for one id at a time; -1 where there is none."""
        voices = zip(self.meaning, self.voice.tolist(), self.pitch.tolist(), strict=True)
        return [(*meaning, voice, pitch) for meaning, voice, pitch in voices]

    def voices_of(self, programs: Iterable[int]) -> list[int]:
        """Return the voice of each part of a piece, given their programs (DRUMS for drums) in score order.

        A part takes the first voice of its family that is left and knows its program, or else the first that is
        left, or else the last; so a cello alone is the cello of a quartet. A family unknown goes to the nearest
        one known, drums only if there is nothing else.
        """
        taken: set[int] = set()
        result = []
        for program in programs:
            voices = self._family_voices(family_of(program))
            left = [voice for voice in voices if voice not in taken] or voices[-1:]
            knowing = [voice for voice in left if program in self._programs(voice)]
            result.append((knowing or left)[0])
            taken.add(result[-1])
        return result

    def _programs(self, voice: int) -> tuple[int, ...]:
        """Return the programs of a voice, as parts of a score name them."""
        known = self.config.voices[voice]
        return (DRUMS,) if known.family == DRUM_FAMILY else known.programs

    def _family_voices(self, family: int) -> list[int]:
        """Return the voices of a family, or else of the nearest one known."""
        if family not in self._by_family:
            melodic = [other for other in self._by_family if other != DRUM_FAMILY] or [DRUM_FAMILY]
            family = min(melodic, key=lambda other: abs(other - family))
        return self._by_family[family]

    @cached_property
    def _by_family(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for v, voice in enumerate(self.config.voices):
            found.setdefault(voice.family, []).append(v)
        return found

    def instrument_id(self, voice: int, program: int) -> int:
        """Return the id that gives `voice` the known program nearest to `program`."""
        near = min(self.config.voices[voice].programs, key=lambda known: (abs(known - program), known))
        return self.id_of(Kind.INSTRUMENT, self.instruments.index((voice, near)))

    def instrument_name(self, voice: int, program: int) -> str:
        """Return the name of what plays a part of `voice` that asks for `program`."""
        is_drum = self.config.voices[voice].family == DRUM_FAMILY
        _, near = self.instruments[self.value[self.instrument_id(voice, program)]]
        return instrument_name(near, is_drum)

    def nearest_meter(self, numerator: int, denominator: int) -> int:
        """Return the number of the known meter that is this one or else nearest in the length of its bar."""
        return nearest_meter(self.config.meters, numerator, denominator)


def family_of(program: int) -> int:
    """Return the family, 0-15, of a program, or DRUM_FAMILY."""
    return DRUM_FAMILY if program == DRUMS else program // 8


def meter_steps(numerator: int, denominator: int) -> int:
    """Return the steps in a bar, at least 1."""
    return Meter(0, numerator, denominator).bar_ticks(STEPS_PER_QUARTER)


def parts_of(score: Score) -> list[tuple[int, Track]]:
    """Return (program or DRUMS, track) of each part that has notes."""
    return [(DRUMS if track.is_drum else track.program, track) for track in score.tracks if len(track.notes)]


def collect_statistics(score: Score) -> Statistics:
    """Return what fitting a vocabulary needs to know of one piece."""
    seen: Counter[int] = Counter()
    voices = []
    for program, track in parts_of(score):
        family = family_of(program)
        pitches = track.notes["pitch"]
        voices.append((family, seen[family], track.program, int(pitches.min()), int(pitches.max())))
        seen[family] += 1
    meters = {(m.numerator, m.denominator) for m in score.meters}
    return Statistics(tuple(voices), tuple(sorted(meters or {(4, 4)})))


def _frequent(
    programs: Mapping[tuple[int, int], Counter[int]], pieces: int, most: int
) -> list[tuple[int, int]]:
    """Return the voices to keep, (family, number), the most frequent first."""
    ranked = sorted(programs, key=lambda key: (-programs[key].total(), key))
    least = max(1, pieces // 200, min(3, pieces // 30))
    return [key for i, key in enumerate(ranked[:most]) if i == 0 or programs[key].total() >= least]


def fit(
    all_statistics: Iterable[Statistics],
    most_voices: int = 64,
    most_meters: int = 24,
    most_programs: int = 16,
) -> MultitrackConfig:
    """Return the vocabulary for a corpus: the voices, programs and meters that occur, rare ones left out.

    A voice stays if at least one piece in 200 has it, and three do where there are many; what only one piece has
    teaches nothing for others. The most frequent voice always stays.
    """
    programs: dict[tuple[int, int], Counter[int]] = {}
    lows: dict[tuple[int, int], int] = {}
    highs: dict[tuple[int, int], int] = {}
    meters: Counter[tuple[int, int]] = Counter({(4, 4): 0})
    pieces = 0
    for piece in all_statistics:
        pieces += 1
        meters.update(meter for meter in piece.meters if is_on_grid(meter, STEPS_PER_QUARTER, LONGEST_BAR))
        for family, number, program, low, high in piece.voices:
            key = (family, number)
            programs.setdefault(key, Counter())[program] += 1
            lows[key] = min(low, lows.get(key, 127))
            highs[key] = max(high, highs.get(key, 0))
    if not programs:
        programs, lows, highs = {(0, 0): Counter({0: 1})}, {(0, 0): 21}, {(0, 0): 108}
    kept = _frequent(programs, pieces, most_voices)
    widen = {key: 0 if key[0] == DRUM_FAMILY else TRANSPOSITION for key in kept}
    voices = tuple(
        Voice(
            family=key[0],
            number=number,
            low=max(0, lows[key] - widen[key]),
            high=min(127, highs[key] + widen[key]),
            programs=tuple(program for program, _ in programs[key].most_common(most_programs)),
        )
        for family in sorted({key[0] for key in kept})
        for number, key in enumerate(sorted(key for key in kept if key[0] == family))
    )
    return MultitrackConfig(
        voices=voices, meters=tuple(meter for meter, _ in meters.most_common(most_meters))
    )

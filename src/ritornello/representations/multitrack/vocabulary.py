"""The vocabulary of `multitrack`: the blocks of its ids, and the fitting of voices and meters to a corpus.

Notes come last, sorted by voice and pitch, so that transposing a note is adding to its id, and "later in the chord" is
"greater id".

A *voice* is the n-th part of an instrument family within a piece, or the one that knows its program: the first
strings part, the second, the drums. Families are the sixteen of General MIDI (program // 8) and the drum kit. The
header of a piece gives the program of each voice, so that the same token has a similar role in every piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from ritornello.arrays import Ints
from ritornello.representations.columns.repeats import Orders
from ritornello.representations.conditions import Opening
from ritornello.representations.grids import (
    DURATIONS,
    SHIFTS,
    STEPS_PER_QUARTER,
    TEMPOS,
    fold_into_range,
    is_on_grid,
    nearest_meter,
)
from ritornello.representations.multitrack.plan import FARTHEST, NO_CHORD, chord_name
from ritornello.representations.parts import family_of
from ritornello.representations.tokens import LAST, InstrumentRange, Tokens, block, build_tokens
from ritornello.score import Meter, Score, Track
from ritornello.theory import DRUMS, instrument_name, instrument_range

DRUM_FAMILY = 16

VELOCITY_STEP = 8
"""Velocities fall into 16 bins of this width; a bin sounds at its middle."""

LONGEST_BAR = 384
"""Steps of the longest bar a meter may have (4 whole notes)."""

LENGTH_LIMIT = 1023
"""Bars that a header can announce."""

TRANSPOSITION = 6
"""Semitones by which the range of a voice is wider than that of its notes in the corpus."""

MOVES = (*range(TRANSPOSITION + 1), *range(-TRANSPOSITION, 0))
"""Semitones by which a piece was moved: of each id of the kind start, that of a piece as written first."""

ENTRANCES = (*range(9), 10, 12, 16, 20, 24, 32, 48, 64)
"""The first bar, from 0, that each id of the kind entrance stands for."""

OCTAVE = 12

COMPASS = 0.01
"""The share of the notes of a voice that lie below its compass, and of those above it."""

MOST_VOICES, MOST_METERS, MOST_PROGRAMS = 64, 24, 16
"""The largest vocabulary that is fitted; programs are of one voice."""

MOST_OPENINGS = 256
"""Pieces of which a vocabulary keeps how they open."""

ENOUGH_PIECES = 25
"""So many pieces are enough to learn a voice from, however many others lack it."""


class Voice(BaseModel, frozen=True, extra="forbid"):
    """A voice: its family (0-15, 16 the drums), its number in the family, and its lowest and highest pitch."""

    family: int = Field(ge=0, le=DRUM_FAMILY)
    number: int = Field(ge=0, le=255)
    low: int = Field(ge=0, le=127)
    high: int = Field(ge=0, le=127)
    programs: tuple[int, ...] = Field(min_length=1, description="programs seen, the most frequent first")
    compass: tuple[int, int] | None = Field(
        None,
        description="the lowest and highest pitch, but for a few notes, in the corpus; at least an octave apart",
    )


Lag = Annotated[int, Field(ge=1, le=16)]


class MultitrackOptions(BaseModel, frozen=True, extra="forbid"):
    """The options of `multitrack`: which input columns show the past to the network."""

    lags: tuple[Lag, ...] = Field(
        (1, 2, 4), max_length=8, description="show what came so many bars ago at this place"
    )
    repeats: Orders = Field(
        (8, 16, 32), description="show what followed the latest earlier occurrence of so many last ids"
    )
    any_key: bool = Field(True, description="show such occurrences in other keys too")
    key: bool = Field(True, description="show the key so far, and the degree of the last note in it")
    longest_silent: bool = Field(True, description="show which instrument has not played for longest")
    chords: bool = Field(False, description="foresee each chord before its notes")
    returns: bool = Field(
        False, description="foresee of each bar whether it is like an earlier one, and which"
    )
    entrances: bool = Field(True, description="announce in which bar each instrument enters")
    moved: bool = Field(
        True, description="show how far a piece was moved from the key in which it is written"
    )


class MultitrackConfig(BaseModel, frozen=True, extra="forbid"):
    """The voices and meters of a vocabulary, and MultitrackOptions; the defaults here are those of the first models."""

    lags: Annotated[tuple[Lag, ...], Field(max_length=8)] = ()
    repeats: Orders = ()
    any_key: bool = False
    key: bool = False
    longest_silent: bool = False
    chords: bool = False
    returns: bool = False
    entrances: bool = False
    moved: bool = False
    voices: tuple[Voice, ...] = Field(min_length=1, max_length=256)
    meters: tuple[tuple[int, int], ...] = Field(min_length=1, max_length=64)
    openings: tuple[Opening, ...] = Field((), max_length=MOST_OPENINGS)


class Statistics(NamedTuple):
    """What `fit` needs of one piece; small, since workers send it back."""

    voices: tuple[tuple[int, int, int, Counter[int]], ...]  # family, number, program, notes of each pitch
    meters: tuple[tuple[int, int], ...]
    opening: Opening | None = None  # None of a piece without notes


class Vocabulary:
    """The `Tokens` of a configuration, and tables by instrument, voice, meter and id.

    instruments: voice and program of each "instrument" id. written: the program of a voice in a decoded score, if
    it is not that of its id. compass: the lowest and highest pitch of voices that keep to one. low, high, is_drum: of
    each voice. bar_steps: of each meter.
    shift: the steps of time that pass with each id. new_bar: the steps of the bars that begin with each id, or 0.
    """

    def __init__(self, config: MultitrackConfig) -> None:
        self.config = config
        voices = list(enumerate(config.voices))
        self.written: dict[int, int] = {}
        self.compass: dict[int, tuple[int, int]] = {}
        self.instruments = [(v, program) for v, voice in voices for program in sorted(voice.programs)]
        self._instrument_numbers = {each: number for number, each in enumerate(self.instruments)}
        self.low, self.high = np.array([(voice.low, voice.high) for _, voice in voices]).T
        self.is_drum = np.array([voice.family == DRUM_FAMILY for _, voice in voices])
        self.bar_steps = np.array([Meter(0, *meter).bar_ticks(STEPS_PER_QUARTER) for meter in config.meters])
        tokens = self._make_tokens()
        first = tokens.first["instrument"]
        self.tokens = replace(tokens, instruments=tuple(self._instrument_ranges(first)))
        self.shift = np.rint(tokens.duration * STEPS_PER_QUARTER).astype(np.int64)
        self.new_bar = np.zeros(tokens.size, dtype=np.int64)
        self.new_bar[tokens.slice["meter"]] = self.bar_steps
        widths = self.high - self.low + 1
        self._pitch_0 = tokens.first["note"] + np.cumsum(widths) - widths - self.low

    @cached_property
    def by_id(self) -> Ints:
        """What reading looks up, (8, ids): the voice named, 1 + the id of a note, its pitch if it has a key, the number
        of the duration and of the velocity, `shift` and `new_bar`, and the bar of an entrance; -1, for a note 0, where
        there is none."""
        tokens, ids = self.tokens, np.arange(self.tokens.size)
        numbers = [
            np.where(tokens.mask(kind), ids - tokens.first[kind], -1) for kind in ("duration", "velocity")
        ]
        notes = np.where(tokens.mask("note"), ids + 1, 0)
        pitch = np.where(tokens.is_pitched, tokens.pitch, -1)
        entrance = np.full(tokens.size, -1)
        entrance[tokens.slice["entrance"]] = ENTRANCES[: tokens.blocks["entrance"].size]
        return np.stack([tokens.voice, notes, pitch, *numbers, self.shift, self.new_bar, entrance])

    @cached_property
    def rows(self) -> list[list[int]]:
        """The columns of `by_id`, for reading one id at a time."""
        rows: list[list[int]] = self.by_id.T.tolist()
        return rows

    def entrance_ids(self, bars: Any) -> Any:
        """Return the ids of entrances in bars, from 0."""
        return self.tokens.first["entrance"] + np.searchsorted(ENTRANCES, bars, side="right") - 1

    def note_ids(self, voice: Any, pitch: Any) -> Any:
        """Return the ids of notes whose pitches lie within their voices."""
        return self._pitch_0[voice] + pitch

    def _make_tokens(self) -> Tokens:
        owners, programs = np.array(self.instruments).T
        voices = np.repeat(np.arange(len(self.low)), self.high - self.low + 1)
        pitches = np.concatenate([np.arange(v.low, v.high + 1) for v in self.config.voices])
        is_drum = self.is_drum[voices]
        chords = np.arange((NO_CHORD + 1) * self.config.chords)
        start = block("start")
        if self.config.moved:
            start = block("start", len(MOVES), [f"start {move:+}" for move in MOVES], step=MOVES, series=0)
        return build_tokens(
            start,
            block("end"),
            block("length_high", (LENGTH_LIMIT + 1) // 16),  # the length in bars, divided by 16
            block("length_low", 16),  # its remainder
            block("meter", len(self.bar_steps), [f"meter {a}/{b}" for a, b in self.config.meters]),
            block("tempo", len(TEMPOS), [f"tempo {tempo}" for tempo in TEMPOS]),
            block(
                "instrument",
                len(owners),
                [f"instrument {voice}:{program}" for voice, program in self.instruments],
                voice=owners,
                program=np.where(self.is_drum[owners], DRUMS, programs),
            ),
            block(
                "entrance",
                len(ENTRANCES) if self.config.entrances else 0,
                [f"entrance in bar {bar + 1}" for bar in ENTRANCES],
            ),
            block("shift", len(SHIFTS), [f"shift {s}" for s in SHIFTS], duration=SHIFTS / STEPS_PER_QUARTER),
            block("velocity", 128 // VELOCITY_STEP, tells_of=LAST),
            block("duration", len(DURATIONS), [f"duration {steps}" for steps in DURATIONS], tells_of=LAST),
            block(
                "return", FARTHEST * self.config.returns, [f"as {n} bars ago" for n in range(1, FARTHEST + 1)]
            ),
            block(
                "chord",
                len(chords),
                [f"chord {chord_name(number)}" for number in chords.tolist()],
                series=chords // 12 - (chords == NO_CHORD) * (NO_CHORD // 12 + 1),
                step=chords % 12,
                period=12,
            ),
            block(
                "note",
                len(voices),
                lambda number: f"note {voices[number]} {pitches[number]}",
                voice=voices,
                pitch=pitches,
                notes=1,
                is_drum=is_drum,
                series=np.where(is_drum, -1, voices),
            ),
            is_timed=True,
            tells_ends=True,
            shared=("voice", "pitch", "pitch_class"),
        )

    def _instrument_ranges(self, first: int) -> Iterator[InstrumentRange]:
        """Yield what each instrument can play, voice by voice, in each the most frequent program first."""
        for number, voice in enumerate(self.config.voices):
            for program in voice.programs:
                shown = DRUMS if self.is_drum[number] else program
                low, high = self.playable(number, program)
                token = first + self._instrument_numbers[number, program]
                pitches = tuple(range(low, high + 1))
                yield InstrumentRange(instrument_name(shown), shown, number, pitches, token)

    def writing(
        self, programs: Mapping[int, int], compass: Mapping[int, tuple[int, int]] = MappingProxyType({})
    ) -> Vocabulary:
        """Return the vocabulary of a piece in which these voices are written, and have the range, of other programs,
        and keep to a compass."""
        other = copy(self)
        other.written, other.compass = dict(programs), dict(compass)
        tokens = {self.instrument_id(voice, program) for voice, program in programs.items()}

        def rewritten(old: InstrumentRange) -> InstrumentRange:
            is_other = old.token in tokens and not self.is_drum[old.voice]
            program = programs[old.voice] if is_other else old.program
            low, high = other.playable(old.voice, program)
            return old._replace(
                name=instrument_name(program), program=program, pitches=tuple(range(low, high + 1))
            )

        instruments = [rewritten(old) for old in self.tokens.instruments]
        other.tokens = replace(self.tokens, instruments=tuple(instruments))
        return other

    @cached_property
    def known(self) -> list[tuple[int, ...]]:
        """The programs that each voice knows, DRUMS for a kit; see `parts.Voices`."""
        return [
            (DRUMS,) if is_drum else voice.programs
            for voice, is_drum in zip(self.config.voices, self.is_drum, strict=True)
        ]

    def playable(self, voice: int, program: int) -> tuple[int, int]:
        """Return the lowest and the highest pitch of a voice in the range of the instrument, and within its compass if
        that leaves an octave; of the whole voice if none is in that range."""
        whole = int(self.low[voice]), int(self.high[voice])
        written = self.written.get(voice, program)
        heard = written if family_of(written) == family_of(program) else program
        lowest, highest = instrument_range(DRUMS if self.is_drum[voice] else heard)
        for (low, high), least in ((self.compass.get(voice, whole), OCTAVE), (whole, 1)):
            if min(high, highest) - max(low, lowest) >= least - 1:
                return max(low, lowest), min(high, highest)
        return whole

    def voices_of(self, programs: Iterable[int]) -> list[int]:
        """Return the voice of each part of a piece from their programs (DRUMS for drums), in score order.

        A part takes the first voice of its family that is left and knows its program, or else the first that is
        left, or else the last; so a cello alone is the cello of a quartet. A family without voices goes to the nearest
        one that has some, to drums only if there is nothing else.
        """
        families = [voice.family for voice in self.config.voices]
        melodic = [family for family in families if family != DRUM_FAMILY] or [DRUM_FAMILY]
        result: list[int] = []
        for program in programs:
            family = family_of(program)
            if family not in families:
                family = min(melodic, key=lambda other: abs(other - family))
            voices = [voice for voice, known in enumerate(families) if known == family]
            left = [voice for voice in voices if voice not in result] or voices[-1:]
            knowing = [v for v in left if family != DRUM_FAMILY and program in self.config.voices[v].programs]
            result.append((knowing or left)[0])
        return result

    def instrument_id(self, voice: int, program: int) -> int:
        """Return the id of the instrument of `voice` with the program nearest to `program`; of DRUMS, its first kit."""
        known = self.config.voices[voice].programs
        near = known[0] if program == DRUMS else min(known, key=lambda each: (abs(each - program), each))
        return self.tokens.first["instrument"] + self._instrument_numbers[voice, near]

    def analogues(self, other: Vocabulary) -> Ints:
        """Return for each id the one as which `other` reads its meter, instrument or note, and an instrument for an
        entrance where it knows none; the others are the same.

        -1 for drums where `other` has none, for instruments where it has nothing but drums, and for a plan where it has
        none.
        """
        tokens, voices = self.tokens, other.voices_like(self)
        result: Ints = np.array([other.tokens.first[kind] for kind in tokens.kind]) + np.array(tokens.value)
        result[[other.tokens.blocks[kind].size == 0 for kind in tokens.kind]] = -1
        if self.config.moved != other.config.moved:
            result[tokens.slice["start"]] = other.tokens.first["start"]
        meters = [other.nearest_meter(*meter) for meter in self.config.meters]
        result[tokens.slice["meter"]] = other.tokens.first["meter"] + np.array(meters)
        result[tokens.slice["instrument"]] = [
            other.instrument_id(voices[voice], program) for voice, program in self.instruments
        ]
        if not other.config.entrances:  # where it would read one more instrument
            result[tokens.slice["entrance"]] = result[tokens.first["instrument"]]
        notes = tokens.slice["note"]
        voice = voices[tokens.voice[notes]]
        pitch = fold_into_range(tokens.pitch[notes], other.low[voice], other.high[voice])
        result[notes] = other.note_ids(voice, pitch)
        differs = self.is_drum != other.is_drum[voices]
        result[(tokens.voice >= 0) & differs[tokens.voice]] = -1
        return result

    def voices_like(self, other: Vocabulary) -> Ints:
        """Return the voice for each voice of `other`, as if these were the parts of a piece; but those of a family that
        is missing here take no voice from others."""
        families = {voice.family for voice in self.config.voices}
        programs = np.array([known[0] for known in other.known])
        has_family = np.array([voice.family in families for voice in other.config.voices])
        result = np.array([self.voices_of([program])[0] for program in programs.tolist()])
        result[has_family] = self.voices_of(programs[has_family].tolist())
        return result

    def nearest_meter(self, numerator: int, denominator: int) -> int:
        """Return the number of the known meter that is this one, or else is nearest in the length of its bar."""
        return nearest_meter(self.config.meters, numerator, denominator)


def parts_of(score: Score) -> list[tuple[int, Track]]:
    """Return (program or DRUMS, track) of each part that has notes."""
    return [(DRUMS if track.is_drum else track.program, track) for track in score.tracks if len(track.notes)]


def collect_statistics(score: Score) -> Statistics:
    """Return what `fit` needs of one piece."""
    seen: Counter[int] = Counter()
    voices = []
    for program, track in parts_of(score):
        family = family_of(program)
        pitches = track.notes["pitch"]
        voices.append((family, seen[family], track.program, Counter(pitches.tolist())))
        seen[family] += 1
    meters = {m.actual(score.ticks_per_quarter) for m in score.meters}
    return Statistics(tuple(voices), tuple(sorted(meters or {(4, 4)})), opening_of(score))


def opening_of(score: Score) -> Opening | None:
    """Return how a piece opens; None of one without notes."""
    parts = parts_of(score)
    if not parts:
        return None
    edges = score.bars.edges
    starts = np.searchsorted(edges, [meter.tick for meter in score.meters])
    longest = int(np.diff(starts, append=len(edges)).argmax()) if score.meters else 0
    meter = score.meters[longest] if score.meters else Meter(0, 4, 4)
    firsts = [track.notes["start"].min() for _, track in parts]
    return Opening(
        meter=(meter.numerator, meter.denominator),
        quarters_per_minute=min(round(score.first_tempo.quarters_per_minute, 2), 10_000),
        programs=tuple(program for program, _ in parts)[:256],
        entrances=tuple((np.searchsorted(edges, firsts, side="right") - 1).tolist())[:256],
    )


def fit(all_statistics: Iterable[Statistics], options: MultitrackOptions) -> MultitrackConfig:
    """Return the configuration for a corpus: the voices, programs and meters that occur, rare ones left out.

    A voice stays if one piece in 200 has it, or ENOUGH_PIECES, and three where there are many: nothing can be learned
    from a single one for others. The most frequent voice always stays.
    """
    programs: dict[tuple[int, int], Counter[int]] = {}
    pitches: dict[tuple[int, int], Counter[int]] = {}
    meters: Counter[tuple[int, int]] = Counter({(4, 4): 0})
    openings: list[Opening] = []
    pieces = 0
    for piece in all_statistics:
        pieces += 1
        meters.update(meter for meter in piece.meters if is_on_grid(meter, STEPS_PER_QUARTER, LONGEST_BAR))
        openings += [piece.opening] if piece.opening else []
        for family, number, program, notes in piece.voices:
            key = (family, number)
            programs.setdefault(key, Counter())[program] += 1
            pitches.setdefault(key, Counter()).update(notes)
    if not programs:
        programs, pitches = {(0, 0): Counter({0: 1})}, {(0, 0): Counter((21, 108))}
    ranked = sorted(programs, key=lambda key: (-programs[key].total(), key))[:MOST_VOICES]
    least = max(1, min(pieces // 200, ENOUGH_PIECES), min(3, pieces // 30))
    voices: list[Voice] = []
    for key in sorted(key for key in ranked if key == ranked[0] or programs[key].total() >= least):
        wider = 0 if key[0] == DRUM_FAMILY else TRANSPOSITION
        voices.append(
            Voice(
                family=key[0],
                number=sum(voice.family == key[0] for voice in voices),
                low=max(0, min(pitches[key]) - wider),
                high=min(127, max(pitches[key]) + wider),
                programs=tuple(program for program, _ in programs[key].most_common(MOST_PROGRAMS)),
                compass=None if key[0] == DRUM_FAMILY else compass_of(pitches[key]),
            )
        )
    known = tuple(meter for meter, _ in meters.most_common(MOST_METERS))
    kept = {
        len(openings) * number // MOST_OPENINGS: None for number in range(MOST_OPENINGS)
    }  # from all places
    return MultitrackConfig(
        **options.model_dump(),
        voices=tuple(voices),
        meters=known,
        openings=tuple(openings[number] for number in kept if number < len(openings)),
    )


def compass_of(notes: Mapping[int, int]) -> tuple[int, int]:
    """Return the lowest and the highest pitch of notes, given how many there are of each, without the share COMPASS at
    either end; of less than an octave, an octave about its middle."""
    pitches = np.array(sorted(notes))
    share = np.cumsum([notes[pitch] for pitch in pitches.tolist()]) / sum(notes.values())
    low = int(pitches[np.searchsorted(share, COMPASS, side="right")])
    high = int(pitches[np.searchsorted(share, 1 - COMPASS)])
    missing = max(0, OCTAVE - 1 - (high - low))
    low = min(max(0, low - missing // 2), 127 - (OCTAVE - 1))
    return low, max(high, low + OCTAVE - 1)

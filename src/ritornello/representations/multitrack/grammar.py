"""The grammar of `multitrack`: which ids make sense next. It leads every piece to an end.

Why it always ends: at one onset, notes go strictly upwards (voice, then pitch), so they run out; in the last
bar no shift leads past the bar line, so onsets run out; then only the end is left. And there is always a way
on: a shift in every bar but the last, the end in the last, a note after a shift.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.base import BarPosition
from ritornello.representations.grammar import ReaderGrammarState
from ritornello.representations.grids import DURATIONS, SHIFTS, STEPS_PER_QUARTER, TEMPOS, nearest
from ritornello.representations.multitrack.reading import Reader
from ritornello.representations.multitrack.vocabulary import LENGTH_LIMIT, Kind, Vocabulary
from ritornello.score import Meter

MOST_SILENT_BARS = 2
"""From one onset to the next, at most."""

SHORTEST_AT_THE_END = int(np.searchsorted(DURATIONS, STEPS_PER_QUARTER // 4))
"""Number in DURATIONS of the shortest note in the last bar, a sixteenth: a piece does not end with a blip."""

_DURATIONS: list[int] = DURATIONS.tolist()  # plain lists: faster to search for a single number
_SHIFTS: list[int] = SHIFTS.tolist()

HEADER = (Kind.START, Kind.LENGTH_HIGH, Kind.LENGTH_LOW, Kind.METER, Kind.TEMPO)
"""The kinds that come first, one id each; then the instruments."""


@dataclass
class MultitrackGrammarState(ReaderGrammarState):
    """A `GrammarState` (see `representations.base`) for `multitrack`."""

    reader: Reader
    vocabulary: Vocabulary
    stage: int = 0  # ids of HEADER seen; len(HEADER): the instruments or the body
    kind: Kind | None = None  # of the last id
    previous: Kind | None = None  # of the last id but velocities and durations
    onset: int = -1  # time of the last note
    onset_bar: int = 0  # its bar
    last_id: int = -1  # of the last note
    last_shift: int = 0  # number of the last shift, while shifts follow one another
    tempo_time: int = 0
    playable: Mask | None = None  # the notes of the instruments in the header
    programs: tuple[tuple[int, int], ...] = ()  # (voice, program) of the header

    def advance(self, token: int) -> None:
        super().advance(token)
        kind = self.reader.advance(token)
        if self.stage < len(HEADER) and kind == HEADER[self.stage]:
            self.stage += 1
        if kind == Kind.INSTRUMENT:
            pair = self.vocabulary.instruments[self.vocabulary.meanings[token][1]]
            self.programs = (*self.programs, pair)
            self.playable = None
        elif kind == Kind.NOTE:
            self.onset, self.onset_bar, self.last_id = self.reader.time, self.reader.bar, token
            self.notes += 1
        elif kind == Kind.SHIFT:
            self.last_shift = self.vocabulary.meanings[token][1]
        elif kind == Kind.TEMPO:
            self.tempo_time = self.reader.time
        self.kind = kind
        if kind not in (Kind.VELOCITY, Kind.DURATION):
            self.previous = kind

    @property
    def quarters(self) -> float:
        return self.reader.time / STEPS_PER_QUARTER

    @property
    def place(self) -> tuple[int, int]:
        return self.reader.bar, self.reader.position

    @property
    def bar_position(self) -> BarPosition:
        reader = self.reader
        steps = reader.bar_steps
        meter = self.vocabulary.config.meters[reader.meter] if reader.meter >= 0 else (4, 4)
        return BarPosition(reader.bar, reader.position, steps, steps // Meter(0, *meter).beats)

    @property
    def bars(self) -> int:
        return self.reader.length or self.default_bars  # the header announces what the conditions ask for

    @property
    def bars_left(self) -> int:
        """Bars after the present one."""
        return max(0, self.bars - 1 - self.reader.bar)

    def finish_bar(self) -> None:
        self.reader.length = self.reader.bar + 1  # the network sees the last bar, and plays it as one

    def allow(self, mask: Mask) -> None:
        if self.stage < len(HEADER):
            self._allow_header(mask)
        elif self._in_header() and self._allow_instruments(mask):
            pass  # more instruments are to come
        else:
            self._allow_body(mask)

    def _in_header(self) -> bool:
        return self.kind in (Kind.TEMPO, Kind.INSTRUMENT) and self.reader.time == 0 and not self.notes

    def _allow_header(self, mask: Mask) -> None:
        """Allow the next id of the header: what the conditions ask for, else any of its kind."""
        kind = HEADER[self.stage]
        planned = self._planned(kind)
        if planned is None:
            mask[self.vocabulary.block[kind]] = True
        else:
            mask[self.vocabulary.id_of(kind, planned)] = True
        if kind == Kind.LENGTH_LOW and self.reader.length_high == 0:
            mask[self.vocabulary.id_of(kind)] = False  # a piece has at least one bar

    def _planned(self, kind: Kind) -> int | None:
        conditions, length = self.conditions, min(self.conditions.bars or 0, LENGTH_LIMIT)
        if kind == Kind.LENGTH_HIGH and length:
            return length >> 4
        if kind == Kind.LENGTH_LOW and length:
            return length & 15
        if kind == Kind.METER and conditions.meter:
            return self.vocabulary.nearest_meter(*conditions.meter)
        if kind == Kind.TEMPO and conditions.quarters_per_minute:
            return int(nearest(TEMPOS, np.array(conditions.quarters_per_minute)))
        return None

    def _allow_instruments(self, mask: Mask) -> bool:
        """Allow the next instrument of the header. Return whether one has to come."""
        declared = {voice for voice, _ in self.programs}
        if self.conditions.instruments:
            wanted = planned_instruments(self.vocabulary, self.conditions.instruments)
            missing = [token for token in wanted if int(self.vocabulary.voice[token]) not in declared]
            mask[missing[:1]] = True
            return bool(missing)
        later = self.vocabulary.voice > max(declared, default=-1)
        block = self.vocabulary.block[Kind.INSTRUMENT]
        mask[block] = later[block]
        return not declared

    def _allow_body(self, mask: Mask) -> None:
        reader, vocabulary = self.reader, self.vocabulary
        at_onset = self.onset == reader.time
        self._allow_modifiers(mask)
        if self._needs_duration():
            return
        notes = self._playable()
        if at_onset:
            mask[self.last_id + 1 :] |= notes[self.last_id + 1 :]
        else:
            mask |= notes
            self._allow_changes(mask)
        self._allow_shifts(mask, self.bars_left)
        if self.notes and self.bars_left == 0 and at_onset:
            mask[vocabulary.id_of(Kind.END)] = True
        if self.notes and reader.bar >= self.bars:  # past the last bar line
            mask[:] = False
            mask[vocabulary.id_of(Kind.END)] = True

    def _allow_modifiers(self, mask: Mask) -> None:
        """Allow a velocity and then a duration after a note, if they differ from what its voice remembers."""
        vocabulary, voice = self.vocabulary, self.reader.voice
        if self.previous != Kind.NOTE:
            return
        if self.kind == Kind.NOTE:
            mask[vocabulary.block[Kind.VELOCITY]] = True
            mask[vocabulary.id_of(Kind.VELOCITY, self.reader.velocity(voice))] = False
        if self.kind in (Kind.NOTE, Kind.VELOCITY) and not vocabulary.is_drum[voice]:
            first, (shortest, stop) = vocabulary.id_of(Kind.DURATION), self._durations()
            mask[first + shortest : first + stop] = True
            mask[first + self.reader.duration(voice)] = False

    def _durations(self) -> tuple[int, int]:
        """Return the numbers of the durations, first and one after the last, that a note may have now.

        No note sounds past the last bar, and none in it is shorter than a sixteenth, if there is room.
        """
        reader = self.reader
        if not reader.length:
            return 0, len(DURATIONS)
        to_end = (reader.bars_left + 1) * reader.bar_steps - reader.position
        stop = bisect_right(_DURATIONS, to_end)
        return (0 if reader.bars_left else min(SHORTEST_AT_THE_END, stop - 1)), stop

    def _needs_duration(self) -> bool:
        """Whether the last note would, with the duration that its voice remembers, be too short or too long."""
        fresh = self.kind in (Kind.NOTE, Kind.VELOCITY) and self.previous == Kind.NOTE
        if not fresh or self.vocabulary.is_drum[self.reader.voice]:
            return False
        shortest, stop = self._durations()
        return not shortest <= self.reader.duration(self.reader.voice) < stop

    def _allow_changes(self, mask: Mask) -> None:
        """Allow, unless the conditions fix them, a new meter at a bar line and a new tempo at a bar's first onset."""
        reader, vocabulary = self.reader, self.vocabulary
        if reader.position == 0 and self.previous == Kind.SHIFT and not self.conditions.meter:
            mask[vocabulary.block[Kind.METER]] = True
        if (
            self.onset_bar < reader.bar
            and self.tempo_time < reader.time
            and not self.conditions.quarters_per_minute
        ):
            mask[vocabulary.block[Kind.TEMPO]] = True

    def _allow_shifts(self, mask: Mask, bars_left: int) -> None:
        """Allow shifts that stay within the piece and are not too long; after a shift, only smaller ones."""
        reader = self.reader
        to_end = (bars_left + 1) * reader.bar_steps - reader.position
        longest = min(to_end - 1, max(MOST_SILENT_BARS * reader.bar_steps - self._silence(), 0))
        count = bisect_right(_SHIFTS, longest)
        if self.previous == Kind.SHIFT:
            count = min(count, self.last_shift + 1)
        elif self.onset < reader.time and self.kind in (Kind.METER, Kind.TEMPO):
            count = 0  # a change is followed by a note
        first = self.vocabulary.id_of(Kind.SHIFT)
        mask[first : first + count] = True

    def _silence(self) -> int:
        """Return for how many steps nothing has begun."""
        return self.reader.time - max(self.onset, 0)

    def _playable(self) -> Mask:
        """Return the notes of the header's instruments that lie in their compass."""
        if self.playable is None:
            programs = dict(self.programs) or {v: p[0] for v, p in self._all_voices()}
            mask = np.zeros(self.vocabulary.size, dtype=bool)
            for voice, program in programs.items():
                mask |= compass(self.vocabulary, voice, program)
            self.playable = mask
        return self.playable

    def _all_voices(self) -> list[tuple[int, tuple[int, ...]]]:
        return [(v, voice.programs) for v, voice in enumerate(self.vocabulary.config.voices)]


def compass(vocabulary: Vocabulary, voice: int, program: int) -> Mask:
    """Return the notes of a voice that the instrument can play; all of them for drums, and if it can play none."""
    low, high = vocabulary.playable(voice, program)
    within = (vocabulary.pitch >= low) & (vocabulary.pitch <= high)
    return np.asarray((vocabulary.voice == voice) & (vocabulary.kind == Kind.NOTE) & within)


def planned_instruments(vocabulary: Vocabulary, programs: Sequence[int]) -> list[int]:
    """Return the ids of the instruments of a header, in its order, for programs in score order."""
    by_voice: dict[int, int] = {}
    for voice, program in zip(vocabulary.voices_of(programs), programs, strict=True):
        by_voice.setdefault(voice, vocabulary.instrument_id(voice, program))
    return sorted(by_voice.values())

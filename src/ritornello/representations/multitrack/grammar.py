"""The grammar of `multitrack`: the ids allowed next.

Every piece ends: at one onset, notes go strictly upwards (voice, then pitch), so they run out; in the last bar no shift
leads into the sixteenth before the bar line, so onsets run out, and the last one is no shorter than music that loops or
fades has it; then only the end is left. And the mask is never empty: it has a shift in every bar but the last, the end
in the last, a note after a shift.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ritornello.arrays import Mask
from ritornello.errors import ConfigError
from ritornello.representations.grammar import MOST_SILENT_BARS, BarPosition, GrammarState
from ritornello.representations.grids import (
    DURATION_STEPS,
    DURATIONS,
    SHIFT_STEPS,
    SHIFTS,
    STEPS_PER_QUARTER,
    TEMPOS,
    nearest,
)
from ritornello.representations.multitrack.plan import FARTHEST
from ritornello.representations.multitrack.reading import Reader
from ritornello.representations.multitrack.vocabulary import (
    ENTRANCES,
    LENGTH_LIMIT,
    VELOCITY_STEP,
    Vocabulary,
)
from ritornello.representations.parts import voices_for
from ritornello.score import Meter

SHORTEST_AT_THE_END = int(np.searchsorted(DURATIONS, STEPS_PER_QUARTER // 4))
"""Number in DURATIONS of the shortest note in the last bar, a sixteenth: a piece does not end with a blip."""


# Rows of masks: the first so many durations or shifts, and the velocities but one.
_SHORTER = list(np.tri(len(DURATIONS) + 1, len(DURATIONS), -1, dtype=bool))
_SHORTER_SHIFTS = list(np.tri(len(SHIFTS) + 1, len(SHIFTS), -1, dtype=bool))
_OTHER_VELOCITIES = list(~np.eye(128 // VELOCITY_STEP, dtype=bool))

HEADER = ("start", "length_high", "length_low", "meter", "tempo")
"""The kinds that come first, one id each; then the instruments."""

PLAN = ("return", "chord")
"""The kinds of a plan, in the order in which they come at an onset."""

CHANGES = ("meter", "tempo", *PLAN)
"""The kinds that come before the notes of an onset."""


@dataclass
class MultitrackGrammarState(GrammarState):
    """The `GrammarState` of `multitrack`."""

    reader: Reader
    vocabulary: Vocabulary
    stage: int = 0  # ids of HEADER seen; len(HEADER): the instruments or the body
    kind: str = ""  # of the last id
    previous: str = ""  # of the last id but velocities and durations
    onset: int = -1  # time of the last note
    onset_bar: int = 0  # its bar
    last_id: int = -1  # of the last note
    last_shift: int = 0  # number of the last shift, while shifts follow one another
    tempo_time: int = 0
    playable: Mask | None = None  # the notes of the instruments in the header
    programs: tuple[tuple[int, int], ...] = ()  # (voice, program) of the header
    entrances: tuple[int, ...] = ()  # bars of it, in the order of the instruments

    def advance(self, token: int) -> None:
        super().advance(token)
        kind = self.reader.advance(token)
        if self.stage < len(HEADER) and kind == HEADER[self.stage]:
            self.stage += 1
        if kind == "note":
            self.onset, self.onset_bar, self.last_id = self.reader.time, self.reader.bar, token
            self.notes += 1
        elif kind == "instrument":
            self.programs = (*self.programs, self.vocabulary.instruments[self.tokens.value[token]])
            self.playable = None
            if not self.vocabulary.config.entrances:
                self.reader.entering.due |= self._drawn_entrance(self.programs[-1][0])
        elif kind == "entrance":
            self.entrances = (*self.entrances, ENTRANCES[self.tokens.value[token]])
        elif kind == "shift":
            self.last_shift = self.tokens.value[token]
        elif kind == "tempo":
            self.tempo_time = self.reader.time
        self.kind = kind
        if kind not in ("velocity", "duration"):
            self.previous = kind

    def fork(self) -> Self:
        return replace(self, reader=self.reader.fork())

    @property
    def columns(self) -> tuple[int, ...]:
        return self.reader.values

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
    def chord(self) -> int:
        return self.reader.chord

    @property
    def bars(self) -> int:
        return self.reader.length or self.default_bars  # the header has the length of the conditions

    @property
    def bars_left(self) -> int:
        """Bars after the present one."""
        left = self.bars - 1 - self.reader.bar
        return left if left > 0 else 0

    def finish_bar(self) -> None:
        self.reader.length = self.reader.bar + 1  # the network sees the last bar, and plays it as one

    def allow(self, mask: Mask) -> None:
        if self.stage < len(HEADER):
            self._allow_header(mask)
        elif not (self._in_header() and self._allow_header_end(mask)):
            self._allow_body(mask)

    @property
    def reassigns_probability(self) -> bool:
        return self.stage == len(HEADER) and self.bars_left == 0

    def reassign_probability(self, mask: Mask) -> list[tuple[int, Mask]]:
        """See `representations.base.GrammarState.reassign_probability`.

        In the last bar the end takes the probability of longer shifts than are allowed, and the longest duration that
        is possible that of longer ones.
        """
        if not self.reassigns_probability:
            return []
        kinds, found = self.tokens.slice, []
        end, shifts, durations = self.tokens.first["end"], kinds["shift"], kinds["duration"]
        if mask[end]:
            found.append((end, _beyond(mask, shifts)))
        if self.may_set_duration:
            longest = durations.start + self._durations()[1] - 1
            if mask[longest]:
                found.append((longest, _beyond(mask, durations)))
        return found

    def _in_header(self) -> bool:
        is_header = self.kind in ("tempo", "instrument", "entrance")
        return is_header and self.reader.time == 0 and not self.notes

    def _allow_header_end(self, mask: Mask) -> bool:
        """Allow the next instrument or entrance of the header. Return whether one has to come."""
        if self.kind != "entrance" and self._allow_instruments(mask):
            return True
        if not self.vocabulary.config.entrances or len(self.entrances) >= len(self.programs):
            return False
        self._allow_entrances(mask)
        return True

    def _allow_entrances(self, mask: Mask) -> None:
        """Allow the entrance of the next instrument: within the piece, and of the last one early, if all others are
        late."""
        stop = bisect_left(ENTRANCES, self.bars)
        if (
            len(self.entrances) == len(self.programs) - 1
            and min(self.entrances, default=stop) >= MOST_SILENT_BARS
        ):
            stop = min(stop, MOST_SILENT_BARS)
        first, start = self.tokens.first["entrance"], 0
        for bar in self._drawn_entrance(self.programs[len(self.entrances)][0]).values():
            stop = min(stop, bisect_right(ENTRANCES, bar))
            start = stop - 1
        mask[first + start : first + stop] = True

    def _drawn_entrance(self, voice: int) -> dict[int, int]:
        """Return the bar in which a voice enters by the opening of the conditions, in the first half; empty if that
        has other instruments than this piece."""
        opening, asked = self.conditions.opening, self.conditions.instruments
        if opening is None or (asked and sorted(asked) != sorted(opening.programs)):
            return {}
        part = planned_parts(self.vocabulary, opening.programs).get(voice)
        return {} if part is None else {voice: min(opening.entrances[part], self.bars // 2)}

    def _allow_header(self, mask: Mask) -> None:
        """Allow the next id of the header: that of the conditions, or else any of its kind."""
        kind, conditions, opening = HEADER[self.stage], self.conditions, self.conditions.opening
        length, planned = min(conditions.bars or 0, LENGTH_LIMIT), None
        if kind == "length_high" and length:
            planned = length >> 4
        elif kind == "length_low" and length:
            planned = length & 15
        elif kind == "meter" and (meter := conditions.meter or (opening and opening.meter)):
            planned = self.vocabulary.nearest_meter(*meter)
        elif kind == "tempo" and (
            tempo := conditions.quarters_per_minute or (opening and opening.quarters_per_minute)
        ):
            planned = int(nearest(TEMPOS, np.array(tempo)))
        mask[self.tokens.slice[kind] if planned is None else self.tokens.first[kind] + planned] = True
        if kind == "length_low" and self.reader.length_high == 0:
            mask[self.tokens.first[kind]] = False  # a piece has at least one bar

    def _allow_instruments(self, mask: Mask) -> bool:
        """Allow the next instrument of the header. Return whether one has to come."""
        declared, opening = {voice for voice, _ in self.programs}, self.conditions.opening
        if programs := self.conditions.instruments or (opening and opening.programs):
            wanted = planned_instruments(self.vocabulary, programs)
            missing = [token for token in wanted if int(self.tokens.voice[token]) not in declared]
            mask[missing[:1]] = True
            return bool(missing)
        ids = self.tokens.slice["instrument"]
        mask[ids] = self.tokens.voice[ids] > max(declared, default=-1)
        return not declared

    def _allow_body(self, mask: Mask) -> None:
        reader, first, is_last = self.reader, self.tokens.first, False
        at_onset = self.onset == reader.time
        if self.notes and (bars := self.bars - reader.bar) <= 1:  # from the present one on
            is_last = True
            if bars <= 0 and not self._needs_duration():  # past the last bar line
                mask[first["end"]] = True
                return
        if self._allow_modifiers(mask):
            return
        lowest = self.last_id + 1 if at_onset else first["note"]
        mask[lowest:] = self._playable()[lowest:]  # notes come last
        if not at_onset:
            self._allow_changes(mask)
        elif is_last:
            mask[first["end"]] = True
        self._allow_shifts(mask)

    @property
    def may_set_duration(self) -> bool:
        """Whether the last id can still be followed by a duration of the last note."""
        is_new = self.previous == "note" and self.kind in ("note", "velocity")
        return is_new and self.reader.voice not in self.tokens.drum_voices

    def _allow_modifiers(self, mask: Mask) -> bool:
        """Allow a velocity and then a duration after a note, if they differ from what its voice remembers. Return
        whether a duration has to come."""
        if self.previous != "note":
            return False
        kinds, (duration, velocity) = self.tokens.slice, self.reader.remembered.of(self.reader.voice)
        if self.kind == "note":
            mask[kinds["velocity"]] = _OTHER_VELOCITIES[velocity]
        if not self.may_set_duration:
            return False
        shortest, stop = self._durations()
        first = kinds["duration"].start
        mask[kinds["duration"]] = _SHORTER[stop]
        mask[first + duration] = False
        if shortest:
            mask[first : first + shortest] = False
        return not shortest <= duration < stop

    def _durations(self) -> tuple[int, int]:
        """Return the numbers of the durations, first and one after the last, that a note may have now.

        No note sounds past the last bar, and none in it is shorter than a sixteenth, if there is room.
        """
        reader = self.reader
        if not reader.length:
            return 0, len(DURATIONS)
        left = reader.bars_left
        stop = bisect_right(DURATION_STEPS, (left + 1) * reader.bar_steps - reader.position)
        return (0 if left else min(SHORTEST_AT_THE_END, stop - 1)), stop

    def _needs_duration(self) -> bool:
        """Whether the last note would, with the duration that its voice remembers, be too short or too long."""
        if not self.may_set_duration:
            return False
        shortest, stop = self._durations()
        return not shortest <= self.reader.duration < stop

    def _allow_changes(self, mask: Mask) -> None:
        """Allow, unless the conditions fix them, a new meter at a bar line and a new tempo at a bar's first onset."""
        reader, kinds = self.reader, self.tokens.slice
        if reader.position == 0 and self.previous == "shift" and not self.conditions.meter:
            mask[kinds["meter"]] = True
        is_first = self.onset_bar < reader.bar and self.tempo_time < reader.time
        if is_first and self.kind not in PLAN and not self.conditions.quarters_per_minute:
            mask[kinds["tempo"]] = True
        if mask[self.tokens.first["note"] :].any():
            self._allow_plan(mask)

    def _allow_plan(self, mask: Mask) -> None:
        """Allow a return at the first onset of a bar, and a chord other than the present one."""
        reader, kinds, config = self.reader, self.tokens.slice, self.vocabulary.config
        if config.returns and self.kind not in PLAN and self.onset_bar < reader.bar:
            first = kinds["return"].start
            mask[first : first + min(reader.bar, FARTHEST)] = True
        if config.chords and self.kind != "chord":
            mask[kinds["chord"]] = True
            if reader.chord >= 0:
                mask[kinds["chord"].start + reader.chord] = False

    def _allow_shifts(self, mask: Mask) -> None:
        mask[self.tokens.slice["shift"]] = _SHORTER_SHIFTS[self._possible_shifts()]

    def _possible_shifts(self) -> int:
        """Return how many of the shifts, from the shortest on, stay within the piece and are not too long; after a
        shift, only smaller ones."""
        reader = self.reader
        last_onset = reader.bar_steps - min(DURATION_STEPS[SHORTEST_AT_THE_END], reader.bar_steps)
        before_end = self.bars_left * reader.bar_steps + last_onset - reader.position
        silence_left = MOST_SILENT_BARS * reader.bar_steps - self._silence()
        count = bisect_right(SHIFT_STEPS, before_end if before_end < silence_left else silence_left)
        if self.previous == "shift":
            return min(count, self.last_shift + 1)
        if self.onset < reader.time and self.kind in CHANGES:
            return 0  # a change is followed by a note
        return count

    def _silence(self) -> int:
        """Return the steps since the last onset."""
        return self.reader.time - self.onset if self.onset > 0 else self.reader.time

    def _playable(self) -> Mask:
        """Return the notes of the header's instruments, or of all voices if there are none, in their ranges."""
        if self.playable is None:
            vocabulary = self.vocabulary
            every = {number: voice.programs[0] for number, voice in enumerate(vocabulary.config.voices)}
            self.playable = np.zeros(self.tokens.size, dtype=bool)
            for voice, program in (dict(self.programs) or every).items():
                low, high = vocabulary.playable(voice, program)
                self.playable[vocabulary.note_ids(voice, low) : vocabulary.note_ids(voice, high) + 1] = True
        return self.playable


def _beyond(mask: Mask, ids: slice) -> Mask:
    """Return the mask of those of `ids` that come after the last one that `mask` has."""
    last = int(np.flatnonzero(mask[ids]).max(initial=-1))
    others = np.zeros_like(mask)
    others[ids.start + last + 1 : ids.stop] = True
    return others


def planned_instruments(vocabulary: Vocabulary, programs: Sequence[int]) -> list[int]:
    """Return the ids of the instruments of a header, in its order, for programs in score order."""
    parts = planned_parts(vocabulary, programs)
    return sorted(vocabulary.instrument_id(voice, programs[part]) for voice, part in parts.items())


def planned_parts(vocabulary: Vocabulary, programs: Sequence[int]) -> dict[int, int]:
    """Return the part, as a number among programs in score order, that each voice plays: of several, the first.

    A program for which no voice of its family is left gets that of `voices_of`.
    """
    try:
        voices = voices_for(vocabulary.known, programs)
    except ConfigError:
        voices = vocabulary.voices_of(programs)
    parts: dict[int, int] = {}
    for part, voice in enumerate(voices):
        parts.setdefault(voice, part)
    return parts

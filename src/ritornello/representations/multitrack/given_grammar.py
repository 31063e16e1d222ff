"""Given notes in `multitrack`: a grammar whose grammar leads from one to the next, and leaves the rest to the model.

What is given stands in a table (see `given`). The grammar knows at any time what is due next. Until then it allows what
the grammar allows where something is free: notes of free parts, and shifts to where such notes may begin or to what is
due. At an onset ids ascend, so nothing beyond the due note may come before it; its velocity and its duration follow
where the voice remembers others. Where nothing is free, one id remains.

Notes of the filling end, at the latest, where their voice is given again, and begin a sixteenth before that; a given
note that sounds on into a free bar is not struck there. So all that is given sounds in its full length, and nothing
else where it is given.

There is always a way on, since where no other is left the next shift to what is due or free, or else the end, is
allowed.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.grids import DURATIONS, SHIFTS
from ritornello.representations.multitrack.decoding import DRUM_STEPS
from ritornello.representations.multitrack.given import GivenNote, GivenTable
from ritornello.representations.multitrack.grammar import (
    HEADER,
    MOST_SILENT_BARS,
    SHORTEST_AT_THE_END,
    MultitrackGrammarState,
)
from ritornello.representations.multitrack.vocabulary import Kind

_SHIFTS: list[int] = SHIFTS.tolist()
_DURATIONS: list[int] = DURATIONS.tolist()
_BEYOND = 1 << 40  # more than any id, and later than any time


class Due(NamedTuple):
    """What must come next: the step at which it is due, its id, and the note if it is one."""

    time: int
    token: int
    note: GivenNote | None = None


@dataclass
class GivenGrammarState(MultitrackGrammarState):
    """A `MultitrackGrammarState` that keeps what is given."""

    table: GivenTable = field(kw_only=True)
    composed: dict[int, list[GivenNote]] = field(default_factory=dict)  # by bar, for those that return
    queue: tuple[int, ...] = ()  # the velocity and duration that the given note just read still needs
    is_given: bool = False  # whether the last note was given
    sounding: dict[int, int] = field(default_factory=dict)  # ids of given notes, and the step where each ends
    tempo: int = -1  # number of the present one

    @property
    def forced_token(self) -> int | None:
        due = self._next_due()
        if not due or due.time > self.reader.time or self._needs_duration() or self._lacks_instruments():
            return None
        return due.token

    def reassign_probability(self, mask: Mask) -> tuple[int, Mask] | None:
        """See `representations.base.GrammarState.reassign_probability`.

        Where a note is due now, it stands for all other notes and for time to go on; before that, the way to it stands
        for longer shifts and the end; after the last, the end for shifts past it.
        """
        vocabulary, due = self.vocabulary, self._next_due()
        if self.stage < len(HEADER) or self.queue or self._needs_duration() or self._lacks_instruments():
            return None
        end, shifts = vocabulary.id_of(Kind.END), vocabulary.block[Kind.SHIFT]
        others = np.zeros_like(mask)
        others[end] = True
        if due and due.time == self.reader.time:
            target = due.token
            others[shifts] = others[vocabulary.block[Kind.NOTE]] = True
        else:
            target = self._way_to(due.time) if due else end
            landings = [number for number in np.flatnonzero(mask[shifts]) + shifts.start if number != target]
            others[max(landings, default=shifts.start - 1) + 1 : shifts.stop] = self.previous != Kind.SHIFT
        others &= ~mask
        return (target, others) if mask[target] else None

    def _lacks_instruments(self) -> bool:
        return self._in_header() and self._allow_instruments(np.zeros(self.vocabulary.size, dtype=bool))

    def advance(self, token: int) -> None:
        due = self._next_due() if self.vocabulary.meanings[token][0] == Kind.NOTE else None
        super().advance(token)
        if self.queue:
            self.queue = self.queue[1:] if token == self.queue[0] else ()
        if self.kind == Kind.NOTE:
            self._take_note(token, due)
        elif self.kind in (Kind.VELOCITY, Kind.DURATION):
            self._correct_note()
        elif self.kind == Kind.TEMPO:
            self.tempo = self.vocabulary.meanings[token][1]

    def _take_note(self, token: int, due: Due | None) -> None:
        reader = self.reader
        self.is_given = due is not None and due.time == reader.time and due.token == token
        known = GivenNote(
            reader.position, token, reader.velocity(reader.voice), reader.duration(reader.voice)
        )
        self.composed.setdefault(reader.bar, []).append(known)
        if due and due.note and self.is_given:
            self.queue = self._modifiers(due.note)
            steps = DRUM_STEPS if self.vocabulary.is_drum[reader.voice] else _DURATIONS[due.note.duration]
            self.sounding = {note: end for note, end in self.sounding.items() if end > reader.time}
            self.sounding[token] = reader.time + steps

    def _correct_note(self) -> None:
        """Note the velocity and the duration that the last note has after all."""
        reader, notes = self.reader, self.composed.get(self.onset_bar)
        if notes:
            velocity, duration = reader.velocity(reader.voice), reader.duration(reader.voice)
            notes[-1] = notes[-1]._replace(velocity=velocity, duration=duration)

    def _modifiers(self, note: GivenNote) -> tuple[int, ...]:
        """Return the ids that must follow a given note."""
        reader, vocabulary, voice = self.reader, self.vocabulary, self.reader.voice
        new_velocity = reader.velocity(voice) != note.velocity
        new_duration = reader.duration(voice) != note.duration and not vocabulary.is_drum[voice]
        velocity = [vocabulary.id_of(Kind.VELOCITY, note.velocity)] * new_velocity
        return (*velocity, *[vocabulary.id_of(Kind.DURATION, note.duration)] * new_duration)

    def fork(self) -> GivenGrammarState:
        composed = {bar: list(notes) for bar, notes in self.composed.items()}
        return replace(self, reader=self.reader.fork(), composed=composed)

    # --- what is due, and what is free ------------------------------------------------------------------------

    def _next_due(self) -> Due | None:
        """Return what must come next; None if nothing is given from here on."""
        if self.stage < len(HEADER) or self.ended:
            return None
        reader = self.reader
        if self.queue:
            return Due(reader.time, self.queue[0])
        note, meter = self._next_note(), self._next_meter()
        if meter and (note is None or meter.time <= note.time):
            return meter
        if note and note.time == reader.time and self._new_tempo is not None:
            return Due(reader.time, self._new_tempo)
        return note

    def _next_note(self) -> Due | None:
        reader = self.reader
        since = (reader.position, self.last_id if self.onset == reader.time else -1, _BEYOND)
        for bar in range(reader.bar, reader.length):
            notes = self._notes_of(bar)
            at = bisect_right(notes, since) if bar == reader.bar else 0
            if at < len(notes):
                return Due(self._bar_start(bar) + notes[at].position, notes[at].token, notes[at])
        return None

    def _next_meter(self) -> Due | None:
        at = bisect_right(self.table.meters, (self.reader.place.meter_start, _BEYOND))
        if at == len(self.table.meters):
            return None
        step, number = self.table.meters[at]
        return Due(step, self.vocabulary.id_of(Kind.METER, number))

    @property
    def _new_tempo(self) -> int | None:
        """The id of the present bar's tempo, if it is not the present one and has to come before the next note."""
        tempos = self.table.tempos
        tempo = tempos[min(self.reader.bar, len(tempos) - 1)] if tempos else self.tempo
        return None if tempo == self.tempo else self.vocabulary.id_of(Kind.TEMPO, tempo)

    def _notes_of(self, bar: int) -> tuple[GivenNote, ...] | list[GivenNote]:
        given = self.table.given
        if bar in given.free:
            return ()
        if bar in given.returns:
            return self.composed.get(given.returns[bar], ())
        return self.table.notes.get(bar, ())

    def _bar_start(self, bar: int) -> int:
        """Return the first step of a bar; beyond those that the score has, bars are as the present one."""
        known = self.table.bars
        return known[bar] if bar < len(known) else known[-1] + (bar + 1 - len(known)) * self.reader.bar_steps

    def _bar_at(self, time: int) -> int:
        known = self.table.bars
        after = (time - known[-1]) // self.reader.bar_steps
        return len(known) - 1 + after if after > 0 else bisect_right(known, time) - 1

    def _is_free(self, bar: int) -> bool:
        return self.table.given.is_accompanied or bar in self.table.given.free

    def _free_until(self, bar: int) -> int:
        """Return the first step from `bar` on at which its parts are given again."""
        while bar < self.reader.length and bar in self.table.given.free:
            bar += 1
        return self._bar_start(bar)

    def _has_room(self, time: int) -> bool:
        """Whether notes may begin at `time` that have at least a sixteenth before they have to end."""
        bar, is_accompanied = self._bar_at(time), self.table.given.is_accompanied
        end = self._bar_start(self.reader.length) if is_accompanied else self._free_until(bar)
        return self._is_free(bar) and end - time >= _DURATIONS[SHORTEST_AT_THE_END]

    # --- the grammar ------------------------------------------------------------------------------------------

    def _allow_instruments(self, mask: Mask) -> bool:
        """Allow the given instruments and those asked for; if others may come and none is asked for, also those."""
        if self.table.given.score is None:
            return super()._allow_instruments(mask)
        voices = self.vocabulary.voice
        declared = {voice for voice, _ in self.programs}
        missing = [token for token in self.table.instruments if int(voices[token]) not in declared][:1]
        mask[missing] = True
        if not self.table.given.is_accompanied or self.conditions.instruments:
            return bool(missing)
        block = np.arange(self.vocabulary.size)[self.vocabulary.block[Kind.INSTRUMENT]]
        last = int(voices[missing[0]]) if missing else len(self.vocabulary.low)
        others = block[(voices[block] > max(declared, default=-1)) & (voices[block] < last)]
        mask[others] = True
        if declared <= self.table.voices and len(others):
            mask[missing] = self._leaves_others(missing)
            return True
        return bool(missing)

    def _leaves_others(self, missing: list[int]) -> bool:
        """Whether after the voice of `missing` there are others than given ones, so that one of them can come."""
        later = range(int(self.vocabulary.voice[missing[0]]) + 1 if missing else 0, len(self.vocabulary.low))
        return any(voice not in self.table.voices for voice in later)

    def _allow_body(self, mask: Mask) -> None:
        if self.queue:
            mask[self.queue[0]] = True
            return
        super()._allow_body(mask)
        if self.reader.bar >= self.reader.length or self._needs_duration():
            return
        vocabulary, due = self.vocabulary, self._next_due()
        end, shifts = vocabulary.id_of(Kind.END), mask[vocabulary.block[Kind.SHIFT]]
        if due:
            mask[end] = False
        if due and due.time == self.reader.time:
            self._insist(mask, due.token)
        elif not (shifts.any() or mask[end]) and (self.onset == self.reader.time or not mask.any()):
            mask[self._way_on(due)] = True

    def _way_on(self, due: Due | None) -> int:
        """Return the id that leads on where nothing else does: to what is due or the next free bar, or else the end."""
        later = range(self.reader.bar + 1, self.reader.length)
        free = next((self._bar_start(bar) for bar in later if self._is_free(bar)), _BEYOND)
        time = min(free, due.time if due else _BEYOND)
        return self.vocabulary.end if time == _BEYOND else self._way_to(time)

    def _insist(self, mask: Mask, token: int) -> None:
        """Leave only what may come before an id that is due now, and that id."""
        mask[self.vocabulary.block[Kind.SHIFT]] = False
        mask[max(token, self.vocabulary.id_of(Kind.NOTE)) :] = False
        if token < self.vocabulary.id_of(Kind.NOTE):  # a meter or a tempo comes before notes
            mask[:] = False
        mask[token] = True

    def _way_to(self, time: int) -> int:
        """Return the id of the first shift on the way to `time`."""
        return self.vocabulary.id_of(Kind.SHIFT, bisect_right(_SHIFTS, time - self.reader.time) - 1)

    def _allow_modifiers(self, mask: Mask) -> None:
        if not self.is_given:
            super()._allow_modifiers(mask)

    def _needs_duration(self) -> bool:
        return not self.is_given and super()._needs_duration()

    def _durations(self) -> tuple[int, int]:
        shortest, stop = super()._durations()
        if self.table.given.is_accompanied and self.reader.voice not in self.table.voices:
            return shortest, stop
        room = self._free_until(self.reader.bar) - self.reader.time
        stop = max(1, min(stop, bisect_right(_DURATIONS, room)))
        return min(shortest, stop - 1), stop

    def _allow_changes(self, mask: Mask) -> None:
        """Meter and tempo are given; a new tempo comes before the first note of its bar."""
        if self._new_tempo is not None and mask.any():
            mask[self.vocabulary.block[Kind.NOTE]] = False
            mask[self._new_tempo] = True

    def _allow_shifts(self, mask: Mask, bars_left: int) -> None:
        """Allow shifts of the grammar to where a note may begin, or on the way to what is due."""
        block, due = self.vocabulary.block[Kind.SHIFT], self._next_due()
        super()._allow_shifts(mask, bars_left)
        last = due.time if due else _BEYOND
        for number in np.flatnonzero(mask[block]).tolist():
            time = self.reader.time + _SHIFTS[number]
            mask[block.start + number] = time == last or (time < last and self._has_room(time))
        if due and due.time > self.reader.time and self._may_skip_to(due.time):
            mask[self._way_to(due.time)] = True

    def _may_skip_to(self, time: int) -> bool:
        """Whether the way to `time`, where something is due, passes no more free time than may be silent."""
        reader = self.reader
        way = self._way_to(time) - self.vocabulary.block[Kind.SHIFT].start
        if self.previous == Kind.SHIFT and way > self.last_shift:
            return False
        if self.onset < reader.time and self.kind in (Kind.METER, Kind.TEMPO) and self._is_free(reader.bar):
            return False
        free = [bar for bar in range(reader.bar, self._bar_at(time) + 1) if self._is_free(bar)]
        if not free:
            return True
        first, last = self._bar_start(free[0]), min(time, self._bar_start(free[-1] + 1))
        return last - max(first, reader.time) + self._silence() <= MOST_SILENT_BARS * reader.bar_steps

    def _silence(self) -> int:
        """Return for how many steps nothing has begun where something could."""
        if self.table.given.is_accompanied:
            return super()._silence()
        bar = self.reader.bar + 1
        while bar > 0 and self._is_free(bar - 1):
            bar -= 1
        return max(0, min(super()._silence(), self.reader.time - self._bar_start(bar)))

    def _playable(self) -> Mask:
        """Return the notes of the parts that are free here; not those that a given note still sounds."""
        mask = super()._playable()
        given = self.table.given
        if self.reader.bar not in given.free:
            if not given.is_accompanied:
                return np.zeros_like(mask)
            mask = mask & ~np.isin(self.vocabulary.voice, list(self.table.voices))
        held = [note for note, end in self.sounding.items() if end > self.reader.time]
        if held:
            mask = mask.copy()
            mask[held] = False
        return mask

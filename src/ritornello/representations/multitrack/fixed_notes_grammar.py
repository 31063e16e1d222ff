"""The grammar of `multitrack` with fixed notes: it leads from one to the next, and leaves the rest to the model.

The notes are in a table (see `fixed_notes`). At any time one id is due next. Before it the grammar allows notes of free
parts, and shifts to where such notes may begin or to what is due. At an onset ids ascend, so no id greater than the due
note may come before it; its velocity and its duration follow where the voice remembers others. Where nothing is free,
one id remains.

Composed notes begin at least a sixteenth before their voice is fixed again, and end by then; a fixed note that sounds
on into a free bar is not struck there. So every fixed note has its full length, and nothing else sounds in fixed bars.

The mask is never empty: if no other id is left, it has the next shift to what is due or free, or else the end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.grammar import MOST_SILENT_BARS
from ritornello.representations.grids import DURATION_STEPS, SHIFT_STEPS
from ritornello.representations.multitrack.decoding import DRUM_STEPS
from ritornello.representations.multitrack.fixed_notes import FixedNote, FixedNotesTable
from ritornello.representations.multitrack.grammar import (
    CHANGES,
    HEADER,
    SHORTEST_AT_THE_END,
    MultitrackGrammarState,
)
from ritornello.representations.multitrack.plan import FARTHEST

_BEYOND = 1 << 40  # more than any id, and later than any time


class Due(NamedTuple):
    """What must come next: the step at which it is due, its id, and the note if it is one."""

    time: int
    token: int
    note: FixedNote | None = None


@dataclass
class FixedNotesGrammarState(MultitrackGrammarState):
    """A `MultitrackGrammarState` that keeps fixed notes."""

    table: FixedNotesTable = field(kw_only=True)
    composed: dict[int, list[FixedNote]] = field(default_factory=dict)  # by bar, for those that return
    queue: tuple[int, ...] = ()  # the velocity and duration that the fixed note just read still needs
    is_fixed: bool = False  # the last note
    sounding: dict[int, int] = field(default_factory=dict)  # ids of fixed notes, and the step where each ends
    tempo: int = -1  # number of the present one
    due: Due | bool | None = False  # what comes next, as far as known: see `_next_due`

    @property
    def forced_token(self) -> int | None:
        due = self._next_due()
        if not due or due.time > self.reader.time or self._needs_duration() or self._lacks_header():
            return None
        return due.token

    @property
    def reassigns_probability(self) -> bool:
        return True

    def reassign_probability(self, mask: Mask) -> list[tuple[int, Mask]]:
        """See `representations.base.GrammarState.reassign_probability`.

        A note that is due now takes the probability of all other notes and of shifts; before that, the way to it takes
        that of longer shifts and of the end; after the last, the end takes that of shifts past it.
        """
        due, kinds = self._next_due(), self.tokens.slice
        if self.stage < len(HEADER) or self.queue or self._needs_duration() or self._lacks_header():
            return []
        end, shifts = self.tokens.first["end"], kinds["shift"]
        is_due = due is not None and due.time == self.reader.time
        target = end if due is None else due.token if is_due else self._way_to(due.time)
        if not mask[target]:
            return []
        others = np.zeros_like(mask)
        others[end] = True
        if is_due:
            others[shifts] = others[kinds["note"]] = True
        elif self.previous != "shift":
            landings = np.flatnonzero(mask[shifts]) + shifts.start
            last = int(landings[landings != target].max(initial=shifts.start - 1))
            others[last + 1 : shifts.stop] = True
        others &= ~mask
        return [(target, others)]

    def _lacks_header(self) -> bool:
        return self._in_header() and self._allow_header_end(np.zeros(self.tokens.size, dtype=bool))

    def advance(self, token: int) -> None:
        due = self._next_due() if self.tokens.kind[token] == "note" else None
        self.due = False
        super().advance(token)
        reader, first, is_drum = self.reader, self.tokens.first, self.vocabulary.is_drum
        if self.queue:
            self.queue = self.queue[1:] if token == self.queue[0] else ()
        if self.kind == "note":
            self.is_fixed = due is not None and due.time == reader.time and due.token == token
            known = FixedNote(reader.position, token, reader.velocity, reader.duration, reader.chord)
            self.composed.setdefault(reader.bar, []).append(known)
            if due and due.note and self.is_fixed:
                note = due.note
                self.queue = (first["velocity"] + note.velocity,) if note.velocity != reader.velocity else ()
                if note.duration != reader.duration and not is_drum[reader.voice]:
                    self.queue += (first["duration"] + note.duration,)
                steps = DRUM_STEPS if is_drum[reader.voice] else DURATION_STEPS[note.duration]
                self.sounding = {other: end for other, end in self.sounding.items() if end > reader.time}
                self.sounding[token] = reader.time + steps
        elif self.kind in ("velocity", "duration") and (notes := self.composed.get(self.onset_bar)):
            notes[-1] = notes[-1]._replace(velocity=reader.velocity, duration=reader.duration)
        elif self.kind == "tempo":
            self.tempo = self.tokens.value[token]

    def fork(self) -> FixedNotesGrammarState:
        composed = {bar: list(notes) for bar, notes in self.composed.items()}
        return replace(self, reader=self.reader.fork(), composed=composed)

    def finish_bar(self) -> None:
        self.due = False
        super().finish_bar()

    def _next_due(self) -> Due | None:
        """Return what must come next; None if nothing is fixed from here on."""
        if isinstance(self.due, bool):  # it is not known since the last id
            self.due = self._find_due()
        return self.due

    def _find_due(self) -> Due | None:
        if self.stage < len(HEADER) or self.ended:
            return None
        reader = self.reader
        if self.queue:
            return Due(reader.time, self.queue[0])
        note: Due | None = None
        since = (reader.position, self.last_id if self.onset == reader.time else -1, _BEYOND)
        for bar in range(reader.bar, reader.length):
            notes = self._notes_of(bar)
            at = bisect_right(notes, since) if bar == reader.bar else 0
            if at < len(notes):
                note = Due(self._bar_start(bar) + notes[at].position, notes[at].token, notes[at])
                break
        meters = self.table.meters[bisect_right(self.table.meters, (reader.place.meter_start, _BEYOND)) :]
        if meters and (note is None or meters[0][0] <= note.time):
            return Due(meters[0][0], self.tokens.first["meter"] + meters[0][1])
        if note and note.time == reader.time:
            before = (self._new_tempo, self._new_return, self._new_chord(note))
            return next((Due(reader.time, token) for token in before if token is not None), note)
        return note

    @property
    def _new_return(self) -> int | None:
        """The id that tells from where the present bar returns, if it has to come before the next note."""
        reader, returns = self.reader, self.table.fixed_notes.returns
        if not self.vocabulary.config.returns or reader.bar not in returns or self.onset_bar == reader.bar:
            return None
        ago = reader.bar - returns[reader.bar]
        is_told = self.kind == "chord" or reader.bars_to_return == ago
        return None if is_told or not 0 < ago <= FARTHEST else self.tokens.first["return"] + ago - 1

    def _new_chord(self, due: Due) -> int | None:
        """The id of the chord of a note that is due now, if it has to come first."""
        if due.note is None or not self.vocabulary.config.chords or self.onset == self.reader.time:
            return None
        chord = due.note.chord
        return None if chord in (-1, self.reader.chord) else self.tokens.first["chord"] + chord

    @property
    def _new_tempo(self) -> int | None:
        """The id of the present bar's tempo, if it has to come before the next note."""
        tempos = self.table.tempos
        tempo = tempos[min(self.reader.bar, len(tempos) - 1)] if tempos else self.tempo
        return None if tempo == self.tempo else self.tokens.first["tempo"] + tempo

    def _notes_of(self, bar: int) -> tuple[FixedNote, ...] | list[FixedNote]:
        fixed = self.table.fixed_notes
        if bar in fixed.free:
            return ()
        if bar in fixed.returns:
            return self.composed.get(fixed.returns[bar], ())
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
        return self.table.fixed_notes.is_accompanied or bar in self.table.fixed_notes.free

    def _free_until(self, bar: int) -> int:
        """Return the first step from `bar` on at which its parts are fixed again."""
        while bar < self.reader.length and bar in self.table.fixed_notes.free:
            bar += 1
        return self._bar_start(bar)

    def _openings(self) -> Iterator[tuple[int, int]]:
        """Yield the times from and to which notes may begin and last a sixteenth before they have to end, up to where
        the longest shift leads."""
        reader, shortest = self.reader, DURATION_STEPS[SHORTEST_AT_THE_END]
        if self.table.fixed_notes.is_accompanied:
            yield reader.time, self._bar_start(reader.length) - shortest
            return
        bar, free = reader.bar, self.table.fixed_notes.free
        while bar < reader.length and (start := self._bar_start(bar)) <= reader.time + SHIFT_STEPS[-1]:
            if bar in free:
                yield start, self._free_until(bar) - shortest
            while bar < reader.length and bar in free:
                bar += 1
            bar += 1

    def _allow_instruments(self, mask: Mask) -> bool:
        """Allow the fixed instruments and those of the conditions, or else any others that may accompany."""
        if self.table.fixed_notes.score is None:
            return super()._allow_instruments(mask)
        voices, fixed = self.tokens.voice, self.table.voices
        declared = {voice for voice, _ in self.programs}
        missing = [token for token in self.table.instruments if int(voices[token]) not in declared][:1]
        mask[missing] = True
        if not self.table.fixed_notes.is_accompanied or self.conditions.instruments:
            return bool(missing)
        ids = np.flatnonzero(self.tokens.mask("instrument"))
        last = int(voices[missing[0]]) if missing else len(self.vocabulary.low)
        others = ids[(voices[ids] > max(declared, default=-1)) & (voices[ids] < last)]
        mask[others] = True
        if declared <= fixed and len(others):
            later = range(last + 1 if missing else 0, len(self.vocabulary.low))
            mask[missing] = any(voice not in fixed for voice in later)  # so that another part can still come
            return True
        return bool(missing)

    def _allow_entrances(self, mask: Mask) -> None:
        """Allow the entrance of a fixed part in the bar in which it enters, unless that is free; of others, any."""
        bar = self.table.entrances.get(self.programs[len(self.entrances)][0])
        if bar is None or bar in self.table.fixed_notes.free:
            super()._allow_entrances(mask)
        else:
            mask[self.vocabulary.entrance_ids(bar)] = True

    def _allow_body(self, mask: Mask) -> None:
        if self.queue:
            mask[self.queue[0]] = True
            return
        super()._allow_body(mask)
        reader = self.reader
        if reader.bar >= reader.length or self._needs_duration():
            return
        due, end = self._next_due(), self.tokens.first["end"]
        if due:
            mask[end] = False
        if due and due.time == reader.time:  # only ids that may come before it, and itself
            first_note = self.tokens.first["note"]
            mask[self.tokens.slice["shift"]] = False
            # A meter or a tempo comes before notes.
            mask[due.token if due.token >= first_note else 0 :] = False
            mask[due.token] = True
            return
        goes_on = mask[self.tokens.slice["shift"]].any() or mask[end]
        if not goes_on and (self.onset == reader.time or not mask.any()):
            later = range(reader.bar + 1, reader.length)
            free = next((self._bar_start(bar) for bar in later if self._is_free(bar)), _BEYOND)
            time = min(free, due.time if due else _BEYOND)
            mask[end if time == _BEYOND else self._way_to(time)] = True

    def _way_to(self, time: int) -> int:
        """Return the id of the first shift on the way to `time`."""
        return self.tokens.first["shift"] + bisect_right(SHIFT_STEPS, time - self.reader.time) - 1

    def _allow_modifiers(self, mask: Mask) -> bool:
        return not self.is_fixed and super()._allow_modifiers(mask)

    def _needs_duration(self) -> bool:
        return not self.is_fixed and super()._needs_duration()

    def _durations(self) -> tuple[int, int]:
        shortest, stop = super()._durations()
        if self.table.fixed_notes.is_accompanied and self.reader.voice not in self.table.voices:
            return shortest, stop
        left = self._free_until(self.reader.bar) - self.reader.time
        stop = max(1, min(stop, bisect_right(DURATION_STEPS, left)))
        return min(shortest, stop - 1), stop

    def _allow_changes(self, mask: Mask) -> None:
        """Meter and tempo are fixed; a new tempo comes before the first note of its bar."""
        if self._new_tempo is not None and mask.any():
            mask[self.tokens.slice["note"]] = False
            mask[self._new_tempo] = True
        elif mask[self.tokens.first["note"] :].any():
            self._allow_plan(mask)

    def _allow_shifts(self, mask: Mask) -> None:
        """Allow shifts to where a note may begin, or on the way to what is due."""
        first, due, now = self.tokens.first["shift"], self._next_due(), self.reader.time
        count, last = self._possible_shifts(), due.time if due else _BEYOND
        for start, stop in self._openings() if count else ():
            lowest = bisect_left(SHIFT_STEPS, start - now)
            beyond = min(count, bisect_right(SHIFT_STEPS, min(stop, last - 1) - now))
            mask[first + lowest : first + beyond] = True
        exact = bisect_left(SHIFT_STEPS, last - now)
        if exact < count and SHIFT_STEPS[exact] == last - now:
            mask[first + exact] = True
        if due and due.time > self.reader.time and self._may_skip_to(due.time):
            mask[self._way_to(due.time)] = True

    def _may_skip_to(self, time: int) -> bool:
        """Whether a shift to `time`, where an id is due, skips no more free time than may be silent."""
        reader = self.reader
        way = self._way_to(time) - self.tokens.first["shift"]
        if self.previous == "shift" and way > self.last_shift:
            return False
        if self.onset < reader.time and self.kind in CHANGES and self._is_free(reader.bar):
            return False
        free = [bar for bar in range(reader.bar, self._bar_at(time) + 1) if self._is_free(bar)]
        if not free:
            return True
        first, last = self._bar_start(free[0]), min(time, self._bar_start(free[-1] + 1))
        return last - max(first, reader.time) + self._silence() <= MOST_SILENT_BARS * reader.bar_steps

    def _silence(self) -> int:
        """Return the steps of free time since the last onset."""
        if self.table.fixed_notes.is_accompanied:
            return super()._silence()
        bar = self.reader.bar + 1
        while bar > 0 and self._is_free(bar - 1):
            bar -= 1
        return max(0, min(super()._silence(), self.reader.time - self._bar_start(bar)))

    def _playable(self) -> Mask:
        """Return the notes of the parts that are free here, without those of fixed notes that still sound."""
        mask, fixed = super()._playable(), self.table.fixed_notes
        if self.reader.bar not in fixed.free:
            if not fixed.is_accompanied:
                return np.zeros_like(mask)
            mask = mask & self.table.is_of_others
        sounding = [note for note, end in self.sounding.items() if end > self.reader.time]
        if sounding:
            mask = mask.copy()
            mask[sounding] = False
        return mask

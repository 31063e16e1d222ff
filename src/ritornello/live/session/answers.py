"""The last answer: what is needed to give another one to the same call, or to repeat this one.

The call is moved in time, so that it is as far from the other answer as it was from the first. Its window is encoded
anew, from the model state before it: the model does not remember the answer that is replaced.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ritornello.live.events import LiveNote, Side
from ritornello.live.session.candidates import ModelState
from ritornello.live.session.encoding_window import Ensemble
from ritornello.live.session.improviser import InputSnapshot
from ritornello.live.session.model import LiveModel
from ritornello.live.session.performer import Span
from ritornello.live.session.record import Record
from ritornello.live.session.turns import TOLERANCE


@dataclass(frozen=True)
class LastAnswer:
    """An answer. inputs: the call. before: the state of the model before the call. first, stop: its notes have numbers
    in the record from `first` to before `stop`, which is None while it is played."""

    ensemble: Ensemble
    inputs: InputSnapshot
    span: Span
    model: LiveModel
    before: ModelState
    first: int
    stop: int | None = None

    def moved(self, start: float, first: int) -> LastAnswer:
        """Return the answer that another one, from `start` on, is to be; its notes have the numbers from `first` on."""
        by, window = start - self.span.start, self.inputs.window
        inputs = InputSnapshot(
            replace(window, origin=window.origin + by),
            tuple(_moved(note, by) for note in self.inputs.notes),
            self.inputs.until + by,
            self.inputs.settled + by,
            tuple(control._replace(start=control.start + by) for control in self.inputs.pedal),
        )
        return replace(
            self,
            inputs=inputs,
            span=self.span._replace(start=start, stop=self.span.stop + by),
            first=first,
            stop=None,
        )

    def notes(self, record: Record) -> list[LiveNote]:
        """Return the notes of the answer that were or will be played, in order of time."""
        entries = (
            record.journal.get(number) for number in range(self.first, self.stop or record.next_number)
        )
        found = (entry for entry in entries if isinstance(entry, LiveNote) and entry.side == Side.MODEL)
        return sorted(found, key=lambda note: note.start)


@dataclass(frozen=True)
class Loop:
    """Notes of an answer that come again every `length` seconds; `start` is the time of the next round."""

    notes: tuple[LiveNote, ...]
    length: float
    start: float

    def next_round(self) -> Loop:
        """Return the loop one round later."""
        notes = tuple(_moved(note, self.length) for note in self.notes)
        return replace(self, notes=notes, start=self.start + self.length)


def loop_of(notes: list[LiveNote], start: float, stop: float, unit: float, begin: float) -> Loop:
    """Return the loop of an answer from `start` to `stop`, in whole units of so many seconds; its first round begins at
    `begin`."""
    length = max(1, math.ceil((stop - start) / unit - TOLERANCE)) * unit
    ends = (
        replace(note, end=min(note.end or stop, start + length))
        for note in notes
        if note.start < start + length
    )
    return Loop(tuple(_moved(note, begin - start) for note in ends), length, begin)


def _moved(note: LiveNote, by: float) -> LiveNote:
    return replace(note, start=note.start + by, end=None if note.end is None else note.end + by)

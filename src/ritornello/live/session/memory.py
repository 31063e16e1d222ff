"""The memory of a model that did not hear a record itself: the end of the record, as one window.

A model hears a record when it replaces another, or when the record comes from elsewhere. It hears all of it at one
tempo, the last one, and long rests are shortened by whole bars.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import replace

from ritornello.live.events import LiveNote, TempoSet
from ritornello.live.session.calls import SHORTEST
from ritornello.live.session.encoding_window import Window
from ritornello.live.session.improviser import InputSnapshot
from ritornello.live.session.record import Record
from ritornello.live.session.turns import bar_seconds, line_at_or_before

MEMORY_NOTES = 256
LONGEST_REST = 2
"""Bars of a rest that is heard as it is."""


def memory_of(
    record: Record, beat: TempoSet, tempo: float | None, unheard: Container[int]
) -> InputSnapshot | None:
    """Return the last notes of a record, but those that the model is to hear otherwise; None if there are none.

    beat: the last one. tempo: that of the model's ids, in quarters a minute; None if it can be any. unheard: numbers of
    notes.
    """
    placed = [(note, by) for note, _, by in record.entries(LiveNote) if note.number not in unheard]
    if not placed:
        return None
    present, bar = placed[-1][1], bar_seconds(beat)  # the clock of the last note
    placed.sort(key=lambda row: row[0].start + row[1])
    notes = [_moved(note, by - present) for note, by in placed[-MEMORY_NOTES:]]
    found, shift, reached = [], 0.0, notes[0].start
    for note in notes:
        rest = note.start - shift - reached
        if rest > LONGEST_REST * bar:
            shift += math.ceil(rest / bar - LONGEST_REST) * bar
        found.append(_moved(note, -shift))
        reached = max(reached, found[-1].end or found[-1].start)
    origin = line_at_or_before(beat, found[0].start, bar)
    window = Window(origin, tempo or beat.quarters_per_minute, beat.meter)
    return InputSnapshot(window, tuple(found), reached, math.inf)


def _moved(note: LiveNote, by: float) -> LiveNote:
    """Return a note that is moved by seconds; a key that is down counts as struck."""
    end = max(note.end or note.start, note.start + SHORTEST)
    return replace(note, start=note.start + by, end=end + by)

"""`Score` <-> one stream of MIDI events, in an order that the score alone determines.

- Tracks get channels by their place: the first fifteen that are no drums have channels 1 to 9 and 11 to 16, later
  ones share the last; drums have channel 10.
- At one tick, notes end, then come programs, then controls, then notes begin; within these by channel and number.
- Notes of one pitch on one channel do not overlap: each ends, at the latest, where the next begins.
- The velocity of note-offs is 0.

So the score of a stream in this order (`Sheet`) gives the same stream again (`lay_out`).
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import Any, Literal, NamedTuple

import numpy as np

from ritornello.arrays import Ints
from ritornello.formats.messages import DRUM_CHANNEL, MELODIC_CHANNELS, NOTE_OFF, NOTE_ON, PROGRAM_CHANGE
from ritornello.representations.grids import without_doubles
from ritornello.score import (
    CHANNEL_PRESSURE,
    KEY_PRESSURE,
    PITCH_BEND,
    Meter,
    Score,
    Tempo,
    Track,
    end_at_restrike,
    make_controls,
    make_notes,
)
from ritornello.theory import instrument_name

Keep = Literal["notes", "all"]

NO_SECOND = -1
"""Second data byte of events that have one only."""

_RANKS = {NOTE_OFF: 0, PROGRAM_CHANGE: 1, NOTE_ON: 3}
_CONTROL_RANK = 2


class Stream(NamedTuple):
    """Events in order, as columns; `second` is NO_SECOND where there is none."""

    tick: Ints
    status: Ints
    first: Ints
    second: Ints


def order_of(status: Ints, first: Ints, second: Ints) -> Ints:
    """Return the sort keys of events at one tick; two different events never have the same."""
    kinds = np.array([_RANKS.get(status << 4, _CONTROL_RANK) for status in range(16)])
    kind, channel = status >> 4, status & 15
    return np.asarray((((kinds[kind] * 16 + channel) * 16 + kind) * 128 + first) * 129 + second + 1)


def taken(tracks: tuple[Track, ...], track: int | None) -> tuple[Track, ...]:
    """Return the tracks that are laid out: all, or the one of a number (see `lay_out`)."""
    return tracks if track is None else tuple(each for each in tracks if len(each.notes))[:track][-1:]


def channels_of(tracks: tuple[Track, ...]) -> list[int]:
    """Return the channel of each track."""
    melodic = chain(MELODIC_CHANNELS, repeat(MELODIC_CHANNELS[-1]))
    return [DRUM_CHANNEL if each.is_drum else next(melodic) for each in tracks]


def lay_out(score: Score, keep: Keep = "all", track: int | None = None) -> Stream:
    """Return the events of a score, at its own ticks.

    keep: "notes" leaves out programs and controls. track: the number of the only track taken, of those with
    notes, counted from 1; the last if there are not so many.
    """
    tracks = taken(score.tracks, track)
    channels = channels_of(tracks)
    parts = [_note_rows(tracks, channels)]
    if keep == "all":
        programs: dict[int, int] = {}  # of each channel, that of its first track
        for each, channel in zip(tracks, channels, strict=True):
            programs.setdefault(channel, each.program & 127)
        statuses = PROGRAM_CHANGE + np.array([*programs], np.int64)
        parts.append(_rows(0, statuses, np.array([*programs.values()]), NO_SECOND))
        parts += map(_control_rows, tracks, channels)
    rows = np.concatenate(parts)
    tick, status, first, second = (rows[:, i] for i in range(4))
    order = np.lexsort((order_of(status, first, second), tick))
    return Stream(tick[order], status[order], first[order], second[order])


def _rows(*columns: Any) -> Ints:
    return np.stack(np.broadcast_arrays(*columns), axis=1).astype(np.int64).reshape(-1, 4)


def _note_rows(tracks: tuple[Track, ...], channels: list[int]) -> Ints:
    """Return the note-ons and note-offs of all tracks, notes of one key cut so that they do not overlap."""
    notes = np.concatenate([make_notes(), *(track.notes for track in tracks)])
    channel = np.repeat(np.array(channels, np.int64), [len(track.notes) for track in tracks])
    key, duration = channel * 128 + notes["pitch"], np.maximum(notes["duration"], 1)
    kept = without_doubles(notes["start"], notes["start"] + duration, key)
    notes, key, start = notes[kept], key[kept], notes["start"][kept]
    end = end_at_restrike(start, start + duration[kept], key)
    pitch, velocity = notes["pitch"], np.clip(notes["velocity"], 1, 127)
    ons = _rows(start, NOTE_ON + (key >> 7), pitch, velocity)
    return np.concatenate([ons, _rows(end, NOTE_OFF + (key >> 7), pitch, 0)])


def _control_rows(track: Track, channel: int) -> Ints:
    controls = track.controls
    kind, value = controls["kind"].astype(np.int64), controls["value"].astype(np.int64)
    is_bend, is_pressure = kind == PITCH_BEND, kind == CHANNEL_PRESSURE
    bend = np.clip(value + 8192, 0, 16383)
    first = np.where(is_bend, bend & 127, np.where(is_pressure, value & 127, controls["number"] & 127))
    second = np.where(is_bend, bend >> 7, np.where(is_pressure, NO_SECOND, value & 127))
    return _rows(controls["tick"], kind + channel, first, second)


class Sheet:
    """Collects events in time order and builds a score; events that make no sense are left out."""

    def __init__(self) -> None:
        self.notes: dict[int, list[tuple[int, int, int, int]]] = {}  # by channel
        self.controls: dict[int, list[tuple[int, int, int, int]]] = {}
        self.programs: dict[int, int] = {}
        self.open: dict[tuple[int, int], tuple[int, int]] = {}  # start and velocity by channel and pitch
        self.ended: dict[tuple[int, int], int] = {}

    def add(self, tick: int, status: int, first: int, second: int) -> None:
        """Take an event at `tick`, which is not before that of the last one."""
        kind, channel = status & 0xF0, status & 15
        if kind in (NOTE_ON, NOTE_OFF):
            self._end((channel, first), tick)
            if kind == NOTE_ON and second > 0 and tick >= self.ended.get((channel, first), 0):
                self.open[channel, first] = (tick, second)
        elif kind == PROGRAM_CHANGE:
            self.programs.setdefault(channel, first)
        else:
            bend, has_number = (second << 7 | first) - 8192, KEY_PRESSURE <= kind < PROGRAM_CHANGE
            value = bend if kind == PITCH_BEND else second if has_number else first
            number = first if has_number else 0
            self.controls.setdefault(channel, []).append((tick, kind, number, value))

    def _end(self, key: tuple[int, int], tick: int) -> None:
        if key in self.open:
            start, velocity = self.open.pop(key)
            self.ended[key] = max(tick, start + 1)
            row = (start, self.ended[key] - start, key[1], velocity)
            self.notes.setdefault(key[0], []).append(row)

    def score(self, end: int, ticks_per_quarter: int, tempo: Tempo, meter: Meter) -> Score:
        """Return the score; notes that still sound end at tick `end`."""
        for key in list(self.open):
            self._end(key, end)
        used = {*self.notes, *self.controls, *self.programs}
        melodic = used - {DRUM_CHANNEL}
        # An unused channel keeps its place, so that the later ones keep theirs.
        channels = [channel for channel in MELODIC_CHANNELS if channel <= max(melodic, default=-1)]
        channels += sorted(used - melodic)
        tracks = []
        for channel in channels:
            program, is_drum = self.programs.get(channel, 0), channel == DRUM_CHANNEL
            notes = make_notes(self.notes.get(channel, ()))
            controls = make_controls(self.controls.get(channel, ()))
            tracks.append(Track(notes, program, is_drum, instrument_name(program, is_drum), controls))
        return Score(ticks_per_quarter, tuple(tracks), tempos=(tempo,), meters=(meter,))

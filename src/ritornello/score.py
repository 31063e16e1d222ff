"""A `Score` and its parts: plain, immutable values over numpy columns.

Conventions
-----------
- Time is in ticks, `ticks_per_quarter` of them to a quarter note, counted from the start of the piece. Only
  `ticks_to_seconds` and `seconds_to_ticks` know about seconds.
- A `Track` is one instrument: one program, or the drum kit. There are no channels here; formats that have
  them (MIDI) assign them while writing.
- Notes and controls are structured arrays (`NOTE`, `CONTROL`), sorted by time, so that everything done with
  them can be done to whole columns at once.
- Two scores are equal when all that would be heard or read is equal; what a reader had to repair
  (`Score.repairs`) does not count.

Read in order: `NOTE`, `Track`, `Score`, then the two conversions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEFAULT_MICROSECONDS_PER_QUARTER = 500_000  # 120 beats a minute: what MIDI assumes where no tempo is given

NOTE = np.dtype([("start", "<i8"), ("duration", "<i8"), ("pitch", "<i2"), ("velocity", "<i2")])
"""A note: start and duration in ticks, MIDI pitch 0-127 (60 is middle C), velocity 1-127."""

CONTROL = np.dtype([("tick", "<i8"), ("kind", "<i2"), ("number", "<i2"), ("value", "<i2")])
"""A control event. `kind` is one of CONTROL_CHANGE, KEY_PRESSURE, CHANNEL_PRESSURE, PITCH_BEND; `number` is the
controller or the key (0 for the other kinds); `value` is 0-127, or -8192 to 8191 for a pitch bend."""

KEY_PRESSURE, CONTROL_CHANGE, CHANNEL_PRESSURE, PITCH_BEND = 0xA0, 0xB0, 0xD0, 0xE0

Notes = NDArray[np.void]
Controls = NDArray[np.void]


def make_notes(rows: Iterable[Sequence[int]] = ()) -> Notes:
    """Return a sorted note array from rows of (start, duration, pitch, velocity)."""
    return sort_notes(np.array([tuple(row) for row in rows], dtype=NOTE))


def sort_notes(notes: Notes) -> Notes:
    """Return `notes` sorted by start, then pitch, then duration."""
    return notes[np.lexsort((notes["velocity"], notes["duration"], notes["pitch"], notes["start"]))]


def end_at_restrike(
    start: NDArray[np.int64], end: NDArray[np.int64], key: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return `end`, none later than the next start of the same key: a key can be struck only when it is up.

    Notes in columns of equal length, in any order, times in any unit. Of notes of a key that start together all but
    the longest end at once.
    """
    order = np.lexsort((end, start, key))
    same = np.diff(key[order]) == 0
    result, earlier = end.copy(), order[:-1][same]
    result[earlier] = np.minimum(end[earlier], start[order[1:][same]])
    return result


def without_overlaps(notes: Notes) -> Notes:
    """Return `notes`, sorted, each ended where its pitch is struck again; of those struck together all stay."""
    places, of_note = np.unique(np.stack([notes["start"], notes["pitch"]]), axis=1, return_inverse=True)
    again = end_at_restrike(places[0], np.full_like(places[0], 1 << 60), places[1])[of_note.ravel()]
    result = notes.copy()
    result["duration"] = np.minimum(notes["duration"], again - notes["start"])
    return sort_notes(result)


def make_controls(rows: Iterable[Sequence[int]] = ()) -> Controls:
    """Return a control array, in time order, from rows of (tick, kind, number, value)."""
    controls = np.array([tuple(row) for row in rows], dtype=CONTROL)
    return controls[np.argsort(controls["tick"], kind="stable")]


@dataclass(frozen=True)
class Tempo:
    """A tempo from `tick` on, in microseconds to a quarter note (at least 1)."""

    tick: int
    microseconds_per_quarter: int

    @property
    def quarters_per_minute(self) -> float:
        return 60e6 / self.microseconds_per_quarter

    @classmethod
    def from_quarters_per_minute(cls, tick: int, quarters_per_minute: float) -> Tempo:
        return cls(tick, max(1, round(60e6 / quarters_per_minute)))


@dataclass(frozen=True)
class Meter:
    """A time signature from `tick` on: `numerator` notes of 1/`denominator` (a power of two) to a bar."""

    tick: int
    numerator: int
    denominator: int

    def bar_ticks(self, ticks_per_quarter: int) -> int:
        """Return the length of a bar in ticks (at least 1)."""
        return max(1, self.numerator * 4 * ticks_per_quarter // self.denominator)

    @property
    def beats(self) -> int:
        """How many beats a bar has: its numerator, or a third of it in 6/8, 9/8, 12/8 and their like."""
        is_compound = self.denominator >= 8 and self.numerator > 3 and self.numerator % 3 == 0
        return self.numerator // 3 if is_compound else self.numerator


@dataclass(frozen=True)
class Key:
    """A key signature from `tick` on: `fifths` from -7 (flats) to 7 (sharps), major or minor."""

    tick: int
    fifths: int
    minor: bool = False


@dataclass(frozen=True)
class Text:
    """A text at `tick`; `kind` is text, copyright, name, instrument, lyric, marker or cue."""

    tick: int
    kind: str
    text: str


@dataclass(frozen=True, eq=False)
class Track:
    """One instrument's part: `program` is a General MIDI program 0-127, or the kit number if `is_drum`."""

    notes: Notes
    program: int = 0
    is_drum: bool = False
    name: str = ""
    controls: Controls = field(default_factory=make_controls)
    texts: tuple[Text, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Track):
            return NotImplemented
        mine = (self.program, self.is_drum, self.name, self.texts)
        return (
            mine == (other.program, other.is_drum, other.name, other.texts)
            and np.array_equal(self.notes, other.notes)
            and np.array_equal(self.controls, other.controls)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays do not hash

    @property
    def end(self) -> int:
        """The tick at which the last note has ended; 0 without notes."""
        return int((self.notes["start"] + self.notes["duration"]).max(initial=0))


@dataclass(frozen=True)
class Score:
    """A piece of music. The global events (`tempos`, `meters`, `keys`, `texts`) are in time order."""

    ticks_per_quarter: int
    tracks: tuple[Track, ...] = ()
    tempos: tuple[Tempo, ...] = ()
    meters: tuple[Meter, ...] = ()
    keys: tuple[Key, ...] = ()
    texts: tuple[Text, ...] = ()
    title: str = ""
    repairs: tuple[str, ...] = field(default=(), compare=False)

    __hash__ = None  # type: ignore[assignment]

    @property
    def end(self) -> int:
        """The tick at which the last note has ended; 0 without notes."""
        return max((track.end for track in self.tracks), default=0)

    @property
    def seconds(self) -> float:
        """The length in seconds, up to the end of the last note."""
        return float(ticks_to_seconds(self, self.end))

    @property
    def note_count(self) -> int:
        return sum(len(track.notes) for track in self.tracks)

    def all_notes(self) -> Notes:
        """Return the notes of all tracks in one sorted array."""
        return sort_notes(np.concatenate([track.notes for track in self.tracks] or [make_notes()]))

    def bar_starts(self, end: int | None = None) -> NDArray[np.int64]:
        """Return the tick of every bar line from 0 up to, not including, `end` (default: the end; at least one bar).

        A meter change starts a new bar at its own tick, also within a bar.
        """
        stop = max(1, self.end if end is None else end)
        meters = [m for m in self.meters if m.tick < stop]
        if not meters or meters[0].tick > 0:
            meters.insert(0, Meter(0, 4, 4))
        edges = [m.tick for m in meters[1:]] + [stop]
        bars = [
            np.arange(meter.tick, edge, meter.bar_ticks(self.ticks_per_quarter), dtype=np.int64)
            for meter, edge in zip(meters, edges, strict=True)
        ]
        return np.concatenate(bars)

    def resampled(self, ticks_per_quarter: int) -> Score:
        """Return the same piece on another tick grid; every start and end is rounded to the nearest tick."""
        if ticks_per_quarter == self.ticks_per_quarter:
            return self
        old, new = self.ticks_per_quarter, ticks_per_quarter

        def scale(ticks: Any) -> Any:
            return (2 * ticks * new + old) // (2 * old)

        def scale_track(track: Track) -> Track:
            notes, controls = track.notes.copy(), track.controls.copy()
            ends = scale(notes["start"] + notes["duration"])
            notes["start"] = scale(notes["start"])
            notes["duration"] = ends - notes["start"]
            controls["tick"] = scale(controls["tick"])
            texts = tuple(replace(text, tick=scale(text.tick)) for text in track.texts)
            return replace(track, notes=sort_notes(notes), controls=controls, texts=texts)

        def scale_events(events: Any) -> Any:
            return tuple(replace(event, tick=scale(event.tick)) for event in events)

        return replace(
            self,
            ticks_per_quarter=new,
            tracks=tuple(scale_track(track) for track in self.tracks),
            tempos=scale_events(self.tempos),
            meters=scale_events(self.meters),
            keys=scale_events(self.keys),
            texts=scale_events(self.texts),
        )


def _tempo_table(score: Score) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the ticks at which the tempo changes, the seconds there, and the seconds a tick from there on."""
    tempos = score.tempos
    if not tempos or tempos[0].tick > 0:
        tempos = (Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER), *tempos)
    ticks = np.array([tempo.tick for tempo in tempos], dtype=np.float64)
    micros = np.array([tempo.microseconds_per_quarter for tempo in tempos], dtype=np.float64)
    seconds_per_tick = micros / 1e6 / score.ticks_per_quarter
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * seconds_per_tick[:-1])])
    return ticks, seconds, seconds_per_tick


def ticks_to_seconds(score: Score, ticks: ArrayLike) -> NDArray[np.float64]:
    """Return the seconds from the start of `score` at `ticks` (any shape), by its tempo map."""
    ticks = np.asarray(ticks, dtype=np.float64)
    at, seconds, seconds_per_tick = _tempo_table(score)
    i = np.searchsorted(at, ticks, side="right") - 1
    i = np.maximum(i, 0)
    return np.asarray(seconds[i] + (ticks - at[i]) * seconds_per_tick[i])


def seconds_to_ticks(score: Score, seconds: ArrayLike) -> NDArray[np.int64]:
    """Return the nearest tick at `seconds` (any shape) from the start of `score`, by its tempo map."""
    seconds = np.asarray(seconds, dtype=np.float64)
    at, starts, seconds_per_tick = _tempo_table(score)
    i = np.maximum(np.searchsorted(starts, seconds, side="right") - 1, 0)
    return np.rint(at[i] + (seconds - starts[i]) / seconds_per_tick[i]).astype(np.int64)

"""The record of a session: its journal (an event log), and the score of it.

Every event gets the next number and stays in the journal. The events that count are those of a *path* of
segments: stretches of the journal and of the clock. Undo and bookmarks restore an earlier path and begin a new
segment; so a snapshot is a few numbers, and nothing is copied.

The score follows the path: it has the silences within segments, not the time between them. Its tempo map
follows the beats that were kept or estimated, on a grid so fine that every time is right within a tick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

import numpy as np

from ritornello.live.events import LiveNote, Side, TempoSet, Turn, TurnBegan
from ritornello.score import Meter, Score, Tempo, Text, Track, make_controls, make_notes, seconds_to_ticks
from ritornello.theory import DRUMS, instrument_name

TICKS = 960
MARKERS = {Turn.PLAYER: "you", Turn.MODEL: "the model", Turn.BOTH: "both"}
LONGEST_NOTE = 600.0
"""Seconds; notes that begin earlier are not searched for ones that still sound."""


class TimedControl(NamedTuple):
    """A control of the player: seconds, channel, and kind, number, value as in a `Score`."""

    start: float
    channel: int
    kind: int
    number: int
    value: int


class Segment(NamedTuple):
    """The entries from number `first` to before `stop` that begin in the time from `since` to `until`."""

    since: float
    until: float
    first: int
    stop: int


Path = tuple[Segment, ...]
Entry = LiveNote | TimedControl | TurnBegan | TempoSet
Kind = TypeVar("Kind", LiveNote, TimedControl, TurnBegan, TempoSet)


@dataclass
class Record:
    """The journal, by number; the path up to the present segment, and its begin in time and number."""

    journal: dict[int, Entry] = field(default_factory=dict)
    past: Path = ()
    since: float = 0.0
    first: int = 1
    next_number: int = 1

    def add(self, entry: Entry) -> int:
        """Add an entry; return its number."""
        number = self.next_number
        self.journal[number] = entry
        self.next_number += 1
        return number

    def add_note(self, note: LiveNote) -> LiveNote:
        """Add a note; return it with its number."""
        note = replace(note, number=self.next_number)
        self.add(note)
        return note

    def note(self, number: int) -> LiveNote:
        """Return the note of a number."""
        note = self.journal[number]
        assert isinstance(note, LiveNote)
        return note

    def end_note(self, number: int, at: float) -> None:
        """End a note, not before its beginning."""
        note = self.note(number)
        self.journal[number] = replace(note, end=max(at, note.start))

    def silence(self, side: Side, at: float) -> tuple[int, ...]:
        """End the notes of one side at `at`, and delete those that would begin later; return their numbers.

        Keys that are down stay so.
        """
        ending = []
        for entry in map(self.journal.get, reversed(self.journal)):
            if isinstance(entry, LiveNote):
                if entry.start < at - LONGEST_NOTE:
                    break
                if entry.side == side and entry.end is not None and entry.end > at:
                    ending.append(entry)
        for note in ending:
            if note.start >= at:
                del self.journal[note.number]
            else:
                self.end_note(note.number, at)
        return tuple(note.number for note in ending)

    def path(self, now: float) -> Path:
        """Return the path of all that counts up to now."""
        return (*self.past, Segment(self.since, now, self.first, self.next_number))

    def go_back(self, path: Path, now: float) -> None:
        """Restore `path`, and begin a new segment."""
        self.past, self.since, self.first = path, now, self.next_number

    def entries(self, kind: type[Kind]) -> Iterator[tuple[Kind, float, float]]:
        """Yield the entries of a kind that count, each with the end of its segment and the offset of its segment in
        the score, in seconds."""
        length = 0.0
        for segment in self.path(float("inf")):
            for number in range(segment.first, segment.stop):
                entry = self.journal.get(number)
                if isinstance(entry, kind):
                    start = entry.bar_line if isinstance(entry, TempoSet) else entry.start
                    if start < segment.until:
                        yield entry, segment.until, length - segment.since
            length += segment.until - segment.since

    @property
    def notes(self) -> tuple[LiveNote, ...]:
        """The notes that count."""
        return tuple(note for note, _, _ in self.entries(LiveNote))


def record_to_score(record: Record, now: float, title: str = "", model: str = "Model") -> Score:
    """Return the session as a score from its first note or bar line on; notes of keys that are down end `now`."""
    notes = [
        replace(n, start=n.start + by, end=max(n.start, min(until, now if n.end is None else n.end)) + by)
        for n, until, by in record.entries(LiveNote)
    ]
    beats = [replace(beat, bar_line=beat.bar_line + by) for beat, _, by in record.entries(TempoSet)]
    controls = [c._replace(start=c.start + by) for c, _, by in record.entries(TimedControl)]
    turns = [replace(turn, start=turn.start + by) for turn, _, by in record.entries(TurnBegan)]
    origin = min([n.start for n in notes] + [b.bar_line for b in beats], default=0.0)
    empty = _with_beats(Score(TICKS, title=title), beats, origin)
    clock = _Clock(empty, origin)
    names = {Side.PLAYER: "You", Side.MODEL: model}
    parts = dict.fromkeys((n.side, n.channel, n.program) for n in notes)
    tracks = []
    for side, channel, program in parts:
        mine = [n for n in notes if (n.side, n.channel, n.program) == (side, channel, program)]
        moved = [c for c in controls if side == Side.PLAYER and c.channel == channel]
        name = f"{names[side]}: {instrument_name(program)}"
        tracks.append(_make_track(mine, moved, program, name, clock))
    marked = [turn for turn in turns if turn.turn in MARKERS]
    at = clock([turn.start for turn in marked])
    texts = (
        Text(tick, "marker", f"{MARKERS[t.turn]} {t.number}") for tick, t in zip(at, marked, strict=True)
    )
    return replace(empty, tracks=tuple(tracks), texts=tuple(texts))


class _Clock(NamedTuple):
    """Converts seconds to the ticks of a score."""

    score: Score
    origin: float

    def __call__(self, seconds: Sequence[float]) -> list[int]:
        since = np.maximum(0.0, np.asarray(seconds, dtype=np.float64) - self.origin)
        ticks: list[int] = seconds_to_ticks(self.score, since).tolist()
        return ticks


def _with_beats(score: Score, beats: list[TempoSet], origin: float) -> Score:
    """Return `score` with the tempo and the meter of each beat from its bar line on."""
    tempos: dict[int, Tempo] = {}
    meters: dict[int, Meter] = {}
    for beat in sorted(beats, key=lambda beat: beat.bar_line):
        tick = _Clock(replace(score, tempos=tuple(tempos.values())), origin)([beat.bar_line])[0]
        tempos[tick] = Tempo.from_quarters_per_minute(tick, beat.quarters_per_minute)
        meters[tick] = Meter(tick, *beat.meter)
    return replace(score, tempos=tuple(tempos.values()), meters=tuple(meters.values()))


def _make_track(
    notes: list[LiveNote], controls: list[TimedControl], program: int, name: str, clock: _Clock
) -> Track:
    starts, ends = clock([note.start for note in notes]), clock([note.end or note.start for note in notes])
    rows = [
        (start, max(1, end - start), note.pitch, note.velocity)
        for start, end, note in zip(starts, ends, notes, strict=True)
    ]
    times = clock([c.start for c in controls])
    moves = [(tick, c.kind, c.number, c.value) for tick, c in zip(times, controls, strict=True)]
    is_drum = program == DRUMS
    return Track(make_notes(rows), 0 if is_drum else program, is_drum, name, make_controls(moves))

"""The record of a session: its journal (an event log), and the score of it.

Every event gets the next number and stays in the journal. Going back (undo, redo, bookmarks) is an entry as well: from
it on, what counts is what counted at a *moment*, and what follows. So a moment is two numbers, nothing is copied, and
every branch stays in reach. The entries that count are those of a *path* of segments: stretches of the journal and of
the clock. `stored` has the journal as JSON.

The score follows the path: it has the silences within segments, not the time between them. Its tempo map
follows the beats that were kept or estimated, on a grid so fine that every time is right within a tick.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import NamedTuple, TypeVar

import numpy as np

from ritornello.live.events import LiveNote, Side, TempoSet, Turn, TurnBegan
from ritornello.score import (
    CONTROL_CHANGE,
    Meter,
    Score,
    Tempo,
    Text,
    Track,
    make_controls,
    make_notes,
    seconds_to_ticks,
)
from ritornello.sustain import DOWN, SOSTENUTO, SUSTAIN
from ritornello.theory import DRUMS, instrument_name

TICKS = 960
PEDALS = (SUSTAIN, SOSTENUTO)
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


class ModelBegan(NamedTuple):
    """The model that plays the notes from here on, by its name."""

    name: str


class Moment(NamedTuple):
    """A time, and the number of the next entry at that time: what counted then is before both."""

    until: float
    stop: int


class WentBack(NamedTuple):
    """From `since` on, what counts is what counted at the moment (`until`, `stop`), and what follows."""

    since: float
    until: float
    stop: int


class Bookmark(NamedTuple):
    """A moment that has a number among the bookmarks, and a name."""

    number: int
    name: str
    until: float
    stop: int


class Segment(NamedTuple):
    """The entries from number `first` to before `stop` that begin in the time from `since` to `until`."""

    since: float
    until: float
    first: int
    stop: int


Path = tuple[Segment, ...]
Entry = LiveNote | TimedControl | TurnBegan | TempoSet | ModelBegan | Bookmark | WentBack
Kind = TypeVar("Kind", LiveNote, TimedControl, TurnBegan, TempoSet, ModelBegan)


@dataclass
class Record:
    """The journal, by number, and the number of the next entry.

    changed: the numbers of the entries that were added, changed or deleted since somebody last took them.
    """

    journal: dict[int, Entry] = field(default_factory=dict)
    next_number: int = 0
    changed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._returns = [(n, each) for n, each in self.journal.items() if isinstance(each, WentBack)]

    def add(self, entry: Entry) -> int:
        """Add an entry; return its number."""
        number = self.next_number
        self.journal[number] = entry
        self.changed.add(number)
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
        self.changed.add(number)

    def silence(self, side: Side, at: float) -> tuple[int, ...]:
        """End the notes of one side at `at`, and delete those that would begin later; return their numbers.

        Keys that are down stay so. Controls of the player that would come later are deleted, except the release of a
        pedal, which comes now.
        """
        ending, later = [], dict[int, TimedControl]()
        for number, entry in reversed(self.journal.items()):
            if isinstance(entry, TimedControl) and side == Side.PLAYER and entry.start > at:
                later[number] = entry
            elif isinstance(entry, LiveNote):
                if entry.start < at - LONGEST_NOTE:
                    break
                if entry.side == side and entry.end is not None and entry.end > at:
                    ending.append(entry)
        for number, control in later.items():
            is_release = control.kind == CONTROL_CHANGE and control.number in PEDALS and control.value < DOWN
            if is_release:
                self.journal[number] = control._replace(start=at)
            else:
                del self.journal[number]
            self.changed.add(number)
        for note in ending:
            if note.start >= at:
                del self.journal[note.number]
                self.changed.add(note.number)
            else:
                self.end_note(note.number, at)
        return tuple(note.number for note in ending)

    def moment(self, at: float) -> Moment:
        """Return the moment at `at`, which is now or soon."""
        return Moment(at, self.next_number)

    def path(self, moment: Moment) -> Path:
        """Return the path of all that counted at a moment."""
        until, stop = moment
        segments = []
        while True:
            row = bisect_left(self._returns, stop, key=itemgetter(0))
            number, back = self._returns[row - 1] if row else (-1, WentBack(0.0, 0.0, 0))
            segments.append(Segment(back.since, until, number + 1, stop))
            if not row:
                return tuple(reversed(segments))
            until, stop = back.until, back.stop

    def go_back(self, moment: Moment, now: float) -> None:
        """Let count from now on what counted at `moment`; nothing is deleted."""
        back = WentBack(now, *moment)
        self._returns.append((self.add(back), back))

    def has_notes_since(self, moment: Moment, present: Moment | None = None) -> bool:
        """Whether notes count now, or at the moment `present`, that did not count at `moment`."""
        then = {segment.first: segment for segment in self.path(moment)}
        for now in reversed(self.path(present or self.moment(math.inf))):
            old = then.get(now.first, Segment(0.0, 0.0, 0, 0))
            for number in reversed(range(now.first, now.stop)):
                note = self.journal.get(number)
                if not isinstance(note, LiveNote) or note.start >= now.until:
                    continue
                if number >= old.stop or note.start >= old.until:
                    return True
        return False

    def calls(self) -> list[tuple[Moment, int, TempoSet | None]]:
        """Return the turns that count in which the player plays: the moment at which each began, the number of the turn
        before, and the beat."""
        found: list[tuple[Moment, int, TempoSet | None]] = []
        turn, beat = 0, None
        for segment in self.path(self.moment(math.inf)):
            for number in range(segment.first, segment.stop):
                entry = self.journal.get(number)
                if isinstance(entry, TempoSet):
                    beat = entry
                elif (
                    isinstance(entry, TurnBegan) and entry.turn != Turn.MODEL and entry.start < segment.until
                ):
                    found.append((Moment(entry.start, number), turn, beat))
                    turn = entry.number
        return found

    def take_changes(self) -> dict[int, Entry | None]:
        """Return the entries that changed since the last call, by number; None for one that was deleted."""
        numbers, self.changed = sorted(self.changed), set()
        return {number: self.journal.get(number) for number in numbers}

    def entries(self, kind: type[Kind], moment: Moment | None = None) -> Iterator[tuple[Kind, float, float]]:
        """Yield the entries of a kind that count, now or at a moment, each with the end of its segment and the offset
        of its segment in the score, in seconds."""
        length = 0.0
        for segment in self.path(moment or self.moment(math.inf)):
            for number in range(segment.first, segment.stop):
                entry = self.journal.get(number)
                if isinstance(entry, kind) and _time_of(entry) < segment.until:
                    yield entry, segment.until, length - segment.since
            length += segment.until - segment.since

    def models(self) -> dict[int, str]:
        """Return the name of the model that plays each of its notes that count, by the note's number."""
        name, found = "", {}
        for segment in self.path(self.moment(math.inf)):
            for number in range(segment.first, segment.stop):
                entry = self.journal.get(number)
                if isinstance(entry, ModelBegan):
                    name = entry.name
                elif isinstance(entry, LiveNote) and entry.side == Side.MODEL and entry.start < segment.until:
                    found[number] = name
        return found

    @property
    def notes(self) -> tuple[LiveNote, ...]:
        """The notes that count."""
        return tuple(note for note, _, _ in self.entries(LiveNote))


def _time_of(entry: Entry) -> float:
    """Return the time of an entry; that of the entries before it, if it has none."""
    match entry:
        case TempoSet():
            return entry.bar_line
        case LiveNote() | TimedControl() | TurnBegan():
            return entry.start
    return -math.inf


def record_to_score(record: Record, now: float) -> Score:
    """Return the session as a score from its first note or bar line to the end of its last note.

    Notes of keys that are down end `now`.
    A track has the notes of one side, channel and program, and of one model, after which it is named.
    """
    notes = [
        replace(n, start=n.start + by, end=max(n.start, min(until, now if n.end is None else n.end)) + by)
        for n, until, by in record.entries(LiveNote)
    ]
    last = max((n.end for n in notes if n.end is not None), default=0.0)
    beats = [replace(beat, bar_line=beat.bar_line + by) for beat, _, by in record.entries(TempoSet)]
    beats = [beat for beat in beats if beat.bar_line <= last] or beats[:1]
    controls = [c._replace(start=c.start + by) for c, _, by in record.entries(TimedControl)]
    turns = [replace(turn, start=turn.start + by) for turn, _, by in record.entries(TurnBegan)]
    origin = min([n.start for n in notes] + [b.bar_line for b in beats], default=0.0)
    models = record.models()
    empty = _with_beats(Score(TICKS, title=title_of(models.values())), beats, origin)
    clock = _Clock(empty, origin)
    parts: dict[tuple[str, int, int], list[LiveNote]] = {}
    for n in notes:
        player = models[n.number].capitalize() if n.side == Side.MODEL else "You"
        parts.setdefault((player, n.channel, n.program), []).append(n)
    tracks = []
    for (player, channel, program), mine in parts.items():
        moved = [c for c in controls if mine[0].side == Side.PLAYER and c.channel == channel]
        tracks.append(_make_track(mine, moved, program, f"{player}: {instrument_name(program)}", clock))
    marked = [turn for turn in turns if turn.turn in MARKERS and turn.start <= last]
    at = clock([turn.start for turn in marked])
    texts = (
        Text(tick, "marker", f"{MARKERS[t.turn]} {t.number}") for tick, t in zip(at, marked, strict=True)
    )
    return replace(empty, tracks=tuple(tracks), texts=tuple(texts))


def title_of(models: Iterable[str]) -> str:
    """Return the title of a session with the models of these names."""
    names = list(dict.fromkeys(models))
    return f"A jam with {' and '.join(names)}" if names else "A jam"


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

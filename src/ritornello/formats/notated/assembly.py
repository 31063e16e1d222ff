"""The bars of all parts of written music -> `Score`, in the order of playing.

Conventions
-----------
- A bar lasts as long as its longest part fills it: shorter than its signature in a pickup, longer in a cadenza. Every
  bar begins at the same time in all parts. An empty bar lasts what its signature says; so does one that one part
  exceeds by rests alone.
- A part is a track, with all its staves; one with several instruments is a track for each program, and one for drums.
- Tied notes are joined, also between voices and staves, and into a chord from before it in its bar or the bar before.
- Grace notes end at the note before which they stand, an eighth of a quarter each, or less where there is no room; at
  the start of the piece they take their time from that note. A grace note tied to its note is that note.
- Where a bar is played again, the tempo, key and pedals of its place hold again, and the next verse is sung.
- There are `TICKS_PER_QUARTER` ticks to a quarter, or a multiple that makes all times exact.

Read in order: `assemble`, `_Course`, `_PartPlayer`, `_place_graces`, `_join_ties`.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ritornello.errors import FormatError
from ritornello.formats.notated.bars import Bar, Note
from ritornello.formats.notated.expression import Dynamics, Pace
from ritornello.formats.notated.instruments import Part
from ritornello.formats.notated.order import Navigation, Played, as_written, merged, playing_order
from ritornello.formats.repairs import Repairs
from ritornello.score import (
    CONTROL_CHANGE,
    DEFAULT_MICROSECONDS_PER_QUARTER,
    MAX_TICKS_PER_QUARTER,
    Key,
    Meter,
    Score,
    Tempo,
    Text,
    Track,
    make_controls,
    make_notes,
)
from ritornello.theory import DRUMS

TICKS_PER_QUARTER = 480
FINE_TICKS = 30_240  # exact for 2^5, 3^3, 5 and 7, where nothing is exact for all
GRACE = Fraction(1, 8)  # of a quarter
ROUNDING = Fraction(1, 32)  # of a quarter: what the bars of rounded tuplets may lack
MAX_TICKS = 1 << 28  # of a piece, as in MIDI
MAX_MICROSECONDS = 0xFFFFFF  # of a quarter, as in MIDI

Parts = Sequence[tuple[Part, list[Bar]]]
_Place = tuple[int, int]  # a bar as written, and ticks from its start


def assemble(
    parts: Parts,
    repairs: Repairs,
    source: str,
    *,
    repeats: bool = True,
    order: Sequence[Played] | None = None,
    joins_halves: bool = False,
    title: str = "",
    texts: Sequence[Text] = (),
) -> Score:
    """Return the score of the parts, each with its bars; parts with fewer bars than others get empty ones.

    repeats: whether repeats, endings and jumps are played out, or the bars stand as they are written. order: that of
    playing, where the bars do not say it. joins_halves: whether two bars in a row that are the halves of one, as around
    a repeat within a bar, are counted as one. texts: further ones, of the header. Raise FormatError, with `source` for
    the file, for a piece of absurd length.
    """
    bars = max((len(own) for _, own in parts), default=0)
    for _, own in parts:
        own += [Bar() for _ in range(bars - len(own))]
    if not repeats:
        order = as_written(bars)
    elif order is None:
        order = playing_order(*navigation_of(parts), source)
    course = _Course(parts, order, source, joins_halves)
    pitched = [own for _, own in parts if not _is_percussion(own)] or [own for _, own in parts]
    tempos = course.played(_tempos(parts, course, repairs), Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER))
    keys = course.played(_keys(pitched, course))
    chords = next((found for _, own in parts if (found := course.signs(own, "chord"))), [])
    markers = dict.fromkeys((place, text) for _, own in parts for place, text in course.signs(own, "marker"))
    written = [Text(tick, "chord", text) for tick, text in course.played(chords, holds_on=False)]
    written += [Text(tick, "marker", text) for tick, text in course.played(sorted(markers), holds_on=False)]
    return Score(
        course.ticks_per_quarter,
        tuple(track for part, own in parts for track in _PartPlayer(part, own, course).tracks()),
        tempos=tuple(replace(tempo, tick=tick) for tick, tempo in _changes(tempos)),
        meters=tuple(course.meters()),
        keys=tuple(replace(key, tick=tick) for tick, key in _changes(keys)),
        texts=(*texts, *sorted(written, key=lambda text: text.tick)),
        title=title,
        repairs=repairs.sentences(),
    )


def navigation_of(parts: Parts) -> tuple[list[Navigation], list[int]]:
    """Return what all parts say about the order of each bar, and the number of its notes."""
    bars = max((len(own) for _, own in parts), default=0)
    notes = [sum(len(own[bar].notes) for _, own in parts if bar < len(own)) for bar in range(bars)]
    return merged([[bar.navigation for bar in own] for _, own in parts], bars), notes


# --- time -----------------------------------------------------------------------------------------------------


class _Course:
    """The bars in time: their lengths and signatures, and where each begins, as written and as played; in ticks."""

    def __init__(self, parts: Parts, order: Sequence[Played], source: str, joins_halves: bool) -> None:
        self.order, self.joins_halves = order, joins_halves
        self.ticks_per_quarter = _resolution(own for _, own in parts)
        self.signatures, self.lengths = self._bars([own for _, own in parts])
        self.written = list(itertools.accumulate(self.lengths, initial=0))
        played = itertools.accumulate((self.lengths[each.bar] for each in order), initial=0)
        self.starts = list(itertools.takewhile(lambda start: start < MAX_TICKS, played))
        if len(self.starts) <= len(order):
            raise FormatError(f"{source}: longer than {MAX_TICKS} ticks, which is more than MIDI allows")

    def ticks(self, quarters: Fraction) -> int:
        """Return a time of a bar in ticks, rounded."""
        over, under = quarters.numerator * self.ticks_per_quarter, quarters.denominator
        return over // under if over % under == 0 else (2 * over + under) // (2 * under)

    def _bars(self, parts: Sequence[list[Bar]]) -> tuple[list[tuple[int, int]], list[int]]:
        """Return the signature and the length of every bar."""
        signature, is_free = (4, 4), False
        signatures, lengths = [], []
        for bars in zip(*parts, strict=True):
            change = next((bar for bar in bars if bar.meter or bar.is_free), None)
            if change is not None:
                signature, is_free = change.meter or signature, change.is_free
            length = _bar_length(bars, Fraction(4 * signature[0], signature[1]), is_free)
            signatures.append(signature)
            lengths.append(max(1, self.ticks(length)))
        return signatures, lengths

    def meters(self) -> Iterator[Meter]:
        """Yield a meter wherever the bars do not go on as the meter in force has them."""
        meter: Meter | None = None
        for start, length, signature in self._counted():
            begun = Meter(start, *signature)
            if length > begun.bar_ticks(self.ticks_per_quarter):
                begun = replace(begun, length=length)
            if meter is None or replace(meter, tick=start) != begun or not self._is_bar_line(start, meter):
                meter = begun
                yield meter
        if meter is not None and not self._is_bar_line(self.starts[-1], meter):
            yield Meter(self.starts[-1], meter.numerator, meter.denominator)

    def _counted(self) -> Iterator[tuple[int, int, tuple[int, int]]]:
        """Yield start, length and signature of the bars as they are counted."""
        half: tuple[int, int] | None = None  # start and length of the first half of a bar
        for number, (start, played) in enumerate(zip(self.starts, self.order, strict=False)):
            length, signature = self.lengths[played.bar], self.signatures[played.bar]
            whole = Meter(0, *signature).bar_ticks(self.ticks_per_quarter)
            if half is not None:
                start, length, half = half[0], half[1] + length, None
            elif self.joins_halves and length < whole and number + 1 < len(self.order):
                other = self.order[number + 1].bar
                if length + self.lengths[other] == whole and self.signatures[other] == signature:
                    half = start, length
                    continue
            yield start, length, signature

    def _is_bar_line(self, tick: int, meter: Meter) -> bool:
        return (tick - meter.tick) % meter.bar_ticks(self.ticks_per_quarter) == 0

    def signs(self, bars: Sequence[Bar], kind: str) -> list[tuple[_Place, Any]]:
        """Return the places and values of the signs of a kind in a part, in time order."""
        found = [
            ((index, self.ticks(sign.start)), sign.value)
            for index, bar in enumerate(bars)
            for sign in bar.signs
            if sign.kind == kind
        ]
        return sorted(found, key=lambda sign: sign[0])

    def played(
        self, events: Sequence[tuple[_Place, Any]], before: Any = None, holds_on: bool = True
    ) -> Iterator[tuple[int, Any]]:
        """Yield (tick, value) of events as they are played; they are in time order.

        holds_on: after a jump, that in force there is set again, or `before` if none is; else this is so only for a
        jump back, and never for `before`.
        """
        places = [place for place, _ in events]
        current, last = before, -1
        for start, each in zip(self.starts, self.order, strict=False):
            first = bisect_left(places, (each.bar, 0))
            stop = bisect_left(places, (each.bar + 1, 0), first)
            is_begun = first < stop and places[first] == (each.bar, 0)
            if each.bar != last + 1 and not is_begun and (holds_on or each.bar <= last):
                in_force = events[first - 1][1] if first else before
                if in_force is not None and in_force != current:
                    yield start, in_force
                    current = in_force
            for place, value in events[first:stop]:
                yield start + place[1], value
                current = value
            last = each.bar


def _resolution(parts: Iterable[Sequence[Bar]]) -> int:
    """Return a number of ticks to a quarter that makes the notes and bars of all parts exact, if there is one."""
    needed = 1
    times = (time for bars in parts for bar in bars for time in _times(bar))
    for denominator in {time.denominator for time in times}:
        needed = math.lcm(needed, denominator)
        if needed > MAX_TICKS_PER_QUARTER:
            return FINE_TICKS
    usual = math.lcm(needed, TICKS_PER_QUARTER)
    return usual if usual <= MAX_TICKS_PER_QUARTER else needed * -(-TICKS_PER_QUARTER // needed)


def _times(bar: Bar) -> Iterator[Fraction]:
    yield bar.filled
    for note in bar.notes:
        yield note.start
        yield note.stop


def _bar_length(bars: Sequence[Bar], nominal: Fraction, is_free: bool) -> Fraction:
    """Return the length in quarters of a bar with these parts, whose signature says `nominal`."""
    if any(bar.is_implicit for bar in bars):  # where some write a rest for a whole bar
        bars = [bar for bar in bars if bar.notes or bar.filled < nominal] or bars
    filled = max(bar.filled for bar in bars)
    if not filled:
        return nominal
    if is_free:
        return filled
    by_rests_alone = (
        filled > nominal
        and any(bar.filled == nominal for bar in bars)
        and all(bar.sounding <= nominal for bar in bars)
    )
    return nominal if by_rests_alone or abs(filled - nominal) < ROUNDING else filled


def _changes(events: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Yield the last of the events at each tick, unless its value is in force already; they are in time order."""
    at_tick = dict(sorted(events, key=lambda event: event[0]))
    value = None
    for tick, new in at_tick.items():
        if new != value:
            yield tick, new
        value = new


# --- what holds for all parts -----------------------------------------------------------------------------------


def _tempos(parts: Parts, course: _Course, repairs: Repairs) -> list[tuple[_Place, Tempo]]:
    """Return the tempos of all parts; of several at one place those of the first part, and of these the last."""
    paces: dict[_Place, Pace] = {}
    for _, own in parts:
        paces = dict(course.signs(own, "tempo")) | paces
    speed, tempos = Fraction(120), []
    for place, pace in sorted(paces.items(), key=lambda item: item[0]):
        new = speed * (pace.ratio or 1) if pace.quarters is None else pace.quarters
        if new > 0 and 1 <= (micros := round(60_000_000 / new)) <= MAX_MICROSECONDS:
            speed = new
            tempos.append((place, Tempo(0, micros)))
        else:
            repairs.add("tempo")
    return tempos


def _keys(parts: Sequence[Sequence[Bar]], course: _Course) -> list[tuple[_Place, Key]]:
    """Return the keys in which most parts sound; of equals that of parts that are not written without signs, or first.

    Horns and trumpets are often written without signs in any key.
    """
    changes = defaultdict[_Place, dict[int, tuple[Key, bool]]](dict)
    for part, own in enumerate(parts):
        for place, value in course.signs(own, "key"):
            changes[place][part] = value
    in_force: dict[int, tuple[Key, bool]] = {}
    keys = []
    for place in sorted(changes):
        in_force |= changes[place]
        votes = Counter(key for key, _ in in_force.values())
        signed = Counter(key for key, is_open in in_force.values() if not is_open)
        candidates = [in_force[part][0] for part in sorted(in_force)]
        keys.append((place, max(candidates, key=lambda key: (votes[key], signed[key]))))
    return keys


def _is_percussion(bars: Sequence[Bar]) -> bool:
    return all(note.is_drum for bar in bars for note in bar.notes)


# --- parts ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Event:
    """A note as it is played, from tick `start` to `stop`; `number` is that of its bar in the order of playing."""

    start: int
    stop: int
    number: int
    note: Note
    velocity: int
    is_dropped: bool = False


class _PartPlayer:
    """Plays a part; `tracks` returns what comes out."""

    def __init__(self, part: Part, bars: Sequence[Bar], course: _Course) -> None:
        self.part, self.bars, self.course = part, bars, course
        marks = [
            (course.written[index] + course.ticks(sign.start), sign.staff, sign.value)
            for index, bar in enumerate(bars)
            for sign in bar.signs
            if sign.kind == "dynamic"
        ]
        self.dynamics = Dynamics(sorted(marks, key=lambda mark: mark[0]), 4 * course.ticks_per_quarter)

    def tracks(self) -> Iterator[Track]:
        """Yield a track for each program of the part, and one for drums, in the order in which they first play."""
        struck = sorted(self._events(), key=lambda event: event.start)
        _place_graces(struck, self.course.ticks_per_quarter)
        lyrics = self._lyrics(struck)
        sounding = _join_ties(sorted(struck, key=lambda event: event.start))
        pedals = list(self._pedals())
        groups = defaultdict[int, list[_Event]](list)
        for event in sounding:
            groups[_group(event.note)].append(event)
        for group, events in groups.items():
            instrument = events[0].note.instrument
            name = instrument.name if len(groups) > 1 and group != DRUMS else ""
            settings = [(0, CONTROL_CHANGE, *control) for control in instrument.controls]
            yield Track(
                make_notes((e.start, e.stop - e.start, e.note.pitch, e.velocity) for e in events),
                instrument.kit if group == DRUMS else instrument.program,
                is_drum=group == DRUMS,
                name=name or self.part.name,
                controls=make_controls([*settings, *(pedals if group != DRUMS else ())]),
                texts=tuple(lyrics[group]),
            )

    def _events(self) -> Iterator[_Event]:
        """Yield the notes of all bars as they are played, before graces and ties."""
        prepared: dict[int, list[tuple[int, int, int, Note]]] = {}
        for index, (start, played) in enumerate(zip(self.course.starts, self.course.order, strict=False)):
            if played.bar not in prepared:
                prepared[played.bar] = list(self._prepared(played.bar))
            for first, stop, velocity, note in prepared[played.bar]:
                if not note.times or played.time in note.times:
                    yield _Event(start + first, start + stop, index, note, velocity)

    def _prepared(self, number: int) -> Iterator[tuple[int, int, int, Note]]:
        """Yield start and stop in ticks of the bar, velocity, and note."""
        for note in self.bars[number].notes:
            start, stop = self.course.ticks(note.start), self.course.ticks(note.stop)
            at = self.course.written[number] + start
            velocity = self.dynamics.velocity(at, note.staff, note.velocity, note.accent)
            yield start, max(stop, start + (not note.is_grace)), velocity, note

    def _lyrics(self, events: Sequence[_Event]) -> dict[int, list[Text]]:
        """Return what is sung, by group: the verse of this time of the bar, or verse 1 where the bar has no such verse.

        Verses beyond the times that a bar is played are kept with those of its times, as further verses.
        """
        verses = defaultdict[int, set[int]](set)
        for event in events:
            bar = self.course.order[event.number].bar
            verses[bar].update(verse for verse, _ in event.note.lyrics)
        texts = defaultdict[int, dict[Text, None]](dict)
        for event in events:
            played = self.course.order[event.number]
            for verse, syllable in event.note.lyrics:
                if (verse - 1) % played.times + 1 == played.time:
                    text = Text(event.start, "lyric", syllable, (verse - 1) // played.times + 1)
                elif verse == 1 and played.time not in verses[played.bar]:
                    text = Text(event.start, "lyric", syllable)
                else:
                    continue
                texts[_group(event.note)][text] = None
        sung = {
            group: sorted(found, key=lambda text: (text.tick, text.verse)) for group, found in texts.items()
        }
        return defaultdict(list, sung)

    def _pedals(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield the pedals as rows of controls."""
        signs = self.course.signs(self.bars, "control")
        for pedal in sorted({controller for _, (controller, _) in signs}):
            own = [(place, value) for place, (controller, value) in signs if controller == pedal]
            for tick, value in self.course.played(own, 0):
                yield tick, CONTROL_CHANGE, pedal, value


def _group(note: Note) -> int:
    """Return the program of a note, or `DRUMS`: a track of its part."""
    return DRUMS if note.is_drum else note.instrument.program


def _place_graces(events: Sequence[_Event], ticks_per_quarter: int) -> None:
    """Give the grace notes of a part their times; `events` are sorted by start."""
    length = int(GRACE * ticks_per_quarter)
    voices = defaultdict[str, list[_Event]](list)
    for event in events:
        voices[event.note.voice].append(event)
    for voice in voices.values():
        before = None  # the last onset
        for tick, group in itertools.groupby(voice, key=lambda event: event.start):
            together = list(group)
            graces = [event for event in together if event.note.is_grace]
            places = sorted({(event.number, event.note.grace) for event in graces})
            if places:
                room = tick if before is None else (tick - before) // 2
                each = min(length, room // len(places))
                first = tick - each * len(places)
                if not each:
                    mains = [event for event in together if not event.note.is_grace]
                    shortest = min(
                        (event.stop - event.start for event in mains), default=2 * length * len(places)
                    )
                    each = max(1, min(length, shortest // (2 * len(places))))
                    first = tick
                    for main in mains:
                        main.start = min(tick + each * len(places), main.stop - 1)
                for event in graces:
                    event.start = first + each * places.index((event.number, event.note.grace))
                    event.stop = event.start + each
            if len(graces) < len(together):
                before = tick


def _join_ties(events: Iterable[_Event]) -> list[_Event]:
    """Return the notes of a part with those that are tied joined; `events` are sorted by start.

    A tie leads to the note that begins where it ends, of its voice if possible, or to one within the next bar if the
    pitch is not struck between.
    """
    joined: list[_Event] = []
    tied = defaultdict[tuple[int, bool], list[_Event]](list)
    struck: dict[tuple[int, bool], int] = {}
    for event in events:
        pitch = event.note.pitch, event.note.is_drum
        waiting = tied[pitch]
        before = _tied_before(waiting, event, struck.get(pitch, 0)) if event.note.tied[0] else None
        if before is None:
            waiting[:] = [other for other in waiting if other.stop >= event.start]
            struck[pitch] = event.start
        else:
            waiting.remove(before)
        if before is None or before.note.is_grace:
            sounding = event
            joined.append(event)
            if before is not None:
                before.is_dropped = True
        else:
            sounding = before
            sounding.stop, sounding.number = max(sounding.stop, event.stop), event.number
        if event.note.tied[1]:
            waiting.append(sounding)
    return [event for event in joined if not event.is_dropped]


def _tied_before(waiting: Sequence[_Event], event: _Event, struck: int) -> _Event | None:
    """Return the one of the notes with an open tie that leads to `event`; `struck`: when the pitch was last struck."""
    ending = [other for other in waiting if other.stop == event.start]
    own = [other for other in ending if other.note.voice == event.note.voice]
    earlier = [
        other for other in waiting if struck < other.stop < event.start and other.number >= event.number - 1
    ]
    return (own + ending + earlier[::-1] + [None])[0]

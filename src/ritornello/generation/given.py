"""What is given of a piece stays as it is: the primer's own events, with what was composed spliced in.

A model reads a primer as ids, which keep neither its pedal nor its exact lengths. So the primer's score is the base of
the result, at its own resolution, and only what the ids add to it is taken from them:

- A note belongs to the bar in which it begins. In bars that were composed anew, the tracks that the model reads lose
  their notes, the lyrics to them, and the controllers of NOTE_BOUND; the state after these bars is as given.
- Composed notes go to the track whose part they play (`Representation.parts`); where several tracks are read as one
  part, to the one in whose register they lie. Parts that the primer has not become tracks of their own.
- After the end of the primer pedals, bends and pressures are released, and its last tempo and meter go on.

Read in order: `merge_given`, `_Splice.score`; `heard` has what the model hears of a primer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ritornello.arrays import Floats, Ints, Mask
from ritornello.generation.heard import step_of
from ritornello.representations.base import FixedNotes, Ids, Representation
from ritornello.score import (
    CONTROL_CHANGE,
    KEY_PRESSURE,
    MAX_TICKS_PER_QUARTER,
    NEUTRAL,
    Controls,
    Meter,
    Notes,
    Score,
    Track,
    make_controls,
    make_notes,
    seconds_to_ticks,
    sort_notes,
    ticks_to_seconds,
)
from ritornello.theory import DRUMS

if TYPE_CHECKING:
    from ritornello.generation.config import ComposeConfig
    from ritornello.generation.prepare import Beginning

COARSEST = 96
"""Ticks to a quarter that composed notes need at least; the ticks of a coarser primer are multiplied."""

LEVELS = ((CONTROL_CHANGE, 7), (CONTROL_CHANGE, 11))
"""Volume and expression, by kind and number."""

NOTE_BOUND = {name: value for name, value in NEUTRAL.items() if name not in (*LEVELS, (CONTROL_CHANGE, 10))}
"""Controllers that belong to the notes with which they are played: pedals, modulation, pressure, bend; with their
neutral values."""

COMPARED = 16
"""The last onsets by which a primer and its reading are aligned."""


def merge_given(
    representation: Representation, primer: Score, beginning: Beginning, ids: Ids, settings: ComposeConfig
) -> Score:
    """Return the piece of `ids` with the events of `primer` as they are.

    An instrument that was asked for, and that the primer's track of its part is not, gets a track of its own.
    """
    base = _fine(primer)
    fixed, programs = beginning.conditions.fixed_notes or FixedNotes(), settings.programs or ()
    return _Splice(representation, base, beginning.given_ids, ids, fixed, programs).score()


def _fine(score: Score) -> Score:
    """Return `score` with at least COARSEST ticks to a quarter; every tick is multiplied by the same number."""
    ticks = score.ticks_per_quarter
    if ticks >= COARSEST:
        return score
    fine = math.lcm(ticks, 24)
    fine *= -(-COARSEST // fine)
    return score.resampled(min(fine, MAX_TICKS_PER_QUARTER // ticks * ticks))


class _Splice:
    """A primer and what was composed; `base` is the primer, and times are in ticks of the score that they belong to.

    composed, reading: the whole piece and the primer, as the ids have them; own, read: their tracks by part. edges: the
    bar lines of the composed score. last: the onset with which the reading ends in it. given_bars: the bars up to that.
    """

    def __init__(
        self,
        representation: Representation,
        base: Score,
        given_ids: Ids,
        ids: Ids,
        fixed: FixedNotes,
        programs: Sequence[int],
    ) -> None:
        self.base, self.fixed, self.programs = base, fixed, programs
        self.composed, self.reading = representation.decode(ids), representation.decode(given_ids)
        self.own = dict(zip(representation.parts(ids), self.composed.tracks, strict=True))
        self.read = dict(zip(representation.parts(given_ids), self.reading.tracks, strict=True))
        self.part_of = representation.parts_read(base)
        self.last = int(_onsets(self.reading.tracks).max(initial=-1))
        self.step = step_of(representation) * base.ticks_per_quarter
        self.clock_tempo = representation.tokens.quarters_per_minute
        bars = max([*self.fixed.free, *self.fixed.returns], default=0) + 2
        quarter = self.composed.ticks_per_quarter
        longest = max([4 * quarter, *(meter.bar_ticks(quarter) for meter in self.composed.meters)])
        self.edges = self.composed.bar_starts(max(self.composed.end, self.last + 1) + bars * longest)
        self.given_bars = int(self.bars_of(np.array(self.last))) + 1
        self.keeps_all = fixed.score is not None  # the primer is fixed to its end, but for free bars
        self.goes_on = not self.keeps_all or any(bar >= self.given_bars for bar in fixed.free)

    def score(self) -> Score:
        """Return the piece."""
        tracks = [
            self._without_free(track) if part is not None else track
            for track, part in zip(self.base.tracks, self.part_of, strict=True)
        ]
        if self.goes_on:
            tracks = [replace(track, controls=_released(track)) for track in tracks]
        tracks = [
            self._with_returns(given, track) for given, track in zip(self.base.tracks, tracks, strict=True)
        ]
        added: list[Track] = []
        for part, track in self.own.items():
            new, players = self._new_part(part, track), self._players(part, track)
            if not players:
                added += [new] if len(new.notes) or new.texts else []
                continue
            octaves = 0 if track.is_drum else self._octaves(part)
            shares = _by_register(
                _raised(new.notes, octaves), [self.base.tracks[number].notes for number in players]
            )
            for number, notes in zip(players, shares, strict=True):
                tracks[number] = _with_notes(tracks[number], notes)
            tracks[players[0]] = _with_events(tracks[players[0]], new)
        meters = self._meters() if self.goes_on else self.base.meters
        return replace(self.base, tracks=(*tracks, *added), meters=meters)

    # --- time ---

    def bars_of(self, ticks: Ints) -> Ints:
        """Return the bars of ticks of the composed score."""
        return np.asarray(np.searchsorted(self.edges, ticks, side="right") - 1)

    def to_base(self, ticks: Ints) -> Ints:
        """Return the ticks of the primer at ticks of the composed score."""
        quarter = self.composed.ticks_per_quarter
        moved = np.asarray(ticks) + self._offset
        if self.clock_tempo is None:
            return np.asarray(np.rint(moved * (self.base.ticks_per_quarter / quarter)), dtype=np.int64)
        return seconds_to_ticks(self.base, moved * (60 / self.clock_tempo / quarter))

    @cached_property
    def _offset(self) -> float:
        """The ticks of the composed score by which the primer is ahead of its reading at its end: a representation may
        begin with the first note, and may shorten rests."""
        if self.keeps_all:
            return 0.0
        quarter = self.composed.ticks_per_quarter
        given = _onsets(self._tracks_of(*self.read))
        if self.clock_tempo is None:
            at = np.asarray(given * (quarter / self.base.ticks_per_quarter), dtype=np.float64)
        else:
            at = ticks_to_seconds(self.base, given) * (self.clock_tempo / 60 * quarter)
        return alignment(at, _onsets(self.reading.tracks), quarter)

    @cached_property
    def _own_lines(self) -> Ints:
        return self.base.bars.edges

    def line(self, bar: int) -> int:
        """Return the tick in the primer of the bar line before a bar: the primer's own where it has one."""
        tick = int(self.to_base(self.edges[[bar]])[0])
        near = int(self._own_lines[np.argmin(np.abs(self._own_lines - tick))])
        return near if abs(near - tick) <= self.step else tick

    def _tracks_of(self, *parts: int) -> list[Track]:
        return [track for track, part in zip(self.base.tracks, self.part_of, strict=True) if part in parts]

    # --- bars of the primer that were composed anew, and those that return ---

    @cached_property
    def _free(self) -> list[tuple[int, int]]:
        """The first tick and the one after the last of the bars that were composed anew."""
        bars = {bar for bar in self.fixed.free if bar < self.given_bars} if self.keeps_all else set()
        firsts = sorted(bar for bar in bars if bar - 1 not in bars)
        lasts = sorted(bar for bar in bars if bar + 1 not in bars)
        return [(self.line(first), self.line(last + 1)) for first, last in zip(firsts, lasts, strict=True)]

    def _without_free(self, track: Track) -> Track:
        """Return a track without what begins in the bars that were composed anew. What begins within half a step of
        the next bar line belongs to that."""

        def is_free(tick: int) -> bool:
            return any(first <= tick < stop - self.step / 2 for first, stop in self._free)

        kept = np.array([not is_free(tick) for tick in track.notes["start"].tolist()], dtype=bool)
        controls = track.controls
        for first, stop in self._free:
            controls = _released_between(controls, first, stop)
        texts = tuple(text for text in track.texts if text.kind != "lyric" or not is_free(text.tick))
        return replace(track, notes=track.notes[kept], controls=controls, texts=texts)

    @cached_property
    def _returns(self) -> list[tuple[int, int]]:
        """The bars that return, each with the bar of the primer that it repeats."""
        pairs = sorted(self.fixed.returns.items())
        return [
            (bar, own) for bar, own in pairs if own < self.given_bars and self.edges[bar] < self.composed.end
        ]

    def _with_returns(self, given: Track, track: Track) -> Track:
        """Return a track with what returns of the track as it was given."""
        notes, controls = [track.notes], [track.controls]
        for (first_bar, first), (_, last) in _runs(self._returns):
            start, stop, by = self.line(first), self.line(last + 1), self.line(first_bar) - self.line(first)
            begun = given.notes["start"] + self.step / 2
            own = given.notes[(begun >= start) & (begun < stop)]
            own["start"] += by
            notes.append(own)
            controls.append(_played_between(given.controls, start, stop, by))
        return replace(track, notes=sort_notes(np.concatenate(notes)), controls=_in_order(controls))

    # --- what was composed ---

    def _players(self, part: int, track: Track) -> list[int]:
        """Return the numbers of the primer's tracks that play what was composed for a part: none for a new part, nor
        for notes that accompany it, nor if another instrument was asked for."""
        new = track.notes["start"][self._is_new(part, track.notes)]
        if self.fixed.is_accompanied and not np.isin(self.bars_of(new), [*self.fixed.free]).all():
            return []
        programs = {_program(each) for each in self._tracks_of(part)}
        if _program(track) in self.programs and _program(track) not in programs:
            return []
        return [number for number, each in enumerate(self.part_of) if each == part]

    def _new_part(self, part: int, track: Track) -> Track:
        """Return what was composed for a part, in the primer's time."""
        is_given = part in self.part_of
        new = track.notes[self._is_new(part, track.notes)]
        starts, ends = self.to_base(new["start"]), self.to_base(new["start"] + new["duration"])
        for first, stop in self._free if is_given else ():
            starts = np.where((starts < first) & (starts > first - self.step), first, starts)
            ends = np.where((starts >= first) & (starts < stop), np.minimum(ends, stop), ends)
        new["start"], new["duration"] = starts, np.maximum(ends - starts, np.minimum(new["duration"], 1))
        since = -1 if self.keeps_all and not is_given else self.last
        controls = track.controls[track.controls["tick"] > since]
        controls["tick"] = self.to_base(controls["tick"])
        texts = [text for text in track.texts if text.tick > since]
        at = self.to_base(np.array([text.tick for text in texts], dtype=np.int64)).tolist()
        moved = tuple(replace(text, tick=tick) for text, tick in zip(texts, at, strict=True))
        return replace(track, notes=sort_notes(new), controls=controls, texts=moved)

    def _is_new(self, part: int, notes: Notes) -> Mask:
        """Whether notes of the composed score are not those of the primer, as the model reads it."""
        known = self.read[part].notes if part in self.read else make_notes()
        if self.keeps_all:
            return np.isin(self.bars_of(notes["start"]), [*self.fixed.free]) | ~np.isin(
                _keys(notes), _keys(known)
            )
        is_last = notes["start"] == self.last
        is_known = notes["start"] < self.last
        if is_last.sum() == (known["start"] == self.last).sum():  # a pitch may depend on what follows
            is_known |= is_last
        else:
            is_known |= is_last & np.isin(_keys(notes), _keys(known))
        for bar, own in self._returns:
            returned = known[(known["start"] >= self.edges[own]) & (known["start"] < self.edges[own + 1])]
            returned["start"] += self.edges[bar] - self.edges[own]
            is_known |= np.isin(_keys(notes), _keys(returned))
        return ~is_known

    def _octaves(self, part: int) -> int:
        """Return the semitones, whole octaves, from where the model reads a part to where the primer plays it."""
        given = np.concatenate([make_notes(), *(track.notes for track in self._tracks_of(part))])
        read = self.read[part].notes[-256:] if part in self.read else make_notes()
        moves = []
        for start, pitch in zip(self.to_base(read["start"]).tolist(), read["pitch"].tolist(), strict=True):
            pitches = given["pitch"][np.abs(given["start"] - start) <= self.step].tolist()
            same = [each - pitch for each in pitches if (each - pitch) % 12 == 0]
            moves += [min(same, key=abs)] if same else []
        return 12 * round(float(np.median(moves)) / 12) if moves else 0

    def _meters(self) -> tuple[Meter, ...]:
        """Return the meters of a piece that goes on after the primer: a bar that its end has cut short is filled."""
        last = int(_onsets(self.base.tracks).max(initial=0))
        own = [meter for meter in self.composed.meters if meter.tick > self.last]
        at = self.to_base(np.array([meter.tick for meter in own], dtype=np.int64)).tolist()
        later = [
            replace(meter, tick=tick, length=None) for meter, tick in zip(own, at, strict=True) if tick > last
        ]
        return (*(meter for meter in self.base.meters if meter.tick <= last), *later)


def alignment(given: Floats, read: Ints, quarter: int) -> float:
    """Return by how much the onsets `given` are later than the same ones in `read`, at the end; both ascend.

    That is the distance at which most of the last COMPARED onsets meet within an eighth of a quarter. Representations
    leave out whole eighths as a rule, so what is nearly a whole number of them is rounding. If the end of `given` was
    not read, `read` ends there all the same.
    """
    if not len(given) or not len(read):
        return 0.0
    last = read[-COMPARED:]
    found = []
    for distance in (given[-COMPARED:] - read[-1]).tolist():
        misses = np.abs(last[:, None] + distance - given[None]).min(axis=1) > quarter / 8
        found.append((int(misses.sum()), abs(distance), distance))
    distance = float(min(found)[2])
    whole = round(2 * distance / quarter) * quarter / 2
    distance = (
        whole if abs(distance - whole) <= quarter / 8 else round(24 * distance / quarter) * quarter / 24
    )
    behind = float(given[-1] - read[-1]) - distance
    return distance + (math.ceil(behind / quarter) * quarter if behind > quarter else 0)


def _program(track: Track) -> int:
    return DRUMS if track.is_drum else track.program


def _onsets(tracks: Iterable[Track]) -> Ints:
    """Return the ticks at which notes of tracks begin, ascending, each once."""
    return np.unique(
        np.concatenate([np.empty(0, dtype=np.int64), *(track.notes["start"] for track in tracks)])
    )


def _keys(notes: Notes) -> Ints:
    """Return a number for each onset and pitch."""
    return np.asarray(notes["start"] * 128 + notes["pitch"])


def _runs(pairs: Sequence[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the first and the last of each run of ascending pairs in which both numbers go up by one."""
    known = set(pairs)
    firsts = [(a, b) for a, b in pairs if (a - 1, b - 1) not in known]
    lasts = [(a, b) for a, b in pairs if (a + 1, b + 1) not in known]
    return list(zip(firsts, lasts, strict=True))


# --- notes ---


def _raised(notes: Notes, semitones: int) -> Notes:
    """Return notes moved by whole octaves, each as far as its pitch stays within 0 to 127."""
    moved = notes.copy()
    pitch = notes["pitch"].astype(np.int64) + semitones
    moved["pitch"] = (
        pitch - 12 * (-(-np.maximum(pitch - 127, 0) // 12)) + 12 * (-(np.minimum(pitch, 0) // 12))
    )
    return moved


def _by_register(notes: Notes, tracks: Sequence[Notes]) -> list[Notes]:
    """Return the notes for each track: those that are nearest to its mean pitch."""
    means = np.array([track["pitch"].mean() if len(track) else 1e9 for track in tracks])
    nearest = np.abs(notes["pitch"][:, None] - means[None]).argmin(axis=1)
    return [notes[nearest == number] for number in range(len(tracks))]


def _with_notes(track: Track, notes: Notes) -> Track:
    """Return a track with notes added. They end where the track strikes their pitch, and begin when it has ended."""
    kept: list[tuple[int, int, int, int]] = []
    for start, duration, pitch, velocity in notes.tolist():
        own = track.notes[track.notes["pitch"] == pitch]
        begin, end = own["start"], own["start"] + own["duration"]
        first = max([start, *end[(begin <= start) & (end > start)].tolist()])
        stop = min([start + duration, *begin[begin > start].tolist()])
        if stop > first or (duration == 0 and first == start):
            kept.append((first, stop - first, pitch, velocity))
    return replace(track, notes=sort_notes(np.concatenate([track.notes, make_notes(kept)])))


def _with_events(track: Track, new: Track) -> Track:
    """Return a track with the controls and texts of another."""
    texts = tuple(sorted((*track.texts, *new.texts), key=lambda text: text.tick))
    return replace(track, controls=_in_order([track.controls, new.controls]), texts=texts)


# --- controllers ---


def _in_order(parts: Sequence[Controls]) -> Controls:
    controls = np.concatenate([make_controls(), *parts])
    return np.asarray(controls[np.argsort(controls["tick"], kind="stable")])


def _state(controls: Controls, before: int) -> dict[tuple[int, int], int]:
    """Return the controllers of NOTE_BOUND that are not neutral before a tick, with their values."""
    state = {(kind, number): value for tick, kind, number, value in controls.tolist() if tick < before}
    return {name: state[name] for name in NOTE_BOUND if state.get(name, NOTE_BOUND[name]) != NOTE_BOUND[name]}


def _is_bound(controls: Controls) -> Mask:
    names = zip(controls["kind"].tolist(), controls["number"].tolist(), strict=True)
    return np.array(
        [kind == KEY_PRESSURE or (kind, number) in NOTE_BOUND for kind, number in names], dtype=bool
    )


def _released_between(controls: Controls, first: int, stop: int) -> Controls:
    """Return controls that are neutral between two ticks if they are NOTE_BOUND, and after them as they were."""
    lost = _is_bound(controls) & (controls["tick"] >= first) & (controls["tick"] < stop)
    released = make_controls((first, *name, NOTE_BOUND[name]) for name in _state(controls, first))
    restored = make_controls((stop - 1, *name, value) for name, value in _state(controls, stop).items())
    return _in_order([controls[~lost], released, restored])


def _played_between(controls: Controls, first: int, stop: int, by: int) -> Controls:
    """Return the NOTE_BOUND controls between two ticks, `by` ticks later, neutral in the end."""
    inside = controls[_is_bound(controls) & (controls["tick"] >= first) & (controls["tick"] < stop)]
    inside["tick"] += by
    before = make_controls((first + by, *name, value) for name, value in _state(controls, first).items())
    after = make_controls((stop + by, *name, NOTE_BOUND[name]) for name in _state(controls, stop))
    return _in_order([before, inside, after])


def _released(track: Track) -> Controls:
    """Return the controls of a track that goes on after its end: neutral if they are NOTE_BOUND, and not faded out."""
    controls = track.controls
    end = max(track.end, int(controls["tick"].max(initial=0)))
    rows = [(end, *name, NOTE_BOUND[name]) for name in _state(controls, end + 1)]
    for kind, number in LEVELS:
        own = controls[(controls["kind"] == kind) & (controls["number"] == number)]
        if not len(own) or not len(track.notes):
            continue
        at = np.searchsorted(own["tick"], track.notes["start"], side="right") - 1
        usual = int(np.median(own["value"][np.maximum(at, 0)]))
        if usual > own["value"][-1]:
            rows.append((end, kind, number, usual))
    return _in_order([controls, make_controls(rows)])

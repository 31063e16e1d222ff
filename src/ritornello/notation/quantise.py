"""Onsets and ends on grids: every beat has the grid of equal parts that fits its onsets.

- Where most beats of a piece fit a grid to a tick, the piece was made on grids: then every beat has the plainest one
  that fits so, tuplets of 5, 7, 9, 10, 11 and 13 among them.
- Otherwise it was performed: then a beat has the grid of least mean error, where a finer one has its price, and onsets
  that are clearly apart stay apart.
- Ends are rounded to the grid of the beat they fall in; in a piece made on grids also to another plain grid that they
  fit.

Read in order: `Rows`, `Quantiser.rows`, `_grid_of_onsets`, `_performed`, `_ends`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.notation.bars import UNITS, Timeline
from ritornello.score import Notes, Score, Track

_SIMPLE = (4, 3, 6, 8, 5, 12, 7, 9, 10, 16, 11, 13, 14, 24, 32, 64)
_COMPOUND = (6, 12, 9, 18, 5, 24, 7, 4, 10, 48, 11, 13, 14, 36, 96, 15)
_PLAIN = (0, 1, 2, 3, 5, 9, 13, 14)
"""Grids in parts of a beat, of two halves or of three thirds, the plainest first; and which are plain, all others being
tuplets that are taken only where they fit."""

_PLAIN_COMPOUND = (0, 1, 2, 3, 5, 7, 9, 13, 14)
_PRICES = {4: 0.0, 3: 0.008, 6: 0.02, 8: 0.02, 5: 0.03, 7: 0.04, 12: 0.04, 16: 0.04}
_PRICES_COMPOUND = {6: 0.0, 12: 0.015, 9: 0.02, 18: 0.03, 24: 0.03}
"""For performances: the cost of each division, in quarters; its mean error must be smaller by so much."""

_APART = UNITS // 16  # onsets of a performance further apart are never struck together
_MOST_OVERLAP = (
    UNITS // 8
)  # a note that is held so long into the next one, and an eighth of its length, is legato
_BLIP = UNITS // 32
_MOST_LAYERS = 4

Units = NDArray[np.int64]


class Grace(NamedTuple):
    """A grace note: the start, in units, of the note that it belongs to, pitch and velocity."""

    start: int
    pitch: int
    velocity: int


@dataclass(frozen=True, eq=False)
class Rows:
    """Notes in columns, sorted by start, then pitch: start and end in units; and the grace notes before them.

    `doubled` is the number of notes that were left out because they double another.
    """

    start: Units
    end: Units
    pitch: Units
    velocity: Units
    graces: tuple[Grace, ...] = ()
    doubled: int = 0

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Rows:
        start, end, pitch, velocity = (column[which] for column in self.columns)
        return Rows(start, end, pitch, velocity)

    @property
    def columns(self) -> tuple[Units, Units, Units, Units]:
        return self.start, self.end, self.pitch, self.velocity


@dataclass(frozen=True)
class _Grids:
    """The grids of one kind of beat: steps in units, which are plain, and prices in units (0 < for performances)."""

    steps: Units
    plain: NDArray[np.bool_]
    prices: NDArray[np.float64]


def _grids(beat: int) -> _Grids:
    is_compound = beat % 3 == 0 and _odd_part(beat) % 27 == 0  # UNITS has 9, three notes of it 27
    parts = _COMPOUND if is_compound else _SIMPLE
    prices = _PRICES_COMPOUND if is_compound else _PRICES
    plain = _PLAIN_COMPOUND if is_compound else _PLAIN
    return _Grids(
        np.array([beat // part for part in parts], dtype=np.int64),
        np.isin(np.arange(len(parts)), plain),
        np.array([prices.get(part, np.inf) for part in parts]) * UNITS,
    )


def _odd_part(number: int) -> int:
    return number // (number & -number)


class Quantiser:
    """Rounds the notes of the tracks of one score; whether it was made on grids is decided for all of them."""

    def __init__(self, score: Score, timeline: Timeline) -> None:
        self.timeline = timeline
        self.tick = UNITS / score.ticks_per_quarter
        self.begins, self.lengths = timeline.beats
        self.kinds = {beat: _grids(beat) for beat in np.unique(self.lengths).tolist()}
        tracks = [track.notes for track in score.tracks if len(track.notes)]
        self.exact_ends = False
        self.tolerance = self._tolerance(tracks, score.ticks_per_quarter)
        if self.tolerance:
            self.exact_ends = self._share_of_fitting_ends(tracks) >= 0.8

    def rows(self, track: Track) -> Rows:
        """Return the notes of `track` on the grids, with equal ones left out."""
        is_grace = self._are_graces(track)
        notes = track.notes[~is_grace]
        starts = self._starts(notes)
        beat = self._beat(starts)
        grid = self._grid_of_onsets(starts, beat)
        step = self._steps(beat, grid)
        final = int(self.timeline.lines[-1])
        first = self._to_grid(starts, beat, step)
        first = np.where(first >= final, final - step, first).astype(np.int64)
        raw_ends = np.maximum(self.timeline.to_units(notes["start"] + notes["duration"]), starts)
        last = self._ends(raw_ends, grid, starts, is_drum=track.is_drum)
        last = np.minimum(np.where(last > first, last, first + step), final).astype(np.int64)
        pitch, velocity = (notes[name].astype(np.int64) for name in ("pitch", "velocity"))
        is_blip = notes["duration"] * self.tick < _BLIP
        main = np.searchsorted(notes["start"], track.notes["start"][is_grace]).tolist()
        ornaments = track.notes[is_grace][["pitch", "velocity"]].tolist()
        graces = tuple(Grace(int(first[at]), *ornament) for at, ornament in zip(main, ornaments, strict=True))
        return _without_doubles(Rows(first, last, pitch, velocity, graces), is_blip)

    def _are_graces(self, track: Track) -> NDArray[np.bool_]:
        """Return which notes are grace notes: short, off all grids, and followed at once by another note.

        So programs play them that have no other way, a little before or after the beat.
        """
        notes = track.notes
        starts = self._starts(notes)
        ends = self.timeline.to_units(notes["start"] + notes["duration"])
        result = np.zeros(len(notes), dtype=bool)
        is_short = ends - starts <= UNITS // 8
        if not self.tolerance or track.is_drum or not is_short.any():
            return result
        beat = self._beat(starts)
        on_grid = self._to_grid(
            starts, beat, self._steps(beat, self._grid_of_onsets(starts, beat, evidence=3))
        )
        is_off = np.abs(on_grid - starts) > self.tolerance
        following = np.searchsorted(starts, ends - self.tolerance)
        at = np.minimum(following, len(notes) - 1)
        is_followed = (following < len(notes)) & (starts[at] <= ends + self.tolerance) & (starts[at] > starts)
        result = is_short & is_followed & (is_off | is_off[at])
        result[at[result & ~is_short[at]]] = False
        return np.asarray(result)

    def _starts(self, notes: Notes) -> Units:
        return self.timeline.to_units(notes["start"])

    def _beat(self, times: Units) -> NDArray[np.intp]:
        return np.clip(np.searchsorted(self.begins, times, side="right") - 1, 0, len(self.begins) - 1)

    def _steps(self, beat: NDArray[np.intp], grid: NDArray[np.intp]) -> Units:
        """Return the step, in units, of the `grid` (a row of its kind) of each of the beats."""
        steps = np.empty(len(beat), dtype=np.int64)
        for length, kind in self.kinds.items():
            mine = self.lengths[beat] == length
            steps[mine] = kind.steps[grid[mine]]
        return steps

    def _to_grid(self, times: Units, beat: NDArray[np.intp], step: Units) -> Units:
        from_beat = times - self.begins[beat]
        return np.asarray(self.begins[beat] + (2 * from_beat + step) // (2 * step) * step)

    def _distances(self, times: Units, beat: NDArray[np.intp], grid: int) -> Units:
        step = self._steps(beat, np.full(len(beat), grid, dtype=np.intp))
        return np.asarray(np.abs(times - self._to_grid(times, beat, step)))

    def _worst(self, starts: Units) -> tuple[NDArray[np.intp], Units]:
        """Return the beats that have onsets, and the largest error of each grid in each, shape (grids, beats)."""
        beat = self._beat(starts)
        beats, firsts = np.unique(beat, return_index=True)  # starts are sorted
        errors = [
            np.maximum.reduceat(self._distances(starts, beat, grid), firsts) for grid in range(len(_SIMPLE))
        ]
        return beats, np.stack(errors)

    def _tolerance(self, tracks: Sequence[Notes], ticks_per_quarter: int) -> float:
        """Return the error, in units, within which the piece fits grids; 0 if it was not made on them.

        Programs round times to ticks, or cut them off.
        """
        cut_off = 1.01 if ticks_per_quarter >= 192 else 0.51  # of few ticks any time would fit
        for ticks, least in ((0.51, 0.95), (cut_off, 0.95), (0.51, 0.75)):
            self.tolerance = ticks * self.tick
            if max(self._share_on_grids(tracks), self._share_of_fitting_beats(tracks)) >= least:
                return self.tolerance
        return 0.0

    def _share_on_grids(self, tracks: Sequence[Notes]) -> float:
        """Return the share of onsets that fit grids which more than chance speaks for."""
        fitting = 0
        for notes in tracks:
            starts = self._starts(notes)
            is_open = np.ones(len(starts), dtype=bool)
            self._layer(np.zeros(len(starts), dtype=np.intp), starts, self._beat(starts), is_open, evidence=3)
            fitting += int((~is_open).sum())
        return fitting / max(1, sum(map(len, tracks)))

    def _share_of_fitting_beats(self, tracks: Sequence[Notes]) -> float:
        """Return the share of beats that fit a grid: of all, or of those with several onsets (less by chance)."""
        fits: list[NDArray[np.bool_]] = []
        several: list[NDArray[np.bool_]] = []
        for notes in tracks:
            starts = np.unique(self._starts(notes))
            _, worst = self._worst(starts)
            fits.append(np.asarray((worst <= self.tolerance).any(axis=0)))
            several.append(np.asarray(np.unique(self._beat(starts), return_counts=True)[1] > 1))
        all_fits, with_several = np.concatenate(fits), np.concatenate(several)
        return float(min(all_fits.mean(), all_fits[with_several].mean() if with_several.any() else 0.0))

    def _grid_of_onsets(self, starts: Units, beat: NDArray[np.intp], evidence: int = 1) -> NDArray[np.intp]:
        """Return the grid of each onset, as a row of the kind of its beat; `evidence`: see `_layer`."""
        beats, worst = self._worst(starts)
        fits = (worst <= self.tolerance) & self._is_credible(starts, beat, beats)
        best = np.where(fits.any(axis=0), fits.argmax(axis=0), -1)
        loose = best < 0 if self.tolerance else np.ones(len(beats), dtype=bool)
        if not loose.any():
            return np.asarray(best[np.searchsorted(beats, beat)])
        best[loose] = self._performed(starts, beat, beats)[loose]
        grid = best[np.searchsorted(beats, beat)]
        if self.tolerance:
            self._layer(grid, starts, beat, np.isin(beat, beats[loose]), evidence)
        return np.asarray(grid)

    def _layer(
        self,
        grid: NDArray[np.intp],
        starts: Units,
        beat: NDArray[np.intp],
        is_open: NDArray[np.bool_],
        evidence: int,
    ) -> None:
        """Set `grid` for the open onsets where several grids, such as five against four, fit those of a beat.

        Each in turn is the one that fits the most. A tuplet, or a grid finer than the ticks, fits `evidence` onsets.
        """
        for _ in range(_MOST_LAYERS):
            left = np.flatnonzero(is_open)
            if not len(left):
                return
            _, places = np.unique(beat[left], return_inverse=True)
            distances = [self._distances(starts[left], beat[left], row) for row in range(len(_SIMPLE))]
            fits = np.stack(distances) <= self.tolerance
            counts = np.stack([np.bincount(places, row) for row in fits])
            chosen = counts.argmax(axis=0)[places]
            is_sure = self._is_plain(beat[left], chosen) & self._has_ticks(beat[left], chosen)
            enough = counts.max(axis=0)[places] >= np.where(is_sure, 1, evidence)
            taken = fits[chosen, np.arange(len(left))] & enough
            grid[left[taken]] = chosen[taken]
            is_open[left[taken]] = False

    def _is_credible(
        self, starts: Units, beat: NDArray[np.intp], beats: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Return which grids may be taken for exact: a fine one fits some onset of any performance by chance.

        A fine grid has lines on whole ticks, or onsets on a quarter of its lines.
        """
        _, firsts = np.unique(beat, return_index=True)
        onsets = np.add.reduceat((np.diff(starts, prepend=-1) > 0) * 1, firsts)
        rows = []
        for row in range(len(_SIMPLE)):
            grid = np.full(len(beats), row, dtype=np.intp)
            parts = self.lengths[beats] // self._steps(beats, grid)
            rows.append(self._has_ticks(beats, grid) | (4 * onsets >= parts))
        return np.stack(rows)

    def _has_ticks(self, beat: NDArray[np.intp], grid: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return whether the grid is coarse, or has its lines on whole ticks."""
        parts = self.lengths[beat] // self._steps(beat, grid)
        ticks = np.rint(self.lengths[beat] / self.tick).astype(np.int64)
        return np.asarray((parts <= 16) | (ticks % parts == 0))

    def _performed(self, starts: Units, beat: NDArray[np.intp], beats: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return, for each of `beats`, the grid of least mean error and price that keeps separate onsets apart."""
        _, firsts, counts = np.unique(beat, return_index=True, return_counts=True)
        is_apart = (np.diff(starts, prepend=starts[0]) > _APART) & (np.diff(beat, prepend=-1) == 0)
        kinds = [self.kinds[length] for length in self.lengths[beats].tolist()]
        costs = np.stack([kind.prices for kind in kinds], axis=1)
        parts = self.lengths[beats][None] // np.stack([kind.steps for kind in kinds], axis=1)
        plain = np.stack([kind.plain for kind in kinds], axis=1)
        onsets = np.add.reduceat((np.diff(starts, prepend=-1) > _BLIP) * 1, firsts)
        costs[~plain & (onsets + 1 < parts)] = np.inf
        for grid in range(len(costs)):
            if np.isinf(costs[grid]).all():
                continue
            step = self._steps(beat, np.full(len(beat), grid, dtype=np.intp))
            snapped = self._to_grid(starts, beat, step)
            merged = is_apart & (np.diff(snapped, prepend=-1) == 0)
            costs[grid] += np.add.reduceat(np.abs(snapped - starts), firsts) / counts
            costs[grid] += UNITS * np.add.reduceat(merged * 1, firsts)
        return np.asarray(costs.argmin(axis=0))

    def _ends(self, ends: Units, grid: NDArray[np.intp], starts: Units, is_drum: bool = False) -> Units:
        """Return `ends` on grids: that of their beat, or that of their starts; slight overlaps are cut."""
        beat = self._beat(ends)
        onset_beat, places = np.unique(self._beat(starts), return_index=True)
        found = np.minimum(np.searchsorted(onset_beat, beat), len(onset_beat) - 1)
        own = np.where(onset_beat[found] == beat, grid[places[found]], 0)
        result = self._to_grid(ends, beat, self._steps(beat, own))
        if self.tolerance and not is_drum:
            is_open = np.abs(result - ends) > self.tolerance
            for row in (grid, *(np.full(len(ends), row, dtype=np.intp) for row in range(len(_SIMPLE)))):
                allowed = is_open & (self._is_plain(beat, row) | (row is grid) | self.exact_ends)
                snapped = self._to_grid(ends, beat, self._steps(beat, row))
                fits = allowed & (np.abs(snapped - ends) <= self.tolerance)
                result = np.where(fits, snapped, result)
                is_open &= ~fits
        onsets = np.unique(self._to_grid(starts, self._beat(starts), self._steps(self._beat(starts), grid)))
        before = onsets[np.maximum(np.searchsorted(onsets, result) - 1, 0)]
        overlap = result - before
        is_slight = (overlap > 0) & (overlap <= _MOST_OVERLAP) & (8 * overlap <= result - starts)
        on_own_grid = np.abs(self._to_grid(ends, beat, self._steps(beat, grid)) - ends) <= self.tolerance
        is_legato = is_slight & (before > starts) & ~on_own_grid
        return np.asarray(np.where(is_legato, before, result))

    def _is_plain(self, beat: NDArray[np.intp], row: NDArray[np.intp]) -> NDArray[np.bool_]:
        result = np.zeros(len(beat), dtype=bool)
        for length, kind in self.kinds.items():
            result |= (self.lengths[beat] == length) & kind.plain[row]
        return result

    def _share_of_fitting_ends(self, tracks: list[Notes]) -> float:
        """Return the share of ends that fit a plain grid, or that of the onsets in their beat."""
        fitting = count = 0
        for notes in tracks:
            starts = self._starts(notes)
            grid = self._grid_of_onsets(starts, self._beat(starts))
            ends = self.timeline.to_units(notes["start"] + notes["duration"])
            found = self._ends(ends, grid, starts)
            fitting += int((np.abs(found - ends) <= self.tolerance).sum())
            count += len(notes)
        return fitting / max(1, count)


def _without_doubles(rows: Rows, is_blip: NDArray[np.bool_]) -> Rows:
    """Return `rows` sorted, without notes that equal another, or that have no length and begin with another."""
    order = np.lexsort((-rows.velocity, -rows.end, is_blip, rows.pitch, rows.start))
    rows, is_blip = replace(rows[order], graces=rows.graces), is_blip[order]
    same = np.zeros(len(rows), dtype=bool)
    begins = (np.diff(rows.start) == 0) & (np.diff(rows.pitch) == 0)
    same[1:] = begins & ((np.diff(rows.end) == 0) | is_blip[1:])
    kept = rows[~same]
    return Rows(*kept.columns, graces=rows.graces, doubled=int(same.sum()))


def clusters(rows: Rows) -> list[slice]:
    """Return the runs of `rows` between the moments at which nothing sounds on."""
    if not len(rows):
        return []
    sounding = np.maximum.accumulate(rows.end)
    breaks = np.flatnonzero(rows.start[1:] >= sounding[:-1]) + 1
    return [slice(a, b) for a, b in pairwise([0, *breaks.tolist(), len(rows)])]

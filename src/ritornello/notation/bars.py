"""The bars of a score as they are printed: length, signature, number, and the metrical structure of each.

Read in order: `Shape`, `Bar`, `Timeline`, `make_timeline`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ConfigError
from ritornello.notation.beams import beam_groups
from ritornello.score import Key, Meter, Score

UNITS = 2**8 * 9 * 5 * 7 * 11 * 13
"""Units to a quarter note."""

FINEST = UNITS // 256
"""The shortest plain note value, a 1024th."""

MOST_BEATS = 2_000_000
"""Of all bars together; a meter of a million beats is refused."""

_FINEST_DIRECTION = 480  # tempo changes and pedals are rounded to this part of a quarter


@dataclass(frozen=True)
class Shape:
    """The metrical structure of a full bar: its signature, and in units its length, ends of groups, and beat.

    The beat is that of the grids: three of the signature's notes in compound meters, else a quarter.
    """

    numerator: int
    denominator: int
    length: int
    groups: tuple[int, ...]
    beat: int


@dataclass(frozen=True)
class Bar:
    """A bar: `start` and `length` in units; `origin` is its start within its `shape`, above 0 for a pickup.

    `meter` and `key` are set where a signature is printed. `number` is that of a pickup ("0") or of a full bar.
    """

    start: int
    length: int
    shape: Shape
    origin: int
    number: int
    meter: Meter | None
    key: Key | None

    @property
    def end(self) -> int:
        return self.start + self.length

    @property
    def is_regular(self) -> bool:
        """Whether the bar is as long as its signature."""
        return self.length * self.shape.denominator == 4 * UNITS * self.shape.numerator


@dataclass(frozen=True, eq=False)
class Timeline:
    """All bars, with `edges` (bar lines, the closing one included) in ticks."""

    ticks_per_quarter: int
    edges: NDArray[np.int64]
    bars: tuple[Bar, ...]
    keys: tuple[Key, ...]

    @cached_property
    def lines(self) -> NDArray[np.int64]:
        """The bar lines in units."""
        return np.array([bar.start for bar in self.bars] + [self.bars[-1].end], dtype=np.int64)

    @cached_property
    def beats(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and length of every beat, in units; the first of a pickup may begin before the bar."""
        starts, lengths = [], []
        for bar in self.bars:
            beat, skipped = bar.shape.beat, bar.origin // bar.shape.beat
            begin = np.arange(bar.start - bar.origin + skipped * beat, bar.end, beat)
            starts.append(begin)
            lengths.append(np.full(len(begin), beat))
        return np.concatenate(starts), np.concatenate(lengths)

    def to_units(self, ticks: ArrayLike) -> NDArray[np.int64]:
        """Return the units at `ticks`, not rounded to any grid; what is after the last bar line is there."""
        at = np.asarray(ticks, dtype=np.int64)
        bar = np.clip(np.searchsorted(self.edges, at, side="right") - 1, 0, len(self.bars) - 1)
        within = np.rint((at - self.edges[bar]) * (UNITS / self.ticks_per_quarter)).astype(np.int64)
        return np.asarray(np.minimum(self.lines[bar] + within, self.lines[bar + 1]))

    def place(self, tick: int) -> tuple[int, int]:
        """Return (bar, units from its start) of a direction at `tick`."""
        at = int(self.to_units(tick))
        bar = min(int(np.searchsorted(self.lines, at, side="right")) - 1, len(self.bars) - 1)
        step = UNITS // (32 if (at - self.bars[bar].start) % (UNITS // 32) == 0 else _FINEST_DIRECTION)
        return bar, round((at - self.bars[bar].start) / step) * step

    def until(self, end: int) -> Timeline:
        """Return the bars that begin before `end`, in units; at least one."""
        count = max(1, int(np.searchsorted(self.lines[:-1], end)))
        return replace(self, edges=self.edges[: count + 1], bars=self.bars[:count])


def make_timeline(score: Score) -> Timeline:
    """Return the bars of `score`; raise ConfigError for too many bars or beats."""
    edges = _edges(score)
    meters = score.meters if score.meters and score.meters[0].tick <= 0 else (Meter(0, 4, 4), *score.meters)
    at = np.searchsorted([meter.tick for meter in meters], edges[:-1], side="right") - 1
    in_force = [meters[place] for place in at.tolist()]
    _check_beats(edges, in_force, score.ticks_per_quarter)
    keys = score.keys or (score.estimated_key(),)
    key_at = {_nearest(edges, key.tick): key for key in keys}
    key_at.setdefault(0, Key(0, 0))
    bars: list[Bar] = []
    start, number, shown = 0, 0, (0, 0)
    for place, meter in enumerate(in_force):
        length = bar_units(int(edges[place + 1] - edges[place]), score.ticks_per_quarter)
        full = bar_units(
            Meter.bar_ticks(replace(meter, length=None), score.ticks_per_quarter), score.ticks_per_quarter
        )
        is_pickup = place == 0 and length < full and len(in_force) > 1
        number += not is_pickup
        if length > full:
            shape = shape_of(*meter.actual(score.ticks_per_quarter), length)
        else:
            shape = shape_of(meter.numerator, meter.denominator, full)
        signature = (meter.numerator, meter.denominator)
        bars.append(
            Bar(
                start,
                length,
                shape,
                origin=full - length if is_pickup else 0,
                number=number,
                meter=meter if signature != shown else None,
                key=key_at.get(place),
            )
        )
        start, shown = start + length, signature
    in_units = [replace(key, tick=bars[place].start) for place, key in sorted(key_at.items())]
    return Timeline(score.ticks_per_quarter, edges, tuple(bars), tuple(in_units))


def _edges(score: Score) -> NDArray[np.int64]:
    """Return the bar lines, without a last bar in which only notes of no length begin, right at its bar line."""
    edges = score.bars.edges
    last = int(edges[-2])
    blip = score.ticks_per_quarter // 24
    begun = [track.notes[track.notes["start"] >= last] for track in score.tracks]
    longest = max((int(notes["duration"].max(initial=0)) for notes in begun), default=0)
    latest = max((int(notes["start"].max(initial=0)) for notes in begun), default=0)
    is_empty = latest <= last and longest <= blip and score.end <= last + blip
    has_meter = any(meter.tick >= last for meter in score.meters)
    return edges[:-1] if len(edges) > 2 and is_empty and not has_meter else edges


def _check_beats(edges: NDArray[np.int64], meters: Sequence[Meter], ticks_per_quarter: int) -> None:
    beats = sum(
        int(length) * max(4, meter.denominator) // (4 * ticks_per_quarter) + 1
        for length, meter in zip(np.diff(edges), meters, strict=True)
    )
    if beats > MOST_BEATS:
        raise ConfigError(f"the bars have {beats} beats: notation allows {MOST_BEATS}")


def _nearest(edges: NDArray[np.int64], tick: int) -> int:
    """Return the index of the bar that begins nearest to `tick`."""
    return min(int(np.abs(edges[:-1] - tick).argmin()), len(edges) - 2)


def bar_units(ticks: int, ticks_per_quarter: int) -> int:
    """Return the length of a bar in units: on a grid of 128ths, else of their tuplets, within half a tick."""
    length = ticks * UNITS / ticks_per_quarter
    steps = [UNITS // (32 * parts) for parts in (1, 3, 5, 7)]
    half = 0.51 * UNITS / ticks_per_quarter
    step = next((step for step in steps if abs(round(length / step) * step - length) <= half), steps[0])
    return max(FINEST, round(length / step) * step)


@lru_cache(maxsize=1024)
def shape_of(numerator: int, denominator: int, length: int) -> Shape:
    """Return the structure of a bar of `length` units under a signature."""
    note = max(FINEST, 4 * UNITS // denominator)
    is_compound = denominator >= 8 and numerator > 3 and numerator % 3 == 0
    beat = 3 * note if is_compound else UNITS
    lengths = beam_groups(numerator, denominator, Fraction(length, UNITS), from_end=False)
    ends = tuple(int(end * UNITS) for end in accumulate(lengths))
    return Shape(numerator, denominator, length, _halved(ends), beat)


def _halved(ends: tuple[int, ...]) -> tuple[int, ...]:
    """Return the two halves of the bar where its groups have an end there, else the groups."""
    half = ends[-1] // 2
    return (half, ends[-1]) if half in ends else ends

"""The layout of a piano roll: positions of systems, rows and columns. Nothing is drawn here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.beats import has_pickup
from ritornello.score import Score

LEFT, RIGHT = 96, 28  # margins; the keyboard and the names of the drums are in the left one
PIXELS_PER_QUARTER = 21.0  # the target; sixteenths can still be told apart
MOST_SYSTEMS = 24  # a longer piece is drawn narrower instead
PITCH_AREA = 300.0  # the target height of the pitch rows of a system
ROW_HEIGHTS = (5.0, 9.0)
DRUM_ROW = 9.0
MOST_DRUM_ROWS = 16
LEAST_RANGE = 24  # semitones
ABOVE, BELOW, DRUM_GAP = 20.0, 34.0, 8.0  # bar numbers above a system, seconds below, a gap above the drums
CURVE_GAP = 14.0  # below the axis of the bars
NAMES_ROW = 15.0  # keys, and chord symbols, between the bar numbers and the system


@dataclass(frozen=True)
class Layout:
    """A page of `width` pixels: `edges` are the ticks where systems begin, and the end of the last one.

    `bars` are the bar lines, the closing one too; `first_number` is the number of the first bar, 0 for a pickup;
    `above` is the height of the texts above a system.
    """

    width: int
    edges: NDArray[np.int64]
    bars: NDArray[np.int64]
    low: int
    high: int
    drums: tuple[int, ...]
    first_number: int = 1
    above: float = ABOVE
    curve: float = 0.0  # the height of the axis of a number of each bar, below the seconds

    @property
    def row(self) -> float:
        """The height of a semitone."""
        return min(max(PITCH_AREA / max(1, self.high - self.low + 1), ROW_HEIGHTS[0]), ROW_HEIGHTS[1])

    @property
    def ticks_per_pixel(self) -> float:
        """The scale of all systems, set by the longest."""
        return float(np.diff(self.edges).max()) / (self.width - LEFT - RIGHT)

    @property
    def pitches_height(self) -> float:
        return self.row * (self.high - self.low + 1) if self.high >= self.low else 0.0

    @property
    def system_height(self) -> float:
        return self.bottom + BELOW + (self.curve + CURVE_GAP if self.curve else 0)

    @property
    def drums_height(self) -> float:
        gap = DRUM_GAP if self.pitches_height else 0.0
        return gap + DRUM_ROW * len(self.drums) if self.drums else 0.0

    @property
    def bottom(self) -> float:
        """The lower edge of pitches and drums, from the top of a system."""
        return self.above + self.pitches_height + self.drums_height

    def pitch_top(self, pitch: int) -> float:
        """Return the top of the row of a pitch, from the top of its system."""
        return self.above + (self.high - pitch) * self.row

    def drum_top(self, pitch: int) -> float:
        """Return the top of the row of a drum, from the top of its system; the lowest drum is at the bottom."""
        place = min(int(np.searchsorted(self.drums, pitch)), len(self.drums) - 1)
        return self.bottom - (place + 1) * DRUM_ROW


def make_layout(score: Score, width: int, rows_of_names: int = 0, curve: float = 0.0) -> Layout:
    """Return the layout of `score`, which has notes, on a page of `width` pixels, with rows for keys and chords, and
    an axis of the height `curve` below each system."""
    bars = score.bars.edges
    quarters = bars[-1] / score.ticks_per_quarter
    count = int(np.clip(np.ceil(quarters * PIXELS_PER_QUARTER / (width - LEFT - RIGHT)), 1, MOST_SYSTEMS))
    even = np.linspace(0, bars[-1], count + 1)
    after = np.searchsorted(bars, even).clip(1, len(bars) - 1)
    edges = np.unique(bars[after - (even - bars[after - 1] < bars[after] - even)])  # the nearest bar lines
    low, high = _pitch_range(score)
    above = ABOVE + NAMES_ROW * rows_of_names
    return Layout(width, edges, bars, low, high, _drums(score), 0 if has_pickup(score) else 1, above, curve)


def _pitch_range(score: Score) -> tuple[int, int]:
    """Return the lowest and highest pitch row, with a margin around the notes; (0, -1) if there are only drums."""
    pitches = [track.notes["pitch"] for track in score.tracks if not track.is_drum and len(track.notes)]
    if not pitches:
        return 0, -1
    low, high = (int(extreme) for extreme in (min(map(np.min, pitches)), max(map(np.max, pitches))))
    spare = max(2, (LEAST_RANGE - (high - low) + 1) // 2)
    return max(0, low - spare), min(127, high + spare)


def _drums(score: Score) -> tuple[int, ...]:
    """Return the drums in use, lowest first; only the `MOST_DRUM_ROWS` most frequent."""
    pitches = [track.notes["pitch"] for track in score.tracks if track.is_drum]
    if not pitches:
        return ()
    used, counts = np.unique(np.concatenate(pitches), return_counts=True)
    kept = used[np.argsort(-counts, kind="stable")[:MOST_DRUM_ROWS]]
    return tuple(sorted(int(pitch) for pitch in kept))

"""What the schemes on a grid of few steps a quarter share: quantising, and the bars of a cursor.

Source: "magenta", which rounds to the nearest step, gives every note at least one, and knows bars of 4/4 only.
Tempo is not part of these schemes; a piece composed gets the tempo that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.errors import ConfigError
from ritornello.representations.base import Plan
from ritornello.representations.scheme import Ints, shorten_gaps, strike
from ritornello.score import Score, make_notes

TICKS_PER_QUARTER = 480
DEFAULT_LENGTH = 32
"""Bars, where the plan does not say."""

VELOCITY = 100
"""How loud every note sounds."""


def quantised(score: Score, is_drum: bool, steps_per_quarter: int, longest: int) -> tuple[Ints, Ints, Ints]:
    """Return start, end and pitch of the notes of the drums, or of all else, in steps; sorted by start and pitch.

    Notes of more than `longest` steps are cut.
    """
    tracks = [track for track in score.resampled(steps_per_quarter).tracks if track.is_drum == is_drum]
    notes = np.concatenate([make_notes(), *(track.notes for track in tracks)])
    start = notes["start"].astype(np.int64)
    end = start + np.minimum(notes["duration"], longest)
    start, end, pitch, _ = strike(start, end, notes["pitch"].astype(np.int64), start)
    return start, end, pitch


def without_rests(start: Ints, end: Ints, bar: int, longest: int) -> tuple[Ints, Ints]:
    """Return starts and ends of a piece that begins in the bar of its first note and has no long rests.

    A time longer than `longest` in which nothing begins or ends is shortened by whole bars, to no less.
    """
    lead = int(start.min(initial=1 << 40)) // bar * bar if len(start) else 0
    return shorten_gaps(start - lead, end - lead, longest, bar)


@dataclass
class GridCursor:
    """The part of a `Cursor` that counts steps and bars: `step` is the present one."""

    plan: Plan
    steps_per_bar: int = 16
    step: int = 0
    note_count: int = 0
    ended: bool = False
    last_bar: int = -1  # -1: as planned

    def __post_init__(self) -> None:
        if self.plan.meter not in (None, (4, 4)):
            raise ConfigError(
                f"meter {'/'.join(map(str, self.plan.meter))}: this model knows only bars of 4/4"
            )

    @property
    def notes(self) -> int:
        return self.note_count

    @property
    def quarters(self) -> float:
        return 4 * self.step / self.steps_per_bar

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.step, self.steps_per_bar)

    @property
    def bars(self) -> int:
        """The length in bars that must not be passed."""
        return self.last_bar + 1 if self.last_bar >= 0 else self.plan.bars or DEFAULT_LENGTH

    @property
    def is_free(self) -> bool:
        """Whether the model may end the piece where it likes."""
        return self.plan.bars is None and self.last_bar < 0

    def close(self) -> None:
        self.last_bar = self.place[0]

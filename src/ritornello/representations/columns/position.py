"""The position in the bar: bars of changing meters, in steps of a grid."""

from __future__ import annotations

from copy import copy

import numpy as np

from ritornello.arrays import Ints


class Position:
    """Columns: the time, the bar from 0, the position in it, and the steps of the bar.

    A meter that begins within a bar cuts it: the next bar begins there.
    """

    def __init__(self, bar_steps: int) -> None:
        self.time = self.bar = self.position = 0
        self.bar_steps = bar_steps
        self.meter_start = 0  # when the present meter began
        self._bars_before = 0  # complete or cut bars before it

    def at_once(self, shift: Ints, bar_steps: Ints) -> Ints:
        """Read the steps that pass with each id, and the steps of the bars that begin after it, or 0."""
        time, meter = np.cumsum(shift), np.cumsum(bar_steps > 0)
        at = np.flatnonzero(bar_steps)
        starts = np.concatenate([[0], time[at]])
        steps = np.concatenate([[self.bar_steps], bar_steps[at]])
        bars_before = np.concatenate([[0], np.cumsum(-(-np.diff(starts) // steps[:-1]))])
        bars, position = np.divmod(time - starts[meter], steps[meter])
        return np.stack([time, bars_before[meter] + bars, position, steps[meter]])

    def advance(self, shift: int, bar_steps: int) -> None:
        self.time += shift
        if bar_steps:
            self._bars_before += -(-(self.time - self.meter_start) // self.bar_steps)
            self.meter_start, self.bar_steps = self.time, bar_steps
        bars, self.position = divmod(self.time - self.meter_start, self.bar_steps)
        self.bar = self._bars_before + bars

    @property
    def values(self) -> tuple[int, int, int, int]:
        return self.time, self.bar, self.position, self.bar_steps

    def fork(self) -> Position:
        return copy(self)

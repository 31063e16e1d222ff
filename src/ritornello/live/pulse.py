"""The beat on MIDI ports: where a session's beat stands, and a clock that others send.

A position is a number of quarter notes since the first bar line. MIDI clock has PULSES to a quarter; the pulse after
a start message is position 0.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from ritornello.live.events import TempoSet

PULSES = 24
CLOCK, START, CONTINUE, STOP = 0xF8, 0xFA, 0xFB, 0xFC
"""The messages of MIDI clock, one byte each."""

GAP = 0.5
"""Seconds without a pulse after which a clock counts as stopped: slower than 5 quarters a minute."""

REMEMBERED, FEWEST = 2 * PULSES, 12
"""Pulses from which the tempo is taken, at most and at least."""

CATCH_UP = 16
"""Quarters in which a difference from the clock is made good."""

STRETCH = 0.05
"""How much faster or slower, as a share, a session may go to catch up."""


class Beat:
    """Where the beat of a session stands. Before the first `TempoSet` there is none."""

    def __init__(self) -> None:
        self._set: TempoSet | None = None
        self._position = 0.0  # at the bar line of `_set`

    @property
    def is_set(self) -> bool:
        return self._set is not None

    @property
    def tempo(self) -> float | None:
        """Quarters a minute."""
        return None if self._set is None else self._set.quarters_per_minute

    @property
    def beat_quarters(self) -> float:
        """The length of a beat: a note of the meter's denominator."""
        assert self._set is not None
        return 4 / self._set.meter[1]

    def is_bar_line(self, position: float) -> bool:
        """Return whether a beat at `position` is the first of its bar."""
        assert self._set is not None
        beats = (position - self._position) / self.beat_quarters
        return round(beats) % self._set.meter[0] == 0

    def update(self, tempo: TempoSet) -> None:
        """Go on at another tempo from a bar line on; positions go on too."""
        self._position = self.position(tempo.bar_line) if self._set else 0.0
        self._set = tempo

    def position(self, time: float) -> float:
        """Return the position at a time."""
        assert self._set is not None
        return self._position + (time - self._set.bar_line) * self._set.quarters_per_minute / 60

    def time(self, position: float) -> float:
        """Return the time of a position."""
        assert self._set is not None
        return self._set.bar_line + (position - self._position) * 60 / self._set.quarters_per_minute


class ClockFollower:
    """Follows the clock of somebody else: its tempo, and its position since it was started."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=REMEMBERED)
        self.pulses = 0
        self.began: float | None = None  # the time of position 0

    def restart(self) -> None:
        """The next pulse is position 0."""
        self.pulses, self.began = 0, None

    def pulse(self, time: float) -> None:
        """Take a pulse."""
        if self._times and not 0 <= time - self._times[-1] < GAP:
            self._times.clear()
        self._times.append(time)
        self.pulses += 1
        self.began = time if self.began is None else self.began

    @property
    def quarter(self) -> int | None:
        """The number of the quarter that begins with the last pulse, if one does."""
        quarter, pulse = divmod(self.pulses - 1, PULSES)
        return None if pulse else quarter

    @property
    def tempo(self) -> float | None:
        """Quarters a minute, by a straight line through the last pulses; None before there are FEWEST."""
        if len(self._times) < FEWEST:
            return None
        times = np.array(self._times)
        slope = np.polynomial.polynomial.polyfit(np.arange(len(times)), times - times[0], 1)[1]
        return float(60 / PULSES / slope) if slope > 0 else None

    def tempo_for(self, beat: Beat) -> float | None:
        """Return the tempo at which a session whose beat is `beat` meets this clock within CATCH_UP quarters."""
        tempo = self.tempo
        if tempo is None or not beat.is_set or not self.pulses:
            return tempo
        behind = (self.pulses - 1) / PULSES - beat.position(self._times[-1])
        return tempo * (1 + max(-STRETCH, min(STRETCH, behind / CATCH_UP)))

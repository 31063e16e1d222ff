"""The beat on MIDI ports: positions of a session's beat, and tracking of an external MIDI clock.

A position is a number of quarter notes since the first bar line, of an external clock since the beginning of its song.
MIDI clock has PULSES to a quarter. The pulse after a start message is position 0, that after a continue message where
the song was stopped, or where a song position message has put it. While a song stands still, pulses tell the tempo.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import numpy as np

from ritornello.live.events import TempoSet

PULSES = 24


class ClockMode(StrEnum):
    """The source of the beat."""

    NONE = "none"  # the session, without MIDI clock
    IN = "in"  # the input's MIDI clock, start and stop are followed
    OUT = "out"  # MIDI clock, start and stop are sent


GAP = 0.5
"""Seconds without a pulse after which a clock counts as stopped: slower than 5 quarters a minute."""

REMEMBERED, FEWEST = 2 * PULSES, 12
"""The most and the fewest pulses for an estimate of the tempo."""

STRETCH = 0.05
"""The largest change of tempo, as a share, with which a session meets the clock again."""


class Beat:
    """The positions of a session's beat over time. `first` is that of the bar line of the first `TempoSet`."""

    def __init__(self, position: float = 0.0) -> None:
        self._set: TempoSet | None = None
        self._position = position  # at the bar line of `_set`
        self.first = position

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

    def in_bar(self, position: float) -> tuple[int, int]:
        """Return the number of the beat at `position` in its bar, from 1, and how many beats the bar has."""
        assert self._set is not None
        beats, in_bar = (position - self._position) / self.beat_quarters, self._set.meter[0]
        return round(beats) % in_bar + 1, in_bar

    def update(self, tempo: TempoSet) -> None:
        """Change the tempo from a bar line on; positions go on without a jump."""
        if self._set is not None:
            self._position = self.position(tempo.bar_line)
        self._set = tempo

    def shift(self, quarters: float) -> None:
        """Add to all positions."""
        self._position += quarters

    def position(self, time: float) -> float:
        """Return the position at a time."""
        assert self._set is not None
        return self._position + (time - self._set.bar_line) * self._set.quarters_per_minute / 60

    def time(self, position: float) -> float:
        """Return the time of a position."""
        assert self._set is not None
        return self._set.bar_line + (position - self._position) * 60 / self._set.quarters_per_minute


class ClockFollower:
    """Tracks an external MIDI clock: its tempo, and its position in its song.

    is_running: whether the song goes on. pulses: those of the song so far, which is the number of the next one.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=REMEMBERED)
        self.pulses, self.is_running = 0, False

    def locate(self, pulses: int) -> None:
        """Set the number of the next pulse of the song."""
        self.pulses = pulses

    def pulse(self, time: float) -> None:
        """Count a pulse at `time`."""
        if self._times and not 0 <= time - self._times[-1] < GAP:
            self._times.clear()
        self._times.append(time)
        self.pulses += self.is_running

    @property
    def last(self) -> float:
        """The time of the last pulse."""
        return self._times[-1]

    @property
    def position(self) -> float:
        """The position of the last pulse."""
        return (self.pulses - 1) / PULSES

    def time(self, position: float) -> float:
        """Return the time of a position, by the last pulse and the tempo."""
        assert self.tempo is not None
        return self._times[-1] + (position - self.position) * 60 / self.tempo

    def comes(self, time: float) -> bool:
        """Return whether `time` is before the pulse after the next."""
        return time <= self.time(self.position + 1.5 / PULSES)

    @property
    def tempo(self) -> float | None:
        """Quarters a minute, by linear regression of the last pulses; None before there are FEWEST."""
        if len(self._times) < FEWEST:
            return None
        times = np.array(self._times)
        slope = np.polynomial.polynomial.polyfit(np.arange(len(times)), times - times[0], 1)[1]
        return float(60 / PULSES / slope) if slope > 0 else None

    def tempo_for(self, beat: Beat, quarters: float) -> float | None:
        """Return the tempo at which a session whose beat is `beat` meets this clock within `quarters`."""
        tempo = self.tempo
        if tempo is None or not beat.is_set or not self.is_running:
            return tempo
        behind = self.position - beat.position(self._times[-1])
        return tempo * (1 + max(-STRETCH, min(STRETCH, behind / quarters)))

"""The vocabulary of `performance`: the table of ids, and the bins of velocity, density and pitch classes.

The ids are those of the source ("magenta performance_rnn"), and after them those of our protocol:

    NOTE_ON p = p, NOTE_OFF p = 128 + p, TIME_SHIFT s = 255 + s, VELOCITY b = 355 + b,
    then, with their options, DENSITY and PITCH_CLASS, then START and END.

The controls, DENSITY and PITCH_CLASS, stand in the stream where they change. The source feeds them to the network
beside its input; here they are tokens just before the events that they describe, and repeated in columns. So they
can be given, and the model composes them where they are not.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from ritornello.representations.tokenizer import TokenizerConfig
from ritornello.representations.tokens import Tokens, block, build_tokens, solo_range
from ritornello.score import DEFAULT_MICROSECONDS_PER_QUARTER
from ritornello.theory import pitch_class_name

STEPS_PER_SECOND = 100
TICKS_PER_STEP = 10
TICKS_PER_QUARTER = 500
"""At 120 quarters a minute a tick is a millisecond."""

TEMPO = 60e6 / DEFAULT_MICROSECONDS_PER_QUARTER

STEPS_PER_QUARTER = TICKS_PER_QUARTER // TICKS_PER_STEP

MOST_SHIFT = 100
"""Steps of 10 ms in one TIME_SHIFT."""

DENSITY_BOUNDS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
"""Notes a second at which the next of the 8 bins of density begins."""

DENSITIES = len(DENSITY_BOUNDS) + 1
DENSITY_STEPS = 3 * STEPS_PER_SECOND
"""The time ahead in which density is counted."""

SHARE_BOUNDS = np.array([0.02, 0.06, 0.12, 0.24])
"""Shares of the sounding time at which the next of the 5 levels of a pitch class begins. An equal share, 1/12, is
in the middle one, EVEN."""

EVEN = 2
LEVELS = len(SHARE_BOUNDS) + 1
HISTOGRAM_STEPS = 5 * STEPS_PER_SECOND
"""The time ahead that is counted, and how often it is: at the first event of each such stretch."""

PRIOR = 0.01
"""Seconds added to each pitch class, so that silence is an even histogram."""


class PerformanceConfig(TokenizerConfig):
    """The options of `performance`."""

    velocity_bins: int = Field(32, ge=0, le=127, description="steps of loudness; 0: all notes are alike")
    density: bool = Field(False, description="tell the network how many notes a second are to come")
    pitch_classes: bool = Field(False, description="tell the network which pitch classes are to come")

    @property
    def bin_width(self) -> int:
        """Velocities of a bin."""
        return -(-127 // self.velocity_bins) if self.velocity_bins else 127

    def velocity_bin(self, velocity: np.ndarray | int) -> np.ndarray:
        """Return the bin, from 1, of velocities 1-127."""
        return np.asarray((np.maximum(velocity, 1) - 1) // self.bin_width + 1)

    def bin_velocity(self, number: int) -> int:
        """Return the velocity at which a bin, from 1, sounds; 100 where there are no bins."""
        return 1 + (number - 1) * self.bin_width if self.velocity_bins else 100


def make_tokens(config: PerformanceConfig) -> Tokens:
    """Return the table of the ids."""
    pitches, shifts = np.arange(128), np.arange(1, MOST_SHIFT + 1)
    classes, levels = np.divmod(np.arange(12 * LEVELS * config.pitch_classes), LEVELS)
    shares = [
        f"share of {pitch_class_name(each)} {level}" for each, level in zip(classes, levels, strict=True)
    ]
    return build_tokens(
        block("note_on", 128, voice=0, pitch=pitches, notes=1, series=0),
        block("note_off", 128, series=0, step=pitches, tells_of=pitches),
        block(
            "time_shift",
            MOST_SHIFT,
            [f"time_shift {shift}" for shift in shifts],
            duration=shifts / STEPS_PER_QUARTER,
        ),
        block("velocity", config.velocity_bins, lambda value: f"velocity {value + 1}"),
        block("density", DENSITIES * config.density),
        block("pitch_class", len(classes), shares, series=levels, step=classes, period=12),
        block("start"),
        block("end"),
        instruments=[solo_range(config.program)],
        is_timed=True,
        quarters_per_minute=TEMPO,
    )


def density_bin(notes_per_second: np.ndarray | float) -> np.ndarray:
    """Return the bin, 0-7, of densities."""
    return np.searchsorted(DENSITY_BOUNDS, notes_per_second, side="right")


def share_levels(seconds: np.ndarray) -> np.ndarray:
    """Return the level, 0-4, of each pitch class, from seconds (or other weights) of shape (..., 12)."""
    weights = np.asarray(seconds, dtype=np.float64) + PRIOR
    return np.asarray(np.searchsorted(SHARE_BOUNDS, weights / weights.sum(-1, keepdims=True), side="right"))

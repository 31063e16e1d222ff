"""The tokens of `performance` and what their values mean.

The ids are those of the source ("magenta performance_rnn"), with what our protocol needs after them:

    NOTE_ON p = p, NOTE_OFF p = 128 + p, TIME_SHIFT s = 255 + s, VELOCITY b = 355 + b,
    then, with their options, DENSITY and PITCH_CLASS, then START and END.

The controls, DENSITY and PITCH_CLASS, stand in the stream where they change. The source hands them to the network
beside its input; here they are read as tokens just before the events they are about, and repeated in columns. So
they are known when they are asked for, and composed by the model when they are not.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from ritornello.representations.tokenizer import TokenizerConfig
from ritornello.representations.vocabulary import Blocks

STEPS_PER_SECOND = 100
MOST_SHIFT = 100
"""Steps of 10 ms in one TIME_SHIFT."""

DENSITY_BOUNDS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
"""Notes a second at which the next of the 8 bins of density begins."""

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


def counts(config: PerformanceConfig) -> dict[str, int]:
    """Return how many ids each kind has, in the order of their blocks."""
    return {
        "note_on": 128,
        "note_off": 128,
        "time_shift": MOST_SHIFT,
        "velocity": config.velocity_bins,
        "density": (len(DENSITY_BOUNDS) + 1) * config.density,
        "pitch_class": 12 * LEVELS * config.pitch_classes,
        "start": 1,
        "end": 1,
    }


class Vocabulary:
    """The blocks of ids for a configuration, and what their values mean."""

    def __init__(self, config: PerformanceConfig, blocks: Blocks[str]) -> None:
        self.config, self.blocks = config, blocks
        self.size, self.start, self.end = blocks.size, blocks.start, blocks.end
        self.bin_width = -(-127 // config.velocity_bins) if config.velocity_bins else 127

    def velocity_bin(self, velocity: np.ndarray | int) -> np.ndarray:
        """Return the bin, from 1, of velocities 1-127."""
        return np.asarray((np.maximum(velocity, 1) - 1) // self.bin_width + 1)

    def bin_velocity(self, number: int) -> int:
        """Return the velocity at which a bin, from 1, sounds; 100 where there are no bins."""
        return 1 + (number - 1) * self.bin_width if self.config.velocity_bins else 100


def density_bin(notes_per_second: np.ndarray | float) -> np.ndarray:
    """Return the bin, 0-7, of densities."""
    return np.searchsorted(DENSITY_BOUNDS, notes_per_second, side="right")


def share_levels(seconds: np.ndarray) -> np.ndarray:
    """Return the level, 0-4, of each pitch class, from seconds (or other weights) of shape (..., 12)."""
    weights = np.asarray(seconds, dtype=np.float64) + PRIOR
    return np.asarray(np.searchsorted(SHARE_BOUNDS, weights / weights.sum(-1, keepdims=True), side="right"))

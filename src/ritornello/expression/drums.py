"""How a drummer plays a part that is written without velocities: a small network, learned from Groove.

The network foresees the velocity and the timing of one stroke after another from the written part (`kit_features`) and
from how earlier strokes were played (`kit_history`). It is a layer of tanh units under two categorical distributions:
velocity in bins of VELOCITY_BIN, time in bins of TIME_BIN.

Data: Groove MIDI Dataset 1.0.0 (J. Gillick, A. Roberts, J. Engel, D. Eck, D. Bamman, "Learning to groove with inverse
sequence transformations", ICML 2019), CC BY 4.0. `benchmarks/expression.py` fits the network.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Floats, Ints
from ritornello.data import EXPRESSION
from ritornello.expression.places import Places, places
from ritornello.score import Notes, Score

VELOCITY_BIN, VELOCITY_BINS = 8, 16
TIME_BIN, TIME_BINS = 0.005, 29
"""Seconds, and an odd number of bins around 0, which is the median of a performance."""

KIT = (
    (35, 36),  # kick
    (38, 40),  # snare
    (37, 39),  # side stick, clap
    (42, 22, 54, 69, 70, 82),  # closed hi-hat, shakers
    (46, 26),  # open hi-hat
    (44,),  # pedal
    (51, 59, 53),  # ride
    (49, 52, 55, 57),  # crash
    (41, 43, 58),  # low tom
    (45, 47),  # middle tom
    (48, 50),  # high tom
)
"""Keys of the General MIDI kit, and of Roland's (22, 26, 58), by what a drummer plays alike; others are percussion."""

CLASS_OF = np.full(128, len(KIT))
for _number, _keys in enumerate(KIT):
    CLASS_OF[list(_keys)] = _number

GROUPS = np.array([0, 1, 1, 2, 2, 2, 2, 3, 4, 4, 4, 5])
"""The group of each class: kick, snare, time, crash, toms, other."""

MOST_BINS = 8
"""No stroke is early or late by more of TIME_BIN: what the data has beyond is mostly of another grid."""

NEAREST = 2.0  # quarters: neighbours beyond are as far as this
PHASES = 12
HISTORY = 7


def kit_features(place: Places, kind: Ints, quarters: Floats) -> NDArray[np.float32]:
    """Return what the written part tells of each stroke, (strokes, features).

    Instrument, beat and place in the beat; the strokes before, after and together with it, by group and of its own
    class; and how many strokes the bar has.
    """
    group = GROUPS[kind]
    columns: list[Floats] = [
        *np.eye(len(KIT) + 1)[kind].T,
        *np.eye(4)[np.minimum(place.beat, 3)].T,
        *np.eye(PHASES)[np.floor(place.phase * PHASES + 1e-6).astype(int)].T,
        np.bincount(place.bar)[place.bar] / 16,
    ]
    for other in range(GROUPS.max() + 1):
        columns += _neighbours(quarters, np.unique(quarters[group == other]))
    own = np.zeros((2, len(kind)))
    for each in np.unique(kind):
        own[:, kind == each] = _neighbours(quarters[kind == each], np.unique(quarters[kind == each]))[1:]
    return np.stack([*columns, *own], axis=1).astype(np.float32)


def _neighbours(quarters: Floats, times: Floats) -> list[Floats]:
    """Return whether one of the sorted `times` is at each of `quarters`, and how near the last and the next are."""
    if not len(times):
        return [np.zeros(len(quarters))] * 3
    left, right = np.searchsorted(times, quarters - 1e-6), np.searchsorted(times, quarters + 1e-6)
    before = np.where(left > 0, quarters - times[np.maximum(left - 1, 0)], NEAREST)
    after = np.where(right < len(times), times[np.minimum(right, len(times) - 1)] - quarters, NEAREST)
    near = [np.exp(-2 * np.minimum(each, NEAREST)) for each in (before, after)]
    return [(right > left).astype(float), *near]


def kit_history(place: Places, kind: Ints) -> Ints:
    """Return which earlier strokes tell of each, (strokes, 4), -1 for none: the last, the last but one, the last of its
    class, and the last of its class at this place of a bar."""
    count = len(kind)
    before = np.full((count, 4), -1)
    before[1:, 0], before[2:, 1] = np.arange(count - 1), np.arange(count - 2)
    at = (place.beat * PHASES + np.floor(place.phase * PHASES + 1e-6).astype(int)) * len(GROUPS) + kind
    for column, names in ((2, kind), (3, at)):
        order = np.argsort(names, kind="stable")
        same = np.diff(names[order]) == 0
        before[order[1:][same], column] = order[:-1][same]
    return before


def history_values(before: Ints, velocity: Floats, seconds: Floats) -> Floats:
    """Return the inputs of the network of strokes with these earlier ones, (..., HISTORY); none are zeros."""
    known = before >= 0
    loud, late = np.where(known, velocity[before] / 32 - 2, 0), np.where(known, seconds[before] / 0.03, 0)
    return np.concatenate([loud, late[..., [0, 2, 3]]], axis=-1)


@cache
def _weights() -> dict[str, NDArray[np.float32]]:
    with np.load(
        EXPRESSION / "groove.npz"
    ) as file:  # not safetensors: the page without a server has numpy only
        return dict(file)


def play_drums(score: Score, notes: Notes, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Return velocities, 1 to 127, and delays in seconds of the notes of a drum track in time order, as drawn from the
    network."""
    start = notes["start"].astype(np.int64)
    place, kind = places(score, start), CLASS_OF[notes["pitch"]]
    weights = _weights()
    features = kit_features(place, kind, start / score.ticks_per_quarter)
    written = features @ weights["features"] + weights["bias"]
    before, chances = kit_history(place, kind), random.random((len(notes), 4))
    velocity, seconds = np.zeros(len(notes)), np.zeros(len(notes))
    allowed = slice(TIME_BINS // 2 - MOST_BINS, TIME_BINS // 2 + MOST_BINS + 1)
    for n in range(len(notes)):
        earlier = history_values(before[n], velocity, seconds)
        logits = (
            np.tanh(written[n] + earlier @ weights["history"]) @ weights["output"] + weights["output_bias"]
        )
        loud, late = logits[:VELOCITY_BINS], logits[VELOCITY_BINS:][allowed]
        velocity[n] = (_draw(loud, chances[n, 0]) + chances[n, 1]) * VELOCITY_BIN
        seconds[n] = (_draw(late, chances[n, 2]) - MOST_BINS + chances[n, 3] - 0.5) * TIME_BIN
    return np.clip(velocity, 1, 127), seconds


def _draw(logits: NDArray[np.float32], chance: float) -> int:
    """Return an index that is drawn by logits and a number of at least 0 and below 1."""
    total = np.cumsum(np.exp(logits - logits.max(), dtype=np.float64))
    return int(np.searchsorted(total, chance * total[-1], side="right"))

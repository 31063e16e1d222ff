"""Local keys: in which key each stretch of a score is, with its modulations.

Each bar is compared with the profiles of the 24 keys, and the best path through them is chosen; a change of key costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ritornello.analysis.beats import Beats, find_beats
from ritornello.analysis.paths import best_path
from ritornello.arrays import Floats, Ints, run_edges
from ritornello.score import Key, Score
from ritornello.theory import key_fifths

MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
"""The shares of the classes above the tonic. Source: J. Albrecht, D. Shanahan, "The use of large corpora to train a new
type of key-finding algorithm", Music Perception 31 (2013)."""

SMOOTHING = 0.02
"""Added to each share, so that a foreign class does not decide alone."""

EVENNESS = 0.6
"""The power to which the shares are raised, so that one long chord is no key of its own."""

CHANGE = 2.0
"""The cost of a change of key, in nats."""


@dataclass(frozen=True)
class KeySpan:
    """A stretch in one key, in ticks. `tonic` is a pitch class, 0-11."""

    start: int
    end: int
    tonic: int
    minor: bool

    @property
    def key(self) -> Key:
        return Key(self.start, key_fifths(self.tonic, self.minor), self.minor)


def find_keys(score: Score, beats: Beats | None = None) -> tuple[KeySpan, ...]:
    """Return the keys of `score` in time order, without gaps; none for a score without pitched notes."""
    beats = beats or find_beats(score)
    if not beats.sound.any():
        return ()
    of_bar = bar_keys(beats)
    lines = np.append(beats.edges[np.flatnonzero(np.diff(beats.bar, prepend=-1))], beats.edges[-1])
    edges = run_edges(of_bar)
    return tuple(
        KeySpan(int(lines[first]), int(lines[stop]), int(of_bar[first]) % 12, bool(of_bar[first] >= 12))
        for first, stop in pairwise(edges.tolist())
    )


def bar_keys(beats: Beats) -> Ints:
    """Return the key of each bar: 0-11 the major keys by tonic, 12-23 the minor ones."""
    evidence = key_evidence(beats)
    return best_path(evidence, np.full(len(evidence), CHANGE))


def key_evidence(beats: Beats) -> Floats:
    """Return the logarithm of the likelihood of each key in each bar, (bars, 24), but for a constant of the bar."""
    sound = np.zeros((int(beats.bar[-1]) + 1, 12))
    np.add.at(sound, beats.bar, beats.sound)
    # the square root: what sounds long, or is struck again, is one chord and says little more
    return np.asarray(np.sqrt(sound) @ LOG_PROFILES.T)


def _log_profiles() -> Floats:
    rows = np.array([np.roll(row, tonic) for row in (MAJOR, MINOR) for tonic in range(12)]) + SMOOTHING
    rows **= EVENNESS
    return np.asarray(np.log(rows / rows.sum(axis=1, keepdims=True)))


LOG_PROFILES = _log_profiles()
"""The logarithms of the profiles of the 24 keys, (24, 12)."""

"""Notes from what the network says of each frame, much as the paper of Basic Pitch describes it.

A key sounds while its likelihood is over SOUNDING, short gaps aside. A note begins where the key is struck (a peak of
that likelihood) at the beginning of such a stretch, or later in it by a clearer peak: the swell of a voice looks like a
weak one. A stretch that begins without a peak, as in a slur, is a note if it is long and clear. A weak note that begins
together with a strong one an octave or another overtone away is that one's overtone.

The limits are those of the best mean F1 of onsets on rendered pieces for several instruments; docs/experiments.md has
their figures, on other pieces.

Read in order: `find_notes`, `velocities`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from ritornello.arrays import Floats, Ints, Mask
from ritornello.formats.audio.model import HOP, KEYS, LOWEST, Likelihoods, Posteriors
from ritornello.formats.audio.sound import RATE, Samples

STRUCK, STRUCK_AGAIN = 0.65, 0.75
"""Of a peak with which a key begins to sound, and of one while it sounds."""

BEGUN = 0.3
"""A key that has been this likely to sound has begun to."""

SOUNDING, GAP = 0.16, 4
"""What sounds, and for how many frames it may be under that without an end."""

SHORTEST, SHORTEST_SLURRED = 8, 11
"""Frames of a note that is struck, and of one that is not."""

CLEAR = 0.35
"""The mean likelihood that a note sounds which was not struck."""

ENDED = 0.7
"""A note has ended when its key sounds less likely than this share of what it did: after that it rings out."""

OVERTONES = (12, 19, 24, 28, -12)
"""Intervals of what the network takes for notes beside a note."""

WEAK, WEAKER, TOGETHER = 0.4, 0.65, 3
"""An overtone is less likely than WEAK, and than this share of its note, and begins so many frames from it at most."""

_ATTACK = 2048  # samples from the start of a note in which its loudness is measured
_PARTIALS = 5
_LOUDEST, _RANGE = 108, 40.0
"""The velocity of the loudest notes (the 95th percentile); and the decibels below them that are heard at all."""


class Heard(NamedTuple):
    """Notes in columns, (notes,), in order of their starts: start and end in seconds, and pitch."""

    start: Floats
    end: Floats
    pitch: Ints


def find_notes(heard: Posteriors) -> Heard:
    """Return the notes of a recording."""
    rows = [(*row, key) for key in range(KEYS) for row in _notes_of_key(heard, key)]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4)
    start, end, strength, keys = columns[np.lexsort((columns[:, 3], columns[:, 0]))].T
    key = keys.astype(np.int64)
    kept = ~_are_overtones(start, key, strength)
    seconds = HOP / RATE
    return Heard(start[kept] * seconds, end[kept] * seconds, key[kept] + LOWEST)


def _notes_of_key(heard: Posteriors, key: int) -> list[tuple[float, float, float]]:
    """Return the start and end, in frames, and the mean likelihood of the notes of one key."""
    struck, sounding = heard.struck[:, key], heard.sounding[:, key]
    peaks = _peaks(struck)
    notes = []
    for first, stop in _stretches(sounding > SOUNDING):
        begins: list[int] = []
        for peak in peaks[(peaks >= first - GAP) & (peaks <= stop - SHORTEST)].tolist():
            is_first = not begins and sounding[first : peak + 1].max(initial=0.0) < BEGUN
            if is_first or (struck[peak] > STRUCK_AGAIN and peak - (begins or [-stop])[-1] >= SHORTEST):
                begins.append(peak)
        slurred = (begins or [stop])[0]
        if slurred - first >= SHORTEST_SLURRED and _is_clear(heard.sounding, key, first, slurred):
            notes.append((float(first), first, slurred))
        notes += [(_exact(struck, at), at, end) for at, end in pairwise([*begins, stop])]
    return [(start, _end(sounding, at, end), float(sounding[at:end].mean())) for start, at, end in notes]


def _peaks(struck: Likelihoods) -> Ints:
    middle = struck[1:-1]
    return np.flatnonzero((middle > STRUCK) & (middle > struck[:-2]) & (middle >= struck[2:])) + 1


def _stretches(sounds: Mask) -> list[tuple[int, int]]:
    """Return where `sounds` holds, as (first, stop), across gaps of GAP frames."""
    edges = np.flatnonzero(np.diff(sounds, prepend=False, append=False))
    lasting = np.flatnonzero(edges[2::2] - edges[1:-1:2] > GAP)
    bounds = (
        [0, *(2 * lasting + 1).tolist(), *(2 * lasting + 2).tolist(), len(edges) - 1] if len(edges) else []
    )
    return list(zip(*[iter(edges[sorted(bounds)].tolist())] * 2, strict=True))


def _is_clear(sounding: Likelihoods, key: int, first: int, stop: int) -> bool:
    """Return whether a key sounds clearly, and not as the shadow of a neighbouring one."""
    around = sounding[first:stop, max(0, key - 1) : key + 2].mean(axis=0)
    return bool(around.argmax() == min(1, key) and around.max() > CLEAR)


def _exact(struck: Likelihoods, peak: int) -> float:
    """Return the place of a peak between frames: that of the parabola through it."""
    before, at, after = struck[peak - 1 : peak + 2].tolist()
    return float(peak + (before - after) / (2 * (before - 2 * at + after)))


def _end(sounding: Likelihoods, first: int, stop: int) -> float:
    part = sounding[first:stop]
    return float(first + 1 + np.flatnonzero(part >= ENDED * np.percentile(part, 90))[-1])


def _are_overtones(start: Floats, key: Ints, strength: Floats) -> Mask:
    """Return which notes, in order of their starts, are overtones of others."""
    result = np.zeros(len(start), dtype=bool)
    earliest, latest = (np.searchsorted(start, start + by, side) for by, side in _AROUND)
    for note in np.flatnonzero(strength < WEAK).tolist():
        near = slice(earliest[note], latest[note])
        related = np.isin(key[note] - key[near], OVERTONES)
        result[note] = strength[note] < WEAKER * strength[near][related].max(initial=0.0)
    return result


_AROUND: tuple[tuple[int, Literal["left", "right"]], ...] = ((-TOGETHER, "left"), (TOGETHER, "right"))


def velocities(samples: Samples, notes: Heard) -> Ints:
    """Return the velocity of each note, 1 to 127, from the loudness of its partials when it begins.

    The loudest notes of a recording get 108; 40 dB are the whole range, as in General MIDI, where the level falls with
    the square of the velocity.
    """
    window = np.hanning(_ATTACK).astype(np.float32)
    padded = np.concatenate([samples, np.zeros(2 * _ATTACK, dtype=np.float32)])
    first = np.maximum(0, (notes.start * RATE).astype(np.int64))
    hertz = 440.0 * 2 ** ((notes.pitch - 69) / 12)
    bins = np.rint(hertz[:, None] * np.arange(1, _PARTIALS + 1) * _ATTACK / RATE).astype(np.int64)
    levels = np.empty(len(first))
    for note, (at, partials) in enumerate(zip(first.tolist(), bins, strict=True)):
        parts = [
            np.abs(np.fft.rfft(padded[at + late : at + late + _ATTACK] * window))
            for late in (0, _ATTACK // 2)
        ]
        spectrum = np.maximum(*parts)
        levels[note] = np.linalg.norm(spectrum[np.minimum(partials, len(spectrum) - 1)])
    decibels = 20 * np.log10(np.maximum(levels, 1e-9))
    below = np.percentile(decibels, 95) - decibels if len(decibels) else decibels
    return np.clip(np.rint(_LOUDEST * 10 ** (-below / 40)), 1, 127).astype(np.int64)

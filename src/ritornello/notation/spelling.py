"""Pitch spelling: MIDI pitches -> letters with accidentals.

A name is a place on the line of fifths (... -1 F, 0 C, 1 G, 2 D ... 6 F sharp; 7 more is a sharp more). In a key, the
twelve pitch classes have the names from five fifths below the tonic to six above it, those of the harmonic chromatic
scale, in major and in minor. So the key of each moment has to be found.

Method: a hidden Markov model of the local key (54 keys, enharmonic ones counted apart), one step for each onset. It
sees the pitch classes of the onset and the key signature; a change is the rarer, the more fifths apart the keys are.
Each name has the probability of the keys that imply it. Then the names are weighed against their neighbours: a step
of a semitone is a minor second rather than a chromatic one (so chromatic notes rise with sharps and fall with flats),
a step of a tone is a major second, and names close together are not many fifths apart. docs/experiments.md has the
figures.

Read in order: `spell_notes`, `_likely_names`, `_with_neighbours`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.score import Key

LETTERS = "FCGDAEB"
LOWEST, HIGHEST = -15, 19
"""The names in use: F double flat to B double sharp."""

_TONICS = np.arange(-12, 15)
# How often each degree is heard in major and in minor, from the tonic up in semitones; chosen by hand.
_MAJOR = (18, 1.2, 12, 1.5, 14, 11, 2.5, 20, 1.3, 9, 2, 9)
_MINOR = (18, 1.5, 11, 14, 1.5, 11, 2, 20, 10, 2, 6, 8)
_TEMPER = 0.5  # notes of an onset are not independent
_SIGNATURE = 0.08  # the log-odds, an onset, against a key a fifth away from the signature
_CHANGE, _CHANGE_A_FIFTH = 0.5, 1.1  # against a change of key, and for each fifth of it

_DOUBT = 0.02
_NEXT, _PREVIOUS = 2.0, 1.0  # the weights of a semitone to the next note and from the one before
_TONE = 0.2  # of a step of a tone or a repeated note, relative to a semitone
_DOUBLE = 1.0  # against a double accidental
_NEAR, _WIDEST, _APART = 8, 6, 0.04  # notes on each side; against each fifth more than six to one of them
_ROUNDS = 3
_STEPS = 50_000  # of the model; a piece of more onsets has several in each

Places = NDArray[np.int64]


def spell_notes(
    pitches: ArrayLike, starts: ArrayLike, keys: Sequence[Key] = ()
) -> list[tuple[str, int, int]]:
    """Return (step, alter, octave) of each note: ("C", 1, 4) is C sharp 4, with middle C in octave 4.

    pitches: MIDI pitches; starts: their ticks, in any order. The pitch is 12 * (octave + 1) + class of the step + alter
    for every pitch from 0 to 127 (so octaves are -2 to 10). All parts of a piece are best given together: the harmony
    determines the names.

    keys: key signatures in time order, C major without one. They decide between enharmonic keys, but are not needed
    for correct names in a piece that has left its key; so a signature that says nothing (C major in every MIDI
    file) does little harm.
    """
    pitch, start = np.asarray(pitches, dtype=np.int64), np.asarray(starts, dtype=np.int64)
    if not len(pitch):
        return []
    order = np.lexsort((pitch, start))
    sorted_pitch, sorted_start = pitch[order], start[order]
    likely = _likely_names(sorted_pitch, sorted_start, _fifths_at(sorted_start, keys))
    places = np.empty(len(pitch), dtype=np.int64)
    places[order] = _with_neighbours(sorted_pitch, sorted_start, likely)
    alters = (places + 1) // 7
    octaves = (pitch - alters) // 12 - 1
    return [
        (LETTERS[(place + 1) % 7], alter, octave)
        for place, alter, octave in zip(places.tolist(), alters.tolist(), octaves.tolist(), strict=True)
    ]


def spell_class(pitch_class: int, fifths: int = 0) -> tuple[str, int]:
    """Return (step, alter) of a pitch class in a key signature: the nearest name on the line of fifths, without double
    signs.

    In C major those are E flat, B flat, F sharp, C sharp, G sharp and the white keys.
    """
    lowest = min(max(fifths - 3, -8), 0)  # from F flat to E sharp
    place = lowest + (7 * pitch_class - lowest) % 12
    return LETTERS[(place + 1) % 7], (place + 1) // 7


def _fifths_at(starts: Places, keys: Sequence[Key]) -> Places:
    """Return the key signature in force at each start; before the first one it is the first."""
    if not keys:
        return np.zeros_like(starts)
    at = np.searchsorted([key.tick for key in keys], starts, side="right") - 1
    return np.array([key.fifths for key in keys], dtype=np.int64)[np.maximum(at, 0)]


@cache
def _candidates() -> Places:
    """Return the names of each pitch class, three a class from low to high (the last twice where there are two)."""
    rows = [[place for place in range(LOWEST, HIGHEST + 1) if 7 * place % 12 == c] for c in range(12)]
    return np.array([(row + row[-1:])[:3] for row in rows])


@cache
def _keys() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the model of the local key, of k keys: signatures (k,), log-probabilities of pitch classes (k, 12),
    probabilities of changes (k, k), and which of its three names each pitch class has in a key (12, k, 3)."""
    tonics = np.tile(_TONICS, 2)
    signatures = np.concatenate([_TONICS, _TONICS - 3]).astype(np.float64)
    profiles: NDArray[np.float64] = np.repeat([_MAJOR, _MINOR], len(_TONICS), axis=0)
    degrees = (np.arange(12)[None] - 7 * tonics[:, None]) % 12
    shares = np.take_along_axis(profiles / profiles.sum(axis=1, keepdims=True), degrees, axis=1)
    apart = np.abs(signatures[:, None] - signatures[None])
    changes = np.exp(-_CHANGE * (apart > 0) - _CHANGE_A_FIFTH * apart)
    lowest = tonics - 5
    names = lowest[:, None] + (7 * np.arange(12)[None] - lowest[:, None]) % 12
    is_name = np.abs(_candidates()[:, None, :] - names.T[:, :, None]) < 1
    is_name[:, :, 2] &= _candidates()[:, None, 2] != _candidates()[:, None, 1]
    likely: NDArray[np.float64] = changes / changes.sum(axis=1, keepdims=True)
    return signatures, np.asarray(_TEMPER * np.log(shares)), likely, is_name.astype(np.float64)


def _likely_names(pitches: Places, starts: Places, fifths: Places) -> NDArray[np.float64]:
    """Return the probabilities of the three names of each note, shape (notes, 3), by its local key.

    A new key signature begins anew, so that its names do not depend on those before.

    This is the forward-backward algorithm (Rabiner 1989, A tutorial on hidden Markov models, Proceedings of the IEEE
    77), in probabilities that are normalised at each step.
    """
    signatures, emission, changes, is_name = _keys()
    _, onset = np.unique(starts, return_inverse=True)
    _, firsts, onset = np.unique(onset // (1 + onset[-1] // _STEPS), return_index=True, return_inverse=True)
    signature = fifths[firsts]
    heard = np.zeros((len(firsts), 12), dtype=np.float32)
    np.add.at(heard, (onset, pitches % 12), 1.0)
    logs = heard @ emission.T.astype(np.float32)
    logs -= (_SIGNATURE * np.abs(signatures - signature[:, None])).astype(np.float32)
    logs -= logs.max(axis=1, keepdims=True)
    seen = np.exp(np.maximum(logs, -30.0))

    is_new = np.diff(signature, prepend=signature[:1] + 99, append=signature[-1:] + 99) != 0
    forward = np.empty_like(seen)
    state = np.empty(0)
    for at in range(len(firsts)):
        before = np.exp(-np.abs(signatures - signature[at])) if is_new[at] else state @ changes
        state = before * seen[at]
        state /= state.sum()
        forward[at] = state
    after = np.ones(len(signatures))
    for at in range(len(firsts) - 1, -1, -1):
        after = np.ones(len(signatures)) if is_new[at + 1] else changes @ (after * seen[at + 1])
        after /= after.sum()
        forward[at] *= after
    forward /= forward.sum(axis=1, keepdims=True)
    result = np.empty((len(pitches), 3))
    for pitch_class in range(12):
        of_class = pitches % 12 == pitch_class
        result[of_class] = forward[onset[of_class]] @ is_name[pitch_class]
    return result


def _with_neighbours(pitches: Places, starts: Places, likely: NDArray[np.float64]) -> Places:
    """Return the names of least cost: unlikely in the local key, bad steps to the neighbours, far from notes around."""
    names = _candidates()[pitches % 12]
    cost = -np.log(likely + _DOUBT) + _DOUBLE * ((names < -8) | (names > 12))
    cost[:, 2] += 1e9 * (names[:, 2] == names[:, 1])
    steps = [(_nearest(pitches, starts, 1), _NEXT), (_nearest(pitches, starts, -1), _PREVIOUS)]
    best = np.argmin(cost, axis=1)
    for _ in range(_ROUNDS):
        chosen = np.take_along_axis(names, best[:, None], axis=1)[:, 0]
        total = cost.copy()
        for neighbour, weight in steps:
            semitones = pitches[neighbour] - pitches
            # On the line of fifths a minor second up is -5, a major one 2.
            wanted = np.select([np.abs(semitones) == 1, np.abs(semitones) == 2], [-5 * semitones, semitones])
            strength = np.where(np.abs(semitones) == 1, weight, _TONE * weight)
            strength = strength * ((np.abs(semitones) <= 2) & (neighbour != np.arange(len(pitches))))
            total += strength[:, None] * ((chosen[neighbour] - wanted)[:, None] != names)
        for distance in range(1, min(_NEAR, len(pitches) - 1) + 1):
            for one, other in (
                (slice(distance, None), slice(-distance)),
                (slice(-distance), slice(distance, None)),
            ):
                total[one] += _APART * np.maximum(np.abs(names[one] - chosen[other][:, None]) - _WIDEST, 0)
        improved = np.argmin(total, axis=1)
        if np.array_equal(improved, best):
            break
        best = improved
    return np.asarray(np.take_along_axis(names, best[:, None], axis=1)[:, 0])


def _nearest(pitches: Places, starts: Places, shift: int) -> Places:
    """Return the index of the note nearest in pitch at the next onset (`shift` 1) or the one before (-1).

    Where there is no such onset it is the note itself.
    """
    _, onset = np.unique(starts, return_inverse=True)
    places = onset * 1024 + pitches  # rising, because the notes are sorted
    wanted = (onset + shift) * 1024 + pitches
    above = np.clip(np.searchsorted(places, wanted), 0, len(places) - 1)
    below = np.maximum(above - 1, 0)
    nearest = np.where(np.abs(places[below] - wanted) <= np.abs(places[above] - wanted), below, above)
    is_there = onset[nearest] == onset + shift
    return np.where(is_there, nearest, np.arange(len(pitches)))

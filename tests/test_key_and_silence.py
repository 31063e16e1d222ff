"""The key so far, and the voice that is silent for longest: what `multitrack` tells a network of the whole past."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ritornello.representations import make_representation
from ritornello.representations.columns.key import KeySoFar, move_key
from ritornello.representations.columns.longest_silent import MOST_BARS, NEVER_PLAYED
from ritornello.theory import SCALES, estimate_key, key_profiles

NO_KEY, C_MAJOR, A_MINOR = 0, 1, 1 + 12 + 9

SHOWN = ("key", "degree", "longest_silent_voice", "bars_silent")

PITCHES = st.lists(st.integers(0, 127), max_size=40)


def key_after(pitches: list[int]) -> int:
    key = KeySoFar()
    for pitch in pitches:
        key.advance(pitch)
    return key.key


def test_scales_have_the_keys_that_they_are_named_after() -> None:
    assert key_after([]) == NO_KEY
    assert key_after([60 + step for step in (*SCALES["major"], 12, 7, 0)]) == C_MAJOR
    assert key_after([57 + step for step in (*SCALES["harmonic minor"], 12, 7, 0)]) == A_MINOR


@given(PITCHES)
def test_it_is_the_key_of_the_counts_unless_several_fit(pitches: list[int]) -> None:
    if not pitches:
        return
    counts = np.bincount(np.array(pitches) % 12, minlength=12)
    tonic, is_minor, _ = estimate_key(counts)
    fits = key_profiles() @ counts
    assert fits[key_after(pitches) - 1] >= fits[tonic + 12 * is_minor] - 0.01 * len(pitches)


@given(PITCHES)
def test_it_moves_with_the_piece(pitches: list[int]) -> None:
    pitch = np.array(pitches, dtype=np.int64)
    key, degree = KeySoFar().at_once(pitch)
    moved, degree_there = KeySoFar().at_once(pitch + 5)
    assert np.array_equal(moved, np.where(key > 0, move_key(key - 1, 5) + 1, 0))
    assert np.array_equal(degree_there, degree)


def test_multitrack_shows_the_key_the_degree_and_the_longest_silent_voice() -> None:
    voices = [
        {"family": family, "number": 0, "low": 30, "high": 90, "programs": [program]}
        for family, program in ((0, 0), (4, 33), (16, 0))
    ]
    scheme = make_representation(
        "multitrack", {"voices": voices, "meters": [[4, 4]], "key": True, "longest_silent": True}
    )
    tokens = scheme.tokens
    bar = [tokens.first["shift"] + 47] * 2  # two halves
    named = [tokens.first["instrument"] + number for number in (0, 1, 2)]
    note_ids = tokens.note_ids
    first, later = [*note_ids(0, 67)], [*note_ids(1, 43), *note_ids(2, 36)]
    names = [column.name for column in scheme.columns]

    def shown(ids: list[int]) -> dict[str, int]:
        row = scheme.inputs(np.array([scheme.start_id, *ids]))[-1].tolist()
        return {name: row[names.index(name)] for name in SHOWN}

    nothing_yet = dict.fromkeys(SHOWN, 0)
    g_major = 1 + 7
    assert shown([]) == nothing_yet
    assert shown(named) == nothing_yet | {"longest_silent_voice": 1, "bars_silent": NEVER_PLAYED}
    assert shown([*named, *first]) == dict(zip(SHOWN, (g_major, 1, 2, NEVER_PLAYED), strict=True))
    everyone = [*named, *first, *bar, *later]
    assert shown(everyone) == dict(zip(SHOWN, (g_major, 0, 1, 1), strict=True))  # a drum has no degree
    assert shown([*everyone, *bar * 3])["bars_silent"] == 4
    assert shown([*everyone, *bar * 20])["bars_silent"] == MOST_BARS

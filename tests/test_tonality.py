"""The key so far, and who waits: what `multitrack` tells a network of the whole past."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ritornello.representations import make_representation
from ritornello.representations.multitrack.vocabulary import Kind
from ritornello.representations.multitrack.waiting import MOST_BARS, NEVER_PLAYED
from ritornello.representations.tonality import KeySoFar, keys_so_far, moved_key
from ritornello.theory import SCALES, estimate_key, key_profiles

NO_KEY, C_MAJOR, A_MINOR = 0, 1, 1 + 12 + 9

PITCHES = st.lists(st.integers(0, 127), max_size=40)


def key_after(pitches: list[int]) -> int:
    key = KeySoFar()
    for pitch in pitches:
        key.advance(pitch)
    return key.value


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


@given(PITCHES, st.data())
def test_all_at_once_is_one_at_a_time_and_moves_with_the_piece(
    pitches: list[int], data: st.DataObject
) -> None:
    counts = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(pitches), max_size=len(pitches))), dtype=bool
    )
    pitch = np.array(pitches, dtype=np.int64)
    keys = keys_so_far(pitch, counts)
    by_one = [key_after(pitch[: at + 1][counts[: at + 1]].tolist()) for at in range(len(pitch))]
    assert keys.tolist() == by_one
    assert np.array_equal(keys_so_far(pitch + 5, counts), moved_key(keys, 5))


def test_multitrack_shows_the_key_the_degree_and_who_waits() -> None:
    voices = [
        {"family": family, "number": 0, "low": 30, "high": 90, "programs": [program]}
        for family, program in ((0, 0), (4, 33), (16, 0))
    ]
    scheme = make_representation(
        "multitrack", {"voices": voices, "meters": [[4, 4]], "key": True, "waiting": True}
    )
    vocabulary = scheme.vocabulary
    bar = [vocabulary.id_of(Kind.SHIFT, 47)] * 2  # two halves
    named = [vocabulary.id_of(Kind.INSTRUMENT, number) for number in (0, 1, 2)]
    note_ids = scheme.tokens.note_ids
    first, later = [*note_ids(0, 67)], [*note_ids(1, 43), *note_ids(2, 36)]
    names = [column.name for column in scheme.columns]

    def shown(ids: list[int]) -> dict[str, int]:
        row = scheme.inputs(np.array([scheme.start_id, *ids]))[-1].tolist()
        return {name: row[names.index(name)] for name in ("key", "degree", "waiting", "waited")}

    nothing_yet = {"key": NO_KEY, "degree": 0, "waiting": 0, "waited": 0}
    g_major = 1 + 7
    assert shown([]) == nothing_yet
    assert shown(named) == nothing_yet | {"waiting": 1, "waited": NEVER_PLAYED}
    assert shown([*named, *first]) == {"key": g_major, "degree": 1, "waiting": 2, "waited": NEVER_PLAYED}
    everyone = [*named, *first, *bar, *later]
    assert shown(everyone) == {"key": g_major, "degree": 0, "waiting": 1, "waited": 1}  # a drum has no degree
    assert shown([*everyone, *bar * 3])["waited"] == 4
    assert shown([*everyone, *bar * 20])["waited"] == MOST_BARS

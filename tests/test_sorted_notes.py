"""What finds equal runs, doubled notes and what sounds at once by sorting, held to what says it plainly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.representations.grids import (
    DURATIONS,
    SHIFTS,
    longest_duration,
    longest_shift,
    nearest,
    nearest_duration,
    without_doubles,
)
from ritornello.representations.multitrack import Multitrack
from ritornello.runs import repeated
from ritornello.score import NOTE, Score, Track, rescaled, sort_notes, sounding

few = st.integers(0, 3)
LOW_BITS_ALIKE = [1, 2, 1 + (1 << 32), 1 + (1 << 63), 2 + (1 << 40)]


@given(st.lists(st.sampled_from(LOW_BITS_ALIKE), max_size=30))
def test_repeated_hashes_are_found_with_the_last_equal_one(hashes: list[int]) -> None:
    last: dict[int, int] = {}
    expected = {}
    for number, value in enumerate(hashes):
        if value in last:
            expected[number] = last[value]
        last[value] = number
    again, before = repeated(np.array(hashes, dtype=np.uint64))
    assert dict(zip(again.tolist(), before.tolist(), strict=True)) == expected


@given(st.lists(st.tuples(few, few, few, few, few), max_size=30))
def test_of_doubles_the_longest_stays_and_ties_decide(notes: list[tuple[int, ...]]) -> None:
    columns = np.array(notes, dtype=np.int64).reshape(-1, 5).T
    firsts: dict[tuple[int, int], int] = {}
    for number, (start, key, end, *ties) in enumerate(notes):
        best = firsts.setdefault((start, key), number)
        if (-end, *ties) < (-notes[best][2], *notes[best][3:]):
            firsts[start, key] = number
    start, key, end, *ties = columns
    assert without_doubles(start, end, key, *ties).tolist() == [firsts[place] for place in sorted(firsts)]


def test_what_sounds_at_once() -> None:
    # 0..4 and 2..4, then 4..5 as both end, then silence to 7
    count, length = sounding(np.array([0, 4, 2, 7]), np.array([4, 5, 4, 7]))
    assert count.tolist() == [1, 2, 1, 0, 1, 0, -1]
    assert length.tolist() == [2, 2, 0, 0, 1, 2, 0]


def test_ticks_become_the_nearest_of_another_resolution() -> None:
    assert rescaled(np.array([0, 9, 10, 11, 30, 480]), 480, 24).tolist() == [0, 0, 1, 1, 2, 24]
    assert rescaled(7, 480, 480) == 7


def test_numbers_of_durations_and_shifts() -> None:
    steps = np.arange(1, 1000)
    assert np.array_equal(nearest_duration(steps), nearest(DURATIONS, steps))
    assert np.array_equal(longest_duration(steps), np.searchsorted(DURATIONS, steps, side="right") - 1)
    assert np.array_equal(longest_shift(steps), np.searchsorted(SHIFTS, steps, side="right") - 1)
    assert longest_duration(np.array([0])).tolist() == [-1]


@pytest.mark.parametrize("ticks_per_quarter", [24, 96, 480, 7])
@given(data=st.data())
def test_a_score_encodes_as_it_does_on_the_grid(ticks_per_quarter: int, data: st.DataObject) -> None:
    """Crowded parts that share voices, so that notes are doubled and cut."""
    note = st.tuples(
        st.integers(0, 40), st.integers(0, 9), st.integers(57, 60), st.sampled_from([1, 64, 127])
    )
    parts = data.draw(st.lists(st.tuples(st.sampled_from([0, 40]), st.lists(note, max_size=12)), max_size=4))
    score = Score(
        ticks_per_quarter,
        tuple(Track(sort_notes(np.array(notes, dtype=NOTE)), program) for program, notes in parts),
    )
    known = Score(24, tuple(Track(np.array([(0, 1, 59, 64)], dtype=NOTE), program) for program in (0, 40)))
    representation = Multitrack.fit([Multitrack.collect_statistics(known)])
    assert representation.encode(score).tolist() == representation.encode(score.resampled(24)).tolist()

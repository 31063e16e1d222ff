"""The tempo of a call."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.live.session.tempo import FASTEST, SLOWEST, estimate_tempo

RHYTHMS = {
    "quarters": [0, 1, 2, 3, 4, 5, 6, 7],
    "eighths": [0, 1, 1.5, 2, 3, 3.5, 4, 5, 5.5, 6],
    "dotted": [0, 1.5, 2, 3, 4.5, 5, 6, 7.5, 8],
    "sixteenths": [0, 0.25, 0.5, 1, 2, 2.25, 2.5, 3, 4, 5],
    "triplets": [0, 1 / 3, 2 / 3, 1, 2, 3, 10 / 3, 11 / 3, 4],
}


@pytest.mark.parametrize("rhythm", RHYTHMS)
@pytest.mark.parametrize("tempo", [80, 96, 110, 126])
def test_steady_playing_is_recognised(rhythm: str, tempo: int) -> None:
    random = np.random.default_rng(tempo)
    onsets = (
        3 + np.array(RHYTHMS[rhythm]) * 60 / tempo + random.normal(scale=0.008, size=len(RHYTHMS[rhythm]))
    )
    assert estimate_tempo(onsets.tolist(), 1.1 * tempo) == pytest.approx(tempo, rel=0.02)


def test_the_tempo_expected_decides_between_a_tempo_and_its_half() -> None:
    onsets = (np.arange(8) * 0.5).tolist()
    assert estimate_tempo(onsets, 120) == pytest.approx(120, rel=0.01)
    assert estimate_tempo(onsets, 55) == pytest.approx(60, rel=0.01)
    assert estimate_tempo([1.0, 2.0], 97) == 97


@given(st.lists(st.floats(0, 1e4), max_size=80), st.floats(1, 1000))
def test_any_onsets_give_a_tempo(onsets: list[float], expected: float) -> None:
    assert SLOWEST <= estimate_tempo(onsets, expected) <= FASTEST

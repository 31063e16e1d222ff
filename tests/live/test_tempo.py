"""The beat of a call."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.live.session.input_buffer import ASKED
from ritornello.live.session.tempo import FASTEST, SLOWEST, hear_beat

RHYTHMS = {
    "quarters": [0, 1, 2, 3, 4, 5, 6, 7],
    "eighths": [0, 1, 1.5, 2, 3, 3.5, 4, 5, 5.5, 6],
    "dotted": [0, 1.5, 2, 3, 4.5, 5, 6, 7.5, 8],
    "sixteenths": [0, 0.25, 0.5, 1, 2, 2.25, 2.5, 3, 4, 5],
    "triplets": [0, 1 / 3, 2 / 3, 1, 2, 3, 10 / 3, 11 / 3, 4],
}


def played(quarters: list[float], tempo: float, notes: int = 1) -> list[float]:
    """Return the onsets of notes, or of chords of so many `notes`, as a hand plays them from second 3 on."""
    random = np.random.default_rng(round(tempo))
    onsets = 3 + np.array(quarters) * 60 / tempo + random.normal(scale=0.008, size=len(quarters))
    return (onsets[:, None] + random.uniform(0, 0.01, size=(len(quarters), notes))).ravel().tolist()


@pytest.mark.parametrize("rhythm", RHYTHMS)
@pytest.mark.parametrize("tempo", [80, 96, 110, 126])
def test_steady_playing_is_recognised(rhythm: str, tempo: int) -> None:
    heard = hear_beat(played(RHYTHMS[rhythm], tempo), 1.1 * tempo, 0.4)
    assert heard.quarters_per_minute == pytest.approx(tempo, rel=0.02)
    assert heard.first_beat == pytest.approx(3, abs=0.03)


def test_slow_quarters_are_not_taken_for_half_notes() -> None:
    assert hear_beat(played(RHYTHMS["quarters"], 50), 100).quarters_per_minute == pytest.approx(50, rel=0.02)


def test_a_row_of_chords_of_a_bar_each_is_not_taken_for_a_slow_tune() -> None:
    heard = hear_beat(played([0, 4, 8, 12, 16], 120, notes=3), 100)
    assert heard.quarters_per_minute == pytest.approx(120, rel=0.02)


def test_an_upbeat_is_not_taken_for_the_beat() -> None:
    heard = hear_beat(played([0, 0.5, 1.5, 2.5, 3, 3.5, 4.5, 5.5, 6.5], 100), 100)
    assert heard.first_beat == pytest.approx(3.3, abs=0.03)


def test_the_beat_is_where_the_last_notes_are_if_the_tempo_bends() -> None:
    onsets = np.cumsum([3.0, *np.linspace(0.62, 0.55, 12)]).tolist()
    heard = hear_beat(onsets, 100)
    beats = (onsets[-1] - heard.first_beat) * heard.quarters_per_minute / 60
    assert abs(beats - round(beats)) < 0.1


def test_a_tempo_that_is_trusted_decides_between_a_tempo_and_its_half() -> None:
    onsets = played([0, 1, 2, 3, 3.5, 4, 5, 6], 84)
    for expected in (84, 168):
        assert hear_beat(onsets, expected, ASKED).quarters_per_minute == pytest.approx(expected, rel=0.02)
    assert hear_beat(onsets, 120, ASKED).quarters_per_minute == pytest.approx(84, rel=0.02)


def test_a_single_note_has_the_expected_tempo() -> None:
    assert hear_beat([2.0, 2.01], 97) == (97, pytest.approx(2.005))


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=80), st.floats(1, 1000), st.floats(0, 1))
def test_any_onsets_give_a_beat(onsets: list[float], expected: float, trust: float) -> None:
    heard = hear_beat(onsets, expected, trust)
    assert SLOWEST <= heard.quarters_per_minute <= FASTEST
    assert np.isfinite(heard.first_beat)

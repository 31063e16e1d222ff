"""The grids of notation: what was made on a grid is kept to the unit, what was performed becomes readable."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.notation.bars import UNITS, make_timeline
from ritornello.notation.quantise import Quantiser, Rows
from ritornello.score import Meter, Score, Track, make_notes

TICKS = 480


def rows_of(
    *notes: tuple[int, int, int], ticks: int = TICKS, meter: Meter = Meter(0, 4, 4), drum: bool = False
) -> Rows:
    """Return the rows of notes (start, duration, pitch) in ticks."""
    track = Track(make_notes((*note, 80) for note in notes), is_drum=drum)
    score = Score(ticks, (track,), meters=(meter,))
    return Quantiser(score, make_timeline(score)).rows(track)


def quarters(units: np.ndarray) -> list[Fraction]:  # type: ignore[type-arg]
    return [Fraction(unit, UNITS) for unit in units.tolist()]


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16])
@pytest.mark.parametrize("beats", [1, 2, 4])
@pytest.mark.parametrize("cut_off", [False, True])
def test_tuplets_are_exact_whether_ticks_were_rounded_or_cut_off(
    parts: int, beats: int, cut_off: bool
) -> None:
    lines = [Fraction(beats * place, parts) for place in range(parts + 1)]
    ticks = [int(line * TICKS) if cut_off else round(line * TICKS) for line in lines]
    notes = [(at, end - at, 60 + place % 5) for place, (at, end) in enumerate(pairwise(ticks))]
    rows = rows_of(*notes, (4 * TICKS, TICKS, 60))
    assert quarters(rows.start)[:-1] == lines[:-1]
    assert quarters(rows.end)[:-1] == lines[1:]


def test_five_against_four_and_seven_in_one_hand() -> None:
    voices = [[(TICKS * k // n, TICKS // n, 60 + n) for k in range(4 * n)] for n in (4, 5, 7)]
    rows = rows_of(*(note for voice in voices for note in voice))
    for parts in (4, 5, 7):
        assert quarters(rows.start[rows.pitch == 60 + parts]) == [
            Fraction(k, parts) for k in range(4 * parts)
        ]


def test_sixty_fourths() -> None:
    rows = rows_of(*((30 * k, 30, 60 + k % 2) for k in range(16)))
    assert quarters(rows.start) == [Fraction(k, 16) for k in range(16)]
    assert set(quarters(rows.end - rows.start)) == {Fraction(1, 16)}


def test_a_performance_goes_to_a_readable_grid() -> None:
    played = [(5, 230, 60), (236, 240, 62), (485, 150, 64), (635, 170, 65), (803, 150, 67), (967, 400, 60)]
    rows = rows_of(*played)
    third = Fraction(1, 3)
    assert quarters(rows.start) == [0, Fraction(1, 2), 1, 1 + third, 1 + 2 * third, 2]


def test_notes_of_a_performance_that_are_apart_are_no_chord() -> None:
    rows = rows_of(
        *((round(37.3 * k) + 3, 30, 60 + k) for k in range(13)),
        (501, 400, 60),
        (993, 400, 64),
        (1431, 433, 60),
    )
    assert len(set(rows.start.tolist())) == 16


def test_gates_of_nine_tenths_are_whole_values() -> None:
    rows = rows_of(*((240 * k, 216, 60 + k % 3) for k in range(8)))
    assert set(quarters(rows.end - rows.start)) == {Fraction(1, 2)}


def test_slight_legato_is_cut_and_a_held_note_is_not() -> None:
    rows = rows_of(*((480 * k, 540, 60 + 2 * k) for k in range(4)), (1920, 960, 72), (2400, 480, 76))
    assert quarters(rows.end)[:5] == [1, 2, 3, Fraction(4), 6]


def test_equal_notes_and_blips_under_a_note_are_one() -> None:
    rows = rows_of((0, 480, 60), (0, 480, 60), (0, 0, 60), (480, 240, 62), (480, 480, 62), (960, 0, 64))
    found = list(zip(quarters(rows.start), quarters(rows.end), rows.pitch.tolist(), strict=True))
    assert sorted(found) == [(0, 1, 60), (1, Fraction(3, 2), 62), (1, 2, 62), (2, Fraction(9, 4), 64)]
    assert rows.doubled == 2


def test_ornaments_off_the_grid_are_grace_notes() -> None:
    melody = [(480 * k, 480, 60 + k) for k in range(40)]
    melody[2] = (960, 420, 62)
    rows = rows_of(*melody, (1380 + 29, 31, 67))
    assert [(Fraction(grace.start, UNITS), grace.pitch) for grace in rows.graces] == [(3, 67)]
    assert quarters(rows.start) == list(range(40))


def test_compound_beats_have_their_own_grids() -> None:
    five = [(144 * k, 144, 60 + k) for k in range(5)]  # five in the time of three eighths
    rows = rows_of(*five, *((720 + 240 * k, 240, 60) for k in range(3)), meter=Meter(0, 6, 8))
    assert quarters(rows.start)[:5] == [Fraction(3 * k, 10) for k in range(5)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(0, 900), st.integers(58, 66)), min_size=1, max_size=30
    ),
    st.sampled_from([480, 96, 100, 1]),
    st.sampled_from([(4, 4), (6, 8), (5, 8), (1, 64), (9, 16)]),
)
def test_all_notes_stay_in_the_piece_and_have_a_length(
    notes: list[tuple[int, int, int]], ticks: int, meter: tuple[int, int]
) -> None:
    rows = rows_of(*notes, ticks=ticks, meter=Meter(0, *meter))
    assert len(rows) + len(rows.graces) + rows.doubled == len(notes)
    assert (rows.end > rows.start).all()

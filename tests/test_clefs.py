"""Clefs: what players expect, few ledger lines, and changes where the music moves."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.notation.clefs import choose_clefs, ledger_lines
from ritornello.theory import DRUMS

PIANO, GUITAR, BASS, VIOLIN, VIOLA, CELLO, CONTRABASS, TIMPANI = 0, 24, 33, 40, 41, 42, 43, 47
CHOIR, TUBA, HORN, BASSOON, PICCOLO, SQUARE = 52, 58, 60, 70, 72, 80


@pytest.mark.parametrize(
    ("pitch", "clef", "lines"),
    [(60, "treble", 1), (60, "bass", 1), (60, "alto", 0), (81, "treble", 1), (77, "treble", 0), (79, "treble", 0),
     (62, "treble", 0), (57, "treble", 2), (36, "bass", 2), (40, "bass", 1), (28, "bass8vb", 1), (40, "treble8vb", 3),
     (69, "tenor", 1), (84, "treble8va", 0), (61, "treble", 1), (58, "treble", 1)],
)  # fmt: skip
def test_ledger_lines(pitch: int, clef: str, lines: int) -> None:
    assert ledger_lines(np.array([pitch]), clef).tolist() == [lines]


@pytest.mark.parametrize(
    ("program", "pitches", "clef"),
    [
        (VIOLIN, (55, 62, 76, 88), "treble"),
        (VIOLIN, (88, 93, 96, 98), "treble"),  # high, but violinists read that
        (VIOLA, (48, 60, 67), "alto"),
        (CELLO, (36, 43, 48, 60), "bass"),
        (CONTRABASS, (28, 33, 40), "bass8vb"),
        (BASS, (24, 28, 36), "bass8vb"),
        (BASS, (40, 45, 52), "bass8vb"),
        (GUITAR, (40, 52, 64), "treble8vb"),
        (TIMPANI, (41, 48), "bass"),
        (TUBA, (34, 41, 46), "bass"),
        (HORN, (60, 65, 72), "treble"),
        (BASSOON, (36, 48, 55), "bass"),
        (PICCOLO, (86, 91, 96), "treble8va"),
        (SQUARE, (72, 76, 84), "treble"),
        (SQUARE, (40, 43, 52), "bass"),
        (SQUARE, (96, 98, 103), "treble8va"),
        (PIANO, (64, 67, 72), "treble"),
        (PIANO, (40, 43, 48), "bass"),
        (CHOIR, (60, 67, 76), "treble"),
        (CHOIR, (50, 57, 64), "treble8vb"),
        (CHOIR, (41, 48, 57), "bass"),
        (DRUMS, (36, 38, 42), "percussion"),
    ],
)
def test_each_instrument_has_its_clef(program: int, pitches: tuple[int, ...], clef: str) -> None:
    assert choose_clefs([pitches] * 4, program) == [clef] * 4


def test_names_determine_the_clef_of_a_singer() -> None:
    high = [(60, 64, 67)]
    assert choose_clefs(high, CHOIR, name="Tenor") == ["treble8vb"]
    assert choose_clefs(high, CHOIR, name="T 2") == ["treble8vb"]
    assert choose_clefs(high, CHOIR, name="Basso") == ["bass"]
    assert choose_clefs([(55, 57)], CHOIR, name="Alto") == ["treble"]
    assert choose_clefs([(55, 57)], CHOIR, name="Voice") == ["treble8vb"]


def test_singers_keep_one_clef() -> None:
    assert set(choose_clefs([(50, 52, 53)] * 8 + [(67, 69)] * 4, CHOIR)) == {"bass"}


def test_a_clef_changes_where_the_music_moves_and_stays() -> None:
    low, high = (43, 47, 50), (67, 71, 74, 76)
    assert (
        choose_clefs([low] * 4 + [high] * 4 + [low] * 2, CELLO)
        == ["bass"] * 4 + ["treble"] * 4 + ["bass"] * 2
    )
    tenor = (57, 62, 65, 67)
    assert choose_clefs([low] * 4 + [tenor] * 4, CELLO) == ["bass"] * 4 + ["tenor"] * 4
    left = [(48, 52, 55)] * 3 + [(72, 76, 79)] * 3
    assert choose_clefs(left, PIANO, is_lower=True) == ["bass"] * 3 + ["treble"] * 3
    assert choose_clefs([(76, 79, 84)] * 3 + [(38, 41, 45)] * 3, PIANO) == ["treble"] * 3 + ["bass"] * 3


def test_a_clef_does_not_change_for_one_note() -> None:
    low = (43, 47, 50)
    assert set(choose_clefs([low, low, (43, 47, 50, 64), low, (67,), low], CELLO)) == {"bass"}
    assert set(choose_clefs([(64, 67, 72)] * 2 + [(55,)] + [(64, 67, 72)], PIANO)) == {"treble"}


def test_a_change_stands_at_the_bar_that_needs_it_and_not_in_the_rests_before() -> None:
    low, high = (43, 47, 50), (72, 74, 76)
    assert choose_clefs([low, (), (), high, high, high], CELLO) == ["bass"] * 3 + ["treble"] * 3
    assert choose_clefs([(), (), high, high, high], CELLO) == ["treble"] * 5  # no change at all


def test_nothing_to_read_gives_the_usual_clef() -> None:
    assert choose_clefs([], PIANO) == []
    assert choose_clefs([()], VIOLA) == ["alto"]
    assert choose_clefs([(), ()], CHOIR) == ["treble"] * 2


def test_an_instrument_far_outside_its_range_is_still_readable() -> None:
    assert choose_clefs([(36, 38, 40)] * 2, VIOLIN) == ["bass"] * 2
    assert choose_clefs([(0, 127)] * 2, PIANO)[0] in ("treble", "bass")

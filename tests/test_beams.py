"""Beams and beats of meters."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ritornello.notation.beams import beam_groups, beam_marks, beamed, beat

Q, E, S, T = Fraction(1), Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)
DOTTED = Fraction(3, 2)


def voice(*values: Fraction | int) -> list[tuple[Fraction, Fraction, int]]:
    """Return notes of `values` in quarters, one after another; a negative one is a rest."""
    notes, at = [], Fraction(0)
    for value in map(Fraction, values):
        length = abs(value)
        beams = 0 if value < 0 or length >= 1 else 1 if length >= E else 2 if length >= S else 3
        notes.append((at, length, beams))
        at += length
    return notes


@pytest.mark.parametrize(
    ("numerator", "denominator", "quarters"),
    [(4, 4, 1), (3, 4, 1), (2, 4, 1), (5, 4, 1), (2, 2, 2), (3, 2, 2), (6, 8, DOTTED), (9, 8, DOTTED), (12, 8, DOTTED),
     (3, 8, DOTTED), (5, 8, E), (7, 8, E), (6, 16, Fraction(3, 4)), (6, 4, 1)],
)  # fmt: skip
def test_the_beat_of_a_tempo_mark(numerator: int, denominator: int, quarters: Fraction) -> None:
    assert beat(numerator, denominator) == quarters


@pytest.mark.parametrize(
    ("meter", "eighths", "sixteenths"),
    [
        ((4, 4), [2, 2], [1, 1, 1, 1]),
        ((2, 2), [2, 2], [1, 1, 1, 1]),
        ((2, 4), [2], [1, 1]),
        ((3, 4), [3], [1, 1, 1]),
        ((5, 4), [1] * 5, [1] * 5),
        ((3, 2), [2, 2, 2], [1] * 6),
        ((6, 8), [DOTTED] * 2, [DOTTED] * 2),
        ((9, 8), [DOTTED] * 3, [DOTTED] * 3),
        ((12, 8), [DOTTED] * 4, [DOTTED] * 4),
        ((3, 8), [DOTTED], [DOTTED]),
        ((5, 8), [DOTTED, 1], [DOTTED, 1]),
        ((7, 8), [1, 1, DOTTED], [1, 1, DOTTED]),
        ((2, 8), [1], [1]),
    ],
)
def test_groups_of_a_bar(meter: tuple[int, int], eighths: list[Fraction], sixteenths: list[Fraction]) -> None:
    assert beam_groups(*meter) == eighths
    assert beam_groups(*meter, value=S) == sixteenths


def test_a_pickup_counts_from_the_end_and_a_short_last_bar_from_the_start() -> None:
    assert beam_groups(4, 4, DOTTED) == [DOTTED]
    assert beam_groups(4, 4, Fraction(3)) == [1, 2]
    assert beam_groups(4, 4, Fraction(3), from_end=False) == [2, 1]
    assert beam_groups(6, 8, Fraction(2)) == [E, DOTTED]
    assert beam_groups(7, 8, Fraction(2)) == [E, DOTTED]
    assert beam_groups(7, 8, Fraction(2), from_end=False) == [1, 1]
    assert beam_groups(4, 4, Fraction(6)) == [2, 2, 2]
    assert beam_groups(4, 4, Fraction(1, 3)) == [Fraction(1, 3)]


@pytest.mark.parametrize("denominator", [1, 2, 4, 8, 16, 32])
def test_groups_fill_the_bar(denominator: int) -> None:
    for numerator in range(1, 33):
        for value in (E, S):
            assert sum(beam_groups(numerator, denominator, value=value)) == Fraction(
                4 * numerator, denominator
            )


@pytest.mark.parametrize(
    ("meter", "values", "groups"),
    [
        ((4, 4), [E] * 8, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        ((4, 4), [E, E, S, S, E, 1, 1], [[0, 1], [2, 3, 4]]),  # a sixteenth: by the beat
        ((4, 4), [DOTTED, E, E, E, E, E], [[2, 3, 4, 5]]),
        ((4, 4), [E, 1, E, E, 1, E], []),
        ((4, 4), [E, E, -E, E, 1, 1], [[0, 1]]),
        ((4, 4), [-E, E, E, E, 2], [[2, 3]]),
        ((3, 4), [E] * 6, [[0, 1, 2, 3, 4, 5]]),
        ((3, 4), [DOTTED, E, E, E], [[2, 3]]),  # not three, which would look like 6/8
        ((3, 4), [1, E, E, E, E], [[1, 2, 3, 4]]),
        ((6, 8), [E] * 6, [[0, 1, 2], [3, 4, 5]]),
        ((6, 8), [1, E, E, S, S, E], [[2, 3, 4, 5]]),
        ((5, 8), [E] * 5, [[0, 1, 2], [3, 4]]),
        ((2, 2), [S] * 4 + [E, E, 2], [[0, 1, 2, 3], [4, 5]]),
    ],
)
def test_notes_under_one_beam(
    meter: tuple[int, int], values: list[Fraction], groups: list[list[int]]
) -> None:
    assert beamed(voice(*values), *meter) == groups


def test_triplets_are_beamed_by_the_beat() -> None:
    third = Fraction(1, 3)
    notes = [(third * i, third, 1) for i in range(6)] + [(Q * 2, Q * 2, 0)]
    assert beamed(notes, 4, 4) == [[0, 1, 2], [3, 4, 5]]


def test_a_pickup_of_three_eighths_is_beamed_to_the_beat() -> None:
    assert beamed(voice(E, E, E), 4, 4, DOTTED) == [[1, 2]]


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([E, E], [["begin"], ["end"]]),
        ([E, S, S], [["begin"], ["continue", "begin"], ["end", "end"]]),
        ([Fraction(3, 4), S], [["begin"], ["end", "backward hook"]]),
        ([S, Fraction(3, 4)], [["begin", "forward hook"], ["end"]]),
        ([S, E, S], [["begin", "forward hook"], ["continue"], ["end", "backward hook"]]),
        ([Fraction(3, 4), S, E], [["begin"], ["continue", "backward hook"], ["end"]]),
        ([T, T, S, E], [["begin"] * 3, ["continue", "continue", "end"], ["continue", "end"], ["end"]]),
    ],
)
def test_marks_of_each_note(values: list[Fraction], marks: list[list[str]]) -> None:
    assert beam_marks(voice(*values)) == marks

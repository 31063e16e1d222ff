"""Note values: what stands in a bar adds up, can be written, and shows the beat."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.notation.bars import UNITS, shape_of
from ritornello.notation.rhythm import TYPES, Event, Value, rhythm

LENGTHS = {name: length for length, name in TYPES.items()}
SHORT = {"whole": "1", "half": "2", "quarter": "4", "eighth": "8", "16th": "16", "32nd": "32", "64th": "64"}


def bar(meter: tuple[int, int], *lengths: float | Fraction) -> tuple[Value, ...]:
    """Return the values of events of `lengths` in quarters, negative for rests, and of a rest at the end."""
    numerator, denominator = meter
    shape = shape_of(numerator, denominator, 4 * UNITS * numerator // denominator)
    events, at = [], 0
    for length in lengths:
        end = at + round(abs(length) * UNITS)
        events.append(Event(at, end, length < 0))
        at = end
    if at < shape.length:
        events.append(Event(at, shape.length, True))
    return rhythm(shape, tuple(events))


def shown(meter: tuple[int, int], *lengths: float | Fraction) -> str:
    """Return the values as "8. 16 r4": r for a rest, ~ for a tie, 3:2 for a tuplet."""
    values = bar(meter, *lengths)
    rests = [length < 0 for length in lengths] + [True]
    words = []
    for value, after in zip(values, [*values[1:], None], strict=True):
        tuplet = f"({value.tuplet.actual}:{value.tuplet.normal}" * value.opens if value.tuplet else ""
        tie = "~" * (after is not None and after.event == value.event and not rests[value.event])
        words.append(
            f"{tuplet}{'r' * rests[value.event]}{SHORT[value.type]}{'.' * value.dots}{tie}{')' * value.closes}"
        )
    return " ".join(words).replace("(3:2", "(3:2 ")


third = Fraction(1, 3)


@pytest.mark.parametrize(
    ("meter", "lengths", "values"),
    [
        ((4, 4), [4], "1"),
        ((4, 4), [1, 2, 1], "4 2 4"),
        ((4, 4), [0.5, 1, 0.5, 0.5, 1, 0.5], "8 4 8 8 4 8"),
        ((4, 4), [1.5, 1, 1.5], "4. 8~ 8 8~ 4"),
        ((4, 4), [2.5], "2~ 8 r8 r4"),
        ((4, 4), [1, 3], "4 2."),
        ((4, 4), [-1, 1, -2], "r4 4 r2"),
        ((4, 4), [1, -2, 1], "4 r4 r4 4"),
        ((3, 4), [0.5, 1, 1, 0.5], "8 4 4 8"),
        ((3, 4), [1, -2], "4 r4 r4"),
        ((6, 8), [2, 1], "4.~ 8 4"),
        ((6, 8), [0.5, 1, -1.5], "8 4 r4."),
        ((6, 8), [3], "2."),
        ((12, 8), [1.5, 3, 1.5], "4. 2. 4."),
        ((5, 8), [2.5], "4.~ 4"),
        ((2, 2), [0.25, 0.75], "16 8. r4 r2"),
        ((4, 4), [third] * 3, "(3:2 8 8 8) r4 r2"),
        ((4, 4), [2 * third] * 3, "(3:2 4 4 4) r2"),
        ((4, 4), [4 * third] * 3, "(3:2 2 2 2)"),
        ((4, 4), [2 * third, third, 3], "(3:2 4 8) 2."),
        ((4, 4), [third, third, third + 0.5, 0.5], "(3:2 8 8 8~) 8 8 r2"),
        ((4, 4), [Fraction(1, 6)] * 6, "(3:2 16 16 16) (3:2 16 16 16) r4 r2"),
    ],
)
def test_values(meter: tuple[int, int], lengths: list[float], values: str) -> None:
    assert shown(meter, *lengths) == values


@pytest.mark.parametrize(
    ("parts", "beats", "ratio", "unit"),
    [(5, 1, (5, 4), "16th"), (7, 1, (7, 4), "16th"), (9, 1, (9, 8), "32nd"), (11, 1, (11, 8), "32nd"),
     (13, 1, (13, 8), "32nd"), (5, 2, (5, 4), "eighth"), (7, 2, (7, 4), "eighth"), (5, 4, (5, 4), "quarter")],
)  # fmt: skip
def test_tuplets_of_any_kind(parts: int, beats: int, ratio: tuple[int, int], unit: str) -> None:
    values = bar((4, 4), *[Fraction(beats, parts)] * parts)[:parts]
    tuplets = {value.tuplet for value in values}
    assert len(tuplets) == 1
    (tuplet,) = tuplets
    assert tuplet is not None
    assert (tuplet.actual, tuplet.normal) == ratio
    assert {value.type for value in values} == {unit}
    assert [value.opens for value in values] == [True] + [False] * (parts - 1)
    assert [value.closes for value in values] == [False] * (parts - 1) + [True]


def test_five_in_a_dotted_beat() -> None:
    values = bar((6, 8), *[Fraction(3, 10)] * 5)[:5]
    assert {(v.tuplet.actual, v.tuplet.normal, v.type) for v in values if v.tuplet} == {(5, 3, "eighth")}


def beams(meter: tuple[int, int], *lengths: float | Fraction) -> list[int]:
    """Return the numbers of notes under each beam."""
    found = []
    for value in bar(meter, *lengths):
        if value.beams[:1] == ("begin",):
            found.append(1)
        elif value.beams:
            found[-1] += 1
    return found


def test_beams() -> None:
    assert beams((4, 4), *[0.5] * 8) == [4, 4]
    assert beams((3, 4), *[0.5] * 6) == [6]
    assert beams((6, 8), *[0.5] * 6) == [3, 3]
    assert beams((4, 4), *[0.25] * 16) == [4, 4, 4, 4]
    assert beams((4, 4), *[0.5, 0.25, 0.25] * 4) == [3, 3, 3, 3]
    assert beams((4, 4), *[Fraction(2, 5)] * 5) == [5]
    assert beams((4, 4), *[third] * 6) == [3, 3]


def test_a_beam_does_not_leave_a_tuplet_that_is_half_a_rest() -> None:
    values = bar((9, 16), -0.25, -third / 4, third / 2, 0.25)
    assert [value.beams for value in values][2:4] == [(), ()]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([1, 3, 5, 7, 9, 11, 13]),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([1, 2, 4, 8])), max_size=9),
    st.sampled_from([(4, 4), (3, 4), (6, 8), (7, 8), (2, 2), (9, 16)]),
)
def test_values_add_up_and_have_the_length_that_is_written(
    odd: int, places: list[tuple[int, int]], meter: tuple[int, int]
) -> None:
    shape = shape_of(*meter, 4 * UNITS * meter[0] // meter[1])
    ends = {Fraction(0), Fraction(shape.length, UNITS)}
    ends |= {Fraction(place, odd) / parts for place, parts in places}
    times = sorted(int(end * UNITS) for end in ends if end * UNITS <= shape.length)
    events = tuple(Event(a, b, place % 3 == 2) for place, (a, b) in enumerate(pairwise(times)))
    values = rhythm(shape, events)
    assert values[0].start == 0
    assert values[-1].end == shape.length
    assert all(value.end == after.start for value, after in pairwise(values))
    for value in values:
        written = Fraction(LENGTHS[value.type] * (2 ** (value.dots + 1) - 1), 2**value.dots)
        if value.tuplet:
            written = written * value.tuplet.normal / value.tuplet.actual
        assert written == value.end - value.start

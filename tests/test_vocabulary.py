"""Meters on a grid, for fitted vocabularies."""

from __future__ import annotations

import pytest

from ritornello.representations.grids import is_on_grid, nearest_meter


@pytest.mark.parametrize(
    ("meter", "on_grid"), [((4, 4), True), ((7, 8), True), ((3, 32), False), ((9, 4), False)]
)
def test_a_bar_is_whole_steps_and_not_too_long(meter: tuple[int, int], on_grid: bool) -> None:
    assert is_on_grid(meter, steps_per_quarter=4, longest_bar=32) is on_grid


def test_the_nearest_meter_is_the_same_or_else_as_long() -> None:
    meters = ((3, 4), (6, 8), (4, 4))
    assert nearest_meter(meters, 6, 8) == 1
    assert nearest_meter(meters, 2, 2) == 2
    assert nearest_meter(meters, 5, 8) == 0

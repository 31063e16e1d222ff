"""What fitted vocabularies share: blocks of ids, and meters on a grid."""

from __future__ import annotations

from enum import IntEnum

import pytest

from ritornello.representations.grids import is_on_grid, nearest_meter
from ritornello.representations.vocabulary import KindBlocks


class Kind(IntEnum):
    START = 0
    NONE = 1
    NOTE = 2
    END = 3


def test_blocks_follow_one_another_and_may_be_empty() -> None:
    blocks = KindBlocks(Kind, {Kind.NONE: 0, Kind.NOTE: 3})
    assert (blocks.size, blocks.start, blocks.end) == (5, 0, 4)
    assert blocks.kind.tolist() == [Kind.START, Kind.NOTE, Kind.NOTE, Kind.NOTE, Kind.END]
    assert blocks.value.tolist() == [0, 0, 1, 2, 0]
    assert blocks.block[Kind.NONE] == slice(1, 1)
    assert blocks.id_of(Kind.NOTE, 2) == 3
    assert blocks.meaning[3] == (Kind.NOTE, 2)


@pytest.mark.parametrize(
    ("meter", "on_grid"), [((4, 4), True), ((7, 8), True), ((3, 32), False), ((9, 4), False)]
)
def test_a_bar_is_whole_steps_and_not_too_long(meter: tuple[int, int], on_grid: bool) -> None:
    assert is_on_grid(meter, steps_per_quarter=4, longest_bar=32) is on_grid


def test_the_nearest_meter_is_the_same_or_else_as_long() -> None:
    meters = [(3, 4), (6, 8), (4, 4)]
    assert nearest_meter(meters, 6, 8) == 1
    assert nearest_meter(meters, 2, 2) == 2
    assert nearest_meter(meters, 5, 8) == 0

"""Input columns: a class each, which computes its columns for all steps of a piece at once, or one step at a time.

A step is one id, or what it means: its pitch, its time and so on. The arguments of `at_once` and of `advance` are the
same, arrays of shape (time,) for the one, the numbers of a single step for the other; so are the results. The law in
`tests/contracts/test_columns.py` holds this for every class here. At once costs below a microsecond an id and serves
training; one at a time costs six and serves composing, where the next id is not known yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.columns.key import move_key

if TYPE_CHECKING:
    from ritornello.representations.base import Ids, Representation


class ColumnReader(Protocol):
    """The interface of all classes of columns; each has its own arguments of a step."""

    def at_once(self, *steps: Any, **named: Any) -> Ints:
        """Return the columns after each step of a piece, (column, time), whatever was read before."""

    def advance(self, *step: Any, **named: Any) -> Any:
        """Read the next step."""

    @property
    def values(self) -> tuple[int, ...]:
        """The columns after the last step."""

    def fork(self) -> Self:
        """Return an independent copy."""


def transpose_rows(representation: Representation, rows: Ids, semitones: int) -> Ids:
    """Return the input rows, (time, column), of a piece that is transposed, from any part of those of the piece.

    They equal those computed from the transposed ids, as a law tests.
    """
    rows, turning = rows.copy(), []
    for number, column in enumerate(representation.columns):
        values = rows[:, number]
        if number == 0 or column.is_candidate or column.moves == "token":
            first = -1 if column.is_candidate else column.first_token
            moved = representation.tokens.transposed(np.maximum(values + first, 0), semitones) - first
            rows[:, number] = np.where(values + first >= 0, moved, values)
        elif column.moves == "key":
            rows[:, number] = np.where(values > 0, move_key(values - 1, semitones) + 1, 0)
        elif column.moves == "pitch_class":
            turning.append(number)
    rows[:, turning] = np.roll(rows[:, turning], semitones, axis=1)
    return rows

"""Input columns: a class each, which computes its columns for all steps of a piece at once, or one step at a time.

A step is one id, or what it means: its pitch, its time and so on. The arguments of `at_once` and of `advance` are the
same, arrays of shape (time,) for the one, the numbers of a single step for the other; so are the results. The law in
`tests/contracts/test_columns.py` holds this for every class here. At once costs below a microsecond an id and serves
training; one at a time costs six and serves composing, where the next id is not known yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

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


class Transposition(NamedTuple):
    """How input rows move with a piece: column c of a moved row is `table[first[c] + row[source[c]]]`.

    source, first: (column,). table: (values of all columns,), those of a column from its `first` on.
    """

    source: Ints
    first: Ints
    table: Ints

    def __call__(self, rows: Ids) -> Ids:
        """Return the rows, (time, column), of the transposed piece."""
        moved: Ids = self.table[self.first + rows[:, self.source]].astype(rows.dtype)
        return moved


def transposition(representation: Representation, semitones: int) -> Transposition:
    """Return how the input rows of a representation are transposed by `semitones`, from any part of a piece.

    The moved rows equal those computed from the transposed ids, as a law tests.
    """
    columns, tokens = representation.columns, representation.tokens
    source, parts, turning = np.arange(len(columns)), [], []
    for number, column in enumerate(columns):
        values = np.arange(column.size)
        if number == 0 or column.is_candidate or column.moves == "token":
            first = -1 if column.is_candidate else column.first_token or 0
            is_id = (values + first >= 0) & (values + first < tokens.size)
            values[is_id] = tokens.transposed(values[is_id] + first, semitones) - first
        elif column.moves == "key":
            values[1:] = move_key(values[1:] - 1, semitones) + 1
        elif column.moves == "pitch_class":
            turning.append(number)
        parts.append(values)
    source[turning] = np.roll(turning, semitones)
    first_of = np.cumsum([0, *(column.size for column in columns[:-1])])
    return Transposition(source, first_of, np.concatenate(parts))

"""Columns that tell a network what the steps so far say: a class each, which reads all steps at once or one at a time.

A step is one id, or what it means: its pitch, its time and so on. The arguments of `at_once` and of `advance` are the
same, arrays of shape (time,) for the one, the numbers of a single step for the other; so are the results. The law in
`tests/contracts/test_columns.py` holds this for every class here. At once costs below a microsecond an id and serves
training; one at a time costs ten and serves composing, where the next id is not known yet.
"""

from __future__ import annotations

from typing import Any, Protocol, Self

from ritornello.arrays import Ints


class ColumnReader(Protocol):
    """What all classes of columns have in common; each says which arguments a step has."""

    def at_once(self, *steps: Any, **named: Any) -> Ints:
        """Return the columns after each step of a piece, (column, time); what was advanced over plays no part."""

    def advance(self, *step: Any, **named: Any) -> Any:
        """Take the next step."""

    @property
    def values(self) -> tuple[int, ...]:
        """The columns after the last step."""

    def fork(self) -> Self:
        """Return an independent copy."""

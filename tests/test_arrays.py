"""Runs and sorting of integers, against numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.arrays import run_edges, stable_order

numbers = st.one_of(st.integers(0, 3), st.integers(0, 300), st.integers(0, 70_000), st.integers(0, 1 << 62))


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, numbers), max_size=40))
def test_the_order_is_that_of_lexsort(rows: list[tuple[int, int]]) -> None:
    first, second = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    assert stable_order(first, second).tolist() == np.lexsort((second, first)).tolist()
    assert stable_order(second).tolist() == np.argsort(second, kind="stable").tolist()


def test_where_runs_begin() -> None:
    assert run_edges(np.array([4, 4, 1, 4, 4])).tolist() == [0, 2, 3, 5]
    assert run_edges(np.array([7])).tolist() == [0, 1]
    assert run_edges(np.array([], dtype=np.int64)).tolist() == [0]

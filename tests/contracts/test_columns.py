"""The laws of columns, for every class in `representations.columns`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.representations import columns
from ritornello.representations.columns import ColumnReader
from ritornello.representations.columns.bars_ago import BarsAgo
from ritornello.representations.columns.entering import Entering
from ritornello.representations.columns.key import KeySoFar
from ritornello.representations.columns.longest_silent import LongestSilent
from ritornello.representations.columns.position import Position
from ritornello.representations.columns.remembered import Remembered
from ritornello.representations.columns.repeats import Repeats
from ritornello.representations.columns.transposed_repeats import TransposedRepeats
from ritornello.representations.tokens import block, build_tokens

Steps = list[tuple[int, ...]]

TOKENS = build_tokens(
    block("end"),
    block("other"),
    block("note", 64, voice=0, pitch=np.arange(64), notes=1, series=0),
    block("note of another voice", 64, voice=1, pitch=np.arange(64), notes=1, series=1),
)
small = st.integers(0, 3)
notes_and_else = st.sampled_from([0, 1, 2, 3, 4, 6, 65, 66, 68, 69, 129])
voice = st.integers(-1, 2)


@st.composite
def timed(draw: st.DrawFn, *more: st.SearchStrategy[Any]) -> Steps:
    """Steps of an ascending time, bars of some lengths, and more."""
    time, steps = 0, []
    for shift, bar_steps, *rest in draw(
        st.lists(st.tuples(small, st.integers(1, 6), *more), min_size=1, max_size=60)
    ):
        time += shift
        steps.append((time, bar_steps, *rest))
    return steps


def each(*argument: st.SearchStrategy[Any]) -> st.SearchStrategy[Steps]:
    return st.lists(st.tuples(*argument), min_size=1, max_size=60)


CASES: dict[str, tuple[Callable[[], ColumnReader], st.SearchStrategy[Steps]]] = {
    "bars ago": (lambda: BarsAgo((1, 2, 4), 5, 6, (1, 2, 4), 5), timed(st.integers(0, 4))),
    "bars ago, only notes": (lambda: BarsAgo((1, 3), 5, 6), timed(st.integers(0, 4))),
    "entering": (
        Entering,
        each(voice, st.booleans(), st.integers(-1, 12), small).map(
            lambda steps: [
                (v, n and v >= 0, e if v < 0 else -1, i // 2) for i, (v, n, e, _) in enumerate(steps)
            ]
        ),
    ),
    "key": (KeySoFar, each(st.integers(-1, 127))),
    "longest silent": (
        LongestSilent,
        timed(voice, st.booleans()).map(lambda steps: [(v, n and v >= 0, t, b) for t, b, v, n in steps]),
    ),
    "position": (lambda: Position(4), each(small, st.integers(0, 5))),
    "remembered": (lambda: Remembered(7, 8), each(voice, st.integers(-1, 3), st.integers(-1, 3))),
    "repeats": (lambda: Repeats((1, 2, 4)), each(small)),
    "no repeats": (lambda: Repeats(()), each(small)),
    "transposed repeats": (lambda: TransposedRepeats((1, 2, 4), TOKENS), each(notes_and_else)),
}


def read(reader: ColumnReader, steps: Steps) -> list[tuple[int, ...]]:
    """Return the columns after each of `steps`, one at a time."""
    rows = []
    for step in steps:
        reader.advance(*step)
        rows.append(tuple(reader.values))
    return rows


def read_at_once(reader: ColumnReader, steps: Steps) -> list[tuple[int, ...]]:
    """Return them from all steps at once."""
    return [tuple(row) for row in reader.at_once(*np.array(steps, dtype=np.int64).T).T.tolist()]


def test_every_class_has_a_case() -> None:
    modules = [
        importlib.import_module(f"{columns.__name__}.{m.name}")
        for m in pkgutil.iter_modules(columns.__path__)
    ]
    classes = {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and hasattr(member, "at_once")
    }
    assert classes == {type(make()) for make, _ in CASES.values()}


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_one_step_at_a_time_equals_all_at_once(name: str, data: st.DataObject) -> None:
    make, strategy = CASES[name]
    steps = data.draw(strategy)
    expected = read_at_once(make(), steps)
    assert read(make(), steps) == expected
    half = len(steps) // 2 + 1
    assert read_at_once(make(), steps[:half]) == expected[:half]  # only the past counts


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_forks_go_their_own_way(name: str, data: st.DataObject) -> None:
    make, strategy = CASES[name]
    steps, others = data.draw(strategy), data.draw(strategy)
    reader, half = make(), len(steps) // 2
    first = read(reader, steps[:half])
    stray = reader.fork()
    assert stray.values == reader.values
    read(stray, others)
    assert [*first, *read(reader, steps[half:])] == read(make(), steps)


def test_what_is_forgotten_in_long_pieces_is_forgotten_both_ways() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 40, 10_000)
    time = np.cumsum(rng.integers(0, 2, len(ids)))
    for reader, steps in (
        (Repeats((1, 2, 4)), zip(ids.tolist(), strict=True)),
        (
            BarsAgo((1, 4), 40, 9, (1, 2)),
            zip(time.tolist(), (time // 999 % 9 + 1).tolist(), ids.tolist(), strict=True),
        ),
    ):
        rows = list(steps)
        assert read(reader, rows) == read_at_once(reader, rows)


@pytest.mark.parametrize("orders", [(1, 2, 4, 8, 16), (8, 16, 32)])
def test_sections_that_return_are_found_in_long_pieces(orders: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    ids: list[int] = []
    while len(ids) < 30_000:  # new ids and sections from anywhere before, also from beyond REACH
        at, length = int(rng.integers(0, len(ids) + 1)), int(rng.integers(1, 200))
        ids += ids[at : at + length] if rng.random() < 0.7 else rng.integers(0, 30, length).tolist()
    steps = [(token,) for token in ids]
    assert read(Repeats(orders), steps) == read_at_once(Repeats(orders), steps)

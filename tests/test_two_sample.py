"""The two-sample test: alike pieces are not told apart, others are, and by what; its parts have the values worked out
by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.evaluation.details import Details
from ritornello.evaluation.forest import forest_scores
from ritornello.evaluation.two_sample import FEW, FEWEST, area, distances, ranked, swap, tell_apart

COLUMNS = 12


def table(values: np.ndarray) -> Details:
    names = tuple(f"number {column}" for column in range(values.shape[1]))
    groups = tuple("odd" if column % 2 else "even" for column in range(values.shape[1]))
    return Details(groups, names, values)


def both(count: int, shift: float, seed: int = 0) -> tuple[Details, Details]:
    """Return two tables of random numbers; in the second, number 3 is higher by `shift`."""
    random = np.random.default_rng(seed)
    real, composed = random.normal(size=(2, count, COLUMNS))
    composed[:, 3] += shift
    return table(real), table(composed)


def test_alike_pieces_are_not_told_apart() -> None:
    found = tell_apart(*both(40, 0.0), (range(40), range(40)), np.random.default_rng(1))
    assert found is not None
    low, high = found.chance
    assert low < found.area < high
    assert low < 0.5 < high
    assert high - low < 0.5
    assert found.noticed == ()


def test_other_pieces_are_told_apart_by_what_differs() -> None:
    found = tell_apart(*both(40, 3.0), (range(40), range(40)), np.random.default_rng(1))
    assert found is not None
    assert found.area > 0.93
    assert found.area > found.chance[1]
    assert 0 < found.error < 0.05
    assert [each.name for each in found.noticed] == ["number 3"]
    assert found.noticed[0].composed[0] - found.noticed[0].real[0] == pytest.approx(3, abs=0.6)
    assert found.groups["odd"] > 0.9 > 0.75 > found.groups["even"]
    assert found.facts()["noticed"][0]["group"] == "odd"


def test_what_is_only_wider_is_noticed_too() -> None:
    real, composed = both(60, 0.0)
    composed.values[:, 5] *= 6
    found = tell_apart(real, composed, (range(60), range(60)), np.random.default_rng(1))
    assert found is not None
    assert found.area > 0.75
    assert found.noticed[0].name == "number 5"


def test_versions_do_not_help_to_tell_pieces_apart() -> None:
    """Ten families of four equal pieces: who has seen one knows the others, but they are on one side."""
    random = np.random.default_rng(0)
    real, composed = (table(np.repeat(random.normal(size=(16, COLUMNS)), 4, axis=0)) for _ in range(2))
    families = np.repeat(np.arange(16), 4).tolist()
    fair = tell_apart(real, composed, (families, families), np.random.default_rng(1))
    fooled = tell_apart(real, composed, (range(64), range(64)), np.random.default_rng(1))
    assert fair is not None
    assert fooled is not None
    assert fair.area < 0.75 < 0.9 < fooled.area


def test_too_few_pieces_tell_nothing_and_few_are_noted() -> None:
    few = FEWEST - 1
    assert tell_apart(*both(few, 3.0), (range(few), range(few)), np.random.default_rng(1)) is None
    one_family = [0] * 40
    assert tell_apart(*both(40, 3.0), (one_family, one_family), np.random.default_rng(1)) is None
    found = tell_apart(*both(FEWEST, 3.0), (range(FEWEST), range(FEWEST)), np.random.default_rng(1))
    assert found is not None
    assert found.note == f"only {FEWEST} different pieces: a rough figure"
    assert FEW > FEWEST


def test_ranks_areas_and_distances() -> None:
    values = np.array([[3.0], [np.nan], [1.0], [3.0]])
    assert ranked(values)[:, 0].tolist() == [3.5, 1.0, 2.0, 3.5]
    is_second = np.array([False, False, True, True])
    assert area(np.array([0.1, 0.3, 0.3, 0.9]), is_second) == (1 + 0.5 + 1 + 1) / 4
    ranks = ranked(np.array([[1.0, 5.0], [2.0, 5.0], [2.0, 5.0], [3.0, 5.0]]))
    assert distances(ranks, is_second).tolist() == [0.5, 0.0]


def test_families_are_swapped_as_a_whole() -> None:
    family = np.repeat(np.arange(50), 2)
    is_second = np.tile([False, True], 50)
    swapped = swap(is_second, family, np.random.default_rng(0)) != is_second
    assert (swapped[::2] == swapped[1::2]).all()
    assert 15 < swapped[::2].sum() < 35


def test_a_forest_learns_what_no_line_divides() -> None:
    random = np.random.default_rng(0)
    rows = random.uniform(-1, 1, (400, 2))
    is_second = rows[:, 0] * rows[:, 1] > 0
    judged = np.arange(400) >= 300
    scores = forest_scores(rows, is_second, judged, random)
    assert scores.shape == (100,)
    assert area(scores, is_second[judged]) > 0.95
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_forest_does_not_look_at_what_it_judges() -> None:
    random = np.random.default_rng(0)
    rows, is_second = random.normal(size=(60, 3)), random.random(60) < 0.5
    judged = np.arange(60) >= 40
    other = np.where(judged, ~is_second, is_second)
    one, two = (forest_scores(rows, each, judged, np.random.default_rng(2)) for each in (is_second, other))
    assert one.tolist() == two.tolist()


def test_equal_rows_are_given_the_share_of_the_class() -> None:
    judged = np.array([False] * 4 + [True])
    is_second = np.array([True, False, False, False, False])
    assert forest_scores(np.zeros((5, 2)), is_second, judged, np.random.default_rng(0)).tolist() == [0.25]

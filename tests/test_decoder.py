"""Constraints, logits processors and samplers of a caller: a piece ends whatever they do, or one line says why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from build import make_song
from fakes import small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.generation.compose import Composition
from ritornello.generation.constraints import Constraint, ConstraintState, Context
from ritornello.representations.multitrack import Multitrack


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song())])
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    save_bundle(path, small_network(representation), representation, Facts(name="tiny"))
    return load(path)


class Bans(ConstraintState):
    """Bans what a function of the mask returns."""

    def __init__(self, function: Callable[[Any], Any], rank: int = 50) -> None:
        self.name, self.rank, self.function = "mine", rank, function

    def banned(self, grammar: Any, allowed: Any) -> Any:
        return self.function(allowed)


class Mine(Constraint):
    name = "mine"

    def __init__(self, function: Callable[[Any], Any], rank: int = 50) -> None:
        self.function, self.rank = function, rank

    def start(self, context: Context) -> ConstraintState:
        return Bans(self.function, self.rank)


def compose(model: Model, function: Callable[[Any], Any], **settings: Any) -> Composition:
    made = model.compose(bars=4, seed=1, constraints=[Mine(function)], **settings)
    assert made.ids[-1] == model.bundle.representation.end_id
    return made


@pytest.mark.parametrize("search", [{}, {"beam_size": 2, "branch_factor": 2}])
def test_a_constraint_that_bans_all_ids_gives_way_at_every_step(model: Model, search: dict[str, int]) -> None:
    made = compose(model, lambda allowed: np.arange(len(allowed)), **search)
    assert made.relaxed_constraints == {"mine": len(made.ids) - 1}  # all but the first id, which is given
    assert made.violated == ("mine",)
    assert made.relaxed_steps == len(made.ids) - 1
    plain = model.compose(bars=4, seed=1, **search)
    assert np.array_equal(made.ids, plain.ids)


def test_of_two_that_contradict_each_other_the_less_important_one_gives_way(model: Model) -> None:
    def all_but_the_first(allowed: Any) -> Any:
        return np.flatnonzero(allowed)[1:]

    def the_first(allowed: Any) -> Any:
        return np.flatnonzero(allowed)[:1]

    made = model.compose(
        bars=2,
        seed=1,
        entrances=False,
        constraints=[Mine(the_first, rank=99), Mine(all_but_the_first, rank=1)],
    )
    assert made.relaxed_constraints == {"mine": len(made.ids) - 1}


NOTHING = [(), [], np.empty(0), np.empty(0, dtype=np.int64)]


@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_a_constraint_may_ban_nothing(model: Model, value: Any) -> None:
    made = compose(model, lambda allowed: value)
    assert not made.relaxed_constraints


@pytest.mark.parametrize(
    "value",
    [[-1], [10**6], [0.5], np.array([1.0]), ["a"], [True], [[1, 2]], None, {1, 2}, np.array([[3]])],
    ids=repr,
)
def test_a_constraint_that_bans_no_ids_is_named(model: Model, value: Any) -> None:
    size = model.bundle.representation.vocabulary_size
    with pytest.raises(ConfigError, match="constraint mine banned") as caught:
        compose(model, lambda allowed: value)
    assert str(value)[:70] in str(caught.value)
    assert str(caught.value).endswith(f"ids are integers from 0 to {size - 1}")
    assert "\n" not in str(caught.value)


def test_a_mask_is_no_list_of_ids(model: Model) -> None:
    with pytest.raises(ConfigError, match="constraint mine banned"):
        compose(model, lambda allowed: ~allowed)


def test_a_constraint_may_give_its_mask_itself(model: Model) -> None:
    class All(Bans):
        def banned_mask(self, grammar: Any, allowed: Any) -> Any:
            return self.function(allowed)

    class Masking(Mine):
        def start(self, context: Context) -> ConstraintState:
            return All(self.function, self.rank)

    plain = model.compose(bars=2, seed=1)
    for function, steps in ((lambda allowed: None, 0), (np.ones_like, len(plain.ids) - 1)):
        made = model.compose(bars=2, seed=1, constraints=[Masking(function)])
        assert made.relaxed_steps == steps
        assert np.array_equal(made.ids, plain.ids)


def test_what_a_constraint_raises_comes_through(model: Model) -> None:
    with pytest.raises(ZeroDivisionError):
        compose(model, lambda allowed: 1 // 0)


# --- logits processors and samplers ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
@pytest.mark.parametrize("search", [{}, {"beam_size": 2, "branch_factor": 2}, {"temperature": 0}])
def test_whatever_logits_a_processor_returns_the_piece_ends(
    model: Model, value: float, search: dict[str, Any]
) -> None:
    def some(ids: Any, logits: Any) -> Any:
        logits[:: len(ids) % 3 + 1] = value
        return logits

    made = model.compose(bars=4, seed=1, logits_processors=[some], **search)
    assert made.ids[-1] == model.bundle.representation.end_id
    assert np.isfinite(made.log_likelihood)


@pytest.mark.parametrize(
    "function",
    [lambda logits: logits[:-1], lambda logits: logits[None], lambda logits: None, lambda logits: 0],
)
def test_a_processor_that_returns_another_shape_is_refused(model: Model, function: Any) -> None:
    size = model.bundle.representation.vocabulary_size
    with pytest.raises(ConfigError, match=re.escape(f"it must return that of its logits, ({size},)")):
        model.compose(bars=2, seed=1, logits_processors=[lambda ids, logits: function(logits)])


def test_a_processor_cannot_change_what_others_see(model: Model) -> None:
    def spoils(ids: Any, logits: Any) -> Any:
        kept = logits.copy()
        logits[:] = 0
        return kept

    made, plain = (model.compose(bars=2, seed=1, logits_processors=own) for own in ([spoils], []))
    assert np.array_equal(made.ids, plain.ids)


def test_processors_are_called_in_order_with_the_ids_so_far(model: Model) -> None:
    seen: list[tuple[str, int]] = []

    def first(ids: Any, logits: Any) -> Any:
        seen.append(("first", len(ids)))
        return logits

    def second(ids: Any, logits: Any) -> Any:
        seen.append(("second", len(ids)))
        return logits

    made = model.compose(bars=2, seed=1, logits_processors=[first, second])
    assert seen == [(name, step) for step in range(1, len(made.ids)) for name in ("first", "second")]

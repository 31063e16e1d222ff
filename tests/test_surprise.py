"""Surprise: irregular noise while generating, as system B proposes against monotony."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.samplers import make_generators, make_sampler
from ritornello.generation.settings import SamplerConfig

LOGITS = np.log(np.array([[0.7, 0.2, 0.1, 1e-9]]))
ALL = np.ones((1, 4), dtype=bool)


def draws(count: int = 4000, mask: np.ndarray = ALL, **settings: float) -> np.ndarray:
    sample = make_sampler(checked(SamplerConfig, settings))
    generators = make_generators(5, [0])
    return np.array([sample(LOGITS, mask, generators)[0][0] for _ in range(count)])


def test_without_it_nothing_changes() -> None:
    assert np.array_equal(draws(200), draws(200, surprise=0))


def test_at_temperature_0_its_share_is_the_share_of_other_ids() -> None:
    assert (draws(temperature=0, surprise=0) == 0).all()
    assert np.mean(draws(temperature=0, surprise=0.1) != 0) == pytest.approx(0.1, abs=0.02)
    assert (draws(100, temperature=0, surprise=1) != 0).all()


def test_it_draws_from_what_the_network_thought_possible_too() -> None:
    ids = draws(temperature=0, surprise=1)
    shares = np.bincount(ids, minlength=4) / len(ids)
    flat = np.array([0.2, 0.1]) ** (1 / 1.5)
    assert shares[1:3] == pytest.approx(flat / flat.sum(), abs=0.03)
    assert shares[3] < 0.01


def test_it_comes_irregularly_and_by_the_seed_alone() -> None:
    places = np.flatnonzero(draws(temperature=0, surprise=0.2))
    assert len(set(np.diff(places).tolist())) > 5
    assert np.array_equal(places, np.flatnonzero(draws(temperature=0, surprise=0.2)))


def test_the_mask_wins() -> None:
    only = np.array([[True, False, False, False]])
    assert (draws(50, mask=only, surprise=1) == 0).all()
    two = np.array([[True, False, True, False]])
    assert (draws(50, mask=two, surprise=1) == 2).all()


def test_a_row_does_not_depend_on_the_others() -> None:
    sample = make_sampler(checked(SamplerConfig, {"surprise": 0.5}))
    together = make_generators(1, [0, 1, 2])
    rows = np.array([sample(np.repeat(LOGITS, 3, 0), np.repeat(ALL, 3, 0), together)[0] for _ in range(50)])
    alone = make_generators(1, [2])
    assert rows[:, 2].tolist() == [int(sample(LOGITS, ALL, alone)[0][0]) for _ in range(50)]


def test_more_than_always_is_refused() -> None:
    with pytest.raises(ConfigError, match="surprise"):
        checked(SamplerConfig, {"surprise": 1.5})

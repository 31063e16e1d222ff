"""Samplers: the mask wins, the same generator gives the same ids, the cuts keep what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.samplers import make_generators, make_sampler
from ritornello.generation.settings import SamplerConfig


def draw(logits, mask=None, seed=0, first=0, **config):
    """Return ids and log-probabilities for rows of logits, row k from generator first + k of `seed`."""
    logits = np.atleast_2d(np.asarray(logits, dtype=np.float32))
    mask = np.ones(logits.shape, dtype=bool) if mask is None else np.atleast_2d(mask)
    generators = make_generators(seed, range(first, first + len(logits)))
    return make_sampler(SamplerConfig(**config))(logits, mask, generators)


def drawn_ids(probabilities, count=3000, **config) -> set[int]:
    """Return all ids that occur in `count` draws."""
    rows = np.tile(np.log(probabilities), (count, 1))
    return set(draw(rows, **config)[0].tolist())


@st.composite
def logits_and_masks(draw_):
    batch, size = draw_(st.integers(1, 5)), draw_(st.integers(1, 12))
    values = st.floats(-50, 50, width=32) | st.sampled_from([-np.inf, np.inf, np.nan, 0.0])
    logits = draw_(st.lists(st.lists(values, min_size=size, max_size=size), min_size=batch, max_size=batch))
    mask = draw_(
        st.lists(st.lists(st.booleans(), min_size=size, max_size=size), min_size=batch, max_size=batch)
    )
    mask = np.array(mask)
    mask[:, draw_(st.integers(0, size - 1))] = True
    return np.array(logits, dtype=np.float32), mask


configs = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([0.0, 0.01, 0.5, 1.0, 10.0]),
        "top_p": st.sampled_from([0.01, 0.5, 0.98, 1.0]),
        "top_k": st.integers(0, 13),
        "min_p": st.sampled_from([0.0, 0.1, 1.0]),
    }
)


@given(logits_and_masks(), configs, st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_only_allowed_ids_are_drawn_whatever_the_logits(case, config, seed):
    logits, mask = case
    ids, log_probabilities = draw(logits, mask, seed, **config)
    assert mask[np.arange(len(ids)), ids].all()
    assert not np.isnan(log_probabilities).any()
    assert (log_probabilities <= 1e-9).all()


@given(logits_and_masks(), configs, st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_a_row_is_the_same_in_every_batch(case, config, seed):
    logits, mask = case
    together, _ = draw(logits, mask, seed, **config)
    alone = [int(draw(logits[k], mask[k], seed, first=k, **config)[0][0]) for k in range(len(logits))]
    assert together.tolist() == alone


def test_temperature_zero_is_argmax_of_the_allowed():
    ids, _ = draw([[1, 5, 3], [9, 5, 7]], [[True, True, True], [False, True, True]], temperature=0)
    assert ids.tolist() == [1, 2]


def test_same_seed_same_ids_other_seed_other_ids():
    rows = np.zeros((1, 1000))
    assert draw(rows, seed=5)[0] == draw(rows, seed=5)[0]
    assert len({int(draw(rows, seed=seed)[0][0]) for seed in range(20)}) > 10


def test_pieces_of_one_seed_differ():
    ids, _ = draw(np.zeros((20, 1000)))
    assert len(set(ids.tolist())) > 10


def test_each_step_takes_one_number_of_each_generator():
    sample = make_sampler(SamplerConfig())
    generators = make_generators(3, [0])
    sample(np.zeros((1, 4), dtype=np.float32), np.ones((1, 4), dtype=bool), generators)
    expected = make_generators(3, [0])[0]
    expected.random()
    assert generators[0].random() == expected.random()


def test_ids_come_in_proportion_to_their_probability():
    probabilities = np.array([0.5, 0.3, 0.15, 0.05])
    ids, _ = draw(np.tile(np.log(probabilities), (20_000, 1)), temperature=1.0, top_p=1.0)
    assert np.allclose(np.bincount(ids) / len(ids), probabilities, atol=0.012)


def test_the_sharpened_distribution_of_the_sources():
    """systems.md, I: (0.5, 0.25, 0.25) at temperature 0.5 is (2/3, 1/6, 1/6)."""
    rows = np.tile(np.log([0.5, 0.25, 0.25]), (60_000, 1))
    ids, log_probabilities = draw(rows, temperature=0.5, top_p=1.0)
    assert np.bincount(ids, minlength=3) / len(ids) == pytest.approx([2 / 3, 1 / 6, 1 / 6], abs=0.01)
    assert np.exp(log_probabilities) == pytest.approx(np.array([0.5, 0.25, 0.25])[ids], abs=1e-6)


def test_temperature_sharpens_and_flattens():
    probabilities = np.array([0.8, 0.2])
    rows = np.tile(np.log(probabilities), (20_000, 1))
    for temperature in (0.5, 2.0):
        expected = probabilities ** (1 / temperature)
        share = (draw(rows, top_p=1.0, temperature=temperature)[0] == 0).mean()
        assert share == pytest.approx(expected[0] / expected.sum(), abs=0.012)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"top_p": 1.0}, {0, 1, 2, 3}),
        ({"top_p": 0.75}, {0, 1, 2}),  # two make up 0.7, not enough
        ({"top_p": 0.65}, {0, 1}),
        ({"top_p": 0.39}, {0}),
        ({"top_p": 1.0, "top_k": 3}, {0, 1, 2}),
        ({"top_p": 1.0, "top_k": 1}, {0}),
        ({"top_p": 1.0, "min_p": 0.4}, {0, 1, 2}),  # at least 0.16
        ({"top_p": 1.0, "min_p": 0.6}, {0, 1}),  # at least 0.24
        ({"top_p": 1.0, "min_p": 1.0}, {0}),
        ({"top_p": 0.99, "top_k": 3, "min_p": 0.6}, {0, 1}),  # all must keep it
    ],
)
def test_cuts(config, expected):
    assert drawn_ids([0.4, 0.3, 0.2, 0.1], **config) == expected


def test_log_probability_is_that_of_the_whole_distribution():
    logits = np.array([[0.0, 1.0, 2.0]])
    ids, log_probabilities = draw(logits, [[True, False, False]], temperature=3, top_k=1)
    assert ids.tolist() == [0]
    assert log_probabilities[0] == pytest.approx(-np.log(np.exp(logits).sum()), abs=1e-6)


@pytest.mark.parametrize("bad", [{"temperature": -1}, {"top_p": 0}, {"min_p": 2}, {"warmth": 1}])
def test_values_not_allowed_are_config_errors(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        checked(SamplerConfig, bad)

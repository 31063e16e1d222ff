"""The stepping runtime gives the training network's logits, in batches of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fakes import StepRepresentation, small_network

from ritornello.bundle import Facts, load_bundle, save_bundle
from ritornello.errors import BundleError
from ritornello.generation.stepper import Stepper, repeat_state, take_rows

SIZES = [column.size for column in StepRepresentation.columns]


def rows(batch: int, time: int) -> np.ndarray:
    random = np.random.default_rng(batch)
    return np.stack([random.integers(size, size=(batch, time)) for size in SIZES], axis=-1)


def make_stepper(path, precision="float32", **config):
    network = small_network(StepRepresentation(), **config)
    save_bundle(path, network, StepRepresentation(), Facts(name="tiny"), precision)
    return network, Stepper(load_bundle(path))


@pytest.fixture(scope="module")
def stepper(tmp_path_factory) -> Stepper:
    return make_stepper(tmp_path_factory.mktemp("stepper") / "a.rit")[1]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "config", [{"tied": True}, {"tied": False, "layers": 1}, {"hidden": 32, "layers": 3}]
)
def test_stepper_equals_the_network(tmp_path, config, batch):
    network, stepper = make_stepper(tmp_path / "a.rit", **config)
    columns = rows(batch, 20)
    with torch.no_grad():
        expected, last = network(torch.from_numpy(columns), network.initial_state(batch))
    state = stepper.initial_state(batch)
    for t in range(columns.shape[1]):
        logits, state = stepper.step(columns[:, t], state)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, expected[:, t].numpy(), atol=1e-4)
    for part, other in zip(state, last, strict=True):
        np.testing.assert_allclose(part, other.numpy(), atol=1e-4)


def test_stepper_equals_the_loaded_network_in_half_precision(tmp_path):
    from ritornello.bundle import load_network

    _, stepper = make_stepper(tmp_path / "a.rit", "float16", hidden=24)
    network = load_network(load_bundle(tmp_path / "a.rit")).eval()
    columns = rows(1, 20)
    with torch.no_grad():
        expected, _ = network(torch.from_numpy(columns), network.initial_state(1))
    logits, _ = stepper.read(columns[0])
    np.testing.assert_allclose(logits, expected[:, -1].numpy(), atol=1e-4)


def test_rows_do_not_touch_each_other(stepper):
    columns = rows(5, 8)
    state = stepper.initial_state(5)
    for t in range(8):
        logits, state = stepper.step(columns[:, t], state)
    alone, alone_state = stepper.read(columns[3])
    np.testing.assert_allclose(alone[0], logits[3], atol=1e-6)
    np.testing.assert_allclose(alone_state[0][0], take_rows(state, [3])[0][0], atol=1e-6)


def test_a_step_leaves_the_state_it_is_given(stepper):
    _, state = stepper.read(rows(1, 4)[0])
    kept = tuple(part.copy() for part in state)
    first, _ = stepper.step([[3, 0]], state)
    second, _ = stepper.step([[3, 0]], state)
    assert np.array_equal(first, second)
    assert all(np.array_equal(a, b) for a, b in zip(state, kept, strict=True))


def test_states_are_cut_and_repeated_by_rows(stepper):
    _, state = stepper.step(rows(3, 1)[:, 0], stepper.initial_state(3))
    swapped = take_rows(state, [2, 0])
    assert all(np.array_equal(part[1], old[0]) for part, old in zip(swapped, state, strict=True))
    many = repeat_state(take_rows(state, [1]), 4)
    assert all(np.array_equal(row, old[1]) for part, old in zip(many, state, strict=True) for row in part)


def test_an_initial_state_that_is_not_zero_is_kept(tmp_path, monkeypatch):
    network = small_network(StepRepresentation())
    begin = type(network).initial_state
    monkeypatch.setattr(
        type(network), "initial_state", lambda self, batch: tuple(p + 0.123 for p in begin(self, batch))
    )
    save_bundle(tmp_path / "a.rit", network, StepRepresentation(), Facts(name="tiny"), "float16")
    state = Stepper(load_bundle(tmp_path / "a.rit")).initial_state(2)
    assert all((part == np.float32(0.123)).all() for part in state)


def test_weights_without_the_initial_state_are_refused(tmp_path):
    make_stepper(tmp_path / "a.rit")
    bundle = load_bundle(tmp_path / "a.rit")
    del bundle.weights["initial_state_1"]
    with pytest.raises(BundleError, match="lack initial_state_1"):
        Stepper(bundle)


def test_a_step_beside_the_caller_gives_what_a_step_gives(stepper):
    state = stepper.initial_state(3)
    begun = [stepper.start(columns, state) for columns in (rows(3, 2)[:, 0], rows(3, 2)[:, 1])]  # two at once
    for columns, finish in zip((rows(3, 2)[:, 0], rows(3, 2)[:, 1]), begun, strict=True):
        logits, after = finish()
        expected, expected_after = stepper.step(columns, state)
        assert np.array_equal(logits, expected)
        assert all(map(np.array_equal, after, expected_after))


def test_a_step_that_fails_beside_the_caller_says_so(stepper):
    with pytest.raises(BundleError, match="columns"):
        stepper.start(rows(3, 1)[:, 0, :1].repeat(9, axis=1), stepper.initial_state(3))()

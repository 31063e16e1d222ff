"""Weights as a bundle stores them: what rounding loses, and that values and scales that do not fit are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from fakes import StepRepresentation, small_network
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from ritornello.bundle import Facts, load_bundle, load_network, save_bundle, set_sampling
from ritornello.bundle.archive import CARD, WEIGHTS, unzip_members, zip_members
from ritornello.bundle.card import Sampling
from ritornello.bundle.precision import BLOCK, SCALES, dequantise, narrowed, quantise, widened
from ritornello.errors import BundleError, ConfigError
from ritornello.generation.step_model import quantise_columns
from ritornello.generation.stepper import Stepper

MATRIX = "network.lstm.weight_hh_l0"  # its rows have one whole block and a part of one
HIDDEN = BLOCK + 8

ROWS = np.array([[1, 2], [5, 0], [8, 3], [2, 1]])

widths = st.integers(BLOCK, 3 * BLOCK)


def save_small(path, precision="int8", seed=1):
    network = small_network(StepRepresentation(), hidden=HIDDEN, layers=1, seed=seed)
    save_bundle(path, network, StepRepresentation(), Facts(name="tiny"), precision)
    return network


@pytest.fixture(scope="module")
def members(tmp_path_factory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("precision") / "a.rit"
    save_small(path)
    return unzip_members(path, path.read_bytes())


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@given(st.integers(0, 4), widths, st.integers(0, 1000), st.sampled_from([0.0, 0.02, 1.0, 1e4]))
def test_numbers_in_blocks_are_within_half_a_scale(rows, width, seed, size):
    matrix = normal(seed, rows, width) * np.float32(size)
    values, scales = quantise(matrix, np.float16)
    assert (values.dtype, values.shape) == (np.int8, matrix.shape)
    assert (scales.dtype, scales.shape) == (np.float16, (rows, -(-width // BLOCK)))
    restored = dequantise(values, scales)
    steps = np.repeat(scales.astype(np.float32), BLOCK, axis=1)[:, :width]
    assert restored.dtype == np.float32
    assert np.array_equal(restored, values * steps)
    assert (np.abs(restored - matrix) <= 0.5001 * steps).all()


@given(widths, st.integers(0, 1000), st.sampled_from([1e-9, 1e-7, 1e-5]))
def test_tiny_numbers_are_within_the_least_half(width, seed, size):
    matrix = normal(seed, 2, width) * np.float32(size)
    assert (np.abs(dequantise(*quantise(matrix, np.float16)) - matrix) <= 127 * 2.0**-24).all()


def test_an_outlier_makes_its_own_block_coarser_only():
    matrix = normal(0, 1, 2 * BLOCK)
    matrix[0, 0] = 1000
    error = np.abs(dequantise(*quantise(matrix, np.float16)) - matrix)[0]
    assert error[:BLOCK].max() > 0.5
    assert error[BLOCK:].max() < 0.02


@given(widths, st.integers(0, 1000))
def test_blocks_that_are_stored_again_are_the_same(width, seed):
    stored = narrowed({"a": normal(seed, 3, width)}, "int8")
    again = narrowed(widened(stored), "int8")
    assert all(np.array_equal(stored[name], again[name]) for name in ("a", "a" + SCALES))


def test_only_matrices_with_rows_of_a_block_are_in_blocks():
    weights = {"wide": normal(0, 2, BLOCK), "narrow": normal(1, 99, BLOCK - 1), "vector": normal(2, 999)}
    stored = narrowed(weights | {"count": np.arange(3)}, "int8")
    kinds = {
        "wide": "int8",
        "wide/scales": "float16",
        "narrow": "float16",
        "vector": "float16",
        "count": "int64",
    }
    assert {name: array.dtype.name for name, array in stored.items()} == kinds
    assert {name: array.shape for name, array in widened(stored).items()} == {
        name: array.shape for name, array in weights.items()
    } | {"count": (3,)}


def test_a_bundle_in_blocks_gives_the_logits_of_the_rounded_weights(tmp_path):
    network = save_small(tmp_path / "a.rit")
    bundle = load_bundle(tmp_path / "a.rit")
    assert bundle.card.precision == "int8"
    assert bundle.card.version == 2
    assert bundle.parameters == sum(parameter.numel() for parameter in network.parameters())
    rounded = widened(narrowed({name: w.detach().numpy() for name, w in network.named_parameters()}, "int8"))
    columns = torch.tensor([[[1, 2], [5, 0], [8, 3]]])
    before = network(columns, network.initial_state(1))[0]
    network.load_state_dict({name: torch.from_numpy(array) for name, array in rounded.items()})
    after = network(columns, network.initial_state(1))[0]
    loaded = load_network(bundle).eval()
    assert torch.equal(loaded(columns, loaded.initial_state(1))[0], after)
    assert not torch.equal(before, after)


def test_a_bundle_in_blocks_is_the_same_bytes_each_time_and_a_byte_a_weight(tmp_path):
    network = save_small(tmp_path / "a.rit")
    save_small(tmp_path / "b.rit")
    assert (tmp_path / "a.rit").read_bytes() == (tmp_path / "b.rit").read_bytes()
    numbers = sum(parameter.numel() for parameter in network.parameters())
    assert (tmp_path / "a.rit").stat().st_size < 1.1 * numbers + 12_000


def test_a_card_that_is_written_again_keeps_the_version(tmp_path):
    save_small(tmp_path / "a.rit")
    set_sampling(tmp_path / "a.rit", Sampling(temperature=0.9))
    assert load_bundle(tmp_path / "a.rit").card.version == 2


@pytest.mark.parametrize("precision", ["float16", "int8"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e8])
def test_weights_beyond_a_precision_are_not_saved(tmp_path, precision, value):
    network = small_network(StepRepresentation(), hidden=HIDDEN, layers=1)
    with torch.no_grad():
        network.lstm.weight_hh_l0[3, 70] = value
    with pytest.raises(ConfigError, match=r"lstm\.weight_hh_l0.* has values that are not finite"):
        save_bundle(tmp_path / "a.rit", network, StepRepresentation(), Facts(name="tiny"), precision)
    assert list(tmp_path.iterdir()) == []


# --- what is refused ------------------------------------------------------------------------------------------


def load_changed(path, members, **arrays: np.ndarray | None):
    """Load the bundle `members` with other arrays of MATRIX: `values` and `scales`; None for none."""
    weights = load(members[WEIGHTS])
    for name, array in arrays.items():
        weights.pop(key := MATRIX + (SCALES if name == "scales" else ""))
        weights |= {} if array is None else {key: array}
    path.write_bytes(zip_members(members | {WEIGHTS: save(weights)}))
    return load_bundle(path)


VALUES = np.zeros((4 * HIDDEN, HIDDEN), dtype=np.int8)
SHAPE = (4 * HIDDEN, 2)


def test_other_values_and_scales_that_fit_are_taken(tmp_path, members):
    values, scales = VALUES + np.int8(3), np.full(SHAPE, 0.5, dtype=np.float16)
    bundle = load_changed(tmp_path / "a.rit", members, values=values, scales=scales)
    assert (bundle.weights[MATRIX] == 1.5).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scales": None}, "weight_hh_l0 has values of 8 bits without scales of 16 bits"),
        ({"scales": np.ones(SHAPE, dtype=np.float32)}, "without scales of 16 bits"),
        ({"values": None}, "weight_hh_l0/scales belongs to no values of 8 bits"),
        ({"values": VALUES.astype(np.float16)}, "belongs to no values of 8 bits"),
        ({"values": VALUES[..., None]}, "do not fit scales of shape"),
        ({"values": np.zeros((), dtype=np.int8)}, "do not fit scales of shape"),
        ({"values": VALUES[:, :BLOCK]}, r"shape \(288, 64\) do not fit scales of shape \(288, 2\)"),
        (
            {"scales": np.full(SHAPE, np.inf, dtype=np.float16)},
            "weight_hh_l0/scales has values that are not finite",
        ),
        ({"scales": np.full(SHAPE, np.nan, dtype=np.float16)}, "not finite"),
    ],
)
def test_values_and_scales_that_do_not_fit_are_refused(tmp_path, members, changes, message):
    with pytest.raises(BundleError, match=message) as caught:
        load_changed(tmp_path / "a.rit", members, **changes)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "a.rit"))


@given(st.lists(st.integers(0, 3 * BLOCK), max_size=3).map(tuple).filter(lambda shape: shape != SHAPE))
def test_scales_of_any_other_shape_are_refused(shape):
    scales = np.broadcast_to(np.float16(1), shape)
    with pytest.raises(ValueError, match="do not fit scales"):
        widened({"a": VALUES, "a" + SCALES: scales})


def test_older_versions_of_the_library_are_told_the_version(tmp_path, members):
    """A card with blocks has version 2, which version 0.1 refuses by number."""
    assert json.loads(members[CARD])["version"] == 2
    save_small(tmp_path / "half.rit", "float16")
    path = tmp_path / "half.rit"
    assert json.loads(unzip_members(path, path.read_bytes())[CARD])["version"] == 1


# --- steps ----------------------------------------------------------------------------------------------------


def test_a_bundle_in_blocks_is_stepped_in_8_bits_unless_told_otherwise(tmp_path):
    save_small(tmp_path / "a.rit")
    bundle = load_bundle(tmp_path / "a.rit")
    found = {each: Stepper(bundle, precision=each).read(ROWS)[0] for each in ("auto", "int8", "float32")}
    assert np.array_equal(found["auto"], found["int8"])
    assert not np.array_equal(found["auto"], found["float32"])
    np.testing.assert_allclose(found["auto"], found["float32"], atol=0.2)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_other_bundles_are_stepped_in_float32_unless_told_otherwise(tmp_path, precision):
    save_small(tmp_path / "a.rit", precision)
    bundle = load_bundle(tmp_path / "a.rit")
    found = {each: Stepper(bundle, precision=each).read(ROWS)[0] for each in ("auto", "int8", "float32")}
    assert np.array_equal(found["auto"], found["float32"])
    assert not np.array_equal(found["auto"], found["int8"])


def test_steps_in_8_bits_have_the_blocks_that_are_stored():
    stored = narrowed({"a": normal(4, 5, 2 * BLOCK)}, "int8")
    values, scales = quantise_columns(widened(stored)["a"].T)
    assert np.array_equal(values.reshape(5, -1).astype(int) - 128, stored["a"])
    np.testing.assert_allclose(scales, stored["a" + SCALES], rtol=1e-6)

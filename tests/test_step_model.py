"""Steps with weights of 8 bits: what is rounded, what is rewritten, and that the result stays near."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import StepRepresentation, small_network
from hypothesis import given
from hypothesis import strategies as st

from ritornello.bundle import Facts, load_bundle, save_bundle
from ritornello.bundle.precision import BLOCK
from ritornello.config import checked
from ritornello.errors import BundleError
from ritornello.generation.compose import compose
from ritornello.generation.config import ComposeConfig
from ritornello.generation.onnx_model import attributes_of, externals_of, read_model
from ritornello.generation.step_model import quantise_columns, quantised_step, unroll_lstm
from ritornello.generation.stepper import Stepper


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "a.rit"
    network = small_network(StepRepresentation(), hidden=24, layers=2)
    save_bundle(path, network, StepRepresentation(), Facts(name="tiny"))
    return load_bundle(path)


@given(
    st.integers(1, 3 * BLOCK), st.integers(1, 5), st.integers(0, 1000), st.sampled_from([0.0, 1e-6, 1.0, 1e4])
)
def test_rounded_weights_are_within_half_a_step(height, width, seed, size):
    matrix = (np.random.default_rng(seed).normal(size=(height, width)) * size).astype(np.float32)
    values, scales = quantise_columns(matrix)
    blocks = -(-height // BLOCK)
    assert values.shape == (width, blocks, BLOCK)
    assert scales.shape == (width, blocks)
    weights = (values.astype(np.float64) - 128) * scales[..., None]
    restored = weights.reshape(width, -1)[:, :height].T
    steps = np.repeat(scales, BLOCK, axis=1)[:, :height].T
    assert (np.abs(restored - matrix) <= 0.5001 * steps).all()


def test_every_matrix_product_is_of_8_bits(bundle):
    def run(graph, names):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(bundle.weights[name]) for name in names]
        options.add_external_initializers(list(names), values)
        return onnxruntime.InferenceSession(graph, options).run(None, {})

    data, left = quantised_step(bundle.step, run)
    model = read_model(data)
    operators = [node.operator for node in model.graph.node]
    assert not {"LSTM", "MatMul", "Gemm"}.intersection(operators)
    assert operators.count("MatMulNBits") == 4  # two layers, the projection, the output
    assert not any("lstm.weight" in name for name in left)
    assert left == externals_of(model)


def test_a_model_written_again_is_the_same(bundle):
    assert read_model(read_model(bundle.step).SerializeToString()) == read_model(bundle.step)


def test_an_lstm_that_says_more_than_its_size_is_left_alone(bundle):
    model = read_model(bundle.step)
    layers = [node for node in model.graph.node if node.operator == "LSTM"]
    layers[0].attribute.add(name="clip", type=1, real=3.0)
    assert attributes_of(layers[0])["clip"] == 3.0
    unroll_lstm(model)
    assert [node.operator for node in model.graph.node].count("LSTM") == 1


def test_rows_do_not_touch_each_other_in_8_bits(bundle):
    stepper = Stepper(bundle, precision="int8")
    random = np.random.default_rng(0)
    columns = np.stack([random.integers(c.size, size=(6, 5)) for c in StepRepresentation.columns], axis=-1)
    state = stepper.initial_state(5)
    for row in columns:
        logits, state = stepper.step(row, state)
    alone, _ = stepper.read(columns[:, 3])
    np.testing.assert_allclose(alone[0], logits[3], atol=1e-5)


def test_composing_in_8_bits_is_asked_for_and_told(bundle, monkeypatch):
    monkeypatch.setitem(bundle.__dict__, "representation", StepRepresentation())
    config = checked(ComposeConfig, {"precision": "int8", "seed": 1, "bars": 4})
    piece = compose(bundle, config)[0]
    assert '"precision": "int8"' in piece.score.texts[0].text


def test_a_graph_that_is_none_is_refused(bundle):
    with pytest.raises(BundleError, match="step graph cannot be built"):
        Stepper(replace(bundle, step=b"\xff\xff nothing"), precision="int8")

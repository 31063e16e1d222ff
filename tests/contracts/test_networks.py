"""The laws of networks, for every one that is registered."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ritornello.bundle import Facts, load_bundle, save_bundle, save_style
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Stepper
from ritornello.networks import NETWORKS, detach, make_network, reset_rows
from ritornello.representations.base import Column
from ritornello.training.adapt import learned_vectors

SIZES = (13, 5, 14)  # the last can be a candidate

SMALL = {  # a network without a small configuration here fails the laws, on purpose
    "lstm": [
        {"hidden": 8, "layers": 1, "embedding": 8, "tied": False},
        {"hidden": 8, "layers": 2, "embedding": 6, "tied": True, "dropout": 0.5, "candidates": [2]},
    ],
    "note_classifier": [
        {"hidden": 8, "layers": 1, "input": "scalar", "dense": 0},
        {"hidden": 8, "layers": 2, "embedding": 6, "dense": 5},
        {
            "widths": [6, 9, 7],
            "layers": 3,
            "dense": 5,
            "norm": True,
            "activation": "relu",
            "recurrent_dropout": 0.5,
        },
    ],
    "magenta_lstm": [
        {"hidden": 8, "layers": 1},
        {"hidden": 8, "layers": 2, "given": 2},
    ],
    "attention_rnn": [
        {"hidden": 8, "layers": 1, "attention": 3},
        {"hidden": 8, "layers": 2, "attention": 40, "given": 2},
    ],
    "one_hot_lstm": [
        {"hidden": 8, "layers": 1},
        {"hidden": 8, "layers": 2, "dropout": 0.5},
    ],
    "gate_dropout_lstm": [{"hidden": 8, "layers": 2}, {"hidden": 6, "layers": 4}],
    "min_gru": [
        {"hidden": 8, "layers": 1, "convolution": 1},
        {"hidden": 8, "layers": 2, "embedding": 6, "candidates": [2]},
    ],
    "rg_lru": [{"hidden": 8, "layers": 1, "tied": False}, {"hidden": 8, "layers": 2, "convolution": 2}],
}


class Columns:
    """As much of a representation as a bundle's card needs."""

    name = "columns"
    columns = tuple(Column(str(i), size) for i, size in enumerate(SIZES))

    def config(self) -> dict[str, object]:
        return {}


CASES = [(name, config) for name in NETWORKS for config in SMALL[name]]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]['layers']}")
def network(request):
    torch.manual_seed(1)
    name, config = request.param
    made = make_network(name, config, SIZES)
    for layer in getattr(made, "point", ()):
        torch.nn.init.normal_(layer.weight)  # candidates point to nothing before there was any training
    return made.eval()


def inputs(batch: int, time: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(batch * 100 + time)
    return torch.stack([torch.randint(size, (batch, time), generator=generator) for size in SIZES], dim=-1)


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, atol=1e-5)


def test_logits_have_the_shape_of_the_vocabulary(network):
    logits, state = network(inputs(3, 7), network.initial_state(3))
    assert logits.shape == (3, 7, SIZES[0])
    assert [part.shape for part in state] == [part.shape for part in network.initial_state(3)]


def test_steps_at_once_equal_single_steps(network):
    x = inputs(2, 9)
    at_once, last = network(x, network.initial_state(2))
    state, single = network.initial_state(2), []
    for t in range(x.shape[1]):
        logits, state = network(x[:, t : t + 1], state)
        single.append(logits)
    assert close(torch.cat(single, dim=1), at_once)
    assert all(close(a, b) for a, b in zip(state, last, strict=True))
    assert not close(at_once[:, 0], at_once[:, -1])  # it does depend on what was read


def test_rows_are_independent(network):
    x = inputs(4, 6)
    logits, state = network(x, network.initial_state(4))
    row_logits, row_state = network(x[2:3], network.initial_state(1))
    assert close(row_logits, logits[2:3])
    assert all(close(row, part[2:3]) for row, part in zip(row_state, state, strict=True))


def test_state_is_floats_batch_first(network):
    state = network.initial_state(5)
    assert isinstance(state, tuple)
    assert all(part.shape[0] == 5 and part.dtype == torch.float32 for part in state)


def test_state_can_be_forked_and_says_everything_about_the_past(network):
    past, one, other = inputs(1, 5), inputs(1, 3), inputs(1, 4)
    _, state = network(past, network.initial_state(1))
    kept = tuple(part.clone() for part in state)
    network(one, state)
    assert all(
        torch.equal(a, b) for a, b in zip(state, kept, strict=True)
    )  # a step changes no state it is given
    after_fork, _ = network(other, state)
    whole, _ = network(torch.cat([past, other], dim=1), network.initial_state(1))
    assert close(after_fork, whole[:, past.shape[1] :])


def test_detached_state_cuts_the_gradient(network):
    _, state = network(inputs(2, 3), network.initial_state(2))
    assert any(part.requires_grad for part in state)
    assert not any(part.requires_grad for part in detach(state))


def test_rows_of_a_state_can_be_reset(network):
    _, state = network(inputs(3, 4), network.initial_state(3))
    reset = reset_rows(state, network.initial_state(3), torch.tensor([False, True, False]))
    for part, old, new in zip(reset, state, network.initial_state(3), strict=True):
        assert torch.equal(part[1], new[1])
        assert torch.equal(part[[0, 2]], old[[0, 2]])


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("int8", 0.1)])
def test_the_step_graph_gives_the_logits(network, tmp_path, precision, tolerance):
    save_bundle(tmp_path / "a.rit", network, Columns(), Facts(name="tiny"))
    stepper = Stepper(load_bundle(tmp_path / "a.rit"), precision=precision)
    x = inputs(3, 12)
    with torch.no_grad():
        expected, _ = network(x, network.initial_state(3))
    state = stepper.initial_state(3)
    for t in range(x.shape[1]):
        logits, state = stepper.step(x[:, t].numpy(), state)
        np.testing.assert_allclose(logits, expected[:, t].numpy(), atol=tolerance)


def test_biases_learned_as_a_style_are_those_that_are_played(network, tmp_path):
    save_bundle(tmp_path / "a.rit", network, Columns(), Facts(name="tiny"))
    vectors = learned_vectors(network)
    assert vectors
    with torch.no_grad():
        for vector in vectors.values():
            vector.add_(torch.randn(vector.shape).half()).copy_(vector.half())
    learned = {"network." + name: vector.detach().half().numpy() for name, vector in vectors.items()}
    save_style(tmp_path / "b.rit", load_bundle(tmp_path / "a.rit"), learned, Facts(name="mine"))
    stepper = Stepper(load_bundle(tmp_path / "b.rit"))
    x = inputs(2, 1)
    with torch.no_grad():
        expected, _ = network(x, network.initial_state(2))
    logits, _ = stepper.step(x[:, 0].numpy(), stepper.initial_state(2))
    np.testing.assert_allclose(logits, expected[:, 0].numpy(), atol=1e-4)


def test_unknown_network_names_the_nearest():
    with pytest.raises(ConfigError, match="nearest is 'lstm'"):
        make_network("lstn", {}, SIZES)


@pytest.mark.parametrize("name", NETWORKS)
def test_unknown_key_is_refused(name):
    with pytest.raises(ConfigError, match="surprise"):
        make_network(name, {**SMALL[name][0], "surprise": 1}, SIZES)

"""The network of systems A and B: its size, its cell, and where its dropout acts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fakes import StepRepresentation

from ritornello.bundle import Facts, load_bundle, save_bundle
from ritornello.generation.stepper import Stepper
from ritornello.networks import count_parameters, make_network


def network(vocabulary: int = 11, **config: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return make_network("gate_dropout_lstm", config, (vocabulary,))


@pytest.mark.parametrize("layers", [2, 4])
@pytest.mark.parametrize(("vocabulary", "units"), [(100, 64), (2048, 16)])
def test_parameters_are_embedding_layers_with_two_biases_and_linear(
    layers: int, vocabulary: int, units: int
) -> None:
    layer = 2 * (units * 4 * units + 4 * units)
    expected = vocabulary * units + layers * layer + units * vocabulary + vocabulary
    assert count_parameters(network(vocabulary, hidden=units, layers=layers)) == expected


def test_without_dropout_it_is_the_standard_cell() -> None:
    mine = network(hidden=8, layers=1).eval()
    theirs = torch.nn.LSTM(8, 8, batch_first=True)
    layer = mine.layers[0]
    pairs = (("weight_ih_l0", layer.from_input.weight), ("weight_hh_l0", layer.from_hidden.weight))
    pairs += (("bias_ih_l0", layer.from_input.bias), ("bias_hh_l0", layer.from_hidden.bias))
    theirs.load_state_dict(dict(pairs))
    ids = torch.randint(11, (3, 7, 1))
    logits, (h, c) = mine(ids, mine.initial_state(3))
    expected, (hn, cn) = theirs(mine.embeddings[0](ids[..., 0]))
    assert torch.allclose(logits, mine.project(expected), atol=1e-5)
    assert torch.allclose(h[:, 0], hn[0], atol=1e-5)
    assert torch.allclose(c[:, 0], cn[0], atol=1e-5)


def test_dropout_acts_on_the_input_side_only() -> None:
    layer = network(hidden=16, layers=1, dropout=0.5).layers[0].train()
    with torch.no_grad():
        layer.from_hidden.weight.zero_()
        layer.from_hidden.bias.zero_()
        layer.from_input.weight.zero_()
        layer.from_input.bias.fill_(100.0)  # open gates, candidate 1; 0 where dropped
        _, _, c = layer(torch.zeros(64, 1, 16), torch.zeros(64, 16), torch.zeros(64, 16))
    values = {round(float(value), 3) for value in c.flatten()}
    assert values == {0.0, 0.5, 1.0}  # sigmoid(0 or 200) * tanh(0 or 200)
    with torch.no_grad():  # now all comes through the recurrent path: nothing is dropped
        layer.from_input.bias.zero_()
        layer.from_hidden.bias.fill_(100.0)
        _, _, c = layer(torch.zeros(64, 1, 16), torch.zeros(64, 16), torch.zeros(64, 16))
    assert torch.equal(c, torch.ones_like(c))


def test_it_is_still_in_evaluation() -> None:
    mine = network(hidden=8, layers=2).eval()
    ids = torch.randint(11, (2, 5, 1))
    assert torch.equal(mine(ids, mine.initial_state(2))[0], mine(ids, mine.initial_state(2))[0])


@pytest.mark.parametrize("layers", [2, 4])
def test_the_step_graph_gives_the_same_logits(layers: int, tmp_path) -> None:
    sizes = [column.size for column in StepRepresentation.columns]
    torch.manual_seed(1)
    mine = make_network("gate_dropout_lstm", {"hidden": 12, "layers": layers}, tuple(sizes)).eval()
    save_bundle(tmp_path / "a.rit", mine, StepRepresentation(), Facts(name="a"))
    stepper = Stepper(load_bundle(tmp_path / "a.rit"))
    columns = np.stack([np.random.default_rng(2).integers(size, size=(3, 9)) for size in sizes], axis=-1)
    with torch.no_grad():
        expected, _ = mine(torch.from_numpy(columns), mine.initial_state(3))
    state = stepper.initial_state(3)
    for t in range(9):
        logits, state = stepper.step(columns[:, t], state)
        np.testing.assert_allclose(logits, expected[:, t].numpy(), atol=1e-4)

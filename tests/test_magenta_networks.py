"""Magenta's networks: parameter counts, the cells against their formulas, the step graph, the presets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ritornello.bundle import Facts, load_bundle, save_bundle
from ritornello.generation.stepper import Stepper
from ritornello.networks import count_parameters, make_network
from ritornello.networks.attention_rnn import AttentionCell
from ritornello.networks.magenta_lstm import BasicLstm, JoinColumns
from ritornello.presets import make_config
from ritornello.representations.melody import Melody
from ritornello.training.tuning import SIZE_FIELDS

COUNTS = {"basic_rnn": 221_990, "mono_rnn": 280_962, "lookback_rnn": 264_744, "attention_rnn": 338_006}
INPUTS = {"basic_rnn": 38, "mono_rnn": 130, "lookback_rnn": 121, "attention_rnn": 74}


def of_preset(name: str, **sizes: int) -> tuple[torch.nn.Module, Melody]:
    config = make_config(name, {})
    melody = Melody.fit([], config.representation_options)
    own = {field: getattr(config, field) for field in SIZE_FIELDS[:2]} | {"dropout": config.dropout}
    columns = tuple(column.size for column in melody.columns)
    return make_network(config.network, own | config.network_options | sizes, columns), melody


@pytest.mark.parametrize("preset", COUNTS)
def test_parameter_counts(preset: str) -> None:
    network, melody = of_preset(preset)
    assert count_parameters(network) == COUNTS[preset]
    assert network.join.width == INPUTS[preset]
    assert network.project.out_features == melody.vocabulary_size - 2


@pytest.mark.parametrize("preset", COUNTS)
def test_the_step_graph_gives_the_logits_of_the_network(preset: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network, melody = of_preset(preset, hidden=16)
    save_bundle(tmp_path / "m.rit", network.eval(), melody, Facts(name="m"))
    ids = np.random.default_rng(1).integers(0, melody.vocabulary_size, 50)
    rows = melody.inputs(ids)
    stepper = Stepper(load_bundle(tmp_path / "m.rit"))
    state, steps = stepper.initial_state(1), []
    for row in rows:
        logits, state = stepper.step(row[None], state)
        steps.append(logits[0])
    with torch.no_grad():
        whole, _ = network(torch.from_numpy(rows)[None].long(), network.initial_state(1))
    assert np.abs(np.array(steps) - whole[0].numpy()).max() < 1e-4
    assert (np.array(steps)[:, -2:] == -1e4).all()  # start and end are never predicted


def test_columns_become_one_vector() -> None:
    sizes = (9, 4, 2, 3)
    inputs = torch.tensor([[[5, 2, 1, 0], [5, 3, 0, 2]]])
    assert JoinColumns(sizes)(inputs).tolist() == [[[0, 0, 1, 1, -1], [0, 0, 0, 0, 1]]]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm_step(cell: BasicLstm, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    w, u, b = (p.detach().numpy() for p in (cell.input_weight, cell.hidden_weight, cell.bias))
    i, f, g, o = np.split(w @ x + u @ h + b, 4)
    c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def test_the_attention_cell_is_its_formula() -> None:
    torch.manual_seed(2)
    n, slots, time = 5, 3, 7
    cell = AttentionCell(4, n)
    torch.nn.init.normal_(cell.lstm.bias)
    x = torch.randn(1, time, 4)
    zeros = torch.zeros(1, n)
    ours, _ = cell(x, (zeros, zeros, zeros, *[torch.zeros(1, slots, n)] * 2))

    def linear(layer: torch.nn.Linear, *parts: np.ndarray) -> np.ndarray:
        bias = 0 if layer.bias is None else layer.bias.detach().numpy()
        return layer.weight.detach().numpy() @ np.concatenate(parts) + bias

    h = c = d = np.zeros(n)
    store = [np.zeros(n)] * slots
    for t in range(time):
        h, c = lstm_step(cell.lstm, linear(cell.mix, x[0, t].numpy(), d), h, c)
        query = linear(cell.query, c, h)
        u = np.array([linear(cell.score, np.tanh(linear(cell.key, a) + query))[0] for a in store])
        alpha = np.exp(u) / np.exp(u).sum()
        d = sum(weight * a for weight, a in zip(alpha, store, strict=True))
        y = linear(cell.output, h, d)
        store = [*store[1:], y]
        assert np.allclose(ours[0, t].detach().numpy(), y, atol=1e-5)


def test_while_it_learns_the_attention_takes_no_key_from_before() -> None:
    torch.manual_seed(3)
    cell, x, store = AttentionCell(4, 5), torch.randn(2, 3, 4), torch.randn(2, 6, 5)
    zeros = torch.zeros(2, 5)

    def outputs(keys: torch.Tensor) -> torch.Tensor:
        return cell(x, (zeros, zeros, zeros, store, keys))[0]

    stale = torch.randn_like(store)
    assert torch.equal(outputs(stale), outputs(cell.key(store)))
    cell.eval()
    assert not torch.allclose(outputs(stale), outputs(cell.key(store)))


@pytest.mark.parametrize("preset", COUNTS)
def test_presets_train_as_magenta_does(preset: str) -> None:
    config = make_config(preset, {})
    assert (config.hidden, config.layers, config.dropout, config.batch) == (128, 2, 0.5, 128)
    assert (config.optimizer, config.learning_rate, config.schedule) == ("adam", 0.001, "constant")
    assert config.clip == (3.0 if preset == "attention_rnn" else 5.0)
    assert not config.transpose

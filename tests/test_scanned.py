"""The linear recurrence: its values and its gradients are those of the loop it stands for."""

from __future__ import annotations

import pytest
import torch

from ritornello.networks import make_network
from ritornello.networks.rg_lru import FASTEST, SHARPNESS, SLOWEST, RgLruCell
from ritornello.networks.scanned import Convolution, scan


def sequence(time: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(time)
    shapes = [(2, time, 3), (2, time, 3), (2, 3)]
    tensors = [torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return tuple(tensor.requires_grad_() for tensor in tensors)  # type: ignore[return-value]


@pytest.mark.parametrize("time", [1, 2, 7])
def test_scan_is_the_loop_it_stands_for(time):
    keep, add, state = sequence(time)
    h, expected = state, []
    for t in range(time):
        h = keep[:, t] * h + add[:, t]
        expected.append(h)
    torch.testing.assert_close(scan(keep, add, state), torch.stack(expected, dim=1))


@pytest.mark.parametrize("time", [1, 2, 7])
def test_gradients_of_the_scan_are_right(time):
    assert torch.autograd.gradcheck(scan, sequence(time))


def test_the_convolution_sees_the_steps_before_the_window():
    convolution = Convolution(hidden=3, width=3)
    x = torch.randn(2, 9, 3)
    nothing = torch.zeros(2, 2, 3)
    whole, _ = convolution(x, nothing)
    first, state = convolution(x[:, :4], nothing)
    second, _ = convolution(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    by_hand = sum(weight * x[:, 6 + age] for age, weight in enumerate(convolution.weight))
    torch.testing.assert_close(whole[:, 8], by_hand + convolution.bias)


def test_a_gated_unit_with_its_gate_shut_keeps_its_state():
    cell = RgLruCell(4)
    torch.nn.init.zeros_(cell.gates.weight)
    torch.nn.init.constant_(cell.gates.bias, -100.0)
    _, state = cell(torch.randn(2, 5, 4), torch.full((2, 4), 0.5))
    torch.testing.assert_close(state, torch.full((2, 4), 0.5))


def test_units_begin_with_rates_of_forgetting_between_the_two_given():
    kept = (RgLruCell(16).forget.sigmoid() ** SHARPNESS).tolist()
    assert min(kept) == pytest.approx(FASTEST, abs=1e-4)
    assert max(kept) == pytest.approx(SLOWEST, abs=1e-4)


@pytest.mark.parametrize("name", ["min_gru", "rg_lru"])
def test_long_runs_stay_finite_and_learn(name):
    torch.manual_seed(0)
    network = make_network(name, {"hidden": 8, "layers": 2, "embedding": 8, "dropout": 0.0}, (5,))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    ids = torch.arange(1, 41).remainder(5).repeat(2, 1)
    losses = []
    for _ in range(60):
        logits, _ = network(ids[:, :-1, None], network.initial_state(2))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]

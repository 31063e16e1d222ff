"""Dropout by bytes of random numbers: the share, the mean, and when it does nothing."""

from __future__ import annotations

import pytest
import torch

from ritornello.networks.dropout import Dropout


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_the_share_is_dropped_and_the_mean_stays(share: float) -> None:
    torch.manual_seed(1)
    y = Dropout(share)(torch.ones(400, 257))
    dropped = (y == 0).float().mean().item()
    assert abs(dropped - share) < 1 / 256 + 0.005
    kept = y[y != 0]
    assert (kept == kept[0]).all()
    assert y.mean().item() == pytest.approx(1, abs=0.1)


def test_gradients_flow_where_values_do() -> None:
    x = torch.ones(33, 7, requires_grad=True)
    y = Dropout(0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


@pytest.mark.parametrize(("share", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_dropped(share: float, training: bool) -> None:
    x = torch.randn(3, 4)
    assert Dropout(share).train(training)(x) is x


def test_the_same_seed_drops_the_same() -> None:
    x = torch.ones(5, 9)
    torch.manual_seed(4)
    once = Dropout(0.3)(x)
    torch.manual_seed(4)
    again = Dropout(0.3)(x)
    assert not torch.equal(again, Dropout(0.3)(x))
    assert torch.equal(once, again)

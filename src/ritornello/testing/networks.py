"""The laws of networks. Each takes a fresh network of `make_case`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ritornello.bundle import Bundle, Facts, load_bundle, save_bundle, save_style
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Stepper
from ritornello.networks import NETWORKS, Network, detach, reset_rows
from ritornello.networks.mapping import mapped_weights
from ritornello.representations.base import Column
from ritornello.testing import refusal
from ritornello.training.learned import biases
from ritornello.training.loader import Batch
from ritornello.training.loss import network_loss

SIZES = (13, 5, 14)
"""Values of each column; the last can be a candidate."""


class _Columns:
    """The part of a representation that a bundle's card needs."""

    name = "columns"
    columns = tuple(Column(str(i), size) for i, size in enumerate(SIZES))

    def config(self) -> dict[str, Any]:
        return {}


def make_case(kind: type[Network], config: Mapping[str, Any]) -> Network:
    """Return a network for columns of SIZES, with the same random weights each time, not training."""
    torch.manual_seed(1)
    network = kind(checked(kind.config_model, config), SIZES)
    for layer in getattr(network, "point", ()):
        torch.nn.init.normal_(layer.weight)  # it is 0 before training
    network.eval()
    return network


def it_is_registered(network: Network) -> None:
    """`NETWORKS` has it under its name."""
    assert NETWORKS.get(network.name) is type(network), f"{network.name!r} is not registered"


def unknown_settings_are_refused(network: Network) -> None:
    """The configuration names a setting that it does not know."""
    settings = {**network.config.model_dump(), "surprise": 1}
    assert "surprise" in refusal(ConfigError, lambda: checked(network.config_model, settings))


def logits_have_the_shape_of_the_vocabulary(network: Network) -> None:
    """Logits are (batch, time, vocabulary); the state keeps its shapes."""
    logits, state = network(_inputs(3, 7), network.initial_state(3))
    assert logits.shape == (3, 7, SIZES[0])
    assert [part.shape for part in state] == [part.shape for part in network.initial_state(3)]


def steps_at_once_equal_single_steps(network: Network) -> None:
    """T steps at once give the logits and the state of T single steps, and depend on the inputs."""
    x = _inputs(2, 9)
    at_once, last = network(x, network.initial_state(2))
    state, single = network.initial_state(2), []
    for t in range(x.shape[1]):
        logits, state = network(x[:, t : t + 1], state)
        single.append(logits)
    assert _close(torch.cat(single, dim=1), at_once)
    assert all(_close(a, b) for a, b in zip(state, last, strict=True))
    assert not _close(at_once[:, 0], at_once[:, -1])


def rows_are_independent(network: Network) -> None:
    """The logits of a row do not depend on the other rows of the batch."""
    x = _inputs(4, 6)
    logits, state = network(x, network.initial_state(4))
    row_logits, row_state = network(x[2:3], network.initial_state(1))
    assert _close(row_logits, logits[2:3])
    assert all(_close(row, part[2:3]) for row, part in zip(row_state, state, strict=True))


def the_state_is_floats_batch_first(network: Network) -> None:
    """A state is a tuple of float32 tensors, batch first."""
    state = network.initial_state(5)
    assert isinstance(state, tuple)
    assert all(part.shape[0] == 5 and part.dtype == torch.float32 for part in state)


def the_state_can_be_forked_and_says_everything_about_the_past(network: Network) -> None:
    """A step does not change its input state, and the state holds everything about the past."""
    past, one, other = _inputs(1, 5), _inputs(1, 3), _inputs(1, 4)
    _, state = network(past, network.initial_state(1))
    kept = tuple(part.clone() for part in state)
    network(one, state)
    assert all(torch.equal(a, b) for a, b in zip(state, kept, strict=True))
    after_fork, _ = network(other, state)
    whole, _ = network(torch.cat([past, other], dim=1), network.initial_state(1))
    assert _close(after_fork, whole[:, past.shape[1] :])


def a_detached_state_cuts_the_gradient(network: Network) -> None:
    """The state carries gradients until it is detached."""
    _, state = network(_inputs(2, 3), network.initial_state(2))
    assert any(part.requires_grad for part in state)
    assert not any(part.requires_grad for part in detach(state))


def rows_of_a_state_can_be_reset(network: Network) -> None:
    """`reset_rows` gives chosen rows the initial state, and leaves the others."""
    _, state = network(_inputs(3, 4), network.initial_state(3))
    reset = reset_rows(state, network.initial_state(3), torch.tensor([False, True, False]))
    for part, old, new in zip(reset, state, network.initial_state(3), strict=True):
        assert torch.equal(part[1], new[1])
        assert torch.equal(part[[0, 2]], old[[0, 2]])


def a_training_step_reads_nothing_back(network: Network) -> None:
    """Loss and gradients depend on no number that has to be read: on a graphics card that would wait for the card.

    Unless the network says so.
    """
    if network.reads_back:
        return
    network.to("meta").train()  # a device without numbers
    inputs = _inputs(3, 5).to("meta")
    batch = Batch(inputs, inputs[..., 0], inputs[:, 0, 0] > 0, 15)
    total, _, state = network_loss(network, batch, network.initial_state(3))
    total.backward()
    network_loss(network, batch, detach(state)).total.backward()
    assert any(parameter.grad is not None for parameter in network.parameters())


def the_step_graph_gives_the_logits(network: Network) -> None:
    """A bundle's step graph gives the network's logits, in float32 and, less exactly, in int8."""
    x = _inputs(3, 12)
    with torch.no_grad():
        expected, _ = network(x, network.initial_state(3))
    with TemporaryDirectory() as folder:
        bundle = _save(network, Path(folder))
    for precision, tolerance in (("float32", 1e-4), ("int8", 0.1)):
        stepper = Stepper(bundle, precision=precision)  # type: ignore[arg-type]
        state = stepper.initial_state(3)
        for t in range(x.shape[1]):
            logits, state = stepper.step(x[:, t].numpy(), state)
            np.testing.assert_allclose(logits, expected[:, t].numpy(), atol=tolerance)


def biases_learned_as_a_style_are_those_that_are_played(network: Network) -> None:
    """A style holds the vectors that `adapt` trains, and the step graph uses them."""
    with TemporaryDirectory() as folder:
        bundle = _save(network, Path(folder))
        vectors = biases(network)
        assert vectors
        with torch.no_grad():
            for vector in vectors.values():
                vector.add_(torch.randn(vector.shape).half()).copy_(vector.half())
        learned = {"network." + name: vector.detach().half().numpy() for name, vector in vectors.items()}
        save_style(Path(folder) / "b.rit", bundle, learned, Facts.model_validate({"name": "mine"}))
        stepper = Stepper(load_bundle(Path(folder) / "b.rit"))
    x = _inputs(2, 1)
    with torch.no_grad():
        expected, _ = network(x, network.initial_state(2))
    logits, _ = stepper.step(x[:, 0].numpy(), stepper.initial_state(2))
    np.testing.assert_allclose(logits, expected[:, 0].numpy(), atol=1e-4)


def weights_are_mapped_to_another_vocabulary(network: Network) -> None:
    """In a vocabulary with some of its ids, in another order, it gives them the same logits; or it refuses to be mapped
    to it. In its own vocabulary it is the same."""
    kind, config = type(network), network.config.model_dump()
    columns = [np.array([7, 2, 12, 0, 3, 9, 4]), np.array([4, 0, 1])]
    columns.append(np.append(0, columns[0] + 1))  # it can be a candidate
    told = {"features": 0, "lines": 0, "pitch_classes": 0, "chord_roots": 1}  # of each value of a column
    for name in told.keys() & config.keys():
        config[name] = [config[name][old] for old in columns[told[name]]] if config[name] else []
    other = kind(checked(kind.config_model, config), tuple(map(len, columns))).eval()
    with suppress(ConfigError):
        other.load_state_dict(mapped_weights(other, network, columns))
        x = torch.stack([torch.from_numpy(np.arange(24).reshape(2, 12) % len(c)) for c in columns], dim=-1)
        known = torch.stack([torch.from_numpy(c)[x[..., n]] for n, c in enumerate(columns)], dim=-1)
        logits, expected = (each(y, each.initial_state(2))[0] for each, y in ((other, x), (network, known)))
        assert _close(logits, expected[..., columns[0]])
    again, x = kind(network.config, SIZES).eval(), _inputs(2, 9)
    again.load_state_dict(mapped_weights(again, network, list(map(np.arange, SIZES))))
    assert _close(again(x, again.initial_state(2))[0], network(x, network.initial_state(2))[0])


LAWS: tuple[Callable[[Network], None], ...] = (
    it_is_registered,
    unknown_settings_are_refused,
    logits_have_the_shape_of_the_vocabulary,
    steps_at_once_equal_single_steps,
    rows_are_independent,
    the_state_is_floats_batch_first,
    the_state_can_be_forked_and_says_everything_about_the_past,
    a_detached_state_cuts_the_gradient,
    rows_of_a_state_can_be_reset,
    a_training_step_reads_nothing_back,
    the_step_graph_gives_the_logits,
    biases_learned_as_a_style_are_those_that_are_played,
    weights_are_mapped_to_another_vocabulary,
)


def _inputs(batch: int, time: int) -> Tensor:
    generator = torch.Generator().manual_seed(batch * 100 + time)
    return torch.stack([torch.randint(size, (batch, time), generator=generator) for size in SIZES], dim=-1)


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(torch.allclose(a, b, atol=1e-5))


def _save(network: Network, folder: Path) -> Bundle:
    columns: Any = _Columns()
    save_bundle(folder / "a.rit", network, columns, Facts.model_validate({"name": "tiny"}))
    return load_bundle(folder / "a.rit")

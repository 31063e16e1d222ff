"""Training on a device: a step reads nothing back, what fails is one line, and the run goes on from its checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ritornello.bundle import load_bundle
from ritornello.cli import main
from ritornello.corpus.shards import Corpus
from ritornello.errors import ConfigError, DeviceError
from ritornello.training import device as device_module
from ritornello.training import loop, tuning
from ritornello.training.checkpoint import load_checkpoint
from ritornello.training.config import TrainConfig
from ritornello.training.device import choose_device
from ritornello.training.loop import Trainer
from ritornello.training.readings import Readings
from ritornello.training.run import prepare
from ritornello.training.schedule import make_optimizer, step_if
from ritornello.training.tuning import settle_on_card

SMALL: dict[str, Any] = {
    "hidden": 8, "layers": 1, "embedding": 8, "batch": 2, "window": 16, "precision": "float32", "samples": 0,
    "dropout": 0.1, "evaluations": 4, "steps": 24,
}  # fmt: skip

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the documentation")
ACCELERATOR_ERROR = getattr(torch, "AcceleratorError", RuntimeError)  # torch 2.8 and later
FAILING = ACCELERATOR_ERROR("CUDA error: an illegal memory access was encountered\nCUDA kernel errors ...")
DRIVER = RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")
OTHER_KIND = ACCELERATOR_ERROR("CUDA error: no kernel image is available for execution on the device\n...")


class Unread(Readings):
    """Readings that never arrive."""

    def take(self, all_of_them: bool = False) -> Any:
        return iter(())


def test_a_step_reads_nothing_back(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device has no numbers, so that reading one is an error. RMSprop, for the fused ones do not know it.

    The scores of intervals do read one, how many lines are in use.
    """
    monkeypatch.setattr(loop, "choose_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(loop, "Readings", Unread)
    config = TrainConfig(**SMALL | {"layers": 2, "optimizer": "rmsprop", "intervals": 0})
    trainer = Trainer(config, corpus, tmp_path, lambda network, facts: None)
    for _ in range(3):
        trainer._step(next(trainer.streams), 0.5)
    assert trainer.counters.step == 3
    assert trainer.state is not None
    assert {part.device.type for part in trainer.state} == {"meta"}


def test_readings_come_in_order_and_once() -> None:
    readings = Readings()
    for number in range(3):
        readings.add(torch.tensor([float(number), 1.0]))
    assert list(readings.take()) == [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]
    assert not list(readings.take(all_of_them=True))


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "rmsprop"])
def test_a_step_that_is_not_wanted_leaves_the_weights(optimizer: Any) -> None:
    network = torch.nn.Linear(3, 2)
    made = make_optimizer(network.parameters(), TrainConfig(optimizer=optimizer))
    weights = []
    for wanted in (True, False, True):
        for parameter in network.parameters():
            parameter.grad = torch.full_like(parameter, 1.0 if wanted else torch.nan)
        step_if(torch.tensor(wanted), made)
        weights.append(network.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert torch.isfinite(weights[2]).all()
    assert not torch.equal(weights[1], weights[2])


def failing_after(steps: int, error: Exception, step: Callable[..., None]) -> Callable[..., None]:
    def fails(trainer: Trainer, *arguments: Any) -> None:
        if trainer.counters.step == steps:
            raise error
        step(trainer, *arguments)

    return fails


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FULL, "device 'cpu' has no memory left; the checkpoint of step 6 stands: --resume goes on"),
        (
            FAILING,
            r"device 'cpu' fails \(CUDA error: an illegal memory access was encountered\); the checkpoint",
        ),
        (DRIVER, r"device 'cpu' fails \(cuDNN error: .*\); the checkpoint"),
    ],
)
def test_a_run_goes_on_after_its_device_has_failed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    whole = prepare([folder], tmp_path / "whole.rit", TrainConfig(**SMALL))
    list(whole.steps())
    run = prepare([folder], tmp_path / "m.rit", TrainConfig(**SMALL))
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", failing_after(9, error, Trainer._step))
        with pytest.raises(DeviceError, match=said) as raised:
            list(run.steps())
    assert "\n" not in str(raised.value)
    assert load_checkpoint(run.trainer.checkpoint_path).facts["counters"]["step"] == 6
    assert load_bundle(tmp_path / "m.rit").card.training["steps"] <= 6
    again = prepare([], tmp_path / "m.rit", TrainConfig(device="cpu"), resume=True)
    assert again.trainer.config.device == "cpu"
    list(again.steps())
    weights = again.trainer.network.state_dict()
    for name, tensor in whole.trainer.network.state_dict().items():
        assert torch.equal(weights[name], tensor), name


def test_before_the_first_checkpoint_that_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare([folder], tmp_path / "m.rit", TrainConfig(**SMALL))
    monkeypatch.setattr(Trainer, "_step", failing_after(2, FULL, Trainer._step))
    with pytest.raises(DeviceError, match="no memory left; there is no checkpoint yet; --batch or --hidden"):
        list(run.steps())
    monkeypatch.setattr(Trainer, "__post_init__", lambda trainer: (_ for _ in ()).throw(FULL))
    with pytest.raises(DeviceError, match="device 'auto' has no memory left; --batch or --hidden"):
        prepare([folder], tmp_path / "n.rit", TrainConfig(**SMALL))


def test_a_device_that_is_full_when_a_run_is_resumed_is_no_damaged_checkpoint(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(prepare([folder], tmp_path / "m.rit", TrainConfig(**SMALL)).steps())
    monkeypatch.setattr(Trainer, "_restore", lambda trainer, saved: (_ for _ in ()).throw(FULL))
    with pytest.raises(DeviceError, match="has no memory left; --device cpu goes on on the processor"):
        prepare([], tmp_path / "m.rit", TrainConfig(), resume=True)


def test_another_error_stays_what_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug = RuntimeError("Expected all tensors to be on the same device, but found cuda:0 and cpu!")
    run = prepare([folder], tmp_path / "m.rit", TrainConfig(**SMALL))
    monkeypatch.setattr(Trainer, "_step", failing_after(2, bug, Trainer._step))
    with pytest.raises(RuntimeError, match="same device"):
        list(run.steps())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card")
def test_a_missing_card_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["train", str(folder), "-o", str(tmp_path / "m.rit"), "--steps=1", "--device=cuda"]
    monkeypatch.setattr(sys, "argv", ["ritornello", *flags])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()  # the end of the counting leaves an empty one
    assert line.startswith("ritornello: device 'cuda' is not available here (")
    assert "--device cpu the processor" in line


def test_a_card_of_another_kind_is_refused_or_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    def zeros(*arguments: Any, **others: Any) -> torch.Tensor:
        raise OTHER_KIND

    monkeypatch.setattr(device_module.torch, "zeros", zeros)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(
        ConfigError, match=r"device 'cuda' is not available here \(CUDA error: no kernel image"
    ):
        choose_device("cuda")
    with pytest.raises(ConfigError, match="device 'gpu7' is none"):
        choose_device("gpu7")


class FakeTrial:
    """A device whose rate grows up to 256 streams, and whose memory ends with more than `most` of them."""

    most = 1024

    def __init__(self, config: TrainConfig, corpus: Corpus, rows: int, steps: int) -> None:
        if rows > self.most:
            raise FULL
        self.speed = min(rows, 256) * (1.1 if rows > 256 else 1.0)

    def seconds(self, precision: str) -> float:
        return 0.01

    def rate(self, precision: str, seconds_limit: float) -> float:
        return 1e9 * self.speed * (2.0 if precision == "bfloat16" else 1.0)


@pytest.mark.parametrize(("most", "streams"), [(1024, 256), (200, 128)])
def test_streams_on_a_card_are_those_that_pay_and_fit(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, most: int, streams: int
) -> None:
    monkeypatch.setattr(tuning, "_Trial", FakeTrial)
    monkeypatch.setattr(tuning, "_streams", lambda config, corpus, most: most)
    monkeypatch.setattr(FakeTrial, "most", most)
    config, machine = settle_on_card(TrainConfig(minutes=1), corpus)
    assert (config.batch, machine.precision) == (streams, "bfloat16")
    assert machine.multiplications_per_second == 2e9 * streams
    assert (config.hidden, config.layers) in tuning.SIZES
    given, machine = settle_on_card(TrainConfig(batch=64, hidden=33, precision="float32"), corpus)
    assert (given.batch, given.hidden, machine.precision) == (64, 33, "float32")


def test_a_larger_network_needs_a_faster_card(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "_Trial", FakeTrial)
    monkeypatch.setattr(tuning, "EPOCHS_LIMIT", 1e9)
    sizes = [settle_on_card(TrainConfig(minutes=minutes), corpus)[0].hidden for minutes in (0.1, 100, 10_000)]
    assert sizes[0] < sizes[1] < sizes[2]  # type: ignore[operator]


def test_a_card_that_is_full_from_the_start_is_told(
    folder: Path, tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeTrial, "most", 1)
    monkeypatch.setattr(tuning, "_Trial", FakeTrial)
    with pytest.raises(torch.OutOfMemoryError):
        settle_on_card(TrainConfig(minutes=1), corpus)
    monkeypatch.setattr(tuning, "measure", settle_on_card)
    with pytest.raises(DeviceError, match="device 'auto' has no memory left; --batch or --hidden"):
        prepare([folder], tmp_path / "m.rit", TrainConfig(minutes=1), init="none")

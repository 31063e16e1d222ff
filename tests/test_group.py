"""Several processes train one network: the same curve as one alone, and a run may change their number."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_batches import make_piece

from ritornello import formats, train
from ritornello.bundle import load_bundle
from ritornello.cli.processes import run_in_processes
from ritornello.errors import RitornelloError
from ritornello.training.checkpoint import load_checkpoint
from ritornello.training.group import Group, group_size, join_group

SETTINGS = {
    "hidden": 8, "layers": 1, "embedding": 8, "batch": 4, "window": 16, "precision": "float32", "samples": 0,
    "dropout": 0.0, "candidate_dropout": 0.0, "evaluations": 2, "threads": 1, "held_out": 0.3,
    "steps": 12,
}  # fmt: skip
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def run(folder: Path, *arguments: str, launcher: list[str] | None = None) -> None:
    """Run the command line in `folder`, in two processes if `launcher` says so."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *(launcher or []), "-m", "ritornello", "train", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def write_pieces(folder: Path) -> None:
    for number in range(6):
        formats.write(make_piece(number), folder / "pieces" / f"{number}.mid")


def log_of(folder: Path, name: str) -> list[dict[str, float]]:
    with (folder / f"{name}.run" / "log.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_their_number_may_change(tmp_path: Path) -> None:
    write_pieces(tmp_path)
    for _ in train(tmp_path / "pieces", tmp_path / "one.rit", **SETTINGS):
        pass
    run(tmp_path, "pieces", "-o", "two.rit", *FLAGS, launcher=TORCHRUN)
    for alone, together in zip(log_of(tmp_path, "one"), log_of(tmp_path, "two"), strict=True):
        for name in ("step", "loss", "nats_per_note", "accuracy", "epochs"):
            assert together[name] == pytest.approx(alone[name], abs=1e-3), name
    weights, other = (load_bundle(tmp_path / name).weights for name in ("one.rit", "two.rit"))
    for name, array in weights.items():
        assert abs(array - other[name]).max() < 1e-3, name
    run(tmp_path, "-o", "one.rit", "--resume", "--steps=16", "--processes=2")
    assert load_bundle(tmp_path / "one.rit").card.training["steps"] == 16
    saved = load_checkpoint(tmp_path / "one.run" / "checkpoint.safetensors")
    assert saved.facts["config"]["processes"] == 2
    assert saved.part("state.")["0"].shape[0] == 4


@pytest.mark.slow
def test_a_process_that_ends_badly_ends_all() -> None:
    with pytest.raises(RitornelloError, match="of 2 ended with code 2; go on from the last checkpoint"):
        run_in_processes(["train", "no-such-folder", "-o", "model.txt"], 2)


def test_alone_nothing_is_exchanged() -> None:
    group = join_group()
    assert group_size() == 1
    assert group == Group(0, 1)
    tensor = torch.arange(6.0).reshape(3, 2)
    group.add_up([tensor])
    assert torch.equal(group.all_rows(tensor), torch.arange(6.0).reshape(3, 2))
    assert group.highest(1.0, -2.0) == [1.0, -2.0]
    assert group.own(6) == slice(0, 6)


def test_rows_are_shared_out_equally() -> None:
    shares = [range(12)[Group(rank, 4).own(12)] for rank in range(4)]
    assert [row for share in shares for row in share] == list(range(12))
    assert {len(share) for share in shares} == {3}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the processes as Linux shows them")
def test_torchrun_goes_on_after_a_process_was_killed(tmp_path: Path) -> None:
    write_pieces(tmp_path)
    flags = [*FLAGS, "--steps=300", "--evaluations=30", "--json", "-o", "model.rit", "pieces"]
    command = [sys.executable, *TORCHRUN, "--max-restarts=1", "-m", "ritornello", "train", *flags]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=tmp_path, text=True, env=environment, **pipes) as launcher:
        assert launcher.stdout is not None
        first = json.loads(launcher.stdout.readline())
        workers = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        os.kill(int(workers[-1]), signal.SIGKILL)
        rest = [json.loads(line) for line in launcher.stdout]
    assert launcher.returncode == 0
    assert first["step"] < rest[-1]["step"] == 300
    assert load_bundle(tmp_path / "model.rit").card.training["steps"] == 300

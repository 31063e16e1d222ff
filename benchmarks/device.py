"""How near does training on a device come to the bare network? Tokens a second of both, and their ratio.

    python benchmarks/device.py [FOLDER] [--device cuda] [--hidden 1024] [--layers 2] [--streams 512] [--window 128]

Training is that of a run: batches, both passes, clipping, optimizer, losses. The bare network is the forward and the
backward pass of the same network alone, in the same arithmetic, over batches that lie on the device already. Both take
turns, each for `--seconds`; the clock is read when the device has done what it was given. On the processor it is the
time of the process, since other work on the machine would count. Padding counts for neither. The making of batches is
timed alone too.

It takes two minutes on a card. On a machine without one it says so; `--device cpu` runs the same, smaller, on the
processor.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import describe, load

from ritornello.corpus.shards import build_corpus
from ritornello.data import CORPUS
from ritornello.networks import count_parameters
from ritornello.training.config import TrainConfig
from ritornello.training.device import choose_device, synchronise
from ritornello.training.loader import Batch, bytes_per_id
from ritornello.training.loop import Trainer
from ritornello.training.loss import network_loss

SIZES = {
    "cuda": {"hidden": 1024, "layers": 2, "streams": 512, "window": 128},
    "cpu": {"hidden": 256, "layers": 2, "streams": 64, "window": 32},
}

KEPT = 8
"""Batches that lie ready for the bare network, one after another."""


def rate(step: Callable[[], int], device: torch.device, seconds: float) -> float:
    """Return the tokens a second of repeated steps, each of which returns its number of tokens."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    synchronise(device)
    started, tokens = clock(), 0
    while clock() - started < seconds:
        tokens += sum(step() for _ in range(KEPT))
        synchronise(device)
    return tokens / (clock() - started)


def steps_of(trainer: Trainer) -> dict[str, Callable[[], int]]:
    """Return what is compared, each a step that returns its number of tokens."""
    bfloat16 = trainer.config.precision == "bfloat16"
    ready = [trainer.loader.load(next(trainer.streams)) for _ in range(KEPT)]

    def bare() -> int:
        batch: Batch = ready.pop(0)
        ready.append(batch)
        total = network_loss(trainer.network, batch, None, bfloat16).total
        trainer.network.zero_grad(set_to_none=True)
        total.backward()
        return batch.total

    def training() -> int:
        before = trainer.counters.tokens
        trainer._step(next(trainer.streams), 0.5)
        return trainer.counters.tokens - before

    def batches() -> int:
        return trainer.loader.load(next(trainer.streams)).total

    return {"bare network": bare, "training": training, "batches alone": batches}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--network", default="lstm")
    for name in ("hidden", "layers", "streams", "window"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no graphics card here; --device cpu runs the same on the processor")
    device = choose_device(options.device)
    sizes: dict[str, Any] = SIZES.get(device.type, SIZES["cpu"])
    sizes = {name: getattr(options, name) or value for name, value in sizes.items()}
    sizes["batch"] = sizes.pop("streams")
    if device.type == "cpu":
        torch.set_num_threads(1)
        sizes["threads"] = 1
    with tempfile.TemporaryDirectory() as place:
        corpus, _ = build_corpus([options.folder], Path(place) / "corpus")
        config = TrainConfig.model_validate(
            sizes
            | {"embedding": 256, "dropout": 0.1, "steps": 1_000_000, "precision": options.precision}
            | {"network": options.network, "device": options.device, "growing_window": False}
        )
        started = time.perf_counter()
        trainer = Trainer(config, corpus, Path(place) / "run", lambda network, facts: None)
        trainer.network.train()
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor, one thread"
        ids = int(corpus.index["length"].sum())
        print(
            f"{describe()}, {load()}; torch {torch.__version__}, {name}; {config.network} {config.layers} x "
            f"{config.hidden}, {count_parameters(trainer.network) / 1e6:.1f} million weights, {config.precision}; "
            f"{config.batch} streams, windows of {config.window}; {ids:,} ids of {bytes_per_id(corpus)} bytes, "
            f"{type(trainer.loader.rows).__name__}, ready in {time.perf_counter() - started:.1f} s",
            flush=True,
        )
        steps = steps_of(trainer)
        for step in steps.values():
            rate(step, device, 0.0)  # warm
        turns = [
            {name: rate(step, device, options.seconds) for name, step in steps.items()}
            for _ in range(options.turns)
        ]
    for name in steps:
        print(f"{name}: {statistics.median(turn[name] for turn in turns):,.0f} tokens/s")
    ratios = [turn["training"] / turn["bare network"] for turn in turns]
    print(
        f"training is {statistics.median(ratios):.2f} of the bare network ({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()

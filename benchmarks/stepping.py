"""How fast does composing step? The stepping runtime against a loop over `nn.LSTM`, and the sampler beside it.

    python benchmarks/stepping.py [--seconds 2]

For each size of network and batch it prints steps a second, medians of a few rounds in which the candidates take
turns (so that other work on the machine hits all alike), the ratio, and how long one choice of ids takes. Results:
`stepping.txt`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ritornello.bundle import Facts, load_bundle, load_network, save_bundle
from ritornello.generation.samplers import SamplerConfig, make_generators, make_sampler
from ritornello.generation.stepper import Stepper
from ritornello.networks import make_network
from ritornello.representations.base import Column

SIZES = (1200, 384, 24, 8, 34, 8, 67, 17)  # the columns of `multitrack` on a corpus of songs, about
NETWORKS = {
    "256 x 2": {"hidden": 256, "embedding": 192, "layers": 2},
    "512 x 2": {"hidden": 512, "embedding": 256, "layers": 2},
}
BATCHES = (1, 64)
ROUNDS = 3


class Columns:
    """As much of a representation as a bundle's card needs."""

    name = "columns"
    columns = tuple(Column(str(i), size) for i, size in enumerate(SIZES))

    def config(self) -> dict[str, object]:
        return {}


def steps_per_second(step: Callable[[], None], seconds: float) -> float:
    step()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        count += 1
    return count / (time.perf_counter() - start)


def runtime_step(stepper: Stepper, batch: int) -> Callable[[], None]:
    state, columns = stepper.initial_state(batch), np.zeros((batch, len(SIZES)), dtype=np.int64)

    def step() -> None:
        nonlocal state
        _, state = stepper.step(columns, state)

    return step


def torch_step(network: torch.nn.Module, batch: int) -> Callable[[], None]:
    state, columns = network.initial_state(batch), torch.zeros(batch, 1, len(SIZES), dtype=torch.int64)

    def step() -> None:
        nonlocal state
        with torch.inference_mode():
            _, state = network(columns, state)

    return step


def choice(batch: int) -> Callable[[], None]:
    random = np.random.default_rng(0)
    logits = random.normal(scale=3, size=(batch, SIZES[0])).astype(np.float32)
    mask = random.random(logits.shape) < 0.5
    sample, generators = make_sampler(SamplerConfig()), make_generators(0, range(batch))
    return lambda: sample(logits, mask, generators) and None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round of each candidate")
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    print(f"one thread; medians of {ROUNDS} rounds of {seconds:g} s; torch {torch.__version__}")
    print(f"{'network':>8} {'batch':>5} {'runtime/s':>10} {'nn.LSTM/s':>10} {'ratio':>6} {'choice us':>10}")
    for label, config in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.rit"
            save_bundle(path, make_network("lstm", config, SIZES), Columns(), Facts(name=label))  # type: ignore[arg-type]
            bundle = load_bundle(path)
        stepper, network = Stepper(bundle), load_network(bundle).eval()
        for batch in BATCHES:
            candidates = [runtime_step(stepper, batch), torch_step(network, batch), choice(batch)]
            rounds = [[steps_per_second(c, seconds) for c in candidates] for _ in range(ROUNDS)]
            ours, theirs, choices = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(
                f"{label:>8} {batch:>5} {ours:>10.0f} {theirs:>10.0f} {ours / theirs:>6.1f} {1e6 / choices:>10.0f}"
            )


if __name__ == "__main__":
    main()

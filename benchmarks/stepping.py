"""How fast does a network step? The runtime in 32 and 8 bits, against its floor and against loops that people write.

    python benchmarks/stepping.py [--seconds 1] [--peers PYTHON]

A step of one piece reads every weight once; the floor is how long this machine takes to read so many bytes. A step
of 64 pieces multiplies; there the share of the machine's matrix-product rate is what counts: that of the best library
(`products`) at a large square, and what its products alone would take at their very shapes. The candidates take
turns, so that other work on the machine hits all alike; medians of ROUNDS rounds, one thread, its own time. The
loop is the training network in PyTorch, stepped one token at a time (`nn.LSTM` where it has one). With --peers, the
Python of an environment with Keras, system E's `predict` loop is timed too, against our step of the same layers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from machine import describe, load, read_rate, usual_seconds
from products import product_rate, products_seconds

from ritornello.bundle import Bundle, Facts, load_bundle, load_network, save_bundle
from ritornello.generation.samplers import make_generators, make_sampler
from ritornello.generation.settings import SamplerConfig
from ritornello.generation.stepper import Stepper
from ritornello.networks import make_network
from ritornello.representations.base import Column

SONGS = (1200, 384, 24, 8, 34, 8, 67, 17)  # the columns of `multitrack` on a corpus of songs, about
MELODY = (38, 2, 2, 2, 2, 2, 2, 2, 38)  # of the magenta kind: few ids, a few bits
ARTICLE = {"widths": [256, 512, 256], "layers": 3, "input": "scalar"}
BATCHES = (1, 64)
ROUNDS = 5


class Case(NamedTuple):
    """A network to step: its kind, its configuration, and the sizes of its columns."""

    network: str
    config: dict[str, Any]
    sizes: tuple[int, ...]
    more_products: int = 0  # multiplications a step besides one a weight


CASES = {
    "lstm 2 x 256": Case("lstm", {"hidden": 256, "embedding": 192, "layers": 2}, SONGS),
    "lstm 2 x 512": Case("lstm", {"hidden": 512, "embedding": 256, "layers": 2}, SONGS),
    "min_gru 2 x 384": Case("min_gru", {"hidden": 384, "embedding": 256, "layers": 2}, SONGS),
    "rg_lru 2 x 320": Case("rg_lru", {"hidden": 320, "embedding": 256, "layers": 2}, SONGS),
    "attention_rnn 2 x 128": Case("attention_rnn", {"hidden": 128, "layers": 2}, MELODY, 2 * 40 * 128),
    "system E's article": Case("note_classifier", ARTICLE, (352,)),
}


class Columns:
    """As much of a representation as a bundle's card needs."""

    name = "columns"

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.columns = tuple(Column(str(i), size) for i, size in enumerate(sizes))

    def config(self) -> dict[str, object]:
        return {}


def make_bundle(case: Case) -> Bundle:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rit"
        network = make_network(case.network, case.config, case.sizes)
        save_bundle(path, network, Columns(case.sizes), Facts(name="a"))  # type: ignore[arg-type]
        return load_bundle(path)


def runtime_step(stepper: Stepper, batch: int, columns: int) -> Callable[[], None]:
    state, rows = stepper.initial_state(batch), np.zeros((batch, columns), dtype=np.int64)

    def step() -> None:
        nonlocal state
        _, state = stepper.step(rows, state)

    return step


def torch_step(network: torch.nn.Module, batch: int, columns: int) -> Callable[[], None]:
    state, inputs = network.initial_state(batch), torch.zeros(batch, 1, columns, dtype=torch.int64)

    def step() -> None:
        nonlocal state
        with torch.inference_mode():
            _, state = network(inputs, state)

    return step


def choice(batch: int, size: int) -> Callable[[], None]:
    random = np.random.default_rng(0)
    logits = random.normal(scale=5, size=(batch, size)).astype(np.float32)
    mask = random.random(logits.shape) < 0.5
    sample, generators = make_sampler(SamplerConfig()), make_generators(0, range(batch))
    return lambda: sample(logits, mask, generators) and None


def matrices_read(bundle: Bundle) -> list[tuple[int, int]]:
    """Return (outputs, inputs) of what a step multiplies with: all matrices but embeddings that are only looked up."""
    tied = bool(bundle.card.network.config.get("tied"))
    looked_up = [f"network.embeddings.{i}." for i in range(int(tied), len(bundle.card.column_sizes))]
    looked_up += ["network.shared."]
    return [
        array.shape
        for name, array in bundle.weights.items()
        if name.startswith("network.") and array.ndim == 2 and not name.startswith(tuple(looked_up))
    ]


def shares_of_products(matrices: list[tuple[int, int]], more: int, batch: int, times: list[float]) -> str:
    """Return in words which share of the machine's products steps of so many seconds are, in 32 and in 8 bits."""
    shapes = [(batch, inputs, outputs) for outputs, inputs in matrices]
    operations = 2 * batch * (sum(outputs * inputs for outputs, inputs in matrices) + more)
    kinds = list(zip(("float32", "int8"), times, strict=True))
    squares = " ".join(f"{operations / t / product_rate(kind).operations:5.0%}" for kind, t in kinds)
    alone = " ".join(f"{products_seconds(kind, shapes) / t:5.0%}" for kind, t in kinds)
    return f"{squares} of products; {alone} of its own alone"


def report(label: str, case: Case, seconds: float) -> list[float]:
    """Print the rows of one network; return the seconds of a single step in 32 and 8 bits, of the loop, and of the
    floor in 32 bits."""
    bundle, columns, first = make_bundle(case), len(case.sizes), [0.0]
    steppers = [Stepper(bundle), Stepper(bundle, precision="int8")]
    network, matrices = load_network(bundle).eval(), matrices_read(bundle)
    weights = sum(outputs * inputs for outputs, inputs in matrices)
    for batch in BATCHES:
        candidates = [runtime_step(stepper, batch, columns) for stepper in steppers]
        candidates += [torch_step(network, batch, columns), choice(batch, case.sizes[0])]
        rounds = [[usual_seconds(candidate, seconds) for candidate in candidates] for _ in range(ROUNDS)]
        wide, narrow, loop, chosen = (statistics.median(column) for column in zip(*rounds, strict=True))
        if batch == 1:
            floors = [weights * width / read_rate(weights * width) for width in (4, 1)]
            first = [wide, narrow, loop, floors[0]]
            shares = f"{wide / floors[0]:6.1f} {narrow / floors[1]:6.1f} of the floors"
        else:
            shares = shares_of_products(matrices, case.more_products, batch, [wide, narrow])
        times = "".join(f"{1e6 * value:9.0f}" for value in (wide, narrow, loop, chosen))
        print(f"{label:>22} {batch:>5} {times} {loop / wide:7.1f} {loop / narrow:7.1f}  {shares}", flush=True)
    return first


def compare(peer: str, rate: float, wide: float, narrow: float, floor: float) -> None:
    """Print what a peer does a second, and how much faster our steps of so many seconds are, and could be."""
    print(f"{peer}: {rate:,.0f} steps/s; ours {1 / wide:,.0f}, {1 / wide / rate:,.1f} times as fast")
    print(f"{peer}, ours in 8 bits: {1 / narrow:,.0f} steps/s, {1 / narrow / rate:,.1f} times as fast")
    print(
        f"    a float32 step that only reads its weights would do {1 / floor / rate:,.1f} times what the peer does"
    )


def loop_with_threads(case: Case, threads: int, seconds: float) -> float:
    """Return the steps a second of the loop in PyTorch with so many threads; by the clock on the wall."""
    torch.set_num_threads(threads)
    step = torch_step(make_network(case.network, case.config, case.sizes).eval(), 1, len(case.sizes))
    step()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        step()
        count += 1
    torch.set_num_threads(1)
    return count / seconds


def predict_loop(python: str, seconds: float, threads: int) -> dict[str, Any]:
    """Return what `keras_predict.py` tells of system E's loop in Keras, with so many threads."""
    command = [python, str(Path(__file__).with_name("keras_predict.py")), str(seconds)]
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round of each candidate")
    parser.add_argument("--peers", help="the Python of an environment with Keras")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{describe()}, {load()}; torch {torch.__version__}; one thread, medians of {ROUNDS} rounds")
    print(f"products of 1024 x 1024: float32 {product_rate('float32')}, int8 {product_rate('int8')}")
    print("Microseconds a step, and the loop's time over ours:")
    print(f"{'network':>22} batch   float32     int8  PyTorch   choice  ratio     int8")
    single = {label: report(label, case, options.seconds) for label, case in CASES.items()}
    wide, narrow, loop, floor = single["lstm 2 x 512"]
    compare("loop of nn.LSTM, 2 x 512", 1 / loop, wide, narrow, floor)
    several = os.cpu_count() or 1
    rates = [loop_with_threads(CASES["lstm 2 x 512"], threads, options.seconds) for threads in (1, several)]
    print(
        f"    by the wall clock the loop does {rates[0]:,.0f} steps/s, with {several} threads {rates[1]:,.0f}"
    )
    if options.peers:
        wide, narrow, _, floor = single["system E's article"]
        one, more = (predict_loop(options.peers, 5 * options.seconds, threads) for threads in (1, several))
        compare(f"predict of {one['versions']}", one["rate"], wide, narrow, floor)
        print(
            f"    by the wall clock predict does {one['clock']:.1f} steps/s, with {several} threads {more['clock']:.1f}"
        )


if __name__ == "__main__":
    main()

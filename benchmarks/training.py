"""How near does training come to this machine's rate of matrix products? One thread, `lstm` of 2 x 512 units.

    python benchmarks/training.py [--steps 20] [--batch 64] [--window 64] [--hidden 512] [--layers 2]

The whole of a run's step is timed: making the batch, both passes, clipping, the optimizer. A token costs three products
for each weight in a matrix (the output, the gradient of the input, that of the weight), two operations each; looking up
embeddings is no product. The rate is that of the fastest library at a large square (`products`), in the arithmetic of
the run. A recurrence multiplies a few rows at a time; so what the products alone take, one after another in the shapes
in which they come, is measured too: that is the ceiling. Processor time, median of the steps.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from machine import describe, load
from products import Shape, product_rate, products_seconds

from ritornello.corpus.shards import Corpus, build_corpus
from ritornello.corpus.streams import Windows
from ritornello.data import CORPUS
from ritornello.training.config import TrainConfig
from ritornello.training.loader import Batch, Loader
from ritornello.training.loop import Trainer

PARTS = {
    "mkldnn_rnn": "LSTM", "mm": "other products", "dropout": "dropout", "bernoulli": "dropout", "random": "dropout",
    "softmax": "softmax", "nll_loss": "softmax", "adam": "optimizer", "norm": "clipping", "_foreach": "clipping",
    "embedding": "embedding", "copy_": "copies and casts",
}  # fmt: skip
"""What an operation with such a word in its name belongs to; the first that fits."""

WARM_UP = 3


class TimedLoader(Loader):
    """A loader that keeps how long it took to make batches."""

    seconds = 0.0

    def load(self, windows: Windows) -> Batch:
        started = time.thread_time()
        batch = super().load(windows)
        self.seconds += time.thread_time() - started
        return batch


def shapes_of(config: TrainConfig, vocabulary: int) -> list[Shape]:
    """Return the shapes of all products of a step: of each, both its gradients are products of the same sizes."""
    rows, window, hidden = config.batch or 1, config.window or 1, config.hidden or 1
    tokens, embedding = rows * window, config.embedding or 1
    shapes = []
    for layer in range(config.layers or 1):
        inputs = hidden if layer else embedding
        shapes += _with_gradients(tokens, inputs, 4 * hidden)
        shapes += [(rows, hidden, 4 * hidden), (rows, 4 * hidden, hidden)] * window
        shapes += [(hidden, tokens, 4 * hidden)]
    return (
        shapes + _with_gradients(tokens, hidden, embedding) + _with_gradients(tokens, embedding, vocabulary)
    )


def _with_gradients(rows: int, inner: int, columns: int) -> list[Shape]:
    return [(rows, inner, columns), (rows, columns, inner), (inner, rows, columns)]


def step_seconds(trainer: Trainer, steps: int) -> Iterator[float]:
    """Yield the time of each step of a run."""
    run = trainer.run()
    for _ in islice(run, WARM_UP):
        pass
    for _ in range(steps):
        started = time.thread_time()
        next(run)
        yield time.thread_time() - started


def parts_of(trainer: Trainer, steps: int) -> dict[str, float]:
    """Return the shares of the time of a few steps by kind of operation, by torch's profiler."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for _ in islice(trainer.run(), steps):
            pass
    seconds: Counter[str] = Counter()
    for event in profile.key_averages():
        part = next((part for word, part in PARTS.items() if word in event.key.lower()), "the rest")
        seconds[part] += event.self_cpu_time_total
    return {part: value / seconds.total() for part, value in seconds.most_common()}


def report(corpus: Corpus, directory: Path, settings: dict[str, int], precision: str, steps: int) -> None:
    """Print the figures of a run in one arithmetic."""
    given = settings | {
        "embedding": 256,
        "dropout": 0.1,
        "precision": precision,
        "steps": 10_000,
        "threads": 1,
    }
    given |= {"growing_window": False, "samples": 0, "evaluations": 1}
    config = TrainConfig.model_validate(given)
    trainer = Trainer(config, corpus, directory, lambda network, facts: None)
    trainer.loader.__class__ = TimedLoader
    seconds = statistics.median(step_seconds(trainer, steps))
    making = trainer.loader.seconds / trainer.counters.step  # type: ignore[attr-defined]
    shapes = shapes_of(config, corpus.representation.vocabulary_size)
    operations = sum(2 * rows * inner * columns for rows, inner, columns in shapes)
    square, alone = product_rate(precision), products_seconds(precision, shapes)
    rate, tokens = operations / seconds, settings["batch"] * settings["window"]
    print(
        f"{precision}: {tokens / seconds:,.0f} tokens/s, {rate / 1e9:.0f} GFLOP/s: {rate / square.operations:.0%} of "
        f"{square} for 1024 x 1024; the products alone, in their shapes, would be {alone / seconds:.0%} of the time "
        f"and reach {operations / alone / square.operations:.0%}; making batches takes {making / seconds:.1%}",
        flush=True,
    )
    parts = parts_of(trainer, 5)
    print("    " + ", ".join(f"{part} {share:.1%}" for part, share in parts.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    for name, default in (("batch", 64), ("window", 64), ("hidden", 512), ("layers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    settings = {name: getattr(options, name) for name in ("batch", "window", "hidden", "layers")}
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        corpus, _ = build_corpus([CORPUS], Path(place) / "corpus")
        size = corpus.representation.vocabulary_size
        print(f"{describe()}, {load()}; torch {torch.__version__}, one thread; lstm {settings}, {size:,} ids")
        for precision in ("bfloat16", "float32"):
            report(corpus, Path(place) / precision, settings, precision, options.steps)


if __name__ == "__main__":
    main()

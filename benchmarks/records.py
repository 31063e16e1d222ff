"""`make records`: the quick figures of the ledger `records.md`, in two minutes on a quiet machine.

    python benchmarks/records.py [--only NAME ...]

One core, by its own processor time where nothing else is said, so that other work on the machine counts less. The
first line is this machine's rate of matrix products at the moment: rows of the ledger are comparable only beside it.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import startup
import torch
from composing import Timed, by_the_clock, measure
from machine import describe, load, usual_seconds
from products import product_rate
from training import step_seconds

import ritornello
from ritornello.corpus.shards import build_corpus
from ritornello.data import CORPUS
from ritornello.formats.midi import parse_midi
from ritornello.training.config import TrainConfig
from ritornello.training.loop import Trainer

MODEL, BARS = "songs", 16
FILES = 48
"""How many of the embedded pieces are read and judged."""

TRAINING = {"hidden": 512, "layers": 1, "embedding": 256, "dropout": 0.1, "batch": 64, "window": 64}


def composing() -> str:
    bundle = ritornello.load(MODEL).bundle
    stepper = Timed(bundle)
    (one, share), (many, of_many) = (measure(stepper, bundle, BARS, count) for count in (1, 64))
    both = by_the_clock(bundle, BARS, 64)
    return (
        f"{one:,.0f} ids/s, network {share:.0%}; 64 at once {many:,.0f} ids/s, network {of_many:.0%}, "
        f"on two cores {both:,.0f} by the clock"
    )


def reading() -> str:
    files = [path.read_bytes() for path in sorted(CORPUS.glob("*.mid"))[:FILES]]
    representation = ritornello.load(MODEL).bundle.representation
    scores = [parse_midi(data) for data in files]
    ids = [representation.encode(score) for score in scores]
    notes, count = sum(score.note_count for score in scores), sum(map(len, ids))
    read = usual_seconds(lambda: [parse_midi(data) for data in files], 3)
    both = usual_seconds(lambda: [representation.encode(parse_midi(data)) for data in files], 3)
    columns = usual_seconds(lambda: [representation.inputs(each) for each in ids], 3)
    return (
        f"read {notes / read:,.0f} notes/s; read and encoded {notes / both:,.0f} notes/s; "
        f"input columns {1e6 * columns / count:.2f} us an id"
    )


def likelihood() -> str:
    """All cores; ids a second by the clock, and for each core by its processor time."""
    model = ritornello.load(MODEL)
    scores = [ritornello.read(path) for path in sorted(CORPUS.glob("*.mid"))[:FILES]]
    model.likelihood(scores[0])
    started, processor = time.perf_counter(), time.process_time()
    ids = sum(judged.tokens for judged in model.likelihoods(scores))
    taken, busy = time.perf_counter() - started, time.process_time() - processor
    return f"{ids / taken:,.0f} ids/s by the clock, {ids / busy:,.0f} a core"


def training() -> str:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        corpus, _ = build_corpus([CORPUS], Path(place) / "corpus")
        given = TRAINING | {
            "precision": "bfloat16",
            "threads": 1,
            "growing_window": False,
            "samples": 0,
            "evaluations": 1,
            "steps": 10_000,
        }
        config = TrainConfig.model_validate(given)
        trainer = Trainer(config, corpus, Path(place) / "run", lambda network, facts: None)
        seconds = statistics.median(itertools.islice(step_seconds(trainer, 20), 20))
    return f"{TRAINING['batch'] * TRAINING['window'] / seconds:,.0f} tokens/s, lstm of 1 x 512, bfloat16"


def cold() -> str:
    def told(name: str) -> str:
        times, processor = zip(*startup.measure(startup.COMMANDS[name]), strict=True)
        return f"{statistics.median(times):.2f} s (processor {min(processor):.2f})"

    composed = told("ritornello compose songs, 16 bars to MIDI")
    return f"{composed}; python and onnxruntime alone {told('import onnxruntime (floor of composing)')}"


FIGURES: dict[str, Callable[[], str]] = {
    "composing": composing,
    "reading": reading,
    "likelihood": likelihood,
    "training": training,
    "cold": cold,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=list(FIGURES), default=list(FIGURES))
    names = parser.parse_args().only
    print(f"{describe()}, {load()}; one core: {product_rate('float32')}, float32", flush=True)
    for name in names:
        print(f"{name:>11}: {FIGURES[name]()}", flush=True)


if __name__ == "__main__":
    main()

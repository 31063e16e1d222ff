"""Which network learns fastest, at equal cost of a step? Held-out nats a note after the same processor time.

    python benchmarks/time_to_quality.py [FOLDER] [--minutes 3] [--seed 0] [--target NATS] [--rows NAME ...]

All see the same corpus, split, batches and schedule; each gets so many minutes of processor time on one thread, so
that other work on the machine counts little. Sizes are such that one step multiplies with about as many weights.
Prints the held-out curve of each, and how long each took to --target, or to where the first row ended.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from ritornello.corpus.shards import Corpus, build_corpus
from ritornello.data import CORPUS
from ritornello.networks import count_parameters
from ritornello.training import budget, loop, progress
from ritornello.training.config import TrainConfig

ROWS: dict[str, dict[str, Any]] = {
    "lstm 1 x 512": {"network": "lstm", "hidden": 512, "layers": 1},
    "min_gru 2 x 384": {"network": "min_gru", "hidden": 384, "layers": 2},
    "min_gru 3 x 320": {"network": "min_gru", "hidden": 320, "layers": 3},
    "rg_lru 2 x 320": {"network": "rg_lru", "hidden": 320, "layers": 2},
}
COMMON = {"embedding": 256, "batch": 45, "window": 64, "precision": "bfloat16", "threads": 1, "samples": 0}

HELD_IDS = 20_000

Curve = list[tuple[float, float]]
"""(processor seconds, held-out nats a note)."""


def train(corpus: Corpus, directory: Path, settings: dict[str, Any]) -> tuple[Curve, loop.Trainer]:
    config = TrainConfig.model_validate(COMMON | settings)
    trainer = loop.Trainer(config, corpus, directory, lambda network, facts: None)
    curve = [(p.seconds, p.validation.nats_per_note) for p in trainer.run() if p.validation is not None]
    return curve, trainer


def seconds_to(curve: Curve, wanted: float) -> float:
    """Return when a curve first was at `wanted` or below, infinity if never."""
    return next((seconds for seconds, nats in curve if nats <= wanted), float("inf"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--target", type=float)
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    options = parser.parse_args()
    progress.time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[attr-defined]  # the run's clock
    budget.FINAL_IDS = HELD_IDS  # scoring counts as time; so let it be short
    given = {"minutes": options.minutes, "seed": options.seed, "dropout": options.dropout, "evaluations": 8}
    given["evaluation_ids"] = HELD_IDS
    target = options.target
    with tempfile.TemporaryDirectory() as place:
        corpus, _ = build_corpus([options.folder], Path(place) / "corpus", seed=options.seed)
        print(f"{len(corpus.index)} pieces; {options.minutes:g} processor minutes; torch {torch.__version__}")
        for name in options.rows:
            curve, trainer = train(corpus, Path(place) / name, ROWS[name] | given)
            target = target or curve[-1][1]
            print(
                f"{name:>16}: {count_parameters(trainer.network) / 1e6:.2f} million weights, "
                f"{trainer.counters.tokens / trainer.counters.seconds:,.0f} tokens/s, "
                f"{curve[-1][1]:.3f} nats a note; at {target:.3f} after {seconds_to(curve, target):.0f} s"
            )
            print(" " * 16, " ".join(f"{seconds:.0f}:{nats:.2f}" for seconds, nats in curve), flush=True)


if __name__ == "__main__":
    main()

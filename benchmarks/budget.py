"""What the time of a training run goes to: reading and preparing, updates, scoring, writing.

    python benchmarks/budget.py FOLDER [--minutes 1] [--init base] [--out MODEL.rit]

Everything counts by the clock of the processor, also the budget, so that other work on the machine does not matter. One
thread learns. The folder is learned from as by `ritornello train`, without samples.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ritornello.generation import find_initial
from ritornello.training.config import TrainConfig
from ritornello.training.loop import Trainer
from ritornello.training.progress import Clock
from ritornello.training.run import prepare

PARTS = {
    "updates": ("_step",),
    "scoring": ("_score",),
    "writing": ("_save_model", "checkpoint"),
}
"""The methods of `Trainer` whose time is counted, by the part that they are."""


def processor_seconds() -> float:
    """Return the processor time of this process and of those that it has started."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--init", default="base")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seconds: dict[str, float] = defaultdict(float)

    def counted(part: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any) -> Any:
            before = processor_seconds()
            result = method(*arguments)
            seconds[part] += processor_seconds() - before
            return result

        return count

    for part, methods in PARTS.items():
        for name in methods:
            setattr(Trainer, name, counted(part, getattr(Trainer, name)))
    started = processor_seconds()
    clock = Clock(processor_seconds)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(minutes=options.minutes, samples=0, threads=1, seed=options.seed)
        out = options.out or Path(folder) / "model.rit"
        run = prepare([options.folder], out, config, init=find_initial(options.init), clock=clock, force=True)
        seconds["reading and preparing"] = processor_seconds() - started
        for progress in run.steps():
            if progress.validation:
                print(
                    f"  step {progress.step:>5} at {progress.seconds:6.1f} s: {progress.validation.nats_per_note:.4f} "
                    f"nats a note on {progress.validation.notes:,} notes {progress.message}",
                    flush=True,
                )
        trainer = run.trainer
    total = processor_seconds() - started
    seconds["other"] = total - sum(seconds.values())
    budget = 60 * options.minutes
    for part, spent in seconds.items():
        print(f"{part:<24}{spent:6.1f} s {spent / budget:6.1%} of the budget")
    counters = trainer.counters
    assert trainer.final is not None
    print(f"{'in all':<24}{total:6.1f} s {total / budget:6.1%}")
    print(
        f"{counters.step} steps, {counters.tokens:,} ids; {trainer.final.likelihood.nats_per_note:.4f} +- "
        f"{trainer.final.standard_error:.4f} nats a note on {trainer.final.likelihood.notes:,} of "
        f"{run.corpus.count('notes', validation=True):,} held-out notes; bigram {trainer.bigram.nats_per_note:.3f}"
    )


if __name__ == "__main__":
    main()

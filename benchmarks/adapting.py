"""How much does a style of a few files gain, against its model as it is, and against training all of its weights?

    python benchmarks/adapting.py MODEL FOLDER [--files 8] [--others 24] [--seeds 3]

For each seed, a few files of the folder are learned from: by `ritornello adapt`, and for as much processor time by
`ritornello train --init`; both hold out the same of them to choose by. Printed are nats a note of other files of the
folder, which neither has seen. Seconds are the processor's, on one thread, so that other work on the machine counts
little; reading files, scoring and writing are in them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from ritornello import formats
from ritornello.bundle import load_bundle
from ritornello.corpus.scan import scan
from ritornello.generation import Model, find_bundle, load
from ritornello.likelihood import Likelihood
from ritornello.score import Score
from ritornello.training import adapt, progress
from ritornello.training.config import AdaptConfig, TrainConfig
from ritornello.training.run import prepare

PROCESSOR = SimpleNamespace(perf_counter=time.process_time)


def judged(model: Model, scores: list[Score]) -> float:
    """Return nats a note of some pieces."""
    return sum((model.likelihood(score) for score in scores), Likelihood()).nats_per_note


def adapted(base: Path, files: list[Path], out: Path, seed: int) -> float:
    """Write a style of the files to `out`; return the processor's seconds."""
    started = time.process_time()
    config = AdaptConfig(seed=seed, seconds=1000)  # so that the steps decide
    for _ in adapt.prepare_adaptation(load_bundle(base), files, out, config).steps():
        pass
    return time.process_time() - started


def tuned(base: Path, files: list[Path], out: Path, seed: int, seconds: float) -> None:
    """Train all weights on the files for so long."""
    settings = {"minutes": seconds / 60, "seed": seed, "held_out": 0.25, "samples": 0, "threads": 1}
    for _ in prepare(files, out, TrainConfig.model_validate(settings), init=base).steps():
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--others", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    adapt.time = progress.time = PROCESSOR  # type: ignore[assignment]
    base = find_bundle(options.model)
    used = [report.path for report in scan([options.folder]).used]
    for seed in range(options.seeds):
        order = np.random.default_rng(seed).permutation(len(used))[: options.files + options.others].tolist()
        files = [used[number] for number in order[: options.files]]
        others = [formats.read(used[number]) for number in order[options.files :]]
        with tempfile.TemporaryDirectory() as folder:
            style, whole = Path(folder) / "style.rit", Path(folder) / "whole.rit"
            seconds = adapted(base, files, style, seed)
            tuned(base, files, whole, seed, seconds)
            style.with_name(base.name).write_bytes(base.read_bytes())
            before = judged(load(base), others)
            gains = {"style": judged(load(style), others) if style.exists() else before}
            gains["all weights"] = judged(load(whole), others)
            size = style.stat().st_size if style.exists() else 0
        told = ", ".join(f"{name} {nats:.3f} ({nats / before - 1:+.1%})" for name, nats in gains.items())
        print(
            f"{options.model}, {options.folder.name}, {options.files} files, seed {seed}: {before:.3f} nats a note, "
            f"{told}; {seconds:.0f} s each; the style has {size:,} bytes",
            flush=True,
        )


if __name__ == "__main__":
    main()

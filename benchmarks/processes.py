"""How much faster do several processes train one network? Tokens a second for 1 and more, the same streams in all.

    python benchmarks/processes.py [--most 2] [--steps 60]

Each process has one thread. The whole batch stays the same, so the curve of the loss does too; every process has
its share of it. Wall-clock time: a busy machine makes these figures worthless, and its load is printed.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe, load

SETTINGS = (
    "--hidden=512 --layers=1 --embedding=256 --batch=64 --window=64 --precision=float32 --threads=1 "
    "--evaluations=1 --samples=0 --dropout=0"
)


def tokens_per_second(folder: Path, processes: int, steps: int) -> float:
    """Return the rate of a run on the embedded songs, scoring not counted."""
    out = folder / f"{processes}.rit"
    command = [sys.executable, "-m", "ritornello", "train", "-o", str(out), f"--processes={processes}"]
    command += [f"--steps={steps}", *SETTINGS.split()]
    subprocess.run(command, capture_output=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    with (out.with_suffix(".run") / "log.csv").open() as file:
        return float(list(csv.DictReader(file))[-1]["tokens_per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--most", type=int, default=os.cpu_count() or 1, help="processes at most")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    print(f"{describe()}, {load()}; lstm 1 x 512, 64 streams of 64 steps, float32")
    alone = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for processes in (2**power for power in range(options.most.bit_length())):
            rate = tokens_per_second(Path(folder), processes, options.steps)
            alone = alone or rate
            print(f"{processes} processes: {rate:,.0f} tokens/s, {rate / alone:.2f} of one", flush=True)


if __name__ == "__main__":
    main()

"""How much faster do several processes train one network? Tokens a second against one process on one core.

    python benchmarks/processes.py [--most 2] [--steps 40] [--precisions float32,bfloat16]

Each process has one thread and, where the system can pin, a core of its own. With 64 streams in all the curve of the
loss is that of one process; with 64 for each the batch grows with them. The steps are those between a short run and
one that is longer by `--steps`, so that reading files, warming up and scoring do not count. Two figures: by the clock,
which other work on the machine spoils; and by the processor time of the busiest process, which is what a machine with
nothing else to do comes near to, since it leaves out only that processes wait for each other.
"""

from __future__ import annotations

import argparse
import csv
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from machine import describe, load

STREAMS, WINDOW, SHORT = 64, 64, 8

SETTINGS = (
    f"--hidden=512 --layers=1 --embedding=256 --window={WINDOW} --no-growing-window --threads=1 "
    "--evaluations=1 --samples=0 --dropout=0"
)


class Seconds(NamedTuple):
    """What a run took: by the clock, scoring not counted, and of the processor, of the process that used most."""

    clock: float
    processor: float


def run(folder: Path, processes: int, settings: list[str]) -> Seconds:
    """Train on the embedded songs in so many processes, as a launcher would start them."""
    out = folder / "model.rit"
    command = [sys.executable, "-m", "ritornello", "train", "-o", str(out), *SETTINGS.split(), *settings]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(probe.getsockname()[1]),
            "OMP_NUM_THREADS": "1",
        }
    place["WORLD_SIZE"] = str(processes)
    started = [start(command, os.environ | place | {"RANK": str(rank)}, rank) for rank in range(processes)]
    used = [os.wait4(process.pid, 0)[1:] for process in started]
    if any(status for status, _ in used):
        raise SystemExit(f"a process failed: {' '.join(command)}")
    with (out.with_suffix(".run") / "log.csv").open() as file:
        clock = float(list(csv.DictReader(file))[-1]["seconds"])
    return Seconds(clock, max(usage.ru_utime + usage.ru_stime for _, usage in used))


def start(command: list[str], environment: dict[str, str], rank: int) -> subprocess.Popen[bytes]:
    """Start a process on a core of its own; it keeps that of the process that starts it."""
    if not hasattr(os, "sched_setaffinity"):
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[rank % len(cores)]})
    try:
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    finally:
        os.sched_setaffinity(0, cores)


def tokens_per_second(processes: int, streams: int, precision: str, steps: int) -> list[float]:
    """Return the rate by the clock, and by processor time."""
    settings = [f"--batch={streams}", f"--precision={precision}"]
    with tempfile.TemporaryDirectory() as folder:
        short, long = (
            run(Path(folder), processes, [*settings, f"--steps={count}"]) for count in (SHORT, SHORT + steps)
        )
    return [streams * WINDOW * steps / (b - a) for a, b in zip(short, long, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--most", type=int, default=os.cpu_count() or 1, help="processes at most")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--precisions", default="float32,bfloat16")
    options = parser.parse_args()
    print(
        f"{describe()}, {load()}; lstm 1 x 512, windows of {WINDOW} steps; tokens/s, and how many times one process"
    )
    for precision in options.precisions.split(","):
        alone = tokens_per_second(1, STREAMS, precision, options.steps)
        print(
            f"{precision}, 1 process, {STREAMS} streams: {alone[0]:,.0f} by the clock, {alone[1]:,.0f} by the processor"
        )
        for processes in (2**power for power in range(1, options.most.bit_length())):
            for streams, said in ((STREAMS, "in all"), (STREAMS * processes, "in all, 64 for each")):
                rates = tokens_per_second(processes, streams, precision, options.steps)
                times = [rate / one for rate, one in zip(rates, alone, strict=True)]
                print(
                    f"    {processes} processes, {streams} streams {said}: {rates[0]:,.0f} by the clock, "
                    f"{times[0]:.2f} of one; {times[1]:.2f} by the processor; {load()}",
                    flush=True,
                )


if __name__ == "__main__":
    main()

"""What grows with the number of files? Ingest and training on 10^3 to 10^5 small synthetic files.

    python benchmarks/growth.py [--most 100000]

For each number, in a process of its own, with as many workers as there are processors: the time of ingest a file (flat
if ingest is linear), the peak of this process and that of the largest worker, the shards, and the memory before and
while training. Memory is what cannot be dropped (anonymous; mapped pages of shards count as resident while the system
has room for them), looked at after every few hundred files. Wall-clock time: a busy machine is slower.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe, load

NOTES = 100
STEPS = 50
FEWEST = 1_000


def make_file(number: int) -> bytes:
    """Return a MIDI file with a random walk in notes of 1/4, 1/2 and 1 quarters, as no other number gives."""
    random = np.random.default_rng(number)
    pitches = 60 + np.clip(np.cumsum(random.integers(-3, 4, NOTES)), -24, 24)
    events = np.zeros((NOTES, 2, 4), dtype=np.uint8)  # on and off: delta, status, pitch, velocity
    events[:, 0] = np.stack([np.zeros_like(pitches), np.full_like(pitches, 0x90), pitches, pitches], axis=1)
    events[:, 1] = events[:, 0]
    events[:, 1, 0], events[:, 1, 3] = random.choice([12, 24, 48], NOTES), 0
    track = events.tobytes() + b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 48) + b"MTrk" + struct.pack(">I", len(track)) + track


def make_files(folder: Path, count: int) -> None:
    """Write `count` files, a thousand a folder."""
    for number in range(count):
        if number % 1000 == 0:
            (folder / str(number // 1000)).mkdir(parents=True)
        (folder / str(number // 1000) / f"{number}.mid").write_bytes(make_file(number))


def anonymous_megabytes(process: str = "self") -> float:
    """Return the memory of a process that is not backed by files (Linux); 0 of one that has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return float(text.partition("RssAnon:")[2].split()[0]) / 1024 if "RssAnon:" in text else 0.0


def most_of_workers() -> float:
    """Return the memory of the largest child of this process. (What the system keeps as its peak is not less than this
    process had when it started it.)"""
    tasks = Path("/proc/self/task").glob("*/children")
    return max(
        (anonymous_megabytes(child) for task in tasks for child in task.read_text().split()), default=0.0
    )


def work(folder: Path, out: Path) -> None:
    """Ingest, train, and print what it took; runs in a process of its own."""
    from ritornello.presets import make_config
    from ritornello.training.run import prepare

    settings: dict[str, Any] = {
        "hidden": 64,
        "layers": 1,
        "embedding": 64,
        "steps": STEPS,
        "samples": 0,
        "evaluations": 2,
    }
    settings |= {"precision": "float32", "threads": 1, "batch": 32, "window": 64}
    before, most, worker = anonymous_megabytes(), 0.0, 0.0

    def watch(what: str, done: int, total: int) -> None:
        nonlocal most, worker
        if done % 500 == 0:
            most, worker = max(most, anonymous_megabytes()), max(worker, most_of_workers())

    started = time.perf_counter()
    run = prepare([folder], out, make_config("default", settings), init="none", progress=watch)
    ingest = time.perf_counter() - started
    ready = anonymous_megabytes()
    training = max((anonymous_megabytes() for _ in run.steps()), default=ready)
    shards = sum(path.stat().st_size for path in (out.with_suffix(".run") / "corpus").iterdir()) / 2**20
    files = len(run.corpus.index)
    print(
        f"{files:>7,} files: {files / ingest:,.0f} files/s, {1000 * ingest / files:.2f} ms a file; "
        f"{before:.0f} MB before, at most {most:.0f} MB, a worker {worker:.0f} MB; shards {shards:.1f} MB; "
        f"training {ready:.0f} MB at first, at most {training:.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--work", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return
    print(f"{describe()}, {load()}; files of {NOTES} notes", flush=True)
    count = FEWEST
    while count <= options.most:
        with tempfile.TemporaryDirectory() as place:
            make_files(Path(place) / "files", count)
            command = [sys.executable, __file__, "--work", f"{place}/files", f"{place}/a.rit"]
            subprocess.run(command, check=True)
        count *= 10


if __name__ == "__main__":
    main()

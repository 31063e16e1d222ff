"""Does training's memory grow with the corpus? Ingests and trains on FEW and on MANY small synthetic files.

For each, in a process of its own: the peak memory of the process (resident set), once after ingest and once
after training, the size of the shards, and the time of ingest a file. Mapped pages of the shards count as
resident while the system has room for them; so the anonymous memory (what cannot be dropped) is given too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FEW, MANY = 1_000, 20_000
NOTES = 300
STEPS = 200


def make_files(folder: Path, count: int) -> None:
    """Write `count` files of random walks, no two alike."""
    from ritornello import Score, Track, make_notes, write

    folder.mkdir()
    for number in range(count):
        random = np.random.default_rng(number)
        pitches = 60 + np.clip(np.cumsum(random.integers(-3, 4, NOTES)), -24, 24)
        starts = np.cumsum(random.choice([120, 240, 480], NOTES))
        rows = zip(starts.tolist(), [240] * NOTES, pitches.tolist(), [80] * NOTES, strict=True)
        write(Score(480, (Track(make_notes(rows)),)), folder / f"{number:06d}.mid")


def anonymous_megabytes() -> float:
    """Return the memory of this process that is not backed by files (Linux)."""
    text = Path("/proc/self/status").read_text()
    return float(text.split("RssAnon:")[1].split()[0]) / 1024


def work(folder: Path, out: Path) -> None:
    """Ingest, train, and print what it took; runs in a process of its own."""
    from ritornello.presets import make_config
    from ritornello.training.run import prepare

    settings = {"hidden": 64, "layers": 1, "embedding": 64, "steps": STEPS, "samples": 0, "evaluations": 2}
    settings |= {"precision": "float32", "threads": 1, "batch": 32, "window": 64}
    started = time.perf_counter()
    run = prepare([folder], out, make_config("default", settings))
    ingest = time.perf_counter() - started
    ready = anonymous_megabytes()
    most = ready
    for _ in run.steps():
        most = max(most, anonymous_megabytes())
    shards = sum(path.stat().st_size for path in (out.with_suffix(".run") / "corpus").iterdir()) / 2**20
    files = len(run.corpus.index)
    print(
        f"{files:>7,} files: shards {shards:6.1f} MB, prepared in {ingest:5.1f} s, "
        f"{1000 * ingest / files:.2f} ms a file, "
        f"memory {ready:.0f} MB before training, at most {most:.0f} MB while training",
        flush=True,
    )


def main() -> None:
    if len(sys.argv) == 3:
        work(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as place:
        for count in (FEW, MANY):
            folder = Path(place) / str(count)
            make_files(folder, count)
            subprocess.run([sys.executable, __file__, str(folder), f"{place}/{count}.rit"], check=True)


if __name__ == "__main__":
    main()

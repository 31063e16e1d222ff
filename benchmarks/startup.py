"""How long a person waits for the first sign of life: whole processes, cold interpreter, median of 5 runs.

Floor: the time of `python -c pass`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

from ritornello.data import CORPUS

RUNS = 5
SONG = str(sorted(CORPUS.rglob("*.mid"))[0])
COMMANDS = {
    "python -c pass (floor)": ["-c", "pass"],
    "import ritornello": ["-c", "import ritornello"],
    "ritornello --help": ["-m", "ritornello", "--help"],
    "ritornello compose --help": ["-m", "ritornello", "compose", "--help"],
    "ritornello info songs": ["-m", "ritornello", "info", "songs"],
    "ritornello presets": ["-m", "ritornello", "presets"],
    "ritornello inspect, one file": ["-m", "ritornello", "inspect", SONG],
    "ritornello convert, MIDI to event text": ["-m", "ritornello", "convert", SONG, "song.txt"],
    "ritornello render, MIDI to a piano roll": ["-m", "ritornello", "render", SONG, "-o", "song.png"],
    "the server of `ritornello jam`, imported": ["-c", "import ritornello.live.server"],
    "`ritornello train`, imported": ["-c", "import ritornello.training.run"],
    "ritornello compose songs, 16 bars to MIDI": [
        "-m", "ritornello", "compose", "songs", "--bars", "16", "--seed", "1", "-o", "piece.mid",
    ],
}  # fmt: skip


def seconds(arguments: list[str], folder: str) -> float:
    """Return the time of one process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=True)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in COMMANDS.items():
            times = [seconds(arguments, folder) for _ in range(RUNS)]
            print(f"{name:<44}{statistics.median(times):6.2f} s   ({min(times):.2f} to {max(times):.2f})")


if __name__ == "__main__":
    main()

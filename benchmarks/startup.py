"""How long a person waits for the first sign of life: whole processes, median of 5 runs.

The modules are compiled beforehand, as they are once installed. Floors: the time of `python -c pass`, and of importing
what the network runs on. Beside the time, the processor time, which other work on the machine changes less.
"""

from __future__ import annotations

import os
import resource
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
    "import onnxruntime (floor of composing)": ["-c", "import onnxruntime"],
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


def seconds(arguments: list[str], folder: str) -> tuple[float, float]:
    """Return the time of one process, and its processor time."""
    bytecode = {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode", "PYTHONDONTWRITEBYTECODE": ""}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=folder, env=os.environ | bytecode, capture_output=True, check=True)
    taken, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(arguments: list[str]) -> list[tuple[float, float]]:
    """Return both times of RUNS processes, after one that compiles the modules."""
    with tempfile.TemporaryDirectory() as folder:
        return [seconds(arguments, folder) for _ in range(RUNS + 1)][1:]


def main() -> None:
    for name, arguments in COMMANDS.items():
        times, processor = zip(*measure(arguments), strict=True)
        print(
            f"{name:<44}{statistics.median(times):6.2f} s   ({min(times):.2f} to {max(times):.2f}; "
            f"processor {min(processor):.2f})"
        )


if __name__ == "__main__":
    main()

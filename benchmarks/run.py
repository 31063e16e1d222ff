"""`make bench`: every benchmark, one after another; what they print goes to `results.md`, ratios to `results.png`.

    python benchmarks/run.py [FOLDER] [--peers PYTHON] [--only NAME ...] [--quick]

FOLDER is one of MIDI files (default: the embedded corpus); --peers the Python of an environment with what is
compared with (`peers.txt`). Let nothing else run on the machine. In full it is meant to take
25 minutes on a quiet machine of two cores, with --quick 8.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from machine import describe, load

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "src" / "ritornello" / "data" / "corpus"


class Benchmark(NamedTuple):
    """A script, its question, its arguments in full and if quick, and whether it takes a folder or the peers."""

    question: str
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    folder: bool = False
    peers: bool = False


BENCHMARKS = {
    "stepping": Benchmark(
        "How fast does a network step?", ("--seconds=0.5",), ("--seconds=0.2",), peers=True
    ),
    "composing": Benchmark("How fast does a whole composition go?"),
    "quantised": Benchmark("What do weights of 8 bits cost in quality?", (), ("--pieces=3",)),
    "long_pieces": Benchmark("Does generation slow down as a piece grows?", (), ("--ids=10000",)),
    "time_to_quality": Benchmark(
        "Which network learns fastest?", ("--minutes=1.5",), ("--minutes=0.5",), folder=True
    ),
    "training": Benchmark("How near does training come to the machine's products?", (), ("--steps=10",)),
    "processes": Benchmark(
        "How much faster do several processes train?", (), ("--steps=10", "--precisions=float32")
    ),
    "ingest": Benchmark("How fast are files read?", (), ("--files=30",), folder=True, peers=True),
    "read_midi": Benchmark("How fast is MIDI read?", (), ("--files=50",), folder=True),
    "startup": Benchmark("How long does a command take to start?"),
    "live": Benchmark(
        "How soon does a session answer, and how many play at once?",
        ("--hour=600",),
        ("--seconds=5", "--hour=60"),
    ),
    "growth": Benchmark("What grows with the number of files?", (), ("--most=1000",)),
}

RATIO = re.compile(r"^(?P<what>[^:\n]+):.*?(?P<ratio>\d[\d,.]*) times as fast", re.MULTILINE)
"""What a benchmark prints of itself against a peer."""


def run(name: str, options: argparse.Namespace) -> str:
    """Return what a benchmark prints; it is shown too."""
    benchmark = BENCHMARKS[name]
    command = [
        sys.executable,
        str(HERE / f"{name}.py"),
        *(benchmark.quick if options.quick else benchmark.full),
    ]
    command += [str(options.folder)] * benchmark.folder
    command += ["--peers", options.peers] * (benchmark.peers and options.peers is not None)
    print(f"\n== {name}", flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return "".join(lines) if process.returncode == 0 else "".join(lines) + "(failed)\n"


def draw(ratios: dict[str, float], path: Path) -> None:
    """Draw how many times as fast as each peer we are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1 + 0.45 * len(ratios)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    bars = axes.barh(list(ratios), list(ratios.values()), color="#0b6e99")
    axes.bar_label(bars, fmt="{:,.1f}x", padding=4)
    axes.axvline(1, color="#d9822b", linewidth=1.2)
    axes.set_xscale("log")
    axes.set_xlim(0.5, 3 * max(ratios.values()))
    axes.set_xlabel("times as fast, the same work on the same machine")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--peers")
    parser.add_argument("--only", nargs="*", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    kind = "quick, trial figures" if options.quick else "in full"
    text = [f"# Results\n\n{datetime.date.today()}, {kind}. {describe()}; {load()} at the beginning.\n"]
    ratios: dict[str, float] = {}
    for name in options.only:
        printed = run(name, options)
        text.append(f"## {BENCHMARKS[name].question} (`{name}.py`)\n\n```\n{printed}```\n")
        ratios |= {m["what"].strip(): float(m["ratio"].replace(",", "")) for m in RATIO.finditer(printed)}
        write(text, ratios)  # what is there so far: a run may be cut off


def write(text: list[str], ratios: dict[str, float]) -> None:
    """Write the results, the picture first if there are ratios."""
    if ratios:
        draw(ratios, HERE / "results.png")
        text = [text[0], "![How many times as fast](results.png)\n", *text[1:]]
    (HERE / "results.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()

"""How soon do the first notes of an infill come through HTTP, and the end of it?

    python benchmarks/serving.py [MODEL ...] [--calls 20] [--bars 16 64]

A warm server (`ritornello serve`, a process of its own) is asked to compose two bars anew, in the middle of a piece by
the same model, by `ritornello.Client`, with the piece as JSON. The call of the library in this process, with the same
seed, alternates with it, and gives the same piece. Milliseconds: the median and the slowest of the calls, after one
that is not counted; the ratio is that of the medians to the end.
"""

from __future__ import annotations

import argparse
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import ritornello
from ritornello.corpus.pool import processor_count
from ritornello.score import Score
from ritornello.service.job import Event, NewNotes


@contextmanager
def serving(model: str) -> Iterator[ritornello.Client]:
    """Run a server, and yield a client of it."""
    command = [sys.executable, "-u", "-m", "ritornello", "serve", model, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        found = re.match(r"http://\S+", process.stdout.readline())
        assert found, "the server did not start"
        try:
            yield ritornello.Client(found[0])
        finally:
            process.terminate()


def through_http(client: ritornello.Client, piece: Score, bars: str, seed: int) -> tuple[float, float, Score]:
    """Return the seconds to the first notes and to the end, and the piece."""
    first: list[float] = []
    began = time.perf_counter()

    def listen(event: Event) -> None:
        if isinstance(event, NewNotes) and not first:
            first.append(time.perf_counter() - began)

    made = client.infill(piece, bars, seed=seed, listen=listen)
    end = time.perf_counter() - began
    return (first or [end])[0], end, made.score


def measure(name: str, bars: int, calls: int) -> None:
    model = ritornello.load(name)
    piece = model.compose(bars=bars, seed=1, best_of=1, form="none").score
    middle = f"{bars // 2 + 1}-{bars // 2 + 2}"
    firsts, ends, library = list[float](), list[float](), list[float]()
    with serving(name) as client:
        for seed in range(calls + 1):
            first, end, made = through_http(client, piece, middle, seed)
            began = time.perf_counter()
            own = model.compose(piece, infill=middle, seed=seed).score
            took = time.perf_counter() - began
            assert own == made
            if seed:
                firsts, ends, library = [*firsts, first], [*ends, end], [*library, took]
    cells = [
        f"{1000 * statistics.median(each):8.0f} {1000 * max(each):8.0f}" for each in (firsts, ends, library)
    ]
    ratio = statistics.median(ends) / statistics.median(library)
    print(f"{name:10}{bars:5}{piece.note_count:7} {cells[0]} {cells[1]} {cells[2]} {ratio:7.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=["songs"])
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--bars", type=int, nargs="+", default=[16, 64])
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {processor_count()} processors")
    print(f"{'model':10}{'bars':>5}{'notes':>7} {'first notes':>17} {'end':>17} {'library':>17} {'ratio':>7}")
    for name in arguments.models:
        for bars in arguments.bars:
            measure(name, bars, arguments.calls)


if __name__ == "__main__":
    main()

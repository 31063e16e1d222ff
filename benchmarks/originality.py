"""How much does a model copy, at its defaults and when anything may be copied, and what does it cost not to?

    python benchmarks/originality.py MODEL ... [--pieces 50] [--bars 32] [--seed 1]

Pieces of the same seeds, composed one by one and written as MIDI files; each file is read again, and the longest run
of notes looked for that it shares with the music learned from, in any key. Printed are, for each setting: the share of
pieces whose longest copy is shorter than 16 notes, its median, 95 % quantile and maximum, the processor's time a piece
(of this thread, so that other work on the machine counts less) against that of composing freely, and nats a note.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import ritornello
from ritornello.generation import Model
from ritornello.originality import copies

SETTINGS: dict[str, dict[str, int]] = {"anything": {"max_copy": 0}, "defaults": {}}
WANTED = 16


def longest_copy(model: Model, path: Path) -> int:
    """Return the notes of the longest copy in the file at `path`."""
    assert model.bundle.index is not None
    moved = copies(model.bundle.index, ritornello.read(path)).moved
    return moved.notes if moved else 0


def figures(
    model: Model, settings: dict[str, int], options: argparse.Namespace
) -> tuple[list[int], float, float]:
    """Return the longest copy of each piece, the seconds a piece, and the mean log-likelihood of a note."""
    longest, likelihoods, seconds = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for index in range(options.pieces):
            started = time.thread_time()
            piece = model.compose(bars=options.bars, seed=options.seed, index=index, **settings)
            seconds += time.thread_time() - started
            longest.append(longest_copy(model, piece.write(Path(folder) / "piece.mid")))
            likelihoods.append(piece.log_likelihood)
    return longest, seconds / options.pieces, float(np.mean(likelihoods))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--pieces", type=int, default=50)
    parser.add_argument("--bars", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in options.models:
        model = ritornello.load(name)
        model.compose(bars=1)  # what is made once
        free = 0.0
        for setting, settings in SETTINGS.items():
            longest, seconds, likelihood = figures(model, settings, options)
            free = free or seconds
            below = np.mean(np.array(longest) < WANTED)
            print(
                f"{name}, {setting}: {below:.0%} of {options.pieces} pieces below {WANTED} notes; median "
                f"{np.median(longest):.0f}, 95 % up to {np.quantile(longest, 0.95):.0f}, longest {max(longest)}; "
                f"{1000 * seconds:.0f} ms a piece, {seconds / free:.2f} times; {-likelihood:.3f} nats a note",
                flush=True,
            )


if __name__ == "__main__":
    main()

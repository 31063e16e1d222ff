"""What do steps in 8 bits cost in quality? Held-out nats a note of shipped bundles, in both precisions.

    python benchmarks/quantised.py songs=FOLDER quartets=FOLDER [--pieces 20]

FOLDER is what the bundle was trained on: the same files and seed give the same pieces held out. Without arguments
the bands are judged on the embedded corpus. At most 3,000 ids of a piece are read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ritornello
from ritornello.corpus.scan import scan
from ritornello.corpus.splitting import split
from ritornello.data import CORPUS
from ritornello.generation.likelihood import judge
from ritornello.generation.stepper import Stepper
from ritornello.likelihood import Likelihood

MOST_IDS = 3_000


def held_out(folder: Path, pieces: int) -> list[Path]:
    """Return the files that a run on `folder` with seed 0 holds out, at most so many."""
    used = scan([folder]).used
    _, apart = split([report.digest for report in used], 0, 0.1)
    return [used[number].path for number in apart][:pieces]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pairs", nargs="*", default=[f"bands={CORPUS}"], help="model=folder")
    parser.add_argument("--pieces", type=int, default=20)
    options = parser.parse_args()
    for pair in options.pairs:
        name, folder = pair.split("=", 1)
        bundle = ritornello.load(name).bundle
        encode = bundle.representation.encode
        pieces = [encode(ritornello.read(path))[:MOST_IDS] for path in held_out(Path(folder), options.pieces)]
        exact, rounded = (
            sum((judge(bundle.representation, stepper, ids) for ids in pieces), Likelihood())
            for stepper in (Stepper(bundle, precision=precision) for precision in ("float32", "int8"))
        )
        change = rounded.nats_per_note / exact.nats_per_note - 1
        print(
            f"{name}: {len(pieces)} held-out pieces, {exact.notes:,} notes: "
            f"{exact.nats_per_note:.4f} nats a note in float32, {rounded.nats_per_note:.4f} in int8 ({change:+.3%})"
        )


if __name__ == "__main__":
    main()

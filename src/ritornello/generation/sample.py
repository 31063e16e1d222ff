"""Samples during training: a short piece from an unfinished bundle."""

from __future__ import annotations

from pathlib import Path

SAMPLE_BARS = 8


def write_sample(bundle: Path, path: Path) -> None:
    """Compose a few bars with `bundle` and write them to `path`; prose, a few sentences, goes to a .txt file.

    The seed is fixed, so that the samples of a run compare.
    """
    from ritornello.generation import load

    model = load(bundle)
    if model.bundle.representation.reads_prose:
        path = path.with_suffix(".txt")
    model.compose(bars=SAMPLE_BARS, seed=0).write(path)

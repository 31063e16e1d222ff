"""How much less does a model repeat itself with --surprise?

    python benchmarks/surprise.py MODEL ... [--pieces 8] [--bars 32] [--notes 200]

For each model, temperature and surprise, pieces of the same seeds, without the repetition guard. Printed are means:
notes a piece; the share of groups of four onsets (pitches and distance in time) that have occurred before in the
piece; the longest run of one pitch in one track; the pitches used; and what the model thinks of its piece, in nats a
note. Of prose, words stand for notes.
"""

from __future__ import annotations

import argparse

import numpy as np

import ritornello
from ritornello.formats.text import is_prose, paragraphs
from ritornello.score import Score

SURPRISES = (0.0, 0.02, 0.05, 0.1, 0.2)


def series_of(score: Score) -> list[list[tuple[int, ...] | str]]:
    """Return the series in which repetition is looked for: of each track its onsets, of prose its words."""
    if is_prose(score):
        return [[word for text in paragraphs(score) for word in text.replace("\u200b", " ").split()]]
    found = []
    for track in score.tracks:
        starts = np.unique(track.notes["start"])
        at = np.searchsorted(track.notes["start"], starts)
        gaps = np.diff(starts, prepend=starts[:1])
        found.append(list(zip(track.notes["pitch"][at].tolist(), gaps.tolist(), strict=True)))
    return found


def repeated_share(series: list[tuple[int, ...] | str], size: int = 4) -> tuple[int, int]:
    """Return how many groups of `size` neighbours have occurred before, and how many groups there are."""
    groups = [tuple(series[i : i + size]) for i in range(len(series) - size + 1)]
    return len(groups) - len(set(groups)), len(groups)


def longest_run(series: list[tuple[int, ...] | str]) -> int:
    """Return how often, at most, one pitch (or word) stands in a row."""
    names = [item if isinstance(item, str) else item[0] for item in series]
    longest, run = 0, 0
    for before, name in zip([None, *names], names, strict=False):
        run = run + 1 if name == before else 1
        longest = max(longest, run)
    return longest


def figures(score: Score) -> tuple[float, ...]:
    series = series_of(score)
    repeated, groups = (sum(column) for column in zip(*map(repeated_share, series), strict=True))
    kinds = len({item if isinstance(item, str) else item[0] for part in series for item in part})
    return sum(map(len, series)), repeated / max(1, groups), max(map(longest_run, series)), kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--pieces", type=int, default=8)
    parser.add_argument("--bars", type=int, default=32)
    arguments = parser.parse_args()
    head = ("temperature", "surprise", "onsets", "repeated", "longest run", "pitches", "nats a note")
    for name in arguments.models:
        model = ritornello.load(name)
        print(
            f"{name}, {arguments.pieces} pieces of {arguments.bars} bars\n"
            + "".join(f"{h:>13}" for h in head)
        )
        for temperature in (0.0, 0.7, 1.0):
            for surprise in SURPRISES:
                count = arguments.pieces if temperature or surprise else 1
                settings = {
                    "temperature": temperature,
                    "surprise": surprise,
                    "bars": arguments.bars,
                    "guard": False,
                }
                pieces = model.compose_many(seed=1, count=count, **settings)
                rows = [(*figures(piece.score), -piece.log_likelihood) for piece in pieces]
                cells = [f"{temperature:13.1f}{surprise:13.2f}"]
                for mean, form in zip(
                    np.mean(rows, axis=0), ("13.0f", "13.1%", "13.1f", "13.1f", "13.2f"), strict=True
                ):
                    cells.append(format(mean, form))
                print("".join(cells), flush=True)


if __name__ == "__main__":
    main()

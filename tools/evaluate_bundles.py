"""How probable do models find the pieces that were held out of each set of music? And what do they compose?

    python tools/evaluate_bundles.py ARCHIVES WORK [MODEL ...] [--sets SET ...] [--most-notes N]
    python tools/evaluate_bundles.py ARCHIVES WORK [MODEL ...] --composed [--pieces 200] [--bars 32] [--write FOLDER]

Prints a table: a row for each set of `music.SETS`, with the tenth of its pieces that is held out of every model; a
column for each model, named as it comes along or a .rit file (default: all that come along). The figures are exact
nats a note, of the notes as the model reads them, where music has one velocity throughout at that which the model
learned. --most-notes takes some pieces at random where a set has more notes.

With --composed, the rows are what sets the pieces that a model composes apart from the held-out ones of its own music
(`ritornello evaluate`, with its defaults); a .rit file is taken for the model of its name. --write keeps a report for
each model, which says where they are told apart.

A model that came along before `base` held out the same pieces of lieder-openscore (`songs`), quartets-openscore
(`quartets`) and freedoom (`bands`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import music
import numpy as np
from make_bundles import folders, judged, some

from ritornello.config import checked
from ritornello.corpus.pieces import Piece
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.evaluate import evaluate
from ritornello.evaluation.pieces import find_pieces
from ritornello.evaluation.report import write_report
from ritornello.generation import load, shipped_bundles

ROWS = {"+".join(group): group for group in [*music.GROUPS, *([name] for name in music.FOLK)]}


def of_composed(name: str, arguments: argparse.Namespace) -> dict[str, str]:
    """Return the figures of what a model composes, by what they are."""
    model = load(name)
    music_of = folders(Path(name).stem, arguments.archives, arguments.work)
    scores = [piece.read() for piece in find_pieces(model.bundle, music_of, held_out=True)]
    config = checked(EvaluateConfig, {"pieces": arguments.pieces, "bars": arguments.bars})
    found = evaluate(model, scores, config)
    if arguments.write:
        write_report(found, arguments.write / f"{Path(name).stem}.html")
    apart, composed = found.contrast, found.counts[0]
    told = apart.two_sample
    return {
        "pieces of each": f"{composed}",
        "told apart, of 100 pairs": f"{100 * told.area:.0f} ± {100 * told.error:.0f}"
        if told
        else "too few pieces",
        "by chance": f"{100 * told.chance[0]:.0f} to {100 * told.chance[1]:.0f}" if told else "",
        "by one group of numbers alone, mean": f"{100 * told.mean_of_groups:.0f}" if told else "",
        "share of the ceiling": f"{found.share_of_ceiling[0]:.0%} ± {found.share_of_ceiling[1]:.0%}",
        "end in a burst": f"{apart.bursts[0]} of {composed}",
        "extra bars": f"{apart.extra_bars} of {composed}",
        "notes outside the range of their voice (real)": f"{apart.outside[0]:.1%} ({apart.outside[1]:.1%})",
        "keys, overlap of the ceiling": f"{apart.keys[0]:.2f} ± {apart.keys[1]:.2f}",
        "when voices play, overlap of the ceiling": f"{apart.voices[0]:.2f} ± {apart.voices[1]:.2f}",
        "chord changes, nats over real": f"{apart.surprise[0] / apart.surprise[1]:.2f}",
        "longest copy, notes, 95 % of pieces": f"{np.quantile(found.longest_copies or [0], 0.95):.0f}",
    }


def print_composed(arguments: argparse.Namespace) -> None:
    """Print a row for each figure, and a column for each model."""
    columns = []
    for name in arguments.models:
        columns.append(of_composed(name, arguments))
        print(name, columns[-1], file=sys.stderr, flush=True)
    print("| |", *(f"{name} |" for name in arguments.models))
    print("|---|" + "---|" * len(columns))
    for row in columns[0]:
        print(f"| {row} |", *(f"{column[row]} |" for column in columns))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("models", nargs="*", default=sorted(shipped_bundles()))
    parser.add_argument("--sets", nargs="*", default=list(ROWS), choices=list(ROWS), metavar="SET")
    parser.add_argument("--most-notes", type=int, default=10**9)
    parser.add_argument("--composed", action="store_true")
    parser.add_argument("--pieces", type=int, default=200)
    parser.add_argument("--bars", type=int, default=32)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    if arguments.composed:
        print_composed(arguments)
        return
    models = [load(name) for name in arguments.models]
    print("| held-out pieces of | pieces | notes |", *(f"{name} |" for name in arguments.models))
    print("|---|---|---|" + "---|" * len(models), flush=True)
    for row in arguments.sets:
        folders = [music.prepared(name, arguments.archives, arguments.work) for name in ROWS[row]]
        reports, numbers = music.a_tenth(folders)
        pieces = some([Piece(reports[number].path) for number in numbers], arguments.most_notes)
        notes = sum(piece.read().note_count for piece in pieces)
        figures = (f"{judged(model, pieces).nats_per_note:.3f} |" for model in models)
        print(f"| {row} | {len(pieces)} | {notes:,} |", *figures, flush=True)


if __name__ == "__main__":
    main()

"""How probable do models find the pieces that were held out of each set of music?

    python tools/evaluate_bundles.py ARCHIVES WORK [MODEL ...] [--sets SET ...] [--most-notes N]

Prints a table: a row for each set of `music.SETS`, with the tenth of its pieces that is held out of every model; a
column for each model, named as it comes along or a .rit file (default: all that come along). The figures are exact
nats a note, of the notes as the model reads them, where music has one velocity throughout at that which the model
learned. --most-notes takes some pieces at random where a set has more notes.

A model that came along before `base` held out the same pieces of lieder-openscore (`songs`), quartets-openscore
(`quartets`) and freedoom (`bands`). How what a model composes compares with its held-out pieces, `ritornello evaluate
MODEL WORK/music/SET ... --held-out` tells.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import music
from make_bundles import judged, some

from ritornello.corpus.pieces import Piece
from ritornello.generation import load, shipped_bundles

ROWS = {"+".join(group): group for group in [*music.GROUPS, *([name] for name in music.FOLK)]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("models", nargs="*", default=sorted(shipped_bundles()))
    parser.add_argument("--sets", nargs="*", default=list(ROWS), choices=list(ROWS), metavar="SET")
    parser.add_argument("--most-notes", type=int, default=10**9)
    arguments = parser.parse_args()
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

"""How good are the bundles that come along, on the pieces that they were not shown?

    python tools/evaluate_bundles.py ARCHIVES WORK [NAME ...] [--pieces 128] [--set temperature=1 ...]

The music is read as `tools/make_bundles.py` does, and split as the bundle's card says. For each held-out piece one is
composed that is as long, in its meter and for its instruments; the figures are those of `ritornello evaluate
--held-out`, whose report goes to WORK/NAME.html. With --learned, pieces that the bundle learned from stand for the
held-out ones: to choose settings by, which are then measured without.
"""

from __future__ import annotations

from make_bundles import make_parser, unpack

from ritornello.config import checked
from ritornello.data import BUNDLES
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.evaluate import evaluate
from ritornello.evaluation.pieces import find_pieces
from ritornello.evaluation.report import figures, rows, write_report
from ritornello.generation import load


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="fields of EvaluateConfig")
    parser.add_argument("--learned", action="store_true")
    arguments = parser.parse_args()
    config = checked(EvaluateConfig, {"pieces": 128} | dict(each.split("=", 1) for each in arguments.set))
    for name in arguments.names:
        model = load(BUNDLES / f"{name}.rit")
        folder = unpack(name, arguments.archives, arguments.work)
        apart = find_pieces(model.bundle, [folder], held_out=True)
        if arguments.learned:
            apart = [
                piece for piece in find_pieces(model.bundle, [folder], held_out=False) if piece not in apart
            ]
        found = evaluate(model, [piece.read() for piece in apart], config)
        print(f"{name}: {found.counts[0]} composed pieces against {found.counts[1]} real ones", flush=True)
        for line in figures(found):
            print("  {:42} {}".format(*line))
        for line in sorted(rows(found), key=lambda row: float(row[3]) - float(row[4])):
            print("  {:20}{:>18}{:>18}{:>7}{:>7}".format(*line[:5]), flush=True)
        write_report(found, arguments.work / f"{name}.html")


if __name__ == "__main__":
    main()

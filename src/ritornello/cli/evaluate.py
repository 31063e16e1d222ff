"""`ritornello evaluate`: likelihood of held-out pieces, and likeness of composed pieces to real ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.evaluation.config import EvaluateConfig

if TYPE_CHECKING:
    from ritornello.evaluation.evaluate import Evaluation


@with_options(EvaluateConfig)
def evaluate(
    model: Annotated[str, typer.Argument(help="a .rit file, or the name of a shipped model")],
    paths: Annotated[
        list[str],
        typer.Argument(
            help="files, folders and addresses (s3://...) that it did not learn from; see --held-out"
        ),
    ],
    out: Annotated[
        list[Path] | None, typer.Option("--out", "-o", help="report to write: .html or .png; may be repeated")
    ] = None,
    held_out: Annotated[
        bool,
        typer.Option(
            "--held-out", help="of the files that it was trained on, only those that were held out then"
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Measure how probable real pieces are under a model, and how alike its own pieces are to them."""
    import json

    from ritornello.cli.counting_display import show_counting
    from ritornello.config import checked
    from ritornello.evaluation.evaluate import evaluate as run
    from ritornello.evaluation.pieces import find_pieces
    from ritornello.evaluation.report import check_report_suffix, write_report
    from ritornello.generation import load

    for path in out or []:
        check_report_suffix(path)
    config = checked(EvaluateConfig, settings)
    loaded = load(model)
    scores = [piece.read() for piece in find_pieces(loaded.bundle, paths, held_out)]
    with show_counting(as_json, "pieces") as progress:
        found = run(loaded, scores, config, progress)
    for path in out or []:
        write_report(found, path)
    if as_json:
        typer.echo(json.dumps(found.facts()))
    else:
        _print(found, out or [])


def _print(found: Evaluation, out: list[Path]) -> None:
    from ritornello.evaluation.report import HEADINGS, describe, figures, rows

    typer.echo(f"{found.model}: {describe(found)}")
    for name, value in figures(found):
        typer.echo(f"  {name:42} {value}")
    typer.echo("")
    for line in (HEADINGS, *rows(found)):
        typer.echo(f"  {line[0]:20}{line[1]:>16}{line[2]:>16}{line[3]:>9}{line[4]:>9}  {line[5]}")
    for path in out:
        typer.echo(f"wrote {path}")

"""`ritornello evaluate`: likelihood of real pieces, likeness of composed ones to them, and two models side by side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.evaluation.config import EvaluateConfig

if TYPE_CHECKING:
    from ritornello.evaluation.evaluate import Evaluation
    from ritornello.evaluation.side_by_side import SideBySide
    from ritornello.generation import Model


@with_options(EvaluateConfig)
def evaluate(
    model: Annotated[str, typer.Argument(help="a .rit file, or the name of a shipped model")],
    paths: Annotated[
        list[str],
        typer.Argument(
            help="files, folders and addresses (s3://...) that it did not learn from, see --held-out; before them, "
            "or instead of them, a second model to compare with"
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
    """Measure how probable real pieces are under a model, and how alike its own pieces are to them; or compare two."""
    import json

    from ritornello.cli.counting_display import show_counting
    from ritornello.config import checked
    from ritornello.errors import ConfigError
    from ritornello.evaluation.evaluate import evaluate as run
    from ritornello.evaluation.pieces import find_pieces
    from ritornello.evaluation.report import check_report_suffix, write_report
    from ritornello.generation import load
    from ritornello.paths import check_place

    for path in out or []:
        check_report_suffix(path)
        check_place(path)
    config = checked(EvaluateConfig, settings)
    names = [model, *(path for path in paths if _is_model(path))]
    music = [path for path in paths if not _is_model(path)]
    if len(names) > 2:
        raise ConfigError(f"{len(names)} models: {', '.join(names)}; two are compared at a time")
    models = [load(name) for name in names]
    if len(models) == 2:
        if out:
            raise ConfigError(f"{out[0]}: a report is of one model; of two there is the table, and --json")
        found = _compare(models, music, config, held_out, as_json)
        typer.echo(json.dumps(found.facts())) if as_json else _print_both(found)
        return
    scores = [piece.read() for piece in find_pieces(models[0].bundle, music, held_out)]
    with show_counting(as_json, "pieces") as progress:
        evaluation = run(models[0], scores, config, progress)
    for path in out or []:
        write_report(evaluation, path)
    typer.echo(json.dumps(evaluation.facts())) if as_json else _print(evaluation, out or [])


def _is_model(text: str) -> bool:
    """Return whether an argument is a model: a .rit file, or a shipped one of whose name there is no file or folder."""
    from ritornello.generation import MODELS

    return text.endswith(".rit") or (text in MODELS and not Path(text).exists())


def _compare(
    models: list[Model], music: list[str], config: EvaluateConfig, held_out: bool, as_json: bool
) -> SideBySide:
    """Return two models side by side, on the pieces that are fit for both, or without music."""
    from ritornello.cli.counting_display import show_counting
    from ritornello.evaluation.evaluate import evaluate as run
    from ritornello.evaluation.pieces import find_pieces
    from ritornello.evaluation.side_by_side import compare_evaluations, compare_models

    with show_counting(as_json, "pieces") as progress:
        if not music:
            return compare_models(models[0], models[1], config, progress)
        fit = [find_pieces(each.bundle, music, held_out) for each in models]
        scores = [piece.read() for piece in fit[0] if piece in fit[1]]
        evaluations = []
        for each in models:
            told = partial(_tell, progress, each.bundle.card.name)
            evaluations.append(run(each, scores, config, told))
    return compare_evaluations(evaluations[0], evaluations[1])


def _tell(progress: Callable[[str, int, int], None], name: str, what: str, done: int, count: int) -> None:
    progress(f"{name}: {what}", done, count)


def _print(found: Evaluation, out: list[Path]) -> None:
    from ritornello.evaluation.report import HEADINGS, NOTICED, TOLD_APART, describe, figures, noticed, rows

    typer.echo(f"{found.model}: {describe(found)}")
    for name, value in figures(found):
        typer.echo(f"  {name:46} {value}")
    typer.echo("  (nats: the surprise of the model, -ln p; lower is better)\n")
    if told := noticed(found):
        typer.echo(f"  {TOLD_APART}\n")
        for line in (NOTICED, *told):
            typer.echo(f"  {line[0]:60}{line[1]:>18}{line[2]:>18}")
        typer.echo("")
    for line in (HEADINGS, *rows(found)):
        typer.echo(f"  {line[0]:20}{line[1]:>16}{line[2]:>16}{line[3]:>9}{line[4]:>9}  {line[5]}")
    for path in out:
        typer.echo(f"wrote {path}")


def _print_both(found: SideBySide) -> None:
    real = f"like {found.real} real ones" if found.real else "on their own"
    typer.echo(f"{found.models[0]} and {found.models[1]}: {found.composed[0]} pieces of each, {real}\n")
    one, other = (name[:12] for name in found.models)
    heads = [one, other, *(["real"] if found.real else [])]
    typer.echo(f"  {'':18}{''.join(f'{head:>13}' for head in heads)}{'difference':>22}")
    for row in found.rows:
        values = [row.one, row.other, *([row.real] if found.real else [])]
        cells = "".join(f"{'' if value is None else f'{value:.3f}':>13}" for value in values)
        mark = "*" if row.is_sure else " "
        typer.echo(
            f"  {row.name:18}{cells}{f'{row.difference:+.3f} ± {row.error:.3f}':>22}{mark} {row.meaning}"
        )
    typer.echo(
        "\n  ± is the standard error of the difference; * marks those of more than two of it, hardly chance"
    )

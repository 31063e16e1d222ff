"""`ritornello likelihood`: the likelihood of given pieces under a model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from ritornello.generation.likelihood import Example
    from ritornello.likelihood import Likelihood
    from ritornello.score import Score

EXPLANATION = (
    "nats a note: the surprise of the model, -ln p; 0.7 is a choice between two notes as likely, 2.3 between ten. "
    "Lower is better.\nright: how often what came was what the model thought most likely."
)


def likelihood(
    model: Annotated[str, typer.Argument(help="a .rit file, or the name of a shipped model")],
    files: Annotated[list[str], typer.Argument(help="files of music, and folders of them")],
    as_json: Annotated[
        bool, typer.Option("--json", help="a line of facts for each file, for machines, bars included")
    ] = False,
) -> None:
    """Measure how probable pieces are under a model, and how often it predicts the next token."""
    import json

    from ritornello.cli.counting_display import show_counting
    from ritornello.cli.music_files import for_each
    from ritornello.generation import load
    from ritornello.generation.likelihood import examples_of, grouped, judge_group
    from ritornello.likelihood import Likelihood, most_surprising

    loaded, width = load(model), min(max(map(len, files)) + 24, 48)
    representation, stepper = loaded.bundle.representation, loaded.stepper
    heading = [_line("file", width, ("notes", "nats a note", "right"), "where most surprising")]

    def show(path: Path, header: Likelihood, bars: list[Likelihood]) -> Likelihood:
        knows_bars = representation.learns_whole_pieces
        judged, bar = sum(bars, header), most_surprising(bars) if knows_bars else None
        if as_json:
            by_bar = [round(-bar.log_likelihood, 3) for bar in bars] if knows_bars else None
            facts = {"file": str(path)} | judged.facts() | {"most_surprising_bar": bar, "nats_by_bar": by_bar}
            typer.echo(json.dumps(facts))
        else:
            if heading:  # not before the first file is judged: it may be refused
                typer.echo(heading.pop())
            where = "" if bar is None else f"bar {bar}, {bars[bar - 1].nats_per_note:.2f} a note"
            typer.echo(_line(str(path), width, _cells(judged), where))
        return judged

    paths: list[Path] = []
    judged: list[Likelihood] = []

    def prepare(path: Path, score: Score) -> list[Example]:
        examples = examples_of(representation, score)
        paths.append(path)
        return examples

    for group in grouped(for_each(files, prepare, representation.reads_prose)):
        with show_counting(as_json, "pieces") as progress:
            found = judge_group(representation, stepper, group, partial(progress, "judging"))
        judged += [show(paths[number], *each) for number, each in enumerate(found, len(judged))]
    total = sum(judged, Likelihood())
    if as_json and len(judged) > 1:
        typer.echo(json.dumps({"file": None, "files": len(judged)} | total.facts()))
    elif not as_json:
        if len(judged) > 1:
            typer.echo(_line(f"all {len(judged)}", width, _cells(total), ""))
        typer.echo(
            f"\nlog-likelihood {total.log_likelihood:,.1f} nats, {total.nats_per_token:.3f} a token, perplexity "
            f"{total.perplexity:.2f}; of events right {total.event_accuracy:.1%}\n{EXPLANATION}"
        )


def _cells(judged: Likelihood) -> tuple[str, str, str]:
    return f"{judged.notes:,}", f"{judged.nats_per_note:.3f}", f"{judged.accuracy:.1%}"


def _line(name: str, width: int, cells: tuple[str, str, str], where: str) -> str:
    """Return a row of the table; of a long name the end is shown."""
    shown = name if len(name) <= width else f"…{name[1 - width :]}"
    return f"{shown:{width}}{cells[0]:>9}{cells[1]:>13}{cells[2]:>8}   {where}".rstrip()

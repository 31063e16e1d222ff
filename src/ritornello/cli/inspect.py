"""`ritornello inspect`: a report on a dataset, file by file and as a whole."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ritornello.corpus.losses import Losses
    from ritornello.corpus.recommend import Recommendation
    from ritornello.corpus.report import BaseForecast, Forecast, Harmony
    from ritornello.corpus.scan import FileReport, Scan
    from ritornello.score import Score

COLOURS = {"used": "green", "repaired": "yellow", "skipped": "red", "duplicate": "cyan", "failed": "red"}

MOST_LINES = 30
"""Files listed without --all."""


def inspect(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Music files, folders of them, and addresses such as s3://bucket/songs.", show_default=False
        ),
    ],
    show_all: Annotated[bool, typer.Option("--all", help="List every file.")] = False,
    minimum_notes: Annotated[int, typer.Option(min=1, help="Skip files with fewer notes.")] = 8,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes that read. [default: one a processor]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything found, for machines.")] = False,
) -> None:
    """Examine music files: a verdict and a reason for each, what is in them, and how long learning will take."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from ritornello.cli.music_files import passed_over
    from ritornello.corpus.losses import sample
    from ritornello.corpus.report import forecast, recommendation, scan_to_json, summarise_harmony
    from ritornello.corpus.scan import scan
    from ritornello.errors import CorpusError, counted
    from ritornello.formats import read

    with _progress() as progress:
        found = scan(paths, minimum_notes=minimum_notes, processes=processes, progress=progress)
    outlook = forecast(sum(report.notes for report in found.used)) if found.used else None
    from_base = _from_base(found)
    advice = recommendation(found)
    heard = [read(report.path) for report in sample(found.used)] if advice else []
    losses = _losses(heard, advice) if advice else {}
    harmony = summarise_harmony(heard)
    if as_json:
        facts = scan_to_json(found, outlook, from_base)
        facts["recommended"] = advice and asdict(advice) | {"command": _command(paths, advice)}
        facts["harmony"] = harmony and asdict(harmony)
        facts["losses"] = {name: asdict(each) | {"words": each.lines()} for name, each in losses.items()}
        typer.echo(json.dumps(facts, ensure_ascii=False))
    else:
        _print(Console(highlight=False), found, outlook, from_base, harmony, show_all)
        if advice:
            typer.echo(f"\nrecommended: {_command(paths, advice)}\n  {advice.reason}")
        if losses:
            compared = max(each.pieces + each.unusable for each in losses.values())
            pieces = counted(len(found.used), "piece")
            typer.echo(f"\nwhat each representation keeps ({compared} of {pieces}, encoded and decoded):")
        for name, each in losses.items():
            typer.echo("\n    ".join([f"  {name}", *each.lines()]))
        if line := passed_over(paths):
            typer.echo(line)
    if not found.used:
        raise CorpusError(
            f"nothing to learn from: of {len(found.reports)} files read, none can be used; see their reasons"
        )


def _from_base(found: Scan) -> BaseForecast | None:
    """Return what `train` without further settings will give, if it begins from the base."""
    from ritornello.bundle import load_bundle
    from ritornello.corpus.report import forecast_from_base
    from ritornello.generation import MODELS

    if not found.used or "base" not in MODELS:
        return None
    base, notes = load_bundle(MODELS["base"]), sum(report.notes for report in found.used)
    return forecast_from_base(base.card.name, base.parameters, len(found.used), notes)


def _command(paths: Sequence[str], advice: Recommendation) -> str:
    """Return the command line that trains with what is recommended, as a shell reads it."""
    words = ["ritornello", "train", *paths, *advice.options]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _losses(scores: Sequence[Score], advice: Recommendation) -> dict[str, Losses]:
    """Return what the default representation, and the recommended one, would lose of the pieces."""
    from ritornello.corpus.losses import measure_losses
    from ritornello.presets import PRESETS

    settings = PRESETS[advice.preset].settings if advice.preset else {}
    options = {"multitrack": {}} | {
        settings.get("representation", "multitrack"): settings.get("representation_options", {})
    }
    return {name: measure_losses(name, each, scores) for name, each in options.items()}


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows (done, total) as a bar on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(
    console: Console,
    found: Scan,
    outlook: Forecast | None,
    from_base: BaseForecast | None,
    harmony: Harmony | None,
    show_all: bool,
) -> None:
    from rich.table import Table
    from rich.text import Text

    from ritornello.corpus.report import summary_rows
    from ritornello.corpus.splitting import split_forecast

    listed = _listed(found.reports, len(found.reports) if show_all else MOST_LINES)
    try:
        prefix = os.path.commonpath([report.path.parent for report in found.reports]) + os.sep
    except ValueError:  # relative and absolute paths, or several drives
        prefix = ""
    table = Table("verdict", "notes", "length", "file", "why", box=None, pad_edge=False)
    for report in listed:
        name, *reasons = (text.replace(prefix, "") for text in (str(report.path), *report.reasons))
        minutes, seconds = divmod(round(report.seconds), 60)
        size = (f"{report.notes:,}", f"{minutes}:{seconds:02}") if report.notes else ("", "")
        verdict = Text(report.verdict, style=COLOURS[report.verdict])
        table.add_row(verdict, *size, Text(name, overflow="fold"), Text("; ".join(reasons), overflow="fold"))
    console.print(table)
    hidden = len(found.reports) - len(listed)
    if hidden:
        console.print(f"... and {hidden:,} more; --all lists every file")
    facts = Table(show_header=False, box=None, pad_edge=False)
    rows = summary_rows(found.summary())
    if harmony:
        rows.append(("harmony", harmony.text))
    if outlook:
        apart = split_forecast(found.used).removeprefix("held out: ")
        rows += [("held out", apart)]
        if from_base:
            rows += [(f"from {from_base.name}", from_base.text), ("from nothing", outlook.text)]
        else:
            rows += [("training", outlook.text), ("to expect", outlook.expectation)]
    for label, text in rows:
        facts.add_row(Text(label, style="bold"), Text(text))
    console.print()
    console.print(facts)


def _listed(reports: Sequence[FileReport], most: int) -> list[FileReport]:
    """Return the reports to list, in order; of more than `most`, those with the verdict "used" are left out."""
    if len(reports) <= most:
        return list(reports)
    return [report for report in reports if report.verdict != "used"][:most]

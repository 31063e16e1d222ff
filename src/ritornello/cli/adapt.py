"""`ritornello adapt`: fine-tuning of a model on a few files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.training.config import AdaptConfig

if TYPE_CHECKING:
    from ritornello.likelihood import Likelihood
    from ritornello.training.adapt import Adaptation


@with_options(AdaptConfig)
def adapt(
    model: Annotated[str, typer.Argument(help="a .rit file, or the name of a shipped model")],
    paths: Annotated[list[Path], typer.Argument(help="a few files of the style, or folders of them")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the style to write")] = Path("mine.rit"),
    force: Annotated[bool, typer.Option("--force", help="replace the style, if --out exists")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Give a model the style of a few files, in less than a minute. What is written is small, and needs the model."""
    from ritornello.bundle import load_bundle
    from ritornello.cli.counting_display import show_counting
    from ritornello.config import checked
    from ritornello.errors import CorpusError
    from ritornello.generation import find_bundle
    from ritornello.paths import check_place
    from ritornello.training import require_torch

    config = checked(AdaptConfig, settings)
    check_place(out)
    base = load_bundle(find_bundle(model))
    require_torch()
    from ritornello.training.adapt import prepare_adaptation

    with show_counting(as_json) as progress:
        run = prepare_adaptation(base, paths, out, config, progress, force)
    try:
        _show(run, as_json)
    except KeyboardInterrupt:
        _print(run, as_json)
        raise
    if run.kept is None:
        raise CorpusError(run.why_nothing())
    _print(run, as_json)


def _show(run: Adaptation, as_json: bool) -> None:
    """Train to the end, and print the validation figures."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = Console(highlight=False, quiet=as_json)
    unit = run.base.representation.unit
    if run.has_validation:
        apart = len(run.corpus.pieces(validation=True))
        held, all_notes = run.corpus.count("notes", True), run.corpus.count("notes", False)
        console.print(
            f"learning from {len(run.corpus.pieces(validation=False))} pieces; held out: {apart} of {run.pieces} "
            f"pieces, {held:,} of {held + all_notes:,} {unit}s"
        )
    else:
        console.print("fewer than 3 pieces: none is held out, so there is no validation")
    columns = (TextColumn("learning"), BarColumn(bar_width=None), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=as_json) as bar:
        task = bar.add_task("", total=1.0)
        for progress in run.steps():
            bar.update(task, completed=progress.fraction)
            if progress.validation:
                mark = " [green]kept[/]" if progress.validation is run.kept else ""
                console.print(f"{progress.validation.nats_per_note:8.3f} nats a {unit}{mark}")


def _print(run: Adaptation, as_json: bool) -> None:
    """Print the figures before and after."""
    import json

    before, kept = run.before, run.kept
    if as_json:
        figures = {"before": before, "after": kept}
        facts = {name: held and round(held.nats_per_note, 4) for name, held in figures.items()}
        typer.echo(
            json.dumps({"out": str(run.out) if kept else None, "held_out": run.has_validation} | facts)
        )
    elif before and kept:
        size = run.out.stat().st_size
        of = "held-out pieces" if run.has_validation else "the training pieces"
        typer.echo(
            f"{run.out}: {size:,} bytes, for {run.base.path.name} ({run.base.digest}); {of}: "
            f"{before.nats_per_note:.3f} -> {kept.nats_per_note:.3f} nats{_no_better(before, kept)}. "
            f"Then: ritornello compose {run.out}"
        )
    else:
        typer.echo(f"nothing was gained yet; {run.out} is not written")


def _no_better(before: Likelihood, kept: Likelihood) -> str:
    return "" if kept.nats_per_note < before.nats_per_note else ": no better, but written all the same"

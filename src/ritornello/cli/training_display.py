"""The terminal display of training: dataset, a row an evaluation, a bar with the time left."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

if TYPE_CHECKING:
    from ritornello.training.progress import Progress as TrainingProgress
    from ritornello.training.run import Run

COLUMNS = ("time", "passes", "training", "held-out", "accuracy", "tokens/s")


def show_training(run: Run, as_json: bool) -> None:
    """Train to the end with a display; on Ctrl-C, leave checkpoint and model, and print how to resume."""
    alone, as_json = run.trainer.group.size == 1, as_json and run.trainer.group.is_first
    console = Console(highlight=False, quiet=as_json or not run.trainer.group.is_first)
    _show_start(console, run)

    def stop(*_: Any) -> None:
        run.trainer.stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        columns = (
            TextColumn("learning"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with Progress(*columns, console=console, transient=True, disable=as_json) as bar:
            task = bar.add_task("", total=1.0, left="")
            for progress in run.steps():
                bar.update(task, completed=progress.fraction, left=_left(progress))
                _show_progress(console, progress, as_json)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if run.trainer.stopping:
        console.print(
            f"stopped; {run.out} holds the best so far. Go on with: ritornello train -o {run.out} --resume"
        )
        if alone:
            raise KeyboardInterrupt
    if final := run.trainer.final:
        unit = run.corpus.representation.unit
        console.print(
            f"\n[bold]{run.out}[/]: {final.nats_per_note:.3f} nats a {unit} on {final.notes:,} held-out {unit}s "
            f"(bigram model {run.trainer.bigram.nats_per_note:.3f}), next token right {final.accuracy:.1%}"
        )
        use = f"ritornello compose {run.out}" + (" -o new.mid" if unit == "note" else "")
        console.print(f"curve, log and samples: {run.trainer.directory}/   then: {use}")


def _show_start(console: Console, run: Run) -> None:
    corpus, config, trainer = run.corpus, run.trainer.config, run.trainer
    unit = corpus.representation.unit
    count = corpus.count
    console.print(
        f"learning from [bold]{len(corpus.pieces(validation=False))}[/] pieces, {count('notes', False):,} {unit}s; "
        f"{len(corpus.pieces(validation=True))} pieces held out"
    )
    if run.found:
        left_out = [report for report in run.found.reports if report.verdict in ("skipped", "duplicate")]
        if left_out:
            console.print(f"{len(left_out)} files left out; `ritornello inspect` tells why", style="dim")
        failed = [report for report in run.found.reports if report.verdict == "failed"]
        if failed:
            why = f"{failed[0].path.name} {failed[0].reasons[0]}"
            number = f"{len(failed)} files" if len(failed) > 1 else "1 file"
            console.print(f"{number} could not be used: {why}", style="red", markup=False)
    if parts := corpus.left_out():
        console.print(f"{len(parts)} parts left out; {corpus.path / 'left-out.txt'} tells why", style="dim")
    weights = sum(parameter.numel() for parameter in trainer.network.parameters())
    console.print(
        f"{config.network} of {config.layers} x {config.hidden} units, {weights / 1e6:.2f} million weights, "
        f"{config.precision}, {config.batch} streams of {config.window} steps"
    )
    console.print(
        f"a bigram model, which knows pairs of tokens only: {trainer.bigram.nats_per_note:.3f} nats a {unit} "
        f"(the surprise at a {unit}; lower is better)\n",
        style="dim",
    )
    console.print("".join(f"{name:>11}" for name in COLUMNS), style="bold")


def _show_progress(console: Console, progress: TrainingProgress, as_json: bool) -> None:
    if progress.validation is None and not progress.message:
        return
    if as_json:
        scored = progress.validation and progress.validation.facts()
        print(json.dumps(asdict(progress) | {"validation": scored}), flush=True)
    elif progress.validation and progress.message != "done":
        validation = progress.validation
        mark = " [green]best[/]" if validation.nats_per_note <= progress.best else ""
        cells = (
            clock(progress.seconds),
            f"{progress.epochs:.1f}",
            f"{progress.loss:.3f}",
            f"{validation.nats_per_note:.3f}",
            f"{validation.accuracy:.1%}",
            f"{progress.tokens_per_second:,.0f}",
        )
        console.print("".join(f"{cell:>11}" for cell in cells) + mark)
    if progress.message and progress.message != "done" and not as_json:
        console.print(progress.message, style="yellow")


def _left(progress: TrainingProgress) -> str:
    return f"{clock(progress.seconds_left)} left" if progress.seconds_left < 1e7 else ""


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds, or hours and minutes."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d}"

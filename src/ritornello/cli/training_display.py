"""The terminal display of training: dataset, a row an evaluation, a bar with the time left."""

from __future__ import annotations

import json
import math
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from ritornello.bundle.card import shortcoming
from ritornello.corpus.recommend import bends_text

if TYPE_CHECKING:
    from ritornello.training.progress import Progress as TrainingProgress
    from ritornello.training.run import Run

COLUMNS = ("time", "passes", "training", "held-out", "accuracy", "of events", "tokens/s")

SMALL = 128
"""Units of a network so small that a smaller one is no advice."""


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
                _show_progress(console, run, progress, as_json)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if run.trainer.stopping:
        console.print(
            f"stopped; {run.out} holds what is kept so far. Go on with: ritornello train -o {run.out} --resume"
        )
        if alone:
            raise KeyboardInterrupt
    if run.trainer.final:
        console.print(f"\n[bold]{run.out}[/]: {_verdict(run)}")
        use = f"ritornello compose {run.out}" + (
            " -o new.mid" if run.corpus.representation.unit == "note" else ""
        )
        console.print(f"curve, log and samples: {run.trainer.directory}/   then: {use}")


def _verdict(run: Run) -> str:
    """Return how good the network is, how sure that is, and what helps where it has learned too little."""
    trainer, unit = run.trainer, run.corpus.representation.unit
    assert trainer.final is not None
    final, error = trainer.final.likelihood, trainer.final.standard_error
    sure = f" +- {error:.3f}" if math.isfinite(error) else ""
    text = f"{final.nats_per_note:.3f}{sure} nats a {unit} on {final.notes:,} held-out {unit}s "
    text += f"(bigram model {trainer.bigram.nats_per_note:.3f}), next token right {final.accuracy:.1%}"
    if _has_no_events(run):
        text += f", of those at which something happens {final.event_accuracy:.1%}"
    if trainer.kept_init:
        text += f"\n[yellow]it became worse than {trainer.init_name} in {trainer.counters.step} steps; "
        text += f"the weights of {trainer.init_name} are kept[/]"
    if not sure:
        text += f"\n[yellow]too few {unit}s are held out to tell how sure that is[/]"
    elif poor := shortcoming(trainer.facts(trainer.final)["figures"], unit):
        text += f"\n[yellow]{poor}. {_advice(run)}[/]"
    return text


def _advice(run: Run) -> str:
    """Return what may help a network that has learned too little."""
    hidden = run.trainer.config.hidden or 0
    smaller = (
        f", a smaller network (--hidden {hidden // 2})"
        if hidden > SMALL and not run.about.derived_from
        else ""
    )
    other = "" if run.about.derived_from else ", or --init songs"
    return f"What may help: train longer (now {run.trainer.epochs:.1f} passes){smaller}, more files{other}"


def _has_no_events(run: Run) -> bool:
    """Whether the tokens have one for a step at which nothing happens, which is right nearly always."""
    return run.corpus.representation.tokens.no_event >= 0


def _show_start(console: Console, run: Run) -> None:
    corpus, config, trainer = run.corpus, run.trainer.config, run.trainer
    unit = corpus.representation.unit
    count = corpus.count
    console.print(
        f"learning from [bold]{len(corpus.pieces(validation=False))}[/] pieces, {count('notes', False):,} {unit}s"
    )
    console.print(corpus.split_text())
    if run.found:
        left_out = [report for report in run.found.reports if report.verdict in ("skipped", "duplicate")]
        if left_out:
            console.print(f"{len(left_out)} files left out; `ritornello inspect` tells why", style="dim")
        failed = [report for report in run.found.reports if report.verdict == "failed"]
        if failed:
            why = f"{failed[0].path.name} {failed[0].reasons[0]}"
            number = f"{len(failed)} files" if len(failed) > 1 else "1 file"
            console.print(f"{number} could not be used: {why}", style="red", markup=False)
        if line := bends_text([report.character for report in run.found.used if report.character]):
            console.print(line, style="yellow")
    if parts := corpus.left_out():
        console.print(f"{len(parts)} parts left out; {corpus.path / 'left-out.txt'} tells why", style="dim")
    if origins := run.about.derived_from:
        console.print(f"begins from the model {origins[0].name} ({origins[0].digest})")
    elif run.why_not_base:
        console.print(f"begins from random weights: {run.why_not_base}")
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
    console.print(
        f"time: since the command began; a pass, or epoch, reads each piece once; held-out: nats a {unit}",
        style="dim",
    )
    console.print("".join(f"{name:>11}" for name in _columns(run)), style="bold")


def _columns(run: Run) -> list[str]:
    return [name for name in COLUMNS if name != "of events" or _has_no_events(run)]


def _show_progress(console: Console, run: Run, progress: TrainingProgress, as_json: bool) -> None:
    if progress.validation is None and not progress.message:
        return
    if as_json:
        scored = progress.validation and progress.validation.facts()
        facts = asdict(progress) | {"validation": scored}
        facts["loss"] = progress.loss if progress.step else None
        if final := run.trainer.final:
            facts |= {"held_out": run.trainer.facts(final)["figures"]}
        print(json.dumps(facts), flush=True)
    elif progress.validation and progress.message != "done":
        validation = progress.validation
        mark = " [green]kept[/]" if run.trainer.counters.kept_step == progress.step else ""
        cells = [
            clock(progress.seconds),
            f"{progress.epochs:.1f}",
            f"{progress.loss:.3f}" if progress.step else "-",
            f"{validation.nats_per_note:.3f}",
            f"{validation.accuracy:.1%}",
            *([f"{validation.event_accuracy:.1%}"] if _has_no_events(run) else []),
            f"{progress.tokens_per_second:,.0f}",
        ]
        console.print("".join(f"{cell:>11}" for cell in cells) + mark)
        bigram = run.trainer.bigram.nats_per_note
        if not progress.step and validation.nats_per_note > bigram:
            name, unit = run.trainer.init_name, run.corpus.representation.unit
            console.print(
                f"{name} does not know such music: {validation.nats_per_note:.2f} nats a {unit}, where a table of "
                f"pairs of tokens from these files has {bigram:.2f}",
                style="yellow",
            )
    if progress.message and progress.message != "done" and not as_json:
        console.print(progress.message, style="yellow")


def _left(progress: TrainingProgress) -> str:
    return f"{clock(progress.seconds_left)} left" if progress.seconds_left < 1e7 else ""


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds, or hours and minutes."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d}"

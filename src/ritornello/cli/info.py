"""`ritornello info`: the model card of a bundle, or the list of shipped bundles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ritornello.bundle import Bundle

TECHNICAL = {"format", "column_sizes", "vocabulary_size", "training_only"}
"""Fields of the card that only the library needs."""


def info(
    model: Annotated[
        str | None, typer.Argument(help="a .rit file or the name of a shipped model; without one, list these")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
) -> None:
    """Show the card of a model: how it was made, from what music, under which licence, and how good it is."""
    import json

    from ritornello.bundle import bundle_summary, load_bundle
    from ritornello.cli import warn_of
    from ritornello.generation import MODELS, find_bundle, shipped_bundles

    names = [model] if model else list(shipped_bundles())
    bundles = [load_bundle(find_bundle(name)) for name in names]
    if as_json:
        summaries = [bundle_summary(bundle) for bundle in bundles]
        typer.echo(json.dumps(summaries[0] if model else summaries, ensure_ascii=False))
    elif model:
        _print_table(bundles[0])
    else:
        for name, bundle in zip(names, bundles, strict=True):
            typer.echo(f"{name:16} {bundle.card.description}")
        warn_of(MODELS)
        if not bundles:
            typer.echo("no models are shipped with this copy")


def _print_table(bundle: Bundle) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ritornello.bundle import bundle_summary

    table = Table(show_header=False, box=None, pad_edge=False)
    # The representation is described in words, not by its configuration.
    vocabulary = {"name": bundle.card.representation.name, **bundle.representation.summary()}
    facts = bundle_summary(bundle) | {"representation": vocabulary}
    for name, value in _rows({key: value for key, value in facts.items() if key not in TECHNICAL}):
        table.add_row(Text(name, style="bold"), Text(value))
    Console().print(table)


def _rows(facts: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the facts that are not empty, nested ones as "outer inner"."""
    for key, value in facts.items():
        name = f"{prefix} {key}".strip().replace("_", " ")
        if isinstance(value, dict):
            yield from _rows(value, name)
        elif isinstance(value, list):
            yield name, _shortened(value)
        elif value not in ("", None):
            yield name, _shown(value)


def _shown(value: Any) -> str:
    """Return a fact as text; counts, which may be 12.0 in the card, with commas."""
    is_count = isinstance(value, int | float) and not isinstance(value, bool) and value == round(value)
    return f"{value:,.0f}" if is_count and abs(value) >= 1 else str(value)


def _shortened(values: list[Any], most: int = 8) -> str:
    """Return the first few of `values`, and the number of the others."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(str(value) for value in values[:most]) + more

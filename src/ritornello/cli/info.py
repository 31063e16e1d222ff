"""`ritornello info`: what a model plays and how well, or the list of shipped models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ritornello.bundle import Bundle

TECHNICAL = {"format", "column_sizes", "vocabulary_size", "training_only"}
"""Fields of the card that only the library needs."""

MOST_NAMES = 8
MOST_INSTRUMENTS = 12


def info(
    model: Annotated[
        str | None, typer.Argument(help="a .rit file or the name of a shipped model; without one, list these")
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="show the whole card: training, network, representation")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
) -> None:
    """Show what a model plays, from what music it learned, under which licence, and how good it is."""
    import json

    from ritornello.bundle import bundle_summary, load_bundle
    from ritornello.cli import warn_of
    from ritornello.errors import ConfigError
    from ritornello.generation import MODELS, find_bundle, shipped_bundles

    if show_all and model is None:
        raise ConfigError("--all shows the card of one model: give its name")
    names = [model] if model else list(shipped_bundles())
    bundles = [load_bundle(find_bundle(name)) for name in names]
    if as_json:
        summaries = [bundle_summary(bundle) for bundle in bundles]
        typer.echo(json.dumps(summaries[0] if model else summaries, ensure_ascii=False))
    elif model:
        _print_table(_card_rows(bundles[0]) if show_all else _facts(bundles[0], model))
    else:
        for name, bundle in zip(names, bundles, strict=True):
            typer.echo(f"{name:16} {bundle.card.description}")
        warn_of(MODELS)
        if bundles:
            typer.echo(
                "\nMore of one: ritornello info NAME. Compose with it: ritornello compose NAME -o new.mid"
            )
        else:
            typer.echo("no models are shipped with this copy")


def _print_table(rows: Iterator[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in rows:
        table.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    Console().print(table)


# --- what people want to know ---------------------------------------------------------------------------------------


def _facts(bundle: Bundle, name: str) -> Iterator[tuple[str, str]]:
    """Yield what the model plays, what it learned from, how good it is, and how to use it."""
    card, training = bundle.card, bundle.card.training
    yield card.name, card.description
    if bundle.base:
        yield "style of", bundle.base
    if not bundle.representation.reads_prose:
        yield from _music(bundle)
    learned = [f"{_count(training[key])} {key}" for key in ("pieces", "notes") if training.get(key)]
    yield "learned from", ": ".join(filter(None, (", ".join(learned), card.corpus.provenance)))
    yield "licence", card.corpus.licence or "not stated"
    for origin in card.derived_from:
        learned_from = f": learned from {origin.corpus.provenance}" if origin.corpus.provenance else ""
        yield (
            "began from",
            f"{origin.name} ({origin.digest}){learned_from}; licence: {origin.corpus.licence or 'not stated'}",
        )
    yield "how good", _quality(bundle)
    sampling = {"temperature": 1.0, "top_p": 0.95} | card.sampling.model_dump()
    yield "defaults", ", ".join(f"{key.replace('_', '-')} {_shown(value)}" for key, value in sampling.items())
    yield (
        "file",
        f"{bundle.size / 1e6:.1f} MB, made {card.created or 'at an unknown date'}, digest {bundle.digest}",
    )
    output = "" if bundle.representation.reads_prose else " -o new.mid"
    yield "compose", f"ritornello compose {name} --bars 16{output}"
    if not bundle.representation.reads_prose:
        yield "play with it", f"ritornello jam {name}"
    yield "more", f"ritornello info {name} --all"


def _music(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Yield instruments, meters, tempo and keys."""
    from ritornello.generation.settings import FASTEST, SLOWEST

    representation, summary = bundle.representation, bundle.representation.summary()
    unsupported = representation.unsupported_settings
    yield "instruments", _instruments(bundle) or "one, which you choose (--instruments)"
    if meters := summary.get("meters") or ([summary["meter"]] if "meter" in summary else []):
        yield "meters", _shortened(list(meters))
    if "tempo" not in unsupported:
        yield "tempo", f"{SLOWEST} to {FASTEST} quarter notes a minute (--tempo)"
    config = bundle.card.training.get("config", {})
    if config.get("transpose") and representation.learns_whole_pieces:
        yield "keys", "all: it heard every piece in all twelve keys"
    if representation.plays_over_chords:
        yield "chords", 'plays over those you give, such as --chords "Dm7 G7 Cmaj7 %"'


def _instruments(bundle: Bundle) -> str:
    """Return the instruments with the number of their parts; if there are many, the families."""
    from ritornello.theory import family_name

    known = [each for each in bundle.representation.tokens.instruments if each.program >= 0]
    parts = Counter(each.name for each in known)
    if len(parts) <= MOST_INSTRUMENTS:
        names = [name if count == 1 else f"{name} ({count} parts)" for name, count in parts.items()]
        return ", ".join(names or bundle.representation.summary().get("voices", ()))
    families = Counter(family_name(program) for program in {each.program for each in known})
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in families.items())


def _quality(bundle: Bundle) -> str:
    """Return the likelihood of held-out pieces in words, beside that of a bigram model."""
    held, unit = bundle.card.held_out, bundle.representation.unit
    if "nats_per_note" not in held:
        return "not measured"
    bigram = held.get("bigram_nats_per_note")
    beside = "" if bigram is None else f", where a bigram model has {bigram:.2f}"
    if bigram is not None and bigram <= held["nats_per_note"]:
        beside += ": it has learned nothing that a bigram model has not"
    right = f"; next token right {held['accuracy']:.0%}" if "accuracy" in held else ""
    of = f" on {_count(held['pieces'])} pieces that it never saw" if held.get("pieces") else ""
    return f"{held['nats_per_note']:.2f} nats a {unit}{of}{beside} (surprise: lower is better){right}"


def _count(value: Any) -> str:
    return f"{value:,.0f}"


# --- the whole card -------------------------------------------------------------------------------------------------


def _card_rows(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Yield all of the card, nested facts as "outer inner"."""
    from ritornello.bundle import bundle_summary

    # The representation is described in words, not by its configuration.
    vocabulary = {"name": bundle.card.representation.name, **bundle.representation.summary()}
    facts = bundle_summary(bundle) | {"representation": vocabulary}
    yield from _rows({key: value for key, value in facts.items() if key not in TECHNICAL})


def _rows(facts: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the facts that are not empty; of long lists of numbers only the length."""
    for key, value in facts.items():
        name = f"{prefix} {key}".strip().replace("_", " ")
        if isinstance(value, dict):
            yield from _rows(value, name)
        elif isinstance(value, list) and len(value) > MOST_NAMES and not isinstance(value[0], str):
            yield name, f"{len(value):,} values"
        elif isinstance(value, list):
            yield name, _shortened(value)
        elif value not in ("", None):
            yield name, _shown(value)


def _shown(value: Any) -> str:
    """Return a fact as text; counts, which may be 12.0 in the card, with commas."""
    if isinstance(value, bool):
        return "on" if value else "off"
    is_count = isinstance(value, int | float) and value == round(value)
    return _count(value) if is_count and abs(value) >= 1 else str(value)


def _shortened(values: list[Any], most: int = MOST_NAMES) -> str:
    """Return the first few of `values`, and the number of the others."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(str(value) for value in values[:most]) + more

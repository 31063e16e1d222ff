"""`ritornello presets`: the presets with their descriptions and settings."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import Annotated, Any

import typer


def presets(
    name: Annotated[str | None, typer.Argument(help="show only this one", show_default=False)] = None,
    as_toml: Annotated[
        bool,
        typer.Option("--toml", help="print its settings as TOML, a file for `ritornello train --config`"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
) -> None:
    """List the presets of `ritornello train`: what each is for, and the settings that it changes."""
    import json

    from ritornello.cli import warn_of
    from ritornello.errors import ConfigError
    from ritornello.presets import PRESETS

    if as_toml and (name is None or as_json):
        raise ConfigError("--toml prints one preset: give its name, and not --json")
    rows = PRESETS.usable() if name is None else {name: PRESETS[name]}
    if as_json:
        facts = {key: row._asdict() for key, row in rows.items()}
        typer.echo(json.dumps(facts[name] if name else facts, ensure_ascii=False))
        return
    if as_toml:
        for row in rows.values():
            typer.echo(f"# {name}: {row.description}")
            typer.echo(_toml(row.settings))
        return
    width = max(map(len, rows))
    for key, row in rows.items():
        typer.echo(f"{key:{width}}  {row.description}")
        if row.settings:
            typer.echo(_indented(_settings(row.settings), width + 4))
        if row.faithful:
            typer.echo(_indented(f"--faithful: {_settings(row.faithful)}", width + 4))
        if package := PRESETS.package(key):
            typer.echo(f"{'':{width + 4}}from the package {package}")
    if name is None:
        warn_of(PRESETS)
        typer.echo(
            "\nTrain with one: ritornello train FOLDER --preset NAME; every setting can be given anew."
        )


def _toml(settings: Mapping[str, Any]) -> str:
    """Return settings as TOML: values first, then a table for each setting that has options."""
    import json

    values = [
        f"{key} = {json.dumps(value)}" for key, value in settings.items() if not isinstance(value, Mapping)
    ]
    tables = [f"\n[{key}]\n{_toml(value)}" for key, value in settings.items() if isinstance(value, Mapping)]
    return "\n".join([*values, *tables])


def _settings(settings: Any) -> str:
    """Return settings as on a command line, without the dashes."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        prefix = key.removesuffix("_options")
        flat |= {f"{prefix}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    return ", ".join(f"{key.replace('_', '-')} {_shown(value)}" for key, value in flat.items())


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _indented(text: str, indent: int) -> str:
    """Return `text` wrapped to the width of the terminal, each line indented by `indent` spaces."""
    margin = " " * indent
    columns = max(shutil.get_terminal_size().columns, indent + 40)
    return textwrap.fill(
        text, columns, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )

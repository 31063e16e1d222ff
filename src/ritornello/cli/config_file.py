"""`--config FILE`: the options of a command from a TOML file, for every command.

    bars = 16
    instruments = ["violin", "cello"]
    out = ["duet.mid", "duet.wav"]

The names are those of the options, without the dashes in front, and of the arguments; on/off options are true or
false. A value becomes what one would type: a list is joined by commas, unless the option may be repeated; a table
becomes JSON. What stands on the command line takes precedence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ritornello.cli.usage import nearest
from ritornello.config import shown
from ritornello.errors import ConfigError
from ritornello.paths import read_toml


def config_option() -> Any:
    """Return the option `--config` of a command."""
    holder = typer.Typer(add_completion=False)
    holder.command()(_config)
    [option] = [each for each in typer.main.get_command(holder).params if each.name == "config"]
    return option


def _read_defaults(context: typer.Context, path: str | None) -> None:
    """Make the values of the file the defaults of the command."""
    if path is not None:
        parameters = [each for each in context.command.params if each.expose_value]
        context.default_map = dict(_defaults(Path(path), parameters))


def _config(
    config: Annotated[
        str | None,
        typer.Option(
            help="a TOML file with options of this command, such as bars = 16; the command line takes precedence",
            is_eager=True,  # read before the others are looked at
            expose_value=False,
            callback=_read_defaults,
            metavar="<file>",
        ),
    ] = None,
) -> None:
    """Hold the option: typer makes options of the parameters of a function only."""


def _defaults(path: Path, parameters: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name of a parameter and its value for each line of the file; raise ConfigError for any other name."""
    known = {name: parameter for parameter in parameters for name in _names(parameter)}
    text, values = read_toml(path)
    for key, value in values.items():
        name = key.replace("-", "_")
        where = f"{path}{_line_of(text, key)}"
        if name not in known:
            near = nearest(name, {each: each for each in known})
            raise ConfigError(f"{where}: there is no option {key!r}{near}; the names are those of --help")
        yield known[name].name, _as_typed(f"{where}: {key}", known[name], value)


def _names(parameter: Any) -> Iterator[str]:
    """Yield the names of a parameter in a file: of an option its long flags without "no-"."""
    if not parameter.opts[0].startswith("-"):
        yield parameter.name
    for flag in parameter.opts:
        if flag.startswith("--"):
            yield flag.removeprefix("--").replace("-", "_")


def _line_of(text: str, key: str) -> str:
    """Return ", line N" for the line at which a key of the top level stands; empty if it is written in another way."""
    spelling = rf"^[^\S\n]*\[?[^\S\n]*([\"']?){re.escape(key)}\1\s*[\].=]"
    found = re.search(spelling, text, re.MULTILINE)
    return f", line {text.count(chr(10), 0, found.end()) + 1}" if found else ""


def _as_typed(where: str, parameter: Any, value: Any) -> Any:
    """Return a value as it would stand on the command line; raise ConfigError if it could not stand there."""
    if getattr(parameter, "is_flag", False):
        if not isinstance(value, bool):
            raise ConfigError(f"{where}: must be true or false (received {shown(value)})")
        return value
    if parameter.multiple or parameter.nargs != 1:
        return [_text(where, each) for each in (value if isinstance(value, list) else [value])]
    if isinstance(value, list):
        return ",".join(_text(where, each) for each in value)
    if not isinstance(value, Mapping):
        return _text(where, value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:  # a date, a number of thousands of digits
        raise ConfigError(f"{where}: must hold text and numbers only (received {shown(value)})") from error


def _text(where: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float) or (isinstance(value, int) and value.bit_length() > 1000):
        raise ConfigError(f"{where}: must be text or a number (received {shown(value)})")
    return str(value)

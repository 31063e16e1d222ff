"""Usage errors in one line: an unknown option or command, a value that is not allowed, an argument that is missing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import typer
from pydantic import ValidationError

from ritornello.config import explain

UsageError: Any = typer.BadParameter.__base__
"""The base class of such errors; typer brings it from click, or from a copy of click."""


def usage_message(error: Any) -> str:
    """Return a usage error in one line, with the nearest name, and the command whose help tells more."""
    path = error.ctx.command_path if error.ctx else "ritornello"
    parameter, cause = getattr(error, "param", None), error.__cause__
    if (name := getattr(error, "option_name", None)) and hasattr(error, "possibilities"):
        known = {flag.lstrip("-"): flag for each in error.ctx.command.params for flag in each.opts}
        what = f"there is no option {name}{nearest(name.lstrip('-'), known)}"
    elif error.message.startswith("No such command"):
        name, known = error.message.split("'")[1], {each: each for each in error.ctx.command.commands}
        what = f"there is no command {name!r}{nearest(name, known)}"
    elif parameter is None:
        what = error.message[:1].lower() + error.message[1:].rstrip(".")
    elif isinstance(cause, ValidationError):
        problem = cause.errors()[0]
        what = explain({**problem, "loc": (spelled(parameter),)})
    elif error.format_message().startswith("Missing"):
        what = f"{spelled(parameter)} must be given"
    else:
        what = f"{spelled(parameter)}: {error.message.rstrip('.')}"
    return f"{what}; see: {path} --help"


def spelled(parameter: Any) -> str:
    """Return a parameter as it is written on a command line: an option's long flag, the name of an argument."""
    longest = max(parameter.opts, key=len)
    return str(longest if longest.startswith("-") else parameter.metavar or parameter.name)


def nearest(name: str, known: Mapping[str, str]) -> str:
    """Return a text that tells the spelling of the nearest of the known names; empty if none is near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.65)
    return f", nearest is {known[near[0]]}" if near else ""

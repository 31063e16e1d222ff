"""Configurations: frozen pydantic models, with validation errors in one line.

`checked` makes one from values of an option, a preset or a file; `parsed` is for validators that parse a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ritornello.errors import ConfigError, RitornelloError

Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")

DEFAULT_BARS = 32
"""The length of a piece where none is asked for."""

MOST_PROBLEMS = 3
LONGEST_SHOWN = 200
"""Characters of an invalid value in a message."""

REFUSALS = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "literal_error": "must be {expected}",
    "extra_forbidden": "there is no such setting",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
}
"""Messages for types of pydantic errors; other types keep the message of pydantic."""


def checked(
    model: type[Model], values: Mapping[str, Any], what: str = "", kind: type[RitornelloError] = ConfigError
) -> Model:
    """Return `model(**values)`; for an invalid key or value raise an error of class `kind` that begins with `what`."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise kind(what + refusal(error, model)) from error


def refusal(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first problems of a validation error, with their reasons, in one line."""
    problems = error.errors()
    unknown = any(problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1 for problem in problems)
    known = f"; known: {', '.join(model.model_fields)}" if unknown and len(model.model_fields) <= 40 else ""
    return "; ".join(map(_explain, problems[:MOST_PROBLEMS])) + known


def _explain(problem: Mapping[str, Any]) -> str:
    where, what = ".".join(map(str, problem["loc"])), str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] in REFUSALS:
        limits = {k: f"{v:g}" if isinstance(v, float) else v for k, v in problem.get("ctx", {}).items()}
        what = REFUSALS[problem["type"]].format(**limits)
    if not where:  # a problem of the whole model
        return what
    value = repr(problem["input"])
    shown = value if len(value) <= LONGEST_SHOWN else f"{value[: LONGEST_SHOWN - 1]}…"
    return f"{where}: {what}" + (f" (received {shown})" if problem["type"] != "missing" else "")


def parsed(parse: Callable[[str], Value], text: str) -> Value:
    """Return `parse(text)`; its ConfigError becomes a ValueError, which pydantic handles."""
    try:
        return parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error

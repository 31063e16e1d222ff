"""Configurations: frozen pydantic models, with validation errors in one line.

`checked` makes one from values of an option, a preset or a file; `parsed` is for validators that parse a text.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
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
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "missing": "must be given",
    "extra_forbidden": "there is no such setting",
    "too_short": "must have {min_length} or more items",
    "too_long": "must have {max_length} or fewer items",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} or fewer characters",
    "string_pattern_mismatch": "must have the form {pattern}",
    "string_unicode": "must be text in UTF-8",
} | {
    f"{kind}_{problem}": f"must be {words}"
    for kind, words in {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "string": "text",
        "list": "a list",
        "tuple": "a list",
        "dict": "a table of names and values",
        "model": "a table of names and values",
        "path": "a path",
    }.items()
    for problem in ("type", "parsing", "parsing_size", "from_float", "attributes_type")
}
"""Messages by the type of a pydantic error; the message of any other type says only that the value is not allowed."""

OWN_WORDS = ("value_error", "assertion_error")
"""Types of errors whose message comes from this library's validators."""


def checked(
    model: type[Model], values: Mapping[str, Any], what: str = "", kind: type[RitornelloError] = ConfigError
) -> Model:
    """Return `model(**values)`; for an invalid key or value raise an error of class `kind` that begins with `what`."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise kind(what + refusal(error, model)) from error


def shown(value: object) -> str:
    """Return a value for a message, shortened if it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists without end
        return f"one of type {type(value).__name__} that is too long to show"
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def refusal(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first problems of a validation error, with their reasons, in one line."""
    problems = error.errors()
    unknown = any(problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1 for problem in problems)
    known = f"; known: {', '.join(model.model_fields)}" if unknown and len(model.model_fields) <= 40 else ""
    return "; ".join(map(explain, problems[:MOST_PROBLEMS])) + _near(problems, model) + known


def _near(problems: Sequence[Mapping[str, Any]], model: type[BaseModel]) -> str:
    """Return a text that tells the setting nearest to the first unknown one; empty if none is near."""
    unknown = (p["loc"][0] for p in problems if p["type"] == "extra_forbidden" and len(p["loc"]) == 1)
    near = difflib.get_close_matches(str(next(unknown, "")), model.model_fields, n=1, cutoff=0.6)
    return f"; nearest is {near[0]}" if near else ""


def explain(problem: Mapping[str, Any]) -> str:
    """Return a problem of a validation error, one of its `errors()`, in this library's words."""
    where, kind = ".".join(map(str, problem["loc"])), problem["type"]
    limits = {k: f"{v:g}" if isinstance(v, float) else v for k, v in problem.get("ctx", {}).items()}
    if kind in OWN_WORDS:
        what = str(problem["msg"]).partition(", ")[2].rstrip(".")  # after "Value error, "
    else:
        what = REFUSALS.get(kind, "is not allowed").format(**limits)
    if not where:  # a problem of the whole model
        return what
    return f"{where}: {what}" + (f" (received {shown(problem['input'])})" if kind != "missing" else "")


def parsed(parse: Callable[[str], Value], text: str) -> Value:
    """Return `parse(text)`; its ConfigError becomes a ValueError, which pydantic handles."""
    try:
        return parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error

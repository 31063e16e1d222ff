"""Configurations: frozen pydantic models, and what they refuse in one line of ours.

`checked` makes one from what a person, a preset or a file says; `parsed` is for validators that parse a text.
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
"""Characters of a refused value that are repeated."""

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
"""What a value must be, in our words, for pydantic's types of errors; the others are told in its own."""


def checked(
    model: type[Model], values: Mapping[str, Any], what: str = "", kind: type[RitornelloError] = ConfigError
) -> Model:
    """Return `model(**values)`; if it refuses a key or a value, raise an error of a `kind` that begins with `what`."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise kind(what + refusal(error, model)) from error


def refusal(error: ValidationError, model: type[BaseModel]) -> str:
    """Return what a model refused, and why, in one line."""
    problems = error.errors()
    unknown = any(problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1 for problem in problems)
    known = f"; known: {', '.join(model.model_fields)}" if unknown and len(model.model_fields) <= 40 else ""
    return "; ".join(map(_explain, problems[:MOST_PROBLEMS])) + known


def _explain(problem: Mapping[str, Any]) -> str:
    where, what = ".".join(map(str, problem["loc"])), _in_our_words(problem)
    if not where:  # of the whole
        return what
    value = repr(problem["input"])
    shown = value if len(value) <= LONGEST_SHOWN else f"{value[: LONGEST_SHOWN - 1]}…"
    return f"{where}: {what}" + (f" (received {shown})" if problem["type"] != "missing" else "")


def _in_our_words(problem: Mapping[str, Any]) -> str:
    if problem["type"] not in REFUSALS:
        return str(problem["msg"]).removeprefix("Value error, ")
    limits = {name: f"{at:g}" if isinstance(at, float) else at for name, at in problem.get("ctx", {}).items()}
    return REFUSALS[problem["type"]].format(**limits)


def parsed(parse: Callable[[str], Value], text: str) -> Value:
    """Return `parse(text)`; its ConfigError becomes the ValueError that pydantic understands."""
    try:
        return parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error

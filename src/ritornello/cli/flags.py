"""Configuration models as command-line flags: every field becomes one, with its limits and default in the help.

    @with_options(ComposeConfig)
    def compose(out: Annotated[Path, typer.Option()], settings: dict[str, Any]) -> None: ...

The decorated function gets, as `settings`, the fields that were given on the command line. The model checks them, so
that Python and the command line raise the same errors. A second model is put into a parameter of another name:

    @with_options(ComposeConfig)
    @with_options(SoundConfig, panel="Sound files", into="sound")
    def compose(settings: dict[str, Any], sound: dict[str, Any]) -> None: ...
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ritornello.registry import Registry

Command = Callable[..., None]

_LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def with_options(
    model: type[BaseModel],
    panel: str | None = None,
    leave_out: Collection[str] = (),
    into: str = "settings",
) -> Callable[[Command], Command]:
    """Return a decorator that replaces a command's parameter `into` by one option for each field of `model`.

    Fields in `leave_out` get no option; `panel` is the heading of the options in the help.
    """
    options = {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, field in model.model_fields.items()
        if name not in leave_out
        for annotation in [_annotation(name, field, panel)]
    }

    def decorate(command: Command) -> Command:
        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in options}
            command(**values, **{into: {name: value for name, value in given.items() if value is not None}})

        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != into]
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + list(options.values())
        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def _annotation(name: str, field: FieldInfo, panel: str | None) -> Any:
    """Return the annotation of the option for a field."""
    flag, kind = "--" + name.replace("_", "-"), _option_type(field.annotation)
    flags = f"{flag}/--no-{flag.removeprefix('--')}" if kind is bool else flag
    option = typer.Option(
        flags,
        help=help_of(field),
        show_default=False,
        rich_help_panel=panel,
        metavar=None if kind is bool else f"<{kind.__name__}>",
    )
    return Annotated[bool | None if kind is bool else str | None, option]  # the model reads numbers


def _option_type(annotation: Any) -> Any:
    """Return the type that the help shows for a field: bool, int or float, else text."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _option_type(kinds[0]) if len(kinds) == 1 else str
    return annotation if annotation in (bool, int, float) else str


def help_of(field: FieldInfo) -> str:
    """Return the help of a field: its description, allowed values, and default."""
    choices: tuple[Any, ...] = ()
    if get_origin(field.annotation) is Literal:
        choices = get_args(field.annotation)
    elif isinstance(field.annotation, type) and issubclass(field.annotation, Enum):
        choices = tuple(field.annotation)
    for registry in field.metadata:
        choices = tuple(registry) if isinstance(registry, Registry) else choices
    notes = [f"one of {', '.join(map(str, choices))}"] if choices else _limits(field)
    if field.default is not None and not field.is_required():
        notes.append(f"default {_shown(field.default)}")
    return (field.description or "") + (f" ({'; '.join(notes)})" if notes else "")


def _limits(field: FieldInfo) -> list[str]:
    """Return the limits of a number in words, such as "0 to 10" or "at least 1"."""
    rules = ((key, getattr(rule, key, None)) for rule in field.metadata for key in _LIMITS)
    # Larger limits only say that numbers are stored in so many bits.
    limits = {key: limit for key, limit in rules if limit is not None and abs(limit) < 2**31}
    if limits.keys() == {"ge", "le"}:
        return [f"{_shown(limits['ge'])} to {_shown(limits['le'])}"]
    words = [f"{_LIMITS[key]} {_shown(limit)}" for key, limit in limits.items()]
    return [" and ".join(words)] if words else []


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)

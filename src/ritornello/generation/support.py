"""What a model supports: settings that its tokens can express, a primer of its kind, files of its kind."""

from __future__ import annotations

from pathlib import Path

from ritornello.errors import ConfigError
from ritornello.formats.text import is_prose
from ritornello.generation.config import MOST_CANDIDATES, ComposeConfig
from ritornello.generation.constraints.fixed_notes import LOOP_CANDIDATES
from ritornello.representations.base import Representation
from ritornello.score import Score


def check_supported(representation: Representation, config: ComposeConfig, primer: Score | None) -> None:
    """Raise ConfigError for a field of `config` that the representation has no tokens for, and for a primer that is
    empty, or prose for a model of music, or music for one of prose."""
    for name in representation.unsupported_settings:
        value = getattr(config, name)
        if value not in (None, False):
            asked = ", ".join(value) if isinstance(value, tuple) else value
            raise ConfigError(f"{name} {asked}: a model of {representation.name} cannot be asked for it")
    _check_conditions(representation, config)
    if primer is None:
        return
    if representation.reads_prose and not is_prose(primer):
        raise ConfigError("the primer is no prose, which is what this model writes")
    if not representation.reads_prose and not primer.note_count:
        raise ConfigError("the primer has no notes")


def settle_faithful(representation: Representation, config: ComposeConfig) -> ComposeConfig:
    """Return `config`; if it asks to be faithful, with the original's way of choosing ids where nothing is given.

    ConfigError for a representation that comes from no other system.
    """
    if not config.faithful:
        return config
    original = representation.reference_sampling
    if not original:
        raise ConfigError(f"faithful: representation {representation.name} comes from no other system")
    return config.model_copy(update={k: v for k, v in original.items() if k not in config.model_fields_set})


def settle_loop(config: ComposeConfig) -> ComposeConfig:
    """Return `config`; for a loop, with several candidates unless it says how many."""
    if not config.loop or "best_of" in config.model_fields_set:
        return config
    return config.model_copy(update={"best_of": min(LOOP_CANDIDATES, MOST_CANDIDATES // config.count)})


CONDITIONS = (("density", "density"), ("pitch_classes", "share of C"))
"""Settings, and the input column that a model which heeds them has."""


def _check_conditions(representation: Representation, config: ComposeConfig) -> None:
    """Refuse to ask a model for what it has not been told of while it learned."""
    columns = {column.name for column in representation.columns}
    for name, column in CONDITIONS:
        if getattr(config, name) is not None and column not in columns:
            raise ConfigError(f"{name}: this model has not been told of it while it learned")


def check_prose_suffix(path: Path) -> None:
    """Raise ConfigError if `path` is not of the kind that prose is written as."""
    if path.suffix.lower() != ".txt":
        raise ConfigError(f"{path}: this model writes prose; give a name that ends with .txt")

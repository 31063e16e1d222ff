"""Whether a model supports the settings of a call, its primer and its files."""

from __future__ import annotations

from pathlib import Path

from ritornello.errors import ConfigError
from ritornello.formats.text import is_prose
from ritornello.generation.config import MOST_CANDIDATES, ComposeConfig
from ritornello.generation.constraints.fixed_notes import LOOP_CANDIDATES
from ritornello.representations.base import Representation
from ritornello.score import Score

CONDITION_COLUMNS = {"density": "density", "pitch_classes": "share of C"}
"""Settings that condition a network, and the input column that it needs for each."""


def check_supported(representation: Representation, config: ComposeConfig, primer: Score | None) -> None:
    """Raise ConfigError for a setting that the model has no tokens or columns for, for an empty primer, and for prose
    with a model of music, or music with one of prose."""
    for name in representation.unsupported_settings:
        value = getattr(config, name)
        if value not in (None, False):
            asked = ", ".join(value) if isinstance(value, tuple) else value
            raise ConfigError(f"{name} {asked}: a model of {representation.name} cannot be asked for it")
    columns = {column.name for column in representation.columns}
    for name, column in CONDITION_COLUMNS.items():
        if getattr(config, name) is not None and column not in columns:
            raise ConfigError(f"{name}: this model was not trained with it as a condition")
    if primer is None:
        return
    if representation.reads_prose and not is_prose(primer):
        raise ConfigError("the primer is no prose, which is what this model writes")
    if not representation.reads_prose and not primer.note_count:
        raise ConfigError("the primer has no notes")


def settle_faithful(representation: Representation, config: ComposeConfig) -> ComposeConfig:
    """Return `config`; with `faithful`, its unset fields as the representation's original system samples.

    Raises ConfigError for a representation that has no original system.
    """
    if not config.faithful:
        return config
    original = representation.reference_sampling
    if not original:
        raise ConfigError(f"faithful: representation {representation.name} comes from no other system")
    return config.model_copy(update={k: v for k, v in original.items() if k not in config.model_fields_set})


def settle_loop(config: ComposeConfig) -> ComposeConfig:
    """Return `config`; for a loop, with several candidates unless their number is set."""
    if not config.loop or "best_of" in config.model_fields_set:
        return config
    return config.model_copy(update={"best_of": min(LOOP_CANDIDATES, MOST_CANDIDATES // config.count)})


def check_prose_suffix(path: Path) -> None:
    """Raise ConfigError if `path` is not of the kind that prose is written as."""
    if path.suffix.lower() != ".txt":
        raise ConfigError(f"{path}: this model writes prose; give a name that ends with .txt")

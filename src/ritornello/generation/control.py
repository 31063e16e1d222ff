"""From wishes to constraints: what each piece of a call must not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ritornello.bundle import Bundle
from ritornello.errors import ConfigError
from ritornello.generation.constraints import Constraint, NotesBeforeEnd, RepetitionGuard
from ritornello.generation.copying import Continuations, NoCopy
from ritornello.representations.base import Representation, tells_notes_in_order

if TYPE_CHECKING:
    from ritornello.generation.config import ComposeConfig

MakeConstraints = Callable[[], list[Constraint]]
"""Returns new constraints for one piece."""


def make_rules(bundle: Bundle, representation: Representation, config: ComposeConfig) -> MakeConstraints:
    """Return what makes the constraints of a piece; what they share is made once. ConfigError for what cannot be."""
    rules: list[Callable[[], Constraint]] = []
    if config.guard:
        rules.append(lambda: RepetitionGuard(representation))
    if (notes := config.notes) is not None:
        rules.append(lambda: NotesBeforeEnd(representation.end_id, notes))
    if config.max_copy is not None:
        continuations = _continuations(bundle, config.max_copy)
        rules.append(lambda: NoCopy(representation, continuations))
    return lambda: [rule() for rule in rules]


def _continuations(bundle: Bundle, notes: int) -> Continuations:
    if not tells_notes_in_order(bundle.representation):
        raise ConfigError(
            f"max_copy {notes}: a model of representation {bundle.representation.name} cannot be kept from copying;"
            " those of multitrack, melody and frames can"
        )
    if bundle.index is None:
        raise ConfigError(f"max_copy {notes}: {bundle.path} holds no index of the music that it learned from")
    return Continuations(bundle.index, notes)

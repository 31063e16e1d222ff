"""`length`: the length of a piece in bars or seconds, which are conditions of the grammar, or in notes.

A length in notes is a constraint: the piece does not end by itself before it has them, and is brought to its end once
it has (`Piece.take`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from ritornello.config import DEFAULT_BARS
from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.representations.base import GrammarState


class LengthSettings(Settings):
    bars: int | None = Field(
        None, ge=1, le=1000, description=f"length in bars ({DEFAULT_BARS} if no length is given)"
    )
    seconds: float | None = Field(
        None, gt=0, le=3600, description="length in seconds, to the nearest bar; without a tempo, at 120"
    )
    notes: int | None = Field(
        None, ge=1, le=100_000, description="length in notes, those of the primer included"
    )

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if len(self.lengths) > 1:
            raise ValueError(f"{' and '.join(self.lengths)} contradict each other; give one length")
        fixed = getattr(self, "fixed_notes_asked", "")  # of a configuration that has FixedNotesSettings too
        if fixed and self.lengths and self.bars is None:
            raise ValueError(f"{fixed} and {self.lengths[0]} contradict each other; give the length in bars")
        return self

    @property
    def lengths(self) -> list[str]:
        """The lengths that are given, with their values."""
        return [f"{name} {value}" for name in ("bars", "seconds", "notes") if (value := getattr(self, name))]


class Length(Constraint):
    name = "length"
    settings = LengthSettings
    is_live = False

    def start(self, context: Context) -> NotesBeforeEnd | None:
        notes = context.of(LengthSettings).notes
        return None if notes is None else NotesBeforeEnd(context.representation.end_id, notes)


class NotesBeforeEnd(ConstraintState):
    """Bans the end before the piece has so many notes."""

    name, rank = "length", 50

    def __init__(self, end_id: int, notes: int) -> None:
        self._end, self._notes = (end_id,), notes

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        return self._end if grammar.notes < self._notes else ()

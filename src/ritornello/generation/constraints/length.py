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
    from ritornello.representations.base import GrammarState, Representation


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
        chord_bars = getattr(self, "chord_bars", None) or ()
        if self.bars is not None and self.bars < len(chord_bars):
            raise ValueError(
                f"bars {self.bars}: the chords are for {len(chord_bars)} bars; give so many, or fewer chords"
            )
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
        return None if notes is None else NotesBeforeEnd(context.representation, notes)


class NotesBeforeEnd(ConstraintState):
    """Bans the end before the piece has so many notes, and ids that bring more than are left."""

    name, rank = "length", 50

    def __init__(self, representation: Representation, notes: int) -> None:
        from ritornello.representations.tokens import CHORD

        tokens = representation.tokens
        self._end, self._notes = representation.end_id, notes
        chords = [(pitch - CHORD).bit_count() if pitch >= CHORD else 0 for pitch in tokens.pitch.tolist()]
        self._brings = tokens.notes.clip(min=chords)

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        left = self._notes - grammar.notes
        if left <= 0:
            return ()
        return [self._end, *(self._brings > left).nonzero()[0].tolist()]

"""`chord_size`: how many notes one part may begin at once, and how far apart. Drums are free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.generation.notes import Notes
    from ritornello.representations.base import GrammarState

ANY = 128
"""So many notes, or semitones: no limit."""


class ChordSizeSettings(Settings):
    chord_size: int | None = Field(None, ge=1, le=128, description="most notes that one part begins at once")
    span: int | None = Field(
        None,
        ge=0,
        le=127,
        description="most semitones between notes that one part begins at once; a hand has 16",
    )


class ChordSize(Constraint):
    name = "chord_size"
    settings = ChordSizeSettings
    bounds_pitches = True

    def start(self, context: Context) -> ChordSizeState | None:
        from ritornello.generation.feasibility import cannot_ask

        asked = context.of(ChordSizeSettings)
        if asked.chord_size is None and asked.span is None:
            return None
        if not context.representation.tells_notes_in_order:
            raise ConfigError(cannot_ask("chord_size, span", context.representation))
        span = ANY if asked.span is None else asked.span
        return ChordSizeState(context.notes, asked.chord_size or ANY, span)


class ChordSizeState(ConstraintState):
    """Bans the note that would make a chord of a part larger than `most` notes or wider than `span` semitones."""

    name, rank = "chord_size", 35

    def __init__(self, notes: Notes, most: int, span: int) -> None:
        self.notes, self.most, self.span = notes, most, span
        self.onset = -1.0
        self.struck: dict[int, list[int]] = {}  # pitches of each voice at the onset
        self._now = 0.0

    def fork(self) -> ChordSizeState:
        other = ChordSizeState(self.notes, self.most, self.span)
        other.onset, other._now = self.onset, self._now
        other.struck = {voice: list(pitches) for voice, pitches in self.struck.items()}
        return other

    def advance(self, grammar: GrammarState) -> None:
        for voice, pitch in grammar.last_notes:
            if self._now != self.onset:
                self.onset, self.struck = self._now, {}
            self.struck.setdefault(voice, []).append(pitch)
        self._now = grammar.quarters

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        found: list[int] = []
        for voice, pitches in self.struck.items() if grammar.quarters == self.onset else ():
            is_full = len(pitches) >= self.most
            low, high = (128, -1) if is_full else (max(pitches) - self.span, min(pitches) + self.span)
            found += self.notes.outside_grip(voice, low, high)
        return found

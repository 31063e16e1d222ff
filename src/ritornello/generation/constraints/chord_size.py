"""`chord_size`: how many notes a part may begin at once, and the interval that they span. Drums are free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import Constraint, Context, OnsetState, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.generation.notes import Notes
    from ritornello.representations.base import GrammarState

ANY = 128
"""Notes, or semitones: no limit."""


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


class ChordSizeState(OnsetState):
    """Bans the note that would make a chord of a part larger than `most` notes or wider than `span` semitones."""

    name, rank = "chord_size", 35

    def __init__(self, notes: Notes, most: int, span: int) -> None:
        super().__init__(notes)
        self.most, self.span = most, span
        self.begun: dict[int, tuple[int, ...]] = {}  # pitches of each voice at the onset

    def leave(self) -> None:
        self.begun = {}

    def begin(self, voice: int, pitch: int) -> None:
        self.begun = self.begun | {voice: (*self.begun.get(voice, ()), pitch)}

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        found: list[int] = []
        notes = self.notes
        for voice, pitches in self.begun.items() if grammar.quarters == self.onset else ():
            is_full = len(pitches) >= self.most
            low, high = (128, -1) if is_full else (max(pitches) - self.span, min(pitches) + self.span)
            outside = (notes.voices == voice) & ((notes.pitches < low) | (notes.pitches > high))
            found += notes.ids[outside].tolist()
        return found

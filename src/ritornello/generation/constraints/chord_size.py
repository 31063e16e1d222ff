"""`chord_size`: how many notes a part may begin at once, and the interval that they span. Drums are free."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import Constraint, Context, OnsetState, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.notes import Notes
    from ritornello.representations.base import GrammarState

ANY = 128
"""Notes, or semitones: no limit."""

MOST_KNOWN = 1000
"""Masks that are kept, of a byte an id each."""


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
        self._known: dict[tuple[int, int, int], Mask] = {}  # by voice and the pitches that are not outside

    def leave(self) -> None:
        self.begun = {}

    def begin(self, voice: int, pitch: int) -> None:
        self.begun = self.begun | {voice: (*self.begun.get(voice, ()), pitch)}

    def banned_mask(self, grammar: GrammarState, allowed: Mask) -> Mask | None:
        if not self.begun or grammar.quarters != self.onset:
            return None
        return reduce(or_, [self._outside(voice, *pitches) for voice, pitches in self.begun.items()])

    def _outside(self, voice: int, *begun: int) -> Mask:
        """Return the mask of the notes that a voice must not begin beside those that it has begun."""
        full = len(begun) >= self.most
        low, high = (128, -1) if full else (max(begun) - self.span, min(begun) + self.span)
        key = voice, low, high
        if key not in self._known:
            if len(self._known) == MOST_KNOWN:
                self._known.clear()
            outside = (self.notes.pitches < low) | (self.notes.pitches > high)
            self._known[key] = self.notes.mask(self.notes.ids[outside & (self.notes.voices == voice)])
        return self._known[key]

"""`parallels`: no parallel fifths, octaves or unisons between the outer voices.

The outer voices are the lowest and the highest of the notes that begin together, drums left out. Of two onsets with
several notes, one after the other, the outer voices are parallel if both move in the same direction and are a fifth, an
octave or a unison apart both times, compound intervals included.

A note is banned if with it the outer voices so far would be parallel; so an onset can always be left as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from ritornello.generation.constraints.base import Constraint, Context, OnsetState, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.generation.notes import Notes
    from ritornello.representations.base import GrammarState

PERFECT = (0, 7)
"""Semitones of a unison and a fifth, modulo the octave."""


class ParallelsSettings(Settings):
    parallels: bool = Field(True, description="allow parallel fifths and octaves between the outer voices")

    @model_validator(mode="after")
    def _check_parallels(self) -> Self:
        fixed = getattr(self, "fixed_notes_asked", "")  # of a configuration that has FixedNotesSettings too
        if fixed and not self.parallels:
            raise ValueError(f"no parallels and {fixed} contradict each other: fixed notes stay as they are")
        return self


class Parallels(Constraint):
    name = "parallels"
    settings = ParallelsSettings
    bounds_pitches = True

    def start(self, context: Context) -> NoParallels | None:
        return None if context.of(ParallelsSettings).parallels else NoParallels(context.notes)


class NoParallels(OnsetState):
    """Bans the notes that would make the outer voices parallel."""

    name, rank = "parallels", 42

    def __init__(self, notes: Notes) -> None:
        super().__init__(notes)
        self._begun: tuple[int, ...] = ()  # the pitches of the onset
        self._before: tuple[int, int] | None = None  # the outer ones of the last onset with several notes

    def leave(self) -> None:
        if len(self._begun) > 1:
            self._before = min(self._begun), max(self._begun)
        self._begun = ()

    def begin(self, voice: int, pitch: int) -> None:
        self._begun = (*self._begun, pitch)

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        import numpy as np

        if self._before is None or not self._begun or grammar.quarters != self.onset:
            return ()
        low = np.minimum(self.notes.pitches, min(self._begun))
        high = np.maximum(self.notes.pitches, max(self._begun))
        is_perfect = np.isin((high - low) % 12, PERFECT)
        is_same = (high - low) % 12 == (self._before[1] - self._before[0]) % 12
        moves = (low - self._before[0]) * (high - self._before[1]) > 0  # in the same direction
        return np.asarray(self.notes.ids[is_perfect & is_same & moves])

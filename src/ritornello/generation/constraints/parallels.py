"""`parallels`: no parallel fifths, octaves or unisons between the outer voices.

The outer voices are the lowest and the highest of the notes that begin together, drums left out. Of two onsets with
several notes, one after the other, the outer voices are parallel if both move in the same direction and are a fifth, an
octave or a unison apart both times, compound intervals included.

A note is banned if with it the outer voices so far would be parallel; so an onset can always be left as it is.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.generation.notes import Notes
    from ritornello.representations.base import GrammarState

PERFECT = (0, 7)
"""Semitones of a unison and a fifth; with octaves added they are the same."""


class ParallelsSettings(Settings):
    parallels: bool = Field(True, description="allow parallel fifths and octaves between the outer voices")

    @model_validator(mode="after")
    def _check_parallels(self) -> Self:
        given = getattr(self, "asks_for_given", "")  # of a configuration that has FixedNotesSettings too
        if given and not self.parallels:
            raise ValueError(f"no parallels and {given} contradict each other: given notes stay as they are")
        return self


class Parallels(Constraint):
    name = "parallels"
    settings = ParallelsSettings
    bounds_pitches = True

    def start(self, context: Context) -> NoParallels | None:
        return None if context.of(ParallelsSettings).parallels else NoParallels(context.notes)


class NoParallels(ConstraintState):
    """Bans the notes that would make the outer voices parallel."""

    name, rank = "parallels", 42

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._time = 0.0  # before the last id: when its notes begin
        self._onset = -1.0
        self._begun: tuple[int, int] | None = None  # lowest and highest pitch of the notes at the onset
        self._count = 0
        self._before: tuple[int, int] | None = None  # those of the last onset with several notes

    def fork(self) -> NoParallels:
        return copy(self)

    def advance(self, grammar: GrammarState) -> None:
        for voice, pitch in grammar.last_notes:
            if voice in self._notes.drum_voices:
                continue
            if self._time != self._onset:
                self._leave()
                self._onset = self._time
            low, high = self._begun or (pitch, pitch)
            self._begun, self._count = (min(low, pitch), max(high, pitch)), self._count + 1
        self._time = grammar.quarters

    def _leave(self) -> None:
        """Leave the present onset."""
        if self._count > 1:
            self._before = self._begun
        self._begun, self._count = None, 0

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        import numpy as np

        if self._before is None or self._begun is None or grammar.quarters != self._onset:
            return ()
        low = np.minimum(self._notes.pitches, self._begun[0])
        high = np.maximum(self._notes.pitches, self._begun[1])
        is_perfect = np.isin((high - low) % 12, PERFECT)
        is_same = (high - low) % 12 == (self._before[1] - self._before[0]) % 12
        moves = (low - self._before[0]) * (high - self._before[1]) > 0  # in the same direction
        return np.asarray(self._notes.ids[is_perfect & is_same & moves])

"""A constraint: a tone row. No pitch class returns before all twelve have been played; drums are free."""

from __future__ import annotations

from ritornello.generation.constraints import Constraint, ConstraintState, Context
from ritornello.generation.notes import Notes, of_classes


class ToneRow(Constraint):
    name = "tone_row"

    def start(self, context: Context) -> ToneRowState:
        return ToneRowState(context.notes)  # raise ConfigError here for what cannot be kept


class ToneRowState(ConstraintState):
    name, rank = "tone_row", 25  # behind the scale (20), before the chords (30)

    def __init__(self, notes: Notes) -> None:
        self.notes, self.voices = notes, set(notes.voices.tolist())
        self.played: frozenset[int] = frozenset()

    def advance(self, grammar) -> None:
        for voice, pitch in grammar.last_notes:
            if voice in self.voices:
                played = self.played | {pitch % 12}
                self.played = played if len(played) < 12 else frozenset()

    def banned(self, grammar, allowed):
        return self.notes.outside(of_classes(set(range(12)) - self.played))

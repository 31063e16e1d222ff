"""`tritones`: no voice leaps by a tritone."""

from __future__ import annotations

from pydantic import Field

from ritornello.generation.constraints import Constraint, ConstraintState, Context, Settings
from ritornello.generation.notes import Notes


class TritonesSettings(Settings):
    tritones: bool = Field(True, description="allow leaps of a tritone within a voice")


class Tritones(Constraint):
    name = "tritones"
    settings = TritonesSettings

    def start(self, context: Context) -> NoTritones | None:
        return None if context.of(TritonesSettings).tritones else NoTritones(context.notes)


class NoTritones(ConstraintState):
    name, rank = "tritones", 43

    def __init__(self, notes: Notes, last: dict[int, int] | None = None) -> None:
        self.notes, self.last = notes, last or {}  # the last pitch of each voice

    def advance(self, grammar) -> None:
        self.last.update(grammar.last_notes)

    def banned(self, grammar, allowed):
        pairs = zip(
            self.notes.ids.tolist(), self.notes.voices.tolist(), self.notes.pitches.tolist(), strict=True
        )
        return [token for token, voice, pitch in pairs if abs(pitch - self.last.get(voice, pitch)) == 6]

    def fork(self) -> NoTritones:
        return NoTritones(self.notes, dict(self.last))

"""`register`: the lowest and the highest pitch of all parts but drums."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from ritornello.config import parsed
from ritornello.generation.constraints.base import Constraint, Context, Never, Settings, never
from ritornello.theory import parse_pitch


class RegisterSettings(Settings):
    lowest: str | None = Field(None, description="lowest pitch of all parts but drums, such as C3 or 48")
    highest: str | None = Field(None, description="highest pitch of all parts but drums")

    @field_validator("lowest", "highest")
    @classmethod
    def _check_pitches(cls, text: str | None) -> str | None:
        if text is not None:
            parsed(parse_pitch, text)
        return text

    @model_validator(mode="after")
    def _check_register(self) -> Self:
        lowest, highest = self.register_pitches
        if lowest > highest:
            raise ValueError(f"lowest {self.lowest} is above highest {self.highest}; exchange them")
        return self

    @property
    def register_pitches(self) -> tuple[int, int]:
        """The lowest and the highest pitch allowed, 0-127."""
        return parse_pitch(self.lowest or "0"), parse_pitch(self.highest or "127")


class Register(Constraint):
    name = "register"
    settings = RegisterSettings
    bounds_pitches = True

    def start(self, context: Context) -> Never | None:
        from ritornello.generation.notes import within

        asked = context.of(RegisterSettings)
        if asked.lowest is None and asked.highest is None:
            return None
        return never(self.name, 10, context, within(*asked.register_pitches))

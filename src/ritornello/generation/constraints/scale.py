"""`scale`: all parts but drums keep to the notes of a scale."""

from __future__ import annotations

from pydantic import Field, field_validator

from ritornello.config import parsed
from ritornello.generation.constraints.base import Constraint, Context, Never, Settings, never
from ritornello.theory import parse_scale_classes


class ScaleSettings(Settings):
    scale: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description='notes of all parts but drums, such as "D dorian" or C,D,E,G,A',
    )

    @field_validator("scale")
    @classmethod
    def _check_scale(cls, text: str | None) -> str | None:
        if text is not None and not parsed(parse_scale_classes, text):
            raise ValueError("a scale has at least one note, such as C,D,E,G,A")
        return text

    @property
    def scale_classes(self) -> frozenset[int] | None:
        """The pitch classes of the scale, 0-11."""
        return None if self.scale is None else parse_scale_classes(self.scale)


class Scale(Constraint):
    name = "scale"
    settings = ScaleSettings
    bounds_pitches = True

    def start(self, context: Context) -> Never | None:
        from ritornello.generation.notes import of_classes

        classes = context.of(ScaleSettings).scale_classes
        if classes is None:
            return None
        return never(self.name, 20, context, of_classes(classes))

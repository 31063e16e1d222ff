"""`scale`: all parts but drums keep to the notes of a scale, of a key, or of both.

A key is a scale with a tonic: major, or minor with both forms of its sixth and seventh. The piece is written with its
signature and ends on its tonic (`cadence`). Over given chords, the chords decide, and the notes between the beats
keep to the key.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from ritornello.config import parsed
from ritornello.generation.constraints.base import Constraint, Context, Never, Settings, never
from ritornello.theory import (
    key_classes,
    key_name,
    key_tonic,
    parse_key,
    parse_scale_classes,
    pitch_class_name,
    scale_signature,
)


class ScaleSettings(Settings):
    key: str | None = Field(
        None,
        min_length=1,
        max_length=40,
        description='key, such as "D major" or "F# minor": its notes, its signature, and its tonic at the end',
    )
    scale: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description='notes of all parts but drums, such as "D dorian" or C,D,E,G,A',
    )

    @field_validator("key")
    @classmethod
    def _check_key(cls, text: str | None) -> str | None:
        return None if text is None else key_name(*parsed(parse_key, text))

    @field_validator("scale")
    @classmethod
    def _check_scale(cls, text: str | None) -> str | None:
        if text is not None and not parsed(parse_scale_classes, text):
            raise ValueError("a scale has at least one note, such as C,D,E,G,A")
        return text

    @model_validator(mode="after")
    def _check_tonic(self) -> Self:
        if self.key and self.scale and key_tonic(*parse_key(self.key)) not in parse_scale_classes(self.scale):
            tonic = pitch_class_name(key_tonic(*parse_key(self.key)))
            raise ValueError(
                f"scale {self.scale} has no {tonic}, the tonic of key {self.key}; give one of them"
            )
        return self

    @property
    def key_signature(self) -> tuple[int, bool] | None:
        """The key, as (fifths, minor)."""
        return None if self.key is None else parse_key(self.key)

    @property
    def signature(self) -> tuple[int, bool] | None:
        """The key signature, (fifths, minor), that is written: of the key, or else of the scale if it has one."""
        if self.key is None and self.scale is not None:
            return scale_signature(self.scale)
        return self.key_signature

    @property
    def scale_classes(self) -> frozenset[int] | None:
        """The pitch classes, 0-11, of the scale and of the key."""
        asked = [parse_scale_classes(self.scale)] if self.scale else []
        asked += [key_classes(*parse_key(self.key))] if self.key else []
        return frozenset.intersection(*asked) if asked else None

    @property
    def scale_asked(self) -> str:
        """The scale and the key in words, for messages."""
        names = [f"the scale {self.scale}"] * bool(self.scale) + [f"the key {self.key}"] * bool(self.key)
        return " in ".join(names)


class Scale(Constraint):
    name = "scale"
    settings = ScaleSettings
    bounds_pitches = True

    def start(self, context: Context) -> Never | None:
        from ritornello.generation.constraints.chords import keeps_chords
        from ritornello.generation.notes import of_classes

        asked = context.of(ScaleSettings)
        if asked.key and keeps_chords(context):
            asked = asked.model_copy(update={"key": None})
        if asked.scale_classes is None or not context.notes.is_complete:  # see `feasibility`
            return None
        return never(self.name, 20, context, of_classes(asked.scale_classes))

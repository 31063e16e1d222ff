"""The settings of a composition; every field is a flag of `ritornello compose`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, field_validator, model_validator

from ritornello.config import parsed
from ritornello.expression.config import ExpressionConfig
from ritornello.generation.constraints import settings_of_all
from ritornello.generation.settings import BeamConfig, MusicSettings, StepPrecision
from ritornello.theory import parse_pitch_class

if TYPE_CHECKING:  # the type checker knows the settings of these constraints
    from ritornello.generation.constraints.chords import ChordSettings
    from ritornello.generation.constraints.fixed_notes import FixedNotesSettings
    from ritornello.generation.constraints.length import LengthSettings
    from ritornello.generation.constraints.originality import OriginalitySettings
    from ritornello.generation.constraints.register import RegisterSettings
    from ritornello.generation.constraints.scale import ScaleSettings

    class ConstraintSettings(
        LengthSettings,
        ChordSettings,
        ScaleSettings,
        RegisterSettings,
        FixedNotesSettings,
        OriginalitySettings,
    ): ...
else:
    ConstraintSettings = settings_of_all(is_live=False)

MOST_CANDIDATES = 1000


class ComposeConfig(ConstraintSettings, MusicSettings, BeamConfig, ExpressionConfig):
    """The settings of a composition. At most one of bars, seconds and notes may be given."""

    density: tuple[float, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="notes a second, for models trained with it as a condition; several are spread over the piece,"
        " such as 4,16",
    )
    pitch_classes: tuple[float, ...] | None = Field(
        None,
        min_length=12,
        max_length=12,
        description="for models trained with them as a condition: the notes to use, such as C,D,E,G,A, or 12 weights"
        " from C up",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="makes the same pieces again; random if not given"
    )
    index: int = Field(
        0, ge=0, lt=2**31, description="begin with this one of the pieces that the seed makes, counted from 0"
    )
    count: int = Field(1, ge=1, le=1000, description="how many pieces, in one run")
    best_of: int | None = Field(
        None,
        ge=1,
        le=256,
        description="compose so many candidates for each piece, and keep the one that is most like real music and"
        " copies little (if not given: 4 of 16 to 64 bars, fewer of longer ones, 8 of a loop, else 1)",
    )
    faithful: bool = Field(
        False, description="choose tokens as the model's original system does, where nothing else is given"
    )
    precision: StepPrecision = Field(
        "auto",
        description="arithmetic; int8 rounds the weights to 8 bits: faster, other pieces; auto: int8 for a model that "
        "is stored so",
    )

    @field_validator("density", "pitch_classes", mode="before")
    @classmethod
    def _split_numbers(cls, value: Any) -> Any:
        """Accept "4, 16" or a single number for a list too, and names for the weights of pitch classes."""
        words = str(value).replace(",", " ").split() if isinstance(value, str | int | float) else value
        if isinstance(words, list) and any(word[:1].isalpha() for word in words if isinstance(word, str)):
            named = {parsed(parse_pitch_class, name) for name in words}
            return tuple(float(each in named) for each in range(12))
        return words

    @model_validator(mode="after")
    def _check_count(self) -> Self:
        if self.count * (self.best_of or 1) > MOST_CANDIDATES:
            raise ValueError(
                f"count {self.count} times best_of {self.best_of}: at most {MOST_CANDIDATES} in one run"
            )
        return self

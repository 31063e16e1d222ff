"""The settings of a performance; every field is a flag wherever music that is written is played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from ritornello.score import Score

DEFAULT_AMOUNT = 0.5
"""How much is performed where nothing else is asked: the rules at this share made held-out piano performances most
probable (docs/experiments.md)."""


class ExpressionConfig(BaseModel):
    """Settings of the performance of music that is written without velocities."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    perform: float | None = Field(
        None,
        ge=0,
        le=1,
        description="how expressively to play, in sound, MIDI and piano roll, what has no velocities of its own; 0 as"
        f" written (if not given: {DEFAULT_AMOUNT} for what is composed, 0 for files)",
    )
    swing: float | None = Field(
        None,
        ge=0.5,
        le=0.75,
        description="play the first of two even notes so much longer: its share of both, such as 0.62",
    )
    swing_unit: Literal["8", "16"] = Field("8", description="the notes that swing: eighths or sixteenths")


def performed(
    score: Score, config: ExpressionConfig, default: float, seed: int = 0, given: Score | None = None
) -> Score:
    """Return `score` as it is played by `config`; `default` is the amount where it has none; see `perform`."""
    from ritornello.expression.perform import perform
    from ritornello.formats.text import is_prose

    amount = default if config.perform is None else config.perform
    if is_prose(score):
        return score
    return perform(score, amount, seed, swing=config.swing, swing_unit=int(config.swing_unit), given=given)

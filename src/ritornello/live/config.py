"""The settings of a live session: turns, tempo, instruments, sampling and constraints.

Settings that composing has too are inherited from the same pydantic models, so names, limits and spellings agree.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from ritornello.config import parsed
from ritornello.expression.config import ExpressionConfig
from ritornello.generation.constraints import settings_of_all
from ritornello.generation.settings import FASTEST, SLOWEST, MusicSettings, SamplerConfig
from ritornello.theory import parse_instrument

if TYPE_CHECKING:
    from ritornello.generation.constraints.scale import ScaleSettings

    class ConstraintSettings(ScaleSettings): ...
else:
    ConstraintSettings = settings_of_all(is_live=True)


class Mode(StrEnum):
    """How player and model share the time."""

    CALL_AND_RESPONSE = "call-and-response"  # turns of fixed lengths
    ANSWER = "answer"  # the model answers when the player pauses
    TRADE = "trade"  # turns of whole bars to a metronome: trading fours
    DUET = "duet"  # the model plays while the player plays, planned two beats ahead
    CONTINUE = "continue"  # the model goes on for ever from the call; the player may join in


class JamConfig(ConstraintSettings, MusicSettings, SamplerConfig, ExpressionConfig):
    """The settings of a session. Any field can be changed while it runs; the change acts from the next turn on."""

    mode: Mode = Field(Mode.ANSWER, description="how player and model share the time")
    call_seconds: float = Field(6.0, ge=1, le=120, description="length of your turn without a metronome")
    response_seconds: float | None = Field(
        None, ge=1, le=120, description="length of the model's turn, likewise; as long as yours, if not given"
    )
    call_bars: int = Field(4, ge=1, le=64, description="length of your turn with a metronome")
    response_bars: int | None = Field(
        None, ge=1, le=64, description="length of the model's turn, likewise; as long as yours, if not given"
    )
    pause: float | None = Field(
        None,
        ge=0.2,
        le=5,
        description="seconds of silence after which the model answers; one to two beats, if not given",
    )
    metronome: bool = Field(
        False, description="keep a beat, and count turns in bars; always on in trade and duet"
    )
    count_in: int = Field(1, ge=0, le=4, description="bars of metronome before the first turn")
    tempo: float = Field(100.0, ge=SLOWEST, le=FASTEST, description="quarter notes a minute")
    meter: str = Field("4/4", description="meter, such as 3/4")
    candidates: int = Field(
        4, ge=1, le=16, description="answers that the model tries at once; the best one is played"
    )
    closeness: float = Field(
        1.0,
        ge=0,
        le=2,
        description="how closely an answer keeps to the key, register and motif of the call; 0 not at all",
    )
    instrument: str | None = Field(None, description="your instrument; the model's first, if not given")

    @field_validator("instrument")
    @classmethod
    def _check_instrument(cls, name: str | None) -> str | None:
        if name is not None:
            parsed(parse_instrument, name)
        return name

    @property
    def meter_pair(self) -> tuple[int, int]:
        """The meter as (numerator, denominator)."""
        numerator, denominator = self.meter.split("/")
        return int(numerator), int(denominator)

    @property
    def keeps_beat(self) -> bool:
        """Whether a metronome runs."""
        return self.metronome or self.mode in (Mode.TRADE, Mode.DUET)

    @property
    def bar_seconds(self) -> float:
        """The length of a bar of the metronome, in seconds."""
        numerator, denominator = self.meter_pair
        return numerator * 4 / denominator * 60 / self.tempo

"""What can be asked of a live session: how the turns go, at what tempo, with which sounds."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from ritornello.config import parsed
from ritornello.generation.settings import SamplerConfig
from ritornello.theory import parse_instrument, parse_scale


class Mode(StrEnum):
    """How player and model share the time."""

    CALL_AND_RESPONSE = "call-and-response"  # turns of fixed lengths
    ANSWER = "answer"  # the model answers when the player pauses
    TRADE = "trade"  # turns of whole bars to a metronome: trading fours
    DUET = "duet"  # the model plays while the player plays, planned a beat ahead
    CONTINUE = "continue"  # the model goes on for ever from what it has heard; the player may join in


class JamConfig(SamplerConfig):
    """What is asked of a session; every field can be changed while it runs, and acts from the next turn on."""

    mode: Mode = Field(Mode.CALL_AND_RESPONSE, description="how player and model share the time")
    call_seconds: float = Field(6.0, ge=1, le=120, description="length of your turn without a metronome")
    response_seconds: float = Field(6.0, ge=1, le=120, description="length of the model's turn, likewise")
    call_bars: int = Field(4, ge=1, le=64, description="length of your turn with a metronome")
    response_bars: int = Field(4, ge=1, le=64, description="length of the model's turn, likewise")
    pause: float = Field(0.8, ge=0.2, le=5, description="seconds of silence after which the model answers")
    metronome: bool = Field(
        False, description="keep a beat, and count turns in bars; always on in trade and duet"
    )
    count_in: int = Field(1, ge=0, le=4, description="bars of metronome before the first turn")
    tempo: float = Field(100.0, ge=30, le=300, description="quarter notes a minute, with a metronome")
    meter: tuple[int, int] = Field((4, 4), description="meter of the metronome")
    instrument: str | None = Field(None, description="your instrument; the model's first, if not given")
    instruments: tuple[str, ...] | None = Field(
        None, min_length=1, max_length=16, description="what the model may play; all it knows, if not given"
    )
    scale: str | None = Field(
        None, description='scale that the model keeps to, such as "C major" or "A blues"'
    )

    @field_validator("meter", mode="before")
    @classmethod
    def _read_meter(cls, meter: Any) -> Any:
        """Take "3/4", as the command line has it."""
        return meter.split("/") if isinstance(meter, str) else meter

    @field_validator("instruments", mode="before")
    @classmethod
    def _split_instruments(cls, names: Any) -> Any:
        """Take names in one text, divided by commas, as the command line has them."""
        return [name.strip() for name in names.split(",")] if isinstance(names, str) else names

    @field_validator("meter")
    @classmethod
    def _check_meter(cls, meter: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= meter[0] <= 32 or meter[1] not in (1, 2, 4, 8, 16, 32):
            raise ValueError("a meter is 1 to 32 notes of 1/1, 1/2, 1/4, 1/8, 1/16 or 1/32")
        return meter

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Refuse names of instruments and scales that are in no table."""
        for parse, names in (
            (parse_instrument, (self.instrument, *(self.instruments or ()))),
            (parse_scale, (self.scale,)),
        ):
            for name in names:
                if name is not None:
                    parsed(parse, name)
        return self

    @property
    def keeps_beat(self) -> bool:
        """Whether a metronome runs."""
        return self.metronome or self.mode in (Mode.TRADE, Mode.DUET)

    @property
    def bar_seconds(self) -> float:
        """How long a bar of the metronome lasts."""
        return self.meter[0] * 4 / self.meter[1] * 60 / self.tempo

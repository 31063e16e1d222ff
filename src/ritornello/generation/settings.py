"""Settings that several commands share: sampling, beam search, and music settings other than constraints.

They are apart from the code that implements them, so the command line builds its help without loading that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ritornello.config import parsed
from ritornello.registry import Registry
from ritornello.theory import parse_instrument

StepPrecision = Literal["auto", "float32", "int8"]

METER = re.compile(r"[1-9][0-9]?/(1|2|4|8|16|32)")

SLOWEST, FASTEST = 10, 400
"""Tempos, in quarter notes a minute."""

SAMPLERS: Registry[Callable[[Any], Any]] = Registry(
    "sampler",
    group="ritornello.samplers",
    rows={"standard": "ritornello.generation.samplers:make_standard_sampler"},
)
"""Functions by name that take a `SamplerConfig` and return a `Sampler`."""


class SamplerConfig(BaseModel):
    """How the next id is sampled."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    temperature: float = Field(
        1.0,
        ge=0,
        le=10,
        description="above 1 bolder, below 1 safer, 0 always the most probable; the model's card may have another"
        " default (`ritornello info`)",
    )
    top_p: float = Field(
        0.95,
        gt=0,
        le=1,
        description="choose among the most probable tokens, which together make up this share",
    )
    top_k: int = Field(0, ge=0, description="choose among so many of the most probable tokens, 0 all")
    min_p: float = Field(
        0.0, ge=0, le=1, description="leave out tokens less probable than this share of the best one's"
    )
    surprise: float = Field(
        0.0, ge=0, le=1, description="how often, as a share of steps, the most probable is avoided on purpose"
    )
    sampling_method: Annotated[str, SAMPLERS] = Field("standard", description="how tokens are drawn")

    @field_validator("sampling_method")
    @classmethod
    def _check_sampling_method(cls, name: str) -> str:
        parsed(SAMPLERS.__getitem__, name)
        return name


class BeamConfig(SamplerConfig):
    """Sampling and beam search. 1, 1, 1 is no search."""

    beam_size: int = Field(1, ge=1, le=256, description="beam search: so many branches stay after each round")
    branch_factor: int = Field(1, ge=1, le=256, description="beam search: copies of each branch that stays")
    steps_per_iteration: int = Field(1, ge=1, le=1024, description="beam search: tokens chosen in a round")

    @property
    def searches(self) -> bool:
        """Whether there is more than one branch."""
        return self.beam_size * self.branch_factor > 1


class MusicSettings(BaseModel):
    """Tempo, meter and instruments; None leaves them to the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    tempo: float | None = Field(None, ge=SLOWEST, le=FASTEST, description="quarter notes a minute")
    meter: str | None = Field(None, description="meter, such as 3/4")
    instruments: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="names or General MIDI numbers from 0, such as violin,cello",
    )

    @field_validator("meter", mode="before")
    @classmethod
    def _join_meter(cls, meter: Any) -> Any:
        """Accept a pair (3, 4) too."""
        is_pair = isinstance(meter, list | tuple) and len(meter) == 2
        return f"{meter[0]}/{meter[1]}" if is_pair else meter

    @field_validator("meter")
    @classmethod
    def _check_meter(cls, text: str | None) -> str | None:
        if text is not None and not METER.fullmatch(text):
            raise ValueError("a meter is 1 to 99 notes of 1/1, 1/2, 1/4, 1/8, 1/16 or 1/32, such as 3/4")
        return text

    @field_validator("instruments", mode="before")
    @classmethod
    def _split_instruments(cls, value: Any) -> Any:
        """Accept "violin, cello" or a single number for a list too."""
        names = [value] if isinstance(value, str | int) else value
        if not isinstance(names, list | tuple):
            return names
        return tuple(word.strip() for name in names for word in str(name).split(","))

    @field_validator("instruments")
    @classmethod
    def _check_instruments(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            parsed(parse_instrument, name)
        return names

    @property
    def programs(self) -> tuple[int, ...] | None:
        """The instruments as General MIDI programs, 128 for the drum kit."""
        return None if self.instruments is None else tuple(map(parse_instrument, self.instruments))

    @property
    def meter_pair(self) -> tuple[int, int] | None:
        """The meter as (numerator, denominator)."""
        if self.meter is None:
            return None
        numerator, denominator = self.meter.split("/")
        return int(numerator), int(denominator)

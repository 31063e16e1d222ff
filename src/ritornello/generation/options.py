"""What `ComposeConfig` (`config.py`) is made of: how ids are chosen, how widely is searched, what of a piece is given.

Apart from the code that does it, so that the command line can say what may be asked for without loading that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ritornello.config import parsed
from ritornello.registry import Registry

SAMPLERS: Registry[Callable[[Any], Any]] = Registry(
    "sampler",
    group="ritornello.samplers",
    rows={"standard": "ritornello.generation.samplers:make_standard_sampler"},
)
"""Functions by name that make a `Sampler` of a `SamplerConfig`."""

StepPrecision = Literal["float32", "int8"]

SHORT_COPY = 15
"""Runs of so many notes are common turns. Longer ones are not copied, unless that is asked for."""

FORM = re.compile(r"[A-Z]{1,64}")

BARS = re.compile(r"[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?(,[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?)*")

CONTRADICTIONS = (
    ("infill", "vary"),
    ("infill", "form"),
    ("infill", "loop"),
    ("accompany", "form"),
    ("accompany", "loop"),
)


class SamplerConfig(BaseModel):
    """How boldly the next id is chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(
        1.0, ge=0, le=10, description="above 1 bolder, below 1 safer, 0 always the most probable"
    )
    top_p: float = Field(0.95, gt=0, le=1, description="keep the most probable ids that make up this share")
    top_k: int = Field(0, ge=0, description="keep this many of the most probable ids, 0 all")
    min_p: float = Field(
        0.0, ge=0, le=1, description="drop ids less probable than this share of the best one's"
    )
    surprise: float = Field(
        0.0, ge=0, le=1, description="how often, as a share of steps, the most probable is avoided on purpose"
    )
    sampler: Annotated[str, SAMPLERS] = Field("standard", description="how ids are drawn")

    @field_validator("sampler")
    @classmethod
    def _check_sampler(cls, name: str) -> str:
        parsed(SAMPLERS.__getitem__, name)
        return name


class BeamConfig(SamplerConfig):
    """How widely to search. 1, 1, 1 is no search."""

    beam_size: int = Field(1, ge=1, le=256, description="beam search: so many branches stay after each round")
    branch_factor: int = Field(1, ge=1, le=256, description="beam search: copies of each branch that stays")
    steps_per_iteration: int = Field(1, ge=1, le=1024, description="beam search: ids sampled in a round")

    @property
    def searches(self) -> bool:
        """Whether there is anything to choose between."""
        return self.beam_size * self.branch_factor > 1


class GivenConfig(BaseModel):
    """What of a piece is to be given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    infill: str | None = Field(
        None,
        description="compose these bars of the primer anew, such as 5-8 or 5-8,13; all else stays as it is",
    )
    vary: float | None = Field(
        None,
        ge=0,
        le=1,
        description="compose this share of the primer's bars anew, drawn by the seed; with a form, of the bars of"
        " each section that returns (if not given: the last one, where it leads on to something else)",
    )
    accompany: bool = Field(
        False,
        description="let the primer sound from beginning to end, and add parts to it: those of instruments, or what"
        " the model likes",
    )
    form: str | None = Field(
        None, description="sections of equal length, a letter each, such as AABA: the same letter returns"
    )
    loop: bool = Field(
        False,
        description="a piece that leads back into its beginning, cut at the bar line, without an ending",
    )

    @field_validator("form")
    @classmethod
    def _check_form(cls, form: str | None) -> str | None:
        if form is not None and not FORM.fullmatch(form):
            raise ValueError("a form is 1 to 64 capital letters, such as AABA")
        return form

    @field_validator("infill")
    @classmethod
    def _check_infill(cls, bars: str | None) -> str | None:
        if bars is not None:
            compact = bars.replace(" ", "")
            if not BARS.fullmatch(compact):
                raise ValueError("bars are numbers from 1, such as 5-8 or 5-8,13")
            for first, last in _bar_ranges(compact):
                if first > last:
                    raise ValueError(f"bar {first} is after bar {last}; exchange them")
        return bars

    @model_validator(mode="after")
    def _check_given(self) -> Self:
        for one, other in CONTRADICTIONS:
            if getattr(self, one) and getattr(self, other):
                raise ValueError(f"{one} and {other} contradict each other; give one of them")
        if self.vary is not None and self.loop and not self.form:
            raise ValueError("vary and loop contradict each other without a form, whose sections vary")
        return self

    @property
    def keeps_primer(self) -> bool:
        """Whether the primer, or what is not composed anew of it, sounds from beginning to end."""
        return bool(self.infill or self.accompany or (self.vary is not None and not self.form))

    @property
    def asks_for_given(self) -> str:
        """The first wish of this kind, as it was asked; else empty."""
        for name in ("infill", "vary", "accompany", "form", "loop"):
            value = getattr(self, name)
            if value is not None and value is not False:
                shown = f" {value:g}" if isinstance(value, float) else f" {value}"
                return name if value is True else name + shown
        return ""

    @property
    def infill_bars(self) -> frozenset[int]:
        """The bars to compose anew, from 0."""
        ranges = _bar_ranges((self.infill or "").replace(" ", ""))
        return frozenset(bar - 1 for first, last in ranges for bar in range(first, last + 1))


def _bar_ranges(text: str) -> list[tuple[int, int]]:
    """Return first and last bar of each range in a text such as 5-8,13."""
    ends = [part.split("-") for part in text.split(",") if part]
    return [(int(each[0]), int(each[-1])) for each in ends]

"""Settings of an evaluation; every field is a flag of `ritornello evaluate`."""

from __future__ import annotations

from pydantic import Field

from ritornello.generation.settings import SamplerConfig


class EvaluateConfig(SamplerConfig):
    """Settings of an evaluation, and of the sampler for the pieces that it composes."""

    pieces: int = Field(
        50, ge=4, le=100_000, description="real pieces to compare with, at most, chosen by the seed"
    )
    count: int | None = Field(
        None, ge=2, le=1000, description="pieces to compose (default: one like each of the real ones)"
    )
    bars: int | None = Field(
        None, ge=1, le=1000, description="compare only so many bars, the first of each piece (default: all)"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of the pieces composed and chosen")


class ListenConfig(SamplerConfig):
    """Settings of a page for blind comparison, and of the sampler for the pieces that are composed for it."""

    pairs: int = Field(
        12, ge=1, le=200, description="pairs of a real and a composed piece, chosen by the seed"
    )
    bars: int = Field(16, ge=1, le=200, description="play so many bars, the first of each piece")
    seed: int = Field(0, ge=0, lt=2**32, description="of the pieces chosen and composed, and of their order")

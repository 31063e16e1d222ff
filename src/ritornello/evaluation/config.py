"""What an evaluation can be told; every field is a flag of `ritornello evaluate`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EvaluateConfig(BaseModel):
    """What an evaluation can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(20, ge=2, le=1000, description="pieces to compose")
    bars: int = Field(
        16, ge=1, le=1000, description="their length; of real pieces, so many bars are compared"
    )
    pieces: int = Field(
        50, ge=4, le=100_000, description="real pieces to compare with, at most, chosen by the seed"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of the pieces composed and chosen")

"""What the requests of verbs have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ModelName = Annotated[str, Field(max_length=200)]

MODEL = Field(None, description="name of a model (default: the first of `models`)")


class Request(BaseModel):
    """A request; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Result(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)

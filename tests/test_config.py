"""What configurations refuse is one line: where, why, the value, what is known."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ritornello.config import LONGEST_SHOWN, checked, parsed
from ritornello.errors import BundleError, ConfigError
from ritornello.theory import parse_pitch


class Example(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    bars: int = Field(ge=1)
    pitch: str = "C4"

    @field_validator("pitch")
    @classmethod
    def _check_pitch(cls, text: str) -> str:
        parsed(parse_pitch, text)
        return text

    @model_validator(mode="after")
    def _check(self) -> Example:
        if self.bars == 13:
            raise ValueError("thirteen bars are one too many")
        return self


def test_what_is_allowed_passes() -> None:
    assert checked(Example, {"bars": 2}) == Example(bars=2)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"bars": 0}, "bars: must be at least 1 (received 0)"),
        (
            {"bars": 2, "bar": 1},
            "bar: there is no such setting (received 1); nearest is bars; known: bars, pitch",
        ),
        ({}, "bars: must be given"),
        ({"bars": 13}, "thirteen bars are one too many"),
    ],
)
def test_what_is_not_is_one_line(values: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(Example, values, "example: ")
    assert str(caught.value) == f"example: {line}"


def test_a_text_that_cannot_be_parsed_says_why() -> None:
    with pytest.raises(ConfigError, match=r"^pitch: .*H9"):
        checked(Example, {"bars": 1, "pitch": "H9"})


def test_a_long_value_is_cut_and_the_kind_of_error_can_be_another() -> None:
    with pytest.raises(BundleError) as caught:
        checked(Example, {"bars": "x" * 10_000}, kind=BundleError)
    assert len(str(caught.value)) < LONGEST_SHOWN + 150

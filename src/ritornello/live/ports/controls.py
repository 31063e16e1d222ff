"""The mapping of control changes, the knobs and buttons of a MIDI controller, to settings and commands.

A TOML file changes the numbers:

    tempo = 14
    panic = 80
    surprise = "off"

The ranges are those of Magenta's terminal interface: tempo 60 + value, temperature 0.1 to 2.0. The default numbers
are ones that MIDI leaves undefined.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ritornello.config import checked
from ritornello.live.config import JamConfig, Mode
from ritornello.paths import read_toml

Number = Annotated[int, Field(ge=0, le=119)] | Literal["off"]

PRESSED = 64
"""The least value of a pressed button; lower values, its release, do nothing."""


class Controls(BaseModel):
    """The number of the control change for each action, or "off"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tempo: Number = Field(20, description="quarter notes a minute: 60 + value")
    temperature: Number = Field(21, description="0.1 to 2.0")
    surprise: Number = Field(22, description="0 to 0.5")
    mode: Number = Field(23, description="the modes, from the first to the last, in equal parts of the range")
    loop: Number = Field(24, description="from 64 on the model continues for ever; below, the mode before")
    start: Number = Field(102, description="button: begin")
    stop: Number = Field(103, description="button: fall silent")
    undo: Number = Field(104, description="button: take the last turn back")
    panic: Number = Field(105, description="button: end every note")

    @model_validator(mode="after")
    def _check_different(self) -> Controls:
        numbers = [number for number in self.model_dump().values() if number != "off"]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"two actions have the same control: {sorted(numbers)}")
        return self

    def action(self, number: int) -> str | None:
        """Return the name of the action of control change `number`, if it has one."""
        return next((name for name, own in self.model_dump().items() if own == number), None)


def default_controls() -> Controls:
    """Return the default table."""
    return checked(Controls, {})


def read_controls(path: Path | str) -> Controls:
    """Return the table in a TOML file; FormatError if it is not TOML, ConfigError for a number that is not allowed."""
    return checked(Controls, read_toml(Path(path))[1], f"{path}: ")


KNOBS: dict[str, Callable[[int], dict[str, Any]]] = {
    "tempo": lambda value: {"tempo": 60.0 + value},
    "temperature": lambda value: {"temperature": 0.1 + 1.9 * value / 127},
    "surprise": lambda value: {"surprise": 0.5 * value / 127},
    "mode": lambda value: {"mode": tuple(Mode)[value * len(Mode) // 128]},
}
"""The actions that change settings: the settings for a value, 0-127."""


def turned(config: JamConfig, action: str, value: int) -> JamConfig:
    """Return `config` after a knob of KNOBS was turned to `value`."""
    return config.model_copy(update=KNOBS[action](value))

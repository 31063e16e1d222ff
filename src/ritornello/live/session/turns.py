"""The modes as a table, and the arithmetic of beats and bars.

A beat is a `TempoSet`: a bar line, a tempo, a meter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import TempoSet

TOLERANCE = 1e-9  # in beats or bars: a time on a line counts as on it


class CallEnd(StrEnum):
    """The end of a player's turn."""

    LENGTH = "length"  # after a fixed length
    PAUSE = "pause"  # when the player pauses
    NONE = "none"  # no turns: both play from the beginning


@dataclass(frozen=True)
class Rules:
    """The rules of a mode: the end of the call, and whether both then play for ever.

    follows: the model plays only while the player does.
    """

    call_end: CallEnd
    is_joint: bool = False
    follows: bool = False


LOOK_AHEAD = 0.15
"""Seconds before a bar line at which the model plans what begins there, with the input so far."""

RULES: dict[Mode, Rules] = {
    Mode.CALL_AND_RESPONSE: Rules(CallEnd.LENGTH),
    Mode.ANSWER: Rules(CallEnd.PAUSE),
    Mode.TRADE: Rules(CallEnd.LENGTH),
    Mode.DUET: Rules(CallEnd.NONE, is_joint=True, follows=True),
    Mode.CONTINUE: Rules(CallEnd.PAUSE, is_joint=True),
}


def rules_of(config: JamConfig) -> Rules:
    """Return the rules of the requested mode."""
    return RULES[config.mode]


def beat_seconds(beat: TempoSet) -> float:
    """Return the length of a beat, a note of the meter's denominator, in seconds."""
    return 60 / beat.quarters_per_minute * 4 / beat.meter[1]


def bar_seconds(beat: TempoSet) -> float:
    """Return the length of a bar in seconds."""
    return beat_seconds(beat) * beat.meter[0]


def line_at_or_after(beat: TempoSet, time: float, unit: float) -> float:
    """Return the first line at `time` or later, lines being `unit` seconds apart and one at the bar line."""
    return beat.bar_line + math.ceil((time - beat.bar_line) / unit - TOLERANCE) * unit


def line_at_or_before(beat: TempoSet, time: float, unit: float) -> float:
    """Return the last line at `time` or earlier."""
    return beat.bar_line + math.floor((time - beat.bar_line) / unit + TOLERANCE) * unit


def call_seconds(config: JamConfig) -> float:
    """Return the length of a player's turn in seconds."""
    return config.call_bars * config.bar_seconds if config.keeps_beat else config.call_seconds


def response_seconds(config: JamConfig) -> float:
    """Return the length of the model's turn in seconds."""
    return config.response_bars * config.bar_seconds if config.keeps_beat else config.response_seconds


def is_beat_of(config: JamConfig, beat: TempoSet | None) -> bool:
    """Return whether a beat is that of the requested metronome."""
    asked = (config.tempo, config.meter_pair, True)
    return beat is not None and (beat.quarters_per_minute, beat.meter, beat.steady) == asked


def next_start(config: JamConfig, beat: TempoSet | None, now: float) -> float:
    """Return the time at which a turn can begin: on a bar line, if a beat is kept."""
    if not config.keeps_beat:
        return now
    if beat is None or not is_beat_of(config, beat):
        return now + LOOK_AHEAD
    return line_at_or_after(beat, now, bar_seconds(beat))

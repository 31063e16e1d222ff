"""The modes as a table, and the arithmetic of beats and bars.

A beat is a `TempoSet`: a bar line, a tempo, a meter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import LiveNote, TempoSet
from ritornello.live.session.tempo import CHORD_SECONDS

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


MOST_BARS = 8
"""Bars of the longest answer to a call whose length was not asked for."""

SHORT_BAR = 1 / 3
"""The share of a last bar of the call that the answer may leave out."""

EARLY, LATE = 1 / 8, 1 / 4
"""Beats by which a key may be pressed before its beat, and released after the end of its note."""

SHORTEST_PAUSE, FIRST_PAUSE = 0.5, 1.5
"""Seconds of silence that end a call at the least, and that end one of a note or two."""

OVERDUE, RECENT = 1.25, 8
"""A call is over when the next note does not come in so many of the longest of the RECENT intervals between onsets."""

ANSWER_AHEAD = 0.25
"""Seconds before the beat on which an answer begins at which it is decoded; if the player goes on, it is withdrawn."""

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


def pause_seconds(beat: TempoSet, notes: Sequence[LiveNote], silent_since: float) -> float:
    """Return the seconds of silence that end a call of `notes`, in order of time.

    One to two beats: longer where the keys are released early (staccato), and until the next note is overdue.
    """
    unit = max(beat_seconds(beat), 60 / beat.quarters_per_minute)
    pairs = [(one, next_) for one, next_ in pairwise(notes) if next_.start - one.start > CHORD_SECONDS]
    if len(pairs) < 2:
        return max(2 * unit, FIRST_PAUSE)
    longest = max(next_.start - one.start for one, next_ in pairs[-RECENT:])
    early = median(max(0.0, next_.start - (one.end or next_.start)) for one, next_ in pairs)
    overdue = OVERDUE * longest - (silent_since - notes[-1].start)
    return max(min(max(overdue, unit + early), 2 * unit), SHORTEST_PAUSE)


def call_seconds(config: JamConfig) -> float:
    """Return the length of a player's turn in seconds."""
    return config.call_bars * config.bar_seconds if config.keeps_beat else config.call_seconds


def response_seconds(config: JamConfig, beat: TempoSet, start: float, end: float) -> float:
    """Return the length of the model's turn in seconds: as asked, or else that of the call.

    A call that ended with a pause sounded from `start` to `end`; its answer has whole bars, from one to MOST_BARS.
    """
    asked = config.response_bars if config.keeps_beat else config.response_seconds
    if asked is not None:
        return asked * (config.bar_seconds if config.keeps_beat else 1)
    if rules_of(config).call_end == CallEnd.LENGTH:
        return call_seconds(config)
    unit, bar = beat_seconds(beat), bar_seconds(beat)
    first = line_at_or_after(beat, start - EARLY * unit, unit)
    length = line_at_or_after(beat, end - LATE * unit, unit) - first
    return min(max(math.ceil(length / bar - SHORT_BAR), 1), MOST_BARS) * bar


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

"""Directed interval names as in music21: "P4" up a fourth, "m-2" down a second, "A1", "dd5".

An interval is (steps, semitones): the number of letters and of semitones upwards, both negative downwards. The tokens
of system C contain such names (a bracket "<upper,lower>"), so they are read and written exactly.
"""

from __future__ import annotations

import re
from functools import cache

from ritornello.errors import ConfigError

NATURAL = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of the major or perfect interval of 0 to 6 steps."""

PERFECT = (0, 3, 4)
"""Steps of the perfect intervals."""

STEPS = (0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6, 6)
"""Steps of the interval of 0 to 11 semitones in its usual spelling; six are a diminished fifth."""

MINOR_THIRD = (2, 3)

Interval = tuple[int, int]

_NAME = re.compile(r"(P|M|m|A+|d+)(-?)([1-9][0-9]*)")


def plain_interval(semitones: int) -> Interval:
    """Return the interval of a number of semitones (negative downwards) in its usual spelling."""
    octaves, rest = divmod(abs(semitones), 12)
    steps = 7 * octaves + STEPS[rest]
    return (steps, semitones) if semitones >= 0 else (-steps, semitones)


def interval_name(interval: Interval) -> str:
    """Return the directed name: (3, 5) is "P4", (-1, -1) is "m-2", (0, -1) is "A-1"."""
    steps, semitones = interval
    down = steps < 0 or (steps == 0 and semitones < 0)
    size, width = (-steps, -semitones) if down else (steps, semitones)
    octaves, step = divmod(size, 7)
    excess = width - 12 * octaves - NATURAL[step]
    if excess > 0:
        quality = "A" * excess
    elif step in PERFECT:
        quality = "d" * -excess or "P"
    else:
        quality = "M" if excess == 0 else "m" if excess == -1 else "d" * (-excess - 1)
    return f"{quality}{'-' * down}{size + 1}"


def parse_interval(name: str) -> Interval:
    """Return the interval of a directed name. Raise ConfigError for any other text."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise ConfigError(f"no interval {name!r}; allowed: P4, m-2, d5 and so on")
    quality, sign, number = match.groups()
    octaves, step = divmod(int(number) - 1, 7)
    if quality in ("P", "M", "m"):
        excess = -(quality == "m")
    else:
        excess = len(quality) if quality[0] == "A" else -len(quality) - (step not in PERFECT)
    width = 12 * octaves + NATURAL[step] + excess
    way = -1 if sign else 1
    return way * (int(number) - 1), way * width


@cache
def bracket(interval: Interval) -> str:
    """Return the bracket of an interval: the interval plus and minus a minor third ("<d4,M-2>" for m2)."""
    (steps, semitones), (third_steps, third) = interval, MINOR_THIRD
    upper = interval_name((steps + third_steps, semitones + third))
    return f"<{upper},{interval_name((steps - third_steps, semitones - third))}>"


@cache
def bracket_middle(text: str) -> int:
    """Return the semitones from the previous note to the middle of a bracket. Raise ConfigError for any other text."""
    upper, comma, lower = text.removeprefix("<").removesuffix(">").partition(",")
    if not comma or len(text) != len(upper) + len(lower) + 3:
        raise ConfigError(f"no bracket {text!r}; allowed: <upper,lower>, such as <d4,M-2>")
    middle = parse_interval(upper)[1] - MINOR_THIRD[1]
    if parse_interval(lower)[1] != middle - MINOR_THIRD[1]:
        raise ConfigError(f"no bracket {text!r}: its ends are not a minor third from a middle")
    return middle

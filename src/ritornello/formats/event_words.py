"""MIDI events as words: the tokens of two of the reproduced systems, and of text files.

A word is a delta in ticks, the status byte and the data bytes, joined by underscores. There are two spellings:

    decimal   120_80_4f_00    delta in decimal, each data byte separate ("system B")
    hex       78_80_4f00      delta as the bytes of its variable-length quantity, data bytes joined ("system A")

Program changes and channel pressure have one data byte: `0_c0_28`. A pause before the end of a track is
`480_ff_2f`. Bytes are two hexadecimal digits.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from ritornello.errors import ConfigError
from ritornello.formats.midi_writer import quantity
from ritornello.formats.smf import END_OF_TRACK, META, quantity_value

Spelling = Literal["decimal", "hex"]

LONGEST_DELTA = 1 << 40
"""Ticks; a longer delta, or all of a file together, would need thousands of events in a MIDI file."""

_DECIMAL = re.compile(r"([0-9]{1,13})_([0-9a-f]{2})_([0-9a-f]{2})(?:_([0-9a-f]{2}))?", re.IGNORECASE)
_HEX = re.compile(r"((?:[0-9a-f]{2}){1,6})_([0-9a-f]{2})_([0-9a-f]{2})([0-9a-f]{2})?", re.IGNORECASE)


class Event(NamedTuple):
    """An event: delta in ticks, status byte, data bytes; `second` is None where there is only one data byte."""

    delta: int
    status: int
    first: int
    second: int | None = None


def has_second(status: int) -> bool:
    """Return whether events with this status have two data bytes: all but program change and channel pressure."""
    return not 0xC0 <= status < 0xE0 and status != META


def spell(event: Event, spelling: Spelling = "decimal") -> str:
    """Return the word of an event."""
    delta, status, first, second = event
    if spelling == "hex":
        return f"{quantity(delta).hex()}_{status:02x}_{first:02x}" + (
            "" if second is None else f"{second:02x}"
        )
    return f"{delta}_{status:02x}_{first:02x}" + ("" if second is None else f"_{second:02x}")


def looks_like_event(word: str) -> bool:
    """Return whether a word has the form of an event, in either spelling."""
    return bool(_DECIMAL.fullmatch(word) or _HEX.fullmatch(word))


def spelling_of(word: str) -> Spelling:
    """Return the spelling of a word; decimal if it could be either."""
    return "hex" if _HEX.fullmatch(word) and not _DECIMAL.fullmatch(word) else "decimal"


def parse_event(word: str, spelling: Spelling = "decimal") -> Event:
    """Return the event of a word; raise ConfigError, with the reason, if it is not a MIDI event."""
    match = (_HEX if spelling == "hex" else _DECIMAL).fullmatch(word)
    if not match:
        example = "78_90_4f64" if spelling == "hex" else "120_90_4f_64"
        raise ConfigError(f"{word[:40]!r} is no event; an example is {example}")
    delta = quantity_value(bytes.fromhex(match[1])) if spelling == "hex" else int(match[1])
    event = Event(delta, int(match[2], 16), int(match[3], 16), int(match[4], 16) if match[4] else None)
    _check(event, word)
    return event


def _check(event: Event, word: str) -> None:
    delta, status, first, second = event
    if delta > LONGEST_DELTA:
        raise ConfigError(f"{word!r}: a delta of {delta} ticks; allowed are at most {LONGEST_DELTA}")
    if (status, first, second) == (META, END_OF_TRACK, None):
        return
    if not 0x80 <= status < 0xF0:
        raise ConfigError(
            f"{word!r}: status {status:02x}; allowed are 80 to ef, and ff_2f at the end of a track"
        )
    if has_second(status) != (second is not None):
        count = "two data bytes" if has_second(status) else "one data byte"
        raise ConfigError(f"{word!r}: status {status:02x} has {count}")
    if max(first, second or 0) > 0x7F:
        raise ConfigError(f"{word!r}: a data byte above 7f")

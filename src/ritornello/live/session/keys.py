"""The player's keys: parsing of channel messages, and the keys, pedals and programs that they set.

A note ends when its key is released, struck again, or silenced with all others. The sustain pedal does not move
the end of a note; it is recorded as a control, as in a MIDI file.
"""

from __future__ import annotations

from typing import NamedTuple

from ritornello.errors import ConfigError
from ritornello.formats import messages
from ritornello.score import CHANNEL_PRESSURE, CONTROL_CHANGE, PITCH_BEND

Key = tuple[int, int]  # channel, pitch


class Message(NamedTuple):
    """A channel message: kind (upper half of the status byte), channel 0-15, data (the second 0 if there is none)."""

    kind: int
    channel: int
    first: int
    second: int

    @property
    def is_press(self) -> bool:
        """Whether a key is pressed."""
        return self.kind == messages.NOTE_ON and self.second > 0

    @property
    def control_value(self) -> int:
        """The value as in a `Score`: 0-127, or -8192 to 8191 for a pitch bend."""
        if self.kind == PITCH_BEND:
            return self.first + 128 * self.second - 8192
        return self.first if self.kind == CHANNEL_PRESSURE else self.second


def parse_message(data: bytes) -> Message:
    """Return the channel message in `data`; ConfigError if it is not one."""
    if not messages.is_channel_message(data):
        shown = bytes(data[:8]).hex(" ").upper() or "nothing"
        raise ConfigError(
            f"MIDI {shown}: no channel message; allowed: a byte 80-EF, then 2 bytes 00-7F (after C0-DF only 1)"
        )
    return Message(data[0] & 0xF0, data[0] & 15, data[1], data[2] if len(data) > 2 else 0)


class Keys:
    """The keys and pedals that are down, and the program of each channel.

    down: the number of the note of each key, set by the caller.
    """

    def __init__(self) -> None:
        self.down: dict[Key, int] = {}
        self.pedals: set[int] = set()
        self.programs: dict[int, int] = {}

    @property
    def are_silent(self) -> bool:
        """Whether no key is down and no pedal holds notes."""
        return not self.down and not self.pedals

    def released(self, message: Message) -> list[int]:
        """Apply a message; return the numbers of the notes that it ends."""
        kind, channel, first, second = message
        if kind in (messages.NOTE_ON, messages.NOTE_OFF):
            number = self.down.pop((channel, first), None)
            return [] if number is None else [number]
        if kind == messages.PROGRAM_CHANGE:
            self.programs[channel] = first
        elif kind == CONTROL_CHANGE:
            if first == messages.SUSTAIN and second >= 64:
                self.pedals.add(channel)
            elif first in (messages.SUSTAIN, messages.RESET, messages.ALL_SOUND_OFF):
                self.pedals.discard(channel)
            if first in (messages.ALL_SOUND_OFF, messages.ALL_NOTES_OFF):
                return [self.down.pop(key) for key in [key for key in self.down if key[0] == channel]]
        return []

"""MIDI messages, in files and on ports: status bytes, their lengths, channels, controllers, the clock.

The status bytes of the controls in a `Score` are in `score`. Source: MIDI 1.0 Detailed Specification (4.2.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from ritornello.score import CHANNEL_PRESSURE, CONTROL_CHANGE, KEY_PRESSURE, PITCH_BEND

NOTE_OFF, NOTE_ON, PROGRAM_CHANGE = 0x80, 0x90, 0xC0

LENGTHS = {NOTE_OFF: 3, NOTE_ON: 3, KEY_PRESSURE: 3, CONTROL_CHANGE: 3, PITCH_BEND: 3}
LENGTHS |= {PROGRAM_CHANGE: 2, CHANNEL_PRESSURE: 2}
"""Bytes of each kind of channel message, by the upper half of its first byte; the lower half is the channel."""

CLOCK, START, CONTINUE, STOP = 0xF8, 0xFA, 0xFB, 0xFC
"""The messages of MIDI clock, one byte each."""

SONG_POSITION = 0xF2
"""The place in the song at which CONTINUE goes on, in sixteenths, in two bytes of 7 bits, the lower one first."""

DRUM_CHANNEL = 9
MELODIC_CHANNELS = [channel for channel in range(16) if channel != DRUM_CHANNEL]

VOLUME, PAN, EXPRESSION, SUSTAIN = 7, 10, 11, 64
BANK_SELECT = (0, 32)
"""The controllers that set the bank of the next program change: its most and its least significant byte."""

ALL_SOUND_OFF, RESET, ALL_NOTES_OFF = 120, 121, 123
ENDS_OF_NOTES = (ALL_SOUND_OFF, *range(ALL_NOTES_OFF, 128))
"""The channel mode messages that end all notes; changes of mode (124-127) do too."""


def bank_kind(bank: int) -> bool | None:
    """Return whether a bank, by its most significant byte, has drums; None if that depends on the channel.

    120 has drums and 121 has none in General MIDI 2; 126 and 127 have drums in XG.
    """
    return {120: True, 121: False, 126: True, 127: True}.get(bank)


def is_channel_message(data: Sequence[int]) -> bool:
    """Return whether `data` is exactly one channel message, with its status byte."""
    return bool(data) and len(data) == LENGTHS.get(data[0] & 0xF0) and max(data[1:]) <= 127

"""Channel messages: what they are, and which notes they end."""

from __future__ import annotations

import pytest

from ritornello.errors import ConfigError
from ritornello.live.session.keys import Keys, Message, parse_message


def test_messages_are_read() -> None:
    assert parse_message(b"\x93\x3c\x50") == Message(0x90, 3, 60, 80)
    assert parse_message(b"\xc9\x05") == Message(0xC0, 9, 5, 0)
    assert parse_message(b"\xe0\x00\x40").control_value == 0
    assert parse_message(b"\xe0\x7f\x7f").control_value == 8191
    assert parse_message(b"\xd0\x22").control_value == 34
    with pytest.raises(ConfigError, match="MIDI F8: no channel message; allowed"):
        parse_message(b"\xf8")


def test_keys_end_their_notes() -> None:
    keys = Keys()
    keys.down = {(0, 60): 1, (0, 62): 2, (1, 60): 3}
    assert keys.released(parse_message(b"\x90\x3c\x00")) == [1]
    assert keys.released(parse_message(b"\x80\x3c\x00")) == []
    assert keys.released(parse_message(b"\xb1\x7b\x00")) == [3]
    assert keys.released(parse_message(b"\xb0\x40\x40")) == []
    assert keys.down == {(0, 62): 2}
    assert keys.pedals == {0}
    assert keys.released(parse_message(b"\xb0\x79\x00")) == []
    assert not keys.pedals
    assert not keys.are_silent
    keys.released(parse_message(b"\xc2\x07"))
    assert keys.programs == {2: 7}

"""`.midi64`: MIDI files as text, in Base64."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from ritornello.errors import FormatError
from ritornello.formats import Format
from ritornello.formats.midi import parse_midi
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.paths import write_bytes
from ritornello.score import Score

MIDI64 = Format("midi64", (".midi64",), __name__, "parse_midi64", "write_midi64")


def parse_midi64(data: bytes, name: str) -> Score:
    try:
        midi = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise FormatError(f"{name}: not Base64: {error}") from error
    return parse_midi(midi, name)


def write_midi64(score: Score, path: Path) -> tuple[str, ...]:
    write_bytes(path, base64.b64encode(midi_to_bytes(score)))
    return ()

"""Things for tests, made by code: scores, MIDI bytes from commented hexdumps, files.

Nothing here is random; only `shared_archive` reads from disk.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from ritornello.formats.midi_writer import quantity
from ritornello.score import Track, make_notes
from ritornello.testing.samples import TICKS, make_song

__all__ = [
    "END_OF_TRACK",
    "TICKS",
    "chunk",
    "hexdump",
    "make_melody",
    "make_song",
    "meta",
    "midi_bytes",
    "mtrk",
    "note",
    "shared_archive",
]


def hexdump(text: str) -> bytes:
    """Return the bytes of a hexdump; spaces are free, and a `#` starts a comment up to the end of its line."""
    return bytes.fromhex(" ".join(line.split("#")[0] for line in text.splitlines()))


def chunk(name: str, content: bytes) -> bytes:
    """Return a chunk of a MIDI file: its four letters, its length, its content."""
    return name.encode("ascii") + len(content).to_bytes(4, "big") + content


def mtrk(*events: tuple[int, str | bytes], end: int = 0) -> bytes:
    """Return the content of a track from (tick, hexdump or bytes) in any order, with its end at tick `end` or later."""
    content, at = b"", 0
    for tick, event in sorted(events, key=lambda each: each[0]):
        content += quantity(tick - at) + (hexdump(event) if isinstance(event, str) else event)
        at = tick
    return content + quantity(max(0, end - at)) + bytes((0xFF, 0x2F, 0))


def note(start: int, duration: int, pitch: int, channel: int = 0) -> list[tuple[int, bytes]]:
    """Return the events of a note, for `mtrk`."""
    on, off = bytes((0x90 | channel, pitch, 80)), bytes((0x80 | channel, pitch, 64))
    return [(start, on), (start + duration, off)]


def meta(tick: int, kind: int, content: str | bytes) -> tuple[int, bytes]:
    """Return a meta event, its text in Latin-1, for `mtrk`."""
    data = content.encode("latin-1") if isinstance(content, str) else content
    return tick, bytes((0xFF, kind)) + quantity(len(data)) + data


END_OF_TRACK = bytes.fromhex("00FF2F00")


def midi_bytes(
    *tracks: str | bytes, format: int = 1, division: int = TICKS, count: int | None = None
) -> bytes:
    """Return a MIDI file of `tracks`, each a hexdump or bytes; end-of-track is added where it is missing.

    count: the number of tracks that the header claims, if it should not be the true one.
    """
    contents = [hexdump(track) if isinstance(track, str) else track for track in tracks]
    whole = [c if c.endswith(END_OF_TRACK[1:]) else c + END_OF_TRACK for c in contents]
    claimed = len(tracks) if count is None else count
    header = b"".join(value.to_bytes(2, "big") for value in (format, claimed, division))
    return chunk("MThd", header) + b"".join(chunk("MTrk", content) for content in whole)


def make_melody(pitches: tuple[int, ...] = (60, 62, 64, 65, 67, 65, 64, 62), **track: object) -> Track:
    """Return a track of quarter notes, one after another; `track` gives further fields of `Track`."""
    rows = [(TICKS * i, TICKS, pitch, 80) for i, pitch in enumerate(pitches)]
    return Track(make_notes(rows), **track)  # type: ignore[arg-type]


SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_archive(name: str) -> ZipFile:
    """Return the data archive `name` beside the checkout; skip the test where it is missing."""
    path = SHARED / "data" / f"{name}.zip"
    if not path.exists():
        pytest.skip(f"no {path}")
    return ZipFile(path)

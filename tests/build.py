"""Things for tests, made by code: scores, MIDI bytes from commented hexdumps, files.

Nothing here is random; only `shared_archive` reads from disk.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from ritornello.score import Track, make_notes
from ritornello.testing.samples import TICKS, make_song

__all__ = [
    "END_OF_TRACK",
    "TICKS",
    "chunk",
    "hexdump",
    "make_melody",
    "make_song",
    "midi_bytes",
    "shared_archive",
]


def hexdump(text: str) -> bytes:
    """Return the bytes of a hexdump; spaces are free, and a `#` starts a comment up to the end of its line."""
    return bytes.fromhex(" ".join(line.split("#")[0] for line in text.splitlines()))


def chunk(name: str, content: bytes) -> bytes:
    """Return a chunk of a MIDI file: its four letters, its length, its content."""
    return name.encode("ascii") + len(content).to_bytes(4, "big") + content


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

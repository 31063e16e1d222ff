"""Things for tests, made by code: scores, MIDI bytes from commented hexdumps, files.

Nothing here is random; only `shared_archive` reads from disk.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from ritornello.score import CONTROL_CHANGE, Key, Meter, Score, Tempo, Text, Track, make_controls, make_notes

TICKS = 480


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


def make_song(bars: int = 4) -> Score:
    """Return a small song of `bars` (at least 2) bars: flute with words, piano chords, bass, drums.

    It has a tempo and a meter change (4/4, the last bar 3/4), a triplet, a pedal, a marker, a key and a title.
    """
    starts = [bar * 4 * TICKS for bar in range(bars)]
    third = TICKS // 3
    melody = [(start + TICKS * i, TICKS - 10, 72 + i, 90) for start in starts for i in range(3)]
    melody += [(starts[0] + 3 * TICKS + third * i, third, 77 - i, 70 + i) for i in range(3)]
    chords = [(start, 3 * TICKS, pitch, 64) for start in starts for pitch in (60, 64, 67)]
    bass = [(start + 2 * TICKS * i, TICKS, 36 + 7 * i, 80) for start in starts for i in range(2)]
    kit = [(start + TICKS * i, 60, 38 if i % 2 else 36, 100) for start in starts for i in range(3)]
    hats = [(start + TICKS // 2 * i, 0, 42, 50) for start in starts for i in range(6)]
    words = tuple(Text(TICKS * i, "lyric", word) for i, word in enumerate(("Dó", "re", "mi")))
    pedal = make_controls([(0, CONTROL_CHANGE, 64, 127), (3 * TICKS, CONTROL_CHANGE, 64, 0)])
    return Score(
        TICKS,
        tracks=(
            Track(make_notes(melody), program=73, name="Flute", texts=words),
            Track(make_notes(chords), program=0, name="Piano", controls=pedal),
            Track(make_notes(bass), program=32, name="Bass"),
            Track(make_notes(kit + hats), program=0, is_drum=True, name="Drums"),
        ),
        tempos=(Tempo(0, 500_000), Tempo(starts[1], 400_000)),
        meters=(Meter(0, 4, 4), Meter(starts[-1], 3, 4)),
        keys=(Key(0, 0),),
        texts=(Text(0, "copyright", "made for tests"), Text(starts[1], "marker", "B")),
        title="A small song",
    )


SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_archive(name: str) -> ZipFile:
    """Return the data archive `name` beside the checkout; skip the test where it is missing."""
    path = SHARED / "data" / f"{name}.zip"
    if not path.exists():
        pytest.skip(f"no {path}")
    return ZipFile(path)

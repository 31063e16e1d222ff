"""SoundFont files: their presets, and the preset and pitches that play a track, so that no instrument is silent.

The shipped SoundFont has eleven presets; every other General MIDI program is played by the nearest of them
(`SUBSTITUTES`). A program that a SoundFont has is never replaced.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import FileError, FormatError
from ritornello.paths import describe
from ritornello.score import Track

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "soundfont" / "fluidr3mono-11-presets.sf3"

DRUM_BANK = 128

PIANO, RHODES, HARPSICHORD, VIBRAPHONE, ORGAN = 0, 4, 6, 11, 19
GUITAR, BASS, STRINGS, CHOIR, FLUTE = 24, 32, 48, 52, 73

_SUBSTITUTE_RUNS = (
    (0, 3, PIANO), (4, 5, RHODES), (6, 7, HARPSICHORD),
    (8, 14, VIBRAPHONE), (15, 15, HARPSICHORD),  # dulcimer: plucked steel
    (16, 23, ORGAN),  # also accordion and harmonica: reeds blown steadily
    (24, 31, GUITAR), (32, 39, BASS),
    (40, 44, STRINGS), (45, 46, GUITAR), (47, 47, BASS),  # pizzicato and harp are plucked, timpani low and short
    (48, 51, STRINGS), (52, 54, CHOIR), (55, 55, STRINGS),
    (56, 63, STRINGS),  # brass: sustained, and it reaches down to the tuba, where a flute does not
    (64, 64, FLUTE), (65, 67, STRINGS), (68, 69, FLUTE), (70, 70, STRINGS), (71, 79, FLUTE),
    (80, 80, FLUTE), (81, 81, STRINGS), (82, 83, FLUTE), (84, 84, GUITAR), (85, 85, CHOIR), (86, 86, STRINGS),
    (87, 87, BASS),
    (88, 90, STRINGS), (91, 91, CHOIR), (92, 93, STRINGS), (94, 94, CHOIR), (95, 95, STRINGS),
    (96, 96, VIBRAPHONE), (97, 97, STRINGS), (98, 98, VIBRAPHONE), (99, 99, GUITAR), (100, 100, RHODES),
    (101, 101, CHOIR), (102, 103, STRINGS),
    (104, 107, GUITAR), (108, 108, VIBRAPHONE), (109, 109, ORGAN), (110, 110, STRINGS), (111, 111, FLUTE),
    (112, 115, VIBRAPHONE), (116, 118, BASS), (119, 122, STRINGS), (123, 123, FLUTE), (124, 124, VIBRAPHONE),
    (125, 127, STRINGS),
)  # fmt: skip

SUBSTITUTES = {
    program: preset for first, last, preset in _SUBSTITUTE_RUNS for program in range(first, last + 1)
}
"""The shipped preset nearest to each General MIDI program."""

_HIGHEST = {PIANO: 108, RHODES: 108, VIBRAPHONE: 108, ORGAN: 96, STRINGS: 100, CHOIR: 96}
"""The highest pitch with sound in the shipped presets (measured); notes above it are played octaves lower."""

_TABLES = ("phdr", "pbag", "pmod", "pgen", "inst", "ibag", "imod", "igen", "shdr")

_DRUM_SUBSTITUTES = {
    **dict.fromkeys(range(22), 36),
    **{22: 42, 23: 42, 24: 38, 25: 38, 26: 46},
    **dict.fromkeys(range(88, 128), 54),
}
"""For drums outside the kit, the nearest in it, by their use in Roland kits: hi-hat edges (22, 26), rolls and rims."""


@dataclass(frozen=True)
class SoundFont:
    """A SoundFont file (sf2 or sf3) and its presets as (bank, program)."""

    path: Path
    presets: frozenset[tuple[int, int]]

    def preset(self, track: Track) -> tuple[int, int]:
        """Return the (bank, program) that plays `track`: its own, or the nearest available."""
        bank = DRUM_BANK if track.is_drum else 0
        programs = sorted(program for at, program in self.presets if at == bank)
        if not programs:
            return min(self.presets)
        return bank, _nearest(track.program, programs, track.is_drum)

    def pitches(self, track: Track) -> NDArray[np.int64]:
        """Return the pitches of the notes of `track`, with those that the shipped presets lack replaced."""
        pitches = track.notes["pitch"].astype(np.int64)
        if self.path != SHIPPED:
            return pitches
        if track.is_drum:
            substitutes = [_DRUM_SUBSTITUTES.get(pitch, pitch) for pitch in pitches.tolist()]
            return np.array(substitutes, dtype=np.int64)
        highest = _HIGHEST.get(self.preset(track)[1], 127)
        octaves = np.maximum(0, -((highest - pitches) // 12))
        return np.asarray(pitches - 12 * octaves)


def _nearest(program: int, programs: list[int], is_drum: bool) -> int:
    """Return `program` if available, else its substitute, else one of its family of eight, else the nearest number."""
    if program in programs:
        return program
    if not is_drum and SUBSTITUTES[program] in programs:
        return SUBSTITUTES[program]
    return min(programs, key=lambda other: (other // 8 != program // 8, abs(other - program)))


def read_soundfont(path: Path | str | None = None) -> SoundFont:
    """Return the SoundFont at `path` (default: the shipped one); raise FormatError if it is not one."""
    path = SHIPPED if path is None else Path(path).resolve()
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            tables = find_tables(data) if data[:4] == b"RIFF" and data[8:12] == b"sfbk" else {}
            at, size = tables.get(
                "phdr", (0, 0)
            )  # headers of 38 bytes, the last a terminator (SoundFont 2.04, 7.2)
            heads = [struct.unpack_from("<HH", data, at + 20 + row * 38) for row in range(size // 38 - 1)]
    except OSError as error:
        raise FileError(f"{path}: {describe(error)}") from error
    except ValueError as error:  # mmap raises it for an empty file
        raise FileError(f"{path}: the file is empty") from error
    if not heads:
        raise FormatError(f"{path}: not a SoundFont (sf2 or sf3), or one without presets")
    return SoundFont(path, frozenset((bank, program) for program, bank in heads))


def find_tables(data: mmap.mmap) -> dict[str, tuple[int, int]]:
    """Return the offset and size of each table of presets, instruments and samples; empty if one is missing."""
    # Found by a search, not by walking the chunks: some sf3 files lack the pad byte after the samples.
    at = data.rfind(b"pdtaphdr") + 4
    found: dict[str, tuple[int, int]] = {}
    while at >= 4 and at + 8 <= len(data) and len(found) < len(_TABLES):
        name, size = struct.unpack_from("<4sI", data, at)
        found[name.decode("latin-1")] = (at + 8, size)
        at += 8 + size
    return found if tuple(found) == _TABLES and at <= len(data) else {}

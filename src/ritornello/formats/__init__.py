"""Files <-> `Score`: one module a format, and the table `FORMATS` by which `read` and `write` choose.

MIDI is read and written here (`midi`, `midi_writer`, `smf`); MusicXML goes through music21 (`musicxml`); text files
hold event words or prose (`text`, `event_text`).
A file that begins like a MIDI file is read as one, whatever its suffix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from ritornello.errors import FormatError
from ritornello.paths import read_bytes
from ritornello.registry import Registry
from ritornello.score import Score


@dataclass(frozen=True)
class Format:
    """A file format: its name, its suffixes, and the module with its `reader` and `writer`, imported on use."""

    name: str
    suffixes: tuple[str, ...]
    module: str
    reader: str
    writer: str

    def read(self, path: Path) -> Score:
        """Return the score in `path`; raise FileError if it cannot be read."""
        function: Callable[[Path], Score] = getattr(import_module(self.module), self.reader)
        return function(path)

    def write(self, score: Score, path: Path) -> tuple[str, ...]:
        """Write `score` to `path`, as a whole or not at all; return what had to be left out, in words."""
        function: Callable[[Score, Path], tuple[str, ...]] = getattr(import_module(self.module), self.writer)
        return function(score, path)


MIDI = Format(
    "midi", (".mid", ".midi", ".smf", ".kar", ".rmi"), f"{__name__}.midi", "read_midi", "write_midi"
)
MUSICXML = Format(
    "musicxml", (".musicxml", ".mxl", ".xml"), f"{__name__}.musicxml", "read_musicxml", "write_musicxml"
)
TEXT = Format("text", (".txt",), f"{__name__}.text", "read_text", "write_text_file")


def _accept(suffix: str, value: Any) -> Format:
    """Return a package's format for a suffix."""
    if not isinstance(value, Format) or suffix not in value.suffixes:
        raise TypeError(f"{value!r} is not a Format with this suffix")
    return value


FORMATS = Registry[Format](
    "format",
    group="ritornello.formats",
    rows={suffix: format for format in (MIDI, MUSICXML, TEXT) for suffix in format.suffixes},
    accept=_accept,
)
"""Every format by suffix, in lower case and with its dot."""


def read(path: Path | str) -> Score:
    """Return the score in the file `path`; raise FileError or FormatError, naming the file, if it cannot be read."""
    path = Path(path)
    return (MIDI if begins_as_midi(path) else format_of(path)).read(path)


def write(score: Score, path: Path | str) -> tuple[str, ...]:
    """Write `score` in the format that the suffix of `path` names, as a whole or not at all.

    Return what had to be left out, in words. What the format cannot say at all is a ConfigError.
    """
    path = Path(path)
    return format_of(path).write(score, path)


def format_of(path: Path) -> Format:
    """Return the format that the suffix of `path` names; raise FormatError if it names none."""
    suffix = path.suffix.lower()
    if suffix in FORMATS:
        return FORMATS[suffix]
    near = get_close_matches(suffix, FORMATS, n=1, cutoff=0.5)
    candidate = f", nearest is {near[0]!r}" if near else ""
    raise FormatError(f"{path}: unknown suffix {suffix!r}{candidate}; allowed are {', '.join(FORMATS)}")


def begins_as_midi(path: Path) -> bool:
    """Return whether a file is MIDI by its suffix or its first bytes; raise FileError if it cannot be read."""
    if path.suffix.lower() in MIDI.suffixes:
        return True
    head = read_bytes(path)[:12]  # and a clear error if there is nothing to read
    return head.startswith((b"MThd", b"SMF2CLIP")) or (head.startswith(b"RIFF") and head[8:12] == b"RMID")

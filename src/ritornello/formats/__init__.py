"""Files <-> `Score`: one module for each format, and the registry `FORMATS` from which `read` and `write` choose.

MIDI is read and written here (`midi`, `midi_writer`, `smf`); MusicXML is read by `musicxml` and written by
`musicxml_writer`; text files contain event words or prose (`text`, `event_text`); recordings are read by `audio`. A
file that begins as MIDI is read as MIDI, whatever its suffix. The modules read bytes and write to a path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from ritornello.errors import ConfigError, FileError, FormatError
from ritornello.paths import Source, is_path, name_of, path_like, read_bytes
from ritornello.registry import Registry
from ritornello.score import Score

MOST_BYTES = 256 << 20
"""No larger file is read, whatever its format."""


Progress = Callable[[int, int], None]
"""Called with the seconds of a recording that are done, and with all of them."""


@dataclass(frozen=True)
class Format:
    """A file format: its name, its suffixes, and the module with its `reader` and `writer`, imported on use; a writer
    in another module is "module:function", and a format that is only read has none.

    The reader is called with the content and a name for error messages, the writer with a score and a path. If the
    format `has_repeats`, the reader also takes `repeats`: whether they are played out; if it `takes_long`, `progress`.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    reader: str
    writer: str = ""
    most_bytes: int = 64 << 20  # at most MOST_BYTES
    has_repeats: bool = False
    takes_long: bool = False

    def read(self, data: bytes, name: str, repeats: bool = True, progress: Progress | None = None) -> Score:
        """Return the score of the bytes of a file; raise FormatError, with `name` for the file, if there is none."""
        function: Callable[..., Score] = getattr(import_module(self.module), self.reader)
        options = {"repeats": repeats} if self.has_repeats else {}
        return function(data, name, **options, **({"progress": progress} if self.takes_long else {}))

    def write(self, score: Score, path: Path) -> tuple[str, ...]:
        """Write `score` to `path`, as a whole or not at all; return descriptions of what was left out."""
        module, _, name = self.writer.rpartition(":")
        function: Callable[[Score, Path], tuple[str, ...]] = getattr(
            import_module(module or self.module), name
        )
        return function(score, path)


_MARKED_XML = (b"\xef\xbb\xbf<", b"\xff\xfe<\0", b"\xfe\xff\0<")
"""How XML begins after a byte order mark: UTF-8, UTF-16 in both orders."""

MIDI = Format(
    "midi",
    (".mid", ".midi", ".smf", ".kar", ".rmi"),
    f"{__name__}.midi",
    "parse_midi",
    f"{__name__}.midi_writer:write_midi",
)
MUSICXML = Format(
    "musicxml",
    (".musicxml", ".mxl", ".xml"),
    f"{__name__}.musicxml",
    "parse_musicxml",
    "write_musicxml",
    has_repeats=True,
)
AUDIO = Format(
    "audio",
    (".wav", ".flac", ".ogg", ".mp3"),
    f"{__name__}.audio",
    "parse_audio",
    most_bytes=MOST_BYTES,
    takes_long=True,
)
TEXT = Format("text", (".txt",), f"{__name__}.text", "parse_text", "write_text_file", MOST_BYTES)


def _accept(suffix: str, value: Any) -> Format:
    """Return the format that a package registers for a suffix; raise TypeError if it is not one."""
    if not isinstance(value, Format) or suffix not in value.suffixes:
        raise TypeError(f"{value!r} is not a Format with this suffix")
    return value


FORMATS = Registry[Format](
    "format",
    group="ritornello.formats",
    rows={suffix: format for format in (MIDI, MUSICXML, TEXT, AUDIO) for suffix in format.suffixes},
    accept=_accept,
)
"""Every format by suffix, in lower case and with its dot."""


def read(
    source: Source, format: str | None = None, *, repeats: bool = True, progress: Progress | None = None
) -> Score:
    """Return the score in `source`: a path, bytes, or a binary file object.

    `format` is a suffix such as "musicxml"; by default that of the name; without one, MIDI and MusicXML are detected
    by their first bytes. `repeats` says whether the repeats and jumps of notation (MusicXML) are played out;
    `progress` is told how far a recording has been transcribed. Raise FileError or FormatError, with the name of the
    file, if it cannot be read.
    """
    name = name_of(source)
    data = read_bytes(source, limit=MOST_BYTES)
    if format is not None:
        kind = format_of(path_like(name, format))
    elif _begins_as_midi(data):
        kind = MIDI
    elif is_path(source) or Path(name).suffix.lower() in FORMATS:
        kind = format_of(Path(name))
    elif data.startswith((b"PK", b"<", *_MARKED_XML)):
        kind = MUSICXML
    else:
        raise FormatError(
            f'{name}: begins neither as MIDI nor as MusicXML; give its format, such as format="txt"'
        )
    if len(data) > kind.most_bytes:
        raise FileError(f"{name}: {len(data)} bytes, allowed are {kind.most_bytes}")
    return kind.read(data, name, repeats, progress)


def as_score(music: Score | Source) -> Score:
    """Return `music` if it is a score, else the score read from it (see `read`)."""
    return music if isinstance(music, Score) else read(music)


def write(score: Score, path: Path | str) -> tuple[str, ...]:
    """Write `score` in the format that the suffix of `path` names, as a whole or not at all.

    Return descriptions of what was left out. Raise ConfigError for values that the format cannot represent, and for
    prose in a format of music.
    """
    from ritornello.formats.text import is_prose

    path = Path(path)
    kind = format_of(path)
    if not kind.writer:
        raise ConfigError(f"{path}: {kind.name} is only read as a score, not written as one")
    if kind in (MIDI, MUSICXML) and is_prose(score):
        raise ConfigError(f"{path}: it is prose, with no music to write; write {' or '.join(TEXT.suffixes)}")
    return kind.write(score, path)


def format_of(path: Path) -> Format:
    """Return the format of the suffix of `path`; raise FormatError if it is unknown."""
    suffix = path.suffix.lower()
    if suffix in FORMATS:
        return FORMATS[suffix]
    near = get_close_matches(suffix, FORMATS, n=1, cutoff=0.5)
    candidate = f", nearest is {near[0]!r}" if near else ""
    raise FormatError(f"{path}: unknown suffix {suffix!r}{candidate}; allowed are {', '.join(FORMATS)}")


def begins_as_midi(path: Path) -> bool:
    """Return whether a file is MIDI by its suffix or its first bytes; raise FileError if it cannot be read."""
    return path.suffix.lower() in MIDI.suffixes or _begins_as_midi(read_bytes(path))


def _begins_as_midi(data: bytes) -> bool:
    return data.startswith((b"MThd", b"SMF2CLIP")) or (data.startswith(b"RIFF") and data[8:12] == b"RMID")

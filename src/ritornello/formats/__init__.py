"""Files <-> `Score`: one module for each format, and the registry `FORMATS` from which `read` and `write` choose.

MIDI is read and written here (`midi`, `midi_writer`, `smf`); MusicXML is read by `musicxml` and written by
`musicxml_writer`; text files contain event words or prose (`text`, `event_text`). ABC (`abc`), MEI (`mei`), Humdrum
(`humdrum`), the chord charts of iReal Pro (`ireal`) and recordings (`audio`) are read only. A file that begins as MIDI
is read as MIDI, whatever its suffix. The modules read bytes and write to a path.

A book is a file of several pieces; "tunes.abc#3" is the third one of its pieces, wherever a path is.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from ritornello.errors import ConfigError, FileError, FormatError, counted
from ritornello.paths import Source, describe, is_path, name_of, path_like, read_bytes
from ritornello.registry import Registry
from ritornello.score import Score

MOST_BYTES = 256 << 20
"""No larger file is read, whatever its format."""
MOST_PIECES = 100_000
"""No file has more pieces."""

_NUMBERED = re.compile(r"(.+\.\w+)#(\d{1,6})")


Progress = Callable[[int, int], None]
"""Called with the seconds of a recording that are done, and with all of them."""


@dataclass(frozen=True)
class Format:
    """A file format: its name, its suffixes, and the module with its `reader` and `writer`, imported on use; a writer
    in another module is "module:function"; without one the format is only read.

    The reader is called with the content and a name for error messages, the writer with a score and a path. If the
    format `has_repeats`, the reader also takes `repeats`: whether they are played out; if it `takes_long`, `progress`.
    If its files may be books, the `splitter` returns the pieces in a content: a sequence of the spans that, joined, are
    the content for the reader.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    reader: str
    writer: str = ""
    most_bytes: int = 64 << 20  # at most MOST_BYTES
    has_repeats: bool = False
    takes_long: bool = False
    splitter: str = ""

    def read(self, data: bytes, name: str, repeats: bool = True, progress: Progress | None = None) -> Score:
        """Return the score of the bytes of a file; raise FormatError, with `name` for the file, if there is none."""
        if len(data) > self.most_bytes:
            raise FileError(f"{name}: {len(data)} bytes, allowed are {self.most_bytes}")
        function: Callable[..., Score] = getattr(import_module(self.module), self.reader)
        options = {"repeats": repeats} if self.has_repeats else {}
        return function(data, name, **options, **({"progress": progress} if self.takes_long else {}))

    def split(self, data: bytes, name: str) -> Sequence[Sequence[bytes]]:
        """Return the pieces of a content, each as spans to be joined; FileError, with `name`, for too many bytes."""
        if len(data) > self.most_bytes:
            raise FileError(f"{name}: {len(data)} bytes, allowed are {self.most_bytes}")
        if not self.splitter:
            return [(data,)]
        found: Sequence[Sequence[bytes]] = getattr(import_module(self.module), self.splitter)(data)
        if len(found) > MOST_PIECES:
            raise FormatError(f"{name}: {len(found):,} pieces, allowed are {MOST_PIECES:,}")
        return found

    def write(self, score: Score, path: Path) -> tuple[str, ...]:
        """Write `score` to `path`, as a whole or not at all; return descriptions of what was left out."""
        if not self.writer:
            raise FormatError(
                f"{path}: {self.name} is only read; written are {', '.join(written_suffixes())}"
            )
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
ABC = Format("ABC", (".abc",), f"{__name__}.abc", "parse_abc", has_repeats=True, splitter="split_abc")
MEI = Format("MEI", (".mei",), f"{__name__}.mei", "parse_mei", has_repeats=True)
HUMDRUM = Format(
    "Humdrum", (".krn", ".kern"), f"{__name__}.humdrum", "parse_humdrum", most_bytes=8 << 20, has_repeats=True
)
IREAL = Format(
    "iReal Pro",
    (".irealb", ".irealbook", ".html", ".htm"),
    f"{__name__}.ireal",
    "parse_ireal",
    most_bytes=16 << 20,
    has_repeats=True,
    splitter="split_ireal",
)


_PROGRAMS = {
    ".mscz": "MuseScore",
    ".mscx": "MuseScore",
    ".sib": "Sibelius",
    ".musx": "Finale",
    ".dorico": "Dorico",
}
"""Programs whose own files nobody describes; all of them export MusicXML."""


def _accept(suffix: str, value: Any) -> Format:
    """Return the format that a package registers for a suffix; raise TypeError if it is not one."""
    if not isinstance(value, Format) or suffix not in value.suffixes:
        raise TypeError(f"{value!r} is not a Format with this suffix")
    return value


FORMATS = Registry[Format](
    "format",
    group="ritornello.formats",
    rows={
        suffix: format
        for format in (MIDI, MUSICXML, TEXT, ABC, MEI, HUMDRUM, IREAL, AUDIO)
        for suffix in format.suffixes
    },
    accept=_accept,
)
"""Every format by suffix, in lower case and with its dot."""


def read(
    source: Source,
    format: str | None = None,
    *,
    repeats: bool = True,
    piece: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Return the score in `source`: a path, bytes, or a binary file object.

    `format` is a suffix such as "musicxml"; by default that of the name; without one, MIDI and MusicXML are detected
    by their first bytes. `repeats` says whether the repeats and jumps of notation are played out. `piece` is the
    number, from 1, of a piece in a book; a path may end with it: "tunes.abc#3". `progress` is told how far a recording
    has been transcribed. Raise FileError or FormatError, with the name of the file, if it cannot be read, and for a
    book of several pieces without a number.
    """
    if piece is None and is_path(source):
        source, piece = _numbered(name_of(source))
    name = name_of(source)
    if piece is not None and is_path(source) and format is None:
        kind, pieces = _book(Path(name))
    else:
        kind, pieces = _pieces_in(source, format)
    if piece is None and len(pieces) > 1:
        raise FormatError(f"{name}: it has {counted(len(pieces), 'piece')}; name one, such as {name}#1")
    if piece is not None and not 1 <= piece <= len(pieces):
        raise FormatError(f"{name}#{piece}: it has {counted(len(pieces), 'piece')}")
    content = b"".join(pieces[(piece or 1) - 1])
    return kind.read(content, name if piece is None else f"{name}#{piece}", repeats, progress)


def piece_paths(path: Path) -> list[Path]:
    """Return the paths of the pieces of a file: "book.abc#1" and so on for a book of several, else `path` itself.

    Raise FileError if it cannot be read.
    """
    if suffix_of(path) not in FORMATS or not FORMATS[suffix_of(path)].splitter or _numbered(str(path))[1]:
        return [path]
    _, pieces = _book(path)
    return [path] if len(pieces) == 1 else [Path(f"{path}#{n}") for n in range(1, len(pieces) + 1)]


def file_of(path: Path) -> Path:
    """Return the file in which a piece is: "book.abc" for "book.abc#3"."""
    return Path(_numbered(str(path))[0])


def suffix_of(path: Path) -> str:
    """Return the suffix of a path in lower case, also of "book.abc#3"."""
    return file_of(path).suffix.lower()


def _numbered(name: str) -> tuple[str, int | None]:
    """Return the file and the number of a piece of a book; no number for the name of a file."""
    match = _NUMBERED.fullmatch(name)
    return (match[1], int(match[2])) if match and not os.path.exists(name) else (name, None)  # noqa: PTH110


def _book(path: Path) -> tuple[Format, Sequence[Sequence[bytes]]]:
    """Return the format and the pieces of a file; raise FileError if it cannot be read."""
    try:
        return _cached_pieces(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise FileError(f"{path}: {describe(error)}") from error


@functools.lru_cache(maxsize=2)
def _cached_pieces(path: Path, changed: int) -> tuple[Format, Sequence[Sequence[bytes]]]:
    """Return the format and the pieces of a book, which is read once for consecutive pieces."""
    return _pieces_in(path, None)


def _pieces_in(source: Source, format: str | None) -> tuple[Format, Sequence[Sequence[bytes]]]:
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
    return kind, kind.split(data, name)


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
    if kind is not TEXT and is_prose(score):
        raise ConfigError(f"{path}: it is prose, with no music to write; write {' or '.join(TEXT.suffixes)}")
    return kind.write(score, path)


def format_of(path: Path) -> Format:
    """Return the format of the suffix of `path`; raise FormatError if it is unknown."""
    suffix = suffix_of(path)
    if suffix in FORMATS:
        return FORMATS[suffix]
    if suffix in _PROGRAMS:
        raise FormatError(
            f"{path}: the format of {_PROGRAMS[suffix]} itself is not read; export MusicXML from it"
        )
    near = get_close_matches(suffix, FORMATS, n=1, cutoff=0.5)
    candidate = f", nearest is {near[0]!r}" if near else ""
    raise FormatError(f"{path}: unknown suffix {suffix!r}{candidate}; allowed are {', '.join(FORMATS)}")


def written_suffixes() -> tuple[str, ...]:
    """Return the suffixes of the formats that are written too."""
    return tuple(suffix for suffix, format in FORMATS.usable().items() if format.writer)


def begins_as_midi(path: Path) -> bool:
    """Return whether a file is MIDI by its suffix or its first bytes; raise FileError if it cannot be read."""
    return path.suffix.lower() in MIDI.suffixes or _begins_as_midi(read_bytes(file_of(path)))


def _begins_as_midi(data: bytes) -> bool:
    return data.startswith((b"MThd", b"SMF2CLIP")) or (data.startswith(b"RIFF") and data[8:12] == b"RMID")

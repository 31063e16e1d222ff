"""The bytes of an ABC file -> its tunes, and a tune -> `Score`.

A tune begins at a line `X:`. Fields and directives at the beginning of a file hold for all its tunes. A tune ends at
an empty line behind its `K:`, or where the next one begins.

Read in order: `split_abc`, `parse_abc`, `_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ritornello.errors import FormatError
from ritornello.formats.abc.tune import TuneReader
from ritornello.score import Score

MAX_TUNE = 1 << 20  # bytes

_TUNE = re.compile(rb"^X:", re.MULTILINE)
_CHARSET = re.compile(rb"^(?:%%|I:\s*)abc-charset\s+([\w.:-]+)", re.MULTILINE)


def split_abc(data: bytes) -> list[tuple[bytes, ...]]:
    """Return the tunes of a file, each as spans to be joined: what holds for all of them, and the tune itself."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    starts = [match.start() for match in _TUNE.finditer(data)]
    if not starts:
        return [(data,)]
    header = re.split(rb"\n[ \t]*\n", data[: starts[0]], maxsplit=1)[0]
    common = b"".join(line + b"\n" for line in header.split(b"\n") if re.match(rb"[A-Za-z]:|%%", line))
    return [(common, data[start:stop]) for start, stop in zip(starts, [*starts[1:], len(data)], strict=True)]


def parse_abc(data: bytes, name: str = "ABC data", *, repeats: bool = True) -> Score:
    """Return the score of a tune.

    repeats: whether repeats, endings and the order of its parts (P:) are played out, or the bars stand as they are
    written. Raise FormatError, with `name` for the file, if it cannot be read.
    """
    if len(data) > MAX_TUNE:
        raise FormatError(f"{name}: a tune of {len(data)} bytes, allowed are {MAX_TUNE}")
    reader = TuneReader(name)
    for number, line in _lines(_decoded(data)):
        reader.read(number, line)
    return reader.score(repeats)


def _decoded(data: bytes) -> str:
    declared = _CHARSET.search(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode(declared[1].decode("ascii") if declared else "cp1252", errors="replace")
    except LookupError:
        return data.decode("latin-1")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a tune, numbered from 1, without comments, up to the empty line at its end."""
    in_body = False
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), start=1):
        if not line.strip():
            if in_body:
                return
            continue
        if not line.startswith("%%"):
            line = re.sub(r"(?<!\\)%.*", "", line).rstrip()
        if line:
            in_body = in_body or line.startswith("K:")
            yield number, line

"""Score -> sound, engraved notation or a piano roll; one way, chosen by the suffix of the file.

A new kind of picture or sound is one file with a `write_x(score, path)`, and a row of `RENDERERS` for each suffix.
The writers are loaded when they are used: some need large libraries.

Read next: `audio`, `notation`, `pianoroll`.
"""

from __future__ import annotations

import difflib
import importlib
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ritornello import formats
from ritornello.errors import FormatError
from ritornello.paths import Target, is_path, name_of, path_like, write_to
from ritornello.score import Score

__all__ = [
    "RENDERERS",
    "Renderer",
    "check_suffixes",
    "render_audio",
    "render_pianoroll",
    "render_score",
    "suffixes",
    "write",
]


class Renderer(NamedTuple):
    """What makes a kind of file: a module of this package and the function in it; and what it is, in words."""

    module: str
    function: str
    what: str

    def load(self) -> Callable[..., Iterable[str] | None]:
        """Return the function `write(score, path, **options)`; it may return what it left out."""
        function: Callable[..., Iterable[str] | None] = getattr(
            importlib.import_module(f"{__name__}.{self.module}"), self.function
        )
        return function


_AUDIO = Renderer("audio", "write_audio", "sound")
_NOTATION = Renderer("notation", "write_notation", "engraved score")

RENDERERS: dict[str, Renderer] = {
    ".wav": _AUDIO,
    ".flac": _AUDIO,
    ".ogg": _AUDIO,
    ".mp3": _AUDIO,
    ".png": Renderer("pianoroll", "write_pianoroll", "piano roll"),
    ".svg": _NOTATION,
    ".pdf": _NOTATION,
}


def suffixes() -> tuple[str, ...]:
    """Return every suffix that `write` knows."""
    return (*formats.FORMATS, *RENDERERS)


def check_suffixes(paths: Iterable[Path | str]) -> None:
    """Raise a FormatError for the first of `paths` that `write` could not write, before any work is done."""
    for path in paths:
        suffix = Path(path).suffix.lower()
        if suffix not in RENDERERS and suffix not in formats.FORMATS:
            raise _unknown(Path(path))


def write(
    score: Score, target: Target, format: str | None = None, soundfont: Path | str | None = None
) -> tuple[str, ...]:
    """Write `score` to a path or a binary file object; return what had to be left out, in words.

    `format` is a suffix such as "mid", "mp3" or "pdf" (see `suffixes`); by default that of the path, or of the name of
    the file object. `soundfont` is for sound only. An unknown suffix is a FormatError that names all that are known.
    """
    path = path_like(target, format)
    check_suffixes([path])
    if is_path(target) and path.suffix == Path(name_of(target)).suffix:
        return _write_file(score, Path(name_of(target)), soundfont)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"score{path.suffix}"
        remarks = _write_file(score, made, soundfont)
        write_to(target, made.read_bytes())
        further = len(list(Path(folder).iterdir())) - 1
    return (*remarks, *([f"{further} further files of pages"] if further else []))


def _write_file(score: Score, path: Path, soundfont: Path | str | None) -> tuple[str, ...]:
    renderer = RENDERERS.get(path.suffix.lower())
    if renderer is None:
        return formats.write(score, path)
    options = {"soundfont": soundfont} if renderer is _AUDIO else {}
    return tuple(renderer.load()(score, path, **options) or ())


def _unknown(path: Path) -> FormatError:
    near = difflib.get_close_matches(path.suffix.lower(), suffixes(), n=1, cutoff=0.5)
    candidate = f", nearest is {near[0]}" if near else ""
    what = f"unknown suffix {path.suffix!r}" if path.suffix else "no suffix"
    return FormatError(f"{path}: {what}{candidate}; known are {', '.join(suffixes())}")


def __getattr__(name: str) -> Any:
    """Load the functions that render in memory when they are asked for."""
    modules = {"render_audio": "audio", "render_pianoroll": "pianoroll", "render_score": "notation"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{modules[name]}"), name)

"""Score -> sound, engraved notation or a piano roll, chosen by the suffix of the file.

A new output type is a module with a function `write_x(score, path)`, and a row of `RENDERERS` for each suffix. The
modules are imported on use: some need large libraries.

Read next: `audio`, `notation`, `pianoroll`.
"""

from __future__ import annotations

import difflib
import importlib
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from ritornello.config import checked
from ritornello.errors import ConfigError, FormatError
from ritornello.paths import Target, check_place, is_path, name_of, path_like, write_to
from ritornello.rendering.sound import SoundConfig, check_sound, is_sound
from ritornello.settings import SoundSettings

if TYPE_CHECKING:
    from ritornello.score import Score

__all__ = [
    "RENDERERS",
    "Renderer",
    "check_suffixes",
    "check_targets",
    "is_played",
    "render_audio",
    "render_pianoroll",
    "render_score",
    "suffixes",
    "write",
]


class Renderer(NamedTuple):
    """The writer of a file type: a module of this package, the function in it, and the name of the result."""

    module: str
    function: str
    what: str

    def load(self) -> Callable[..., Iterable[str] | None]:
        """Return the function `write(score, path, **options)`; it may return descriptions of what it left out."""
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
    """Return every suffix that `write` accepts."""
    from ritornello import formats

    written = (s for s, format in formats.FORMATS.usable().items() if s in RENDERERS or format.writer)
    return tuple(dict.fromkeys((*written, *RENDERERS)))


def is_played(path: Path) -> bool:
    """Return whether a file has a piece as it is played, by its suffix: sound, MIDI, piano roll; else as written."""
    from ritornello.formats import MIDI

    return path.suffix.lower() in (*MIDI.suffixes, ".png") or is_sound(path)


def check_suffixes(paths: Iterable[Path | str]) -> None:
    """Raise FormatError for the first of `paths` whose suffix `write` does not accept."""
    from ritornello.formats import FORMATS

    for path in map(Path, paths):
        suffix = path.suffix.lower()
        if suffix in suffixes():
            continue
        if suffix in FORMATS:
            what = f"{FORMATS[suffix].name} is only read"  # or an error of a package's format
        else:
            near = difflib.get_close_matches(suffix, suffixes(), n=1, cutoff=0.5)
            what = f"unknown suffix {path.suffix!r}" if suffix else "no suffix"
            what += f", nearest is {near[0]}" if near else ""
        raise FormatError(f"{path}: {what}; known are {', '.join(suffixes())}")


def check_targets(paths: Iterable[Path], sound: SoundConfig) -> None:
    """Raise FormatError, FileError or ConfigError for the first of `paths` that `write` could not write."""
    paths = list(paths)
    check_suffixes(paths)
    for path in paths:
        check_place(path)
    check_sound(paths, sound)
    if sound.soundfont is not None:
        from ritornello.rendering.soundfont import read_soundfont

        read_soundfont(sound.soundfont)


def write(
    score: Score, target: Target, format: str | None = None, **sound: Unpack[SoundSettings]
) -> tuple[str, ...]:
    """Write `score` to a path or a binary file object; return descriptions of what was left out.

    `format` is a suffix such as "mid", "mp3" or "pdf" (see `suffixes`); by default that of the path, or of the name of
    the file object. `sound` has the settings of sound files. Raise FormatError, with the known suffixes, for an unknown
    one; ConfigError for a setting that the format has not.
    """
    path, config = path_like(target, format), checked(SoundConfig, sound)
    check_suffixes([path])
    check_sound([path], config)
    if is_path(target) and path.suffix == Path(name_of(target)).suffix:
        return _write_file(score, Path(name_of(target)), config)
    if config.stems:
        raise ConfigError("stems are written as files: give a path that ends with the suffix of the format")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"score{path.suffix}"
        remarks = _write_file(score, made, config)
        write_to(target, made.read_bytes())
        further = len(list(Path(folder).iterdir())) - 1
    return (*remarks, *([f"{further} further files of pages"] if further else []))


def _write_file(score: Score, path: Path, sound: SoundConfig) -> tuple[str, ...]:
    renderer = RENDERERS.get(path.suffix.lower())
    if renderer is None:
        from ritornello import formats

        return formats.write(score, path)
    options = sound.model_dump() if renderer is _AUDIO else {}
    return tuple(renderer.load()(score, path, **options) or ())


def __getattr__(name: str) -> Any:
    """Import the functions that render in memory on first use."""
    modules = {"render_audio": "audio", "render_pianoroll": "pianoroll", "render_score": "notation"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{modules[name]}"), name)

"""A folder that an assistant may use: music is read from it and written into it, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ritornello.errors import ConfigError, FileError, counted
from ritornello.formats import FORMATS, file_of, read, suffix_of
from ritornello.formats.text import is_prose, prose_of
from ritornello.paths import write_bytes
from ritornello.service.music import MOST_NOTES, to_piece

LONGEST_NAME = 500
MOST_BYTES = 16 << 20
"""Of a file that is read."""

MOST_FILES = 1000
"""That are listed, and ten times as many that are looked at."""


class Folder:
    """A folder. Names are relative to it, with slashes."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()
        if not self.path.is_dir():
            raise FileError(f"{path}: no such folder")

    def place(self, name: str) -> Path:
        """Return where a file of this name is or would be. ConfigError for an absolute path, and for one that leads out
        of the folder by itself or by a link."""
        from mcp.shared.path_security import PathEscapeError, safe_join

        shown = repr(name[:80])
        try:
            if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
                raise PathEscapeError
            path = safe_join(self.path, name)
        except (PathEscapeError, OSError, RuntimeError):  # RuntimeError: links in a circle
            raise ConfigError(
                f"file {shown}: not inside the folder of this server; give a path relative to it, such as song.mid"
            ) from None
        if any(part.startswith(".") for part in path.relative_to(self.path).parts):
            raise ConfigError(f"file {shown}: hidden files and folders are left alone")
        return path

    def is_music(self, text: str) -> bool:
        """Return whether a text is the name of a file of music rather than notes."""
        return suffix_of(Path(text)) in FORMATS

    def music(self, name: str) -> Any:
        """Return the music in a file as a request takes it: a piece, or prose. Raises ConfigError or FileError."""
        file = file_of(Path(name))
        path = self.place(str(file))
        piece = str(Path(name))[len(str(file)) :]  # of a book: #3
        if not path.is_file():
            raise FileError(f"{name}: no such file in the folder")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise FileError(f"{name}: {size:,} bytes, allowed are {MOST_BYTES:,}")
        try:
            score = read(f"{path}{piece}")
        except FileError as error:
            raise type(error)(str(error).replace(str(path), str(file))) from error
        if score.note_count > MOST_NOTES:
            raise ConfigError(f"{name}: {counted(score.note_count, 'note')}, allowed are {MOST_NOTES:,}")
        return prose_of(score) if is_prose(score) else to_piece(score)

    def check_new(self, name: str, overwrite: bool) -> None:
        """Raise ConfigError if a file of this name is there and may not be replaced."""
        path = self.place(name)
        if path.is_dir():
            raise ConfigError(f"{name}: is a folder")
        if path.exists() and not overwrite:
            raise ConfigError(
                f"{name}: is there already; choose another name, or set overwrite to replace it"
            )

    def write(self, name: str, data: bytes, overwrite: bool) -> None:
        """Write a file, as a whole or not at all; its folder may be missing, but none above that."""
        self.check_new(name, overwrite)
        try:
            write_bytes(self.place(name), data)
        except FileError as error:
            raise FileError(str(error).replace(f"{self.path}/", "")) from error

    def files(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the files of music by name, with their sizes, and whether there are more than are told."""
        found = list[dict[str, Any]]()
        for seen, path in enumerate(self.path.rglob("*")):
            if len(found) == MOST_FILES or seen == 10 * MOST_FILES:
                return found, True
            name = path.relative_to(self.path).as_posix()
            try:
                if self.is_music(name) and self.place(name).is_file():
                    found.append({"file": name, "bytes": path.stat().st_size})
            except ConfigError:  # hidden, or a link that leads out
                continue
        return sorted(found, key=lambda each: str(each["file"])), False

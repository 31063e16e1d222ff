"""Files in and out, safely: clear errors for what cannot be read, and no half-written file, ever."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ritornello.errors import FileError


def read_bytes(path: Path, limit: int | None = None) -> bytes:
    """Return the content of `path`; raise FileError if it is missing, unreadable, empty or over `limit` bytes."""
    try:
        size = path.stat().st_size
        if limit is not None and size > limit:
            raise FileError(f"{path}: {size} bytes, allowed are {limit}")
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: {describe(error)}") from error
    if not data:
        raise FileError(f"{path}: the file is empty")
    return data


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it to `path` at the end, or remove it if anything fails."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays last: writers of pictures and sound go by it.
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {describe(error)}") from error
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {describe(error)}") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a new folder beside `path`; rename it to `path` at the end, or remove it if anything fails.

    Unless it may be overwritten, `path` must be missing or an empty folder.
    """
    path = Path(path)
    try:
        if not overwrite and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FileError(f"{path}: is there already, and not an empty folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", dir=path.parent))
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {describe(error)}") from error
    try:
        yield beside
        beside.chmod(0o777 & ~_umask())
        if path.exists():  # Windows does not rename onto a folder
            (shutil.rmtree if overwrite else Path.rmdir)(path)
        beside.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {describe(error)}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` as a whole or not at all."""
    with replacing(path) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, as a whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def describe(error: OSError) -> str:
    """Return the cause of an OSError in words, without the path."""
    return (error.strerror or str(error)).lower()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

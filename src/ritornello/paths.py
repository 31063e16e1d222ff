"""Reading and writing files: clear errors, and atomic writes, so that no file is ever half-written.

Public functions read a `Source` (a path, bytes, or a binary file object) and write to a `Target` (a path or a binary
file object).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias

from ritornello.errors import ConfigError, FileError

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
Target: TypeAlias = str | os.PathLike[str] | BinaryIO


_IS_WINDOWS = os.name == "nt"
_ATTEMPTS = 20


def is_path(place: object) -> bool:
    """Return whether a source or target is a path rather than bytes or a file object."""
    return isinstance(place, str | os.PathLike)


def name_of(place: Source | Target) -> str:
    """Return the name of a source or target for error messages: its path, or the name of a file object if any."""
    if isinstance(place, str | os.PathLike):
        return os.fspath(place)
    if isinstance(place, bytes | bytearray | memoryview):
        return "the bytes"
    name = getattr(place, "name", None)
    return name if isinstance(name, str) else "the file object"


def path_like(place: Source | Target, format: str | None) -> Path:
    """Return a path with the format of a source or target as its suffix: `format`, by default its own suffix."""
    return Path(name_of(place)) if format is None else Path(f"{name_of(place)}.{format.removeprefix('.')}")


def read_bytes(source: Source, limit: int | None = None) -> bytes:
    """Return the content of `source`; raise FileError if it is missing, unreadable, empty or over `limit` bytes.

    A file object is read from its position to its end.
    """
    name = name_of(source)
    try:
        if isinstance(source, bytes | bytearray | memoryview):
            data = bytes(source)
        elif isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                data = _read_file(file, limit)
        elif hasattr(source, "read"):
            data = _read_file(source, limit)
        else:
            raise ConfigError(f"{source!r:.80}: allowed are a path, bytes and a binary file object")
    except (OSError, ValueError) as error:  # a ValueError: the file object is closed
        raise FileError(f"{name}: {describe(error)}") from error
    if limit is not None and len(data) > limit:
        raise FileError(f"{name}: more than the {limit} bytes that are allowed")
    if not data:
        raise FileError(f"{name}: the file is empty")
    return data


def _read_file(file: BinaryIO, limit: int | None) -> bytes:
    """Return the rest of a file object; of more than `limit` bytes, at least one more than `limit`."""
    pieces, size = list[bytes](), 0
    while limit is None or size <= limit:
        piece = file.read(-1 if limit is None else limit + 1 - size)
        if isinstance(piece, str):
            raise ConfigError(f"{name_of(file)}: opened as text; open it in binary mode")
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def check_place(path: Path) -> None:
    """Raise FileError unless a file can be put at `path`: its folder is there, or can be made in one that is there."""
    if path.is_dir():
        raise FileError(f"{path}: cannot be written: it is a folder")
    folder = path.parent
    if not folder.exists() and not folder.parent.is_dir():
        raise FileError(
            f"{path}: cannot be written: there is no folder {folder.parent} to make {folder.name} in"
        )
    place = folder if folder.exists() else folder.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise FileError(
            f"{path}: cannot be written: {place} is {'read-only' if place.is_dir() else 'no folder'}"
        )


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` at the end, or remove it on failure.

    durable: whether it is to be on the disk before, so that a power cut leaves the new file or the old one. That takes
    some milliseconds.
    Its folder is made if it is missing, but none above that: a path with a slip is not to make a tree of folders.
    """
    path = Path(path)
    try:
        check_place(path)
        path.parent.mkdir(exist_ok=True)
        # The suffix is kept: writers of images and sound choose the format by it.
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {describe(error)}") from error
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())
        if durable:
            _sync(beside)
        _rename(beside, path)
        if durable:
            _sync(path.parent)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {describe(error)}") from error
    finally:
        beside.unlink(missing_ok=True)


def _rename(beside: Path, path: Path) -> None:
    """Rename a file, over another if there is one.

    On Windows a file that another program has open cannot be replaced, and a scanner opens each for a moment: then it
    is tried again for a second.
    """
    for _ in range(_ATTEMPTS - 1 if _IS_WINDOWS else 0):
        try:
            beside.replace(path)
            return
        except PermissionError:
            time.sleep(1 / _ATTEMPTS)
    beside.replace(path)


@contextmanager
def replacing_folder(path: Path, overwrite: bool = False, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; rename it to `path` at the end, or remove it on failure.

    Without `overwrite`, `path` must be missing or an empty folder. durable: as for `replacing`.
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
        for each in (*beside.rglob("*"), beside) if durable else ():
            _sync(each)
        beside.replace(path)
        if durable:
            _sync(path.parent)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {describe(error)}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def leftovers(folder: Path, of: Path | None = None) -> list[Path]:
    """Return what `replacing` and `replacing_folder` have left in a folder when their process was killed: all temporary
    files and folders, or those that were to become the path `of`."""
    stem, suffix = (r".{1,40}", r"(\..*)?") if of is None else (re.escape(of.stem[:40]), re.escape(of.suffix))
    name = re.compile(rf"\.{stem}\.[a-z0-9_]{{8}}{suffix}")
    return sorted(path for path in folder.iterdir() if name.fullmatch(path.name))


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    So after a power cut a file that was renamed is whole, or the old one.

    Windows cannot do that with folders, and some file systems cannot at all.
    """
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes, durable: bool = False) -> None:
    """Write `data` to `path` as a whole or not at all; `durable` as for `replacing`."""
    with replacing(path, durable) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, as a whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_to(target: Target, data: bytes) -> None:
    """Write `data` to a path, as a whole or not at all, or to a file object."""
    if isinstance(target, str | os.PathLike):
        write_bytes(Path(target), data)
        return
    try:
        target.write(data)
    except TypeError as error:
        raise ConfigError(f"{name_of(target)}: opened as text; open it in binary mode") from error
    except (OSError, ValueError) as error:
        raise FileError(f"{name_of(target)}: cannot be written: {describe(error)}") from error


def describe(error: OSError | ValueError) -> str:
    """Return the cause of an error, in lower case and without the path."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

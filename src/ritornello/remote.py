"""Files and folders at addresses (s3://bucket/songs, gs://, https://, memory://, zip://songs::all.zip), by fsspec.

Everything else here works on files of this machine: corpora are read by memory map, files replaced by renaming. So what
lies elsewhere is copied, into a folder that this process removes when it ends; what a run writes goes the other way.

An address is a text, since a `Path` would join its slashes. What fsspec knows depends on what is installed beside it
(s3fs for s3://, gcsfs for gs://); passwords and keys are found the way those libraries find them.
"""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from ritornello.errors import ConfigError, FileError, MissingExtraError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")

MOST_FILES = 1_000_000


def is_address(place: Path | str) -> bool:
    """Return whether a place is an address, not a path of this machine."""
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def local(place: Path | str) -> Path:
    """Return `place` as a path; what lies at an address is copied here first, as it is at the time of the call.

    Of a folder all files that are not hidden are copied. Raises FileError if it cannot be read, ConfigError for an
    address of an unknown kind, MissingExtraError without the library for it.
    """
    if not is_address(place):
        return Path(place)
    folder = Path(tempfile.mkdtemp(dir=_copies().name))
    return download(str(place), folder)


def download(address: str, folder: Path) -> Path:
    """Copy the file or folder at `address` into `folder`; return where it is then, under its own name."""
    with _refusing(address, "read"):
        system, root = _open(address)
        target = folder / (PurePosixPath(root).name or "files")
        names = {root: target} if system.isfile(root) else _files_below(system, root, target)
        if not names:
            raise FileError(f"{address}: nothing is there")
        for parent in {path.parent for path in names.values()}:
            parent.mkdir(parents=True, exist_ok=True)
        system.get(list(names), [str(path) for path in names.values()])
    return target


def _files_below(system: Any, root: str, target: Path) -> dict[str, Path]:
    """Return the files below `root` that are not hidden, and where each is to be copied to."""
    names = {}
    for name in system.find(root):
        parts = PurePosixPath(name.removeprefix(root).strip("/")).parts
        if not any(part.startswith(".") for part in parts):  # hidden, or the way out of the folder
            names[name] = target.joinpath(*parts)
    if len(names) > MOST_FILES:
        raise FileError(f"{root}: {len(names):,} files; allowed are {MOST_FILES:,}")
    return names


def upload(path: Path, address: str) -> None:
    """Copy the file or folder `path` to `address`; what is there under the same names is replaced."""
    with _refusing(address, "written"):
        system, root = _open(address)
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            name = root if file == path else f"{root}/{file.relative_to(path).as_posix()}"
            system.makedirs(name.rpartition("/")[0], exist_ok=True)
            system.put_file(str(file), name)


@contextmanager
def writing(out: Path | str, resume: bool = False) -> Iterator[Path]:
    """Give the path to write a model to, and its run beside it; at the end, however it comes, both are at `out`.

    With `resume` the run is fetched first. If it cannot be copied, it stays on this machine, and the error says where.
    """
    if not is_address(out):
        yield Path(out)
        return
    address, run = str(out), str(out).removesuffix(".rit") + ".run"
    with _refusing(address, "written"):
        _open(address)  # a kind that is unknown is refused at once, not after hours
    begun = local(run) if resume else None
    folder = Path(tempfile.mkdtemp(prefix="ritornello-"))
    path = folder / PurePosixPath(address).name
    if begun:
        begun.rename(path.with_suffix(".run"))
    try:
        yield path
    finally:
        _take_there({path: address, path.with_suffix(".run"): run})
        shutil.rmtree(folder, ignore_errors=True)


def _take_there(places: dict[Path, str]) -> None:
    """Copy to each address what has been written for it; FileError if one of them does not take it."""
    for path, address in places.items():
        try:
            if path.exists():
                upload(path, address)
        except FileError as error:
            raise FileError(f"{error}; the run is left in {path.parent}") from error


@functools.cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    """The folder of all copies; it goes when the process ends."""
    return tempfile.TemporaryDirectory(prefix="ritornello-")


def _open(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError("fsspec", "remote") from error
    system, root = url_to_fs(address)
    return system, str(root).rstrip("/")


@contextmanager
def _refusing(address: str, done: str) -> Iterator[None]:
    """Turn whatever a file system raises into one of our errors: each has a tree of its own, none in common."""
    try:
        yield
    except (FileError, MissingExtraError):
        raise
    except ImportError as error:  # it says what to install
        raise ConfigError(f"{address}: {error}") from error
    except Exception as error:
        if isinstance(error, ValueError) and "rotocol" in str(error):
            raise ConfigError(f"{address}: {error}; known are such as s3, gs, https, memory, zip") from error
        cause = (
            "no such file or folder" if isinstance(error, FileNotFoundError) else str(error) or repr(error)
        )
        raise FileError(f"{address}: cannot be {done}: {cause}") from error

"""Files and folders at addresses (s3://bucket/songs, gs://, https://, memory://, zip://songs::all.zip), by fsspec.

All other modules work on local files: corpora are read by memory map, files are replaced by renaming. So remote files
are copied into a temporary folder, removed when the process ends; the output of a run is copied to its address.

An address is a `str`, because a `Path` would collapse its slashes. The known protocols depend on the installed
libraries (s3fs for s3://, gcsfs for gs://), which also find the credentials. With huggingface_hub, corpora are read
from hf://datasets/user/songs; models at hf://user/model are fetched by `hub`, which keeps and checks them.
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
    """Return whether a place is an address rather than a local path."""
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def local(place: Path | str) -> Path:
    """Return `place` as a local path; files at an address are copied first, as they are at the time of the call.

    All files of a folder except hidden ones are copied. Raise FileError if it cannot be read, ConfigError for an
    unknown protocol, MissingExtraError without the library for it.
    """
    if not is_address(place):
        return Path(place)
    folder = Path(tempfile.mkdtemp(dir=_copies().name))
    return download(str(place), folder)


def download(address: str, folder: Path) -> Path:
    """Copy the file or folder at `address` into `folder`, under its own name; return the local path."""
    with _refusing(address, "read"):
        system, root = _open(address)
        target = folder / (PurePosixPath(root).name or "files")
        names = {root: target} if system.isfile(root) else {}
        for name in [] if names else system.find(root):
            parts = PurePosixPath(name.removeprefix(root).strip("/")).parts
            if not any(part.startswith(".") for part in parts):  # hidden, or ".." out of the folder
                names[name] = target.joinpath(*parts)
        if len(names) > MOST_FILES:
            raise FileError(f"{root}: {len(names):,} files; allowed are {MOST_FILES:,}")
        if not names:
            raise FileError(f"{address}: nothing is there")
        for parent in {path.parent for path in names.values()}:
            parent.mkdir(parents=True, exist_ok=True)
        system.get(list(names), [str(path) for path in names.values()])
    return target


def upload(path: Path, address: str) -> None:
    """Copy the file or folder `path` to `address`; files of the same names are replaced."""
    with _refusing(address, "written"):
        system, root = _open(address)
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            name = root if file == path else f"{root}/{file.relative_to(path).as_posix()}"
            system.makedirs(name.rpartition("/")[0], exist_ok=True)
            system.put_file(str(file), name)


def exists(address: str) -> bool:
    """Whether there is a file at `address`."""
    with _refusing(address, "read"):
        system, root = _open(address)
        return bool(system.exists(root))


@contextmanager
def writing(out: Path | str, resume: bool = False) -> Iterator[Path]:
    """Yield a local path for a model, with its run beside it; both are copied to `out` at the end, also after an error.

    With `resume` the run is copied here first. If copying to `out` fails, the run is kept; the error has its path.
    """
    if not is_address(out):
        yield Path(out)
        return
    address, run = str(out), str(out).removesuffix(".rit") + ".run"
    with _refusing(address, "written"):
        _open(address)  # an unknown protocol is an error at once, not after hours of training
    begun = local(run) if resume else None
    folder = Path(tempfile.mkdtemp(prefix="ritornello-"))
    path = folder / PurePosixPath(address).name
    if begun:
        begun.rename(path.with_suffix(".run"))
    try:
        yield path
    finally:
        for made, there in ((path, address), (path.with_suffix(".run"), run)):
            try:
                if made.exists():
                    upload(made, there)
            except FileError as error:
                raise FileError(f"{error}; the run is left in {made.parent}") from error
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    """Return the folder of all copies, removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="ritornello-")


def _open(address: str) -> tuple[Any, str]:
    """Return the fsspec file system of an address, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError("fsspec", "remote") from error
    system, root = url_to_fs(address)
    return system, str(root).rstrip("/")


@contextmanager
def _refusing(address: str, done: str) -> Iterator[None]:
    """Turn any error of a file system into one of this library: fsspec file systems have no common base class."""
    try:
        yield
    except (FileError, MissingExtraError):
        raise
    except ImportError as error:  # its message names the library to install
        raise ConfigError(f"{address}: {error}") from error
    except Exception as error:
        if isinstance(error, ValueError) and "rotocol" in str(error):
            raise ConfigError(f"{address}: {error}; known are such as s3, gs, https, memory, zip") from error
        cause = (
            "no such file or folder"
            if isinstance(error, FileNotFoundError)
            else " ".join(str(error).split()) or repr(error)
        )
        raise FileError(f"{address}: cannot be {done}: {cause}") from error

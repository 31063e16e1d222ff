"""The place of a run: one training at a time, and nothing left over of those that were killed.

The lock is one of the operating system, which ends with the process that holds it, however that ends. It is between
processes: in one process a run that is resumed takes the place over.
"""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ritornello.errors import ConfigError, FileError
from ritornello.paths import describe, leftovers, remove

LOCK, OWNER = "lock", "training.txt"


class Place:
    """The folder of a run and its model `out`, held by this process until `leave`, or its end."""

    def __init__(self, out: Path, directory: Path) -> None:
        """Raises ConfigError if another process holds it, with that process."""
        self._directory = directory
        try:
            self._made = not directory.exists()
            directory.mkdir(exist_ok=True)
            self._lock = FileLock(directory / LOCK, timeout=0, is_singleton=True)
            self._lock.acquire()
        except Timeout:
            raise ConfigError(
                f"{out}: is being trained by {self._owner()}; wait for it, or train another model with another name"
            ) from None
        except OSError as error:
            raise FileError(f"{directory}: cannot be written: {describe(error)}") from error
        now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
        (directory / OWNER).write_text(f"process {os.getpid()} on {platform.node()} since {now}", "utf-8")
        for path in (*leftovers(directory), *leftovers(out.parent, out)):
            remove(path)

    def _owner(self) -> str:
        with suppress(OSError, ValueError):
            if text := (self._directory / OWNER).read_text("utf-8"):
                return text
        return "another process"

    def leave(self) -> None:
        """Let others have it; a folder that was made for nothing is removed."""
        self._lock.release()
        if self._made and {path.name for path in self._directory.iterdir()} <= {LOCK, OWNER}:
            remove(self._directory)


@contextmanager
def hold(out: Path, directory: Path) -> Iterator[Place]:
    """Hold the place of a run, also after the context unless that raises."""
    place = Place(out, directory)
    try:
        yield place
    except BaseException:
        place.leave()
        raise

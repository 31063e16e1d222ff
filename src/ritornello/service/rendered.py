"""Rendering in a process of its own, which can be ended at any time, at low priority.

`python -m ritornello.service.rendered` is that process: it reads a pickled piece from its caller, and answers in the
same way.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ritornello.errors import ConfigError, RitornelloError, ServiceError
from ritornello.rendering import is_played, write
from ritornello.rendering.sound import SoundConfig
from ritornello.score import Score

NICENESS = 5

PATIENCE = 0.1
"""Seconds between two questions whether to go on."""

Files = list[tuple[str, bytes]]


def rendered(
    score: Score, played: Score, kind: str, sound: SoundConfig, most_bytes: int, check: Callable[[], None]
) -> tuple[Files, tuple[str, ...]]:
    """Return the files of a piece, by name, and descriptions of what was left out. `check` may raise an error, to end
    it.

    played: `score` as it is played. kind: suffix of the format. Raises ConfigError for more than `most_bytes`, and the
    errors of `write`.
    """
    path = Path(f"piece.{kind}")
    asked = pickle.dumps((played if is_played(path) else score, path, sound, most_bytes))
    with subprocess.Popen(
        [sys.executable, "-m", "ritornello.service.rendered"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            content: bytes | None = asked
            while True:
                try:
                    answer, _ = process.communicate(content, timeout=PATIENCE)
                    break
                except subprocess.TimeoutExpired:
                    content = None
                    check()
        finally:
            process.kill()
    try:
        files, left_out, error = pickle.loads(answer)
    except (pickle.UnpicklingError, EOFError):
        raise ServiceError(f"{kind}: it cannot be made of this piece") from None
    if error is not None:
        raise error
    return files, left_out


def _answer(score: Score, path: Path, sound: SoundConfig, most_bytes: int) -> tuple[Files, tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="ritornello-") as folder:
        asked = {name: getattr(sound, name) for name in sound.model_fields_set}
        left_out = write(score, Path(folder) / path, **asked)
        made = sorted(Path(folder).iterdir())
        if (total := sum(each.stat().st_size for each in made)) > most_bytes:
            raise ConfigError(f"{path.suffix[1:]}: {total:,} bytes, allowed are {most_bytes:,}; ask for mp3")
        return [(each.name, each.read_bytes()) for each in made], left_out


def _main() -> None:
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(NICENESS)
    answer: tuple[Files, tuple[str, ...], RitornelloError | None]
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # whatever a library prints is no part of the answer
        try:
            answer = (*_answer(*pickle.load(sys.stdin.buffer)), None)
        except RitornelloError as error:
            answer = ([], (), error)
        out.write(pickle.dumps(answer))


if __name__ == "__main__":
    _main()

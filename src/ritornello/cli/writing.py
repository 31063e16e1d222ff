"""Writing a score to the files that a command was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ritornello.score import Score


class Written(NamedTuple):
    """The files that were written, stems among them, and descriptions of what was left out."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]


def write_all(
    score: Score, paths: Iterable[Path], sound: dict[str, Any], performance: Score | None = None
) -> Written:
    """Write a piece to each of `paths`, as it is written or played (`is_played`); `sound` has the settings of sound."""
    from ritornello.rendering import is_played, write
    from ritornello.rendering.sound import is_sound

    files, left_out = list[Path](), list[str]()
    for path in paths:
        left_out += write(
            (performance or score) if is_played(path) else score, path, **(sound if is_sound(path) else {})
        )
        files.append(path)
        if sound.get("stems") and is_sound(path):
            from ritornello.rendering.audio import stem_paths

            files += stem_paths(score, path)
    return Written(tuple(files), tuple(dict.fromkeys(left_out)))

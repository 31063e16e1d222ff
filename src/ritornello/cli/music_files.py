"""The music files that a command is given, one by one or in folders, and what of a folder is passed over."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ritornello.score import Score

MOST_NAMES = 5


def read_music(paths: Sequence[Path | str]) -> Iterator[tuple[Path, Score]]:
    """Yield the files of `paths` (files and folders) with their scores.

    A file given by name must be readable. What a folder has besides is told on stderr and passed over. Raises
    CorpusError if no file can be read.
    """
    from ritornello.corpus.scan import find_files
    from ritornello.errors import CorpusError, RitornelloError, counted
    from ritornello.formats import read

    files, given = find_files(paths), {Path(path) for path in paths}
    if line := passed_over(paths):
        print(f"ritornello: {line}", file=sys.stderr)
    count = 0
    for path in files:
        try:
            score = read(path)
        except RitornelloError as error:
            if path in given:
                raise
            print(f"ritornello: passed over: {error}", file=sys.stderr)
            continue
        count += 1
        yield path, score
    if not count:
        raise CorpusError(f"none of {counted(len(files), 'file')} can be read")


def passed_over(paths: Sequence[Path | str], prose: bool = False) -> str:
    """Return a line about the files in folders that are not read, by name or counted by suffix; empty if none."""
    from ritornello.corpus.scan import find_others

    others = find_others(paths, prose)
    if not others:
        return ""
    kinds = Counter(path.suffix.lower() or "without a suffix" for path in others)
    names = (
        [path.name for path in others]
        if len(others) <= MOST_NAMES
        else [f"{count} {kind}" for kind, count in kinds.most_common()]
    )
    return f"not read: {', '.join(names)}"

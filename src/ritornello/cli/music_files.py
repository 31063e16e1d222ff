"""The music files that a command is given, one by one or in folders, and what of a folder is passed over."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ritornello.score import Score

MOST_NAMES = 5


Result = TypeVar("Result")


def for_each(
    paths: Sequence[str], make: Callable[[Path, Score], Result], prose: bool = False
) -> Iterator[Result]:
    """Yield what `make` returns for each music file (or text, with `prose`) of `paths`, files and folders.

    A file given by name must be fit: its error is raised, with its name. What of a folder cannot be read, or is refused
    by `make`, is told on stderr and passed over. Raises CorpusError if nothing is left.
    """
    from ritornello.cli.transcribing import show_transcribing
    from ritornello.corpus.scan import find_files
    from ritornello.errors import ConfigError, CorpusError, FileError, counted
    from ritornello.formats import read

    files, given, made = find_files(paths, prose), set(map(Path, paths)), 0
    if line := passed_over(paths, prose):
        print(f"ritornello: {line}", file=sys.stderr)
    for path in files:
        try:
            with show_transcribing(path) as progress:
                score = read(path, progress=progress)
            result = make(path, score)
        except (ConfigError, FileError) as error:
            message = str(error) if str(path) in str(error) else f"{path}: {error}"
            if path in given:
                raise type(error)(message) from error
            print(f"ritornello: passed over: {message}", file=sys.stderr)
            continue
        made += 1
        yield result
    if not made:
        raise CorpusError(f"none of {counted(len(files), 'file')} is fit")


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

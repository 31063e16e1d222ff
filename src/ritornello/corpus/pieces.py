"""The pieces of a dataset: files, the pieces of a text, and some bars of a file; and their names that do not depend on
paths."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ritornello import formats
from ritornello.corpus.prose import prose_pieces
from ritornello.corpus.scan import FileReport
from ritornello.score import Score

KEY_LENGTH = 10
"""Hexadecimal digits of a digest that tell the pieces of a corpus apart."""


class Piece(NamedTuple):
    """A piece: its file, and its number in a file of several, else None; or some of its bars, [first, last)."""

    path: Path
    part: int | None = None
    bars: tuple[int, int] | None = None

    def __str__(self) -> str:
        name = str(self.path) if self.part is None else f"{self.path}#{self.part + 1}"
        return name if self.bars is None else f"{name}, bars {self.bars[0] + 1}-{self.bars[1]}"

    def read(self) -> Score:
        """Return its score; raise FileError if the file cannot be read."""
        if self.part is not None:
            return _cached_parts(self.path, self.path.stat().st_mtime_ns)[self.part]
        score = formats.read(self.path)
        return score if self.bars is None else score.bars[slice(*self.bars)]


@functools.lru_cache(maxsize=2)
def _cached_parts(path: Path, changed: int) -> tuple[Score, ...]:
    """Return the pieces of a text, which is read once for consecutive pieces."""
    return prose_pieces(formats.read(path))


def pieces_of(report: FileReport) -> list[tuple[str, Piece]]:
    """Return the pieces of a file, each with a name for the split that does not depend on the file's path."""
    if report.pieces == 1:
        return [(report.digest, Piece(report.path))]
    return [(f"{report.digest}:{part}", Piece(report.path, part)) for part in range(report.pieces)]


def key_of(name: str, bars: tuple[int, int] | None = None) -> str:
    """Return the short name of a piece, or of some of its bars, in lists of what is held out."""
    digest, _, part = name.partition(":")
    key = digest[:KEY_LENGTH] + (f":{part}" if part else "")
    return key if bars is None else f"{key}@{bars[0] + 1}-{bars[1]}"


def piece_of_key(key: str, pieces: Mapping[str, Piece]) -> Piece | None:
    """Return the piece or the bars that `key_of` named, given the pieces by their keys; None for an unknown one."""
    name, _, bars = key.partition("@")
    piece = pieces.get(name)
    if piece is None or not bars:
        return piece
    first, last = map(int, bars.split("-"))
    return piece._replace(bars=(first - 1, last))

"""Texts as a dataset: one file gives several pieces, so that part of a single novel can be held out.

A new piece begins at each heading, and at the first paragraph after PIECE_LENGTH characters, or fewer in a short text,
so that there are about FEWEST_PIECES.
"""

from __future__ import annotations

from dataclasses import replace

from ritornello.formats.text import paragraphs
from ritornello.score import Score, Text

PIECE_LENGTH = 2000
FEWEST_PIECES = 10


def prose_pieces(score: Score) -> tuple[Score, ...]:
    """Return the pieces of a text, each a score of prose, in order."""
    whole = sum(map(len, paragraphs(score)))
    length = min(PIECE_LENGTH, max(1, whole // FEWEST_PIECES))
    pieces: list[list[Text]] = [[]]
    for text in score.texts:
        written = sum(len(part.text) for part in pieces[-1])
        if pieces[-1] and (text.kind == "marker" or written >= length):
            pieces.append([])
        if text.kind == "text":
            pieces[-1].append(text)
    return tuple(replace(score, texts=tuple(texts)) for texts in pieces if texts)

"""Prose <-> words. Words stand between spaces; where a script writes none, MeCab's dictionary decides.

Japanese goes through fugashi with unidic-lite (the extra `text`). Words put together again have a space between
them, or a WORD_BREAK where the script writes none, so that the boundaries are not lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import cache
from itertools import pairwise

from ritornello.errors import MissingExtraError
from ritornello.formats.text import UNSPACED, WORD_BREAK

_BREAKS = re.compile(rf"[\s{WORD_BREAK}]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_WIDE = re.compile(f"[{UNSPACED}\u3000-\u303f\uff01-\uff60\u2014\u2015\u2025\u2026]")


def split_words(text: str, known: Collection[str] = ()) -> list[str]:
    """Return the words of a paragraph; a part between spaces that is `known` is not divided further.

    Raises MissingExtraError for Japanese without the libraries of the extra `text`.
    """
    words: list[str] = []
    for part in _BREAKS.split(text):
        if part in known or not _UNSPACED.search(part):
            words += [part] if part else []
        else:
            words += _japanese()(part)
    return words


def join_words(words: Sequence[str]) -> str:
    """Return words as a paragraph, from which `split_words` gets them again if it knows them."""
    result = "".join(words[:1])
    for before, word in pairwise(words):
        unspaced = _WIDE.match(before[-1]) or _WIDE.match(word[0])
        result += (WORD_BREAK if unspaced else " ") + word
    return result


@cache
def _japanese() -> Callable[[str], list[str]]:
    try:
        import fugashi
    except ImportError:
        raise MissingExtraError("fugashi", "text") from None
    try:
        tagger = fugashi.Tagger("-Owakati")
    except RuntimeError:
        raise MissingExtraError("unidic-lite", "text") from None
    return lambda text: tagger.parse(text).split()

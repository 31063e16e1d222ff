"""The grammar of `words`: sentences that end, quotes that close.

A bar of the conditions is a sentence here. It always ends: a sentence has LONGEST_SENTENCE words at most, a piece as
many sentences as planned; then the open quotes are closed, and only the end is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.grammar import GrammarState

START, END, UNKNOWN, PARAGRAPH, FIRST_WORD = range(5)

UNKNOWN_WORD, PARAGRAPH_WORD = "〓", "¶"
"""Their spelling: the first is the Japanese printers' sign for a missing character."""

LONGEST_SENTENCE = 60
"""Words; a model that has not learned to end its sentences would go on for pages."""
DEEPEST_QUOTE = 3

QUOTES = {"「": "」", "『": "』", "（": "）", "〈": "〉", "《": "》", "“": "”", "(": ")", "[": "]"}
SENTENCE_ENDS = tuple("。．！？.!?")
_AFTER_END = "".join(QUOTES.values()) + "\"'’"


class Signs:
    """The words by their punctuation: masks over the ids, and the id that closes each opening quote (`closer`)."""

    def __init__(self, words: Sequence[str]) -> None:
        def mask(values: Iterable[bool]) -> Mask:
            return np.array([False] * FIRST_WORD + list(values), dtype=bool)

        ids = {word: FIRST_WORD + number for number, word in enumerate(words)}
        self.is_word = mask(True for _ in words)
        self.ends = mask(word.rstrip(_AFTER_END).endswith(SENTENCE_ENDS) for word in words)
        self.stops = mask(word in SENTENCE_ENDS for word in words)
        self.closes = mask(word in QUOTES.values() for word in words)
        self.opens = mask(word in QUOTES for word in words)
        self.plain = self.is_word & ~self.closes & ~self.opens
        self.closer = {ids[a]: ids[b] for a, b in QUOTES.items() if a in ids and b in ids}


@dataclass
class WordGrammarState(GrammarState):
    """A `GrammarState`. Its place is the sentence, and the word in it."""

    signs: Signs
    sentence: int = 0
    length: int = 0  # words of the sentence so far
    at_end: bool = False  # of a sentence; closing quotes still belong to it
    open: tuple[int, ...] = ()  # ids that will close the open quotes

    def advance(self, token: int) -> None:
        super().advance(token)
        if token < FIRST_WORD and token != UNKNOWN:
            return
        self.notes += 1
        if self.signs.closes[token]:
            self.length += 1
            if token in self.open:  # the innermost such quote, and all within it
                self.open = self.open[: len(self.open) - 1 - self.open[::-1].index(token)]
            return
        if self.at_end:
            self.sentence, self.length, self.at_end = self.sentence + 1, 0, False
        self.length += 1
        self.at_end = bool(self.signs.ends[token])
        if token in self.signs.closer:
            self.open = (*self.open, self.signs.closer[token])

    @property
    def quarters(self) -> float:
        return float(self.notes)

    @property
    def place(self) -> tuple[int, int]:
        return self.sentence, self.length

    def allow(self, mask: Mask) -> None:
        signs, last = self.signs, self.sentence + 1 >= self.bars
        if self.is_finishing or (last if self.at_end else self.length >= LONGEST_SENTENCE):
            if not self.at_end and self.notes:
                mask |= signs.stops
            if self.open and not mask.any():
                mask[self.open[-1]] = True
            return
        mask |= signs.plain
        if len(self.open) < DEEPEST_QUOTE:
            for opening in signs.closer:  # quotes that can be closed again
                mask[opening] = True
        if self.open:
            mask[self.open[-1]] = True
        elif self.token not in (START, PARAGRAPH):
            mask[PARAGRAPH] = True
            mask[END] = self.at_end and self.is_free

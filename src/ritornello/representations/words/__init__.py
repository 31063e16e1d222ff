"""`words`: prose as its words, the first experiment of system A.

A piece is a part of a text: START, words, PARAGRAPH between paragraphs, END; the ids are the only input column. The
vocabulary is the distinct words of the corpus; a word outside it is UNKNOWN, in a primer the nearest by spelling.

A score of prose has no notes (see `formats.text`); the notes of the protocol are words here, and bars are sentences.

Read in order: `segmentation`, `grammar`, then `Words`.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from ritornello.errors import ConfigError
from ritornello.formats.text import paragraphs
from ritornello.representations.base import PLAIN_SAMPLING, Conditions, Ids
from ritornello.representations.tokenizer import BaseTokenizer
from ritornello.representations.tokens import block, build_tokens
from ritornello.representations.words.grammar import (
    END,
    FIRST_WORD,
    PARAGRAPH,
    PARAGRAPH_WORD,
    START,
    UNKNOWN,
    UNKNOWN_WORD,
    Signs,
    WordGrammarState,
)
from ritornello.representations.words.segmentation import join_words, split_words
from ritornello.score import Score, Text

__all__ = ["Words", "WordsConfig"]

_LIKE_ENOUGH = 0.5
"""Similarity, 0 to 1, from which a known word stands for an unknown one in a primer."""


class WordsOptions(BaseModel, frozen=True, extra="forbid"):
    """The options of `words`."""

    least: int = Field(1, ge=1, description="how often a word must occur; rarer ones are unknown")
    most: int = Field(30_000, ge=1, description="words at most, the most frequent")


class WordsConfig(BaseModel, frozen=True, extra="forbid"):
    """The vocabulary of a `words`."""

    words: tuple[str, ...] = Field(description="the vocabulary")


class Words(BaseTokenizer[WordsConfig]):
    """The representation `words`; see `representations.base.Representation`."""

    name = "words"
    config_model = WordsConfig
    options_model = WordsOptions
    reference_sampling = PLAIN_SAMPLING  # that of the source is not stated
    reads_prose = True
    unit = "word"
    unsupported_settings = ("tempo", "meter", "instruments", "seconds")

    def __init__(self, config: WordsConfig) -> None:
        self._ids = {word: FIRST_WORD + number for number, word in enumerate(config.words)}
        reserved = {"", UNKNOWN_WORD, PARAGRAPH_WORD}
        if len(self._ids) < len(config.words) or reserved & self._ids.keys():
            raise ConfigError("representation words: an empty, reserved or repeated word in its vocabulary")
        self._ids[UNKNOWN_WORD] = UNKNOWN
        self._signs = Signs(config.words)
        tokens = build_tokens(
            block("start", names=["start of text"]),
            block("end", names=["end of text"]),
            block("unknown", names=[UNKNOWN_WORD], notes=1),
            block("paragraph", names=[PARAGRAPH_WORD]),
            block("word", len(config.words), config.words, notes=1),
        )
        super().__init__(config, tokens)

    @staticmethod
    def collect_statistics(score: Score) -> dict[str, int]:
        """Return how often each word of a text occurs."""
        return dict(Counter(word for text in paragraphs(score) for word in split_words(text)))

    @staticmethod
    def fit_config(all_statistics: Iterable[dict[str, int]], options: WordsOptions) -> WordsConfig:
        counts: Counter[str] = Counter()
        for statistics in all_statistics:
            counts.update(statistics)
        for reserved in (UNKNOWN_WORD, PARAGRAPH_WORD):
            counts.pop(reserved, None)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: options.most]
        return WordsConfig(words=tuple(word for word, count in ranked if count >= options.least))

    def encode(self, score: Score) -> Ids:
        ids = [self._ids.get(word, UNKNOWN) if word else PARAGRAPH for word in self._words(score)]
        return np.array([START, *ids, END], dtype=np.int32)

    def _words(self, score: Score) -> list[str]:
        """Return the words of a text, and "" between paragraphs."""
        texts = filter(None, (split_words(text, self._ids) for text in paragraphs(score)))
        return [word for words in texts for word in ("", *words)][1:]

    def decode(self, ids: Ids) -> Score:
        found: list[list[str]] = [[]]
        for token in self.known_ids(ids).tolist():
            if token == PARAGRAPH:
                found.append([])
            elif token not in (START, END):
                found[-1].append(self.tokens.name(token))
        kept = [join_words(words) for words in found if words]
        return Score(1, texts=tuple(Text(number, "text", text) for number, text in enumerate(kept)))

    def grammar(self, conditions: Conditions = Conditions()) -> WordGrammarState:  # a frozen value
        return WordGrammarState(self.tokens, conditions, self._signs)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        """Return the ids of a beginning; an unknown word becomes the nearest by spelling, where one is near."""
        near = [self._ids[self._nearest(word)] if word else PARAGRAPH for word in self._words(score)]
        return np.array([START, *near], dtype=np.int32)

    def substitutions(self, score: Score) -> tuple[str, ...]:
        unknown = dict.fromkeys(word for word in self._words(score) if word and word not in self._ids)
        return tuple(
            f"{word} is not in the vocabulary: {self._nearest(word)} stands for it" for word in unknown
        )

    def _nearest(self, word: str) -> str:
        if word in self._ids:
            return word
        near = difflib.get_close_matches(word, self.settings.words, n=1, cutoff=_LIKE_ENOUGH)
        return near[0] if near else UNKNOWN_WORD

    def summary(self) -> Mapping[str, Any]:
        return {"vocabulary": self.vocabulary_size, "most frequent": list(self.settings.words[:20])}

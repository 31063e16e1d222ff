"""`words`: prose as its words, the first experiment of system A.

A piece is a part of a text: START, words, PARAGRAPH between paragraphs, END; the network sees the ids. The
vocabulary is the distinct words of the corpus; a word outside it is UNKNOWN, in a primer the nearest by spelling.

A score of prose has no notes (see `formats.text`); what the protocol calls a note is a word here, a bar is a
sentence.

Read in order: `segmentation`, `grammar`, then `Words`.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ritornello.errors import ConfigError, explain
from ritornello.formats.text import paragraphs
from ritornello.representations.base import PLAIN_SAMPLING, Column, Ids, Plan
from ritornello.representations.words.grammar import (
    END,
    FIRST_WORD,
    PARAGRAPH,
    PARAGRAPH_WORD,
    START,
    UNKNOWN,
    UNKNOWN_WORD,
    Signs,
    WordCursor,
)
from ritornello.representations.words.segmentation import join_words, split_words
from ritornello.score import Score, Text

__all__ = ["Words", "WordsConfig"]

_LIKE_ENOUGH = 0.5
"""Similarity, 0 to 1, from which a known word stands for an unknown one in a primer."""


class WordsOptions(BaseModel):
    """What a preset or a person may ask of `words`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: int = Field(1, ge=1, description="how often a word must occur; rarer ones are unknown")
    most: int = Field(30_000, ge=1, description="words at most, the most frequent")


class WordsConfig(BaseModel):
    """All that makes a `words`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: tuple[str, ...] = Field(description="the vocabulary")


class Words:
    """The representation `words`; see `representations.base.Representation`."""

    name = "words"
    config_model = WordsConfig
    original_sampling = PLAIN_SAMPLING  # what the source does is not stated
    reads_prose = True
    refused_wishes = ("tempo", "meter", "instruments", "seconds")

    def __init__(self, config: WordsConfig) -> None:
        self._config = config
        self._ids = {word: FIRST_WORD + number for number, word in enumerate(config.words)}
        if len(self._ids) < len(config.words) or not self._ids.keys().isdisjoint(
            ("", UNKNOWN_WORD, PARAGRAPH_WORD)
        ):
            raise ConfigError("representation words: an empty, reserved or repeated word in its vocabulary")
        self._ids[UNKNOWN_WORD] = UNKNOWN
        self._signs = Signs(config.words)

    @staticmethod
    def survey(score: Score) -> dict[str, int]:
        """Return how often each word of a text occurs."""
        return dict(Counter(word for text in paragraphs(score) for word in split_words(text)))

    @classmethod
    def fit(
        cls, surveys: Iterable[dict[str, int]], options: Mapping[str, Any] = MappingProxyType({})
    ) -> Words:
        """Return the representation for a corpus; `options` are the fields of `WordsOptions`."""
        try:
            asked = WordsOptions.model_validate(dict(options))
        except ValidationError as error:
            raise ConfigError(f"representation words: option {explain(error)}") from error
        counts: Counter[str] = Counter()
        for survey in surveys:
            counts.update(survey)
        for reserved in (UNKNOWN_WORD, PARAGRAPH_WORD):
            counts.pop(reserved, None)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls(WordsConfig(words=tuple(word for word, n in ranked[: asked.most] if n >= asked.least)))

    @property
    def vocabulary_size(self) -> int:
        return self._signs.size

    @property
    def start_id(self) -> int:
        return START

    @property
    def end_id(self) -> int:
        return END

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("token", self.vocabulary_size),)

    @property
    def is_note(self) -> NDArray[np.bool_]:
        mask = self._signs.is_word.copy()
        mask[UNKNOWN] = True
        return mask

    def note_id(self, voice: int, pitch: int) -> int | None:
        return None

    def token_name(self, token: int) -> str:
        if token < FIRST_WORD:
            return ("start of text", "end of text", UNKNOWN_WORD, PARAGRAPH_WORD)[token]
        return self._config.words[token - FIRST_WORD]

    def encode(self, score: Score) -> Ids:
        ids = [self._ids.get(word, UNKNOWN) if word else PARAGRAPH for word in self._words(score)]
        return np.array([START, *ids, END], dtype=np.int32)

    def _words(self, score: Score) -> Iterator[str]:
        """Yield the words of a text, and "" between paragraphs."""
        first = True
        for text in paragraphs(score):
            words = split_words(text, self._ids)
            if words and not first:
                yield ""
            first &= not words
            yield from words

    def decode(self, ids: Ids) -> Score:
        found: list[list[str]] = [[]]
        for token in np.asarray(ids).tolist():
            if token == PARAGRAPH:
                found.append([])
            elif token == UNKNOWN or FIRST_WORD <= token < self.vocabulary_size:
                found[-1].append(self.token_name(token))
        kept = [join_words(words) for words in found if words]
        return Score(1, texts=tuple(Text(number, "text", text) for number, text in enumerate(kept)))

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        return np.asarray(ids, dtype=np.int32).reshape(-1, 1)

    def cursor(self, plan: Plan = Plan()) -> WordCursor:  # a frozen value
        return WordCursor(self._signs, plan)

    def primer(self, score: Score, plan: Plan = Plan()) -> Ids:
        """Return the ids of a beginning; an unknown word becomes the nearest by spelling, where one is near."""
        near = [self._ids[self._nearest(word)] if word else PARAGRAPH for word in self._words(score)]
        return np.array([START, *near], dtype=np.int32)

    def mapped(self, score: Score) -> tuple[str, ...]:
        """Return which words of a primer are unknown and what stands for each, in words."""
        unknown = dict.fromkeys(word for word in self._words(score) if word and word not in self._ids)
        return tuple(
            f"{word} is not in the vocabulary: {self._nearest(word)} stands for it" for word in unknown
        )

    def _nearest(self, word: str) -> str:
        if word in self._ids:
            return word
        near = difflib.get_close_matches(word, self._config.words, n=1, cutoff=_LIKE_ENOUGH)
        return near[0] if near else UNKNOWN_WORD

    def transposable(self, ids: Ids) -> tuple[int, int]:
        return 0, 0

    def transposed(self, ids: Ids, semitones: int) -> Ids:
        return ids

    def config(self) -> Mapping[str, Any]:
        return self._config.model_dump(mode="json")

    def summary(self) -> Mapping[str, Any]:
        return {"vocabulary": self.vocabulary_size, "most frequent": list(self._config.words[:20])}

"""`note_names`, the words of system E: notes by name, chords as pitch classes, one word an onset.

    START  E5 4.9 C5 ...  END

Lengths, rests, velocities and the octaves of chords are lost; every word is played half a quarter after the last,
on a piano. Options, the author's four wishes: `durations` keeps lengths and rests; START and END are always there;
words never seen go to the nearest one known; `instruments` (with `durations`) tells instruments apart. Further,
`parts="first"` reads only the first part, as the source did, and `all_keys=False` knows only the words of the
corpus as they are, so that pieces cannot be transposed. Drums have no names and are left out.

Bars are counted in 4/4, and a chord counts as one note where nats a note are concerned.

Read in order: `words`, `vocabulary`, `reading`, `coding`, `grammar`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.note_names import coding, reading, vocabulary
from ritornello.representations.note_names.grammar import NoteNamesGrammarState
from ritornello.representations.note_names.vocabulary import Options, Statistics, Vocabulary
from ritornello.representations.note_names.words import NoteNamesConfig, word_of
from ritornello.representations.tokenizer import BaseTokenizer, checked_options
from ritornello.representations.tokens import CHORD
from ritornello.score import Score
from ritornello.theory import instrument_name

__all__ = ["NoteNames", "NoteNamesConfig"]


class NoteNames(BaseTokenizer[NoteNamesConfig]):
    """The representation `note_names`; see `representations.base.Representation`."""

    name = "note_names"
    config_model = NoteNamesConfig
    reference_sampling: ClassVar[Mapping[str, Any]] = {"temperature": 0.0, "guard": False}

    def __init__(self, config: NoteNamesConfig) -> None:
        self.vocabulary = Vocabulary(config)
        super().__init__(config, self.vocabulary.tokens)

    @staticmethod
    def collect_statistics(score: Score) -> Statistics:
        """Return what `fit` needs to know of one piece."""
        return vocabulary.collect_statistics(score)

    @classmethod
    def fit(
        cls, all_statistics: Iterable[Statistics], options: Mapping[str, Any] = MappingProxyType({})
    ) -> NoteNames:
        """Return the representation for a corpus. `options` are the fields of `Options`; others are ConfigErrors."""
        return cls(vocabulary.fit(all_statistics, checked_options(cls.name, Options, options)))

    @property
    def unsupported_settings(self) -> tuple[str, ...]:
        """Without instruments of its own, it can only be a piano."""
        return () if self.vocabulary.config.programs else ("instruments",)

    @property
    def columns(self) -> tuple[Column, ...]:
        return reading.columns_of(self.vocabulary)

    def encode(self, score: Score) -> Ids:
        return coding.encode(self.vocabulary, score)

    def decode(self, ids: Ids) -> Score:
        return coding.decode(self.vocabulary, ids)

    def grammar(self, conditions: Conditions = Conditions()) -> NoteNamesGrammarState:  # a frozen value
        return NoteNamesGrammarState(
            self.tokens, conditions, reading.Reader(self.vocabulary), self.vocabulary
        )

    def unknown_words(self, score: Score) -> tuple[str, ...]:
        """Return the words of `score`, each once, that the corpus had not and `encode` replaces by the nearest."""
        seen = vocabulary.collect_statistics(score)
        config = self.vocabulary.config
        codes = seen.separate if config.programs else seen.first if config.parts == "first" else seen.merged
        known = self.vocabulary.words.find(np.array(codes, dtype=np.int64)) >= 0
        return tuple(
            word_of(code) for code, is_known in zip(codes, known.tolist(), strict=True) if not is_known
        )

    def substitutions(self, score: Score) -> tuple[str, ...]:
        """Return a line for each word of a primer that is not known; see `base.mapped`."""
        return tuple(
            f"{word} is not known here: the nearest known word stands for it"
            for word in self.unknown_words(score)
        )

    def summary(self) -> Mapping[str, Any]:
        config, chords = self.vocabulary.config, int((self.vocabulary.words.codes >= CHORD).sum())
        return {
            "words": len(config.words),
            "notes": len(config.words) - chords,
            "chords": chords,
            "durations": config.durations,
            "instruments": [instrument_name(program, False) for program in self.vocabulary.programs],
            "vocabulary": self.vocabulary_size,
        }

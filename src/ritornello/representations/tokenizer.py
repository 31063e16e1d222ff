"""The base classes of tokenizers: `BaseTokenizer`, and `FixedTokenizer` for a vocabulary that no corpus changes.

The ids of a fixed tokenizer follow from its configuration; only the program that plays is fitted to the corpus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ritornello.arrays import Ints, Mask
from ritornello.config import checked
from ritornello.errors import ConfigError, CorpusError
from ritornello.representations.base import PLAIN_SAMPLING, Column, Examples, GrammarState, Ids
from ritornello.representations.conditions import Conditions, Opening
from ritornello.representations.mapping import analogous_tokens
from ritornello.representations.tokens import InstrumentRange, Tokens
from ritornello.score import Score
from ritornello.theory import DRUMS, instrument_name


class TokenizerConfig(BaseModel):
    """The options of every fixed tokenizer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: int = Field(0, ge=0, le=127, description="General MIDI program that plays the notes")


Config = TypeVar("Config", bound=BaseModel)
Fixed = TypeVar("Fixed", bound=TokenizerConfig)
Options = TypeVar("Options", bound=BaseModel)


class BaseTokenizer(Generic[Config]):
    """The defaults of a `representations.base.Representation`: the ids are the only input column, and each score is one
    example."""

    name: str
    options_model: type[BaseModel]
    reads_prose = False
    unit = "note"
    learns_whole_pieces = True
    tells_notes_in_order = False
    decodes_by_bar = False
    keeps_fixed_notes = False
    plays_over_chords = False
    plays_in_key = False
    changes_meter = False
    reference_sampling: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    later_options: tuple[str, ...] = ()
    """Options that can be turned on for a model that begins from one without them (`mapping`)."""

    def __init__(self, settings: Config, tokens: Tokens) -> None:
        self.settings, self.tokens = settings, tokens
        self.vocabulary_size = tokens.size
        self.start_id, self.end_id = tokens.first["start"], tokens.first["end"]

    @staticmethod
    def fit_config(all_statistics: Iterable[Any], options: Any) -> Any:
        """Return the configuration for a corpus with `options`, an `options_model`; by default those."""
        return options

    @classmethod
    def fit(cls, all_statistics: Iterable[Any], options: Mapping[str, Any] = MappingProxyType({})) -> Self:
        """Return the representation for a corpus with `options`, the fields of `options_model`. Raises ConfigError."""
        config = cls.fit_config(all_statistics, checked_options(cls.name, cls.options_model, options))
        return cls(config)  # type: ignore[call-arg]  # a subclass makes its tokens itself

    @property
    def meters(self) -> tuple[tuple[int, int], ...]:
        return ((4, 4),)

    @property
    def openings(self) -> tuple[Opening, ...]:
        return ()

    @property
    def unsupported_settings(self) -> tuple[str, ...]:
        return ()

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("token", self.vocabulary_size),)

    def encode(self, score: Score) -> Ids:
        raise NotImplementedError

    def decode(self, ids: Ids) -> Score:
        raise NotImplementedError

    def grammar(self, conditions: Conditions = Conditions()) -> GrammarState:  # a frozen value
        raise NotImplementedError

    def known_ids(self, ids: Ids) -> Ints:
        """Return those of any ids that are in the vocabulary."""
        given = np.asarray(ids, dtype=np.int64)
        return given[(given >= 0) & (given < self.vocabulary_size)]

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        """Return the columns of the grammar state after each id, one id at a time: slow for long pieces."""
        if len(self.columns) == 1:
            return np.asarray(ids, dtype=np.int32).reshape(-1, 1)
        grammar, rows = self.grammar(), []
        for token in np.asarray(ids).tolist():
            grammar.advance(token)
            rows.append(grammar.columns)
        return np.array(rows, dtype=np.int32).reshape(-1, len(self.columns))

    def bars_and_notes(self, ids: Ids) -> Ints:
        """Return what the grammar says after each id, one id at a time."""
        grammar, rows = self.grammar(), []
        for token in np.asarray(ids).tolist():
            grammar.advance(token)
            rows.append((grammar.place[0], grammar.notes))
        return np.array(rows, dtype=np.int64).reshape(-1, 2).T

    def named(self, ids: Ids, others: Ids) -> Ids:
        return others

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:  # a frozen value
        """Return the ids of `score` without the end."""
        return self.encode(score)[:-1]

    def config(self) -> Mapping[str, Any]:
        return self.settings.model_dump(mode="json")

    def options(self) -> Mapping[str, Any]:
        return {k: v for k, v in self.config().items() if k in self.options_model.model_fields}

    def analogues(self, other: Any) -> Ints:
        return analogous_tokens(self.tokens, other.tokens)

    def summary(self) -> Mapping[str, Any]:
        return {"vocabulary": self.vocabulary_size, **self.config()}

    def extract_examples(self, score: Score) -> Examples:
        return Examples((self.encode(score),))

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Self:
        return self

    def substitutions(self, score: Score) -> tuple[str, ...]:
        return ()

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        """Return, by default, one part for all tracks but drums."""
        return tuple(None if track.is_drum or not len(track.notes) else 0 for track in score.tracks)

    def parts(self, ids: Ids) -> tuple[int, ...]:
        return tuple(range(len(self.decode(ids).tracks)))

    def instrument_ranges(self, programs: Sequence[int] | None = None) -> tuple[InstrumentRange, ...]:
        return tuple(each for each in self.tokens.instruments if each.program != DRUMS)


class FixedTokenizer(BaseTokenizer[Fixed]):
    """A tokenizer whose table of ids, `make_tokens`, depends on the configuration alone."""

    config_model: type[TokenizerConfig]
    reference_sampling = PLAIN_SAMPLING

    def __init__(self, config: Fixed) -> None:
        super().__init__(config, self.make_tokens(config))

    @staticmethod
    def make_tokens(config: Fixed) -> Tokens:
        """Return the table of ids, with the kinds "start" and "end"."""
        raise NotImplementedError

    @staticmethod
    def collect_statistics(score: Score) -> dict[int, int]:
        """Return how many notes each program has, without drums. CorpusError if there is nothing else."""
        return notes_by_program(score, is_drum=False)

    @classmethod
    def fit(
        cls, all_statistics: Iterable[dict[int, int]], options: Mapping[str, Any] = MappingProxyType({})
    ) -> Self:
        """Return it with `options`, the fields of its configuration; the program is the most frequent one."""
        programs: Counter[int] = Counter()
        for statistics in all_statistics:
            programs.update(statistics)
        program = max(programs, key=lambda each: (programs[each], -each), default=0)
        config = checked_options(cls.name, cls.config_model, {"program": program, **options})
        return cls(config)  # type: ignore[arg-type]  # the class variable cannot name the type parameter

    def options(self) -> Mapping[str, Any]:
        return {name: value for name, value in self.config().items() if name != "program"}

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Self:
        """Return it with the one instrument of `conditions`, or else of `primer`. ConfigError for several, and for
        drums."""
        program = solo_program(self.name, primer, conditions)
        return self if program is None else self.with_program(program)

    def with_program(self, program: int) -> Self:
        """Return it with another program that plays."""
        return type(self)(self.settings.model_copy(update={"program": program}))


def solo_program(name: str, primer: Score | None, conditions: Conditions) -> int | None:
    """Return the program of the one instrument of `conditions`, or else of all parts of `primer` but drums.

    None if neither has one. Raises ConfigError for several instruments in `conditions`, and for drums.
    """
    if conditions.instruments is None:
        tracks = primer.tracks if primer else ()
        programs = {track.program for track in tracks if len(track.notes) and not track.is_drum}
        return programs.pop() if len(programs) == 1 else None
    if len(conditions.instruments) > 1 or DRUMS in conditions.instruments:
        names = ", ".join(map(instrument_name, conditions.instruments))
        raise ConfigError(f"instruments {names}: a model of {name} plays one instrument, and no drums")
    return conditions.instruments[0]


def checked_options(name: str, model: type[Options], options: Mapping[str, Any]) -> Options:
    """Return the options of the representation `name`. ConfigError for unknown ones and values not allowed."""
    return checked(model, options, f"representation {name}: option ")


def notes_by_program(score: Score, is_drum: bool) -> dict[int, int]:
    """Return how many notes each program, or each drum kit, has. CorpusError if there are none."""
    counts: Counter[int] = Counter()
    for track in score.tracks:
        counts[track.program] += len(track.notes) if track.is_drum == is_drum else 0
    if not counts.total():
        raise CorpusError("it has no drums" if is_drum else "it has nothing but drums")
    return dict(counts)


def latest(where: Mask, values: Ints, before: int) -> Ints:
    """Return, for each step, the value at the last step so far where `where` holds; `before` until then."""
    at = np.flatnonzero(where)
    return hold(np.append(0, at), np.append(before, values[at]), len(where))


def hold(at: Ints, values: NDArray[Any], count: int) -> NDArray[Any]:
    """Return `values` over `count` steps, each from its place in `at`, ascending from 0, up to the next one."""
    edges = np.append(at, count)
    return np.repeat(values, edges[1:] - edges[:-1])

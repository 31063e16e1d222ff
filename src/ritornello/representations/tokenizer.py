"""What representations share: `BaseTokenizer`, the base of all; `FixedTokenizer`; and a few array helpers.

A fixed scheme has a vocabulary that does not depend on the corpus: its ids follow from the configuration, in blocks,
one block a kind of event. What the corpus decides is only which program plays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ritornello.arrays import Ints, Mask
from ritornello.config import checked
from ritornello.errors import ConfigError, CorpusError
from ritornello.representations.base import (
    PLAIN_SAMPLING,
    Column,
    Compass,
    Conditions,
    GrammarState,
    Ids,
    Pace,
)
from ritornello.representations.vocabulary import Blocks
from ritornello.score import Score
from ritornello.theory import DRUMS, instrument_name, instrument_range


class TokenizerConfig(BaseModel):
    """What every fixed scheme can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: int = Field(0, ge=0, le=127, description="General MIDI program that plays the notes")


Config = TypeVar("Config", bound=BaseModel)
Fixed = TypeVar("Fixed", bound=TokenizerConfig)
Options = TypeVar("Options", bound=BaseModel)


class BaseTokenizer(Generic[Config]):
    """What a `representations.base.Representation` is unless it says otherwise: the network sees the ids, nothing else,
    and pieces stay in their key."""

    name: str

    def __init__(self, settings: Config, size: int, start: int, end: int) -> None:
        self.settings = settings
        self.vocabulary_size, self.start_id, self.end_id = size, start, end

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("token", self.vocabulary_size),)

    def note_id(self, voice: int, pitch: int) -> int | None:
        return None

    def encode(self, score: Score) -> Ids:
        raise NotImplementedError

    def grammar(self, conditions: Conditions = Conditions()) -> GrammarState:  # a frozen value
        raise NotImplementedError

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        """Return the columns of the grammar state after each id. A member for long pieces reads them all at once."""
        if len(self.columns) == 1:
            return np.asarray(ids, dtype=np.int32).reshape(-1, 1)
        grammar, rows = self.grammar(), []
        for token in np.asarray(ids).tolist():
            grammar.advance(token)
            rows.append(grammar.columns)
        return np.array(rows, dtype=np.int32).reshape(-1, len(self.columns))

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:  # a frozen value
        """Return the ids of `score` without the end."""
        return self.encode(score)[:-1]

    def transposable(self, ids: Ids) -> tuple[int, int]:
        return 0, 0

    def transposed(self, ids: Ids, semitones: int) -> Ids:
        return ids.copy()

    def config(self) -> Mapping[str, Any]:
        return self.settings.model_dump(mode="json")

    def summary(self) -> Mapping[str, Any]:
        return {"vocabulary": self.vocabulary_size, **self.config()}


class FixedTokenizer(BaseTokenizer[Fixed]):
    """What the representations with a vocabulary of fixed blocks have in common."""

    config_model: type[TokenizerConfig]
    reference_sampling = PLAIN_SAMPLING

    def __init__(self, config: Fixed) -> None:
        self.blocks = blocks = Blocks(self.counts(config))
        super().__init__(config, blocks.size, blocks.start, blocks.end)

    @staticmethod
    def counts(config: Fixed) -> dict[str, int]:
        """Return how many ids each kind has, in the order of their blocks; there are a start and an end."""
        raise NotImplementedError

    @staticmethod
    def collect_statistics(score: Score) -> dict[int, int]:
        """Return how many notes each program has; drums do not count. Raises CorpusError if there is nothing else."""
        return notes_by_program(score, is_drum=False)

    @classmethod
    def fit(
        cls, all_statistics: Iterable[dict[int, int]], options: Mapping[str, Any] = MappingProxyType({})
    ) -> Self:
        """Return the scheme with `options`, the fields of its configuration; the program is the most frequent one."""
        programs: Counter[int] = Counter()
        for statistics in all_statistics:
            programs.update(statistics)
        program = max(programs, key=lambda each: (programs[each], -each), default=0)
        config = checked_options(cls.name, cls.config_model, {"program": program, **options})
        return cls(config)  # type: ignore[arg-type]  # the class variable cannot name the type parameter

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Self:
        """Return the scheme played by the one instrument of `conditions`. ConfigError for several, and for drums."""
        if conditions.instruments is None:
            return self
        if len(conditions.instruments) > 1 or DRUMS in conditions.instruments:
            names = ", ".join(map(instrument_name, conditions.instruments))
            raise ConfigError(
                f"instruments {names}: a model of {self.name} plays one instrument, and no drums"
            )
        return type(self)(self.settings.model_copy(update={"program": conditions.instruments[0]}))

    def compasses(self, programs: Sequence[int] | None = None) -> tuple[Compass, ...]:
        """Return what the one instrument can play; see `representations.base.HasCompasses`."""
        low, high = instrument_range(self.settings.program)
        pitches = (pitch for pitch in range(low, high + 1) if self.note_id(0, pitch) is not None)
        return (Compass(instrument_name(self.settings.program), 0, tuple(pitches)),)

    def steady_pace(self, kind: str, quarters: float) -> Pace:
        """Return the pace of a scheme in which the ids of one kind, and only they, move time, all by as much."""
        return Pace(np.zeros(self.blocks.size), self.blocks.mask(kind) * quarters)


def checked_options(name: str, model: type[Options], options: Mapping[str, Any]) -> Options:
    """Return the options of the representation `name`; ConfigError for those that it does not know or allow."""
    return checked(model, options, f"representation {name}: option ")


def room(pitches: NDArray[np.integer[Any]], lowest: int = 0, highest: int = 127) -> tuple[int, int]:
    """Return by how many semitones pitches can be moved within a compass, down and up; nothing to move: (0, 0)."""
    return (lowest - int(pitches.min()), highest - int(pitches.max())) if len(pitches) else (0, 0)


def notes_by_program(score: Score, is_drum: bool) -> dict[int, int]:
    """Return how many notes each program, or each drum kit, has. Raises CorpusError if there are none."""
    counts: Counter[int] = Counter()
    for track in score.tracks:
        counts[track.program] += len(track.notes) if track.is_drum == is_drum else 0
    if not counts.total():
        raise CorpusError("it has no drums" if is_drum else "it has nothing but drums")
    return dict(counts)


def latest(where: Mask, values: Ints, before: int) -> Ints:
    """Return, at each step, the value at the last step so far where `where` holds; `before` until then."""
    index = np.maximum.accumulate(np.where(where, np.arange(len(where)), -1))
    return np.where(index >= 0, values[index], before)

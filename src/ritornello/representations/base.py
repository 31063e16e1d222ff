"""The interface of a tokenizer, `Representation`: `Score` <-> token ids, input columns, and the grammar of its ids.

- Ids are int32 arrays of shape (time,), each below `vocabulary_size`. A piece begins with `start_id` and ends
  with `end_id`.
- A network reads a row of integer *columns* at each step; column 0 is the id itself. The others are determined by the
  ids so far, never by later ones. `inputs` computes them for all steps at once, `GrammarState.columns` after each
  step, with the same result. A law tests this.
- Decoding is total: any ids give a playable score. Ids that make no sense where they stand are left out.
- `GrammarState.allowed_mask` is for constrained decoding: it masks the ids that make no sense next, so that a sampler
  wastes no probability on them and every piece ends.
- `tokens.Tokens` is the table of what ids mean; `GrammarState.notes_of` adds what depends on the past.
- A representation may lack these capabilities, and no others: `tells_notes_in_order` (multitrack, frames and melody
  have it), `decodes_by_bar` (multitrack, drums), `keeps_fixed_notes` (multitrack, polyphony), `plays_over_chords`
  (jazz, improv), `Tokens.is_timed` (all but frames, jazz, note_names and words), `GrammarState.bar_position`
  (multitrack and those on a grid). Everything else has a default in `tokenizer.BaseTokenizer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ritornello.arrays import Ints
from ritornello.representations.conditions import Conditions as Conditions
from ritornello.representations.conditions import FixedNotes as FixedNotes
from ritornello.representations.conditions import Opening as Opening
from ritornello.representations.grammar import GrammarState as GrammarState
from ritornello.representations.tokens import InstrumentRange, Tokens
from ritornello.score import Score

Ids = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Column:
    """One integer input of the network: its name, and how many values (0 to size - 1) it takes.

    is_candidate: whether the value is 1 + an id that is likely next, or 0 for none.
    moves: how a value changes when the piece is transposed. "token": as the id `first_token` + value does. "key": as a
    key does, 1 + its number (see `columns.key`), 0 for none. "pitch_class": the column is one of twelve side by side,
    from C up, and the columns move. None: not at all. Column 0 and candidates move as the ids in them.
    first_token, is_voice: how a value depends on the vocabulary. It stands for the id `first_token` + value, or is 1 +
    a voice, or 0 for none. Without them it means the same in every vocabulary.
    """

    name: str
    size: int
    is_candidate: bool = False
    moves: Literal["token", "key", "pitch_class"] | None = None
    first_token: int | None = None
    is_voice: bool = False


class Kind(Protocol):
    """A row of `REPRESENTATIONS`: a class that is fitted to a corpus, or made from a configuration."""

    name: str
    config_model: type[BaseModel]
    reads_prose: bool

    def collect_statistics(self, score: Score) -> Any:
        """Return what `fit` needs of one piece: small and picklable, since workers send it back.

        CorpusError, with the reason, if there is nothing in it to learn.
        """

    def fit(self, all_statistics: Iterable[Any], options: Mapping[str, Any]) -> Representation:
        """Return the representation for a corpus. options: of a preset or of the command line."""

    def __call__(self, config: Any, /) -> Representation: ...


PLAIN_SAMPLING: Mapping[str, Any] = {"temperature": 1.0, "top_p": 1.0, "guard": False}
"""Sampling from the network's own distribution, with no constraint but the grammar."""


class Examples(NamedTuple):
    """The training examples of one score: the ids of each, and a line for everything left out."""

    ids: tuple[Ids, ...]
    reasons: tuple[str, ...] = ()


class Representation(Protocol):
    """A tokenizer. It is immutable and has no state of any piece; `tokenizer.BaseTokenizer` has defaults.

    tokens: the table of what each id means. reads_prose: whether its scores are prose instead of music; then the
    `notes` of `tokens` are words. unit: what they are called, note or word. learns_whole_pieces: whether a score is one
    example, which augmentation transposes; else any number, in the key of encoding. tells_notes_in_order: whether
    `GrammarState.last_notes` come in the order of a track, each at the time `quarters` before its id, and those of a
    chord from the lowest up. decodes_by_bar: whether the first ids of a piece, up to a bar line, decode to the notes
    that it has up to there, with their lengths. keeps_fixed_notes: whether its grammar keeps `Conditions.fixed_notes`,
    with any other conditions. plays_over_chords, plays_in_key: whether it follows `Conditions.chords` and `key`.
    meters: those that its pieces can have, (numerator, denominator); none if its time is in seconds, so that any can be
    written.
    changes_meter: whether its ids tell a change of meter, so that irregular bars keep their lines.
    later_options: those that can be turned on for a model that begins from one without them (`mapping`).
    """

    name: str
    vocabulary_size: int
    start_id: int
    end_id: int
    tokens: Tokens
    reads_prose: bool
    unit: str
    learns_whole_pieces: bool
    tells_notes_in_order: bool
    decodes_by_bar: bool
    keeps_fixed_notes: bool
    plays_over_chords: bool
    plays_in_key: bool
    changes_meter: bool
    later_options: tuple[str, ...]

    @property
    def meters(self) -> tuple[tuple[int, int], ...]: ...

    @property
    def openings(self) -> tuple[Opening, ...]:
        """How pieces of the corpus open; none where ids do not tell it."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    def encode(self, score: Score) -> Ids:
        """Return the ids of a piece, from `start_id` to `end_id`; unknown values become the nearest known ones."""

    def decode(self, ids: Ids) -> Score:
        """Return the score of any ids."""

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        """Return the input columns, shape (time, column), of a piece's ids from its `start_id` on."""

    def bars_and_notes(self, ids: Ids) -> Ints:
        """Return the bar, from 0, and the number of notes so far after each id, shape (2, time): those of a grammar."""

    def named(self, ids: Ids, others: Ids) -> Ids:
        """Return the ids that do the same as `others`, which come in place of those of `ids` after the first, by naming
        what they bring: one that repeats what came before it is replaced by that."""

    def grammar(self, conditions: Conditions = Conditions()) -> GrammarState:  # a frozen value
        """Return the state before the start of a piece that keeps to `conditions`."""

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        """Return the ids of `score` as the beginning of a longer piece: no `end_id`, `conditions` in its header."""

    def config(self) -> Mapping[str, Any]:
        """Return the configuration from which `make_representation` makes an equal one; plain JSON."""

    def options(self) -> Mapping[str, Any]:
        """Return the options with which `fit` makes one like it for another corpus."""

    def analogues(self, other: Any) -> Ints:
        """Return for each id the one of `other` that means the same, or else is nearest; -1 where nothing is alike.

        other: the same kind with the same options, fitted to another corpus.
        """

    def summary(self) -> Mapping[str, Any]:
        """Return a few facts for the model card: instruments, meters and so on. Plain JSON."""

    @property
    def unsupported_settings(self) -> tuple[str, ...]:
        """The names of the settings of a composition that it has no tokens for."""

    @property
    def reference_sampling(self) -> Mapping[str, Any]:
        """The sampling of the published system, as fields of a sampler; empty if there is no such system."""

    def extract_examples(self, score: Score) -> Examples:
        """Return the training examples in `score`. Ids without an `end_id` do not teach how a piece ends."""

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Representation:
        """Return one with the same ids whose `decode` suits a piece: in the key of `primer` or of `conditions`, where
        music is moved to one key, and with the instruments of both. ConfigError for instruments that it has not."""

    def substitutions(self, score: Score) -> tuple[str, ...]:
        """Return a line for each thing in a score that it does not know, with what stands for it."""

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        """Return the part (0 and up) as which each track of a score is read, None for one that is not read."""

    def parts(self, ids: Ids) -> tuple[int, ...]:
        """Return the part, as in `parts_read`, of each track of `decode(ids)`, each once."""

    def instrument_ranges(self, programs: Sequence[int] | None = None) -> tuple[InstrumentRange, ...]:
        """Return the ranges of the instruments that play `programs` (128: the drum kit), or else of all; drums have
        none."""


def candidate_columns(representation: Representation) -> tuple[int, ...]:
    """Return the numbers of the columns that are candidates."""
    return tuple(number for number, column in enumerate(representation.columns) if column.is_candidate)

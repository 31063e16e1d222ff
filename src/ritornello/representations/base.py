"""What every representation offers: a way from a `Score` to token ids and back, and what a network sees of them.

Conventions
-----------
- Ids are int32 arrays of shape (time,), each below `vocabulary_size`. A piece begins with `start_id` and ends
  with `end_id`.
- What a network sees at a step is a row of integer *columns*; column 0 is always the id itself. The other
  columns are determined by the ids so far (never by later ones), so they can be computed all at once
  (`inputs`) or one step at a time (`GrammarState`), with the same result. A law tests this.
- Decoding is total: any ids give a playable score. What makes no sense is left out.
- The representation also knows its grammar: `GrammarState.allowed_mask` masks the ids that make no sense next, so that
  a sampler wastes no probability on them and a piece always comes to its end.
- What ids mean is told by a table (`tokens.Tokens`). What of it depends on the past, `GrammarState.notes_of` tells.
- Not all can do everything. A representation may lack these capabilities, and no others: `tells_notes_in_order`
  (multitrack, frames and melody have it), `keeps_given` (multitrack, polyphony), `plays_over_chords` (jazz, improv),
  `Tokens.is_timed` (all but frames, jazz, note_names and words), `GrammarState.bar_position` (multitrack and those on
  a grid). All else has a default in `tokenizer.BaseTokenizer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ritornello.representations.columns.key import move_key
from ritornello.representations.conditions import Conditions as Conditions
from ritornello.representations.conditions import Given as Given
from ritornello.representations.tokens import InstrumentRange, Note, Tokens
from ritornello.score import Score

Ids = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Column:
    """One integer input of the network: its name, and how many values (0 to size - 1) it takes.

    is_candidate: whether the value is 1 + an id that may well come next, or 0 for none.
    moves: how a value changes when the piece is transposed. "token": as the id `first_token` + value does. "key": as a
    key does, 1 + its number (see `columns.key`), 0 for none. "pitch_class": the column moves, not the value; it is
    one of twelve side by side, from C up. None: not at all. Column 0 and candidates move as the ids that they hold.
    """

    name: str
    size: int
    is_candidate: bool = False
    moves: Literal["token", "key", "pitch_class"] | None = None
    first_token: int = 0


class GrammarState(Protocol):
    """The state of a piece while it is written or read, one id at a time. It starts before `start_id`."""

    def advance(self, token: int) -> None:
        """Take the next id. Any id is accepted; one that makes no sense changes nothing but column 0."""

    @property
    def columns(self) -> tuple[int, ...]:
        """The row of input columns after the last id pushed."""

    def allowed_mask(self) -> NDArray[np.bool_]:
        """Return a mask of shape (vocabulary_size,): the ids that make sense next. At least one is true."""

    @property
    def ended(self) -> bool:
        """Whether `end_id` has been pushed."""

    @property
    def notes(self) -> int:
        """How many notes have been pushed."""

    @property
    def quarters(self) -> float:
        """The present time in quarter notes from the start of the piece."""

    @property
    def place(self) -> tuple[int, int]:
        """The present bar, counted from 0, and the position in it, in steps of the grid."""

    @property
    def bar_position(self) -> BarPosition | None:
        """The present time to the step, also where nothing begins; None if the ids do not tell it."""

    def notes_of(self, token: int) -> tuple[Note, ...]:
        """Return voice and pitch, as it sounds, of the notes that would begin if `token` came next: those that `Tokens`
        tells, and those that only the past does. A chord that is one id has one pitch, from `tokens.CHORD` up."""

    @property
    def last_notes(self) -> tuple[Note, ...]:
        """What `notes_of` told of the last id before it was pushed."""

    @property
    def forced_token(self) -> int | None:
        """The id of a given note, or of what belongs to it, if it must come now or after ids that the grammar allows
        before it; no constraint may forbid it. None if there is none."""

    def reassign_probability(self, mask: NDArray[np.bool_]) -> tuple[int, NDArray[np.bool_]] | None:
        """Return an id that `mask` allows and the ids, as a mask, that are not allowed since they lead past what is
        given next to it: whoever expects those expects that nothing comes before it. None if there are none."""

    def finish_bar(self) -> None:
        """From now on, allow only what brings the piece to its end soon: no note is cut, none is added later."""

    def fork(self) -> Self:
        """Return an independent copy."""


class BarPosition(NamedTuple):
    """A time in steps of a grid: the bar, from 0; the position in it; the steps of the bar, and of a beat."""

    bar: int
    position: int
    bar_steps: int
    beat_steps: int


class Kind(Protocol):
    """What a table of representations holds: a class that can be fitted to a corpus, or made from a configuration."""

    @property
    def name(self) -> str: ...

    @property
    def config_model(self) -> type[BaseModel]: ...

    @property
    def reads_prose(self) -> bool: ...

    def collect_statistics(self, score: Score) -> Any:
        """Return what `fit` needs to know of one piece: small and picklable, since workers send it back.

        Raise CorpusError, with the reason, if the scheme finds nothing in it to learn from.
        """

    def fit(self, all_statistics: Iterable[Any], options: Mapping[str, Any]) -> Representation:
        """Return the representation for a corpus. `options` are what a preset or a person asks of the tokenizer."""

    def __call__(self, config: Any, /) -> Representation: ...


PLAIN_SAMPLING: Mapping[str, Any] = {"temperature": 1.0, "top_p": 1.0, "guard": False}
"""From the network's own distribution, with nothing forbidden but by the grammar."""


class Examples(NamedTuple):
    """What is learned from one score: the ids of each example, and one line for everything left out."""

    ids: tuple[Ids, ...]
    reasons: tuple[str, ...] = ()


class Representation(Protocol):
    """A scheme of tokens. Members are immutable and hold no state of any piece.

    From `reads_prose` on, `tokenizer.BaseTokenizer` has a default of each.
    """

    name: str

    @property
    def vocabulary_size(self) -> int: ...

    @property
    def start_id(self) -> int: ...

    @property
    def end_id(self) -> int: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    @property
    def tokens(self) -> Tokens:
        """What each id means."""

    def encode(self, score: Score) -> Ids:
        """Return the ids of a piece, `start_id` first and `end_id` last; values unknown go to the nearest known."""

    def decode(self, ids: Ids) -> Score:
        """Return the score of any ids whatever."""

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        """Return the input columns, shape (time, column), of a piece's ids from its `start_id` on."""

    def grammar(self, conditions: Conditions = Conditions()) -> GrammarState:  # a frozen value
        """Return a grammar before the start of a piece whose grammar keeps to `conditions`."""

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        """Return the ids of `score` as the beginning of a longer piece: no `end_id`, `conditions` in its header."""

    def config(self) -> Mapping[str, Any]:
        """Return what `make_representation(name, config)` needs to build an equal one; plain JSON."""

    def summary(self) -> Mapping[str, Any]:
        """Return a few facts for people: instruments, meters and so on. Plain JSON."""

    @property
    def reads_prose(self) -> bool:
        """Whether it is of prose instead of music. Then what `Tokens` counts as notes are words."""

    @property
    def unit(self) -> str:
        """What `Tokens` counts as notes, in words: note or word."""

    @property
    def learns_whole_pieces(self) -> bool:
        """Whether a score is one example, which may be moved to any key; else any number, in the key that is taught."""

    @property
    def tells_notes_in_order(self) -> bool:
        """Whether its grammar states tell the notes of each voice (`last_notes`) as they stand in a track: each at the
        time that `quarters` was before its id, and those of a chord from the lowest up."""

    @property
    def keeps_given(self) -> bool:
        """Whether its grammar states heed `Conditions.given`, whatever else is asked of them."""

    @property
    def plays_over_chords(self) -> bool:
        """Whether its grammar states heed `Conditions.chords`."""

    @property
    def unsupported_settings(self) -> tuple[str, ...]:
        """The names of those settings of a composition that it has no tokens for."""

    @property
    def reference_sampling(self) -> Mapping[str, Any]:
        """How the system that it comes from chooses ids, as fields of a sampler; empty if there is no such system."""

    def extract_examples(self, score: Score) -> Examples:
        """Return what is learned from `score`. Ids without an end teach none."""

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Representation:
        """Return one with the same ids, whose `decode` gives the key of `primer` and the tempo of `conditions`, if it
        moves music before it encodes it; by default itself."""

    def substitutions(self, score: Score) -> tuple[str, ...]:
        """Return what of a score it does not know and what stands for it, a line each."""

    def instrument_ranges(self, programs: Sequence[int] | None = None) -> tuple[InstrumentRange, ...]:
        """Return those of the instruments that play `programs` (128: the drum kit), or else of all; drums have none."""


def transpose_rows(representation: Representation, rows: Ids, semitones: int) -> Ids:
    """Return input rows, (time, column), of a transposed piece, from those of the piece: each column as it declares.

    The rows may begin anywhere in the piece. They equal those computed from the transposed ids, as a law tests.
    """
    rows = rows.copy()
    turning = []
    for number, column in enumerate(representation.columns):
        values = rows[:, number]
        if number == 0 or column.is_candidate or column.moves == "token":
            first = -1 if column.is_candidate else column.first_token
            moved = representation.tokens.transposed(np.maximum(values + first, 0), semitones) - first
            rows[:, number] = np.where(values + first >= 0, moved, values)
        elif column.moves == "key":
            rows[:, number] = np.where(values > 0, move_key(values - 1, semitones) + 1, 0)
        elif column.moves == "pitch_class":
            turning.append(number)
    rows[:, turning] = np.roll(rows[:, turning], semitones, axis=1)
    return rows


def candidate_columns(representation: Representation) -> tuple[int, ...]:
    """Return the numbers of the columns that are candidates."""
    return tuple(number for number, column in enumerate(representation.columns) if column.is_candidate)

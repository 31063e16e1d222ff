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
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ritornello.representations.columns.key import move_key
from ritornello.score import Score
from ritornello.theory import DRUMS, Chord

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
    def last_note(self) -> tuple[int, int] | None:
        """Voice and pitch, if the last id pushed brought a note, else None."""

    def finish_bar(self) -> None:
        """From now on, allow only what brings the piece to its end soon: no note is cut, none is added later."""

    def fork(self) -> Self:
        """Return an independent copy."""


@dataclass(frozen=True)
class Given:
    """What of a piece is given; the model chooses the rest. A note belongs to the bar, from 0, in which it begins.

    In bars that are `free` nothing is given. In those of `returns` the notes of an earlier bar sound again, as they
    were composed: {bar: the bar that returns}. In all others exactly the notes of `score` sound, at their onset, pitch
    and length, and its meters and tempos hold throughout. is_accompanied: parts that `score` has not are free in all
    bars; a scheme without parts may add notes to those of `score`.
    """

    score: Score | None = None
    free: frozenset[int] = frozenset()
    returns: Mapping[int, int] = field(default_factory=dict)
    is_accompanied: bool = False


@dataclass(frozen=True)
class Conditions:
    """What is asked of a piece before its first note; None leaves the choice to the model.

    bars: its length in bars, at least 1. quarters_per_minute: its first tempo. meter: (numerator, denominator).
    instruments: General MIDI programs 0-127, or 128 for the drum kit, in score order. chords: those of each bar,
    which share it equally; after the last bar they begin again. Only what `plays_over_chords` heeds them.
    density: notes a second, spread evenly over the piece. pitch_classes: 12 weights, from C up. given: notes that
    sound in any case; only what `keeps_given` heeds it.
    """

    bars: int | None = None
    quarters_per_minute: float | None = None
    meter: tuple[int, int] | None = None
    instruments: tuple[int, ...] | None = None
    chords: tuple[tuple[Chord, ...], ...] | None = None
    density: tuple[float, ...] | None = None
    pitch_classes: tuple[float, ...] | None = None
    given: Given | None = None


class Kind(Protocol):
    """What a table of representations holds: a class that can be fitted to a corpus, or made from a configuration."""

    @property
    def name(self) -> str: ...

    @property
    def config_model(self) -> type[BaseModel]: ...

    def collect_statistics(self, score: Score) -> Any:
        """Return what `fit` needs to know of one piece: small and picklable, since workers send it back.

        Raise CorpusError, with the reason, if the scheme finds nothing in it to learn from.
        """

    def fit(self, all_statistics: Iterable[Any], options: Mapping[str, Any]) -> Representation:
        """Return the representation for a corpus. `options` are what a preset or a person asks of the tokenizer."""

    def __call__(self, config: Any, /) -> Representation: ...


def reads_prose(member: object) -> bool:
    """Return whether a representation, or a kind of them, is of prose instead of music: an attribute that it has."""
    return bool(getattr(member, "reads_prose", False))


def unit_of(representation: object) -> str:
    """Return what `is_note` counts, in words: note or word."""
    return "word" if reads_prose(representation) else "note"


def unsupported_settings(representation: object) -> tuple[str, ...]:
    """Return the names of those wishes for a composition that a representation has no tokens for: an attribute."""
    return tuple(getattr(representation, "unsupported_settings", ()))


def reference_sampling(representation: object) -> Mapping[str, Any]:
    """Return how the system that a representation comes from chooses ids, as fields of a sampler; empty if there is
    no such system: an attribute."""
    return dict(getattr(representation, "reference_sampling", {}))


PLAIN_SAMPLING: Mapping[str, Any] = {"temperature": 1.0, "top_p": 1.0, "guard": False}
"""From the network's own distribution, with nothing forbidden but by the grammar."""


def keeps_given(representation: object) -> bool:
    """Return whether its grammar states heed `Conditions.given`, whatever else is asked of them: an attribute that
    it has."""
    return bool(getattr(representation, "keeps_given", False))


def forced_token(grammar: object) -> int | None:
    """Return the id of a given note, or of what belongs to it, if it must come now or after ids that the grammar allows
    before it; no constraint may forbid it. None if nothing is due now."""
    token: int | None = getattr(grammar, "due", None)
    return token


def reassign_probability(grammar: object, mask: NDArray[np.bool_]) -> tuple[int, NDArray[np.bool_]] | None:
    """Return an id that `mask` allows and the ids, as a mask, that are not allowed since they lead past what is given
    next to it: whoever expects those expects that nothing comes before it. None if there are none."""
    find = getattr(grammar, "reassign_probability", None)
    found: tuple[int, NDArray[np.bool_]] | None = find(mask) if find else None
    return found


def note_ids(representation: Representation, voice: int, pitch: int) -> tuple[int, ...]:
    """Return all ids that bring a note: the one of `note_id`, unless the representation says that there are more."""
    several = getattr(representation, "note_ids", None)
    if several:
        return tuple(several(voice, pitch))
    token = representation.note_id(voice, pitch)
    return () if token is None else (token,)


def note_ids_at(
    representation: Representation, grammar: GrammarState, voice: int, pitch: int
) -> tuple[int, ...]:
    """Return all ids that bring a note if they come next: also those that repeat an earlier one, if a grammar of this
    representation knows of such."""
    repeating = getattr(grammar, "repeating_ids", None)
    found = note_ids(representation, voice, pitch)
    return (*found, *repeating(voice, pitch)) if repeating else found


def tells_notes_in_order(representation: object) -> bool:
    """Return whether its grammar states tell the notes of each voice (`last_note`) as they stand in a track: each
    at the
    time that `quarters` was before its id, and those of a chord from the lowest up: an attribute that it has."""
    return bool(getattr(representation, "tells_notes_in_order", False))


def substitutions(representation: object, score: Score) -> tuple[str, ...]:
    """Return what of a score a representation does not know and what stands for it, a line each, if it can say."""
    say = getattr(representation, "substitutions", None)
    return tuple(say(score)) if say else ()


class Representation(Protocol):
    """A scheme of tokens. Members are immutable and hold no state of any piece."""

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
    def is_note(self) -> NDArray[np.bool_ | np.int64]:
        """Shape (vocabulary_size,): which ids each bring a note, or how many each brings, to count nats a note by."""

    def note_id(self, voice: int, pitch: int) -> int | None:
        """Return the id that brings this note, or None if there is none."""

    def token_name(self, token: int) -> str:
        """Return a readable name of an id, for reports."""

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

    def transposable(self, ids: Ids) -> tuple[int, int]:
        """Return the lowest and highest number of semitones by which `transposed` can move `ids` without loss."""

    def transposed(self, ids: Ids, semitones: int) -> Ids:
        """Return `ids` moved by `semitones`; drums stay."""

    def config(self) -> Mapping[str, Any]:
        """Return what `make_representation(name, config)` needs to build an equal one; plain JSON."""

    def summary(self) -> Mapping[str, Any]:
        """Return a few facts for people: instruments, meters and so on. Plain JSON."""


class Examples(NamedTuple):
    """What is learned from one score: the ids of each example, and one line for everything left out."""

    ids: tuple[Ids, ...]
    reasons: tuple[str, ...]


@runtime_checkable
class Extracts(Protocol):
    """A representation that learns from parts of a score, such as its melodies, may also say which."""

    def extract_examples(self, score: Score) -> Examples:
        """Return what is learned from `score`, in its own key. Ids without an end teach none."""


@runtime_checkable
class Suits(Protocol):
    """A representation that moves music before it encodes it may also undo that for one piece."""

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Representation:
        """Return one with the same ids, whose `decode` gives the key of `primer` and the tempo of `conditions`."""


def for_piece(representation: Representation, primer: Score | None, conditions: Conditions) -> Representation:
    """Return `representation` for_piece to one piece, or itself where it makes no difference."""
    return (
        representation.for_piece(primer, conditions) if isinstance(representation, Suits) else representation
    )


class Pace(NamedTuple):
    """How ids move time on, in quarters: arrays of shape (vocabulary_size,), at least 0.

    The notes that an id brings begin `before` after the present time; after the id it is `before` + `after` later.
    tells_ends: whether the end of a note is known as soon as time has moved on from its beginning; else it is
    when time has moved on from its end. quarters_per_minute: the tempo of all pieces, if time is real; else None.
    """

    before: NDArray[np.floating[Any]]
    after: NDArray[np.floating[Any]]
    tells_ends: bool = False
    quarters_per_minute: float | None = None


@runtime_checkable
class KeepsTime(Protocol):
    """A representation in which each id moves time by a constant. It can be played live."""

    @property
    def pace(self) -> Pace: ...


class Moment(NamedTuple):
    """The present time in steps of a grid: the bar, from 0; the position in it; the steps of the bar, and of a beat."""

    bar: int
    position: int
    bar_steps: int
    beat_steps: int


@runtime_checkable
class TellsMoment(Protocol):
    """A grammar that knows the present time exactly, also where nothing begins."""

    @property
    def moment(self) -> Moment: ...


class Compass(NamedTuple):
    """What an instrument can play in a model: its name, its voice, its pitches in order, as they sound; and the id that
    brings it into a piece, if there is one."""

    name: str
    voice: int
    pitches: tuple[int, ...]
    token: int | None = None


@runtime_checkable
class HasCompasses(Protocol):
    """A representation whose grammar keeps instruments to what they can play says what that is."""

    def compasses(self, programs: Sequence[int] | None = None) -> tuple[Compass, ...]:
        """Return those of the instruments that play `programs` (128: the drum kit), or else of all; drums have none."""


@runtime_checkable
class HasVoices(Protocol):
    """A representation with several voices says what plays them."""

    @property
    def voice_programs(self) -> tuple[tuple[int, ...], ...]:
        """The General MIDI programs (128: the drum kit) that each voice may have, the most frequent first."""


def voice_count(representation: object) -> int:
    """Return how many voices there may be: those of a representation that has some, else the channels of MIDI."""
    return len(representation.voice_programs) if isinstance(representation, HasVoices) else 16


def drum_voices(representation: object) -> frozenset[int]:
    """Return the voices that are drum kits, as far as a representation says what plays its voices."""
    programs = representation.voice_programs if isinstance(representation, HasVoices) else ()
    return frozenset(voice for voice, each in enumerate(programs) if each == (DRUMS,))


@runtime_checkable
class HasNoEvent(Protocol):
    """A representation with an id for a step at which nothing happens; it says little to foresee that one."""

    @property
    def no_event_id(self) -> int: ...


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
            moved = representation.transposed(np.maximum(values + first, 0), semitones) - first
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

"""Constraints: rules on the next id besides the grammar (logits processors that only mask).

A `Constraint` is one file and one row of `CONSTRAINTS`. Its settings become flags of every command that composes or
plays; it checks them before the first step, and starts a `ConstraintState` that follows one piece. A state bans single
ids and looks ahead: it bans the id that *would* break the rule, at the last moment at which another one is possible.

States are applied in the order of their ranks. Each sees what the grammar and those before it leave; one that would
leave nothing gives way at that step, and the decoder counts it (`Decoder.relaxed`). Constraints that are asked for rank
before those that are on by default.

Nothing here imports numpy: the command line builds its help from the settings of all constraints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import groupby
from operator import or_
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from ritornello.errors import ConfigError

if TYPE_CHECKING:
    from numpy import integer
    from numpy.typing import NDArray

    from ritornello.arrays import Mask
    from ritornello.generation.notes import Notes, Pitches
    from ritornello.generation.stepper import Logits
    from ritornello.originality import Index
    from ritornello.representations.base import GrammarState, Representation
    from ritornello.representations.tokens import InstrumentRange
    from ritornello.score import Score

    Ids = Sequence[int] | NDArray[integer[Any]]


class Settings(BaseModel):
    """Base of the settings of a constraint. Every field is a flag; at its default it asks for nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # most are only inherited from


Wanted = TypeVar("Wanted", bound=BaseModel)


class Feasible(NamedTuple):
    """The instruments that cannot always play, and the voices of the piece that can; see `feasibility`."""

    idle: list[InstrumentRange]
    able: frozenset[int]


@dataclass(frozen=True)
class Context:
    """Everything known before the first step of a call.

    settings: the whole configuration, which inherits the settings of every constraint. primer: the beginning of the
    piece. index: the index of the training music. model: its name in error messages. is_live: whether this is a turn of
    a session instead of a whole piece; then bar 0 of the grammar is bar `first_bar` of the session.
    """

    representation: Representation
    settings: BaseModel
    primer: Score | None = None
    index: Index | None = None
    model: str = "this model"
    is_live: bool = False
    first_bar: int = 0

    def of(self, settings: type[Wanted]) -> Wanted:
        """Return the settings of one constraint; its defaults if the configuration does not have them."""
        return self.settings if isinstance(self.settings, settings) else settings()

    @cached_property
    def notes(self) -> Notes:
        """The ids that bring pitched notes."""
        from ritornello.generation.notes import Notes

        return Notes(self.representation)

    @cached_property
    def feasible(self) -> Feasible:
        """The instruments that can always play. Raises ConfigError if the settings cannot be kept together."""
        from ritornello.generation.feasibility import check_feasible

        return check_feasible(self)


class ConstraintState:
    """The state of a constraint for one piece, from before the first id on.

    name: its name in the report, as a rule the row's. rank: the lower, the more important. is_asked: whether a setting
    asks for it; otherwise it is on by default.
    """

    name: str
    rank: int = 50
    is_asked: bool = True

    def advance(self, grammar: GrammarState) -> None:
        """Follow the id that `grammar` has just read."""

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        """Return the ids that must not come next. `allowed` is the mask that the grammar and more important constraints
        leave; it must not be changed."""
        raise NotImplementedError

    def banned_mask(self, grammar: GrammarState, allowed: Mask) -> Mask | None:
        """Return the mask of the ids that must not come next, None if there are none: by default, of those `banned`.

        A state whose bans are known beforehand, or many, defines this instead. Raises ConfigError if `banned` returns
        anything but ids.
        """
        banned = self.banned(grammar, allowed)
        is_empty = isinstance(banned, (list, tuple)) and not banned
        return None if is_empty else mask_of(self.name, banned, len(allowed))

    def preferred(self, grammar: GrammarState, allowed: Mask, logits: Logits) -> Logits | None:
        """Return what is added to the `logits` of the next ids, (vocabulary,), in nats, None for nothing: a soft
        constraint. `allowed` is the mask that all constraints leave; no argument may be changed."""
        return None

    def fork(self) -> Self:
        """Return an independent copy: by default shallow, for states that replace values and never change them."""
        return copy(self)


class Preference(ConstraintState):
    """A state that bans nothing and only prefers some ids to others."""

    rank, is_asked = 100, False

    def banned_mask(self, grammar: GrammarState, allowed: Mask) -> Mask | None:
        return None

    def preferred(self, grammar: GrammarState, allowed: Mask, logits: Logits) -> Logits | None:
        raise NotImplementedError


def mask_of(name: str, banned: Ids, size: int) -> Mask | None:
    """Return the mask of so many ids with those that constraint `name` bans, None if there are none; ConfigError if it
    bans anything but ids."""
    import numpy as np

    ids = np.asarray(banned)
    if not ids.size:
        return None
    if ids.dtype.kind not in "iu" or ids.ndim != 1 or ids.min() < 0 or ids.max() >= size:
        raise ConfigError(
            f"constraint {name} banned {str(banned)[:80]}; ids are integers from 0 to {size - 1}"
        )
    mask = np.zeros(size, dtype=bool)
    mask[ids] = True
    return mask


class OnsetState(ConstraintState):
    """A state that follows which notes begin together; drums are left out.

    onset: the time of the last note, in quarters; -1 before the first.
    """

    def __init__(self, notes: Notes) -> None:
        self.notes, self.onset, self._now = notes, -1.0, 0.0

    def advance(self, grammar: GrammarState) -> None:
        for voice, pitch in grammar.last_notes:
            if voice not in self.notes.drum_voices:
                self.move_to(self._now)
                self.begin(voice, pitch)
        self._now = grammar.quarters

    def move_to(self, onset: float) -> None:
        """Leave the present onset, unless it is `onset`."""
        if onset != self.onset:
            self.leave()
            self.onset = onset

    def leave(self) -> None:
        """Forget the notes of the present onset, or keep what matters for the next."""
        raise NotImplementedError

    def begin(self, voice: int, pitch: int) -> None:
        """Add a note to the present onset."""
        raise NotImplementedError


class Constraint:
    """A row of `CONSTRAINTS`, or an argument of `Model.compose(constraints=[...])`.

    is_live: whether it also holds in a session, whose turns have no beginning, length or end. bounds_pitches: whether
    it bans pitches, so that each instrument must keep a note at any time (`feasibility`).
    """

    name: ClassVar[str]
    settings: ClassVar[type[Settings]] = Settings
    is_live: ClassVar[bool] = True
    bounds_pitches: ClassVar[bool] = False

    def asked(self, context: Context) -> list[str]:
        """Return the names of the settings that are not at their defaults."""
        settings = context.of(self.settings)
        fields = self.settings.model_fields.items()
        return [name for name, field in fields if getattr(settings, name) != field.default]

    def start(self, context: Context) -> ConstraintState | None:
        """Return the state before the first id, which is forked for each piece of the call; None if it does not apply.

        Raises ConfigError, with the change that would help, for settings that the representation does not support or
        that cannot be kept.
        """
        raise NotImplementedError


class Never(ConstraintState):
    """Bans the same notes at every step, also by ids that recall an earlier note (such as "as one bar ago")."""

    def __init__(
        self,
        name: str,
        rank: int,
        ids: NDArray[integer[Any]],
        recalling: Sequence[int] = (),
        pitches: frozenset[int] = frozenset(),
    ) -> None:
        """`recalling` are the ids that recall earlier notes, `pitches` those of the banned notes."""
        self.name, self.rank, self.ids, self.recalling, self.pitches = name, rank, ids, recalling, pitches
        self._mask: Mask | None = None  # of `ids`, once it is needed

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        if not self.recalling:
            return self.ids
        notes = {token: grammar.notes_of(token) for token in self.recalling}
        found = [token for token, each in notes.items() if any(pitch in self.pitches for _, pitch in each)]
        return [*self.ids.tolist(), *found]

    def banned_mask(self, grammar: GrammarState, allowed: Mask) -> Mask | None:
        if self.recalling:
            return super().banned_mask(grammar, allowed)
        if self._mask is None:
            self._mask = mask_of(self.name, self.ids, len(allowed))
        return self._mask


class Together(ConstraintState):
    """What several `Never` ban that have no other between them and recall nothing: one mask. The decoder asks each of
    them if it would leave nothing."""

    def __init__(self, states: Sequence[Never]) -> None:
        self.states = states
        self._mask: Mask | None = None

    def banned_mask(self, grammar: GrammarState, allowed: Mask) -> Mask | None:
        if self._mask is None:
            masks = [state.banned_mask(grammar, allowed) for state in self.states]
            self._mask = reduce(or_, [mask for mask in masks if mask is not None], allowed & False)
        return self._mask


def taken_together(states: Iterable[ConstraintState]) -> list[ConstraintState]:
    """Return `states` with those that can be taken together as one."""
    found: list[ConstraintState] = []
    for are_constant, group in groupby(
        states, lambda state: isinstance(state, Never) and not state.recalling
    ):
        each = list(group)
        found += [Together(cast(list[Never], each))] if are_constant and len(each) > 1 else each
    return found


def never(name: str, rank: int, context: Context, allowed: Pitches) -> Never:
    """Return the state that bans all notes whose pitch is not `allowed`."""
    notes = context.notes
    pitches = frozenset(notes.pitches[~allowed[notes.pitches]].tolist())
    return Never(name, rank, notes.outside(allowed), context.representation.tokens.recalling, pitches)

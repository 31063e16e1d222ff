"""What a constraint is: a rule about what may come next, besides the grammar (a logits processor that only masks).

A `Constraint` is one file and one row of `CONSTRAINTS`. It has settings of its own, which become flags of every command
that composes or plays; it checks them before the first step, and starts a `ConstraintState` that follows one piece.
A state names single ids and looks ahead: it bans the id that *would* break the rule, at the last moment at which
something else is still possible.

States are applied in the order of their ranks. Each sees what the grammar and those before it leave; one that would
leave nothing gives way at that step, and the decoder counts it (`Decoder.relaxed`). What a person asks for stands
before what is on by default.

Nothing here imports numpy: the command line builds its help from the settings of all constraints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from numpy import integer
    from numpy.typing import NDArray

    from ritornello.arrays import Mask
    from ritornello.generation.notes import Notes, Pitches
    from ritornello.originality import Index
    from ritornello.representations.base import GrammarState, Representation
    from ritornello.representations.tokens import InstrumentRange
    from ritornello.score import Score

    Ids = Sequence[int] | NDArray[integer[Any]]


class Settings(BaseModel):
    """Base of the settings of a constraint. Every field is a flag; None, or a default, asks for nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Wanted = TypeVar("Wanted", bound=BaseModel)


class Feasible(NamedTuple):
    """The instruments that could not always play, and the voices of the piece that can; see `feasibility`."""

    idle: list[InstrumentRange]
    able: frozenset[int]


@dataclass(frozen=True)
class Context:
    """What is known before the first step of a call.

    settings: the whole configuration; it inherits the settings of every constraint. primer: what the piece begins with.
    index: the music that the model learned from, `model` its name for error messages. is_live: whether a turn of a
    session is played instead of a whole piece; then the bar 0 of the grammar is bar `first_bar` of the session.
    """

    representation: Representation
    settings: BaseModel
    primer: Score | None = None
    index: Index | None = None
    model: str = "this model"
    is_live: bool = False
    first_bar: int = 0

    def of(self, settings: type[Wanted]) -> Wanted:
        """Return the settings of one constraint; its defaults if the configuration has none of it."""
        return self.settings if isinstance(self.settings, settings) else settings()

    @cached_property
    def notes(self) -> Notes:
        """The ids that bring pitched notes."""
        from ritornello.generation.notes import Notes

        return Notes(self.representation)

    @cached_property
    def feasible(self) -> Feasible:
        """Which instruments can always play within all that is asked. ConfigError if it cannot be kept together."""
        from ritornello.generation.feasibility import check_feasible

        return check_feasible(self)


class ConstraintState:
    """A constraint while it follows one piece, from before the first id on.

    name: what the report calls it, as a rule the row's name. rank: the lower, the more important. is_asked: whether a
    person asked for it; it is on by default else.
    """

    name: str
    rank: int = 50
    is_asked: bool = True

    def advance(self, grammar: GrammarState) -> None:
        """Take note of the id that `grammar` has just read."""

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        """Return the ids that must not come next. `allowed` is what the grammar and more important constraints leave;
        it must not be changed."""
        raise NotImplementedError

    def fork(self) -> Self:
        """Return an independent copy; a state that keeps nothing of its piece may return itself."""
        return self


class Constraint:
    """A row of `CONSTRAINTS`, or an object of one's own for `Model.compose(constraints=[...])`.

    is_live: whether it also holds in a session, where no piece has a beginning, a length or an end. bounds_pitches:
    whether it bans pitches, so that each instrument must keep a note at any time (`feasibility`).
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
        """Return the state before the first id, which is forked for each piece of the call; None if nothing is asked.

        Raises ConfigError for what the representation cannot be asked for and for what cannot be kept, with the
        change that would help.
        """
        raise NotImplementedError


class Never(ConstraintState):
    """Bans the same notes at every step, also by ids that stand for an earlier note (as "as one bar ago")."""

    def __init__(
        self,
        name: str,
        rank: int,
        ids: NDArray[integer[Any]],
        recalling: Sequence[int] = (),
        pitches: frozenset[int] = frozenset(),
    ) -> None:
        """`recalling` are the ids that bring earlier notes again, `pitches` those of the banned notes."""
        self.name, self.rank, self.ids, self.recalling, self.pitches = name, rank, ids, recalling, pitches

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        if not self.recalling:
            return self.ids
        notes = {token: grammar.notes_of(token) for token in self.recalling}
        found = [token for token, each in notes.items() if any(pitch in self.pitches for _, pitch in each)]
        return [*self.ids.tolist(), *found]


def never(name: str, rank: int, context: Context, allowed: Pitches) -> Never:
    """Return the state that bans all notes that are none of `allowed`."""
    notes = context.notes
    pitches = frozenset(notes.pitches[~allowed[notes.pitches]].tolist())
    return Never(name, rank, notes.outside(allowed), context.representation.tokens.recalling, pitches)

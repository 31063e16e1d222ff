"""`GrammarState`, the base of all: the ids that may come next (constrained decoding), and what the ids so far mean."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from ritornello.arrays import Mask
from ritornello.config import DEFAULT_BARS
from ritornello.errors import ConfigError
from ritornello.representations.conditions import Conditions
from ritornello.representations.tokens import Note, Tokens

MOST_SILENT_BARS = 2
"""The longest silence in a composed piece, where a representation limits it."""


class BarPosition(NamedTuple):
    """A time in steps of a grid: the bar, from 0; the position in it; the steps of the bar, and of a beat."""

    bar: int
    position: int
    bar_steps: int
    beat_steps: int


@dataclass
class GrammarState:
    """The state of the grammar within a piece, id by id. It starts before `start_id`.

    A subclass has `quarters`, `place` and `allow`; its `advance` calls this one first. A piece has the bars of the
    conditions, or at most `default_bars`; after `finish_bar`, `last_bars`.
    """

    tokens: Tokens
    conditions: Conditions
    _: KW_ONLY
    token: int = -1  # the last id; -1: none yet
    notes: int = 0  # how many have been read
    ended: bool = False  # whether `end_id` has been read
    last_notes: tuple[Note, ...] = ()  # the `notes_of` the last id, before it was read
    last_bars: int | None = None  # None: as planned

    default_bars: ClassVar[int] = DEFAULT_BARS

    def advance(self, token: int) -> None:
        """Read the next id. Any id is accepted; one that makes no sense changes only column 0."""
        self.last_notes = self.notes_of(token)
        self.token = token
        self.ended |= token == self.tokens.first["end"]

    def notes_of(self, token: int) -> tuple[Note, ...]:
        """Return voice and sounding pitch of the notes that would begin with `token` now: those in `Tokens`, and those
        that depend on the past. A chord that is one id has one pitch, from `tokens.CHORD` up."""
        return self.tokens.notes_of(token)

    @property
    def columns(self) -> tuple[int, ...]:
        """The row of input columns after the last id."""
        return (self.token,)

    @property
    def quarters(self) -> float:
        """The present time in quarter notes from the start of the piece."""
        raise NotImplementedError

    @property
    def place(self) -> tuple[int, int]:
        """The present bar, from 0, and the position in it, in steps of the grid."""
        raise NotImplementedError

    @property
    def bar_position(self) -> BarPosition | None:
        """The present time to the step, also where nothing begins; None if the ids do not determine it."""
        return None

    @property
    def forced_token(self) -> int | None:
        """The id of a fixed note, or one that belongs to it, that must come now or after other ids that the mask
        allows; no constraint may forbid it. None if there is none."""
        return None

    @property
    def reassigns_probability(self) -> bool:
        """Whether `reassign_probability` may return anything."""
        return False

    def reassign_probability(self, mask: Mask) -> list[tuple[int, Mask]]:
        """Return ids that `mask` allows, each with the mask of forbidden ids that mean the same here, such as the end
        and shifts past the last bar line. Their probability is added to that of the id."""
        return []

    @property
    def bars(self) -> int:
        """The greatest length in bars."""
        return (self.conditions.bars or self.default_bars) if self.last_bars is None else self.last_bars

    @property
    def is_free(self) -> bool:
        """Whether the model chooses where the piece ends."""
        return self.conditions.bars is None and not self.is_finishing

    @property
    def is_finishing(self) -> bool:
        """Whether `finish_bar` was called."""
        return self.last_bars is not None

    def finish_bar(self) -> None:
        """End the piece with the present bar: from now on the mask leads to its end, and no note is cut."""
        self.last_bars = self.place[0] + 1

    def fork(self) -> Self:
        """Return an independent copy."""
        return replace(self)

    def allowed_mask(self, out: Mask | None = None) -> Mask:
        """Return a mask of shape (vocabulary_size,): the ids that make sense next. At least one is true.

        It is written into `out`, if that is given, such as a row of the masks of a batch.
        """
        mask = np.empty(self.tokens.size, dtype=bool) if out is None else out
        mask.fill(False)
        if self.token < 0:
            mask[self.tokens.first["start"]] = True
        elif not self.ended:
            self.allow(mask)
        if not mask[mask.argmax()]:  # none; a quarter of the time of any()
            mask[self.tokens.first["end"]] = True
        return mask

    def allow(self, mask: Mask) -> None:
        """Set in `mask` the ids allowed after the start; none means the end."""
        raise NotImplementedError


@dataclass
class GridGrammarState(GrammarState):
    """The base of a grammar state on a grid in 4/4: `step` steps have been read."""

    steps_per_bar: int = 16
    tokenizer: Any = field(kw_only=True)  # a subclass has its type
    step: int = 0

    def __post_init__(self) -> None:
        if self.conditions.meter not in (None, (4, 4)):
            meter = "/".join(map(str, self.conditions.meter))
            raise ConfigError(f"meter {meter}: this model knows only bars of 4/4")

    @property
    def quarters(self) -> float:
        return 4 * self.step / self.steps_per_bar

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.step, self.steps_per_bar)

    @property
    def bar_position(self) -> BarPosition:
        steps = self.steps_per_bar
        return BarPosition(*divmod(self.step, steps), steps, steps // 4)

    @property
    def limit(self) -> int:
        """The greatest length in steps."""
        return self.bars * self.steps_per_bar

    def allow(self, mask: Mask) -> None:
        if self.step < self.limit:
            self.allow_step(mask)

    def allow_step(self, mask: Mask) -> None:
        """Set in `mask` the ids allowed before the limit."""
        raise NotImplementedError


@dataclass
class StepGrammarState(GridGrammarState):
    """The base where an id is a step: the place is that of the last id, and pieces end at bar lines only."""

    @property
    def place(self) -> tuple[int, int]:
        return divmod(max(0, self.step - 1), self.steps_per_bar)

    @property
    def may_rest(self) -> bool:
        """Whether the next step may be silent: a piece has at least one note."""
        return bool(self.notes) or self.step < self.limit - 1

    @property
    def may_end(self) -> bool:
        return bool(self.notes) and self.step % self.steps_per_bar == 0 and self.is_free


@dataclass
class ChordGrammarState(GridGrammarState):
    """The base where a step is several ids, its notes and an id for its end."""

    silent: int = 0  # steps without a note, up to the present one

    @property
    def place(self) -> tuple[int, int]:
        """The place of the present step; after the end, of the last."""
        return divmod(self.step - (self.ended and self.step > 0), self.steps_per_bar)

    @property
    def must_play(self) -> bool:
        """Whether the present step has to have a note: after a long silence, or at the end of a silent piece."""
        is_last = not self.notes and self.step == self.limit - 1
        return is_last or self.silent >= MOST_SILENT_BARS * self.steps_per_bar

    @property
    def may_end(self) -> bool:
        """Whether the piece may end in the present bar."""
        in_last_bar = self.is_free or self.step > self.limit - self.steps_per_bar
        return bool(self.notes) and in_last_bar

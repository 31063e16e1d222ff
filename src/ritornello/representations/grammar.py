"""The base classes of grammar states: last id, end, notes and length of the piece; the step, for those on a grid."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from ritornello.arrays import Mask
from ritornello.config import DEFAULT_BARS
from ritornello.errors import ConfigError
from ritornello.representations.base import BarPosition
from ritornello.representations.conditions import Conditions
from ritornello.representations.tokenizer import FixedTokenizer
from ritornello.representations.tokens import Note, Tokens

MOST_SILENT_BARS = 2
"""The longest silence of a `ChordGrammarState`."""


@dataclass
class BaseGrammarState:
    """The base of every `GrammarState` (see `representations.base`). A subclass has `quarters`, `place` and `allow`,
    and its `advance` calls this one first.

    A piece has the bars of the conditions, or at most `default_bars`; after `finish_bar`, `last_bars`.
    """

    tokens: Tokens
    conditions: Conditions
    _: KW_ONLY
    token: int = -1  # the last id; -1: none yet
    notes: int = 0
    ended: bool = False
    last_notes: tuple[Note, ...] = ()
    last_bars: int | None = None  # None: as planned

    default_bars: ClassVar[int] = DEFAULT_BARS

    def advance(self, token: int) -> None:
        self.last_notes = self.notes_of(token)
        self.token = token
        self.ended |= token == self.tokens.first["end"]

    def notes_of(self, token: int) -> tuple[Note, ...]:
        return self.tokens.notes_of(token)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.token,)

    @property
    def place(self) -> tuple[int, int]:
        raise NotImplementedError

    @property
    def bar_position(self) -> BarPosition | None:
        return None

    @property
    def forced_token(self) -> int | None:
        return None

    def reassign_probability(self, mask: Mask) -> tuple[int, Mask] | None:
        return None

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
        self.last_bars = self.place[0] + 1

    def fork(self) -> Self:
        return replace(self)

    def allowed_mask(self) -> Mask:
        mask = np.zeros(self.tokens.size, dtype=bool)
        if self.token < 0:
            mask[self.tokens.first["start"]] = True
        elif not self.ended:
            self.allow(mask)
        if not mask.any():
            mask[self.tokens.first["end"]] = True
        return mask

    def allow(self, mask: Mask) -> None:
        """Set in `mask` the ids allowed after the start; none means the end."""
        raise NotImplementedError


@dataclass
class GridGrammarState(BaseGrammarState):
    """The base of a grammar state on a grid in 4/4: `step` steps have been read."""

    steps_per_bar: int = 16
    tokenizer: FixedTokenizer[Any] = field(kw_only=True)
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

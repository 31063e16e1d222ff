"""What grammar states share: the last id, the end, notes, the length of the piece; and what those on a grid share."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from ritornello.arrays import Mask
from ritornello.config import DEFAULT_BARS
from ritornello.errors import ConfigError
from ritornello.representations.base import BarPosition, Conditions
from ritornello.representations.tokenizer import FixedTokenizer
from ritornello.representations.tokens import Note, Tokens

MOST_SILENT_BARS = 2
"""Bars without a note that a piece composed of chords may have in a row."""


class Reader(Protocol):
    """What the ids so far mean."""

    @property
    def values(self) -> tuple[int, ...]:
        """The input columns after the last id."""

    def fork(self) -> Any: ...


@dataclass
class BaseGrammarState:
    """The part of a `GrammarState` (see `representations.base`) that all share. A subclass has `quarters`, `place` and
    `allow`, and its `advance` calls this one first.

    A piece has as many bars as the conditions ask for, or `default_bars` at most; after `finish_bar`, `last_bars`.
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
        """The length in bars that must not be passed."""
        planned = self.conditions.bars or self.default_bars
        return planned if self.last_bars is None else self.last_bars

    @property
    def is_free(self) -> bool:
        """Whether the model may end the piece where it likes."""
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
        """Set in `mask` what may come within the piece, after its start; nothing stands for the end."""
        raise NotImplementedError


@dataclass
class ReaderGrammarState(BaseGrammarState):
    """The further part where a reader knows what the ids mean."""

    reader: Reader

    @property
    def columns(self) -> tuple[int, ...]:
        return self.reader.values

    def fork(self) -> Self:
        return replace(self, reader=self.reader.fork())


@dataclass
class GridGrammarState(BaseGrammarState):
    """The further part that counts steps: `step` have been read."""

    steps_per_bar: int = 16
    tokenizer: FixedTokenizer[Any] = field(kw_only=True)
    step: int = 0

    def __post_init__(self) -> None:
        if self.conditions.meter not in (None, (4, 4)):
            raise ConfigError(
                f"meter {'/'.join(map(str, self.conditions.meter))}: this model knows only bars of 4/4"
            )

    @property
    def quarters(self) -> float:
        return 4 * self.step / self.steps_per_bar

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.step, self.steps_per_bar)

    @property
    def bar_position(self) -> BarPosition:
        return BarPosition(
            *divmod(self.step, self.steps_per_bar), self.steps_per_bar, self.steps_per_bar // 4
        )

    @property
    def limit(self) -> int:
        """The length in steps that must not be passed."""
        return self.bars * self.steps_per_bar

    def allow(self, mask: Mask) -> None:
        if self.step < self.limit:
            self.allow_step(mask)

    def allow_step(self, mask: Mask) -> None:
        """Set in `mask` what may come before the limit."""
        raise NotImplementedError


@dataclass
class StepGrammarState(GridGrammarState):
    """The further part where an id is a step: its place is that of the last one, and pieces end at bar lines only."""

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
    """The further part where each step is written note by note, with an id for its end."""

    silent: int = 0  # steps without a note, up to the present one

    @property
    def place(self) -> tuple[int, int]:
        """The place of the present step; once the piece has ended, of its last."""
        return divmod(self.step - (self.ended and self.step > 0), self.steps_per_bar)

    @property
    def must_play(self) -> bool:
        """Whether the present step has to have a note: after a long silence, or as the last chance of a first one."""
        is_last = not self.notes and self.step == self.limit - 1
        return is_last or self.silent >= MOST_SILENT_BARS * self.steps_per_bar

    @property
    def may_end(self) -> bool:
        """Whether the piece may end in the present bar."""
        in_last_bar = self.is_free or self.step > self.limit - self.steps_per_bar
        return bool(self.notes) and in_last_bar

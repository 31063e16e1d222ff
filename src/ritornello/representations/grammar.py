"""What grammar states share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritornello.arrays import Mask
from ritornello.errors import ConfigError
from ritornello.representations.base import Conditions, Moment
from ritornello.representations.tokenizer import FixedTokenizer

DEFAULT_LENGTH = 32
"""Bars, where the conditions does not say."""

MOST_SILENT_BARS = 2
"""Bars without a note that a piece composed of chords may have in a row."""


@dataclass
class GridGrammarState:
    """The part of a `GrammarState` that counts steps and bars: `step` is the present one. A subclass has `allow`."""

    conditions: Conditions
    steps_per_bar: int = 16
    tokenizer: FixedTokenizer[Any] = field(kw_only=True)
    token: int = -1
    step: int = 0
    note_count: int = 0
    ended: bool = False
    last_bar: int = -1  # -1: as planned

    def __post_init__(self) -> None:
        if self.conditions.meter not in (None, (4, 4)):
            raise ConfigError(
                f"meter {'/'.join(map(str, self.conditions.meter))}: this model knows only bars of 4/4"
            )

    @property
    def notes(self) -> int:
        return self.note_count

    @property
    def quarters(self) -> float:
        return 4 * self.step / self.steps_per_bar

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.step, self.steps_per_bar)

    @property
    def moment(self) -> Moment:
        return Moment(*divmod(self.step, self.steps_per_bar), self.steps_per_bar, self.steps_per_bar // 4)

    @property
    def bars(self) -> int:
        """The length in bars that must not be passed."""
        return self.last_bar + 1 if self.last_bar >= 0 else self.conditions.bars or DEFAULT_LENGTH

    @property
    def is_free(self) -> bool:
        """Whether the model may end the piece where it likes."""
        return self.conditions.bars is None and self.last_bar < 0

    @property
    def limit(self) -> int:
        """The length in steps that must not be passed."""
        return self.bars * self.steps_per_bar

    @property
    def steps_read(self) -> int:
        """How many steps have been read."""
        return self.step

    def finish_bar(self) -> None:
        self.last_bar = self.place[0]

    def allowed_mask(self) -> Mask:
        mask = np.zeros(self.tokenizer.vocabulary_size, dtype=bool)
        if self.token < 0:
            mask[self.tokenizer.start_id] = True
        elif self.ended or self.steps_read >= self.limit:
            mask[self.tokenizer.end_id] = True
        else:
            self.allow(mask)
        return mask

    def allow(self, mask: Mask) -> None:
        """Set in `mask` what may come within the piece, after its start."""
        raise NotImplementedError


@dataclass
class ChordGrammarState(GridGrammarState):
    """The further part where each step is written note by note, with an id for its end."""

    silent: int = 0  # steps without a note, up to the present one
    is_new: bool = False  # whether the last id began a note

    @property
    def place(self) -> tuple[int, int]:
        """The place of the present step; once the piece has ended, of its last."""
        return divmod(self.step - (self.ended and self.step > 0), self.steps_per_bar)

    @property
    def last_note(self) -> tuple[int, int] | None:
        return (0, self.tokenizer.blocks.meaning[self.token][1]) if self.is_new else None

    @property
    def must_play(self) -> bool:
        """Whether the present step has to have a note: after a long silence, or as the last chance of a first one."""
        is_last = not self.note_count and self.step == self.limit - 1
        return is_last or self.silent >= MOST_SILENT_BARS * self.steps_per_bar

    @property
    def may_end(self) -> bool:
        """Whether the piece may end in the present bar."""
        in_last_bar = self.is_free or self.step > self.limit - self.steps_per_bar
        return bool(self.note_count) and in_last_bar

"""Ids -> what they mean, one at a time. Any id is accepted at any place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ritornello.representations.base import Column
from ritornello.representations.grids import DURATIONS, SHIFTS, STEPS_PER_QUARTER
from ritornello.representations.note_names.vocabulary import Kind, Vocabulary

STEP = STEPS_PER_QUARTER // 2
"""From one word to the next, where durations are not kept: half a quarter, as in system E."""

FIRST_LENGTH = int(np.searchsorted(DURATIONS, STEPS_PER_QUARTER))
"""The length (number in DURATIONS) that an instrument begins with: a quarter."""


def columns_of(vocabulary: Vocabulary) -> tuple[Column, ...]:
    """Return the input columns: the id; with durations also the steps since the last quarter, and what the
    instrument remembers; with instruments also which one plays (0: none yet)."""
    columns = [Column("token", vocabulary.size)]
    if vocabulary.config.durations:
        columns += [Column("phase", STEPS_PER_QUARTER), Column("length", len(DURATIONS))]
    if vocabulary.config.programs:
        columns.append(Column("instrument", len(vocabulary.config.programs) + 1))
    return tuple(columns)


@dataclass
class Reader:
    """The meaning of the ids so far. Times are in steps."""

    vocabulary: Vocabulary
    token: int = 0
    time: int = 0  # of the present onset, or of the one that waits have led to
    onset: int = -1  # of the last word; -1: none yet
    named: int = -1  # the instrument last named; -1: none yet
    lengths: dict[int, int] = field(default_factory=dict)  # number in DURATIONS, by instrument

    def advance(self, token: int) -> Kind:
        """Take the next id and return its kind."""
        kind, value = self.vocabulary.meaning[token]
        self.token = token
        if kind == Kind.WORD:
            if self.onset >= 0 and not self.vocabulary.config.durations:
                self.time += STEP
            self.onset = self.time
        elif kind == Kind.WAIT:
            self.time += int(SHIFTS[value])
        elif kind == Kind.LENGTH and self.onset >= 0:
            self.lengths[self.instrument] = value
        elif kind == Kind.INSTRUMENT:
            self.named = value
        return kind

    @property
    def instrument(self) -> int:
        """The number of the instrument that plays."""
        return max(self.named, 0)

    @property
    def length(self) -> int:
        """The number in DURATIONS that a word has unless it says otherwise."""
        return self.lengths.get(self.instrument, FIRST_LENGTH)

    @property
    def values(self) -> tuple[int, ...]:
        """The row of input columns after the last id."""
        config = self.vocabulary.config
        timed = (self.time % STEPS_PER_QUARTER, self.length) if config.durations else ()
        return (self.token, *timed, *((self.named + 1,) if config.programs else ()))

    def fork(self) -> Reader:
        """Return an independent copy."""
        return replace(self, lengths=dict(self.lengths))

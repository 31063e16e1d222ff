"""Candidates: answers to one call that are decoded together, of which the best is played.

A step of the network takes one id of each. Their notes are due when the answer starts: if they are not complete by
then, the best one so far is played, and its continuations are the next candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ritornello.generation.stepper import Logits, State
from ritornello.live.session.answer_preferences import Shape, preferences
from ritornello.live.session.call_profile import CallProfile, profile_of
from ritornello.live.session.ranking import Ranking
from ritornello.live.session.response_decoder import ResponseDecoder

Columns = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """The input of a step of the network: the rows of some ids, (batch, column), and the state before them."""

    columns: tuple[Columns, ...]
    state: State


class ModelState(NamedTuple):
    """The network's state before the last id, its row (None before the first), and the parts of the last header."""

    network: State
    row: Columns | None = None
    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Taste:
    """What makes an answer good: soft constraints and a ranking, for a call."""

    call: CallProfile
    shape: Shape
    ranking: Ranking

    def rank(self, decoder: ResponseDecoder, stop: float) -> float:
        """Return how good the notes of an answer before `stop` (quarters of its window) are."""
        task = decoder.task
        return self.ranking(decoder.notes(), task.start, min(stop, task.stop))


@dataclass
class Candidate:
    """An answer while it is decoded. ids: those since the last choice."""

    decoder: ResponseDecoder
    model_state: ModelState
    ids: list[int] = field(default_factory=list)
    has_taste: bool = False
    _ends: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        return self._ends or self.decoder.is_done

    def forks(self, count: int) -> list[Candidate]:
        """Return independent copies, each with a random generator of its own."""
        generators = self.decoder.task.generator.spawn(count)
        return [
            Candidate(self.decoder.fork(each), self.model_state, has_taste=self.has_taste)
            for each in generators
        ]

    def prefer(self, taste: Taste) -> None:
        """Prefer from here on what suits the call."""
        self.has_taste = True
        task, decoder = self.decoder.task, self.decoder.decoder
        if not task.closeness:
            return
        voices = self.decoder.model.programs_by_voice
        random = np.random.default_rng(task.generator.integers(1 << 32))
        decoder.follow(
            preferences(taste.call, decoder.representation, taste.shape, voices, random, task.closeness)
        )

    def go_on(self, logits: Logits, state: State) -> None:
        """Choose the next id by its logits, (vocabulary,); `state` is that of the network after the last one."""
        token = self.decoder.choose(logits)
        if token is None:
            self._ends = True
            return
        self.decoder.advance(token)
        columns = self.decoder.grammar.columns
        self.model_state = ModelState(state, columns, self.model_state.parts)
        self.ids.append(token)


def step_of(lines: Sequence[Candidate]) -> Step:
    """Return the step that the next ids of some candidates need."""
    states = [line.model_state for line in lines]
    parts = zip(*(state.network for state in states), strict=True)
    network = states[0].network if len(states) == 1 else tuple(np.concatenate(part) for part in parts)
    return Step(tuple(state.row for state in states if state.row is not None), network)


def taste_for(decoder: ResponseDecoder) -> Taste | None:
    """Return the taste for an answer to the call that the ids of `decoder` are; None if it has no pitched notes."""
    task, ids = decoder.task, decoder.decoder.ids
    call = profile_of(decoder.decoder.representation.decode(np.array(ids, dtype=np.int32)))
    if call is None:
        return None
    shape = Shape(task.stop - task.start, task.bar, (decoder.target - decoder.offset) % task.bar)
    return Taste(call, shape, Ranking(call, shape, decoder.model.worth(shape.bars)))

"""Constrained decoding of one sequence: masks and logits for the next id.

Two mechanisms decide what may come next: the grammar of the representation, which leads every piece to an end, and
constraints in the order of their ranks (`generation.constraints`). Composing, beam search and live play share this loop
body:

    mask, logits = decoder.mask(), decoder.process(logits)
    token = sample(logits, mask)
    decoder.accept(token)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from typing import Self

import numpy as np

from ritornello.arrays import Mask
from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import ConstraintState, Preference, Together, taken_together
from ritornello.generation.samplers import LOWEST
from ritornello.generation.stepper import Logits
from ritornello.representations.base import Conditions, GrammarState, Representation

LogitsProcessor = Callable[[Sequence[int], Logits], Logits]
"""Takes the ids so far and the logits of the next one, (vocabulary,), and returns new logits of that shape."""


class Decoder:
    """A sequence while it is decoded.

    ids: those so far. grammar: the grammar state after them. allowed: the last mask. is_choice: whether it left more
    than one id. relaxed: the constraints that gave way to the grammar or to more important ones, and at how many steps.
    forced: after `mask`, the id of a fixed note that is due now, which no constraint may ban; None if there is none.
    """

    def __init__(
        self,
        representation: Representation,
        conditions: Conditions = Conditions(),  # a frozen value
        constraints: Sequence[ConstraintState] = (),
        processors: Sequence[LogitsProcessor] = (),
    ) -> None:
        """`constraints`, the most important first, are forked."""
        self.representation, self.conditions = representation, conditions
        self.grammar: GrammarState = representation.grammar(conditions)
        self._follow(constraints)
        self.processors = tuple(processors)
        self.ids: list[int] = []
        self.relaxed: Counter[str] = Counter()
        self.forced: int | None = None
        self.allowed: Mask = np.ones(representation.vocabulary_size, dtype=bool)
        self.is_choice = True

    def _follow(self, constraints: Sequence[ConstraintState]) -> None:
        self.constraints = [state.fork() for state in constraints]
        self._applied = taken_together(
            state for state in self.constraints if not isinstance(state, Preference)
        )
        follow = (state for state in self.constraints if type(state).advance is not ConstraintState.advance)
        self._advance = [state.advance for state in follow]
        soft = (state for state in self.constraints if type(state).preferred is not ConstraintState.preferred)
        self._preferring = list(soft)

    def follow(self, more: Sequence[ConstraintState]) -> None:
        """Follow more constraints from here on."""
        for state in more:
            state.advance(self.grammar)
        self._follow(sorted([*self.constraints, *more], key=lambda state: state.rank))

    def fork(self) -> Self:
        """Return an independent copy."""
        other = copy(self)
        other.grammar, other.ids = self.grammar.fork(), list(self.ids)
        other._follow(self.constraints)
        other.relaxed = self.relaxed.copy()
        return other

    @property
    def is_inclined(self) -> bool:
        """Whether a constraint prefers some ids."""
        return bool(self._preferring)

    def accept(self, token: int) -> None:
        """Add an id."""
        self.ids.append(token)
        self.grammar.advance(token)
        for advance in self._advance:
            advance(self.grammar)

    def mask(self, out: Mask | None = None, restrict: Callable[[Mask], Mask] | None = None) -> Mask:
        """Return the ids that may come next, (vocabulary,), in `out` if it is given, such as a row of a batch.

        A constraint that would leave nothing gives way, and is counted; so at least one id is true, unless `restrict`,
        which takes the mask of the grammar and returns a smaller one, leaves none. A forced id is always true.
        """
        allowed = self.grammar.allowed_mask(out)
        self.forced = self.grammar.forced_token
        self.allowed = allowed = allowed if restrict is None else restrict(allowed)
        count = np.count_nonzero(allowed)
        is_fixed = self.conditions.fixed_notes is not None and count == 1
        if count and not is_fixed:  # constraints do not apply to fixed notes
            relaxed = apply_constraints(self.grammar, self._applied, allowed)
            if self.forced is not None:
                allowed &= not relaxed
                allowed[self.forced] = True
            elif relaxed:
                self.relaxed.update(relaxed)
            count = np.count_nonzero(allowed)
        self.is_choice = bool(count > 1)
        return allowed

    def process(self, logits: Logits) -> Logits:
        """Return the logits, (vocabulary,), by which to choose among the ids of the last mask.

        The probability of ids that lead past fixed notes or past the end goes where the grammar says; then the
        preferences of constraints are added, and the processors are called in order. Raises ConfigError for one that
        returns another shape.
        """
        for target, others in self.grammar.reassign_probability(self.allowed) if self.is_choice else ():
            if others.any():
                others[target] = True
                total = np.logaddexp.reduce(logits[others])
                logits = logits.copy()
                logits[target] = total
                logits[others & ~self.allowed] = LOWEST
        for state in self._preferring if self.is_choice else ():
            added = state.preferred(self.grammar, self.allowed, logits)
            logits = logits if added is None else logits + added
        for processor in self.processors:
            shape, logits = logits.shape, np.asarray(processor(self.ids, logits.copy()), dtype=np.float32)
            if logits.shape != shape:
                raise ConfigError(
                    f"a logits processor returned shape {logits.shape}; it must return that of its logits, {shape}"
                )
        return logits


def apply_constraints(
    grammar: GrammarState, constraints: Sequence[ConstraintState], allowed: Mask
) -> list[str]:
    """Remove the ids that `constraints` ban from `allowed`, in place; return the names of those that gave way since
    they would have left nothing. Raises ConfigError for a constraint that bans anything but ids."""
    relaxed = []
    for state in constraints:
        banned = state.banned_mask(grammar, allowed)
        if banned is not None:
            left = np.greater(allowed, banned)
            if np.count_nonzero(left):
                allowed[:] = left
            elif isinstance(state, Together):
                relaxed += apply_constraints(grammar, state.states, allowed)
            else:
                relaxed.append(state.name)
    return relaxed

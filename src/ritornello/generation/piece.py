"""A piece while it is composed: what may come next, and how probable what has come."""

from __future__ import annotations

from collections import Counter, defaultdict
from copy import copy, deepcopy

import numpy as np
from numpy.typing import NDArray

from ritornello.generation.beginning import Beginning
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints import Constraint, allowed_ids
from ritornello.generation.control import MakeConstraints
from ritornello.generation.given import LEADS_ON
from ritornello.generation.samplers import LOWEST
from ritornello.generation.stepper import Logits
from ritornello.representations.base import Ids, Representation


class Piece:
    """A piece while it is composed.

    log_probability: of the ids that were chosen. given_log_probability: of the given ids beside free parts, or in the
    LEADS_ON bars after a free one; given_notes: how many notes these bring. notes_given: all that were not chosen.
    quarters_given: where the beginning ends, -1 if it has no notes. relaxed_constraints: the constraints that had
    to give way, and at how many steps.
    """

    def __init__(
        self,
        representation: Representation,
        config: ComposeConfig,
        beginning: Beginning,
        rules: MakeConstraints,
        index: int,
        generator: np.random.Generator,
    ) -> None:
        self.representation, self.index, self.generator = representation, index, generator
        self.grammar = representation.grammar(beginning.conditions)
        self.constraints: list[Constraint] = rules()
        self.beginning, self._notes_wanted = beginning, config.notes
        self._loop_ids: int | None = None  # how many ids stand before a loop's end
        self.ids: list[int] = []
        for token in beginning.ids.tolist():
            self.advance(token)
        self.log_probability, self.given_log_probability = 0.0, 0.0
        self.relaxed_constraints: Counter[str] = Counter()
        self.notes_given, self.given_notes = self.grammar.notes, 0
        self.quarters_given = self.grammar.quarters if self.notes_given else -1.0
        self._log_probs: defaultdict[int, float] = defaultdict(float)  # by bar, of its ids
        self._judged: set[int] = set()  # the bars whose given ids count
        self._due: int | None = None
        self._mask = np.empty(0, dtype=bool)
        self._logits: Logits = np.empty(0, dtype=np.float32)

    def fork(self) -> Piece:
        """Return a copy that goes its own way; the generator is shared."""
        other = copy(self)
        other.grammar, other.ids = self.grammar.fork(), list(self.ids)
        other._log_probs, other._judged = self._log_probs.copy(), set(self._judged)
        other.constraints = deepcopy(self.constraints, {id(self.representation): self.representation})
        return other

    @property
    def finished_ids(self) -> Ids:
        """The ids of the piece; of a loop, without what follows its end."""
        ids = self.ids if self._loop_ids is None else [*self.ids[: self._loop_ids], self.ids[-1]]
        return np.array(ids, dtype=np.int32)

    def advance(self, token: int) -> None:
        """Add an id."""
        self.ids.append(token)
        self.grammar.advance(token)
        for constraint in self.constraints:
            constraint.observe(self.grammar)

    def allowed_mask(self) -> NDArray[np.bool_]:
        """Return the mask of the ids that may come next. What is due may come, whatever the constraints say."""
        self._due, self._mask = self.grammar.forced_token, self._given_mask()
        if not len(self._mask):
            self._mask, relaxed_constraints = allowed_ids(self.grammar, self.constraints)
            if self._due is not None:
                self._mask = np.zeros_like(self._mask) if relaxed_constraints else self._mask
                self._mask[self._due] = True
            elif relaxed_constraints:
                self.relaxed_constraints = self.relaxed_constraints + Counter(
                    relaxed_constraints
                )  # a new one: pieces that fork share the old
        return self._mask

    def _given_mask(self) -> NDArray[np.bool_]:
        """Return the mask if what is given leaves one id only, of which constraints have nothing to say; else none."""
        if self.beginning.conditions.given is not None and (mask := self.grammar.allowed_mask()).sum() == 1:
            return mask
        return np.empty(0, dtype=bool)

    def adjust_logits(self, logits: Logits) -> Logits:
        """Return the logits, (vocabulary,), by which to choose among what is allowed: what the model expects to lead
        past given notes counts for the id that leads to them."""
        self._logits = logits
        found = self.grammar.reassign_probability(self._mask) if self._is_choice else None
        if found is None or not found[1].any():
            return logits
        target, others = found
        others[target] = True
        heard = logits.copy()
        heard[target] = np.logaddexp.reduce(logits[others])
        heard[others & ~self._mask] = LOWEST
        return heard

    @property
    def _is_choice(self) -> bool:
        return int(self._mask.sum()) > 1

    def take(self, token: int, log_probability: float) -> None:
        """Add the id that was chosen, or the end if the piece has all its notes or far too many ids."""
        limit, end = self.beginning.id_limit, self.representation.end_id
        notes, bar = self.grammar.notes, self.grammar.place[0]
        if self._is_full(token) or len(self.ids) > 2 * limit:
            self.advance(end)
        else:
            self.advance(token)
            self._judge(token, log_probability, self.grammar.notes - notes, bar)
        if self._has_all_notes() or len(self.ids) == limit:
            self.grammar.finish_bar()
        self._close_loop()
        if self._is_settled():
            self._follow_given()

    def _judge(self, token: int, log_probability: float, notes: int, bar: int) -> None:
        """Count an id that brings so many notes, pushed in `bar`, among the chosen or among the given ones."""
        given, is_chosen = self.beginning.conditions.given, self._is_choice and token != self._due
        if is_chosen:
            self.log_probability += log_probability
        if given is None or not self.grammar.notes:  # the header is not judged
            return
        log_prob = self._log_prob_of(token)
        self._log_probs[bar] += log_prob
        if is_chosen:
            return
        self.notes_given += notes
        follows = bar not in given.free and not given.free.isdisjoint(range(bar - LEADS_ON, bar))
        if given.is_accompanied or follows:
            self._judged.add(bar)
            self.given_log_probability += log_prob
            self.given_notes += notes

    @property
    def continuation_score(self) -> float | None:
        """How probable the given notes are that follow something free, in nats a note; those of bars that return,
        beside how probable they were when they were composed. None if there are none."""
        given = self.beginning.conditions.given
        if given is None or not self.given_notes:
            return None
        before = sum(self._log_probs[given.returns[bar]] for bar in self._judged if bar in given.returns)
        return (self.given_log_probability - before) / self.given_notes

    def _log_prob_of(self, token: int) -> float:
        """Return the model's own log-probability of an id, whatever is allowed."""
        wide = self._logits.astype(np.float64)
        return float(wide[token] - np.logaddexp.reduce(wide))

    def _close_loop(self) -> None:
        """End a loop once it has been heard to lead into its beginning; note where that is cut off."""
        bars = self.beginning.loop_bars
        if bars is None or self.grammar.ended or self.grammar.place[0] < bars:
            return
        if self._loop_ids is None:
            self._loop_ids = len(self.ids) - 1
        if self.grammar.place[0] >= bars + LEADS_ON:
            self.advance(self.representation.end_id)

    def _is_settled(self) -> bool:
        """Whether all that is left is given and is not judged."""
        given = self.beginning.conditions.given
        if given is None or given.is_accompanied or self.beginning.loop_bars is not None:
            return False
        return self.grammar.place[0] > max(given.free, default=-1) + LEADS_ON

    def _follow_given(self) -> None:
        """Add the rest, of which nothing has to be chosen, without asking the model."""
        notes = self.grammar.notes
        while not self.grammar.ended:
            [token] = np.flatnonzero(self.grammar.allowed_mask())
            self.advance(int(token))
        self.notes_given += self.grammar.notes - notes

    def _has_all_notes(self) -> bool:
        return self._notes_wanted is not None and self.grammar.notes >= self._notes_wanted

    def _is_full(self, token: int) -> bool:
        """Whether the piece has all its notes, and `token` would go on instead of shaping the last of them."""
        if not self._has_all_notes():
            return False
        after = self.grammar.fork()
        after.advance(token)
        return after.notes > self.grammar.notes or after.place != self.grammar.place

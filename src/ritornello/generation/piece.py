"""A piece while it is composed: a decoder, what ends the piece, and how probable what has come was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from copy import copy

import numpy as np

from ritornello.arrays import Mask
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints.base import ConstraintState
from ritornello.generation.constraints.fixed_notes import LEADS_ON
from ritornello.generation.decoder import Decoder, LogitsProcessor
from ritornello.generation.prepare import Beginning
from ritornello.generation.stepper import Logits
from ritornello.representations.base import GrammarState, Ids, Representation


class Piece:
    """A piece while it is composed.

    log_probability: of the ids that were chosen. given_log_probability: of the given ids beside free parts, or in the
    LEADS_ON bars after a free one; given_notes: how many notes these bring. notes_given: all that were not chosen.
    quarters_given: where the beginning ends, -1 if it has no notes.
    """

    def __init__(
        self,
        representation: Representation,
        config: ComposeConfig,
        beginning: Beginning,
        constraints: Sequence[ConstraintState],
        index: int,
        generator: np.random.Generator,
        processors: Sequence[LogitsProcessor] = (),
    ) -> None:
        self.representation, self.index, self.generator = representation, index, generator
        self.decoder = Decoder(representation, beginning.conditions, constraints, processors)
        self.beginning, self._notes_wanted = beginning, config.notes
        self._loop_ids: int | None = None  # how many ids stand before a loop's end
        for token in beginning.ids.tolist():
            self.decoder.accept(token)
        self.log_probability, self.given_log_probability = 0.0, 0.0
        self.notes_given, self.given_notes = self.grammar.notes, 0
        self.quarters_given = self.grammar.quarters if self.notes_given else -1.0
        self._log_probs: defaultdict[int, float] = defaultdict(float)  # by bar, of its ids
        self._judged: set[int] = set()  # the bars whose given ids count
        self._logits: Logits = np.empty(0, dtype=np.float32)

    def fork(self) -> Piece:
        """Return a copy that goes its own way; the generator is shared."""
        other = copy(self)
        other.decoder = self.decoder.fork()
        other._log_probs, other._judged = self._log_probs.copy(), set(self._judged)
        return other

    @property
    def grammar(self) -> GrammarState:
        return self.decoder.grammar

    @property
    def finished_ids(self) -> Ids:
        """The ids of the piece; of a loop, without what follows its end."""
        ids = self.decoder.ids
        return np.array(ids if self._loop_ids is None else [*ids[: self._loop_ids], ids[-1]], dtype=np.int32)

    def mask(self) -> Mask:
        """Return the ids that may come next."""
        return self.decoder.mask()

    @property
    def adjusts_logits(self) -> bool:
        """Whether `process` has anything to do."""
        return self.beginning.conditions.given is not None or bool(self.decoder.processors)

    def process(self, logits: Logits) -> Logits:
        """Return the logits, (vocabulary,), by which to choose; see `Decoder.process`."""
        self._logits = logits
        return self.decoder.process(logits)

    def take(self, token: int, log_probability: float) -> None:
        """Add the id that was chosen, or the end if the piece has all its notes or far too many ids."""
        limit, decoder = self.beginning.id_limit, self.decoder
        notes, bar = self.grammar.notes, self.grammar.place[0]
        if self._is_full(token) or len(decoder.ids) > 2 * limit:
            decoder.accept(self.representation.end_id)
        else:
            decoder.accept(token)
            self._judge(token, log_probability, self.grammar.notes - notes, bar)
        if self._has_all_notes() or len(decoder.ids) == limit:
            self.grammar.finish_bar()
        self._close_loop()
        if self._is_settled():
            self._follow_given()

    # --- how probable -----------------------------------------------------------------------------------------

    def _judge(self, token: int, log_probability: float, notes: int, bar: int) -> None:
        """Count an id that brings so many notes, read in `bar`, among the chosen or among the given ones."""
        given = self.beginning.conditions.given
        is_chosen = self.decoder.is_choice and token != self.decoder.forced
        if is_chosen:
            self.log_probability += log_probability
        if given is None or not self.grammar.notes:  # the header is not judged
            return
        wide = self._logits.astype(np.float64)  # the model's own, whatever is allowed
        log_prob = float(wide[token] - np.logaddexp.reduce(wide))
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

    # --- the end ----------------------------------------------------------------------------------------------

    def _close_loop(self) -> None:
        """End a loop once it has led into its beginning; note where that is cut off."""
        bars = self.beginning.loop_bars
        if bars is None or self.grammar.ended or self.grammar.place[0] < bars:
            return
        if self._loop_ids is None:
            self._loop_ids = len(self.decoder.ids) - 1
        if self.grammar.place[0] >= bars + LEADS_ON:
            self.decoder.accept(self.representation.end_id)

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
            self.decoder.accept(int(token))
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

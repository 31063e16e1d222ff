"""One piece of a batch while it is composed: a decoder with the end of the piece and the log-probability of its ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Self

import numpy as np

from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints.base import ConstraintState
from ritornello.generation.constraints.fixed_notes import LEADS_ON
from ritornello.generation.decoder import Decoder, LogitsProcessor
from ritornello.generation.prepare import Beginning
from ritornello.generation.stepper import Logits
from ritornello.representations.base import FixedNotes, Ids, Representation


class Piece(Decoder):
    """A piece while it is composed.

    log_probability: of the ids that were chosen. fixed_log_probability: of the fixed ids beside free parts, or in the
    LEADS_ON bars after a free one; judged_notes: how many notes these bring. unchosen_notes: all notes that were not
    chosen, those of the primer among them. primer_quarters: where the primer ends, -1 if it has no notes.
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
        super().__init__(representation, beginning.conditions, constraints, processors)
        self.index, self.generator = index, generator
        self.beginning, self._notes_wanted = beginning, config.notes
        self._loop_ids: int | None = None  # how many ids stand before a loop's end
        for token in beginning.ids.tolist():
            self.accept(token)
        self.log_probability, self.fixed_log_probability = 0.0, 0.0
        self.unchosen_notes, self.judged_notes = self.grammar.notes, 0
        self.primer_quarters = self.grammar.quarters if self.unchosen_notes else -1.0
        self._log_probs: defaultdict[int, float] = defaultdict(float)  # by bar, of its ids
        self._judged: set[int] = set()  # the bars whose fixed ids count
        self._logits: Logits = np.empty(0, dtype=np.float32)

    def fork(self) -> Self:
        """Return an independent copy; the generator is shared."""
        other = super().fork()
        other._log_probs, other._judged = self._log_probs.copy(), set(self._judged)
        return other

    @property
    def finished_ids(self) -> Ids:
        """The ids of the piece; of a loop, without what follows its end."""
        ids = self.ids
        return np.array(ids if self._loop_ids is None else [*ids[: self._loop_ids], ids[-1]], dtype=np.int32)

    @property
    def ids_so_far(self) -> Ids:
        """The ids up to now, while the piece is composed."""
        return np.array(self.ids, dtype=np.int32)

    @property
    def adjusts_logits(self) -> bool:
        """Whether `process` has anything to do."""
        is_judged = self.conditions.fixed_notes is not None  # by the logits
        return is_judged or self.grammar.reassigns_probability or self.is_inclined or bool(self.processors)

    def process(self, logits: Logits) -> Logits:
        """Return the logits, (vocabulary,), by which to choose; see `Decoder.process`."""
        self._logits = logits
        return super().process(logits)

    def take(self, token: int, log_probability: float) -> None:
        """Accept the id that was chosen, or the end if the piece has all its notes or far too many ids."""
        limit, fixed = self.beginning.id_limit, self.conditions.fixed_notes
        is_over = len(self.ids) > 2 * limit
        if self._has_all_notes():  # the last of them may still get a velocity and a duration
            after = self.grammar.fork()
            after.advance(token)
            is_over |= after.notes > self.grammar.notes or after.place != self.grammar.place
        if is_over:
            self.accept(self.representation.end_id)
        elif fixed is not None:
            self._take_beside(fixed, token, log_probability)
        else:
            if self.is_choice:
                self.log_probability += log_probability
            self.accept(token)
        if self._has_all_notes() or len(self.ids) == limit:
            self.grammar.finish_bar()
        if fixed is not None:
            self._go_on(fixed)

    def _has_all_notes(self) -> bool:
        return self._notes_wanted is not None and self.grammar.notes >= self._notes_wanted

    def _go_on(self, fixed: FixedNotes) -> None:
        """End a loop once its beginning has been judged. If only fixed notes are left and none of them is judged, add
        them without stepping the network."""
        loop_bars, bar, notes = self.beginning.loop_bars, self.grammar.place[0], self.grammar.notes
        if loop_bars is not None:
            if bar < loop_bars or self.grammar.ended:
                return
            if self._loop_ids is None:  # its beginning returns, to judge how it leads back
                self._loop_ids = len(self.ids) - 1
            if bar >= loop_bars + LEADS_ON:
                self.accept(self.representation.end_id)
            return
        if fixed.is_accompanied:
            return
        if self.grammar.place[0] > max(fixed.free, default=-1) + LEADS_ON:
            while not self.grammar.ended:
                [token] = np.flatnonzero(self.grammar.allowed_mask())
                self.accept(int(token))
            self.unchosen_notes += self.grammar.notes - notes

    # --- log-probability --------------------------------------------------------------------------------------

    def _take_beside(self, fixed: FixedNotes, token: int, log_probability: float) -> None:
        """Accept an id, and add its log-probability to that of the chosen or fixed ones."""
        bar, notes = self.grammar.place[0], -self.grammar.notes
        self.accept(token)
        notes += self.grammar.notes  # that it brings
        is_chosen = self.is_choice and token != self.forced
        if is_chosen:
            self.log_probability += log_probability
        if not self.grammar.notes:  # the header is not judged
            return
        wide = self._logits.astype(np.float64)  # the model's own, whatever is allowed
        log_prob = float(wide[token] - np.logaddexp.reduce(wide))
        self._log_probs[bar] += log_prob
        if is_chosen:
            return
        self.unchosen_notes += notes
        follows = bar not in fixed.free and not fixed.free.isdisjoint(range(bar - LEADS_ON, bar))
        if fixed.is_accompanied or follows:
            self._judged.add(bar)
            self.fixed_log_probability += log_prob
            self.judged_notes += notes

    @property
    def continuation_score(self) -> float | None:
        """Log-probability of the fixed notes that follow free ones, in nats a note; None if there are none.

        Of bars that return, the log-probability with which they were composed is subtracted.
        """
        fixed = self.conditions.fixed_notes
        if fixed is None or not self.judged_notes:
            return None
        before = sum(self._log_probs[fixed.returns[bar]] for bar in self._judged if bar in fixed.returns)
        return (self.fixed_log_probability - before) / self.judged_notes

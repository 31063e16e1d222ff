"""How a run spends its time or its steps: on learning, on scoring in the course of it, and on the end.

A time budget is that of the whole command. Scoring gets a tenth of it at most: EVALUATION_SHARE in the course of the
run, FINAL_SHARE at its end. How many ids that are is measured by the first evaluation; later ones score the same. What
the last evaluation, the final scoring and the writing will take, as measured so far, is kept back from learning.
"""

from __future__ import annotations

import math

from ritornello.training.config import TrainConfig
from ritornello.training.progress import Counters

EVALUATION_SHARE, FINAL_SHARE = 0.06, 0.04
"""The shares of a time budget for scoring in the course of the run, and at its end."""

CARD_EVALUATION_SHARE = 0.04
"""The first of them on a graphics card."""

INTERRUPTED_SHARE = 0.1
"""The share of the elapsed time that may have gone to evaluations, with the writing after them."""

EVALUATION_IDS = (4_000, 100_000)
"""Limits of the ids that are scored in one evaluation, while FEW_EVALUATIONS remain."""

FEW_EVALUATIONS, FEWEST_IDS = 2, 1_000
"""A large network and few minutes: it is scored before the first step and at the end only, on so many ids at least."""

FINAL_IDS = 2_000_000
"""The most ids that are scored at the end, and by the bigram model: all of them, except in the largest corpora."""

SLOWER = 8
"""An id of one whole piece takes up to so many times as long as one of many excerpts side by side."""

LATE = 1.1
"""A run that would end this many times its time budget ends without scoring more than its evaluations did."""

CAUTION = 1.2
"""What is kept back for the end of a run is what it should take, times this."""


class Budget:
    """The plan of a run of a settled `config`, from the times and counts that its `counters` hold."""

    def __init__(
        self, config: TrainConfig, counters: Counters, held_out_ids: int, is_on_card: bool = False
    ) -> None:
        self._config, self._counters, self._held_out_ids = config, counters, held_out_ids
        self._share = evaluation_share(is_on_card)

    @property
    def seconds(self) -> float:
        """The seconds of the budget; infinite where only steps are given."""
        minutes, steps = self._config.minutes, self._config.steps
        return math.inf if steps and not minutes else 60 * (minutes or 1)

    def fraction(self) -> float:
        """Return the share of the budget that is used, 0 to 1: of steps or time for learning, the greater."""
        config, counters = self._config, self._counters
        of_steps = min(1.0, counters.step / config.steps) if config.steps else 0.0
        return of_steps if math.isinf(self.seconds) else max(of_steps, self._time_used())

    def _time_used(self) -> float:
        """Return the share of the time for learning that is used, 0 to 1."""
        counters, end = self._counters, self.seconds - CAUTION * self._kept_back()
        if counters.step and counters.seconds + counters.step_seconds > end:
            return 1.0
        return min(1.0, max(0.0, counters.seconds - counters.began) / max(1e-9, end - counters.began))

    def _kept_back(self) -> float:
        """Return the seconds that an evaluation, the final scoring, and writing once more will take."""
        counters = self._counters
        evaluation = counters.scoring_seconds * counters.evaluation_ids
        final = counters.scoring_seconds * min(self.final_ids, self._held_out_ids)
        return 2 * counters.evaluation_seconds - evaluation + max(0.0, final - evaluation)

    def seconds_left(self) -> float:
        """Return the estimated seconds to the end; infinite while nobody can tell."""
        if math.isfinite(self.seconds):
            return max(0.0, self.seconds - self._counters.seconds)
        fraction, elapsed = self.fraction(), self._counters.seconds - self._counters.began
        return elapsed * (1 - fraction) / fraction if fraction > 0 else math.inf

    def is_late(self, ids: int) -> bool:
        """Whether scoring so many ids would end the run LATE, since the machine became slower."""
        counters = self._counters
        return counters.seconds + counters.scoring_seconds * ids > LATE * self.seconds

    # --- scoring --------------------------------------------------------------------------------

    @property
    def given_ids(self) -> int | None:
        """The ids that are scored in each evaluation, if they need not be measured."""
        return self._config.evaluation_ids or (EVALUATION_IDS[1] if math.isinf(self.seconds) else None)

    @property
    def fitting_ids(self) -> int:
        """The ids that fit each evaluation at the measured speed of scoring."""
        return ids_of_evaluation(self._ids_in(self._share), self._config.evaluations)

    @property
    def evaluations(self) -> int:
        """The evaluations after the first step: those that are asked for, or as many as fit a time budget."""
        config, counters = self._config, self._counters
        if math.isinf(self.seconds) or not counters.scoring_seconds:
            return config.evaluations
        fitting = int(self._ids_in(self._share) / max(1, counters.evaluation_ids))
        return max(1, min(config.evaluations, fitting - math.isfinite(counters.before)))

    @property
    def final_ids(self) -> int:
        """The most ids that fit the scoring at the end."""
        if math.isinf(self.seconds) or not self._counters.scoring_seconds:
            return FINAL_IDS
        return int(min(FINAL_IDS, self._ids_in(FINAL_SHARE)))

    @property
    def scores_whole_pieces(self) -> bool:
        """Whether whole pieces can be scored at the end."""
        return self._held_out_ids * (1 if math.isinf(self.seconds) else SLOWER) <= self.final_ids

    def is_due(self, has_model: bool) -> bool:
        """Whether to evaluate now: at equal distances in the run, and not too often for a time budget."""
        counters = self._counters
        if self.fraction() * self.evaluations < counters.evaluations + 1:
            return False
        spent = counters.evaluating_seconds + counters.evaluation_seconds
        elapsed = counters.seconds - counters.began
        return math.isinf(self.seconds) or not has_model or spent <= INTERRUPTED_SHARE * elapsed

    def _ids_in(self, share: float) -> float:
        return share * self.seconds / max(1e-9, self._counters.scoring_seconds)


def ids_of_evaluation(ids: float, evaluations: int) -> int:
    """Return how many ids to score each time, of so many in all: fewer than EVALUATION_IDS if else too few evaluations
    would be left."""
    fewest, most = EVALUATION_IDS
    return max(FEWEST_IDS, min(max(int(ids / evaluations), min(fewest, int(ids / FEW_EVALUATIONS))), most))


def evaluation_share(is_on_card: bool) -> float:
    """Return the share of the time, or of the ids, that goes to scoring in the course of a run."""
    return CARD_EVALUATION_SHARE if is_on_card else EVALUATION_SHARE

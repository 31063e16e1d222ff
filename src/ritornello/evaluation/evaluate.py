"""`evaluate`: both questions, asked of one model and one set of pieces; and what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.evaluation.comparison import Likeness, compare
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.features import ENDINGS, FEATURES, beginning, measure
from ritornello.generation import Model
from ritornello.generation.likelihood import Likelihood
from ritornello.originality import Copies
from ritornello.representations.base import reads_prose
from ritornello.score import Score

Table = dict[str, NDArray[np.float64]]
"""A column for each feature, (piece,); not a number where a piece has no such thing."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many pieces are done, and how many there are."""


@dataclass(frozen=True)
class Evaluation:
    """What was found. `likeness` is by feature; `generated` and `real` hold the values behind it."""

    model: str
    config: EvaluateConfig
    pieces: int
    likelihood: Likelihood
    seconds: float  # of the pieces judged
    likeness: dict[str, Likeness]
    generated: Table
    real: Table
    copies: tuple[Copies, ...]

    @property
    def nats_per_second(self) -> float:
        return -self.likelihood.log_likelihood / max(self.seconds, 1e-9)

    @property
    def share_of_ceiling(self) -> float:
        """Mean overlap over all features, as a share of what two halves of the real pieces reach."""
        rows = self.likeness.values()
        return sum(row.overlap for row in rows) / max(1e-9, sum(row.ceiling for row in rows))

    @property
    def longest_copies(self) -> list[int]:
        """Notes of the longest copy of each generated piece, where the model knows its music."""
        return [copies.moved.notes if copies.moved else 0 for copies in self.copies]

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        return {
            "model": self.model,
            **self.config.model_dump(),
            "pieces": self.pieces,
            "likelihood": self.likelihood.facts() | {"nats_per_second": round(self.nats_per_second, 4)},
            "features": {name: row.facts() for name, row in self.likeness.items()},
            "share_of_ceiling": round(self.share_of_ceiling, 4),
            "longest_copies": self.longest_copies,
        }


def evaluate(
    model: Model,
    scores: Sequence[Score],
    config: EvaluateConfig | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a model on real pieces, which it should not have learned from. At least four are needed."""
    config = config or checked(EvaluateConfig, {})
    representation = model.bundle.representation
    if reads_prose(representation):
        raise ConfigError(f"{model.bundle.card.name}: a model of prose has no musical features to compare")
    if len(scores) < 4:
        raise ConfigError(f"pieces to compare with: {len(scores)}; at least 4 are needed")
    random = np.random.default_rng(config.seed)
    chosen = sorted(random.permutation(len(scores))[: config.pieces].tolist())
    real = [representation.decode(representation.encode(scores[number])) for number in chosen]
    judged = Likelihood()
    for done, number in enumerate(chosen, 1):
        judged += model.likelihood(scores[number])
        if progress:
            progress("judging", done, len(chosen))
    composed = model.compose_many(count=config.count, bars=config.bars, seed=config.seed)
    mine, theirs = _table([piece.score for piece in composed], config.bars), _table(real, config.bars)
    return Evaluation(
        model.bundle.card.name,
        config,
        len(chosen),
        judged,
        sum(scores[number].seconds for number in chosen),
        {name: compare(mine[name], theirs[name], random) for name in mine},
        mine,
        theirs,
        tuple(piece.copies for piece in composed if piece.copies is not None),
    )


def _table(scores: Sequence[Score], bars: int) -> Table:
    """Return the features of the beginnings of pieces, and how the whole pieces end."""
    rows = [measure(beginning(score, bars), FEATURES) | measure(score, ENDINGS) for score in scores]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}

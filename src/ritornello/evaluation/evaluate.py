"""`evaluate`: both questions, asked of one model and one set of pieces; and what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.evaluation.comparison import Likeness, Table, compare, shares_of_ceiling
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.features import ENDINGS, FEATURES, beginning, measure
from ritornello.generation import Model
from ritornello.generation.compose import Composition
from ritornello.generation.samplers import with_sampling
from ritornello.generation.settings import METER, SamplerConfig
from ritornello.likelihood import Likelihood
from ritornello.originality import Copies
from ritornello.representations.base import Representation
from ritornello.score import Score
from ritornello.theory import DRUMS

LONGEST = 1000
"""Bars of a piece that is composed, at most."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many pieces are done, and how many there are."""


@dataclass(frozen=True)
class Evaluation:
    """What was found. `likeness` is by feature; `generated` and `real` hold the values behind it."""

    model: str
    config: EvaluateConfig
    likelihood: Likelihood
    seconds: float  # of the pieces judged
    likeness: dict[str, Likeness]
    generated: Table
    real: Table
    copies: tuple[Copies, ...]

    @property
    def counts(self) -> tuple[int, int]:
        """How many pieces were composed, and how many real ones there are."""
        return len(self.generated["pitches"]), len(self.real["pitches"])

    @property
    def nats_per_second(self) -> float:
        return -self.likelihood.log_likelihood / max(self.seconds, 1e-9)

    @property
    def share_of_ceiling(self) -> tuple[float, float]:
        """Mean overlap over all features, as a share of what two halves of the real pieces reach; and its spread: both
        over the halvings."""
        shares = shares_of_ceiling(self.likeness)
        return float(shares.mean()), float(shares.std())

    @property
    def longest_copies(self) -> list[int]:
        """Notes of the longest copy of each generated piece, where the model knows its music."""
        return [copies.moved.notes if copies.moved else 0 for copies in self.copies]

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        share, spread = self.share_of_ceiling
        return {
            "model": self.model,
            **self.config.model_dump(),
            "composed": self.counts[0],
            "compared with": self.counts[1],
            "likelihood": self.likelihood.facts() | {"nats_per_second": round(self.nats_per_second, 4)},
            "features": {name: row.facts() for name, row in self.likeness.items()},
            "share_of_ceiling": round(share, 4),
            "spread": round(spread, 4),
            "longest_copies": self.longest_copies,
        }


def evaluate(
    model: Model,
    scores: Sequence[Score],
    config: EvaluateConfig | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a model on real pieces, which it should not have learned from. At least four are needed."""
    config, tell = config or checked(EvaluateConfig, {}), progress or _silent
    config = with_sampling(config, model.bundle.card.sampling)
    representation = model.bundle.representation
    if representation.reads_prose:
        raise ConfigError(f"{model.bundle.card.name}: a model of prose has no musical features to compare")
    if len(scores) < 4:
        raise ConfigError(f"pieces to compare with: {len(scores)}; at least 4 are needed")
    random = np.random.default_rng(config.seed)
    chosen = [scores[number] for number in sorted(random.permutation(len(scores))[: config.pieces].tolist())]
    real = [representation.decode(representation.encode(score)) for score in chosen]
    judged = _judge(model, chosen, tell)
    composed = _compose_like(model, real, config, tell)
    mine, theirs = (_table(each, config.bars) for each in ([piece.score for piece in composed], real))
    return Evaluation(
        model.bundle.card.name,
        config,
        judged,
        sum(score.seconds for score in chosen),
        compare(mine, theirs, {name: row.grain for name, row in (FEATURES | ENDINGS).items()}, random),
        mine,
        theirs,
        tuple(piece.copies for piece in composed if piece.copies is not None),
    )


def _silent(what: str, done: int, total: int) -> None:
    pass


def _judge(model: Model, scores: Sequence[Score], tell: Progress) -> Likelihood:
    """Return what the model thinks of the real pieces, together."""
    judged = Likelihood()
    for done, score in enumerate(scores, 1):
        judged += model.likelihood(score)
        tell("judging", done, len(scores))
    return judged


def _compose_like(
    model: Model, real: Sequence[Score], config: EvaluateConfig, tell: Progress
) -> list[Composition]:
    """Return pieces as long as the real ones, in their meters and for their instruments, one after another."""
    sampling = config.model_dump(include=set(SamplerConfig.model_fields))
    composed, count = [], config.count or len(real)
    for number in range(count):
        like = beginning(real[number % len(real)], config.bars or LONGEST)
        wishes = wishes_like(like, model.bundle.representation)
        composed.append(model.compose(seed=config.seed, index=number, **sampling, **wishes))
        tell("composing", number + 1, count)
    return composed


def wishes_like(score: Score, representation: Representation) -> dict[str, Any]:
    """Return what to ask of a composition to make it like `score`: its length, most frequent meter, instruments.

    What cannot be asked of a model of this representation is left out.
    """
    starts = score.bar_starts()
    wishes: dict[str, Any] = {"bars": min(len(starts), LONGEST)}
    if score.meters:
        changes = np.searchsorted(starts, [meter.tick for meter in score.meters])
        longest = score.meters[int(np.diff(changes, append=len(starts)).argmax())]
        name = f"{longest.numerator}/{longest.denominator}"
        wishes |= {"meter": name} if METER.fullmatch(name) else {}
    tracks = [track for track in score.tracks if len(track.notes)]
    wishes["instruments"] = tuple(str(DRUMS if track.is_drum else track.program) for track in tracks)
    refused = representation.unsupported_settings
    return {name: wish for name, wish in wishes.items() if name not in refused}


def _table(scores: Sequence[Score], bars: int | None) -> Table:
    """Return the features of the beginnings of pieces, or of all of them, and how the whole pieces end."""
    cut = [beginning(score, bars) if bars else score for score in scores]
    rows = [
        measure(part, FEATURES) | measure(whole, ENDINGS) for part, whole in zip(cut, scores, strict=True)
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}

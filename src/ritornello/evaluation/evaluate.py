"""`evaluate`: likelihood of real pieces and likeness of generated ones, for one model and one set of pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.evaluation.comparison import Likeness, Table, compare, shares_of_ceiling
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.contrast import Contrast, contrast
from ritornello.evaluation.features import ENDINGS, FEATURES, beginning, measure
from ritornello.generation import Model
from ritornello.generation.compose import Composition
from ritornello.generation.samplers import with_sampling
from ritornello.generation.settings import METER, SamplerConfig
from ritornello.likelihood import Likelihood
from ritornello.originality import Copies
from ritornello.representations.base import Conditions, Representation
from ritornello.representations.grids import known_meter
from ritornello.score import Score
from ritornello.theory import DRUMS

LONGEST = 1000
"""The most bars of a composed piece."""

LEAD_OUT = 4
"""Where beginnings are compared, a composed piece goes on for so many bars more, as the real one does: else its ending
would be compared with the middle of that."""

Progress = Callable[[str, int, int], None]
"""Called with the name of the phase, the number of pieces done, and the number of all."""


@dataclass(frozen=True)
class Evaluation:
    """The result. `likeness` is by feature; `generated` and `real` hold the values of all pieces; `contrast` is what
    sets composed pieces apart from real ones."""

    model: str
    config: EvaluateConfig
    judged: tuple[Likelihood, ...]  # of each piece
    seconds: float  # of the pieces judged
    likeness: dict[str, Likeness]
    generated: Table
    real: Table
    copies: tuple[Copies, ...]
    contrast: Contrast

    @property
    def likelihood(self) -> Likelihood:
        """The likelihood of all real pieces together."""
        return sum(self.judged, Likelihood())

    @property
    def counts(self) -> tuple[int, int]:
        """The numbers of composed and of real pieces."""
        return len(self.generated["pitches"]), len(self.real["pitches"])

    @property
    def nats_per_second(self) -> float:
        return -self.likelihood.log_likelihood / max(self.seconds, 1e-9)

    @property
    def share_of_ceiling(self) -> tuple[float, float]:
        """The mean overlap over all features as a share of that of two halves of the real pieces, and its standard
        deviation, both over the halvings."""
        shares = shares_of_ceiling(self.likeness)
        return float(shares.mean()), float(shares.std())

    @property
    def longest_copies(self) -> list[int]:
        """Notes of the longest copy in each generated piece, if the bundle has an index of its training music."""
        return [copies.moved.notes if copies.moved else 0 for copies in self.copies]

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        share, spread = self.share_of_ceiling
        return {
            "model": self.model,
            **self.config.model_dump(),
            "composed": self.counts[0],
            "compared with": self.counts[1],
            **self.contrast.facts(),
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
    """Evaluate a model on real pieces, which should not be training pieces; ConfigError if there are fewer than four.

    A composed piece has the length, the meter and the instruments of a real one.
    """
    config = with_sampling(config or checked(EvaluateConfig, {}), model.bundle.card.sampling)
    representation = model.bundle.representation
    if representation.reads_prose:
        raise ConfigError(f"{model.bundle.card.name}: a model of prose has no musical features to compare")
    if len(scores) < 4:
        raise ConfigError(f"pieces to compare with: {len(scores)}; at least 4 are needed")
    random = np.random.default_rng(config.seed)
    chosen = [scores[number] for number in sorted(random.permutation(len(scores))[: config.pieces].tolist())]
    real = [representation.decode(representation.encode(score)) for score in chosen]
    judged = list(model.likelihoods(chosen, partial(progress, "judging") if progress else None))
    composed, asked = composed_like(
        model, real, config, config.bars, config.count or len(real), progress, config.seed
    )
    pieces = [piece.score for piece in composed]
    generated, originals = (table_of(each, config.bars) for each in (pieces, real))
    return Evaluation(
        model.bundle.card.name,
        config,
        tuple(judged),
        sum(score.seconds for score in chosen),
        compare(
            generated, originals, {name: row.grain for name, row in (FEATURES | ENDINGS).items()}, random
        ),
        generated,
        originals,
        tuple(piece.copies for piece in composed if piece.copies is not None),
        contrast(real, pieces, asked, config.bars, random),
    )


def composed_like(
    model: Model,
    real: Sequence[Score],
    config: SamplerConfig,
    bars: int | None,
    count: int,
    progress: Progress | None = None,
    seed: int = 0,
) -> tuple[list[Composition], list[int | None]]:
    """Return pieces composed like real ones, piece n like real piece n, again from the first where there are more; and
    how many bars each was to have.

    bars: how many of the first will be compared; where a real piece has more, so has the composed one (LEAD_OUT).
    """
    composed, asked = [], []
    sampling = config.model_dump(include=set(SamplerConfig.model_fields))
    for number in range(count):
        like = beginning(real[number % len(real)], bars + LEAD_OUT if bars else LONGEST)
        settings = settings_like(like, model.bundle.representation)
        composed.append(model.compose(seed=seed, index=number, **sampling, **settings))
        asked.append(settings.get("bars"))
        if progress:
            progress("composing", number + 1, count)
    return composed, asked


def settings_like(score: Score, representation: Representation) -> dict[str, Any]:
    """Return settings for a piece like `score`: its length, most frequent meter and instruments.

    Settings that the representation does not support are left out.
    """
    starts = score.bar_starts()
    settings: dict[str, Any] = {"bars": min(len(starts), LONGEST)}
    if score.meters:
        changes = np.searchsorted(starts, [meter.tick for meter in score.meters])
        longest = score.meters[int(np.diff(changes, append=len(starts)).argmax())]
        meter = longest.numerator, longest.denominator
        name = f"{longest.numerator}/{longest.denominator}"
        if METER.fullmatch(name) and known_meter(representation.meters or [meter], meter):
            settings["meter"] = name
    tracks = [track for track in score.tracks if len(track.notes)]
    programs = tuple(DRUMS if track.is_drum else track.program for track in tracks)
    with suppress(ConfigError):
        representation.for_piece(None, Conditions(instruments=programs))
        settings["instruments"] = tuple(map(str, programs))
    unsupported = representation.unsupported_settings
    return {name: value for name, value in settings.items() if name not in unsupported}


def table_of(scores: Sequence[Score], bars: int | None) -> Table:
    """Return the features of the first `bars` of pieces, or of all their bars, and those of their endings."""
    cut = [beginning(score, bars) if bars else score for score in scores]
    rows = [
        measure(part, FEATURES) | measure(whole, ENDINGS) for part, whole in zip(cut, scores, strict=True)
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}

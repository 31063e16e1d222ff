"""Two models side by side: each figure of both, their difference, and how sure it is.

With music, both are judged on the same pieces, and each composes a piece like each of them; without, their own pieces
are compared with each other. The errors are standard errors: of figures of likelihood by resampling the pieces, the
same for both models (bootstrap); of means of features from the spread among the pieces of each; of the overlap from
the spread of the difference over the halvings.

Read in order: `Row`, `SideBySide`, `compare_evaluations`, `compare_models`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritornello.arrays import Floats, Ints
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.evaluation.comparison import Table, finite, shares_of_ceiling
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.contrast import Contrast
from ritornello.evaluation.evaluate import Evaluation, Progress, table_of
from ritornello.evaluation.features import ENDINGS, FEATURES
from ritornello.generation import Model
from ritornello.generation.samplers import with_sampling
from ritornello.generation.settings import SamplerConfig
from ritornello.likelihood import Likelihood

Figure = tuple[float, float]
"""A figure and its standard error."""

RESAMPLINGS = 2000
OWN_PIECES, OWN_BARS = 20, 16
"""What each model composes where there is no music to compare with."""

SURE = 2.0
"""A difference of more than so many standard errors is hardly chance."""


@dataclass(frozen=True)
class Row:
    """A figure of both models, the difference of the first from the second, and its standard error; `real` is the
    figure of the real pieces, if there are any, and `meaning` says what it is."""

    name: str
    one: float
    other: float
    error: float
    real: float | None = None
    meaning: str = ""

    @property
    def difference(self) -> float:
        return self.one - self.other

    @property
    def is_sure(self) -> bool:
        """Whether the difference is more than SURE standard errors."""
        return abs(self.difference) > SURE * self.error

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON; None where one is undefined."""
        figures = {"one": self.one, "other": self.other, "difference": self.difference, "error": self.error}
        figures |= {} if self.real is None else {"real": self.real}
        return {name: round(value, 4) if np.isfinite(value) else None for name, value in figures.items()}


@dataclass(frozen=True)
class SideBySide:
    """The names of two models, the numbers of the pieces that they composed, and of the real ones, and the rows."""

    models: tuple[str, str]
    composed: tuple[int, int]
    real: int
    rows: tuple[Row, ...]

    def facts(self) -> dict[str, Any]:
        """Return all as plain JSON."""
        rows = {row.name: row.facts() for row in self.rows}
        return {"models": self.models, "composed": self.composed, "compared with": self.real, "figures": rows}


def compare_evaluations(one: Evaluation, other: Evaluation) -> SideBySide:
    """Return two evaluations on the same pieces side by side; ConfigError if their pieces are others."""
    if one.counts[1] != other.counts[1] or one.seconds != other.seconds:
        raise ConfigError("the two models were evaluated on different pieces")
    random = np.random.default_rng(one.config.seed)
    shares = [shares_of_ceiling(each.likeness) for each in (one, other)]
    overlap = "overlap of composed with real pieces, as a share of that of real with real: higher is better"
    rows = [_judged_row(name, *figure, one, other, random) for name, figure in _FIGURES.items()]
    error = float((shares[0] - shares[1]).std())
    rows.append(Row("overlap", float(shares[0].mean()), float(shares[1].mean()), error, meaning=overlap))
    rows += _contrast_rows(one.contrast, other.contrast, random)
    rows += _feature_rows(one.generated, other.generated, one.real)
    composed = one.counts[0], other.counts[0]
    return SideBySide((one.model, other.model), composed, one.counts[1], tuple(rows))


def compare_models(
    one: Model, other: Model, config: EvaluateConfig | None = None, progress: Progress | None = None
) -> SideBySide:
    """Return the pieces of two models side by side, without real music: OWN_PIECES of OWN_BARS, or as `config` says."""
    config = config or checked(EvaluateConfig, {})
    count, bars = config.count or OWN_PIECES, config.bars or OWN_BARS
    tables = []
    for model in (one, other):
        card = model.bundle.card
        if model.bundle.representation.reads_prose:
            raise ConfigError(f"{card.name}: a model of prose has no musical features to compare")
        sampling = with_sampling(config, card.sampling).model_dump(include=set(SamplerConfig.model_fields))
        scores = []
        for number in range(count):
            scores.append(model.compose(seed=config.seed, index=number, bars=bars, **sampling).score)
            if progress:
                progress(f"composing with {card.name}", number + 1, count)
        tables.append(table_of(scores, bars))
    names = one.bundle.card.name, other.bundle.card.name
    return SideBySide(names, (count, count), 0, tuple(_feature_rows(*tables)))


def _contrast_rows(one: Contrast, other: Contrast, random: np.random.Generator) -> Iterator[Row]:
    """Yield the figures of what sets the pieces of each model apart from real ones.

    Their errors are those of both models as if they had composed like different pieces, so rather too great.
    """

    def row(name: str, first: Figure, second: Figure, real: float, meaning: str) -> Row:
        return Row(name, first[0], second[0], float(np.hypot(first[1], second[1])), real, meaning)

    tests = one.two_sample, other.two_sample
    if tests[0] and tests[1]:
        told = "from real pieces, as a share of pairs: 0.5 is a guess, lower is better"
        yield row("told apart", (tests[0].area, tests[0].error), (tests[1].area, tests[1].error), 0.5, told)
    of_ceiling = "overlap with real pieces, as a share of that of real with real: higher is better"
    yield row("keys", one.keys, other.keys, 1.0, of_ceiling)
    yield row("voices", one.voices, other.voices, 1.0, f"when and how much each voice plays: {of_ceiling}")
    models = one.measured[0], other.measured[0]
    outside = [_ratio_of_sums(each.outside, each.notes, random) for each in models]
    yield row(
        "outside", outside[0], outside[1], one.outside[1], "notes outside the usual range of their voice"
    )
    surprise = [_ratio_of_sums(each.nats, each.changes, random) for each in models]
    yield row(
        "chord changes", surprise[0], surprise[1], one.surprise[1], "surprise at them in nats, by real pieces"
    )


def _ratio_of_sums(parts: Floats | Ints, wholes: Ints, random: np.random.Generator) -> Figure:
    """Return the ratio of the sums over pieces, and its standard error, the pieces resampled."""
    picks = random.integers(0, len(parts), (RESAMPLINGS, len(parts)))
    drawn = parts[picks].sum(axis=1) / np.maximum(wholes[picks].sum(axis=1), 1)
    return float(parts.sum() / max(wholes.sum(), 1)), float(drawn.std())


_FIGURES: dict[str, tuple[Callable[[Likelihood], float], str]] = {
    "nats a note": (lambda judged: judged.nats_per_note, "surprise at the real pieces: lower is better"),
    "right": (
        lambda judged: judged.accuracy,
        "how often what came was thought most likely: higher is better",
    ),
}


def _judged_row(
    name: str,
    value: Callable[[Likelihood], float],
    meaning: str,
    one: Evaluation,
    other: Evaluation,
    random: np.random.Generator,
) -> Row:
    """Return the row of a figure of likelihood, with the standard error of the difference by resampling the pieces."""
    sums = [_sums(each.judged) for each in (one, other)]
    picks = random.integers(0, len(sums[0]), (RESAMPLINGS, len(sums[0])))
    first, second = (np.array([value(Likelihood(*row)) for row in each[picks].sum(axis=1)]) for each in sums)
    error = float(np.std(first - second))
    return Row(name, value(one.likelihood), value(other.likelihood), error, meaning=meaning)


def _sums(judged: Sequence[Likelihood]) -> Floats:
    """Return the fields of the likelihood of each piece, (piece, field)."""
    return np.array([list(vars(each).values()) for each in judged], dtype=np.float64)


def _feature_rows(one: Table, other: Table, real: Table | None = None) -> Iterator[Row]:
    for name, feature in (FEATURES | ENDINGS).items():
        values = [finite(table[name]) for table in (one, other)]
        means = [float(each.mean()) if len(each) else float("nan") for each in values]
        variances = [each.var(ddof=1) / len(each) if len(each) > 1 else float("nan") for each in values]
        of_real = None if real is None else float(np.nanmean(np.append(finite(real[name]), np.nan)))
        yield Row(name, means[0], means[1], float(np.sqrt(sum(variances))), of_real, feature.meaning)

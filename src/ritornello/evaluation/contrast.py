"""What sets composed pieces apart from real ones: the two-sample test, and figures of single faults.

Read in order: `Contrast`, `contrast`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritornello.corpus.versions import families_of, sketch_of
from ritornello.evaluation.comparison import compare, shares_of_ceiling
from ritornello.evaluation.details import Details, burst, details_of
from ritornello.evaluation.features import Piece, beginning
from ritornello.evaluation.reference import Measured, measure_against
from ritornello.evaluation.two_sample import TwoSample, tell_apart
from ritornello.score import Score

KEYS = {"sharps of the key, flats below 0": 1.0}
VOICES = {
    f"{who} voice: {name}": grain
    for who in ("highest", "inner", "lowest")
    for name, grain in (("share of bars with notes", 0.02), ("bar of entrance", 0.5))
}
"""Details of which the overlap is told too, with the smallest difference that counts."""


@dataclass(frozen=True)
class Contrast:
    """The figures; pairs are of composed and of real pieces, in this order.

    two_sample: None for too few pieces. keys, voices: the overlap of KEYS and of VOICES as a share of the ceiling, and
    its standard deviation over the halvings. measured: each piece by the real ones of other families. bursts: pieces
    that end in a burst. extra_bars: composed pieces with more bars than were asked for.
    """

    two_sample: TwoSample | None
    keys: tuple[float, float]
    voices: tuple[float, float]
    measured: tuple[Measured, Measured]
    bursts: tuple[int, int]
    extra_bars: int

    @property
    def outside(self) -> tuple[float, float]:
        """The share of notes outside the usual range of their voice."""
        composed, real = self.measured
        return composed.share_outside, real.share_outside

    @property
    def surprise(self) -> tuple[float, float]:
        """Nats a chord change, under a model of the chord changes of real pieces."""
        composed, real = self.measured
        return composed.nats_per_change, real.nats_per_change

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain JSON; None where one is undefined."""
        pairs = {name: getattr(self, name) for name in ("keys", "voices", "outside", "surprise")}
        return {
            "two_sample": self.two_sample and self.two_sample.facts(),
            **{
                name: [round(each, 4) if np.isfinite(each) else None for each in pair]
                for name, pair in pairs.items()
            },
            "bursts": list(self.bursts),
            "extra_bars": self.extra_bars,
        }


def contrast(
    real: Sequence[Score],
    composed: Sequence[Score],
    asked: Sequence[int | None],
    bars: int | None,
    random: np.random.Generator,
) -> Contrast:
    """Return what sets composed pieces apart.

    Composed piece n is like real piece n, again from the first where there are more. asked: how many bars each composed
    piece was to have. bars: how many are looked at, except for the endings.
    """
    families = families_of([sketch_of(score) for score in real])
    like = [families[number % len(real)] for number in range(len(composed))]
    parts = [[beginning(score, bars) if bars else score for score in scores] for scores in (composed, real)]
    known = parts[1], families
    measured = [
        measure_against(part, of_part, *known) for part, of_part in zip(parts, (like, families), strict=True)
    ]
    pairs = zip((composed, real), measured, strict=True)
    of_composed, of_real = (details_of(scores, bars, each.columns()) for scores, each in pairs)
    over = zip(composed, asked, strict=True)
    shares = [_share_of_ceiling(of_composed, of_real, grains, random) for grains in (KEYS, VOICES)]
    return Contrast(
        tell_apart(of_real, of_composed, (families, like), random),
        shares[0],
        shares[1],
        (measured[0], measured[1]),
        (_bursts(composed), _bursts(real)),
        sum(wanted is not None and len(score.bar_starts()) > wanted for score, wanted in over),
    )


def _share_of_ceiling(
    composed: Details, real: Details, grains: Mapping[str, float], random: np.random.Generator
) -> tuple[float, float]:
    """Return the overlap of some details, those that real pieces have, as a share of the ceiling, and its deviation."""
    names = [name for name in grains if np.isfinite(real.of(name)).any()]
    if not names:
        return np.nan, np.nan
    tables = [{name: each.of(name) for name in names} for each in (composed, real)]
    shares = shares_of_ceiling(compare(tables[0], tables[1], {name: grains[name] for name in names}, random))
    return float(shares.mean()), float(shares.std())


def _bursts(scores: Sequence[Score]) -> int:
    """Return how many pieces end in a burst."""
    return sum(burst(Piece(score)) > 0 for score in scores)

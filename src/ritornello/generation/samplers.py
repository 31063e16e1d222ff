"""Samplers: from logits to ids, in batches.

A sampler takes the logits, a mask of the allowed ids, and one random generator a row. The mask always holds: an id that
is not allowed is never returned; an allowed one always is, however improbable. Each row draws from its own generator,
one number a step (with surprise up to three), so a piece depends on its seed alone and not on its batch.

The cuts (top-k, top-p, min-p) all look at the same distribution, that of the allowed ids at the given temperature. An
id stays if all of them keep it, and the most probable one always stays.

Surprise is irregular noise: at each step, with that probability, a row drops the cuts and its most probable id, and
draws from the others at SURPRISE_TEMPERATURE. So a series is broken by something that the network thought possible: the
remedy for monotony that the author of the four-layer system proposes ("system B": a tone that breaks the series).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Mask
from ritornello.bundle import Sampling
from ritornello.config import checked
from ritornello.generation.constraints.cadence import CadenceSettings
from ritornello.generation.settings import SAMPLERS, SamplerConfig

Generators = Sequence[np.random.Generator]
Sampler = Callable[
    [NDArray[np.floating[Any]], Mask, Generators], tuple[NDArray[np.int64], NDArray[np.float64]]
]

SURPRISE_TEMPERATURE = 1.5
"""Flattens the distribution from which a surprising id is drawn."""

LOWEST = -1e30  # stands for a logit of minus infinity: exp gives 0, differences stay finite
FORBIDDEN = np.float32(-4 * LOWEST)  # taken from a logit that the mask forbids: below all that are allowed
TINY = np.finfo(np.float32).tiny


Config = TypeVar("Config", bound=SamplerConfig)


def with_sampling(config: Config, sampling: Sampling) -> Config:
    """Return `config` with the sampling settings of a model's card in the fields that are not set.

    The set of fields that are set stays the same, so that the card of another model can be applied to the result. A
    config without the settings of a constraint does not take them from the card.
    """
    not_here = set() if isinstance(config, CadenceSettings) else CadenceSettings.model_fields.keys()
    suited = sampling.model_dump(exclude=set(not_here))
    merged = checked(type(config), suited | config.model_dump(exclude_unset=True))
    return merged.model_construct(config.model_fields_set, **dict(merged))


_SURPRISE = SamplerConfig.model_validate({"temperature": SURPRISE_TEMPERATURE, "top_p": 1.0})


def make_generators(seed: int, indices: Sequence[int]) -> list[np.random.Generator]:
    """Return one generator a piece; that of `index` and `seed` is the same in every batch."""
    return [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,))) for index in indices]


def make_sampler(config: SamplerConfig) -> Sampler:
    """Return the sampler that `config.sampling_method` names.

    It takes logits (batch, vocabulary), a mask of that shape with at least one true in each row, and a generator a row.
    It returns the ids (batch,) and their log-probabilities (batch,), in nats, under the network's own distribution:
    without temperature, cuts or mask.
    """
    sampler: Sampler = SAMPLERS[config.sampling_method](config)
    return sampler


def make_standard_sampler(config: SamplerConfig) -> Sampler:
    """Return a sampler that draws at a temperature from what the cuts leave, with surprise."""

    def sample(
        logits: NDArray[np.floating[Any]], mask: Mask, generators: Generators
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        wide = bounded(logits)
        allowed = np.asarray(wide - FORBIDDEN * ~mask, dtype=np.float32)
        ids = _draw(allowed, config, generators) if config.temperature else allowed.argmax(axis=1)
        if config.surprise:
            surprising = np.array([generator.random() < config.surprise for generator in generators])
            rows = np.flatnonzero(surprising & (mask.sum(axis=1) > 1))
            if len(rows):
                others = allowed[rows]
                others[np.arange(len(rows)), others.argmax(axis=1)] -= FORBIDDEN
                ids = ids.copy()
                ids[rows] = _draw(others, _SURPRISE, [generators[row] for row in rows.tolist()])
        return ids, _log_probability(wide, ids)

    return sample


def bounded(logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return `logits` clipped to LOWEST and -LOWEST; NaN becomes LOWEST."""
    return np.asarray(np.fmin(np.fmax(logits, LOWEST, dtype=np.float32), -LOWEST))


def _draw(allowed: NDArray[np.float32], config: SamplerConfig, generators: Generators) -> NDArray[np.int64]:
    """Return an id a row, drawn from what the cuts leave of its distribution."""
    # The best id has weight 1, so the sum never vanishes, whatever the logits.
    with np.errstate(over="ignore"):  # a very low temperature: minus infinity is as good
        weights = np.exp((allowed - allowed.max(axis=1, keepdims=True)) / config.temperature)
    least = np.maximum(_least_kept(weights, config), TINY)
    columns = np.flatnonzero((weights >= least).any(axis=0))  # mostly few, and running sums cost
    weights = weights[:, columns]
    weights[weights < least] = 0.0
    reached = weights.cumsum(axis=1, dtype=np.float64)
    total = reached[:, -1:]
    drawn = np.array([generator.random() for generator in generators])[:, None] * total
    drawn = np.minimum(drawn, np.nextafter(total, 0))  # rounding must not lead beyond the last id
    return np.asarray(columns[(reached <= drawn).sum(axis=1)])


def _least_kept(weights: NDArray[np.float32], config: SamplerConfig) -> NDArray[np.float32]:
    """Return the least weight that the cuts keep in each row, (batch, 1); the greatest of a row is 1.

    Ids of equal weight stay or go together.
    """
    batch, size = weights.shape
    least = np.full((batch, 1), config.min_p, dtype=np.float32)
    if config.top_p == 1 and not config.top_k:
        return least
    ranked = np.sort(weights, axis=1)[:, ::-1]  # of values: several times faster than of ids
    if config.top_k:
        least = np.maximum(least, ranked[:, min(config.top_k, size) - 1, None])
    if config.top_p < 1:
        total = weights.sum(axis=1, keepdims=True)
        # All weights below this together make up less than the cut takes away, so the rest is enough to look at.
        count = int((weights > (1 - config.top_p) * total / size).sum(axis=1).max())
        reached = ranked[:, :count].cumsum(axis=1)
        enough = (reached < config.top_p * total).sum(axis=1)
        least = np.maximum(least, ranked[np.arange(batch), np.minimum(enough, count - 1), None])
    return least


def _log_probability(logits: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log softmax of `logits` at `ids`."""
    top = logits.max(axis=1)
    total = np.log(np.exp(logits - top[:, None]).sum(axis=1, dtype=np.float64))
    result: NDArray[np.float64] = logits[np.arange(len(ids)), ids] - top.astype(np.float64) - total
    return result

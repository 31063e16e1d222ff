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

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Mask
from ritornello.bundle import Sampling
from ritornello.config import checked
from ritornello.generation.settings import SAMPLERS, SamplerConfig

Generators = Sequence[np.random.Generator]
Sampler = Callable[
    [NDArray[np.floating[Any]], Mask, Generators], tuple[NDArray[np.int64], NDArray[np.float64]]
]

SURPRISE_TEMPERATURE = 1.5
"""Flattens the distribution from which a surprising id is drawn."""

LOWEST = -1e30  # stands for a logit of minus infinity: exp gives 0, differences stay finite
FORBIDDEN = np.float32(-4 * LOWEST)  # taken from a logit that the mask forbids: below all that are allowed
TINY = float(np.finfo(np.float32).tiny)
LOWEST_TEMPERATURE = 1e-7  # as good as lower ones, by which differences of logits would overflow


Config = TypeVar("Config", bound=SamplerConfig)


def with_sampling(config: Config, sampling: Sampling) -> Config:
    """Return `config` with the sampling settings of a model's card in the fields that are not set.

    The set of fields that are set stays the same, so that the card of another model can be applied to the result. A
    config without the settings of a constraint does not take them from the card.
    """
    suited = sampling.model_dump(include=set(type(config).model_fields))
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
        if len(wide) == 1 and config.temperature and not config.surprise:
            token = _draw_one(wide[0], mask[0], config, generators[0])
            return np.array([token]), np.array([_log_probability_of_one(wide[0], token)])
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
    logits = np.asarray(logits, dtype=np.float32)
    if logits.min() >= LOWEST and logits.max() <= -LOWEST:  # nearly always, and reading is cheaper
        return logits
    return np.asarray(np.fmin(np.fmax(logits, LOWEST, dtype=np.float32), -LOWEST))


def _draw(allowed: NDArray[np.float32], config: SamplerConfig, generators: Generators) -> NDArray[np.int64]:
    """Return an id a row, drawn from what the cuts leave of its distribution."""
    # The best id has weight 1, so the sum never vanishes, whatever the logits.
    temperature = max(config.temperature, LOWEST_TEMPERATURE)
    weights = np.exp((allowed - allowed.max(axis=1, keepdims=True)) / temperature)
    weights, ids = _cut(weights, config)
    reached = weights.cumsum(axis=1, dtype=np.float64)
    total = reached[:, -1:]
    drawn = np.array([generator.random() for generator in generators])[:, None] * total
    drawn = np.minimum(drawn, np.nextafter(total, 0))  # rounding must not lead beyond the last id
    return np.asarray(ids[np.arange(len(ids)), (reached <= drawn).sum(axis=1)])


def _cut(
    weights: NDArray[np.float32], config: SamplerConfig
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the weights that the cuts keep in each row, and their ids, both (batch, most that may be kept in a row).

    `weights` are (batch, vocabulary), the greatest of a row 1. Those that are cut are 0 or left out. Ids of equal
    weight stay or go together.
    """
    least: Any = max(config.min_p, TINY)
    if config.top_p < 1:
        total = weights.sum(axis=1, keepdims=True)
        # All weights below this together make up less than the cut takes away, so the rest is enough to look at.
        least = np.maximum((1 - config.top_p) * total / weights.shape[1], least)
    weights, ids, counts = _compact(weights, weights >= least)
    if config.top_p == 1 and not config.top_k:
        return weights, ids
    ranked = np.sort(weights, axis=1)[:, ::-1]  # of values: several times faster than of ids
    if 0 < config.top_k <= ranked.shape[1]:
        least = np.maximum(least, ranked[:, config.top_k - 1, None])
    if config.top_p < 1:
        enough = (ranked.cumsum(axis=1) < config.top_p * total).sum(axis=1)
        least = np.maximum(least, ranked[np.arange(len(ranked)), np.minimum(enough, counts - 1), None])
    return weights * (weights >= least), ids


def _compact(
    weights: NDArray[np.float32], kept: Mask
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return the kept weights of each row in their order, zeros after them; their columns; and how many they are."""
    batch, size = weights.shape
    places = np.flatnonzero(kept)
    rows = places // size
    counts = np.bincount(rows, minlength=batch)
    within = np.arange(len(places)) - (counts.cumsum() - counts)[rows]
    found = np.zeros((batch, counts.max()), dtype=np.float32)
    columns = np.zeros(found.shape, dtype=np.int64)
    found[rows, within], columns[rows, within] = weights.ravel()[places], places - rows * size
    return found, columns, counts


def _draw_one(
    logits: NDArray[np.float32], mask: Mask, config: SamplerConfig, generator: np.random.Generator
) -> int:
    """Return the id that `_draw` and `_cut` give for a single row, in two thirds of the time."""
    ids: NDArray[np.int64] = mask.nonzero()[0]
    allowed = logits[ids]
    weights = np.exp((allowed - allowed.max()) / max(config.temperature, LOWEST_TEMPERATURE))
    least: Any = max(config.min_p, TINY)
    if config.top_p < 1:
        whole = np.zeros_like(logits)
        whole[ids] = weights
        total = whole.sum()  # rounded as in a batch
        least = max((1 - config.top_p) * total / len(whole), least)
    kept = weights >= least
    ids, weights = ids[kept], weights[kept]
    if config.top_p < 1 or config.top_k:
        ranked: NDArray[np.float32] = np.sort(weights)[::-1]
        if 0 < config.top_k <= len(ranked):
            least = max(least, ranked[config.top_k - 1])
        if config.top_p < 1:
            enough = int((ranked.cumsum() < config.top_p * total).sum())
            least = max(least, ranked[min(enough, len(ranked) - 1)])
        weights = weights * (weights >= least)
    reached = weights.cumsum(dtype=np.float64)
    end = float(reached[-1])
    drawn = min(generator.random() * end, math.nextafter(end, 0))
    return int(ids[reached.searchsorted(drawn, side="right")])


def _log_probability_of_one(logits: NDArray[np.float32], token: int) -> float:
    """Return log softmax of `logits`, (vocabulary,), at `token`."""
    top = logits.max()
    total = np.log(np.exp(logits - top).sum(dtype=np.float64))
    return float(logits[token]) - float(top) - float(total)


def _log_probability(logits: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log softmax of `logits` at `ids`."""
    top = logits.max(axis=1)
    total = np.log(np.exp(logits - top[:, None]).sum(axis=1, dtype=np.float64))
    result: NDArray[np.float64] = logits[np.arange(len(ids)), ids] - top.astype(np.float64) - total
    return result

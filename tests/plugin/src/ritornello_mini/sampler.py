"""`uniform`: any allowed id, each as often."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritornello.generation.samplers import Generators, Mask, Sampler
from ritornello.generation.settings import SamplerConfig


def make_uniform_sampler(config: SamplerConfig) -> Sampler:
    def sample(logits: Any, mask: Mask, generators: Generators) -> tuple[Any, Any]:
        choices = [
            generator.choice(np.flatnonzero(row)) for row, generator in zip(mask, generators, strict=True)
        ]
        ids = np.array(choices, dtype=np.int64)
        wide = logits.astype(np.float64)
        total = np.log(np.exp(wide - wide.max(axis=1, keepdims=True)).sum(axis=1)) + wide.max(axis=1)
        return ids, wide[np.arange(len(ids)), ids] - total

    return sample

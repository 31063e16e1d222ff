"""Schedules of a run: learning rate and steps of backpropagation through time; and the optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ritornello.training.config import TrainConfig

BPTT_PARTS = ((0.3, 4), (0.6, 2), (math.inf, 1))
"""Up to this fraction of the run, the window is divided by this."""

FINAL_RATE = 0.02
"""Share of the learning rate that is left at the end."""

LEARNING_RATE = 4e-3
"""The highest learning rate of a network that begins from nothing, unless one is given."""

INVERSE_DECAY = 0.01
"""With the schedule "inverse" the rate at update t is the highest / (1 + INVERSE_DECAY t), as Keras' `decay`."""


def rate_at(config: TrainConfig, fraction: float, step: int) -> float:
    """Return the learning rate at a `fraction` of the run: a linear warm-up, then the schedule.

    The default is half a cosine, down to FINAL_RATE of the highest.
    """
    if fraction < config.warmup:
        share = max(fraction, 1e-3) / config.warmup
    elif config.schedule == "constant":
        share = 1.0
    elif config.schedule == "inverse":
        share = 1 / (1 + INVERSE_DECAY * step)
    else:
        progress = (fraction - config.warmup) / max(1e-9, 1 - config.warmup)
        share = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * progress))
    return highest_rate(config) * share


def highest_rate(config: TrainConfig) -> float:
    """Return the highest learning rate."""
    return config.learning_rate or LEARNING_RATE


def bptt_steps_at(config: TrainConfig, fraction: float) -> int:
    """Return the steps of backpropagation through time at a `fraction` of the run: if the window grows, a quarter of it
    at first, then a half, then all of it.

    Fewer steps give more updates for the same tokens, which counts early in the run; more steps reach further.
    """
    longest = config.window or 1
    if not config.growing_window:
        return longest
    return max(2, longest // next(part for end, part in BPTT_PARTS if fraction < end))


def make_optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimizer of `config` for `parameters`.

    AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), which decays matrices but not biases; Adam (Kingma and Ba
    2015, arXiv:1412.6980); or RMSprop with Keras' constants.
    """
    parameters, rate = list(parameters), highest_rate(config)
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, fused=True)
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=rate, alpha=0.9, eps=1e-7)
    matrices = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=True)


def step_if(is_wanted: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Let an optimizer of `make_optimizer` update the weights if a tensor of one truth is true, without reading it."""
    if optimizer.defaults.get("fused"):
        optimizer.found_inf = (~is_wanted).float()  # of torch's fused optimizers
    else:  # RMSprop, which then has no gradient to follow
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.masked_fill_(~is_wanted, 0.0)
    optimizer.step()

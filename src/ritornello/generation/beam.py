"""Stochastic beam search, as Magenta's models generate (systems.md, D4).

A round extends each branch by `steps_per_iteration` sampled ids. Between rounds the `beam_size` best branches stay, and
each becomes `branch_factor` copies; in the end the best one is the piece. With 1, 1, 1 it is plain sampling. The best
has the highest mean log-probability an id at the temperature of the settings; for branches of equal length that is
Magenta's sum. Magenta shortens the first round so that the rest divide a known length; here the last may be shorter,
since a piece ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.generation.piece import Piece
from ritornello.generation.samplers import Generators, Sampler, bounded
from ritornello.generation.settings import BeamConfig
from ritornello.generation.stepper import Logits, State, Stepper, take_rows


@dataclass
class _Branch:
    """A piece, the network's output after it, and its log-probability."""

    piece: Piece
    logits: Logits  # (1, vocabulary)
    state: State  # of one row
    total: float = 0.0  # log-probability at the temperature
    count: int = 0

    @property
    def mean(self) -> float:
        return self.total / max(1, self.count)

    def fork(self) -> _Branch:
        return _Branch(self.piece.fork(), self.logits, self.state, self.total, self.count)


def search(
    stepper: Stepper, config: BeamConfig, sample: Sampler, piece: Piece, after: tuple[Logits, State]
) -> Piece:
    """Return the best branch of `piece`; `after` is what the stepper gave after its ids, a batch of 1.

    All branches draw from the generator of `piece`, one after another: the same seed gives the same piece.
    """
    branches = [_Branch(piece, *after)]
    while not all(branch.piece.grammar.ended for branch in branches):
        best = sorted(branches, key=lambda branch: -branch.mean)[: config.beam_size]
        copies = config.branch_factor if len(branches) > 1 else config.beam_size * config.branch_factor
        branches = [branch.fork() for branch in best for _ in range(copies)]
        for _ in range(config.steps_per_iteration):
            _extend(stepper, config, sample, [b for b in branches if not b.piece.grammar.ended])
    return max(branches, key=lambda branch: branch.mean).piece


def _extend(stepper: Stepper, config: BeamConfig, sample: Sampler, branches: list[_Branch]) -> None:
    """Sample one id for each branch, and read it."""
    if not branches:
        return
    masks = np.empty((len(branches), stepper.vocabulary_size), dtype=bool)
    for branch, mask in zip(branches, masks, strict=True):
        branch.piece.mask(mask)
    logits = np.stack([branch.piece.process(branch.logits[0]) for branch in branches])
    generators: Generators = [branch.piece.generator for branch in branches]
    ids, log_probabilities = sample(logits, masks, generators)
    tempered = _log_probability(logits, ids, config.temperature)
    is_choice = masks.sum(axis=1) > 1
    for row, branch in enumerate(branches):
        branch.piece.take(int(ids[row]), float(log_probabilities[row]))
        branch.total += float(tempered[row]) if is_choice[row] else 0.0
        branch.count += int(is_choice[row])
    columns = [branch.piece.grammar.columns for branch in branches]
    state = tuple(np.concatenate(parts) for parts in zip(*(b.state for b in branches), strict=True))
    after, state = stepper.step(columns, state)
    for row, branch in enumerate(branches):
        branch.logits, branch.state = after[row : row + 1], take_rows(state, [row])


def _log_probability(logits: Logits, ids: NDArray[np.int64], temperature: float) -> NDArray[np.float64]:
    """Return log softmax of logits / temperature at `ids`; at temperature 0, of the logits."""
    wide = bounded(logits).astype(np.float64) / (temperature or 1.0)
    wide -= wide.max(axis=1, keepdims=True)
    total = np.log(np.exp(wide).sum(axis=1))
    return np.asarray(wide[np.arange(len(ids)), ids] - total)

"""Validation: the likelihood of held-out pieces under a network, and under a bigram model as a baseline.

The first token of a piece, its START, is given, not scored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ritornello.arrays import Ints
from ritornello.corpus.shards import Corpus
from ritornello.corpus.streams import validation_pieces
from ritornello.likelihood import Likelihood
from ritornello.networks import Network
from ritornello.representations.tokens import Tokens
from ritornello.training.loader import IGNORE, Batch
from ritornello.training.loss import read_batch

BIGRAM_IDS = 20_000_000
"""The most training ids that the bigram model counts."""

_MERGE_IDS = 2_000_000

BLOCK = 128
"""Ids of a block of the spread, where pieces are few; many times the reach of what makes one id depend on another."""

FEWEST_BLOCKS, FEWEST_NOTES = 4, 200
"""With fewer, nobody can tell how sure the figure is."""

PIECES_ARE_BLOCKS = 10
"""From so many pieces on, each is a block."""

LOGITS = 12_000_000
"""The most logits of a window that is scored."""

SHORTEST_WINDOW, LONGEST_WINDOW = 16, 2048


def metrics_of(likelihood: Likelihood) -> dict[str, float]:
    """Return the figures by Magenta's names."""
    names = ("perplexity", "accuracy", "event_accuracy", "no_event_accuracy")
    return {"loss": likelihood.nats_per_token} | {name: getattr(likelihood, name) for name in names}


@dataclass(frozen=True)
class Spread:
    """Sums over blocks of scored ids, from which follows how sure nats a note are; those of processes add up.

    A block is a piece, or BLOCK ids of one where there are few pieces.
    """

    blocks: int = 0
    nats_nats: float = 0.0
    nats_notes: float = 0.0
    notes_notes: float = 0.0

    def standard_error(self, likelihood: Likelihood) -> float:
        """Return the standard error of nats a note, a ratio of sums; infinite for too few blocks or notes."""
        if self.blocks < FEWEST_BLOCKS or likelihood.notes < FEWEST_NOTES:
            return math.inf
        ratio = likelihood.nats_per_note
        squares = self.nats_nats - 2 * ratio * self.nats_notes + ratio * ratio * self.notes_notes
        return math.sqrt(max(0.0, squares) * self.blocks / (self.blocks - 1)) / likelihood.notes


class Scored(NamedTuple):
    """The likelihood of pieces under a network, and its spread."""

    likelihood: Likelihood
    spread: Spread

    @property
    def standard_error(self) -> float:
        return self.spread.standard_error(self.likelihood)


def window_of(rows: int, vocabulary_size: int) -> int:
    """Return the number of steps of the windows in which `rows` pieces are scored: long ones, since each window costs
    as much as some dozens of steps, whose logits still fit into memory (LOGITS)."""
    return int(np.clip(LOGITS // (rows * vocabulary_size), SHORTEST_WINDOW, LONGEST_WINDOW))


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no complete types
def score(network: Network, batches: Iterable[Batch], table: Tokens, by_piece: bool = False) -> Scored:
    """Score batches of ids of `table` under `network`, without dropout; its mode is restored.

    by_piece: whether the blocks of the spread are pieces.
    """
    training = network.training
    network.eval()
    state, sums, blocks = None, Likelihood(), []
    pieces = np.zeros(0, dtype=np.int64)  # the number of the piece in each row
    begun = 0
    for batch in batches:
        logits, state = read_batch(network, batch, state)
        nats = functional.cross_entropy(
            logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE, reduction="none"
        )
        likeliest = (logits.argmax(-1) == batch.targets).cpu().numpy()
        nats = nats.view_as(batch.targets).double().cpu().numpy()
        targets, reset = batch.targets.cpu().numpy(), batch.reset.cpu().numpy()
        scored = targets != IGNORE
        notes = np.where(scored, table.notes[np.where(scored, targets, 0)], 0)
        event = scored & (targets != table.no_event)
        sums += Likelihood(
            -float(nats.sum()),
            int(scored.sum()),
            int(notes.sum()),
            int(likeliest.sum()),
            int(event.sum()),
            int((likeliest & event).sum()),
        )
        pieces = np.where(reset, begun + np.cumsum(reset), pieces if begun else 0)
        begun += int(reset.sum())
        edges = np.arange(0, notes.shape[1], BLOCK)
        parts = (np.add.reduceat(values, edges, axis=1) for values in (nats, notes))
        blocks.append(np.stack([np.repeat(pieces[:, None], len(edges), axis=1), *parts]).reshape(3, -1))
    network.train(training)
    return Scored(sums, _spread(np.concatenate([np.zeros((3, 0)), *blocks], axis=1), by_piece))


def _spread(blocks: NDArray[np.float64], by_piece: bool) -> Spread:
    """Return the spread of blocks, (piece, nats, notes) each; those without notes have no say."""
    pieces, nats, notes = blocks
    if by_piece:
        nats, notes = (np.bincount(pieces.astype(np.int64), weights=values) for values in (nats, notes))
    return Spread(int((notes > 0).sum()), float(nats @ nats), float(nats @ notes), float(notes @ notes))


def bigram(corpus: Corpus, most_ids: int | None = None) -> Likelihood:
    """Return the likelihood of validation pieces (at most `most_ids` ids) under a bigram model of the training pieces.

    The frequencies of the next token after the current one are mixed with the overall frequencies, with the weights of
    Witten and Bell (1991): after a context seen n times with d different successors, the former weigh n / (n + d).
    """
    size = corpus.representation.vocabulary_size
    pairs, counts, singles = _count_pairs(corpus, size)
    contexts, successors = pairs // size, pairs % size
    seen = np.bincount(contexts, weights=counts, minlength=size)
    kinds = np.bincount(contexts, minlength=size)
    overall = singles / singles.sum()
    likeliest = np.full(size, int(overall.argmax()))
    order = np.lexsort((counts, contexts))
    likeliest[contexts[order]] = successors[order]  # the last one of each context, the most frequent, stays
    nats, right, tokens, notes = 0.0, 0, 0, 0
    for piece in validation_pieces(corpus, most_ids):
        ids = corpus.ids(piece)
        before, after = ids[:-1], ids[1:]
        at = np.minimum(np.searchsorted(pairs, before * size + after), len(pairs) - 1)
        count = np.where(pairs[at] == before * size + after, counts[at], 0)
        mixed = (count + kinds[before] * overall[after]) / np.maximum(seen[before] + kinds[before], 1)
        nats -= float(np.log(np.where(seen[before] > 0, mixed, overall[after])).sum())
        right += int((likeliest[before] == after).sum())
        tokens += len(after)
        notes += int(corpus.representation.tokens.notes[after].sum())
    return Likelihood(-nats, tokens, notes, right)


def _count_pairs(corpus: Corpus, size: int) -> tuple[Ints, Ints, Ints]:
    """Return the bigrams of the training pieces (first * size + second), sorted, their counts, and the counts of ids
    plus one. At most BIGRAM_IDS are read."""
    pairs, counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    singles = np.ones(size, dtype=np.int64)
    waiting: list[Ints] = []
    read = unmerged = 0
    for piece in corpus.pieces(validation=False):
        ids = corpus.ids(piece)
        singles += np.bincount(ids[1:], minlength=size)
        waiting.append(ids[:-1] * size + ids[1:])
        read, unmerged = read + len(ids), unmerged + len(ids)
        if unmerged > _MERGE_IDS:  # now and then, for sorting costs
            pairs, counts = _merge(pairs, counts, np.concatenate(waiting))
            waiting, unmerged = [], 0
        if read > BIGRAM_IDS:
            break
    return *_merge(pairs, counts, np.concatenate([pairs[:0], *waiting])), singles


def _merge(keys: Ints, counts: Ints, more: Ints) -> tuple[Ints, Ints]:
    """Return sorted keys and counts with the occurrences in `more` added."""
    merged, inverse = np.unique(np.concatenate([keys, more]), return_inverse=True)
    weights = np.concatenate([counts, np.ones(len(more), dtype=np.int64)])
    return merged, np.bincount(inverse, weights=weights).astype(np.int64)

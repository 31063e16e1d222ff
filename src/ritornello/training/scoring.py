"""Validation: the likelihood of held-out pieces under a network, and under a bigram model as a baseline.

The first token of a piece, its START, is given, not scored.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from ritornello.arrays import Ints
from ritornello.corpus.batches import IGNORE, Batch, validation_pieces
from ritornello.corpus.shards import Corpus
from ritornello.likelihood import Likelihood
from ritornello.networks import Network
from ritornello.representations.tokens import Tokens
from ritornello.training.loss import network_loss

BIGRAM_IDS = 20_000_000
"""The most training ids that the bigram model counts."""

_MERGE_IDS = 2_000_000


def metrics_of(likelihood: Likelihood) -> dict[str, float]:
    """Return the figures by Magenta's names."""
    names = ("perplexity", "accuracy", "event_accuracy", "no_event_accuracy")
    return {"loss": likelihood.nats_per_token} | {name: getattr(likelihood, name) for name in names}


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no complete types
def score(network: Network, batches: Iterable[Batch], table: Tokens) -> Likelihood:
    """Return the likelihood of batches of ids of `table` under `network`, without dropout; its mode is restored."""
    training = network.training
    network.eval()
    device = next(network.parameters()).device
    nats = torch.zeros((), dtype=torch.float64)
    tokens = notes = right = events = events_right = 0
    state = None
    for batch in batches:
        total, logits, state = network_loss(network, batch, state)
        targets = torch.from_numpy(batch.targets).to(device)
        nats += total.double().cpu()
        scored = batch.targets != IGNORE
        tokens += int(scored.sum())
        notes += int(table.notes[batch.targets[scored]].sum())
        likeliest = logits.argmax(-1) == targets
        event = (targets != IGNORE) & (targets != table.no_event)
        right += int(likeliest.sum())
        events += int(event.sum())
        events_right += int((likeliest & event).sum())
    network.train(training)
    return Likelihood(-float(nats), tokens, notes, right, events, events_right)


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

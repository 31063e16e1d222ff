"""Held-out scores: nats a token, nats a note, accuracy; and the same for a bigram model, to compare with.

Nats a note is the negative log-likelihood of whole pieces (every token, also bars, tempo and the end) divided
by their notes, so that schemes with few and with many tokens can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ritornello.corpus.batches import IGNORE, Batch, held_out_pieces
from ritornello.corpus.shards import Corpus
from ritornello.networks import Network, reset_rows

Ints = NDArray[np.int64]

BIGRAM_IDS = 20_000_000
"""Training ids that the bigram model is counted on, at most."""

_MERGE_IDS = 2_000_000


@dataclass(frozen=True)
class Held:
    """Sums over held-out pieces. The first token of a piece, its START, is given, not scored.

    Of a representation with an id for "nothing happens", `events` counts the tokens that are another one, and
    `events_correct` those of them that were the likeliest; otherwise every token is an event.
    """

    nats: float
    tokens: int
    notes: int
    correct: int
    events: int = 0
    events_correct: int = 0

    @property
    def nats_per_token(self) -> float:
        return self.nats / max(1, self.tokens)

    @property
    def nats_per_note(self) -> float:
        return self.nats / max(1, self.notes)

    @property
    def accuracy(self) -> float:
        """Share of tokens that were the likeliest."""
        return self.correct / max(1, self.tokens)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures by the names that Magenta's users know."""
        quiet = self.tokens - self.events
        return {
            "loss": self.nats_per_token,
            "perplexity": math.exp(min(self.nats_per_token, 700.0)),
            "accuracy": self.accuracy,
            "event_accuracy": self.events_correct / max(1, self.events),
            "no_event_accuracy": (self.correct - self.events_correct) / max(1, quiet),
        }


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no complete types
def evaluate(
    network: Network, batches: Iterable[Batch], is_note: NDArray[np.bool_ | np.int64], no_event: int = -1
) -> Held:
    """Score `network` on batches, dropout off; its mode is restored. `no_event`: the id for "nothing happens"."""
    training = network.training
    network.eval()
    device = next(network.parameters()).device
    nats = torch.zeros((), dtype=torch.float64)
    tokens = notes = correct = events = events_correct = 0
    state = None
    for batch in batches:
        initial = network.initial_state(len(batch.reset))
        reset = torch.from_numpy(batch.reset).to(device)
        state = initial if state is None else reset_rows(state, initial, reset)
        targets = torch.from_numpy(batch.targets).to(device)
        logits, state = network(torch.from_numpy(batch.inputs).to(device), state)
        logits = logits.float()
        loss = functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum"
        )
        nats += loss.double().cpu()
        scored = batch.targets != IGNORE
        tokens += int(scored.sum())
        notes += int(is_note[batch.targets[scored]].sum())
        right = logits.argmax(-1) == targets
        event = (targets != IGNORE) & (targets != no_event)
        correct += int(right.sum())
        events += int(event.sum())
        events_correct += int((right & event).sum())
    network.train(training)
    return Held(float(nats), tokens, notes, correct, events, events_correct)


def bigram(corpus: Corpus, most_ids: int | None = None) -> Held:
    """Score a bigram model, counted on the training pieces, on the held-out ones (at most `most_ids` of them).

    The next token's frequencies after the present one are mixed with its overall ones, by the weights of Witten
    and Bell (1991): after a context seen n times with d different successors, n / (n + d) to the former.
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
    nats, correct, tokens, notes = 0.0, 0, 0, 0
    for piece in held_out_pieces(corpus, most_ids):
        ids = corpus.ids(piece)
        before, after = ids[:-1], ids[1:]
        at = np.minimum(np.searchsorted(pairs, before * size + after), len(pairs) - 1)
        count = np.where(pairs[at] == before * size + after, counts[at], 0)
        mixed = (count + kinds[before] * overall[after]) / np.maximum(seen[before] + kinds[before], 1)
        nats -= float(np.log(np.where(seen[before] > 0, mixed, overall[after])).sum())
        correct += int((likeliest[before] == after).sum())
        tokens += len(after)
        notes += int(corpus.representation.is_note[after].sum())
    return Held(nats, tokens, notes, correct)


def _count_pairs(corpus: Corpus, size: int) -> tuple[Ints, Ints, Ints]:
    """Return the pairs of neighbours in the training pieces (first * size + second), sorted, and how often each
    occurs; and how often each id does, one more than was seen. At most BIGRAM_IDS are read."""
    pairs, counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    singles = np.ones(size, dtype=np.int64)
    waiting: list[Ints] = []
    read = held = 0
    for piece in corpus.pieces(held_out=False):
        ids = corpus.ids(piece)
        singles += np.bincount(ids[1:], minlength=size)
        waiting.append(ids[:-1] * size + ids[1:])
        read, held = read + len(ids), held + len(ids)
        if held > _MERGE_IDS:  # now and then, for sorting costs
            pairs, counts = _merge(pairs, counts, np.concatenate(waiting))
            waiting, held = [], 0
        if read > BIGRAM_IDS:
            break
    return *_merge(pairs, counts, np.concatenate([pairs[:0], *waiting])), singles


def _merge(keys: Ints, counts: Ints, more: Ints) -> tuple[Ints, Ints]:
    """Return sorted keys and counts with the occurrences in `more` added."""
    merged, inverse = np.unique(np.concatenate([keys, more]), return_inverse=True)
    weights = np.concatenate([counts, np.ones(len(more), dtype=np.int64)])
    return merged, np.bincount(inverse, weights=weights).astype(np.int64)

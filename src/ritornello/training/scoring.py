"""Validation: the likelihood of held-out pieces under a network, and under a bigram model as a baseline.

The first token of a piece, its START, is given, not scored. Whole pieces are scored exactly. Excerpts that begin inside
a piece are scored side by side, from the initial state and some ids before them; the columns of those ids know the
whole piece. That gives about 1 % more nats a note, 8 % with drums, at a third of the time (docs/experiments.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ritornello.arrays import Floats, Ints
from ritornello.corpus.shards import Corpus
from ritornello.corpus.streams import Excerpts, Windows, held_out_pieces, validation_windows
from ritornello.likelihood import Likelihood
from ritornello.networks import Network
from ritornello.training.group import Group
from ritornello.training.loader import IGNORE, Loader
from ritornello.training.loss import read_batch

BIGRAM_IDS = 20_000_000
"""The most training ids that the bigram model counts."""

_MERGE_IDS = 2_000_000

BLOCK = 128
"""Ids of a block, where pieces are few; many times the reach of what makes one id depend on another."""

FEWEST_BLOCKS, FEWEST_NOTES = 4, 200
"""With fewer, nobody can tell how sure the figure is."""

TOLERANCE = 0.02
"""The share of the nats by which a network may be worse and still be kept, however unsure the difference is."""

BLOCKS = 8
"""The least blocks of all held-out pieces; so, where these are short, a block has less than BLOCK ids."""

PIECES_ARE_BLOCKS = 10
"""From so many pieces on, each is a block."""

STREAMS = 64
"""The most excerpts that are scored side by side."""

LOGITS = 12_000_000
"""The most logits of a window that is scored."""

SHORTEST_WINDOW, LONGEST_WINDOW = 16, 2048


def metrics_of(likelihood: Likelihood) -> dict[str, float]:
    """Return the figures by Magenta's names."""
    names = ("perplexity", "accuracy", "event_accuracy", "no_event_accuracy")
    return {"loss": likelihood.nats_per_token} | {name: getattr(likelihood, name) for name in names}


@dataclass(frozen=True)
class Scored:
    """The likelihood of excerpts under a network; nats, notes: (block,), from which follows how sure it is.

    The blocks are those of a `Scorer`; those that nothing was scored of have 0.
    """

    likelihood: Likelihood
    nats: Floats
    notes: Floats

    def __add__(self, other: Scored) -> Scored:
        return Scored(self.likelihood + other.likelihood, self.nats + other.nats, self.notes + other.notes)

    @property
    def standard_error(self) -> float:
        """The standard error of nats a note, a ratio of sums; infinite for too few blocks or notes."""
        notes = self.likelihood.notes
        return _error_of_sum(self.nats, self.notes) / notes if notes >= FEWEST_NOTES else math.inf

    def is_worse_than(self, nats: Floats) -> bool:
        """Whether the same blocks have fewer `nats`, (block,), under another network, by more than a standard error or
        by more than TOLERANCE of them.

        The standard error is that of the difference: what is difficult for both networks cancels out, so it is far
        smaller than the standard errors of both figures.
        """
        difference = self.nats - nats
        allowed = min(_error_of_sum(difference, self.notes), TOLERANCE * nats.sum())
        return not difference.sum() <= allowed  # also if not a number


def _error_of_sum(nats: Floats, notes: Floats) -> float:
    """Return the standard error of the sum of nats that vary with the notes; infinite for fewer than FEWEST_BLOCKS."""
    scored = notes > 0
    blocks = int(scored.sum())
    if blocks < FEWEST_BLOCKS:
        return math.inf
    residuals = (nats - nats.sum() / notes.sum() * notes)[scored]
    return float(np.sqrt(residuals @ residuals * blocks / (blocks - 1)))


def window_of(rows: int, vocabulary_size: int) -> int:
    """Return the number of steps of the windows in which `rows` pieces are scored: long ones, since each window costs
    as much as some dozens of steps, whose logits still fit into memory (LOGITS)."""
    return int(np.clip(LOGITS // (rows * vocabulary_size), SHORTEST_WINDOW, LONGEST_WINDOW))


class Scorer:
    """Scores excerpts of a corpus's held-out pieces under networks, shared by the processes of a group.

    A block is a held-out piece, or BLOCK ids of one, or fewer, where there are few pieces.
    """

    def __init__(self, corpus: Corpus, loader: Loader, group: Group) -> None:
        self._corpus, self._loader, self._group = corpus, loader, group
        pieces, lengths = corpus.pieces(validation=True), corpus.index["length"].astype(np.int64)
        targets = lengths[pieces] - 1
        few = max(1, min(BLOCK, int(targets.sum()) // BLOCKS))
        self._block = few if len(pieces) < PIECES_ARE_BLOCKS else int(lengths.max(initial=1))
        blocks = -(-targets // self._block)
        self._first_block = np.zeros_like(lengths)
        self._first_block[pieces] = np.cumsum(blocks) - blocks
        self._blocks = int(blocks.sum())

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no complete types
    def score(self, network: Network, excerpts: Excerpts) -> Scored:
        """Score excerpts under `network`, without dropout; its mode is restored."""
        training, group, representation = network.training, self._group, self._corpus.representation
        table, rows = representation.tokens, max(1, min(STREAMS, -(-len(excerpts) // group.size)))
        window = window_of(rows, representation.vocabulary_size)
        network.eval()
        state, counts = None, np.zeros(6)
        nats_of, notes_of = np.zeros((2, self._blocks))
        for windows in validation_windows(excerpts, rows, window, rank=group.rank, ranks=group.size):
            batch = self._loader.load(windows)
            logits, state = read_batch(network, batch, state)
            nats = _nats(logits, batch.targets)
            likeliest = (logits.argmax(-1) == batch.targets).cpu().numpy()
            targets = batch.targets.cpu().numpy()
            scored = targets != IGNORE
            notes = np.where(scored, table.notes[np.where(scored, targets, 0)], 0)
            event = scored & (targets != table.no_event)
            parts = (-nats, scored, notes, likeliest, event, likeliest & event)
            counts += [part.sum() for part in parts]
            blocks = self._blocks_of(windows)[scored]
            nats_of += np.bincount(blocks, nats[scored], self._blocks)
            notes_of += np.bincount(blocks, notes[scored], self._blocks)
        network.train(training)
        sums = torch.from_numpy(np.concatenate([counts, nats_of, notes_of]))
        group.add_up([sums])
        counts, nats_of, notes_of = np.split(sums.numpy(), [6, 6 + self._blocks])
        return Scored(Likelihood(float(counts[0]), *map(int, counts[1:])), nats_of, notes_of)

    def _blocks_of(self, windows: Windows) -> Ints:
        """Return the number of the block of each target, (row, steps)."""
        places = windows.offset[:, None] + np.arange(windows.steps)
        return self._first_block[windows.piece][:, None] + places // self._block


def _nats(logits: Tensor, targets: Tensor) -> Floats:
    """Return the nats of targets, (row, step); 0 where they are ignored."""
    nats = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="none"
    )
    return np.asarray(nats.view_as(targets).double().cpu().numpy())


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
    pieces = held_out_pieces(corpus)
    for piece in (pieces if most_ids is None else pieces.up_to(most_ids)).piece.tolist():
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

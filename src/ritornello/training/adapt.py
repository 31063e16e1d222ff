"""A model's style from a few files: only its biases are learned, in less than a minute, and saved as a `style`.

Each of them is a vector that is added at every step, some thousands of numbers in all; so a handful of pieces is
enough to learn them by, and hardly enough to learn them by heart (BitFit: Ben Zaken and others 2022,
arXiv:2106.10199). docs/experiments.md tells what else was tried.

Of three pieces or more some are held out, and what foresees them best is kept. Of fewer nothing can be: then the last
is kept, and figures are of the very pieces learned from.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ritornello.bundle import Bundle, CorpusFacts, Facts, load_network
from ritornello.bundle.archive import Weights
from ritornello.bundle.step_graph import NETWORK
from ritornello.bundle.style import save_style
from ritornello.corpus.batches import ALL_KEYS, IGNORE, Batch, Batches, held_out_batches
from ritornello.corpus.scan import scan, split
from ritornello.corpus.shards import Corpus, Encoded, corpus_in_memory, encode_piece, pieces_of
from ritornello.corpus.shards import Progress as FilesProgress
from ritornello.errors import ConfigError, CorpusError
from ritornello.likelihood import Likelihood
from ritornello.networks import Network, State, detach, reset_rows
from ritornello.representations import REPRESENTATIONS
from ritornello.training.config import AdaptConfig
from ritornello.training.scoring import score

ROWS, WINDOW = 8, 64
EVALUATIONS = 8
EVALUATION_IDS = 10_000
"""Ids of held-out pieces scored each time, at most."""

FEWEST_TO_HOLD_OUT = 3
STEPS, STEPS_UNWATCHED = 300, 100
"""Batches to learn from; fewer where no piece is held out to tell when it is enough."""

CLIP = 1.0


@dataclass(frozen=True)
class AdaptProgress:
    """Where an adaptation is; `held` is set after the pieces held out were scored."""

    fraction: float
    held: Likelihood | None = None


def learned_vectors(network: Network) -> dict[str, nn.Parameter]:
    """Return the biases of a network by name: its parameters that are vectors."""
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        # torch's LSTM has a second bias that is only added to the first.
        if parameter.dim() == 1 and parameter.numel() and "bias_hh" not in name
    }


@dataclass
class Adaptation:
    """An adaptation, ready to start: iterate over `steps()`; stop at any time, `out` holds the best so far."""

    base: Bundle
    corpus: Corpus
    out: Path
    config: AdaptConfig
    pieces: int
    holds_out: bool
    network: Network = field(init=False)
    before: Likelihood | None = None  # the model as it is
    best: Likelihood | None = None

    def __post_init__(self) -> None:
        torch.manual_seed(self.config.seed)
        self.network = load_network(self.base)
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        unused = self.base.card.training_only
        self.vectors = {n: v for n, v in learned_vectors(self.network).items() if NETWORK + n not in unused}
        if not self.vectors:
            raise ConfigError(f"{self.base.path}: its network has no biases to learn")
        for vector in self.vectors.values():
            vector.requires_grad_(True)
        self.optimizer = torch.optim.Adam(list(self.vectors.values()))
        self.last_step = self.config.steps or (STEPS if self.holds_out else STEPS_UNWATCHED)

    def steps(self) -> Iterator[AdaptProgress]:
        """Learn, to the last step or until the time is over."""
        self.before = self._score()
        yield AdaptProgress(0.0, self.before)
        keys = ALL_KEYS if self.config.transpose else (0,)
        batches = Batches(self.corpus, ROWS, WINDOW, seed=self.config.seed, semitones=keys)
        started, step, scored, fraction = time.perf_counter(), 0, 0, 0.0
        state: State | None = None
        while fraction < 1:
            state = self._step(next(batches), state, fraction)
            step += 1
            fraction = max(step / self.last_step, (time.perf_counter() - started) / self.config.seconds)
            if due := min(1.0, fraction) * EVALUATIONS >= scored + 1:
                scored = int(fraction * EVALUATIONS)
            yield AdaptProgress(min(1.0, fraction), self._keep_best() if due else None)

    def _step(self, batch: Batch, state: State | None, fraction: float) -> State | None:
        """Learn from one batch; the rate falls by half a cosine. What is not finite is left out."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * 0.5 * (1 + float(np.cos(np.pi * fraction)))
        initial = self.network.initial_state(ROWS)
        state = initial if state is None else reset_rows(state, initial, torch.from_numpy(batch.reset))
        logits, state = self.network(torch.from_numpy(batch.inputs), state)
        targets = torch.from_numpy(batch.targets).flatten()
        rows = logits.float().flatten(0, 1)
        loss = functional.cross_entropy(rows, targets, ignore_index=IGNORE, reduction="sum") / batch.total
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.vectors.values(), CLIP)
        if not torch.isfinite(norm):
            return None
        self.optimizer.step()
        return detach(state)

    def _score(self) -> Likelihood:
        batches = held_out_batches(self.corpus, ROWS, WINDOW, most_ids=EVALUATION_IDS)
        held: Likelihood = score(self.network, batches, self.base.representation.tokens)
        return held

    def _keep_best(self) -> Likelihood:
        """Score what is learned; write it if it is better than all before, or if nothing can tell."""
        with torch.no_grad():
            for vector in self.vectors.values():
                vector.copy_(vector.half())  # what is scored is what is saved
        held, best = self._score(), self.best or self.before
        if best is None or held.nats_per_note < best.nats_per_note or not self.holds_out:
            self.best = held
            save_style(self.out, self.base, self._weights(), self._facts(held))
        return held

    def _weights(self) -> Weights:
        return {NETWORK + name: vector.detach().half().numpy() for name, vector in self.vectors.items()}

    def _facts(self, held: Likelihood) -> Facts:
        before = self.before or held
        figures = {
            "pieces": len(self.corpus.pieces(held_out=True)),
            "notes": held.notes,
            "nats_per_note": round(held.nats_per_note, 4),
            "nats_per_note_before": round(before.nats_per_note, 4),
        }
        return Facts(
            name=self.out.stem,
            description=f"{self.base.card.name}, in the style of {self.pieces} pieces",
            training={"config": self.config.model_dump(), "pieces": len(self.corpus.pieces(held_out=False))},
            corpus=CorpusFacts(digest=self.corpus.digest),
            held_out=figures if self.holds_out else {},
            created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        )


def prepare_adaptation(
    base: Bundle,
    sources: Sequence[Path],
    out: Path,
    config: AdaptConfig,
    progress: FilesProgress | None = None,
) -> Adaptation:
    """Return an adaptation of `base` to the files of `sources`; CorpusError if nothing can be learned from them."""
    if out.suffix != ".rit":
        raise ConfigError(f"{out}: a style's name ends with .rit")
    if base.base:
        raise ConfigError(f"{base.path}: is itself a style of {base.base}; adapt that model")
    examples, apart = _read(base, sources, config, progress)
    holds_out = any(apart)
    if not holds_out:  # what is learned from is scored too
        examples, apart = examples * 2, [False] * len(examples) + [True] * len(examples)
    corpus = corpus_in_memory(base.representation, examples, apart)
    return Adaptation(base, corpus, out, config, len(examples), holds_out)


def _read(
    base: Bundle, sources: Sequence[Path], config: AdaptConfig, progress: FilesProgress | None
) -> tuple[list[Encoded], list[bool]]:
    """Return the examples in all files that can be learned from, and whether each is held out."""
    representation = base.representation
    kind = REPRESENTATIONS[representation.name]
    found = scan(sources, statistics=kind.collect_statistics, prose=kind.reads_prose)
    named = [piece for report in found.used for piece in pieces_of(report)]
    names, apart = [name for name, _ in named], set[int]()
    if len(named) >= FEWEST_TO_HOLD_OUT:
        apart = set(split(names, config.seed, config.held_out)[1])
    examples: list[Encoded] = []
    held_out: list[bool] = []
    for number, (_, piece) in enumerate(named):
        encoded = encode_piece(representation.name, representation.config(), piece).examples
        examples += encoded
        held_out += [number in apart] * len(encoded)
        if progress:
            progress("encoding", number + 1, len(named))
    if False not in held_out:
        reasons = "; ".join(f"{report.path.name}: {', '.join(report.reasons)}" for report in found.reports)
        raise CorpusError(f"nothing can be learned from: {reasons[:300] or 'no files'}")
    return examples, held_out

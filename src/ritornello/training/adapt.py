"""Fine-tuning of a model on a few files: only its biases are trained, in less than a minute, and saved as a `style`.

The biases are some thousands of numbers in all; a handful of pieces is enough to fit them, and hardly enough to
memorise the pieces (BitFit: Ben Zaken and others 2022, arXiv:2106.10199). docs/experiments.md has what else was tried.

Of three pieces or more some are held out for validation, and the best biases are kept. With fewer, the last ones are
kept, and the figures are of the training pieces. What is learned in so many steps does not depend on the speed of the
machine: the rate falls with the steps, unless a time is given.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ritornello.bundle import Bundle, CorpusFacts, Facts, load_network, save_style
from ritornello.bundle.step_graph import NETWORK
from ritornello.corpus.pieces import pieces_of
from ritornello.corpus.pool import Failure, map_guarded
from ritornello.corpus.scan import scan
from ritornello.corpus.shards import (
    Corpus,
    Encoded,
    EncodedPiece,
    corpus_in_memory,
    encode_piece,
    in_order,
    shortened,
    why_not_encoded,
)
from ritornello.corpus.shards import Progress as FilesProgress
from ritornello.corpus.splitting import candidates_of, hold_out_notes
from ritornello.corpus.streams import ALL_KEYS, Streams, validation_windows
from ritornello.errors import ConfigError, CorpusError
from ritornello.likelihood import Likelihood
from ritornello.networks import Network, State, detach
from ritornello.representations import REPRESENTATIONS
from ritornello.training.config import AdaptConfig
from ritornello.training.loader import Batch, Loader
from ritornello.training.loss import network_loss
from ritornello.training.scoring import score, window_of

BATCH_SIZE, BPTT_STEPS = 8, 64
EVALUATIONS = 8
EVALUATION_IDS = 10_000
"""The most ids of validation pieces scored each time."""

FEWEST_TO_HOLD_OUT = 3
STEPS, STEPS_UNWATCHED = 300, 100
"""Number of batches; fewer where no piece is held out to detect overfitting."""

SECONDS_LIMIT = 600.0
"""Ends the learning on a machine that is too slow for its steps, unless a time is given."""

CLIP = 1.0


@dataclass(frozen=True)
class AdaptProgress:
    """The progress of an adaptation, 0 to 1; `validation` is set after an evaluation."""

    fraction: float
    validation: Likelihood | None = None


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
    """An adaptation, ready to start: iterate over `steps()`; it may stop at any time, `out` holds the best so far."""

    base: Bundle
    corpus: Corpus
    out: Path
    config: AdaptConfig
    pieces: int
    has_validation: bool
    network: Network = field(init=False)
    before: Likelihood | None = None  # of the base model
    best: Likelihood | None = None
    closest: float = math.inf  # the lowest nats a note after learning

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
        self.last_step = self.config.steps or (STEPS if self.has_validation else STEPS_UNWATCHED)
        self.loader = Loader(self.corpus, torch.device("cpu"))
        self.step = 0

    def steps(self) -> Iterator[AdaptProgress]:
        """Train to the last step or to the end of the time.

        On one thread: on a busy machine several wait for each other, and sums in another order give another style.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield from self._learn()
        finally:
            torch.set_num_threads(threads)

    def _learn(self) -> Iterator[AdaptProgress]:
        self.before = self._score()
        yield AdaptProgress(0.0, self.before)
        keys = ALL_KEYS if self.config.transpose else (0,)
        streams = Streams(self.corpus, BATCH_SIZE, BPTT_STEPS, seed=self.config.seed, semitones=keys)
        started, scored, fraction, is_over = time.perf_counter(), 0, 0.0, False
        state: State | None = None
        while not is_over:
            state = self._step(self.loader.load(next(streams)), state, fraction)
            self.step += 1
            seconds = time.perf_counter() - started
            fraction = self.step / self.last_step
            if self.config.seconds is not None:
                fraction = max(fraction, seconds / self.config.seconds)
            is_over = fraction >= 1 or seconds > (self.config.seconds or SECONDS_LIMIT)
            if due := is_over or fraction * EVALUATIONS >= scored + 1:
                scored = int(fraction * EVALUATIONS)
            yield AdaptProgress(1.0 if is_over else fraction, self._keep_best() if due else None)

    def _step(self, batch: Batch, state: State | None, fraction: float) -> State | None:
        """Update the biases on one batch; the rate falls by half a cosine. A step without finite numbers is skipped."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * 0.5 * (1 + float(np.cos(np.pi * fraction)))
        total, _, state = network_loss(self.network, batch, state)
        self.optimizer.zero_grad()
        (total / batch.total).backward()
        norm = nn.utils.clip_grad_norm_(self.vectors.values(), CLIP)
        if not torch.isfinite(norm):
            return None
        self.optimizer.step()
        return detach(state)

    def _score(self) -> Likelihood:
        window = window_of(BATCH_SIZE, self.base.representation.vocabulary_size)
        windows = validation_windows(self.corpus, BATCH_SIZE, window, most_ids=EVALUATION_IDS)
        batches = map(self.loader.load, windows)
        likelihood: Likelihood = score(self.network, batches, self.base.representation.tokens).likelihood
        return likelihood

    def _keep_best(self) -> Likelihood:
        """Score the biases; write them if they are the best so far, or if no piece is held out.

        With `anyway` they need not be better than none.
        """
        with torch.no_grad():
            for vector in self.vectors.values():
                vector.copy_(vector.half())  # what is scored is what is saved
        validation, best = self._score(), self.best or (None if self.config.anyway else self.before)
        self.closest = min(validation.nats_per_note, self.closest)
        if best is None or validation.nats_per_note < best.nats_per_note or not self.has_validation:
            self.best = validation
            weights = {NETWORK + name: v.detach().half().numpy() for name, v in self.vectors.items()}
            save_style(self.out, self.base, weights, self._facts(validation))
        return validation

    def why_nothing(self) -> str:
        """Return why nothing was written, and what may help."""
        unit, apart = self.base.representation.unit, len(self.corpus.pieces(validation=True))
        before = self.before.nats_per_note if self.before else math.nan
        notes = self.corpus.count("notes", validation=True)
        slow = "" if self.step >= self.last_step else "more --seconds, "
        return (
            f"the held-out pieces became no more probable; nothing is written ({before:.3f} nats a {unit} before, "
            f"{self.closest:.3f} at best in {self.step} of {self.last_step} steps, on {notes:,} {unit}s of {apart} of "
            f"{self.pieces} pieces). What may help: {slow}more files, another --seed, or --anyway, which writes it all "
            "the same"
        )

    def _facts(self, validation: Likelihood) -> Facts:
        before = self.before or validation
        figures = {
            "pieces": len(self.corpus.pieces(validation=True)),
            "notes": validation.notes,
            "nats_per_note": round(validation.nats_per_note, 4),
            "nats_per_note_before": round(before.nats_per_note, 4),
        }
        return Facts(
            name=self.out.stem,
            description=f"{self.base.card.name}, in the style of {self.pieces} pieces",
            training={
                "config": self.config.model_dump(),
                "pieces": len(self.corpus.pieces(validation=False)),
            },
            corpus=CorpusFacts(digest=self.corpus.digest),
            held_out=figures if self.has_validation else {},
            created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        )


def prepare_adaptation(
    base: Bundle,
    sources: Sequence[Path | str],
    out: Path,
    config: AdaptConfig,
    progress: FilesProgress | None = None,
    force: bool = False,
) -> Adaptation:
    """Return an adaptation of `base` to the files of `sources`; CorpusError if none is fit for training.

    An existing file `out` is replaced only with `force`.
    """
    if out.suffix != ".rit":
        raise ConfigError(f"{out}: a style's name ends with .rit")
    if out.exists() and not force:
        raise ConfigError(f"{out} exists; --force replaces it")
    if base.base:
        raise ConfigError(f"{base.path}: is itself a style of {base.base}; adapt that model")
    examples, apart = _read(base, sources, config, progress)
    has_validation = any(apart)
    if not has_validation:  # the training pieces are scored
        examples, apart = examples * 2, [False] * len(examples) + [True] * len(examples)
    corpus = corpus_in_memory(base.representation, examples, apart)
    return Adaptation(base, corpus, out, config, len(examples), has_validation)


def _read(
    base: Bundle, sources: Sequence[Path | str], config: AdaptConfig, progress: FilesProgress | None
) -> tuple[list[Encoded], list[bool]]:
    """Return the examples in all files fit for training, and for each whether it is held out."""
    representation = base.representation
    kind = REPRESENTATIONS[representation.name]
    found = scan(sources, statistics=kind.collect_statistics, prose=kind.reads_prose)
    named = [piece for report in found.used for piece in pieces_of(report)]
    encode = functools.partial(encode_piece, representation.name, json.dumps(representation.config()))
    pieces = [piece for _, piece in named]
    results: list[EncodedPiece] = []
    for number, result in in_order(map_guarded(encode, pieces)):
        if isinstance(result, Failure):
            raise CorpusError(f"{pieces[number]}: {why_not_encoded(pieces[number], result)}")
        results.append(result)
        if progress:
            progress("encoding", number + 1, len(named))
    examples = [example for result in results for example in result.examples]
    if not examples:
        reasons = [f"{report.path.name}: {', '.join(report.reasons)}" for report in found.reports]
        raise CorpusError(f"nothing can be learned from: {shortened(reasons)}")
    apart = set[int]()
    if len(named) >= FEWEST_TO_HOLD_OUT:
        notes = [sum(example.notes for example in result.examples) for result in results]
        apart = hold_out_notes(candidates_of(found.used, notes), config.seed, config.held_out)
    return examples, [number in apart for number, result in enumerate(results) for _ in result.examples]

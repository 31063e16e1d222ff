"""Fine-tuning of a model on a few files: only its biases are trained, in less than a minute, and saved as a `style`.

The biases are some thousands of numbers in all; a handful of pieces is enough to fit them, and hardly enough to
memorise the pieces (`learned`). docs/experiments.md has what else was tried.

It is a training run of few steps that begins with the model (`loop.Trainer`). Of three pieces or more some are held out
for validation; with fewer, the figures are of the training pieces. What is learned in so many steps does not depend on
the speed of the machine: the rate falls with the steps, unless a time is given.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ritornello.bundle import Bundle, CorpusFacts, Facts, load_network, save_style
from ritornello.bundle.step_graph import NETWORK
from ritornello.corpus.pieces import pieces_of
from ritornello.corpus.pool import Failure, map_guarded
from ritornello.corpus.scan import scan, seconds_allowed
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
from ritornello.errors import ConfigError, CorpusError
from ritornello.likelihood import Likelihood
from ritornello.networks import Network
from ritornello.representations import REPRESENTATIONS
from ritornello.training.config import AdaptConfig, TrainConfig
from ritornello.training.group import Group
from ritornello.training.loop import Trainer
from ritornello.training.progress import Progress

BATCH_SIZE, BPTT_STEPS = 8, 64
EVALUATIONS = 8
EVALUATION_IDS = 10_000
"""The most ids of validation pieces scored each time."""

FEWEST_TO_HOLD_OUT = 3
STEPS, STEPS_UNWATCHED = 300, 100
"""Number of batches; fewer where no piece is held out to detect overfitting."""

SECONDS_LIMIT = 600.0
"""Ends the learning on a machine that is too slow for its steps, unless a time is given."""


@dataclass
class Adaptation:
    """An adaptation, ready to start: iterate over `steps()`; it may stop at any time, `out` holds what is kept."""

    base: Bundle
    corpus: Corpus
    out: Path
    config: AdaptConfig
    pieces: int
    has_validation: bool
    trainer: Trainer = field(init=False)
    before: Likelihood | None = None  # of the base model
    kept: Likelihood | None = None
    closest: float = math.inf  # the lowest nats a note after learning

    def __post_init__(self) -> None:
        network = load_network(self.base)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(NETWORK + name not in self.base.card.training_only)
        config = TrainConfig(
            steps=self.config.steps or (STEPS if self.has_validation else STEPS_UNWATCHED),
            learn="biases",
            batch=BATCH_SIZE,
            window=BPTT_STEPS,
            growing_window=False,
            warmup=0.0,
            evaluations=EVALUATIONS,
            evaluation_ids=EVALUATION_IDS,
            patience=EVALUATIONS,
            device="cpu",
            **self.config.model_dump(include={"learning_rate", "seed", "transpose"}),
        )
        limit = {"minutes": (self.config.seconds or SECONDS_LIMIT) / 60}  # of both, what is over first counts
        config = config.model_copy(update=limit)
        self.trainer = Trainer(
            config, self.corpus, None, self._save, Group(), init=network, init_name=self.base.card.name
        )
        if not self.trainer.learned.parameters:
            raise ConfigError(f"{self.base.path}: its network has no biases to learn")

    def steps(self) -> Iterator[Progress]:
        """Train to the last step or to the end of the time.

        On one thread: on a busy machine several wait for each other, and sums in another order give another style.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            for progress in self.trainer.run():
                self._watch(progress)
                yield progress
                if progress.fraction >= 1 or progress.message:
                    break  # the last scoring is the final one
        finally:
            torch.set_num_threads(threads)

    def _watch(self, progress: Progress) -> None:
        """Take in a scoring. With `anyway` the biases may be worse than those of the base model."""
        if progress.validation is None:
            return
        if progress.step == 0:
            self.before = progress.validation
            if self.config.anyway:
                self.trainer.counters.best = math.inf
            return
        self.closest = min(progress.validation.nats_per_note, self.closest)
        if self.trainer.counters.kept_step == progress.step:
            self.kept = progress.validation

    def _save(self, network: Network, training: dict[str, Any]) -> None:
        """Write the biases as a style, once they are no worse than those of the base model."""
        if not self.trainer.counters.kept_step:
            return
        vectors = self.trainer.learned.parameters
        weights = {NETWORK + name: vector.detach().half().numpy() for name, vector in vectors.items()}
        save_style(self.out, self.base, weights, self._facts(training["figures"]))

    def why_nothing(self) -> str:
        """Return why nothing was written, and what may help."""
        unit, apart = self.base.representation.unit, len(self.corpus.pieces(validation=True))
        before = self.before.nats_per_note if self.before else math.nan
        notes, step, last = (
            self.corpus.count("notes", validation=True),
            self.trainer.counters.step,
            self.last_step,
        )
        slow = "" if step >= last else "more --seconds, "
        return (
            f"the held-out pieces became less probable; nothing is written ({before:.3f} nats a {unit} before, "
            f"{self.closest:.3f} at best in {step} of {last} steps, on {notes:,} {unit}s of {apart} of "
            f"{self.pieces} pieces). What may help: {slow}more files, another --seed, or --anyway, which writes it all "
            "the same"
        )

    @property
    def last_step(self) -> int:
        return self.trainer.config.steps or 0

    def _facts(self, figures: dict[str, Any]) -> Facts:
        before = self.before.nats_per_note if self.before else figures["nats_per_note"]
        known = {name: figures[name] for name in ("pieces", "notes", "nats_per_note")}
        return Facts(
            name=self.out.stem,
            description=f"{self.base.card.name}, in the style of {self.pieces} pieces",
            training={
                "config": self.config.model_dump(),
                "pieces": len(self.corpus.pieces(validation=False)),
            },
            corpus=CorpusFacts(digest=self.corpus.digest),
            held_out=known | {"nats_per_note_before": round(before, 4)} if self.has_validation else {},
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
    limit = seconds_allowed(report.path for report in found.used)
    for number, result in in_order(map_guarded(encode, pieces, seconds_limit=limit)):
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

"""The training loop: teacher forcing, truncated backpropagation through time with carried state, to a budget.

At each step the network reads an id of the piece and the loss is the cross-entropy of the next one (teacher forcing).
An epoch is one pass over the training pieces. Several processes may train one network (`group`), each by this loop.

`Trainer.run` yields a `Progress` after every step and prints nothing; the caller may stop at any step. The best network
on the validation (held-out) pieces is written as a bundle each time it improves, so that a usable model exists from
the first evaluation on; the whole state is written as a checkpoint, so that a run can resume exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ritornello.corpus.batches import ALL_KEYS, IGNORE, Batch, Batches, validation_batches
from ritornello.corpus.shards import Corpus
from ritornello.errors import ConfigError, RitornelloError
from ritornello.likelihood import Likelihood
from ritornello.networks import Network, State, detach
from ritornello.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from ritornello.training.config import TrainConfig
from ritornello.training.group import Group, join_group
from ritornello.training.log import Log
from ritornello.training.loss import network_loss
from ritornello.training.memory import keep_freed_memory
from ritornello.training.progress import Clock, Counters, Progress
from ritornello.training.schedule import bptt_steps_at, make_optimizer, rate_at
from ritornello.training.scoring import bigram, metrics_of, score
from ritornello.training.tuning import build, check_shares, choose_device

SMOOTHING = 0.98
"""Weight of the past in the running mean of the training loss."""

CHECKPOINT = "checkpoint.safetensors"

CHECKPOINT_SECONDS = 60.0
"""The longest time between two checkpoints."""

MOST_FAILED_STEPS = 10
"""After so many consecutive steps without a finite gradient, the best weights are restored and the rate is halved."""

SaveModel = Callable[[Network, dict[str, Any]], None]
"""Called with the best network so far and the facts of the run, to write the bundle."""


@dataclass
class Trainer:
    """A run: a settled configuration, a corpus, and a directory for checkpoint, log and curve."""

    config: TrainConfig
    corpus: Corpus
    directory: Path
    save_model: SaveModel
    group: Group = field(default_factory=join_group)  # the processes that train together
    stopping: bool = False  # set it, in any process, to stop after the current step
    network: Network = field(init=False)
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        config, group = self.config, self.group
        keep_freed_memory()
        check_shares(config.batch, max(config.processes, group.size))  # they may not have been started yet
        if config.threads:
            torch.set_num_threads(config.threads)
        self.device = choose_device(config.device)
        torch.manual_seed(config.seed)
        self.network = build(config, self.corpus).to(self.device)
        self.optimizer = make_optimizer(self.network, config)
        semitones = (config.transpositions or ALL_KEYS) if config.transpose else (0,)
        self.batches = Batches(
            self.corpus,
            config.batch or 1,
            config.window or 1,
            seed=config.seed,
            semitones=semitones,
            rank=group.rank,
            ranks=group.size,
        )
        self.state: State | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = Log(self.directory, writes=group.is_first)
        self.bigram = bigram(self.corpus, FINAL_IDS)
        self.final: Likelihood | None = None

    @property
    def checkpoint_path(self) -> Path:
        return self.directory / CHECKPOINT

    # --- the loop -------------------------------------------------------------------------------

    def run(self) -> Iterator[Progress]:
        """Train to the end of the budget or to early stopping; then score the held-out pieces with the best weights."""
        clock = Clock(self.counters.seconds)
        written = self.counters.seconds
        self.network.train()
        while (fraction := self.fraction()) < 1:
            self.batches.bptt_steps = bptt_steps_at(self.config, fraction)
            self._step(next(self.batches), fraction)
            self._agree(clock)
            if self.stopping:
                self.stop()
                return
            validation, message = None, ""
            if self.fraction() * self.config.evaluations >= self.counters.evaluations + 1:
                validation = self._evaluate()
                written = self._write(clock)
            elif self.counters.seconds - written > CHECKPOINT_SECONDS:
                written = self._write(clock)
            if self.counters.since_best >= self.config.patience:
                message = f"no improvement in {self.config.patience} evaluations: stopped early"
            yield self._progress(validation, message)
            if message:
                break
        yield self._finish()

    def _agree(self, clock: Clock) -> None:
        """Give all processes the same time, and stop all if one should stop."""
        seconds, stopping = self.group.highest(clock.seconds(), float(self.stopping))
        self.counters.seconds, self.stopping = seconds, bool(stopping)

    def fraction(self) -> float:
        """Return the share of the budget that is used, 0 to 1."""
        if self.config.steps is not None:
            return min(1.0, self.counters.step / self.config.steps)
        return min(1.0, self.counters.seconds / (60 * (self.config.minutes or 1)))

    def _step(self, batch: Batch, fraction: float) -> None:
        """Update the network on one batch."""
        counters, network = self.counters, self.network
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(fraction)
        total, _, state = network_loss(network, batch, self.state, self.config.precision == "bfloat16")
        loss = total / batch.total  # this process's part of the mean over the targets of all processes
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        notes = (
            self.corpus.representation.tokens.notes[batch.targets[batch.targets != IGNORE]].sum()
            / batch.total
        )
        means = loss.new_tensor([float(loss.detach()), float(notes)])
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        self.group.add_up([*gradients, means])
        norm = nn.utils.clip_grad_norm_(network.parameters(), self.config.clip)
        counters.step += 1
        counters.tokens += batch.total
        if torch.isfinite(means).all() and torch.isfinite(norm):
            self.optimizer.step()
            self.state = detach(state)
            counters.failed = 0
            nats, share = means.tolist()
            counters.loss = SMOOTHING * counters.loss + (1 - SMOOTHING) * nats
            counters.notes_share = SMOOTHING * counters.notes_share + (1 - SMOOTHING) * share
        else:
            self._recover()

    def _recover(self) -> None:
        """Skip a step without finite numbers; after MOST_FAILED_STEPS, go back to the best weights."""
        counters = self.counters
        self.state = None
        counters.failed += 1
        if counters.failed < MOST_FAILED_STEPS:
            return
        if not self.best_weights or counters.rate_scale < 1e-3:
            raise RitornelloError(
                f"training does not stay finite at a learning rate of {self.config.learning_rate:g}; "
                "try a lower --learning-rate"
            )
        self.network.load_state_dict(self.best_weights)
        self.optimizer = make_optimizer(self.network, self.config)
        counters.rate_scale /= 2
        counters.failed = 0

    def _rate(self, fraction: float) -> float:
        return rate_at(self.config, fraction, self.counters.step) * self.counters.rate_scale

    # --- scoring and writing ---------------------------------------------------------------------

    def _evaluate(self) -> Likelihood:
        """Score the validation pieces, EVALUATION_IDS at most; keep the network if it is the best."""
        counters = self.counters
        validation = self._score(EVALUATION_IDS)
        counters.evaluations = max(counters.evaluations + 1, int(self.fraction() * self.config.evaluations))
        if validation.nats_per_note < counters.best:
            counters.best, counters.since_best = validation.nats_per_note, 0
            self.best_weights = {
                name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()
            }
            self._save_model(validation)
        else:
            counters.since_best += 1
        progress = self._progress(validation, "")
        self.log.add(
            {
                "step": counters.step,
                "seconds": round(counters.seconds, 2),
                "epochs": round(progress.epochs, 3),
                "loss": round(progress.loss, 4),
                "nats_per_note": round(validation.nats_per_note, 4),
                "accuracy": round(validation.accuracy, 4),
                "tokens_per_second": round(progress.tokens_per_second),
                "learning_rate": round(self._rate(self.fraction()), 6),
            },
            metrics_of(validation),
        )
        return validation

    def _score(self, most_ids: int | None) -> Likelihood:
        config, group = self.config, self.group
        batches = validation_batches(
            self.corpus,
            (config.batch or 1) // group.size,
            config.window or 1,
            most_ids=most_ids,
            rank=group.rank,
            ranks=group.size,
        )
        representation = self.corpus.representation
        likelihood: Likelihood = score(self.network, batches, representation.tokens)
        sums = torch.tensor(astuple(likelihood), dtype=torch.float64)
        group.add_up([sums])
        log_likelihood, *counts = sums.tolist()
        return Likelihood(log_likelihood, *map(int, counts))

    def _save_model(self, validation: Likelihood) -> None:
        if self.group.is_first:
            self.save_model(self.network, self.facts(validation))

    def stop(self) -> None:
        """End the run early, with a checkpoint and a usable model."""
        if not self.best_weights:
            self._evaluate()
        self.checkpoint()
        self.log.close()

    def _finish(self) -> Progress:
        """Score the validation pieces with the best weights, and write the bundle with these figures."""
        if not self.best_weights:
            self._evaluate()
        self.network.load_state_dict(self.best_weights)
        self.final = self._score(FINAL_IDS)
        self._save_model(self.final)
        self.log.draw(self.bigram.nats_per_note)
        self.log.close()
        return self._progress(self.final, "done")

    def facts(self, validation: Likelihood) -> dict[str, Any]:
        """Return the figures of the run for the bundle's card, as plain JSON."""
        corpus, counters = self.corpus, self.counters
        return {
            "steps": counters.step,
            "seconds": round(counters.seconds, 1),
            "tokens": counters.tokens,
            "passes": round(counters.tokens / max(1, corpus.count("length", validation=False)), 2),
            "pieces": len(corpus.pieces(validation=False)),
            "notes": corpus.count("notes", validation=False),
            "held_out": {
                "pieces": len(corpus.pieces(validation=True)),
                "notes": validation.notes,
                "nats_per_note": round(validation.nats_per_note, 4),
                "nats_per_token": round(validation.nats_per_token, 4),
                "accuracy": round(validation.accuracy, 4),
                "event_accuracy": round(validation.event_accuracy, 4),
                "bigram_nats_per_note": round(self.bigram.nats_per_note, 4),
            },
            "config": self.config.model_dump(mode="json"),
        }

    def _progress(self, validation: Likelihood | None, message: str) -> Progress:
        counters = self.counters
        return Progress(
            step=counters.step,
            seconds=counters.seconds,
            fraction=self.fraction(),
            loss=counters.loss / max(counters.notes_share, 1e-9),
            tokens_per_second=counters.tokens / max(counters.seconds, 1e-9),
            epochs=counters.tokens / max(1, self.corpus.count("length", validation=False)),
            best=counters.best,
            validation=validation,
            message=message,
        )

    def _write(self, clock: Clock) -> float:
        self._agree(clock)
        self.checkpoint()
        self.log.draw(self.bigram.nats_per_note)
        return self.counters.seconds

    def checkpoint(self) -> None:
        """Write the whole state of the run."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best_weights.items()}
        tensors |= {
            f"optimizer.{name}": t for name, t in optimizer_tensors(self.optimizer, self.network).items()
        }
        tensors |= {f"state.{i}": self.group.all_rows(part) for i, part in enumerate(self.state or ())}
        tensors["random"] = torch.get_rng_state()
        facts = {
            "config": self.config.model_dump(mode="json"),
            "corpus": self.corpus.digest,
            "counters": vars(self.counters),
            "batches": self.batches.state,
            "log": self.log.rows,
        }
        if self.group.is_first:
            save_checkpoint(self.checkpoint_path, Checkpoint(tensors, facts))

    def resume(self) -> None:
        """Continue from the checkpoint of an earlier run of the same configuration and corpus.

        The number of processes may differ: streams and their states are distributed anew.
        """
        saved = load_checkpoint(self.checkpoint_path)
        if saved.facts["corpus"] != self.corpus.digest:
            raise ConfigError(f"{self.checkpoint_path}: is of another corpus; train without --resume")
        self.network.load_state_dict(saved.part("network."))
        self.best_weights = saved.part("best.")
        restore_optimizer(self.optimizer, self.network, saved.part("optimizer."))
        state = saved.part("state.")
        own = self.group.own(self.config.batch or 1)
        self.state = tuple(state[str(i)][own].to(self.device) for i in range(len(state))) or None
        self.counters = Counters(**saved.facts["counters"])
        self.batches.state = saved.facts["batches"]
        self.log = Log(self.directory, saved.facts["log"], writes=self.group.is_first)
        torch.set_rng_state(saved.tensors["random"])
        if self.group.size > 1:  # dropout differs between processes
            torch.manual_seed(hash((self.config.seed, self.counters.step, self.group.rank)) % (1 << 63))


EVALUATION_IDS = 100_000
"""The most ids of validation pieces scored at each evaluation."""

FINAL_IDS = 2_000_000
"""The same at the end of the run and for the bigram model: all of them, except in the largest corpora."""

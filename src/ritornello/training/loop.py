"""The training loop: teacher forcing, truncated backpropagation through time with carried state, to a budget.

At each step the network reads an id of the piece and the loss is the cross-entropy of the next one (teacher forcing).
An epoch is one pass over the training pieces. Several processes may train one network (`group`), each by this loop.

`Trainer.run` yields a `Progress` after every step and prints nothing; the caller may stop at any step. The network that
is kept is written as a bundle, so that a usable model exists from the first evaluation on; the whole state is written
as a checkpoint, so that a run can resume exactly.

Kept is the last evaluated network that is not worse on the validation (held-out) pieces than the best one, by more than
the standard error of their difference or by more than 2 % of the nats. So where too few notes are held out to tell
networks apart, the one that has learned for longer stands, at a lower rate. A run may begin with the weights of another
network. These are then scored before the first step, and kept if all that training makes of them is worse.

How long it learns and how much it scores is planned by `budget`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ritornello.arrays import Floats
from ritornello.bundle import Bundle
from ritornello.corpus.shards import Corpus
from ritornello.corpus.streams import (
    ALL_KEYS,
    Excerpts,
    Streams,
    Windows,
    held_out_excerpts,
    held_out_pieces,
)
from ritornello.errors import ConfigError, FileError, RitornelloError, refusing
from ritornello.likelihood import Likelihood
from ritornello.networks import Network, State, detach, reset_rows
from ritornello.training.budget import FEWEST_IDS, FINAL_IDS, Budget
from ritornello.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from ritornello.training.config import TrainConfig
from ritornello.training.device import choose_device, device_errors
from ritornello.training.distillation import Teacher
from ritornello.training.group import Group, join_group
from ritornello.training.learned import Learned
from ritornello.training.loader import Loader, ResidentRows
from ritornello.training.log import Log
from ritornello.training.loss import count_notes, network_loss
from ritornello.training.memory import keep_freed_memory
from ritornello.training.progress import Clock, Counters, Progress
from ritornello.training.readings import Readings
from ritornello.training.schedule import bptt_steps_at, highest_rate, make_optimizer, rate_at, step_if
from ritornello.training.scoring import Scored, Scorer, bigram, metrics_of
from ritornello.training.tuning import build, check_shares

SMOOTHING = 0.98
"""Weight of the past in the running mean of the training loss."""

CHECKPOINT = "checkpoint.safetensors"

CHECKPOINT_SECONDS = 60.0
"""The longest time between two checkpoints."""

MOST_FAILED_STEPS = 10
"""After so many consecutive steps without a finite gradient, the best weights are restored and the rate is halved."""

SaveModel = Callable[[Network, dict[str, Any]], None]
"""Called with the network that is kept and the facts of the run, to write the bundle."""


@dataclass
class Trainer:
    """A run: a settled configuration, a corpus, and a directory for checkpoint, log and curve, or None for none."""

    config: TrainConfig
    corpus: Corpus
    directory: Path | None
    save_model: SaveModel
    group: Group = field(default_factory=join_group)  # the processes that train together
    clock: Clock = field(default_factory=Clock)
    init: Network | None = None  # to begin from, for the columns of the corpus
    init_name: str = ""
    stopping: bool = False  # set it, in any process, to stop after the current step
    teacher_bundle: Bundle | None = None  # of a network to learn from, beside the corpus
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
        self.network = (self.init or build(config, self.corpus)).to(self.device)
        self._begin_learning()
        self.teacher = (
            Teacher(self.teacher_bundle, self.corpus.representation, self.device, config.teacher_share)
            if self.teacher_bundle
            else None
        )
        semitones = (config.transpositions or ALL_KEYS) if config.transpose else (0,)
        self.loader = Loader(self.corpus, self.device, semitones, processes=group.size)
        self.streams = Streams(
            self.corpus,
            config.batch or 1,
            config.window or 1,
            seed=config.seed,
            semitones=semitones,
            rank=group.rank,
            ranks=group.size,
        )
        if self.device.type != "cpu" and isinstance(self.loader.rows, ResidentRows):
            self.loader.rows.derive()  # its steps would wait for those of a processor
        self._notes = torch.tensor(self.corpus.representation.tokens.notes, device=self.device)
        self._readings = Readings()
        self._gradient_norm = math.nan  # of the last step that was read, before clipping
        self.state: State | None = None
        self.kept_weights: dict[str, Tensor] = {}
        self.log = Log(self.directory, writes=group.is_first)
        self.bigram = bigram(self.corpus, FINAL_IDS)
        self.scorer = Scorer(self.corpus, self.loader, group)
        self.pieces = held_out_pieces(self.corpus)
        self.excerpts = held_out_excerpts(self.corpus, config.seed)
        self.budget = Budget(config, self.counters, self.pieces.ids, self.device.type != "cpu")
        self.scored: Scored | None = None  # the evaluation of the kept weights
        self.best_nats: Floats = np.zeros(1)  # of each block, in the evaluation with the fewest
        self.final: Scored | None = None

    def _begin_learning(self) -> None:
        """Learn what the configuration says of the network as it is."""
        self.learned = Learned(self.network, self.config.learn, self.config.rank)
        self.optimizer = make_optimizer(self.learned.parameters.values(), self.config)

    @property
    def checkpoint_path(self) -> Path:
        return (self.directory or Path()) / CHECKPOINT

    # --- the loop -------------------------------------------------------------------------------

    def run(self) -> Iterator[Progress]:
        """Train to the end of the budget or to early stopping; then score the held-out pieces with the kept weights."""
        counters = self.counters
        self._agree()
        counters.began = counters.began or counters.seconds
        if message := self._why_finished():
            yield self._progress(None, message)
        written = counters.seconds
        self.network.train()
        if self.init_name and not counters.step and not message:
            yield self._progress(self._evaluate(), "")
            counters.evaluation_seconds = self._agree() - written
            counters.evaluating_seconds += counters.evaluation_seconds
        while not message and (fraction := self.budget.fraction()) < 1:
            self.streams.bptt_steps = bptt_steps_at(self.config, fraction)
            before = counters.seconds
            self._step(next(self.streams), fraction)
            after = self._agree()
            self._log_training()
            counters.step_seconds = max(after - before, 0.9 * counters.step_seconds)
            if self.stopping:
                self.stop()
                return
            is_over = self.budget.fraction() >= 1
            validation = self._evaluate() if is_over or self.budget.is_due(bool(self.kept_weights)) else None
            message = self._why_stopped()
            yield self._progress(validation, message)
            if validation or after - written > CHECKPOINT_SECONDS:
                self.checkpoint()
                self.log.draw(self.bigram.nats_per_note)
                written = self._agree()
            if validation:
                counters.evaluation_seconds = written - after  # with all that was written
                counters.evaluating_seconds += written - after
            if is_over:
                break
        yield self._finish()

    def _log_training(self) -> None:
        counters = self.counters
        values = {
            "loss": self._loss(),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "gradient_norm": self._gradient_norm,
        }
        self.log.add_training(
            counters.step, counters.seconds, counters.tokens, self._learning_seconds(), values
        )

    def _agree(self) -> float:
        """Give all processes the same time, and stop all if one should stop."""
        seconds, stopping = self.group.highest(self.clock.seconds(), float(self.stopping))
        self.counters.seconds, self.stopping = seconds, bool(stopping)
        return seconds

    def _why_stopped(self) -> str:
        """Return why to stop early, or nothing."""
        counters, patience = self.counters, self.config.patience
        stops = counters.since_kept >= patience
        return f"no improvement in {patience} evaluations: stopped early" if stops else ""

    def _why_finished(self) -> str:
        """Return why a resumed run has nothing left to do, or nothing."""
        counters, config = self.counters, self.config
        if not counters.step or counters.evaluated_step != counters.step:
            return ""
        if stopped := self._why_stopped():
            return f"{stopped}; --patience {2 * config.patience} goes on"
        if config.steps is not None and counters.step >= config.steps:
            return f"finished before, after {counters.step} steps; --steps {2 * counters.step} goes on"
        if (config.minutes or not config.steps) and self.budget.fraction() >= 1:
            minutes = config.minutes or 1
            return f"finished before, after {minutes:g} minutes; --minutes {2 * minutes:g} goes on"
        return ""

    def _step(self, windows: Windows, fraction: float) -> None:
        """Update the network on one batch. A step without finite numbers changes nothing.

        Nothing here waits for the device; what it found out is read as it arrives (`_read`).
        """
        counters, network = self.counters, self.network
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(fraction)
        batch = self.loader.load(windows)
        bfloat16 = self.config.precision == "bfloat16"
        probabilities = self.teacher.targets(batch, bfloat16) if self.teacher else None
        total, _, state = network_loss(network, batch, self.state, bfloat16, probabilities)
        loss = total / batch.total  # this process's part of the mean over the targets of all processes
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        means = torch.stack([loss.detach(), count_notes(self._notes, batch.targets) / batch.total])
        self.group.add_up([*self.learned.derive_gradients(), means])
        norm = nn.utils.clip_grad_norm_(self.learned.parameters.values(), self.config.clip)
        is_finite = torch.isfinite(torch.cat([means, norm[None]])).all()
        step_if(is_finite, self.optimizer)
        self.learned.update_network()
        self.state = reset_rows(
            detach(state), network.initial_state(len(batch.reset)), ~is_finite.expand(len(batch.reset))
        )
        counters.step += 1
        counters.tokens += batch.total
        self._readings.add(torch.cat([means, is_finite[None], norm[None]]))
        self._read()

    def _read(self, all_of_them: bool = False) -> None:
        """Take in what steps found out, as far as it has arrived, or wait for all of it."""
        counters = self.counters
        for nats, share, is_finite, norm in self._readings.take(all_of_them):
            if is_finite:
                counters.failed, self._gradient_norm = 0, norm
                counters.loss = SMOOTHING * counters.loss + (1 - SMOOTHING) * nats
                counters.notes_share = SMOOTHING * counters.notes_share + (1 - SMOOTHING) * share
            else:
                counters.failed += 1
            if counters.failed >= MOST_FAILED_STEPS:
                self._recover()

    def _recover(self) -> None:
        """Go back to the kept weights, with half the rate, after MOST_FAILED_STEPS without finite numbers."""
        counters = self.counters
        if not self.kept_weights or not math.isfinite(counters.best) or counters.rate_scale < 1e-3:
            raise RitornelloError(
                f"training does not stay finite at a learning rate of {highest_rate(self.config):g}; "
                "try a lower --learning-rate"
            )
        self.network.load_state_dict(self.kept_weights)
        self._begin_learning()
        counters.rate_scale /= 2
        counters.failed = 0

    def _rate(self, fraction: float) -> float:
        return rate_at(self.config, fraction, self.counters.step) * self.counters.rate_scale

    # --- scoring and writing ---------------------------------------------------------------------

    def _evaluate(self) -> Likelihood:
        """Score held-out excerpts, always the same; keep the network if they do not tell that another is better."""
        self._read(all_of_them=True)
        counters, scored = self.counters, self._score_sample()
        validation = scored.likelihood
        if counters.step:  # the one before the first step is one more
            done = int(self.budget.fraction() * self.budget.evaluations)
            counters.evaluations = max(counters.evaluations + 1, done)
        counters.evaluated_step = counters.step
        if self.init_name and not counters.step:
            counters.before = validation.nats_per_note
        if validation.nats_per_note < counters.best:
            counters.best, self.best_nats = validation.nats_per_note, scored.nats
        if scored.is_worse_than(self.best_nats):
            counters.since_kept += 1
        else:
            counters.kept_step, counters.since_kept = counters.step, 0
            self.kept_weights = {
                name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()
            }
            self.scored = scored
            self._save_model(scored)
        self._agree()
        progress = self._progress(validation, "")
        self.log.add(
            {
                "step": counters.step,
                "seconds": round(counters.seconds, 2),
                "epochs": round(progress.epochs, 3),
                "loss": round(progress.loss, 4),
                "nats_per_note": round(validation.nats_per_note, 4),
                "accuracy": round(validation.accuracy, 4),
                "event_accuracy": round(validation.event_accuracy, 4),
                "tokens_per_second": round(progress.tokens_per_second),
                "learning_rate": round(self._rate(self.budget.fraction()), 6),
            },
            metrics_of(validation),
        )
        return validation

    def _score_sample(self) -> Scored:
        """Score the sample of the held-out pieces that all evaluations score.

        Where nothing says how large it is, the first one scores more and more excerpts, as many as fit its time.
        """
        counters, budget, total = self.counters, self.budget, None
        if not counters.evaluation_ids:
            counters.scores_whole = self.pieces.ids <= (budget.given_ids or 0)
        held_out = self.pieces if counters.scores_whole else self.excerpts
        ids, done = counters.evaluation_ids or budget.given_ids or FEWEST_IDS, 0
        while total is None or len(held_out.up_to(ids)) > done:
            part = held_out.up_to(ids)[done:]
            before = self._agree()
            scored = self._score(part)
            counters.scoring_seconds = (self._agree() - before) / max(1, part.ids)
            total, done = total + scored if total else scored, done + len(part)
            ids = counters.evaluation_ids or budget.given_ids or min(4 * ids, budget.fitting_ids)
        counters.evaluation_ids = held_out[:done].ids
        return total

    def _score(self, excerpts: Excerpts) -> Scored:
        scored: Scored = self.scorer.score(self.network, excerpts)  # torch has no complete types
        return scored

    def _save_model(self, scored: Scored) -> None:
        if self.group.is_first:
            self.save_model(self.network, self.facts(scored))

    def stop(self) -> None:
        """End the run early, with a checkpoint and a usable model."""
        if not self.kept_weights:
            self._evaluate()
        self.checkpoint()
        self.log.close()

    def _finish(self) -> Progress:
        """Score the validation pieces with the kept weights, and write the bundle with these figures."""
        if not self.kept_weights:
            self._evaluate()
        self.network.load_state_dict(self.kept_weights)
        self.final = self._score_finally()
        self._save_model(self.final)
        self.log.draw(self.bigram.nats_per_note)
        self.log.close()
        self._agree()
        return self._progress(self.final.likelihood, "done")

    def _score_finally(self) -> Scored:
        """Score the kept weights on all held-out pieces, or on as many excerpts as the time allows."""
        counters, budget, scored = self.counters, self.budget, self.scored
        whole = counters.scores_whole or budget.scores_whole_pieces
        sample = self.pieces if whole else self.excerpts.up_to(budget.final_ids)
        if scored and (counters.scores_whole or budget.is_late(sample.ids)):
            return scored
        if scored and not whole:
            return scored + self._score(sample[len(self.excerpts.up_to(counters.evaluation_ids)) :])
        return self._score(sample)

    @property
    def kept_init(self) -> bool:
        """Whether what is kept is the network that the run began with, since all others are worse."""
        return bool(self.init_name) and not self.counters.kept_step

    @property
    def epochs(self) -> float:
        """The passes over the training pieces so far."""
        return self.counters.tokens / max(1, self.corpus.count("length", validation=False))

    def facts(self, scored: Scored) -> dict[str, Any]:
        """Return the figures of the run for the bundle's card, as plain JSON."""
        corpus, counters, validation = self.corpus, self.counters, scored.likelihood
        error = scored.standard_error
        return {
            "steps": counters.step,
            "seconds": round(counters.seconds, 1),
            "tokens": counters.tokens,
            "passes": round(self.epochs, 2),
            "pieces": len(corpus.pieces(validation=False)),
            "notes": corpus.count("notes", validation=False),
            "held_out": list(corpus.split.held_out),
            "kept_step": counters.kept_step,
            **({"teacher": bundle.card.name} if (bundle := self.teacher_bundle) else {}),
            "figures": {
                "pieces": len(corpus.pieces(validation=True)),
                "notes": validation.notes,
                "nats_per_note": round(validation.nats_per_note, 4),
                **({"standard_error": round(error, 4)} if math.isfinite(error) else {}),
                "nats_per_token": round(validation.nats_per_token, 4),
                "accuracy": round(validation.accuracy, 4),
                "event_accuracy": round(validation.event_accuracy, 4),
                "bigram_nats_per_note": round(self.bigram.nats_per_note, 4),
            },
            "config": self.config.model_dump(mode="json"),
        }

    def _learning_seconds(self) -> float:
        """Return the time spent on learning, without reading before it and evaluations in it."""
        counters = self.counters
        return counters.seconds - counters.began - counters.evaluating_seconds

    def _loss(self) -> float:
        """Return the running mean of the training loss, in nats a note; not a number before the first step."""
        counters = self.counters
        return counters.loss / max(counters.notes_share, 1e-9) if counters.step else math.nan

    def _progress(self, validation: Likelihood | None, message: str) -> Progress:
        counters = self.counters
        return Progress(
            step=counters.step,
            seconds=counters.seconds,
            fraction=self.budget.fraction(),
            loss=self._loss(),
            seconds_left=self.budget.seconds_left(),
            tokens_per_second=counters.tokens / max(self._learning_seconds(), 1e-9),
            epochs=self.epochs,
            best=counters.best,
            validation=validation,
            message=message,
        )

    def checkpoint(self) -> None:
        """Write the whole state of the run."""
        if self.directory is None:
            return
        self._read(all_of_them=True)
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"kept.{name}": tensor for name, tensor in self.kept_weights.items()}
        tensors |= {f"learned.{name}": tensor for name, tensor in self.learned.state().items()}
        of_optimizer = optimizer_tensors(self.optimizer, self.learned.parameters)
        tensors |= {f"optimizer.{name}": tensor for name, tensor in of_optimizer.items()}
        states = {"state": self.state, "teacher": self.teacher.state if self.teacher else None}
        tensors |= {
            f"{name}.{i}": self.group.all_rows(part)
            for name, state in states.items()
            for i, part in enumerate(state or ())
        }
        tensors |= {"best_nats": torch.from_numpy(self.best_nats), "random": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        facts = {
            "config": self.config.model_dump(mode="json"),
            "corpus": self.corpus.digest,
            "counters": vars(self.counters),
            "batches": self.streams.state,
            "log": self.log.rows,
            "init": self.init_name,
            "teacher": self.teacher_bundle
            and {
                "path": str(self.teacher_bundle.path.resolve()),
                "digest": self.teacher_bundle.digest,
            },
        }
        if self.group.is_first:
            save_checkpoint(self.checkpoint_path, Checkpoint(tensors, facts))

    def resume(self) -> None:
        """Continue from the checkpoint of an earlier run of the same configuration and corpus.

        The number of processes may differ: streams and their states are distributed anew.
        """
        saved = load_checkpoint(self.checkpoint_path)
        advice = "--device cpu goes on on the processor"
        with (
            refusing(FileError, f"{self.checkpoint_path}: damaged checkpoint"),
            device_errors(str(self.device), lambda: advice),
        ):
            self._restore(saved)

    def _restore(self, saved: Checkpoint) -> None:
        if saved.facts["corpus"] != self.corpus.digest:
            raise ConfigError(
                f"{self.checkpoint_path}: is of another corpus, or of another choice of held-out pieces; train without "
                "--resume"
            )
        digest = (saved.facts.get("teacher") or {}).get("digest")
        if digest != (self.teacher_bundle.digest if self.teacher_bundle else None):
            raise ConfigError(f"{self.checkpoint_path}: is of a run with another teacher, or with none")
        self.network.load_state_dict(saved.part("network."))
        self.kept_weights = saved.part("kept.")
        self.best_nats = saved.tensors["best_nats"].numpy()
        self.init_name = saved.facts.get("init", "")
        self._begin_learning()
        self.learned.restore(saved.part("learned."))
        restore_optimizer(self.optimizer, self.learned.parameters, saved.part("optimizer."))
        self.state = self._own_rows(saved.part("state."))
        if self.teacher:
            self.teacher.state = self._own_rows(saved.part("teacher."))
        vars(self.counters).update(saved.facts["counters"])
        self.clock.before = self.counters.seconds
        done = int(self.budget.fraction() * self.budget.evaluations)
        self.counters.evaluations = min(self.counters.evaluations, done)  # the budget may have grown
        self.streams.state = saved.facts["batches"]
        self.log = Log(self.directory, saved.facts["log"], writes=self.group.is_first)
        torch.set_rng_state(saved.tensors["random"])
        if self.device.type == "cuda" and "random.cuda" in saved.tensors:
            torch.cuda.set_rng_state(saved.tensors["random.cuda"], self.device)
        if self.group.size > 1:  # dropout differs between processes
            torch.manual_seed(hash((self.config.seed, self.counters.step, self.group.rank)) % (1 << 63))

    def _own_rows(self, parts: dict[str, Tensor]) -> State | None:
        """Return the rows that this process reads of a saved state; None before the first step."""
        own = self.group.own(self.config.batch or 1)
        return tuple(parts[str(i)][own].to(self.device) for i in range(len(parts))) or None

"""Choice of hyperparameters: measures the machine and fills in the sizes that a `TrainConfig` leaves open.

One small network is timed briefly in each arithmetic. Its rate of multiplications gives the number of tokens that each
size in SIZES would see within the budget; the largest one that sees enough is taken. How many are enough was found by
training (docs/experiments.md), not derived. A network whose size is given is timed itself.

On a graphics card a small network tells nothing about a large one, and the rate grows with the streams. So there each
size is timed itself, with more and more streams, as long as that pays and fits into memory.
"""

from __future__ import annotations

import itertools
import math
import time
from typing import Any, NamedTuple

import numpy as np
import torch

from ritornello.corpus.shards import Corpus
from ritornello.corpus.streams import Streams
from ritornello.errors import ConfigError
from ritornello.networks import NETWORKS, Network, count_parameters, make_network
from ritornello.representations import REPRESENTATIONS, Representation
from ritornello.representations.base import candidate_columns
from ritornello.training.budget import evaluation_share, ids_of_evaluation
from ritornello.training.config import DEFAULT_MINUTES, TrainConfig
from ritornello.training.device import choose_device, synchronise
from ritornello.training.loader import Loader
from ritornello.training.memory import keep_freed_memory
from ritornello.training.schedule import LEARNING_RATE

SIZES = ((128, 1), (192, 1), (256, 1), (384, 1), (512, 1), (512, 2), (768, 2), (1024, 2))
"""(hidden, layers), from small to large."""

TOKENS_PER_WEIGHT = 8.0
"""The fewest training tokens for each weight of the network."""

EPOCHS_LIMIT = 60.0
"""Epochs beyond these do not count when the size is chosen, so that a small corpus gets a small network."""

HARMONY_FIELDS = ("chord_column", "chord_roots", "pitch_classes")
"""The fields of a network that follow from the chords of a vocabulary."""

SIZE_FIELDS = ("hidden", "layers", "embedding", "dropout", "candidate_dropout", "tied")
"""Settings of a run that are settings of the network, where it has them."""

PRODUCTS = 3
"""Multiplications for a token in training, for each weight that is in a matrix product."""

_TRIAL_STEPS = 3

BPTT_STEPS = (16, 32, 64, 128)
"""Steps of backpropagation through time: fewer if the budget allows few updates."""

FINE_TUNING_RATES = {"all": 3e-4, "low-rank": 3e-3, "biases": 3e-2}
"""The highest learning rate for what is learned of a network that knows music."""

LONG_FINE_TUNING_RATE = 1e-3
"""The same where all is learned and there are as many tokens as weights, or more."""

UPDATES_WANTED = 1000
"""The fewest updates that a larger number of steps must leave."""

DROPOUTS = ((2, 0.0), (5, 0.1), (12, 0.2), (18, 0.4), (float("inf"), 0.5))
"""Upper limits of epochs, and the share of activations that is dropped."""

_TRIAL_BATCH_SIZE, _TRIAL_BPTT_STEPS, _WARM_UP_STEPS = 64, 32, 4

CARD_STREAMS = (64, 128, 256, 512, 1024)
"""Streams of a batch that are tried on a graphics card; on a processor there are 64 at most."""

PAYS = 1.15
"""Twice as many streams are worth the fewer updates if the rate becomes so many times as high."""

SLOW = 4.0
"""A first step that takes so many times as long as the quickest one tells that there is no point in going on."""

TRIAL_SHARE = 0.04
"""The share of a time budget for measuring the machine, unless a single step takes longer."""

FEW_STREAMS = 16
"""The most streams of a batch in fine-tuning on a processor, where the number of updates counts."""


class Machine(NamedTuple):
    """The fastest arithmetic and number of threads, and their multiplications a second, in all processes together if
    they do not slow each other down."""

    precision: str
    threads: int
    multiplications_per_second: float


def check_shares(batch: int | None, processes: int) -> None:
    """Raise ConfigError if the streams of a batch cannot be shared equally."""
    if batch and batch % processes:
        raise ConfigError(f"batch {batch}: {processes} processes cannot share so many streams equally")


def check(config: TrainConfig) -> None:
    """Raise ConfigError now for settings that would fail only after the files are read."""
    choose_device(config.device)
    check_shares(config.batch, config.processes)
    _ = REPRESENTATIONS[config.representation], NETWORKS[config.network]


def settle(
    config: TrainConfig, corpus: Corpus, seconds_spent: float = 0.0, is_fine_tuning: bool = False
) -> TrainConfig:
    """Return `config` with every field set that was left open, by measuring this machine.

    seconds_spent: of a time budget, on reading the files. is_fine_tuning: whether the run begins with the weights of
    another network, whose sizes are set.
    """
    if config.learn in ("low-rank", "biases") and not is_fine_tuning:
        raise ConfigError(
            f"learn {config.learn}: of a network that begins from nothing all is learned; give --init"
        )
    keep_freed_memory()  # as in training, so that the measurement holds there
    if config.minutes is None and config.steps is None:
        config = config.model_copy(update={"minutes": DEFAULT_MINUTES})
    minutes = config.minutes
    if minutes is not None:  # what is left to learn in
        config = config.model_copy(update={"minutes": max(minutes / 10, minutes - seconds_spent / 60)})
    device = choose_device(config.device)
    if device.type == "cpu":
        config = config.model_copy(
            update={
                "batch": config.batch
                or _streams(config, corpus, FEW_STREAMS if is_fine_tuning else _TRIAL_BATCH_SIZE)
            }
        )
        if config.hidden and config.layers:
            config = _sized(config, config.hidden, config.layers)
        machine = measure(config, corpus)
        if not (config.hidden and config.layers):
            hidden, layers = choose_size(config, corpus, machine)
            config = _sized(config, config.hidden or hidden, config.layers or layers)
    else:
        config, machine = settle_on_card(config, corpus)
    config = config.model_copy(update={"precision": machine.precision, "threads": machine.threads})
    weights = weights_in_products(config, corpus)
    if config.window is None:
        config = config.model_copy(update={"window": choose_bptt_steps(config, corpus, machine, weights)})
    tokens = tokens_in_budget(config, machine, weights)
    if config.dropout is None:
        epochs = tokens / max(1, corpus.count("length", validation=False))
        config = config.model_copy(update={"dropout": choose_dropout(epochs)})
    if config.learning_rate is None:
        rate = _fine_tuning_rate(config.learn, tokens >= weights) if is_fine_tuning else LEARNING_RATE
        config = config.model_copy(update={"learning_rate": rate})
    if config.evaluation_ids is None and minutes is None:  # of a time budget, scoring itself is timed
        ids = ids_of_evaluation(evaluation_share(device.type != "cpu") * tokens, config.evaluations)
        config = config.model_copy(update={"evaluation_ids": ids})
    return config.model_copy(update={"minutes": minutes})


def _fine_tuning_rate(learn: str, is_long: bool) -> float:
    return LONG_FINE_TUNING_RATE if learn == "all" and is_long else FINE_TUNING_RATES[learn]


def _streams(config: TrainConfig, corpus: Corpus, most: int) -> int:
    """Return how many streams of at most `most` suit a corpus: half as many as pieces, a multiple of the processes."""
    streams = min(most, max(8, len(corpus.pieces(validation=False)) // 2))
    return max(1, streams // config.processes) * config.processes


def _sized(config: TrainConfig, hidden: int, layers: int) -> TrainConfig:
    sizes = {"hidden": hidden, "layers": layers, "embedding": config.embedding or min(256, hidden)}
    return config.model_copy(update=sizes)


def settle_on_card(config: TrainConfig, corpus: Corpus) -> tuple[TrainConfig, Machine]:
    """Return `config` with size and streams, and what the device does with them, by timing each size itself.

    The size is the largest one that sees enough tokens within the budget. CUDA's OutOfMemoryError if the smallest one
    does not fit.
    """
    sizes = [(config.hidden or hidden, config.layers or layers) for hidden, layers in SIZES]
    found: tuple[TrainConfig, Machine] | None = None
    for hidden, layers in dict.fromkeys(sizes):
        try:
            trial, machine = choose_streams(_sized(config, hidden, layers), corpus)
        except torch.OutOfMemoryError:
            if found is None:
                raise
            break
        if found is not None and not _sees_enough(trial, corpus, machine):
            break
        found = trial, machine
    assert found is not None
    return found


def choose_streams(config: TrainConfig, corpus: Corpus) -> tuple[TrainConfig, Machine]:
    """Return `config` with as many streams as pay, and the rate with them, in the faster arithmetic."""
    suitable = {_streams(config, corpus, most) for most in CARD_STREAMS}
    tried = [config.batch] if config.batch else sorted(suitable)
    precisions = ["float32", "bfloat16"] if config.precision == "auto" else [config.precision]
    limit = math.inf if config.minutes is None else 60 * config.minutes * TRIAL_SHARE / len(SIZES)
    best = config, Machine(precisions[0], config.threads or 1, 0.0)
    for streams in tried:
        trial = config.model_copy(update={"batch": streams, "dropout": 0.0})
        rates = {}
        try:
            run = _Trial(trial, corpus, streams // config.processes, BPTT_STEPS[-1])
            for precision in precisions:
                run.seconds(precision)  # the first one prepares
                rates[precision] = run.rate(precision, limit) * config.processes
        except torch.OutOfMemoryError:
            if not best[1].multiplications_per_second:
                raise
            break
        fastest = max(rates, key=rates.__getitem__)
        if rates[fastest] < PAYS * best[1].multiplications_per_second:
            break
        best = (
            config.model_copy(update={"batch": streams}),
            Machine(fastest, config.threads or 1, rates[fastest]),
        )
        precisions = [fastest]
    return best


def choose_bptt_steps(config: TrainConfig, corpus: Corpus, machine: Machine, weights: int) -> int:
    """Return the most of BPTT_STEPS that leave UPDATES_WANTED; fewer for short pieces, to have less padding."""
    median = float(np.median(corpus.index["length"]))
    if config.steps is not None:  # the number of updates is given
        return 64 if median >= 3 * 64 else BPTT_STEPS[0]
    updates = tokens_in_budget(config, machine, weights) / (config.batch or 1)
    fit = [n for n in BPTT_STEPS if (n <= 32 or updates / n >= UPDATES_WANTED) and median >= 3 * n]
    return max(fit, default=BPTT_STEPS[0])


def choose_dropout(epochs: float) -> float:
    """Return the dropout for a number of epochs: it grows with them."""
    return next(dropout for limit, dropout in DROPOUTS if epochs <= limit)


def build(config: TrainConfig, corpus: Corpus) -> Network:
    """Return a new network with the sizes of a settled `config`."""
    sizes = tuple(column.size for column in corpus.representation.columns)
    known = NETWORKS[config.network].config_model.model_fields
    fields = {name: getattr(config, name) for name in SIZE_FIELDS if name in known}
    if "features" in known and config.features:
        fields["features"] = corpus.representation.tokens.features.tolist()
    if "lines" in known and config.intervals:
        fields |= {"intervals": config.intervals, "lines": corpus.representation.tokens.line_table}
    if "chord_column" in known:
        fields |= harmony_of(corpus.representation)
    if "candidates" in known:
        fields["candidates"] = candidate_columns(corpus.representation)
    return make_network(config.network, fields | config.network_options, sizes)


def harmony_of(representation: Representation) -> dict[str, Any]:
    """Return the fields of a network that scores notes by their degree, if a column tells the chord in force."""
    tokens, names = representation.tokens, [column.name for column in representation.columns]
    if representation.name != "multitrack" or "chord" not in names:
        return {}
    column = representation.columns[names.index("chord")]
    ids = np.arange(column.size) + (column.first_token or 0)
    has_root = (tokens.period[ids] == 12) & (tokens.series[ids] >= 0)
    return {
        "chord_column": names.index("chord"),
        "chord_roots": np.where(has_root, tokens.step[ids], -1).tolist(),
        "pitch_classes": np.where(tokens.is_pitched, tokens.pitch % 12, -1).tolist(),
    }


def measure(config: TrainConfig, corpus: Corpus) -> Machine:
    """Time the network, or a small one if its size is open, in each arithmetic and number of threads of `config`.

    On a machine with other load, one thread can be faster than many that wait for each other.
    """
    small = {} if config.hidden and config.layers else {"hidden": 256, "layers": 1, "embedding": 128}
    trial = _Trial(
        config.model_copy(update=small | {"dropout": 0.0}),
        corpus,
        min(_TRIAL_BATCH_SIZE, config.batch or _TRIAL_BATCH_SIZE),
    )
    precisions = ("float32", "bfloat16") if config.precision == "auto" else (config.precision,)
    several = {1} if config.processes > 1 else {1, torch.get_num_threads()}
    threads = (config.threads,) if config.threads else tuple(sorted(several))
    before = torch.get_num_threads()
    # Of a time budget little is left for this. On a busy machine several threads may take seconds for a step, so a
    # combination whose first, short step is slow is not tried any further.
    limit = math.inf if config.minutes is None else 60 * config.minutes * TRIAL_SHARE
    rates, quickest = {}, math.inf
    for precision, count in itertools.product(precisions, threads):
        torch.set_num_threads(count)
        first = trial.seconds(precision, _WARM_UP_STEPS)
        quickest = min(quickest, first)
        if first <= SLOW * quickest:
            rates[precision, count] = trial.rate(precision, limit / len(precisions) / len(threads))
    torch.set_num_threads(before)
    best = max(rates, key=rates.__getitem__)
    return Machine(*best, rates[best] * config.processes)


class _Trial:
    """A network that is trained on the same batch, of so many rows, to measure the time that it takes."""

    def __init__(
        self, config: TrainConfig, corpus: Corpus, rows: int, steps: int = _TRIAL_BPTT_STEPS
    ) -> None:
        self.device = choose_device(config.device)
        with torch.random.fork_rng():
            self.network = build(config, corpus).to(self.device)
        self.work = PRODUCTS * _weights_in_products(self.network, corpus)
        windows = next(Streams(corpus, rows, steps, seed=config.seed))
        self.inputs = Loader(corpus, self.device).load(windows).inputs

    def seconds(self, precision: str, bptt_steps: int | None = None) -> float:
        """Return the seconds of an update, of all steps or the first ones."""
        started, inputs = time.perf_counter(), self.inputs[:, :bptt_steps]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            logits, _ = self.network(inputs, self.network.initial_state(len(inputs)))
        logits.float().logsumexp(-1).mean().backward()
        synchronise(self.device)
        return max(1e-6, time.perf_counter() - started)

    def rate(self, precision: str, seconds_limit: float) -> float:
        """Return the multiplications a second of training; after the limit no update begins but the first."""
        steps, seconds = 0, 0.0
        while steps < _TRIAL_STEPS and seconds <= seconds_limit:
            steps, seconds = steps + 1, seconds + self.seconds(precision)
        return float(self.work * self.inputs.shape[0] * self.inputs.shape[1] * steps / seconds)


def weights_in_products(config: TrainConfig, corpus: Corpus) -> int:
    """Return the number of weights that are in a matrix product, of the network of a `config` with sizes."""
    return _weights_in_products(build(config.model_copy(update={"dropout": 0.0}), corpus), corpus)


def _weights_in_products(network: Network, corpus: Corpus) -> int:
    columns = corpus.representation.columns[0 if not getattr(network.config, "tied", False) else 1 :]
    tables = sum(column.size for column in columns if not column.is_candidate)
    return count_parameters(network) - tables * int(getattr(network.config, "embedding", 0))


def tokens_in_budget(config: TrainConfig, machine: Machine, weights: int) -> float:
    """Return the estimated number of tokens that a network with so many weights in products will read."""
    if config.steps is not None:
        return float(config.steps * (config.batch or 1) * (config.window or _TRIAL_BPTT_STEPS))
    seconds = 0.9 * 60 * (config.minutes or DEFAULT_MINUTES)
    return seconds * machine.multiplications_per_second / (PRODUCTS * weights)


def choose_size(config: TrainConfig, corpus: Corpus, machine: Machine) -> tuple[int, int]:
    """Return (hidden, layers): the largest of SIZES that sees enough tokens within the budget."""
    best = SIZES[0]
    for hidden, layers in SIZES:
        sizes = {"hidden": hidden, "layers": layers, "embedding": min(256, hidden)}
        if not _sees_enough(config.model_copy(update=sizes), corpus, machine):
            break
        best = (hidden, layers)
    return best


def _sees_enough(config: TrainConfig, corpus: Corpus, machine: Machine) -> bool:
    """Whether a network sees TOKENS_PER_WEIGHT within the budget."""
    length, weights = corpus.count("length", validation=False), weights_in_products(config, corpus)
    tokens = min(tokens_in_budget(config, machine, weights), EPOCHS_LIMIT * length)
    return tokens >= TOKENS_PER_WEIGHT * weights

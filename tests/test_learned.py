"""What of a network is learned, and the network that a run begins with: kept where training makes it no better."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from build import TICKS, make_melody
from torch import nn

from ritornello import formats
from ritornello.bundle import Bundle, load_bundle, load_network
from ritornello.corpus.shards import Corpus
from ritornello.errors import ConfigError
from ritornello.likelihood import Likelihood
from ritornello.networks import Network
from ritornello.score import Score
from ritornello.training.config import TrainConfig
from ritornello.training.learned import Learned, biases
from ritornello.training.loop import Trainer
from ritornello.training.run import prepare
from ritornello.training.schedule import make_optimizer
from ritornello.training.scoring import Scored
from ritornello.training.tuning import build, settle

SMALL: dict[str, Any] = {
    "hidden": 8, "layers": 1, "embedding": 8, "batch": 2, "window": 16, "precision": "float32", "samples": 0,
    "dropout": 0.0, "evaluations": 4, "threads": 1, "rank": 2, "learning_rate": 0.01,
}  # fmt: skip
KINDS = ("all", "low-rank", "biases")


def new_network(corpus: Corpus) -> Network:
    torch.manual_seed(3)
    return build(TrainConfig(**SMALL), corpus)


def make_trainer(corpus: Corpus, folder: Path, **settings: Any) -> Trainer:
    config = TrainConfig(**{**SMALL, **settings})
    return Trainer(
        config, corpus, folder, lambda network, facts: None, init=new_network(corpus), init_name="base"
    )


def changes(before: Network, after: nn.Module) -> dict[str, torch.Tensor]:
    own = after.state_dict()
    moved = {name: own[name] - tensor for name, tensor in before.state_dict().items()}
    return {name: change for name, change in moved.items() if change.any()}


def test_factors_have_the_gradients_of_their_product() -> None:
    torch.manual_seed(0)
    network, x = nn.Linear(40, 30), torch.randn(5, 40)
    learned = Learned(network, "low-rank", rank=2)
    assert list(learned.parameters) == ["bias", "weight.left", "weight.right"]
    assert learned.count == 30 + 2 * (40 + 30)
    [factored] = learned.factored.values()
    with torch.no_grad():
        factored.left.normal_()
    learned.update_network()
    network(x).square().sum().backward()
    learned.derive_gradients()
    left, right = (each.detach().clone().requires_grad_() for each in (factored.left, factored.right))
    nn.functional.linear(x, factored.start + left @ right, network.bias.detach()).square().sum().backward()
    for factor, other in ((factored.left, left), (factored.right, right)):
        assert factor.grad is not None
        torch.testing.assert_close(factor.grad, other.grad)
    assert network.weight.grad is None  # the optimizer and the norm of the gradient do not see it


def test_a_change_of_low_rank_is_of_low_rank(corpus: Corpus, tmp_path: Path) -> None:
    trainer = make_trainer(corpus, tmp_path, learn="low-rank", steps=6)
    for progress in trainer.run():
        if progress.step == 6:
            break
    changed = changes(new_network(corpus), trainer.network)
    ranks = {
        name: int(torch.linalg.matrix_rank(change, rtol=1e-4))
        for name, change in changed.items()
        if name in trainer.learned.factored
    }
    assert set(ranks.values()) <= {1, 2}
    assert ranks["lstm.weight_hh_l0"] == 2
    assert "bias" in changed


def test_of_biases_nothing_else_changes(corpus: Corpus, tmp_path: Path) -> None:
    trainer = make_trainer(corpus, tmp_path, learn="biases", steps=6)
    assert list(trainer.run())
    assert changes(new_network(corpus), trainer.network).keys() <= biases(trainer.network).keys()
    assert trainer.learned.count < 0.1 * Learned(new_network(corpus)).count


@pytest.mark.parametrize("learn", KINDS)
def test_resumed_equals_uninterrupted_to_the_last_bit(corpus: Corpus, tmp_path: Path, learn: str) -> None:
    whole = make_trainer(corpus, tmp_path / "whole", learn=learn, steps=12)
    assert list(whole.run())
    first = make_trainer(corpus, tmp_path / "parts", learn=learn, steps=12)
    for progress in first.run():
        if progress.step == 7:
            first.checkpoint()
            break
    config = TrainConfig(**{**SMALL, "learn": learn, "steps": 12})
    second = Trainer(config, corpus, tmp_path / "parts", lambda network, facts: None)
    second.resume()
    assert list(second.run())
    assert second.init_name == "base"
    assert second.counters.best == whole.counters.best
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name


@pytest.mark.parametrize("learn", KINDS)
def test_what_a_run_began_with_is_scored_first_and_kept_if_nothing_is_better(
    corpus: Corpus, tmp_path: Path, learn: str
) -> None:
    trainer, saved = make_trainer(corpus, tmp_path, learn=learn, steps=8), list[dict[str, Any]]()
    trainer.save_model = lambda network, facts: saved.append(facts)
    score = trainer._score

    def ever_worse(*arguments: Any) -> Scored:
        scored = score(*arguments)
        worse = 9.0 * bool(changes(new_network(corpus), trainer.network)) * scored.notes
        likelihood = scored.likelihood + Likelihood(-worse.sum())
        return replace(scored, likelihood=likelihood, nats=scored.nats + worse)

    trainer._score = ever_worse  # type: ignore[method-assign]
    shown = list(trainer.run())
    first = shown[0]
    assert first.step == 0
    assert first.validation is not None
    assert math.isnan(first.loss)
    assert trainer.kept_init
    assert saved[-1]["kept_step"] == 0
    assert trainer.final is not None
    assert trainer.final.likelihood.nats_per_note == pytest.approx(first.validation.nats_per_note)
    assert not changes(new_network(corpus), trainer.network)


@pytest.mark.parametrize(("more", "spread", "kept"), [(5.0, 1.0, 2), (1.0, 5.0, 8), (-5.0, 1.0, 8)])
def test_kept_is_the_last_that_is_not_surely_worse_than_the_best(
    corpus: Corpus, tmp_path: Path, more: float, spread: float, kept: int
) -> None:
    """Each network after that of step 2 has `more` nats, in one block more than `spread`, in the next less."""
    trainer = make_trainer(corpus, tmp_path, steps=8)
    score = trainer._score

    def scored(*arguments: Any) -> Scored:
        nats = 100.0 * (honest := score(*arguments)).notes
        step, uneven = trainer.counters.step, np.where(np.arange(len(nats)) % 2, spread, -spread)
        nats = nats - 20.0 * bool(step) + (more + uneven) * (step > 2)
        return replace(honest, likelihood=Likelihood(-nats.sum(), 1, int(honest.notes.sum())), nats=nats)

    trainer._score = scored  # type: ignore[method-assign]
    assert list(trainer.run())
    assert trainer.counters.kept_step == kept


def test_a_run_that_becomes_better_keeps_what_it_learned(corpus: Corpus, tmp_path: Path) -> None:
    trainer = make_trainer(corpus, tmp_path, learn="low-rank", steps=40)
    shown = [progress for progress in trainer.run() if progress.validation]
    assert not trainer.kept_init
    assert trainer.final is not None
    assert trainer.final.likelihood.nats_per_note < shown[0].validation.nats_per_note  # type: ignore[union-attr]


@pytest.mark.parametrize("learn", ["low-rank", "biases"])
def test_of_a_network_that_begins_from_nothing_all_is_learned(corpus: Corpus, learn: str) -> None:
    assert settle(TrainConfig(**SMALL, steps=2), corpus).learning_rate == 0.01
    with pytest.raises(
        ConfigError, match=f"learn {learn}: of a network that begins from nothing all is learned"
    ):
        settle(TrainConfig(**SMALL, steps=2, learn=learn), corpus)  # type: ignore[arg-type]


def test_the_rate_follows_from_what_is_learned_and_how_long(corpus: Corpus) -> None:
    left_open = {name: value for name, value in SMALL.items() if name != "learning_rate"}

    def rate(steps: int, is_fine_tuning: bool = True, **settings: Any) -> float | None:
        return settle(
            TrainConfig(**left_open, steps=steps, **settings), corpus, is_fine_tuning=is_fine_tuning
        ).learning_rate

    assert rate(2, is_fine_tuning=False) == 0.004
    assert rate(2) == 3e-4
    assert rate(10_000) == 1e-3
    assert rate(2, learn="low-rank") == 3e-3
    assert rate(10_000, learn="biases") == 3e-2
    assert rate(2, learning_rate=0.5) == 0.5


def test_the_optimizer_gets_what_is_learned(corpus: Corpus) -> None:
    learned = Learned(new_network(corpus), "low-rank", rank=2)
    groups = make_optimizer(learned.parameters.values(), TrainConfig(**SMALL)).param_groups
    assert sum(each.numel() for group in groups for each in group["params"]) == learned.count


@pytest.mark.parametrize("pitches", [(60,) * 40, (36, 38, 42, 49) * 10])
def test_one_piece_unlike_any_other_gives_a_model_that_is_no_worse(
    folder: Path, tmp_path: Path, pitches: tuple[int, ...]
) -> None:
    """One piece of one pitch, or of leaps only: learned from a model of scales."""
    settings = SMALL | {"steps": 4}
    list(prepare([folder], tmp_path / "base.rit", TrainConfig(**settings)).steps())
    (tmp_path / "one").mkdir()
    formats.write(Score(TICKS, (make_melody(pitches),)), tmp_path / "one" / "piece.mid")
    run = prepare(
        [tmp_path / "one"], tmp_path / "mine.rit", TrainConfig(**settings), init=tmp_path / "base.rit"
    )
    shown = list(run.steps())
    assert shown[0].validation is not None
    assert run.trainer.final is not None
    assert run.trainer.final.likelihood.nats_per_note <= shown[0].validation.nats_per_note
    assert load_network(load_bundle(run.out))


def test_a_bundle_learned_from_another_is_an_ordinary_one(folder: Path, tmp_path: Path) -> None:
    settings = SMALL | {"steps": 4}
    list(prepare([folder], tmp_path / "base.rit", TrainConfig(**settings)).steps())
    base: Bundle = load_bundle(tmp_path / "base.rit")
    for learn in KINDS:
        config = TrainConfig(learn=learn, **settings)
        run = prepare([folder], tmp_path / f"{learn}.rit", config, init=base.path)
        list(run.steps())
        mine = load_bundle(run.out)
        assert mine.weights.keys() == base.weights.keys()
        assert mine.card.training["config"]["learn"] == learn
        assert load_network(mine)

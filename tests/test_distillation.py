"""A network learns from the probabilities of another one: with its state, in whole runs, after a resume."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from ritornello.bundle import Bundle, load_bundle, load_network
from ritornello.corpus.shards import open_corpus
from ritornello.corpus.streams import Streams
from ritornello.errors import ConfigError
from ritornello.training.config import TrainConfig
from ritornello.training.distillation import Teacher
from ritornello.training.loader import IGNORE, Batch, Loader
from ritornello.training.loss import network_loss
from ritornello.training.run import prepare, run_directory

SMALL: dict[str, Any] = {
    "hidden": 8, "layers": 1, "embedding": 8, "batch": 2, "window": 16, "precision": "float32", "samples": 0,
    "dropout": 0.5, "candidate_dropout": 0.5, "evaluations": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def path(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "teacher.rit"
    list(prepare([folder], path, TrainConfig(steps=6, learning_rate=0.1, intervals=0, **SMALL)).steps())
    return path


@pytest.fixture(scope="module")
def bundle(path: Path) -> Bundle:
    return load_bundle(path)


@pytest.fixture
def batches(path: Path) -> list[Batch]:
    """Four windows of three streams; pieces end and begin in them."""
    corpus = open_corpus(run_directory(path) / "corpus")
    streams = Streams(corpus, 3, 24, seed=0)
    return [Loader(corpus, torch.device("cpu")).load(next(streams)) for _ in range(4)]


def make_teacher(bundle: Bundle, share: float) -> Teacher:
    return Teacher(bundle, bundle.representation, torch.device("cpu"), share)


def make_student(bundle: Bundle) -> Any:
    """Return the network of the teacher, all of whose weights are a little off."""
    torch.manual_seed(0)
    network = load_network(bundle).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def test_the_loss_is_the_mean_of_both_cross_entropies_by_their_shares(
    bundle: Bundle, batches: list[Batch]
) -> None:
    teacher, network, student = make_teacher(bundle, 0.3), load_network(bundle).eval(), make_student(bundle)
    state = own = None
    assert any((batch.targets == IGNORE).any() for batch in batches)
    assert any(batch.reset.any() for batch in batches[1:])
    for batch in batches:
        plain, logits, _ = network_loss(student, batch, state)
        total, _, state = network_loss(student, batch, state, probabilities=teacher.targets(batch))
        with torch.no_grad():  # the teacher, by definition: each row by itself, anew where a piece begins
            initial = network.initial_state(3)
            own = initial if own is None else own
            own = tuple(
                torch.stack([first[row] if batch.reset[row] else old[row] for row in range(3)])
                for old, first in zip(own, initial, strict=True)
            )
            scores, own = network(batch.inputs, own)
        soft = -(scores.softmax(-1) * logits.log_softmax(-1)).sum(-1)[batch.targets != IGNORE].sum()
        assert total.item() == pytest.approx((0.7 * plain + 0.3 * soft).item(), rel=1e-5)


def test_who_gives_the_teachers_probabilities_has_nothing_to_learn(
    bundle: Bundle, batches: list[Batch]
) -> None:
    def gradient(student: Any) -> float:
        """Return the greatest number of the gradient of the last batch."""
        teacher, state = make_teacher(bundle, 1.0), None
        for batch in batches:
            total, _, state = network_loss(student, batch, state, probabilities=teacher.targets(batch))
        gradients = torch.autograd.grad(total, list(student.parameters()), allow_unused=True)
        return max(float(g.abs().max()) for g in gradients if g is not None)

    assert gradient(load_network(bundle).eval()) < 1e-4
    assert gradient(make_student(bundle)) > 0.1


def test_a_teacher_waits_for_no_device(bundle: Bundle, batches: list[Batch]) -> None:
    meta = torch.device("meta")  # a device without numbers; scores of intervals would read one
    teacher = Teacher(bundle, bundle.representation, meta, 0.5)
    for batch in batches:
        tensors = {f.name: getattr(batch, f.name).to(meta) for f in fields(Batch) if f.name != "total"}
        assert teacher.targets(Batch(total=batch.total, **tensors)).shape == (
            3,
            24,
            bundle.card.vocabulary_size,
        )


def weights_of(path: Path) -> dict[str, Any]:
    return load_bundle(path).weights


def test_a_resumed_run_has_its_teacher_again(folder: Path, path: Path, tmp_path: Path) -> None:
    config = TrainConfig(steps=8, **SMALL)
    whole, parts, alone = tmp_path / "whole.rit", tmp_path / "parts.rit", tmp_path / "alone.rit"
    list(prepare([folder], whole, config, teacher=path).steps())
    steps = prepare([folder], parts, config, teacher=path).steps()
    for _ in range(3):
        next(steps)
    steps.close()  # type: ignore[attr-defined]
    for other in (whole, alone):  # one of the same vocabulary, and one more that was not there before
        if other is alone:
            list(prepare([folder], alone, config).steps())
        with pytest.raises(ConfigError, match="is of a run with another teacher, or with none"):
            prepare([], parts if other is whole else alone, TrainConfig(), resume=True, teacher=whole)
    resumed = prepare([], parts, TrainConfig(), resume=True)
    assert resumed.trainer.counters.step == 3
    list(resumed.steps())
    learned = weights_of(whole)
    assert all((array == weights_of(parts)[name]).all() for name, array in learned.items())
    assert any((array != weights_of(alone)[name]).any() for name, array in learned.items())
    assert load_bundle(parts).card.training["teacher"] == "teacher"


def test_the_music_is_encoded_as_the_teacher_reads_it(folder: Path, path: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for number in range(2):
        (few / f"piece-{number}.mid").write_bytes((folder / f"piece-{number}.mid").read_bytes())
    out, narrow = tmp_path / "model.rit", tmp_path / "narrow.rit"
    config = TrainConfig(steps=1, **SMALL)
    run = prepare([few], out, config, teacher=path)
    assert run.corpus.representation.config() == load_bundle(path).representation.config()
    list(prepare([few], narrow, config).steps())
    assert load_bundle(narrow).card.vocabulary_size < load_bundle(path).card.vocabulary_size
    for asked, others, message in (
        (
            {"representation": "frames"},
            {"teacher": path},
            "representation frames: teacher, .* has multitrack",
        ),
        ({"representation_options": {"lags": [3]}}, {"teacher": path}, r"representation option lags \[3\]"),
        ({"teacher_share": 0.2}, {}, "teacher_share 0.2: there is no teacher; give --teacher"),
    ):
        with pytest.raises(ConfigError, match=message):
            prepare([few], tmp_path / "other.rit", TrainConfig(steps=1, samples=0, **asked), **others)
        assert not (tmp_path / "other.run").exists()
    with pytest.raises(ConfigError, match="another representation or vocabulary than the corpus"):
        Teacher(load_bundle(narrow), run.corpus.representation, torch.device("cpu"), 0.5)

"""Training: it learns, it resumes exactly, it leaves a usable model, and it refuses what cannot be."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from build import make_song

from ritornello import formats
from ritornello.bundle import load_bundle, load_network
from ritornello.corpus.shards import Corpus
from ritornello.corpus.streams import held_out_pieces
from ritornello.errors import ConfigError, FileError, RitornelloError
from ritornello.networks import make_network
from ritornello.presets import PRESETS, make_config
from ritornello.training import log, scoring
from ritornello.training.checkpoint import load_checkpoint
from ritornello.training.config import TrainConfig
from ritornello.training.group import Group
from ritornello.training.loader import Loader
from ritornello.training.loop import Trainer
from ritornello.training.run import About, prepare, resumed_config
from ritornello.training.schedule import bptt_steps_at
from ritornello.training.scoring import Scorer, bigram
from ritornello.training.tuning import choose_dropout, settle

SMALL: dict[str, Any] = {
    "hidden": 8, "layers": 1, "embedding": 8, "batch": 2, "window": 16, "precision": "float32", "samples": 0,
    "dropout": 0.1, "evaluations": 4,
}  # fmt: skip


MakeTrainer = Callable[..., Trainer]


@pytest.fixture
def make_trainer(corpus: Corpus, tmp_path: Path) -> MakeTrainer:
    def make(name: str = "run", group: Group = Group(), **settings: Any) -> Trainer:
        config = TrainConfig(**{**SMALL, **settings})
        return Trainer(config, corpus, tmp_path / name, lambda network, facts: None, group)

    return make


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}


def test_streams_that_cannot_be_shared_equally_are_refused(make_trainer: MakeTrainer) -> None:
    with pytest.raises(ConfigError, match="batch 2: 3 processes cannot share"):
        make_trainer(group=Group(0, 3))


def test_it_learns_more_than_a_uniform_guess_and_less_than_everything(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(steps=200, learning_rate=0.02)
    losses = [progress.validation.nats_per_note for progress in trainer.run() if progress.validation]
    assert losses[-1] < losses[0] < 2 * math.log(trainer.corpus.representation.vocabulary_size)
    assert trainer.final is not None
    assert trainer.final.likelihood.notes == trainer.corpus.count("notes", validation=True)
    for name in ("log.csv", "curve.png", "checkpoint.safetensors"):
        assert (trainer.directory / name).stat().st_size > 0
    assert list((trainer.directory / "events").iterdir())


def scalars(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the steps and values of each tag in the TensorBoard events of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory / "events"))
    events.Reload()
    return {
        tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_tensorboard_has_the_training_between_evaluations(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "TRAINING_SECONDS", 0.0)
    trainer = make_trainer(steps=12, learning_rate=0.02)
    losses = {progress.step: progress.loss for progress in trainer.run() if not progress.message}
    found = scalars(trainer.directory)
    assert [step for step, _ in found["training/gradient_norm"]] == list(range(1, 13))
    assert all(value > 0 for _, value in found["training/gradient_norm"])
    assert dict(found["training/loss"]) == pytest.approx(losses, rel=1e-5)
    assert max(value for _, value in found["training/learning_rate"]) == pytest.approx(0.02, rel=0.02)
    assert len(found["training/tokens_per_second"]) == 11


def test_the_records_of_training_are_seconds_apart(tmp_path: Path) -> None:
    written = log.Log(tmp_path)
    for second in range(12):
        written.add_training(
            second, second, 100 * second, second / 2, {"loss": 3.0, "gradient_norm": math.nan}
        )
    written.close()
    found = scalars(tmp_path)
    assert found == {
        "training/loss": [(0, 3), (5, 3), (10, 3)],
        "training/tokens_per_second": [(5, 200), (10, 200)],
    }


def test_resumed_equals_uninterrupted_to_the_last_bit(make_trainer: MakeTrainer) -> None:
    whole = make_trainer("whole", steps=24)
    for _ in whole.run():
        pass
    first = make_trainer("parts", steps=24)
    for progress in first.run():
        if progress.step == 11:
            first.checkpoint()  # and then the power fails
            break
    second = make_trainer("parts", steps=24)
    second.resume()
    assert second.counters.step == 11
    for _ in second.run():
        pass
    assert second.counters.tokens == whole.counters.tokens
    for name, tensor in weights_of(whole).items():
        assert torch.equal(tensor, weights_of(second)[name]), name


def test_the_same_seed_gives_the_same_weights(make_trainer: MakeTrainer) -> None:
    def train(name: str, seed: int) -> dict[str, torch.Tensor]:
        trainer = make_trainer(name, steps=5, seed=seed)
        for _ in trainer.run():
            pass
        return weights_of(trainer)

    one, same, other = train("a", 1), train("b", 1), train("c", 2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_numbers_that_are_not_finite_do_no_harm(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(steps=8)
    forward = type(trainer.network).forward
    calls = 0

    def sometimes_nan(self: Any, inputs: torch.Tensor, state: Any) -> Any:
        nonlocal calls
        calls += 1
        logits, state = forward(self, inputs, state)
        return (logits * math.nan if self.training and calls in (3, 4) else logits), state

    monkeypatch.setattr(type(trainer.network), "forward", sometimes_nan)
    for _ in trainer.run():
        pass
    assert all(torch.isfinite(tensor).all() for tensor in weights_of(trainer).values())
    assert trainer.counters.step == 8


def test_training_that_never_is_finite_ends_with_advice(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(steps=50)
    with torch.no_grad():
        trainer.network.project.bias.fill_(math.nan)  # type: ignore[union-attr, operator]
    with pytest.raises(RitornelloError, match="learning-rate"):
        list(trainer.run())


def test_it_stops_early_when_nothing_improves(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(steps=400, evaluations=100, patience=3, learning_rate=0.9, clip=1e9)
    messages = [progress.message for progress in trainer.run() if progress.message]
    assert "stopped early" in messages[0]
    assert trainer.counters.step < 400


def test_held_out_scores_do_not_depend_on_the_batching(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    sizes = tuple(column.size for column in corpus.representation.columns)
    network = make_network("lstm", {"hidden": 8, "embedding": 8, "layers": 2}, sizes)
    scorer, scores = Scorer(corpus, Loader(corpus, torch.device("cpu")), Group()), []
    for rows, window in ((1, 7), (2, 32), (5, 1000)):
        monkeypatch.setattr(scoring, "STREAMS", rows)
        monkeypatch.setattr(scoring, "window_of", lambda *_, steps=window: steps)
        scores.append(scorer.score(network, held_out_pieces(corpus)).likelihood)
    for other in scores[1:]:
        assert other.log_likelihood == pytest.approx(scores[0].log_likelihood, rel=1e-5)
        assert (other.tokens, other.notes) == (scores[0].tokens, scores[0].notes)
    assert scores[0].nats_per_token == pytest.approx(math.log(sizes[0]), rel=0.2)
    assert network.training


def test_the_bigram_model_is_a_distribution_that_helps(corpus: Corpus) -> None:
    held = bigram(corpus)
    assert held.tokens == sum(int(corpus.index["length"][p]) - 1 for p in corpus.pieces(validation=True))
    assert 0 < held.nats_per_token < math.log(corpus.representation.vocabulary_size)
    # Against a plain count over dictionaries, on one context.
    size = corpus.representation.vocabulary_size
    rows = [corpus.ids(p).tolist() for p in corpus.pieces(validation=False)]
    singles = np.ones(size)
    after: dict[int, list[int]] = {}
    for ids in rows:
        for one, two in itertools.pairwise(ids):
            after.setdefault(one, []).append(two)
            singles[two] += 1
    nats = 0.0
    for p in corpus.pieces(validation=True):
        ids = corpus.ids(p).tolist()
        for one, two in itertools.pairwise(ids):
            seen = after.get(one, [])
            kinds = len(set(seen))
            overall = singles[two] / singles.sum()
            nats -= math.log((seen.count(two) + kinds * overall) / (len(seen) + kinds) if seen else overall)
    assert held.log_likelihood == pytest.approx(-nats)


def test_from_a_folder_to_a_bundle_and_on_from_there(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.rit"
    samples: list[Path] = []
    config = TrainConfig(**{**SMALL, "steps": 12, "samples": 2})
    run = prepare([folder], out, config, sample=lambda bundle, path: samples.append(path))
    list(run.steps())
    bundle = load_bundle(out)
    assert bundle.card.held_out["nats_per_note"] == pytest.approx(
        run.trainer.final.likelihood.nats_per_note, abs=1e-3
    )  # type: ignore[union-attr]
    assert len(samples) == 2
    # Fine-tuning begins with these weights.
    tuned = prepare([folder], tmp_path / "tuned.rit", TrainConfig(steps=2, samples=0), init=out)
    assert tuned.corpus.representation.vocabulary_size == bundle.card.vocabulary_size
    inputs = torch.from_numpy(tuned.corpus.representation.inputs(tuned.corpus.ids(0)))[None]
    for network in (learned := load_network(bundle), tuned.trainer.network):
        network.eval()
    logits = [network(inputs, network.initial_state(1))[0] for network in (learned, tuned.trainer.network)]
    assert torch.equal(*logits)
    # Also where the ids of the bundle shared nothing.
    plain = tmp_path / "plain.rit"
    list(prepare([folder], plain, TrainConfig(**{**SMALL, "steps": 2, "features": False})).steps())
    again = prepare([folder], tmp_path / "again.rit", TrainConfig(steps=2, samples=0), init=plain)
    assert not again.trainer.config.features
    # What the bundle has otherwise is refused; dropout is not of the bundle.
    for asked, message in (
        (
            make_config("basic_rnn", {}),
            "representation melody: model, from which the run begins, has multitrack",
        ),
        (TrainConfig(network="attention_rnn"), "network attention_rnn: model, .* has lstm"),
        (TrainConfig(hidden=9), "hidden 9: model, .* has 8"),
        (TrainConfig(representation_options={"lags": [3]}), r"representation option lags \[3\]: model"),
    ):
        with pytest.raises(ConfigError, match=message):
            prepare([folder], tmp_path / "other.rit", asked, init=out)
        assert not (tmp_path / "other.run").exists()
    same = TrainConfig(hidden=8, dropout=0.3, steps=2, samples=0)
    assert prepare([folder], tmp_path / "same.rit", same, init=out).trainer.config.dropout == 0.3
    # What its representation can learn later is added; what it has stays.
    early, options = tmp_path / "early.rit", {"moved": False, "entrances": False}
    list(
        prepare(
            [folder], early, TrainConfig(**{**SMALL, "steps": 2, "representation_options": options})
        ).steps()
    )
    more = TrainConfig(steps=2, samples=0, representation_options={"moved": True})
    shown = [run.corpus.representation.columns for run in (
        prepare([folder], tmp_path / "same_columns.rit", TrainConfig(steps=2, samples=0), init=early),
        prepare([folder], tmp_path / "more.rit", more, init=early),
    )]  # fmt: skip
    assert {each.name for each in shown[1]} - {each.name for each in shown[0]} == {"moved"}
    # A model that exists is replaced only by force.
    before = out.read_bytes()
    with pytest.raises(
        ConfigError, match=r"model.rit exists; --force replaces it, --resume goes on with its run"
    ):
        prepare([folder], out, config)
    assert out.read_bytes() == before
    out.unlink()
    with pytest.raises(ConfigError, match=r"model.run exists; --force replaces it"):
        prepare([folder], out, config)
    assert prepare([folder], out, config, force=True).out == out


def test_training_begins_from_the_base_and_its_card_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, out = tmp_path / "base.rit", tmp_path / "mine.rit"
    monkeypatch.setattr("ritornello.training.run.BASE", base)
    facts = About(licence="CC BY 4.0", provenance="songs of the sea")
    assert not prepare(
        [folder], base, TrainConfig(**{**SMALL, "steps": 2})
    ).about.derived_from  # there is no base yet
    options = {"repeats": [2, 3], "key": False}
    config = TrainConfig(**{**SMALL, "steps": 2, "intervals": 5}, representation_options=options)
    list(prepare([folder], base, config, about=facts, force=True).steps())
    # With no other settings a run has the network and the options of the base, and the vocabulary of its folder.
    own = tmp_path / "own"
    own.mkdir()
    for number in range(2):
        formats.write(make_song(bars=2 + number), own / f"{number}.mid")
    run = prepare([own], out, TrainConfig(steps=2, samples=0), about=About(licence="mine"))
    settled, representation = run.trainer.config, run.corpus.representation
    assert (settled.hidden, settled.intervals) == (8, 5)
    assert representation.options() == load_bundle(base).representation.options()
    assert list(representation.options()["repeats"]) == [2, 3]
    assert representation.vocabulary_size != load_bundle(base).card.vocabulary_size
    digest = load_bundle(base).digest
    assert [(origin.name, origin.digest) for origin in run.about.derived_from] == [("base", digest)]
    next(steps := run.steps())
    steps.close()  # type: ignore[attr-defined]
    list(prepare([], out, TrainConfig(), resume=True, about=About(provenance="my own")).steps())
    card = load_bundle(out).card
    assert (card.corpus.licence, card.corpus.provenance) == (
        "mine",
        "my own",
    )  # the run keeps what is not given again
    assert [(o.name, o.digest, o.corpus.licence) for o in card.derived_from] == [
        ("base", digest, "CC BY 4.0")
    ]
    # One that begins from it names both.
    again = prepare([own], tmp_path / "again.rit", TrainConfig(steps=2, samples=0), init=out)
    assert [origin.name for origin in again.about.derived_from] == ["mine", "base"]
    assert again.about.derived_from[1].corpus.provenance == "songs of the sea"
    # What asks for another network begins from nothing, and so does "none"; a model that is named refuses.
    for asked, why in (
        ({"hidden": 9}, "hidden 9: base, from which the run begins, has 8"),
        ({"intervals": 4}, "intervals 4: base, .* has 5"),
        (
            {"representation_options": {"any_key": False}},
            "representation option any_key False: base, .* has True",
        ),
    ):
        with pytest.raises(ConfigError, match=why):
            prepare([own], tmp_path / "other.rit", TrainConfig(**{**SMALL, "steps": 2, **asked}), init=base)
    other = prepare([own], tmp_path / "other.rit", TrainConfig(**{**SMALL, "hidden": 9, "steps": 2}))
    assert (other.about.derived_from, other.why_not_base) == ((), "hidden 9, where base has 8")
    none = prepare([own], tmp_path / "none.rit", TrainConfig(**{**SMALL, "steps": 2}), init="none")
    assert (none.about.derived_from, none.why_not_base, none.trainer.config.intervals) == ((), "", 24)


def test_a_run_left_in_the_middle_goes_on(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.rit"
    steps = prepare([folder], out, TrainConfig(**{**SMALL, "steps": 20})).steps()
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert load_bundle(out).card.name == "model"
    resumed = prepare([], out, TrainConfig(), resume=True)
    assert resumed.trainer.counters.step >= 1
    list(resumed.steps())
    assert resumed.trainer.counters.step == 20
    with pytest.raises(ConfigError, match="hidden: a resumed run keeps 8"):
        prepare([], out, TrainConfig(hidden=9), resume=True)


def test_a_run_is_refused_before_it_costs_time(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends with \.rit"):
        prepare([folder], tmp_path / "model.bin", TrainConfig())
    with pytest.raises(FileError, match="no checkpoint"):
        prepare([folder], tmp_path / "none.rit", TrainConfig(), resume=True)
    with pytest.raises(ConfigError, match="contradict"):
        make_config("default", {"minutes": 1, "steps": 1})
    with pytest.raises(ConfigError, match="device 'gpu7'"):
        prepare([folder], tmp_path / "m.rit", TrainConfig(device="gpu7", steps=1))
    with pytest.raises(ConfigError, match="nearest is 'lstm'"):
        prepare([folder], tmp_path / "m.rit", TrainConfig(network="lstn", steps=1))
    with pytest.raises(ConfigError, match="--resume and --init"):
        prepare([folder], tmp_path / "m.rit", TrainConfig(), resume=True, init=tmp_path / "x.rit")


@pytest.mark.parametrize("damage", [b"", b"junk", b"\x10\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_damaged_checkpoint_is_one_clear_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(damage)
    with pytest.raises(FileError, match="checkpoint"):
        load_checkpoint(path)


def test_sizes_that_are_left_open_are_filled_in(corpus: Corpus) -> None:
    config = settle(TrainConfig(steps=10), corpus)
    assert None not in (
        config.hidden,
        config.layers,
        config.embedding,
        config.dropout,
        config.batch,
        config.window,
    )
    assert config.precision in ("float32", "bfloat16")
    assert settle(TrainConfig(steps=10, hidden=33), corpus).hidden == 33
    assert choose_dropout(1) <= choose_dropout(10) <= choose_dropout(100)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_valid(name: str) -> None:
    assert make_config(name, {"seed": 7}).seed == 7


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_has_a_faithful_variant_or_names_those_that_have(name: str) -> None:
    if not PRESETS[name].faithful:
        with pytest.raises(ConfigError, match=f"preset {name} has no faithful variant.*: .*jazz_solo"):
            make_config(name, {}, faithful=True)
        return
    config, plain = make_config(name, {"seed": 7}, faithful=True), make_config(name, {"seed": 7})
    assert config != plain
    assert config.representation_options | plain.representation_options == config.representation_options
    assert make_config(name, config.model_dump(), faithful=True) == config  # what is given goes before it


def test_the_window_grows_unless_told_otherwise() -> None:
    growing, constant = TrainConfig(window=16), TrainConfig(window=16, growing_window=False)
    assert [bptt_steps_at(growing, part) for part in (0, 0.5, 1)] == [4, 8, 16]
    assert [bptt_steps_at(constant, part) for part in (0, 0.5, 1)] == [16, 16, 16]
    assert {row.settings.get("growing_window", True) for row in PRESETS.values()} == {False, True}


def test_presets_and_settings_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ConfigError, match="nearest is 'large'"):
        make_config("larg", {})
    with pytest.raises(ConfigError, match="surprise"):
        make_config("default", {"surprise": 1})
    with pytest.raises(ConfigError, match="minutes"):
        make_config("default", {"minutes": -1})
    assert resumed_config(TrainConfig(minutes=3.0), TrainConfig(steps=9)).minutes is None


def test_memory_that_is_freed_is_kept() -> None:
    """In a process of its own, since this is for a whole process; on systems other than glibc nothing is promised."""
    pytest.importorskip("resource")
    code = """
import platform, resource
import numpy as np
from ritornello.training.memory import keep_freed_memory
keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.full(12_000_000, 1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first, again = faults(), faults()
assert platform.libc_ver()[0] != "glibc" or again < first / 10, (first, again)
"""
    subprocess.run([sys.executable, "-c", code], check=True)

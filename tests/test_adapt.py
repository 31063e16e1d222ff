"""Adapting: a few files teach a model their style; what is not known is said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from build import TICKS, make_melody
from fakes import small_network
from typer.testing import CliRunner

from ritornello import formats
from ritornello.bundle import Bundle, Facts, load_bundle, save_bundle
from ritornello.cli import app
from ritornello.corpus.streams import Excerpts
from ritornello.errors import ConfigError, CorpusError, RitornelloError
from ritornello.generation import load
from ritornello.likelihood import Likelihood
from ritornello.representations import make_representation
from ritornello.score import Score
from ritornello.training.adapt import Adaptation, prepare_adaptation
from ritornello.training.config import AdaptConfig
from ritornello.training.loop import Trainer
from ritornello.training.progress import Clock
from ritornello.training.scoring import Scored


@pytest.fixture
def base(tmp_path: Path) -> Bundle:
    representation = make_representation("frames", {"steps_per_quarter": 1, "lags": []})
    save_bundle(tmp_path / "base.rit", small_network(representation), representation, Facts(name="base"))
    return load_bundle(tmp_path / "base.rit")


def folder_of(directory: Path, count: int) -> Path:
    """Write so many pieces that are alike: each goes up the same scale, from another note."""
    for number in range(count):
        pitches = [50 + 2 * number + step for step in (0, 2, 4, 5, 7, 9, 11, 12)] * 4
        pitches[number] += 1  # no two are the same, moved
        formats.write(Score(TICKS, (make_melody(tuple(pitches)),)), directory / f"{number}.mid")
    return directory


def prepared(base: Bundle, tmp_path: Path, count: int, **config: Any) -> Adaptation:
    folder = folder_of(tmp_path / "pieces", count)
    settings = AdaptConfig(steps=30, **config)
    return prepare_adaptation(base, [folder], tmp_path / "mine.rit", settings, force=True)


@pytest.fixture
def ever_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a network have a hundred nats more in each block with every step."""
    score = Trainer._score

    def scored(trainer: Trainer, excerpts: Excerpts) -> Scored:
        held = score(trainer, excerpts)
        more = 100.0 * trainer.counters.step * (held.notes > 0)
        likelihood = held.likelihood + Likelihood(-more.sum())
        return replace(held, likelihood=likelihood, nats=held.nats + more)

    monkeypatch.setattr(Trainer, "_score", scored)


def test_held_out_pieces_are_more_probable_than_before(base: Bundle, tmp_path: Path) -> None:
    run = prepared(base, tmp_path, 6)
    shown = list(run.steps())
    assert run.before is not None
    assert run.kept is not None
    assert run.kept.nats_per_note < 0.9 * run.before.nats_per_note
    assert shown[-1].fraction == 1
    mine = load_bundle(run.out)
    assert mine.card.held_out["nats_per_note"] == pytest.approx(run.kept.nats_per_note, abs=1e-4)
    assert mine.card.held_out["pieces"] == 2
    judged = load(run.out).likelihood(formats.read(tmp_path / "pieces" / "0.mid"))
    assert (
        judged.nats_per_note
        < load(base.path).likelihood(formats.read(tmp_path / "pieces" / "0.mid")).nats_per_note
    )
    assert load(run.out).compose(bars=2, seed=1).model == "mine"


def test_the_same_seed_gives_the_same_style(base: Bundle, tmp_path: Path) -> None:
    styles = []
    for _ in range(2):
        run = prepared(base, tmp_path, 3, seed=5)
        assert list(run.steps())
        styles.append(run.out.read_bytes())
    assert styles[0] == styles[1]


def test_only_the_biases_change(base: Bundle, tmp_path: Path) -> None:
    run = prepared(base, tmp_path, 3)
    assert list(run.steps())
    weights = load_bundle(run.out).weights
    changed = {name for name, array in weights.items() if (array != base.weights[name]).any()}
    assert changed == {
        "network.lstm.bias_ih_l0",
        "network.lstm.bias_ih_l1",
        "network.project.bias",
        "network.bias",
    }


def test_left_in_the_middle_the_best_so_far_is_there(base: Bundle, tmp_path: Path) -> None:
    run = prepared(base, tmp_path, 6)
    for progress in run.steps():
        if progress.validation and run.kept:
            break
    assert load_bundle(run.out).card.held_out["nats_per_note"] == pytest.approx(
        run.kept.nats_per_note, abs=1e-4
    )  # type: ignore[union-attr]


@pytest.mark.usefixtures("ever_worse")
def test_what_gains_nothing_writes_nothing(base: Bundle, tmp_path: Path) -> None:
    run = prepared(base, tmp_path, 6)
    assert list(run.steps())
    assert run.kept is None
    assert not run.out.exists()


def test_numbers_that_are_not_finite_do_no_harm(base: Bundle, tmp_path: Path) -> None:
    run = prepared(base, tmp_path, 3)
    vectors = run.trainer.learned.parameters
    before = {name: vector.clone() for name, vector in vectors.items()}
    forward = run.trainer.network.forward
    run.trainer.network.forward = lambda inputs, state: (forward(inputs, state)[0] * float("inf"), state)  # type: ignore[method-assign]
    with pytest.raises(RitornelloError, match=r"does not stay finite .* --learning-rate"):
        list(run.steps())
    assert all(vector.equal(before[name]) for name, vector in vectors.items())
    assert not run.out.exists()


@pytest.mark.parametrize("count", [1, 2])
def test_of_too_few_files_none_is_held_out_and_that_is_said(base: Bundle, tmp_path: Path, count: int) -> None:
    run = prepared(base, tmp_path, count)
    assert not run.has_validation
    assert list(run.steps())
    assert run.kept is not None
    assert load_bundle(run.out).card.held_out == {}


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["adapt", *arguments], catch_exceptions=False)


def test_the_command_tells_what_was_gained(base: Bundle, tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "few", 2), tmp_path / "m.rit"
    said = invoke(str(base.path), str(folder), "-o", str(out), "--steps", "3").stdout
    assert "fewer than 3 pieces" in said
    assert "bytes, for base.rit" in said
    facts = json.loads(
        invoke(str(base.path), str(folder), "-o", str(out), "--steps", "3", "--json", "--force").stdout
    )
    assert facts["out"] == str(out)
    assert facts["after"] < facts["before"]
    assert not facts["held_out"]


@pytest.mark.usefixtures("ever_worse")
def test_the_command_says_that_nothing_was_gained(base: Bundle, tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "pieces", 3), tmp_path / "m.rit"
    with pytest.raises(CorpusError, match="became less probable; nothing is written"):
        invoke(str(base.path), str(folder), "-o", str(out), "--steps", "1")
    assert not out.exists()


def test_what_cannot_be_adapted_is_refused(base: Bundle, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pieces", 3)
    config = AdaptConfig(steps=2)
    with pytest.raises(ConfigError, match=r"ends with \.rit"):
        prepare_adaptation(base, [folder], tmp_path / "mine.mid", config)
    run = prepare_adaptation(base, [folder], tmp_path / "mine.rit", config)
    assert list(run.steps())
    with pytest.raises(ConfigError, match=r"itself a style of base\.rit"):
        prepare_adaptation(load_bundle(run.out), [folder], tmp_path / "again.rit", config)
    (tmp_path / "empty").mkdir()
    formats.write(Score(TICKS, (make_melody((60,)),)), tmp_path / "empty" / "one.mid")
    with pytest.raises(CorpusError, match=r"nothing can be learned from: one.mid: 1 note"):
        prepare_adaptation(base, [tmp_path / "empty"], tmp_path / "other.rit", config)
    with pytest.raises(ConfigError, match=r"mine.rit exists; --force replaces it"):
        prepare_adaptation(base, [folder], run.out, config)


def slowed(run: Adaptation, seconds: float) -> Adaptation:
    """Let each step of a run take so many seconds of a clock that is not real."""
    time, step = SimpleNamespace(now=0.0), run.trainer._step

    def slow(*arguments: Any) -> None:
        time.now += seconds
        step(*arguments)

    run.trainer.clock = Clock(lambda: time.now)
    run.trainer._step = slow  # type: ignore[method-assign]
    return run


def test_what_is_learned_does_not_depend_on_the_speed_of_the_machine(base: Bundle, tmp_path: Path) -> None:
    """As in a report: under load nothing was written, and an hour later a style was."""
    assert list(prepared(base, tmp_path, 6).steps())
    quick = (tmp_path / "mine.rit").read_bytes()
    assert list(slowed(prepared(base, tmp_path, 6), 10).steps())
    assert (tmp_path / "mine.rit").read_bytes() == quick


def test_a_given_time_is_kept_and_ten_minutes_without(base: Bundle, tmp_path: Path) -> None:
    given = slowed(prepared(base, tmp_path, 6, seconds=35.0), 10)
    assert list(given.steps())[-1].fraction == 1
    assert given.trainer.counters.step == 3  # a fourth would end too late
    endless = slowed(prepared(base, tmp_path, 6), 100)
    shown = list(endless.steps())
    assert endless.trainer.counters.step == 6
    assert shown[-1].validation is not None


@pytest.mark.usefixtures("ever_worse")
def test_a_style_can_be_written_anyway(base: Bundle, tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "pieces", 6), tmp_path / "m.rit"
    held = prepare_adaptation(base, [folder], out, AdaptConfig(steps=1)).trainer._score_sample()
    with pytest.raises(CorpusError) as refused:
        invoke(str(base.path), str(folder), "-o", str(out), "--steps", "2")
    assert re.search(
        r"nothing is written \(\d+\.\d+ nats a note before, \d+\.\d+ at best in 2 of 2 steps, on \d+ notes of 2 of 6 "
        r"pieces\)\. What may help: more files, another --seed, or --anyway",
        str(refused.value),
    )
    said = invoke(str(base.path), str(folder), "-o", str(out), "--steps", "2", "--anyway").stdout
    assert "no better, but written all the same" in " ".join(said.split())
    assert load_bundle(out).card.held_out["nats_per_note_before"] == pytest.approx(
        held.likelihood.nats_per_note, abs=1e-4
    )


def test_a_jingle_does_not_stand_for_all(base: Bundle, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pieces", 5)
    formats.write(Score(TICKS, (make_melody((60, 67, 64, 60, 59, 61, 70, 72)),)), folder / "jingle.mid")
    for seed in range(6):
        run = prepare_adaptation(base, [folder], tmp_path / "m.rit", AdaptConfig(seed=seed))
        assert run.corpus.count("notes", validation=True) >= 32

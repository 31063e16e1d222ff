"""The time budget: one clock, for the whole command, on slow and busy machines too; and what is told at the end."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_splitting import SIZES, piece, write
from typer.testing import CliRunner

from ritornello.bundle import load_bundle
from ritornello.cli import app
from ritornello.corpus import streams
from ritornello.corpus.shards import Corpus, build_corpus
from ritornello.corpus.streams import Excerpts, held_out_pieces
from ritornello.errors import ConfigError
from ritornello.likelihood import Likelihood
from ritornello.training import budget, loop
from ritornello.training.config import TrainConfig
from ritornello.training.loop import Trainer
from ritornello.training.progress import Clock, Progress
from ritornello.training.run import prepare
from ritornello.training.scoring import Scored


class Time:
    """A time that passes only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def passes(self, seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, taking so many seconds."""

        def slow(*arguments: Any, **others: Any) -> Any:
            self.seconds += seconds
            return function(*arguments, **others)

        return slow


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("files")
    return build_corpus([write(folder, *(piece(n, 30) for n in range(20)))], folder / "corpus")[0]


class Run:
    """A training run on a machine whose speed is given in seconds."""

    def __init__(
        self,
        corpus: Corpus,
        folder: Path,
        minutes: float,
        *,
        step: float,
        scoring: float = 0.0,
        scoring_an_id: float = 0.0,
        saving: float = 0.0,
        reading: float = 0.0,
        **settings: Any,
    ) -> None:
        time = Time()
        clock = Clock(lambda: time.seconds)
        time.seconds += reading
        config = TrainConfig(minutes=minutes, **SIZES | {"precision": "float32", "dropout": 0.0} | settings)
        save = time.passes(saving, lambda network, facts: None)
        self.trainer = Trainer(config, corpus, folder / "run", save, clock=clock)
        self.trainer._step = time.passes(step, self.trainer._step)  # type: ignore[method-assign]
        self.scoring_seconds, score = 0.0, self.trainer._score

        def timed(excerpts: Excerpts) -> Scored:
            seconds = scoring + scoring_an_id * excerpts.ids
            self.scoring_seconds += seconds
            time.seconds += seconds
            return score(excerpts)

        self.trainer._score = timed  # type: ignore[method-assign]
        self.progress: list[Progress] = list(self.trainer.run())
        self.seconds = time.seconds - 1000
        self.scored = [each for each in self.progress if each.validation and each.message != "done"]


@pytest.mark.parametrize(
    ("minutes", "costs"),
    [
        (1, {"step": 0.5}),
        (1, {"step": 10}),
        (1, {"step": 10, "scoring": 5, "saving": 2}),
        (3, {"step": 0.5, "scoring": 4, "saving": 1}),
        (3, {"step": 2, "scoring": 14, "saving": 3}),
        (1, {"step": 0.5, "scoring": 3, "reading": 30}),
        (1, {"step": 3, "reading": 59}),
    ],
)
def test_the_whole_command_keeps_to_its_minutes(
    corpus: Corpus, tmp_path: Path, minutes: float, costs: dict[str, float]
) -> None:
    run = Run(corpus, tmp_path, minutes, **costs)
    assert run.seconds <= 1.1 * 60 * minutes + 5
    assert run.seconds >= 0.5 * 60 * minutes  # nor does it stop long before
    assert run.progress[-1].message == "done"
    assert run.trainer.final is not None
    assert run.trainer.counters.step >= 1
    assert run.scored[-1].step == run.trainer.counters.step  # the last network was scored too


def test_evaluations_take_a_tenth_of_the_time_at_most(corpus: Corpus, tmp_path: Path) -> None:
    """As in a report: 20 evaluations of 4 seconds in 3 minutes took half of the time."""
    run = Run(corpus, tmp_path, 3, step=0.06, scoring=4, saving=0.1)
    assert 2 <= len(run.scored) <= 4
    assert run.trainer.counters.step * 0.06 > 0.85 * 180


@pytest.mark.parametrize("minutes", [1, 2])
def test_as_much_is_scored_as_fits_a_tenth_of_the_time(
    corpus: Corpus, tmp_path: Path, minutes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first evaluation finds out how much fits, all others score the same, and the end more of them."""
    for module, name, value in (
        (streams, "EXCERPT", 16),
        (streams, "WARM_UP", 4),
        (loop, "FEWEST_IDS", 20),
        (budget, "FEWEST_IDS", 20),
        (budget, "EVALUATION_IDS", (80, 100_000)),
    ):
        monkeypatch.setattr(module, name, value)
    run = Run(corpus, tmp_path, minutes, step=1, scoring_an_id=0.02, saving=0.1)
    counts = [each.validation.notes for each in run.scored if each.validation]
    assert len(set(counts)) == 1
    assert 0.04 * 60 * minutes < run.scoring_seconds <= 0.1 * 60 * minutes
    assert len(counts) == {1: 2, 2: 4}[minutes]
    trainer, final = run.trainer, run.trainer.final
    assert final is not None
    assert 80 - 20 < trainer.counters.evaluation_ids <= 80 < trainer.budget.final_ids
    assert counts[0] < final.likelihood.notes <= corpus.count("notes", validation=True)
    everything = trainer.scorer.score(trainer.network, trainer.excerpts.up_to(trainer.budget.final_ids))
    assert final.likelihood.notes == everything.likelihood.notes
    assert final.likelihood.log_likelihood == pytest.approx(everything.likelihood.log_likelihood, rel=1e-5)
    assert final.standard_error == pytest.approx(everything.standard_error, rel=1e-4)


def test_quick_evaluations_come_as_often_as_asked(corpus: Corpus, tmp_path: Path) -> None:
    run = Run(corpus, tmp_path, 1, step=0.1, scoring=0.01)
    assert len(run.scored) in (20, 21)


def test_table_log_and_progress_have_one_clock(corpus: Corpus, tmp_path: Path) -> None:
    run = Run(corpus, tmp_path, 1, step=0.5, scoring=0.5, saving=0.5, reading=7)
    with (tmp_path / "run" / "log.csv").open() as file:
        logged = [float(row["seconds"]) for row in csv.DictReader(file)]
    assert logged == [each.seconds for each in run.scored]
    assert logged[0] > 7
    assert run.progress[-1].seconds == run.seconds
    assert all(a.seconds_left >= b.seconds_left for a, b in zip(run.progress, run.progress[1:], strict=False))
    assert run.progress[0].fraction < 0.05  # of what is left for learning


def test_learning_speed_is_that_of_learning(corpus: Corpus, tmp_path: Path) -> None:
    slow = Run(corpus, tmp_path / "a", 1, step=0.5, scoring=2, reading=20)
    assert slow.progress[-1].tokens_per_second == pytest.approx(
        slow.trainer.counters.tokens / (0.5 * slow.trainer.counters.step), rel=0.15
    )


def test_reading_that_takes_all_of_the_time_is_refused(tmp_path: Path) -> None:
    folder, time = write(tmp_path / "files", *(piece(n, 20) for n in range(8))), Time()
    clock = Clock(lambda: time.seconds)

    def progress(phase: str, done: int, total: int) -> None:
        time.seconds += 10

    config = TrainConfig(minutes=1, **SIZES)
    with pytest.raises(ConfigError, match=r"minutes 1: after reading 6 of 8 files.* give 2 or more"):
        prepare([folder], tmp_path / "m.rit", config, progress=progress, clock=clock)
    assert not (tmp_path / "m.run" / "corpus").exists()


# ---- what is told -------------------------------------------------------------------------------------------


def test_the_figure_tells_how_sure_it_is(corpus: Corpus, tmp_path: Path) -> None:
    run = Run(corpus, tmp_path, 1, step=1)
    final = run.trainer.final
    assert final is not None
    assert final.likelihood.notes == corpus.count("notes", validation=True)
    # Against the definition, on the pieces one by one.
    pieces = [_alone(run.trainer, number) for number in corpus.pieces(validation=True)]
    total = sum(-each.likelihood.log_likelihood for each in pieces)
    assert final.likelihood.nats_per_note == pytest.approx(total / final.likelihood.notes, rel=1e-6)
    assert 0 < final.standard_error < final.likelihood.nats_per_note
    facts = run.trainer.facts(final)["figures"]
    assert facts["standard_error"] == pytest.approx(final.standard_error, abs=1e-4)
    assert facts["bigram_nats_per_note"] > 0


def _alone(trainer: Trainer, number: int) -> Scored:
    pieces = held_out_pieces(trainer.corpus)
    return trainer.scorer.score(trainer.network, pieces[pieces.piece == number])


def invoke(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


FLAGS = ("--hidden", 8, "--layers", 1, "--embedding", 8, "--batch", 2, "--window", 16, "--samples", 0)


def test_a_model_that_learned_less_than_pairs_of_tokens_says_so(tmp_path: Path) -> None:
    folder, out = (
        write(tmp_path / "files", *(piece(n, 40, range(60, 64)) for n in range(8))),
        tmp_path / "m.rit",
    )
    said = " ".join(invoke("train", folder, "-o", out, "--steps", 2, *FLAGS).stdout.split())
    assert re.search(r"held out: \d of 8 files, \d+ of 1,280 notes", said)
    assert re.search(r"\d \+- \d\.\d+ nats a note on \d+ held-out notes", said)
    assert "a table of pairs of tokens (bigram model)" in said
    assert "this model has learned less than that. What may help: train longer (now 0.0 passes)" in said
    card = load_bundle(out).card
    assert card.held_out["nats_per_note"] > card.held_out["bigram_nats_per_note"]
    composed = invoke("compose", out, "--bars", 2, "-o", tmp_path / "a.mid")
    assert "ritornello: m: held-out" in composed.stderr
    assert "this model has learned less than that" in composed.stderr


def test_of_few_notes_the_last_network_is_kept_and_that_they_are_few_is_said(tmp_path: Path) -> None:
    folder, out = write(tmp_path / "files", piece(1, 20)), tmp_path / "m.rit"
    said = " ".join(invoke("train", folder, "-o", out, "--steps", 40, "--patience", 1, *FLAGS).stdout.split())
    assert "held out: 5 of 20 bars in 1 of 1 files, 20 of 80 notes" in said
    assert "too few notes are held out to tell how sure that is" in said
    card = load_bundle(out).card
    assert card.training["steps"] == 40  # no early stop
    assert card.training["kept_step"] == 40
    assert "standard_error" not in card.held_out


def test_events_are_told_apart_where_most_steps_have_none(tmp_path: Path) -> None:
    folder = write(tmp_path / "files", *(piece(n, 30, range(60, 72)) for n in range(8)))
    flags = (
        "--steps",
        3,
        "--batch",
        2,
        "--samples",
        0,
        "--representation",
        "melody",
        "--hidden",
        8,
        "--layers",
        1,
    )
    said = invoke("train", folder, "-o", tmp_path / "m.rit", *flags).stdout
    assert "of events" in said
    assert "of those at which something happens" in " ".join(said.split())
    with (tmp_path / "m.run" / "log.csv").open() as file:
        assert all(0 <= float(row["event_accuracy"]) <= 1 for row in csv.DictReader(file))
    other = invoke("train", folder, "-o", tmp_path / "n.rit", "--steps", 3, *FLAGS).stdout
    assert "of events" not in other


def test_json_has_the_figures_of_the_end(tmp_path: Path) -> None:
    folder = write(tmp_path / "files", *(piece(n, 40) for n in range(8)))
    lines = invoke(
        "train", folder, "-o", tmp_path / "m.rit", "--steps", 4, "--json", *FLAGS
    ).stdout.splitlines()
    facts = [json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in lines]
    assert facts[-1]["message"] == "done"
    assert {"standard_error", "bigram_nats_per_note"} <= facts[-1]["held_out"].keys()


# ---- resumed ------------------------------------------------------------------------------------------------


def test_a_finished_run_says_that_it_is_finished(tmp_path: Path) -> None:
    folder, out = write(tmp_path / "files", *(piece(n, 40) for n in range(8))), tmp_path / "m.rit"
    invoke("train", folder, "-o", out, "--steps", 6, *FLAGS)
    before = load_bundle(out).card
    again = invoke("train", "-o", out, "--resume")
    assert "finished before, after 6 steps; --steps 12 goes on" in again.stdout
    assert load_bundle(out).card.held_out == before.held_out


def test_more_steps_after_the_end_are_learned_and_scored(tmp_path: Path) -> None:
    folder, out = write(tmp_path / "files", *(piece(n, 40) for n in range(8))), tmp_path / "m.rit"
    invoke("train", folder, "-o", out, "--steps", 12, "--patience", 100, "--precision", "float32", *FLAGS)
    before = load_bundle(out).card
    invoke("train", "-o", out, "--resume", "--steps", 60)
    after = load_bundle(out).card
    assert after.training["steps"] == 60
    assert after.held_out["nats_per_note"] < before.held_out["nats_per_note"]
    with (tmp_path / "m.run" / "log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)][-1] == "60"


def test_a_run_does_not_go_on_with_another_split(tmp_path: Path) -> None:
    folder, out = write(tmp_path / "files", *(piece(n, 30) for n in range(12))), tmp_path / "m.rit"
    invoke("train", folder, "-o", out, "--steps", 4, "--seed", 1, *FLAGS)
    # Begun anew with another seed, and killed before its first checkpoint.
    prepare([folder], out, TrainConfig(steps=4, seed=2, **SIZES), force=True)
    with pytest.raises(ConfigError, match="another choice of held-out pieces; train without --resume"):
        prepare([], out, TrainConfig(), resume=True)


def test_the_curve_has_what_its_legend_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    from ritornello.training.log import draw_curve

    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    rows = [
        {"seconds": 20.0, "loss": 30.0, "nats_per_note": 8.0},
        {"seconds": 60.0, "loss": 9.5, "nats_per_note": 7.0},
    ]
    for count in (1, 2):
        (tmp_path / "c.png").write_bytes(b"")
        draw_curve(rows[:count], 6.0, tmp_path / "c.png")
        (axes,) = drawn[-1].axes
        low, high = axes.get_ylim()
        lines = {str(line.get_label()): line for line in axes.get_lines()}
        for name in ("training (smoothed)", "held-out pieces"):
            heights = [float(y) for y in lines[name].get_ydata()]  # type: ignore[union-attr]
            assert all(low < height < high for height in heights[-1:])
            assert lines[name].get_marker() == "o"  # a single point is seen too
        assert low < 6.0 < high
        assert not axes.texts  # nothing is printed across the lines
        assert math.isclose(axes.get_xlim()[0], 0)


@pytest.mark.parametrize(
    ("nats", "is_worse"),
    [
        ([10.1, 9.9, 10.1, 9.9], False),  # no difference in sum
        ([10.6, 9.6, 10.6, 9.6], False),  # 1 % worse, within the standard error of an unsure difference
        ([14.0, 9.0, 14.0, 9.0], True),  # as unsure, but 15 % worse
        ([10.1, 10.1, 10.1, 10.1], True),  # 1 % worse, and no doubt about it
    ],
)
def test_a_network_may_be_a_little_worse_where_the_difference_is_unsure(
    nats: list[float], is_worse: bool
) -> None:
    notes = np.full(4, 60.0)
    scored = Scored(Likelihood(-sum(nats), 240, 240, 0), np.array(nats), notes)
    assert scored.is_worse_than(np.full(4, 10.0)) == is_worse


def test_of_too_few_blocks_only_a_little_is_allowed() -> None:
    scored = Scored(Likelihood(-10.3, 60, 60, 0), np.array([10.3]), np.array([60.0]))
    assert scored.is_worse_than(np.array([10.0]))
    assert not scored.is_worse_than(np.array([10.2]))

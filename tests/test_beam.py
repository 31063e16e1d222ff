"""Stochastic beam search and the likelihood of given pieces, on small untrained models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from build import make_melody
from fakes import small_network
from test_melody import EIGHT_BARS
from typer.testing import CliRunner

from ritornello import formats
from ritornello.bundle import Facts, save_bundle
from ritornello.cli import app
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.generation.likelihood import judge
from ritornello.notelist import notes_to_score
from ritornello.representations.melody import Melody
from ritornello.score import Score

EIGHT = Score(480, (make_melody(EIGHT_BARS),))


@pytest.fixture(scope="module", params=["basic", "lookback", "key"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    melody = Melody.fit([], {"encoding": request.param})
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    network = small_network(melody, network="magenta_lstm", given=2)
    save_bundle(path, network, melody, Facts(name="tiny"))
    return load(path)


def test_pieces_have_the_length_asked_for(model: Model) -> None:
    for piece in model.compose_many(bars=4, count=3, seed=1):
        assert len(piece.ids) == 1 + 64 + 1
        assert piece.score.note_count > 0
        assert piece.log_likelihood > -1000  # the end that is given does not count
    short = model.compose(notes=7, seed=1)
    assert short.score.note_count == 7


def test_a_primer_begins_the_piece_in_its_own_key(model: Model) -> None:
    primer = notes_to_score("[74, -2, 76, -2, 78, -2, 79, -2]")
    piece = model.compose(primer, bars=2, seed=1, tempo=90)
    assert piece.score.tracks[0].notes["pitch"][:4].tolist() == [74, 76, 78, 79]
    assert piece.score.tempos[0].quarters_per_minute == pytest.approx(90, abs=0.01)


def test_a_beam_of_one_is_plain_sampling(model: Model) -> None:
    plain = model.compose(bars=2, seed=5)
    assert np.array_equal(model.compose(bars=2, seed=5, steps_per_iteration=7).ids, plain.ids)


def test_a_beam_finds_likelier_pieces_and_is_the_same_for_a_seed(model: Model) -> None:
    def mean(**asked: int) -> float:
        pieces = model.compose_many(bars=1, count=4, seed=3, guard=False, **asked)
        scores = [judge(model.bundle.representation, model.stepper, piece.ids) for piece in pieces]
        return float(np.mean([score.log_likelihood for score in scores]))

    wide = {"beam_size": 3, "branch_factor": 2, "steps_per_iteration": 5}
    assert mean(**wide) > mean()
    ids = [model.compose(bars=1, seed=3, **wide).ids for _ in range(2)]
    assert np.array_equal(*ids)


def test_likelihood_is_the_sum_over_the_steps(model: Model) -> None:
    representation, stepper = model.bundle.representation, model.stepper
    ids = representation.extract_examples(EIGHT).ids[0]
    judged = model.likelihood(EIGHT)
    assert (judged.tokens, judged.notes, judged.events) == (128, 32, 32)
    rows, total = representation.inputs(ids), 0.0
    state = stepper.initial_state(1)
    for row, following in zip(rows[:-1], ids[1:].tolist(), strict=True):
        logits, state = stepper.step(row[None], state)
        total += float(logits[0, following] - np.logaddexp.reduce(logits[0].astype(np.float64)))
    assert judged.log_likelihood == pytest.approx(total, rel=1e-5)
    assert judged.perplexity == pytest.approx(np.exp(-total / 128), rel=1e-5)


def test_short_melodies_are_judged_too_and_silence_is_not(model: Model) -> None:
    assert model.likelihood(notes_to_score("C4 D4")).notes == 2
    with pytest.raises(ConfigError, match="no notes to judge"):
        model.likelihood(Score(480))


def test_the_command_tells_it(model: Model, tmp_path: Path) -> None:
    path = formats.write(EIGHT, tmp_path / "eight.mid") or tmp_path / "eight.mid"
    done = CliRunner().invoke(app, ["likelihood", str(model.bundle.path), str(path)])
    assert done.exit_code == 0
    assert "perplexity" in done.output
    done = CliRunner().invoke(app, ["likelihood", str(model.bundle.path), str(path), "--json"])
    assert '"events": 32' in done.output

"""Evaluation: features have the values that their definitions give, overlaps their laws, and the report its parts."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from fakes import small_network
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ritornello import formats
from ritornello.bundle import Facts, save_bundle
from ritornello.cli import app
from ritornello.errors import ConfigError
from ritornello.evaluation.comparison import compare, overlap
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.evaluate import evaluate
from ritornello.evaluation.features import ENDINGS, FEATURES, beginning, measure
from ritornello.generation import load
from ritornello.originality import build_index
from ritornello.representations import make_representation
from ritornello.score import Meter, Score, Track, make_notes

ALL = FEATURES | ENDINGS


def score_of(*rows: tuple[int, int, int], meters: tuple[Meter, ...] = ()) -> Score:
    """Return a score of (start, duration, pitch) in quarters."""
    notes = make_notes((start * TICKS, duration * TICKS, pitch, 80) for start, duration, pitch in rows)
    return Score(TICKS, (Track(notes),), meters=meters)


@pytest.mark.parametrize(
    ("name", "score", "value"),
    [
        ("pitches", score_of((0, 1, 60), (1, 1, 60), (2, 1, 72)), 2),
        ("pitch classes", score_of((0, 1, 60), (1, 1, 61), (2, 1, 72)), 2),
        ("pitch range", score_of((0, 1, 60), (1, 1, 61), (2, 1, 79)), 19),
        ("pitch entropy", score_of((0, 1, 60), (1, 1, 62), (2, 1, 64), (3, 1, 72)), 2),
        ("class entropy", score_of((0, 1, 60), (1, 1, 72), (2, 1, 64), (3, 1, 76)), 1),
        ("scale consistency", score_of((0, 1, 60), (1, 1, 62), (2, 1, 64), (3, 1, 61)), 0.75),
        ("polyphony", score_of((0, 2, 60), (1, 1, 64), (8, 1, 60)), 4 / 3),
        ("polyphony rate", score_of((0, 2, 60), (1, 1, 64), (3, 1, 60)), 0.25),
        ("empty beats", score_of((0, 2, 60), (3, 1, 64)), 0.25),
        ("empty bars", score_of((0, 4, 60), (9, 1, 64)), 1 / 3),
        ("groove consistency", score_of((0, 1, 60), (4, 1, 62), (6, 1, 62)), 15 / 16),
        ("notes a beat", score_of((0, 1, 60), (0, 1, 64), (3, 1, 62)), 0.75),
        ("duration", score_of((0, 1, 60), (1, 1, 64), (2, 3, 62)), 1),
        ("repeated bars", score_of((0, 1, 60), (4, 2, 60), (9, 1, 60), (16, 1, 60)), 0.5),
        ("final length", score_of((0, 1, 60), (1, 1, 64), (2, 4, 62)), 4),
        ("final tonic", score_of((0, 2, 60), (2, 1, 64), (3, 1, 67), (4, 4, 48)), 1),
        ("final tonic", score_of((0, 2, 60), (2, 1, 64), (3, 1, 67), (4, 1, 60), (5, 1, 47)), 0),
        ("final downbeat", score_of((0, 1, 60), (3, 1, 64), meters=(Meter(0, 3, 4),)), 1),
        ("final downbeat", score_of((0, 1, 60), (3, 1, 64)), 0),
    ],
)  # fmt: skip
def test_features_by_their_definitions(name: str, score: Score, value: float) -> None:
    assert measure(score, ALL)[name] == pytest.approx(value)


def test_pitches_of_drums_and_of_nothing_are_no_numbers() -> None:
    song = make_song()
    drums = replace(song, tracks=song.tracks[-1:])
    assert math.isnan(measure(drums, ALL)["pitch entropy"])
    assert measure(drums, ALL)["groove consistency"] > 0.5
    assert set(measure(Score(TICKS), ALL)) == set(ALL)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 900), st.integers(0, 127)), max_size=12),
    meters=st.sampled_from([(), (Meter(0, 3, 8),), (Meter(0, 4, 4), Meter(500, 5, 16))]),
)
def test_features_of_any_piece_are_within_their_limits(
    rows: list[tuple[int, int, int]], meters: tuple[Meter, ...]
) -> None:
    notes = make_notes((start, duration, pitch, 80) for start, duration, pitch in rows)
    values = measure(Score(100, (Track(notes),), meters=meters), ALL)
    for name in (
        "scale consistency",
        "polyphony rate",
        "empty beats",
        "empty bars",
        "repeated bars",
        "groove consistency",
    ):
        assert math.isnan(values[name]) or 0 <= values[name] <= 1
    assert math.isnan(values["polyphony"]) or values["polyphony"] >= 1 - 1e-9


def test_a_beginning_has_so_many_bars() -> None:
    song = make_song(6)
    cut = beginning(song, 2)
    assert cut.end <= int(song.bar_starts()[2])
    assert cut.tracks[0].notes["start"].max() < int(song.bar_starts()[2])
    assert beginning(song, 100) is song


values = st.lists(st.floats(-5, 5), min_size=1, max_size=20).map(np.array)


@settings(max_examples=60, deadline=None)
@given(one=values, other=values)
def test_overlaps_are_shares_and_go_both_ways(one: np.ndarray, other: np.ndarray) -> None:
    assert 0 <= overlap(one, other) <= 1
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert overlap(one, one) > 0.97


def test_overlaps_of_known_distributions() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(0, 1, 4000), random.normal(2, 1, 4000)
    assert overlap(first, second) == pytest.approx(
        math.erfc(1 / math.sqrt(2)), abs=0.04
    )  # of normal(0), normal(2)
    alike = compare(random.normal(0, 1, 300), random.normal(0, 1, 300), random)
    assert alike.overlap == pytest.approx(alike.ceiling, abs=0.1)
    assert compare(random.normal(9, 1, 30), random.normal(0, 1, 30), random).overlap < 0.01
    assert overlap(np.zeros(0), first) == 0


@pytest.fixture
def model(tmp_path: Path) -> Path:
    representation = make_representation("frames", {"steps_per_quarter": 1, "lags": []})
    index = build_index([("song", make_song())])
    path = tmp_path / "<small>.rit"
    save_bundle(path, small_network(representation), representation, Facts(name="<small>"), index=index)
    return path


def pieces() -> list[Score]:
    return [Score(TICKS, (make_melody(tuple(range(48 + n, 60 + 2 * n))),)) for n in range(5)]


def test_an_evaluation_judges_and_compares(model: Path) -> None:
    found = evaluate(load(model), pieces(), EvaluateConfig(count=3, bars=2, pieces=4, seed=1))
    assert found.pieces == 4
    assert found.likelihood.nats_per_note > 0
    assert found.nats_per_second == pytest.approx(-found.likelihood.log_likelihood / found.seconds)
    assert set(found.likeness) == set(ALL)
    assert len(found.longest_copies) == 3
    again = evaluate(load(model), pieces(), EvaluateConfig(count=3, bars=2, pieces=4, seed=1))
    assert json.dumps(again.facts()) == json.dumps(found.facts())


def test_too_few_pieces_are_refused(model: Path) -> None:
    with pytest.raises(ConfigError, match="with: 3; at least 4"):
        evaluate(load(model), pieces()[:3])


def test_the_command_writes_a_page_of_its_own(model: Path, tmp_path: Path) -> None:
    for number, score in enumerate(pieces()):
        formats.write(score, tmp_path / "real" / f"{number}.mid")
    page = tmp_path / "report.html"
    call = [
        "evaluate",
        str(model),
        str(tmp_path / "real"),
        "--count",
        "2",
        "--bars",
        "2",
        "--json",
        "-o",
        str(page),
    ]
    done = CliRunner().invoke(app, call, catch_exceptions=False)
    facts = json.loads(done.stdout)
    assert facts["features"]["polyphony"]["ceiling"] > 0
    html = page.read_text()
    assert "data:image/png;base64,iVBOR" in html
    assert "&lt;small&gt;" in html
    assert "<small>" not in html
    assert "http" not in html
    assert all(name in html for name in ALL)


def test_a_report_of_another_kind_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.png or \.html"):
        CliRunner().invoke(app, ["evaluate", "none", str(tmp_path), "-o", "x.pdf"], catch_exceptions=False)

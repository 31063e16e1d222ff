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

from ritornello import formats, train
from ritornello.bundle import Facts, save_bundle
from ritornello.cli import app
from ritornello.corpus.shards import open_corpus
from ritornello.errors import ConfigError
from ritornello.evaluation.comparison import (
    HALVINGS,
    Likeness,
    compare,
    kernel_width,
    overlap,
    places_for,
    shares_of_ceiling,
)
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.evaluate import evaluate, settings_like
from ritornello.evaluation.features import ENDINGS, FEATURES, beginning, measure
from ritornello.evaluation.pieces import find_pieces
from ritornello.generation import load
from ritornello.originality import build_index
from ritornello.representations import make_representation
from ritornello.representations.multitrack import Multitrack
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
    assert 0 <= overlap(one, other, 0.01) <= 1
    assert overlap(one, other, 0.01) == pytest.approx(overlap(other, one, 0.01))
    assert overlap(one, one, 0.01) > 0.97


def like(generated: np.ndarray, real: np.ndarray) -> Likeness:
    return compare({"x": generated}, {"x": real}, {"x": 0.01}, np.random.default_rng(1))["x"]


def test_overlaps_of_known_distributions() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(0, 1, 4000), random.normal(2, 1, 4000)
    assert overlap(first, second, 0.01) == pytest.approx(math.erfc(1 / math.sqrt(2)), abs=0.04)
    alike = like(random.normal(0, 1, 300), random.normal(0, 1, 300))
    assert alike.overlap == pytest.approx(alike.ceiling, abs=0.1)
    assert like(random.normal(9, 1, 30), random.normal(0, 1, 30)).overlap < 0.01
    assert overlap(np.zeros(0), first, 0.01) == 0
    assert overlap(np.zeros(0), np.full(3, np.nan), 0.01) == 1


def test_what_is_nearly_always_nothing_is_like_what_always_is() -> None:
    nearly = np.append(np.zeros(19), 0.002)
    assert overlap(np.zeros(20), nearly, 0.01) > 0.98
    assert overlap(np.zeros(20), np.zeros(20), 0.01) > 0.98
    assert kernel_width(np.zeros(20), np.zeros(0), 0.01) == 0.01  # as wide as its kernel in the plot
    assert np.ptp(places_for(np.zeros(20), 0.01)) == pytest.approx(0.08)


def test_the_share_of_the_ceiling_is_taken_in_each_halving() -> None:
    random = np.random.default_rng(0)
    table = {"x": random.normal(0, 1, 40), "y": random.normal(0, 1, 40)}
    likeness = compare(table, table, {"x": 0.1, "y": 0.1}, random)
    shares = shares_of_ceiling(likeness)
    assert len(shares) == HALVINGS
    by_hand = (likeness["x"].overlaps[3] + likeness["y"].overlaps[3]) / (
        likeness["x"].ceilings[3] + likeness["y"].ceilings[3]
    )
    assert shares[3] == pytest.approx(by_hand)
    assert shares.mean() == pytest.approx(1, abs=0.1)


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
    assert found.counts == (3, 4)
    assert found.likelihood.nats_per_note > 0
    assert found.nats_per_second == pytest.approx(-found.likelihood.log_likelihood / found.seconds)
    assert set(found.likeness) == set(ALL)
    assert len(found.longest_copies) == 3
    again = evaluate(load(model), pieces(), EvaluateConfig(count=3, bars=2, pieces=4, seed=1))
    assert json.dumps(again.facts()) == json.dumps(found.facts())


def test_what_is_composed_has_the_length_the_meter_and_the_instruments_of_real_pieces() -> None:
    song = make_song(6)
    score = replace(song, meters=(Meter(0, 4, 4), Meter(4 * TICKS, 3, 4)))
    representation = Multitrack.fit([Multitrack.collect_statistics(score)])
    found = settings_like(score, representation)
    assert found["bars"] == len(score.bar_starts())
    assert found["meter"] == "3/4"
    assert found["instruments"] == tuple(str(128 if t.is_drum else t.program) for t in song.tracks)
    assert "instruments" not in settings_like(score, make_representation("drums", {}))


def folder_of(directory: Path, count: int) -> Path:
    for number in range(count):
        score = Score(TICKS, (make_melody(tuple(range(48 + number, 72 + 2 * number))),))
        formats.write(score, directory / f"{number}.mid")
    return directory


def test_pieces_that_were_held_out_are_found_again(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "real", 10)
    out = tmp_path / "m.rit"
    sizes = {"hidden": 8, "layers": 1, "embedding": 8, "samples": 0, "batch": 2}
    for _ in train(folder, out, steps=1, seed=3, held_out=0.3, **sizes):
        pass
    corpus = open_corpus(tmp_path / "m.run" / "corpus")
    names = corpus.names()
    apart = {Path(names[number]) for number in corpus.pieces(validation=True).tolist()}
    bundle = load(out).bundle
    assert {piece.path for piece in find_pieces(bundle, [folder], held_out=True)} == apart
    assert len(find_pieces(bundle, [folder], held_out=False)) == 10
    apart.pop().unlink()
    with pytest.raises(ConfigError, match="1 of 3 pieces that were held out of m are not here"):
        find_pieces(bundle, [folder], held_out=True)


def test_a_model_that_does_not_tell_its_split_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not say which pieces"):
        find_pieces(load(model).bundle, [folder_of(tmp_path / "real", 3)], held_out=True)


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

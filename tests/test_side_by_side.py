"""Two models side by side: figures, differences and standard errors that can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from fakes import small_network

from ritornello import formats
from ritornello.bundle import Facts, save_bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.evaluation.comparison import Likeness
from ritornello.evaluation.config import EvaluateConfig
from ritornello.evaluation.contrast import Contrast
from ritornello.evaluation.evaluate import Evaluation
from ritornello.evaluation.features import ENDINGS, FEATURES
from ritornello.evaluation.reference import Measured
from ritornello.evaluation.side_by_side import compare_evaluations
from ritornello.evaluation.two_sample import TwoSample
from ritornello.likelihood import Likelihood
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Score

NAMES = list(FEATURES | ENDINGS)
HALVES = 20


OF_CONTRAST = ["told apart", "keys", "voices", "outside", "chord changes"]


def contrast(area: float = 0.9, outside: tuple[int, ...] = (1, 3)) -> Contrast:
    """Return figures of two composed pieces of ten notes and two chord changes each."""
    two, ten = np.array([2, 2]), np.array([10, 10])
    composed = Measured(np.array([6.0, 8.0]), two, np.array(outside), ten)
    real = Measured(np.array([4.0, 4.0]), two, np.array([0, 1]), ten)
    test = TwoSample(area, 0.03, (0.4, 0.6), {}, (), 50)
    return Contrast(test, (0.8, 0.06), (0.7, 0.0), (composed, real), (0, 0), 0)


def evaluation(
    name: str, nats: list[float], feature: list[float], overlaps: list[float], apart: Contrast | None = None
) -> Evaluation:
    """Return an evaluation on pieces of ten notes each."""
    judged = tuple(Likelihood(-10 * each, 20, 10, 15, 20, 15) for each in nats)
    table = {key: np.array(feature) for key in NAMES}
    likeness = {key: Likeness((0, 0), (0, 0), tuple(overlaps), (0.8,) * len(overlaps)) for key in NAMES}
    real = {key: np.full(len(nats), 3.0) for key in NAMES}
    return Evaluation(
        name, checked(EvaluateConfig, {}), judged, 60.0, likeness, table, real, (), apart or contrast()
    )


def test_figures_and_errors() -> None:
    nats = [2.0, 4.0, 3.0, 5.0]
    one = evaluation("a", nats, [1.0, 3.0], [0.4] * HALVES)
    other = evaluation("b", [each + 1 for each in nats], [5.0, 5.0], [0.8, 0.6] * (HALVES // 2))
    found = compare_evaluations(one, other)
    assert (found.models, found.composed, found.real) == (("a", "b"), (2, 2), 4)
    rows = {row.name: row for row in found.rows}
    judged = rows["nats a note"]
    assert (judged.one, judged.other, judged.difference) == (3.5, 4.5, -1.0)
    assert judged.error < 1e-12, "every piece differs by 1, so the difference is certain"
    assert judged.is_sure
    assert (rows["right"].difference, rows["right"].is_sure) == (0.0, False)
    overlap = rows["overlap"]
    assert (overlap.one, overlap.other) == (pytest.approx(0.5), pytest.approx(0.875))
    assert overlap.error == pytest.approx(0.125)
    row = rows[NAMES[0]]
    assert (row.one, row.other, row.real) == (2.0, 5.0, 3.0)
    assert row.error == pytest.approx(1.0)  # the variance of 1 and 3 is 2, by two pieces


def test_what_tells_pieces_apart_stands_side_by_side() -> None:
    nats, values, overlaps = [2.0] * 4, [1.0, 2.0], [0.5] * HALVES
    one = evaluation("a", nats, values, overlaps, contrast(0.9, (1, 3)))
    other = evaluation("b", nats, values, overlaps, contrast(0.7, (2, 2)))
    rows = {row.name: row for row in compare_evaluations(one, other).rows}
    told = rows["told apart"]
    assert (told.one, told.other, told.real) == (0.9, 0.7, 0.5)
    assert told.error == pytest.approx(0.03 * 2**0.5)
    assert told.is_sure
    assert (rows["keys"].error, rows["voices"].one) == (pytest.approx(0.06 * 2**0.5), 0.7)
    outside = rows["outside"]  # of the four ways to draw two pieces, one has 0.1, one 0.3, two 0.2
    assert (outside.one, outside.other, outside.real) == (0.2, 0.2, 0.05)
    assert outside.error == pytest.approx(0.1 / 2**0.5, abs=0.005)
    assert (rows["chord changes"].one, rows["chord changes"].real) == (3.5, 2.0)


def test_the_error_of_the_likelihood_is_that_of_the_mean() -> None:
    random = np.random.default_rng(1)
    differences = random.normal(0.3, 0.5, 400)
    one = evaluation("a", (4 + differences).tolist(), [1.0, 2.0], [0.5] * HALVES)
    other = evaluation("b", [4.0] * 400, [1.0, 2.0], [0.5] * HALVES)
    [row] = [row for row in compare_evaluations(one, other).rows if row.name == "nats a note"]
    assert row.error == pytest.approx(differences.std() / 20, rel=0.1)
    assert row.is_sure


def test_other_pieces_cannot_be_compared() -> None:
    one = evaluation("a", [2.0] * 4, [1.0, 2.0], [0.5] * HALVES)
    with pytest.raises(ConfigError, match="on different pieces"):
        compare_evaluations(one, evaluation("b", [2.0] * 5, [1.0, 2.0], [0.5] * HALVES))


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def run(run: Any, tmp_path: Path) -> Any:
    """With two models and a folder of music."""
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song())])
    for name in ("a", "b"):
        save_bundle(tmp_path / f"{name}.rit", small_network(representation), representation, Facts(name=name))
    for number in range(5):
        notes = tuple(range(48 + number, 72 + 2 * number))
        formats.write(Score(TICKS, (make_melody(notes),)), tmp_path / "real" / f"{number}.mid")
    return run


def test_two_models_with_music_and_without(run: Any) -> None:
    code, out, err = run("evaluate", "a.rit", "b.rit", "real", "--count", "2", "--bars", "2", "--json")
    assert code == 0, err
    with_music = json.loads(out)
    assert (with_music["models"], with_music["composed"], with_music["compared with"]) == (
        ["a", "b"],
        [2, 2],
        5,
    )
    assert list(with_music["figures"]) == ["nats a note", "right", "overlap", *OF_CONTRAST[1:], *NAMES]
    assert with_music["figures"]["nats a note"]["difference"] == 0.0
    code, out, err = run("evaluate", "a.rit", "b.rit", "--count", "2", "--bars", "2", "--json")
    assert code == 0, err
    assert list(json.loads(out)["figures"]) == NAMES
    code, out, _ = run("evaluate", "a.rit", "b.rit", "real", "--count", "2", "--bars", "2")
    assert code == 0
    assert out.startswith("a and b: 2 pieces of each, like 5 real ones\n")
    assert "+0.000 ± 0.000" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a.rit", "b.rit", "songs", "real"], "3 models: a.rit, b.rit, songs; two are compared at a time"),
        (["a.rit", "b.rit", "real", "-o", "x.html"], "a report is of one model"),
        (["a.rit", "c.rit", "real"], "c.rit: no such file"),
        (["a.rit", "b.rit", "nowhere"], "nowhere: no such file or directory"),
    ],
)
def test_what_cannot_be_compared(arguments: list[str], told: str, run: Any) -> None:
    code, _, err = run("evaluate", *arguments)
    assert code == 2
    assert told in err

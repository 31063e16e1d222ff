"""The functions for Python: a model and music in any shape, one call each."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from test_batches import make_piece

import ritornello
from ritornello.errors import ConfigError, CorpusError, FileError
from ritornello.formats.midi import midi_to_bytes

TINY = {"hidden": 8, "layers": 1, "embedding": 8, "batch": 4, "window": 16, "evaluations": 2, "samples": 0}


def train_tiny(out: Path, steps: int = 4) -> ritornello.TrainingRun:
    """Return a run on a score, bytes, a file object and a path."""
    path = out.parent / "piece.mid"
    ritornello.write(make_piece(3), path)
    sources = [
        make_piece(0),
        midi_to_bytes(make_piece(1)),
        io.BytesIO(midi_to_bytes(make_piece(2))),
        str(path),
    ]
    return ritornello.train(sources, out, steps=steps, held_out=0.3, **TINY)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    out = tmp_path_factory.mktemp("api") / "tiny.rit"
    steps = [progress.step for progress in train_tiny(out)]
    assert steps == sorted(steps)
    assert set(steps) == {1, 2, 3, 4}
    return out


def test_compose_takes_a_model_in_any_shape(tiny: Path) -> None:
    model = ritornello.load(tiny)
    expected = model.compose(bars=2, seed=1).score
    for shape in (model, tiny, str(tiny), tiny.read_bytes(), io.BytesIO(tiny.read_bytes())):
        assert ritornello.compose(shape, bars=2, seed=1).score == expected


def test_a_primer_may_be_a_file(tiny: Path) -> None:
    primer = make_piece(1).bars[:2]
    data = midi_to_bytes(primer)
    expected = ritornello.compose(tiny, ritornello.read(data), bars=4, seed=1)
    assert ritornello.compose(tiny, data, bars=4, seed=1).score == expected.score
    assert ritornello.compose(tiny, io.BytesIO(data), bars=4, seed=1).score == expected.score


def test_a_run_goes_to_its_end_or_is_closed(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    run = train_tiny(tmp_path / "short.rit", steps=50)
    next(run)
    run.close()
    assert list(run) == []
    assert ritornello.load(tmp_path / "short.rit").bundle.card.training["steps"] == 1
    model = train_tiny(tmp_path / "whole.rit", steps=2).model()
    assert model.bundle.card.training["steps"] == 2


def test_a_model_is_adapted_and_evaluated(tiny: Path, tmp_path: Path) -> None:
    pieces = [make_piece(number) for number in range(4)]
    style = ritornello.adapt(tiny, pieces[:2], tiny.with_name("style.rit"), steps=2).model()
    assert style.bundle.base == "tiny.rit"
    told: list[str] = []
    found = ritornello.evaluate(
        style, pieces, count=2, bars=2, seed=1, progress=lambda what, done, total: told.append(what)
    )
    assert found.counts == (2, 4)
    assert {"judging", "composing"} <= set(told)
    assert found.likelihood.notes > 100


def test_what_cannot_be_is_refused_before_anything_is_done(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="barz: there is no such setting"):
        ritornello.compose(tiny, barz=2)  # type: ignore[call-arg]
    with pytest.raises(FileError, match=r"missing\.rit: no such file"):
        ritornello.compose("missing.rit")
    with pytest.raises(ConfigError, match="unknown preset 'non'; known"):
        ritornello.train(make_piece(0), tmp_path / "a.rit", preset="non")
    with pytest.raises(CorpusError):
        ritornello.adapt(tiny, replace(make_piece(0), tracks=()), tmp_path / "a.rit")
    with pytest.raises(ConfigError, match="at least 4 are needed"):
        ritornello.evaluate(tiny, make_piece(0))
    with pytest.raises(ConfigError, match="5: allowed are a path, bytes and a binary file object"):
        ritornello.evaluate(tiny, [5])  # type: ignore[list-item]

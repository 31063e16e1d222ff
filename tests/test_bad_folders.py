"""Folders that little can be learned from: said in one line, and the better of two models is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from build import TICKS, make_melody, make_song
from typer.testing import CliRunner

from ritornello import formats
from ritornello.bundle import load_bundle
from ritornello.cli import app
from ritornello.score import PITCH_BEND, Score, Track, make_controls, make_notes

FLAGS = ("--steps", 4, "--batch", 2, "--window", 16, "--samples", 0)
NEW = ("--hidden", 8, "--layers", 1, "--embedding", 8)


def invoke(*arguments: Any) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of songs, as the base from which runs begin."""
    folder, path = tmp_path / "songs", tmp_path / "base.rit"
    folder.mkdir()
    for number in range(4):
        formats.write(make_song(bars=60 + number), folder / f"{number}.mid")
    invoke(
        "train", folder, "-o", path, "--init", "none", "--learning-rate", 0.02, *FLAGS, *NEW, "--steps", 30
    )
    monkeypatch.setattr("ritornello.training.run.BASE", path)
    return path


def drums(number: int) -> Score:
    """Strokes on drums of which the base knows none."""
    rows = [(120 * i, 120, 27 + (i * i + number) % 5, 90) for i in range(160)]
    return Score(TICKS, (Track(make_notes(rows), is_drum=True),))


def one_note(number: int) -> Score:
    return Score(TICKS, (make_melody((60 + number,) * 120),))


def bent(number: int) -> Score:
    """Steps of 31 to the octave: each note is bent to its pitch."""
    steps = [(i * (5 + number)) % 31 for i in range(120)]
    pitches = [round(60 + 12 * step / 31) for step in steps]
    bends = [round((60 + 12 * step / 31 - pitch) * 4096) for step, pitch in zip(steps, pitches, strict=True)]
    controls = make_controls((TICKS * i, PITCH_BEND, 0, bend) for i, bend in enumerate(bends))
    return Score(TICKS, (make_melody(tuple(pitches), controls=controls),))


@pytest.mark.parametrize(("make", "count"), [(drums, 6), (one_note, 2), (bent, 1)])
def test_what_can_hardly_be_learned_is_learned_and_never_makes_a_model_worse(
    base: Path, tmp_path: Path, make: Callable[[int], Score], count: int
) -> None:
    folder, out = tmp_path / "files", tmp_path / "m.rit"
    folder.mkdir()
    for number in range(count):
        formats.write(make(number), folder / f"{number}.mid")
    said = invoke("train", folder, "-o", out, "--learning-rate", 0.9, "--clip", 1e9, *FLAGS)
    card = load_bundle(out).card
    assert card.derived_from[0].name == "base"
    if not card.training["kept_step"]:
        assert "it became worse than base in 4 steps; the weights of base are kept" in said
    if count == 1:
        assert "bars in 1 of 1 files" in said
    if make is one_note:  # a table of pairs of tokens knows all of it
        assert "base does not know such music" in said
    bends = f"pitch bends in {count} of {count} piece{'s' * (count > 1)} are not learned"
    assert (bends in said) == (make is bent)

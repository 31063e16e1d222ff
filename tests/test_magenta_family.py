"""Performances, drums and polyphony composed: with untrained networks, so that only the grammar makes them good."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from build import TICKS, make_melody, make_song
from fakes import small_network
from typer.testing import CliRunner

from ritornello.bundle import Facts, save_bundle
from ritornello.cli import app
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.presets import PRESETS, make_config
from ritornello.representations import REPRESENTATIONS
from ritornello.score import Meter, Score, Tempo

PRESET_NAMES = ("performance_rnn", "performance_conditioned", "drums_rnn", "polyphony_rnn", "improv_rnn")
SONG = replace(make_song(8), tempos=(Tempo(0, 500_000),), meters=(Meter(0, 4, 4),))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder, result = tmp_path_factory.mktemp("models"), {}
    for name in PRESET_NAMES:
        config = make_config(name, {})
        kind = REPRESENTATIONS[config.representation]
        representation = kind.fit([kind.collect_statistics(SONG)], config.representation_options)
        save_bundle(folder / f"{name}.rit", small_network(representation), representation, Facts(name=name))
        result[name] = load(folder / f"{name}.rit")
    return result


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_a_piece_has_the_length_asked_for(models: dict[str, Model], name: str) -> None:
    for piece in models[name].compose_many(bars=4, seed=3, count=3):
        assert piece.score.note_count > 0
        assert 3 <= piece.bars <= 4
        assert piece.ids[-1] == models[name].bundle.representation.end_id
    assert 8 <= models[name].compose(seconds=12, tempo=90, seed=1).score.seconds <= 17


@pytest.mark.parametrize("name", ["performance_rnn", "polyphony_rnn", "improv_rnn"])
def test_a_length_in_notes_is_exact(models: dict[str, Model], name: str) -> None:
    assert models[name].compose(notes=20, seed=2).score.note_count == 20


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_a_primer_comes_first(models: dict[str, Model], name: str) -> None:
    piece = models[name].compose(SONG, bars=16, seed=1)
    first = [set(map(tuple, score.all_notes().tolist())) for score in (SONG, piece.score)]
    assert first[0] <= first[1]
    assert piece.score.note_count > SONG.note_count


def test_schemes_without_tempo_get_the_one_asked_for_or_the_primers(models: dict[str, Model]) -> None:
    def tempo(score: Score) -> int:
        return round(score.tempos[0].quarters_per_minute)

    for name in ("drums_rnn", "polyphony_rnn", "improv_rnn"):
        assert tempo(models[name].compose(bars=2, tempo=90, seed=1).score) == 90
        assert tempo(models[name].compose(SONG, bars=16, seed=1).score) == 120
    real_time = models["performance_rnn"].compose(bars=2, seed=1).score
    assert tempo(real_time) == 120
    slow = models["performance_rnn"].compose(bars=2, tempo=90, meter="3/4", seed=1)
    assert (tempo(slow.score), slow.score.meters[0], slow.bars) == (90, Meter(0, 3, 4), 2)
    assert slow.score.seconds <= 2 * 3 * 60 / 90 + 5  # two bars of 3/4 at 90, and what sounds on


def test_density_and_pitch_classes_can_be_asked_for(models: dict[str, Model], tmp_path: Path) -> None:
    model = models["performance_conditioned"]
    piece = model.compose(bars=4, density="4, 20", pitch_classes="C,E,G", seed=1)
    names = [model.bundle.representation.tokens.name(token) for token in piece.ids]
    assert [name for name in names if name.startswith("density")] == ["density 3", "density 5"]
    assert {"share of C 4", "share of E 4", "share of G 4"} <= set(names)
    call = ["compose", str(model.bundle.path), "--bars", "4", "--density", "4,20", "--pitch-classes", "C E G"]
    done = CliRunner().invoke(app, [*call, "--seed", "1", "--json", "--out", str(tmp_path / "a.mid")])
    assert json.loads(done.stdout)["pieces"][0]["notes"] == piece.score.note_count


@pytest.mark.parametrize("asked", [{"density": 3}, {"pitch_classes": "C"}])
def test_a_model_cannot_be_asked_for_what_it_was_not_told(
    models: dict[str, Model], asked: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match="this model was not trained with it"):
        models["drums_rnn"].compose(bars=2, **asked)


@pytest.mark.parametrize("asked", [{"pitch_classes": "C H"}, {"pitch_classes": [1, 2]}, {"density": "many"}])
def test_what_is_no_density_or_pitch_class_is_refused(
    models: dict[str, Model], asked: dict[str, object]
) -> None:
    with pytest.raises(ConfigError):
        models["performance_conditioned"].compose(bars=2, **asked)


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_presets_train_as_the_source_does(name: str) -> None:
    config = make_config(name, {})
    assert (config.optimizer, config.learning_rate, config.schedule) == ("adam", 0.001, "constant")
    assert config.layers in (2, 3)
    assert not config.tied
    assert PRESETS[name].description


def test_a_melody_is_composed_over_the_chords_given(models: dict[str, Model]) -> None:
    piece = models["improv_rnn"].compose(chords="Dm7 G7 | Cmaj7", bars=4, seed=1)
    [_, chords] = piece.score.tracks
    assert [text.text for text in chords.texts] == ["Dm", "G", "C", "Dm", "G", "C"]


@pytest.mark.parametrize("name", [name for name in PRESET_NAMES if name != "drums_rnn"])
def test_the_one_instrument_asked_for_plays_within_its_compass(models: dict[str, Model], name: str) -> None:
    score = models[name].compose(bars=4, instruments="flute", seed=1).score
    assert score.tracks[0].program == 73
    for asked in ("flute, oboe", "drums"):
        with pytest.raises(ConfigError, match="plays one instrument, and no drums"):
            models[name].compose(bars=4, instruments=asked, seed=1)


def test_a_drum_kit_is_no_matter_of_choice(models: dict[str, Model]) -> None:
    assert models["drums_rnn"].compose(bars=2, instruments="drums", seed=1).score.tracks[0].is_drum
    for asked in ("flute", "drums, drums"):
        with pytest.raises(ConfigError, match="a model of drums plays one drum kit"):
            models["drums_rnn"].compose(bars=2, instruments=asked)


def test_pieces_are_moved_as_far_as_in_the_source() -> None:
    assert make_config("polyphony_rnn", {}).transpositions == (-4, -3, -2, -1, 0, 1, 2, 3, 4)
    assert make_config("performance_rnn", {"transpositions": "-1, 0, 1"}).transpositions == (-1, 0, 1)
    with pytest.raises(ConfigError, match="transpositions"):
        make_config("performance_rnn", {"transpositions": "up"})


@pytest.mark.parametrize("bars", [None, 12])
def test_a_melody_given_is_harmonised_to_its_end(models: dict[str, Model], bars: int | None) -> None:
    model, melody = (
        models["polyphony_rnn"],
        Score(TICKS, (make_melody((60, 62, 64, 64, 67, 65, 64, 62) * 4),)),
    )
    piece = model.compose(melody, bars=bars, accompany=True, seed=1)

    def onsets(score: Score) -> set[tuple[int, int]]:
        notes = score.resampled(4).all_notes()
        return set(zip(notes["start"].tolist(), notes["pitch"].tolist(), strict=True))

    assert onsets(melody) <= onsets(piece.score)
    assert piece.score.note_count > melody.note_count
    assert piece.bars == (bars or 8)


def test_what_cannot_be_harmonised_is_told(models: dict[str, Model]) -> None:
    with pytest.raises(ConfigError, match="give a primer"):
        models["polyphony_rnn"].compose(accompany=True)
    with pytest.raises(ConfigError, match="drums cannot keep fixed notes; those of multitrack"):
        models["drums_rnn"].compose(SONG, accompany=True)

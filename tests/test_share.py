"""Sharing: the folder is whole or not there, says how the piece was made, and its cover shows who played."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from build import make_melody, make_song
from PIL import Image

from ritornello import formats
from ritornello.errors import ConfigError, FileError, MissingExtraError
from ritornello.paths import replacing_folder
from ritornello.rendering import audio, cover
from ritornello.rendering import share as sharing
from ritornello.rendering.share import ABOUT, COVER, about, file_name, read_recipe, share
from ritornello.score import Score, Text

RECIPE = {"ritornello": "0.1", "model": "songs", "digest": "abc", "seed": 7, "settings": {"mode": "trade"}}


@pytest.fixture
def song() -> Score:
    return replace(make_song(2), texts=(Text(0, "text", json.dumps(RECIPE)),))


@pytest.fixture
def without_score_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the extra, and quick: sound is made at a low rate."""
    wanted = sharing.write

    def write(score: Score, path: Path) -> tuple[str, ...]:
        if path.suffix in (".pdf", ".musicxml"):
            raise MissingExtraError("music21", "score")
        return wanted(score, path)

    monkeypatch.setattr(sharing, "write", write)


@pytest.mark.usefixtures("without_score_extra")
def test_the_folder_holds_everything_that_can_be_made(song: Score, tmp_path: Path) -> None:
    import soundfile

    remarks = share(song, tmp_path / "out", "A: small/song")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "A small song.mid", "A small song.mp3", "A small song.wav", COVER, ABOUT,
    }  # fmt: skip
    assert [remark.split(":")[0] for remark in remarks] == ["pdf", "musicxml"]
    for suffix in ("mp3", "wav"):
        with soundfile.SoundFile(tmp_path / "out" / f"A small song.{suffix}") as sound:
            assert sound.title == song.title
            assert np.abs(sound.read()).max() > 0.1
    assert read_recipe(formats.read(tmp_path / "out" / "A small song.mid")) == RECIPE
    with Image.open(tmp_path / "out" / COVER) as picture:
        assert picture.size == (cover.SIZE, cover.SIZE)
    text = (tmp_path / "out" / ABOUT).read_text(encoding="utf-8")
    for told in ("A small song", "model: songs", "seed: 7", "mode: trade", "flute"):
        assert told in text
    assert text.count("mode:") == 1


def test_nothing_is_left_of_a_folder_that_failed(
    song: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise ConfigError("no cover today")

    monkeypatch.setattr(sharing, "write", lambda score, path: path.write_bytes(b"x") and ())
    monkeypatch.setattr(cover, "write_cover", fail)
    with pytest.raises(ConfigError, match="no cover today"):
        share(song, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_lies_in_a_folder_is_never_overwritten(song: Score, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    for folder in (tmp_path, tmp_path / "kept"):
        with pytest.raises(FileError, match="is there already"):
            share(song, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with replacing_folder(tmp_path / "empty") as beside:
        (beside / "file").write_text("x")
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["file"]
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_piece_without_notes_is_refused(tmp_path: Path) -> None:
    for score in (Score(480), Score(480, texts=(Text(0, "text", "prose"),))):
        with pytest.raises(ConfigError, match="no notes"):
            share(score, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["{", "[1]", '{"seed": 1}', "prose", "{" * 5000])
def test_a_text_that_is_no_recipe_is_none(text: str) -> None:
    score = replace(make_song(), texts=(Text(0, "text", text),))
    assert read_recipe(score) == {}
    assert "neural" not in about(score)


def test_names_for_files() -> None:
    assert file_name("../A/b:c*d?") == "A b c d"
    assert file_name("???") == "piece"
    assert (file_name("Con"), file_name("com1"), file_name("Concerto")) == (
        "Con piece",
        "com1 piece",
        "Concerto",
    )
    assert len(file_name("x" * 300)) <= 80


def test_the_cover_is_warm_where_the_player_and_cool_where_the_model_played() -> None:
    player, model = make_melody(name="You: piano"), make_melody((48, 50), name="songs: piano")
    both = Score(480, (player, model))
    assert cover.track_colours(both) == [cover.WARM, cover.COOL]
    ground = pixels(Score(480, (make_melody((60,)),)))
    for side, stronger, weaker in ((player, 0, 2), (model, 2, 0)):
        brighter = np.clip(
            pixels(Score(480, (side, replace(player, notes=player.notes[:0])))) - ground, 0, None
        ).sum(axis=(0, 1))
        assert brighter[stronger] > 2 * brighter[weaker], side.name


def pixels(score: Score) -> np.ndarray:
    return np.asarray(cover.render_cover(score, size=200), dtype=np.int64)[: 200 * 85 // 100]


def test_other_pieces_go_from_cool_to_warm_as_they_go_up() -> None:
    tracks = [make_melody((pitch, pitch)) for pitch in (72, 36, 60)]
    assert cover.track_colours(Score(480, tuple(tracks))) == [cover.WARM, cover.COOL, cover.BETWEEN]


@pytest.mark.parametrize("size", [199, 3001])
def test_a_cover_that_is_too_small_or_large_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=str(size)):
        cover.render_cover(make_song(), size=size)


def test_an_mp3_has_a_title_without_accents(tmp_path: Path) -> None:
    import soundfile

    song = replace(make_song(2), title="Größe und Maß, é")
    audio.write_audio(song, tmp_path / "x.mp3", sample_rate=8000)
    with soundfile.SoundFile(tmp_path / "x.mp3") as sound:
        assert sound.title == "Groe und Ma, e"

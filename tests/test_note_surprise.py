"""The surprise of notes, what is expected at a point, and the pictures of both."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build import make_song
from fakes import small_network
from PIL import Image

from ritornello import cli, formats
from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError, FormatError
from ritornello.generation import Model, load
from ritornello.generation.next_notes import next_notes, tick_of
from ritornello.generation.surprise import Surprise, bars_and_beats, surprise
from ritornello.rendering.heat import scale_colour
from ritornello.rendering.notation import engrave
from ritornello.representations import Ids
from ritornello.representations.frames import Frames
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Meter, Score, Track, make_notes

TICKS = 480


class Uniform:
    """Stands for a `Stepper`: all ids are as probable."""

    def __init__(self, size: int) -> None:
        self.size = size

    def initial_state(self, batch: int) -> Any:
        return (np.zeros((batch, 1)),)

    def step(self, columns: Any, state: Any) -> Any:
        return np.zeros((len(columns), self.size), dtype=np.float32), state


class Knowing:
    """Stands for a `Stepper`: it knows the ids of a piece, and nothing else is probable."""

    def __init__(self, ids: Ids, size: int) -> None:
        self.ids, self.size = ids, size

    def initial_state(self, batch: int) -> Any:
        return (np.zeros((batch, 1), dtype=np.int64),)

    def step(self, columns: Any, state: Any) -> Any:
        (at,) = state
        logits = np.full((len(at), self.size), -50, dtype=np.float32)
        logits[np.arange(len(at)), self.ids[np.minimum(at[:, 0] + 1, len(self.ids) - 1)]] = 50
        return logits, (at + 1,)

    def read(self, rows: Any) -> Any:
        state = self.initial_state(1)
        for row in rows:
            logits, state = self.step(row[None], state)
        return logits, state


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song())])
    save_bundle(path, small_network(representation), representation, Facts(name="tiny"))
    return load(path)


def width(path: Path) -> int:
    with Image.open(path) as image:
        return image.width


@pytest.fixture(scope="module")
def found(model: Model) -> Surprise:
    return model.surprise(make_song())


def test_notes_are_those_of_the_given_score(found: Surprise) -> None:
    song = make_song()
    assert found.score == song
    assert sorted((note.track, note.index) for note in found.notes) == [
        (track, index) for track, each in enumerate(song.tracks) for index in range(len(each.notes))
    ]
    starts = [int(song.tracks[note.track].notes["start"][note.index]) for note in found.notes]
    assert [(note.bar, note.beat) for note in found.notes] == bars_and_beats(song, starts)
    assert not found.remarks


def test_the_parts_of_a_surprise_have_the_right_value(model: Model) -> None:
    """With all ids as probable: an id is ln of their number; of it, the pitch is ln of the number of notes of the
    voice, and the rest tells that this voice plays now."""
    representation = model.bundle.representation
    notes = make_notes([(0, TICKS, 60, 100), (2 * TICKS, 2 * TICKS, 64, 100)])
    score = Score(TICKS, (Track(notes, 0),))
    tokens, ids = representation.tokens, representation.encode(score)
    first, second = surprise(model.bundle, Uniform(tokens.size), score).notes  # type: ignore[arg-type]
    each = np.log(tokens.size)
    own = tokens.voice[ids[tokens.notes[ids] > 0][0]]
    pitch = np.log(((tokens.notes > 0) & (tokens.voice == own)).sum())
    kinds = [tokens.kind[token] for token in ids.tolist()]
    told = kinds[kinds.index("note") + 1 :]
    after_first = told[: next(at for at, kind in enumerate(told) if kind not in ("velocity", "duration"))]
    assert first.pitch_nats == second.pitch_nats == pytest.approx(pitch, rel=1e-6)
    assert first.length_nats == pytest.approx(each * len(after_first), rel=1e-6, abs=1e-9)
    assert first.time_nats == pytest.approx(each - pitch, rel=1e-6)
    shifts = told[len(after_first) :].index("note")
    assert second.time_nats == pytest.approx(each * (1 + shifts) - pitch, rel=1e-6)
    assert len(first.instead) == 5
    assert all(other.probability == pytest.approx(np.exp(-pitch)) for other in first.instead)
    assert first.pitch not in [other.pitch for other in first.instead]


def test_a_wrong_note_is_the_most_surprising() -> None:
    quartets = load("quartets")
    score = quartets.compose(bars=8, seed=4).score
    notes = score.tracks[0].notes.copy()
    notes["pitch"][12] += 1
    wrong = replace(score, tracks=(replace(score.tracks[0], notes=notes), *score.tracks[1:]))
    (most,) = quartets.surprise(wrong).most(1)
    assert (most.track, most.index) == (0, 12)
    assert most.instead[0].pitch is not None
    assert most.instead[0].probability > 0.3


def test_a_piano_roll_is_found_in_the_score_it_was_read_from(tmp_path: Path) -> None:
    """Held notes, many ids of one note; parts that are read as one stream; an octave stays."""
    representation = Frames.fit([Frames.collect_statistics(make_song())])
    save_bundle(tmp_path / "tiny.rit", small_network(representation), representation, Facts(name="tiny"))
    melody = Track(make_notes([(0, 4 * TICKS, 72, 90), (4 * TICKS, TICKS, 74, 90)]), 73)
    bass = Track(make_notes([(0, TICKS, 48, 90), (2 * TICKS, TICKS, 50, 90)]), 32)
    score = Score(TICKS, (melody, bass))
    found = load(tmp_path / "tiny.rit").surprise(score)
    assert found.score is score
    assert {(note.track, note.index, note.instrument, note.name) for note in found.notes} == {
        (0, 0, "Flute", "C5"), (0, 1, "Flute", "D5"), (1, 0, "Acoustic Bass", "C3"), (1, 1, "Acoustic Bass", "D3"),
    }  # fmt: skip
    longest = max(found.notes, key=lambda note: note.length_nats)
    assert (longest.track, longest.index) == (0, 0)  # it goes on for 16 frames, each an id


def test_bars_and_beats_are_as_printed() -> None:
    meters = (Meter(0, 1, 4), Meter(TICKS, 6, 8), Meter(4 * TICKS, 4, 4))
    score = Score(
        TICKS, (Track(make_notes([(0, TICKS, 60, 90), (9 * TICKS, TICKS, 60, 90)])),), meters=meters
    )
    ticks = [TICKS, TICKS + TICKS // 2, 4 * TICKS, 5 * TICKS + TICKS // 2, 8 * TICKS - 10, 8 * TICKS]
    assert bars_and_beats(score, ticks) == [(1, 1), (1, 2), (2, 1), (2, 2.5), (3, 1), (3, 1)]
    assert bars_and_beats(score, [0])[0][0] == 0
    assert [tick_of(score, at) for at in ("1:2", "2:2.5", "3", "2:1")] == [
        ticks[1],
        ticks[3],
        ticks[5],
        ticks[2],
    ]


@pytest.mark.parametrize("at", ["9:1", "x", "2:5", "2:0.5", "-1:1", "2:nan"])
def test_a_point_outside_the_piece_is_refused(at: str) -> None:
    song = make_song()
    with pytest.raises(ConfigError, match="--at"):
        tick_of(Score(TICKS, song.tracks[:1], meters=(Meter(0, 4, 4),)).bars[:4], at)


def test_what_a_model_knows_is_expected_for_certain(model: Model) -> None:
    representation = model.bundle.representation
    song = representation.decode(representation.encode(make_song()))
    stepper: Any = Knowing(representation.encode(song), representation.vocabulary_size)
    for at in ("1:1", "2:1", "2:3", "3:2"):
        tick = tick_of(song, at)
        expected = next_notes(model.bundle, stepper, song, at, tries=16)
        own = {
            (int(note["pitch"]), float(note["duration"] / song.ticks_per_quarter))
            for track in song.tracks
            if not track.is_drum
            for note in track.notes[track.notes["start"] == tick]
        }
        given = [note for note in expected.notes if not note.is_drum]
        assert {(note.pitch, note.lengths[0][0]) for note in given} == own
        assert all(note.probability == 1 and note.is_played for note in expected.notes)
        assert expected.silence == (not expected.notes)


def test_a_point_after_silence_counts_only_continuations_that_keep_it(model: Model) -> None:
    representation = model.bundle.representation
    score = Score(TICKS, (Track(make_notes([(0, TICKS, 60, 90), (6 * TICKS, TICKS, 64, 90)]), 0),))
    stepper: Any = Knowing(representation.encode(score), representation.vocabulary_size)
    (note,) = next_notes(model.bundle, stepper, score, "2:3", tries=16).notes
    assert (note.name, note.probability) == ("E4", 1)
    nothing = next_notes(model.bundle, stepper, score, "2:2", tries=16)
    assert (nothing.notes, nothing.silence) == ((), 1)
    other = replace(score, tracks=(Track(make_notes([(0, TICKS, 60, 90), (7 * TICKS, TICKS, 64, 90)]), 0),))
    with pytest.raises(ConfigError, match="before it in all continuations"):
        next_notes(model.bundle, stepper, other, "2:4", tries=16)


def test_the_engraved_score_has_the_colours_of_the_notes(found: Surprise) -> None:
    heat = found.heat()
    pages, _ = engrave(found.score, heat)
    svg = "".join(pages)
    colours = set(re.findall(r'class="note" color="(#[0-9a-f]{6})"', svg))
    wanted = {
        "#{:02x}{:02x}{:02x}".format(*colour)
        for track in range(len(heat.values))
        for colour in heat.colours(track)
    }
    assert colours <= wanted
    assert len(colours) > len(wanted) / 2
    assert [svg.count(f'id="numbered-{number}"') for number in range(1, 11)] == [1] * 10
    assert svg.count("<circle cx") == 10
    plain, _ = engrave(found.score)
    assert "color=" not in "".join(plain).replace("currentColor", "").replace('color="black"', "")


def test_the_scale_becomes_lighter_throughout() -> None:
    """So it can be read without telling colours apart."""
    shares = np.linspace(0, 1, 40)
    light = [
        np.dot(np.power(np.array(scale_colour(share)) / 255, 2.2), (0.21, 0.72, 0.07)) for share in shares
    ]
    assert (np.diff(light) > 0).all()


@pytest.mark.parametrize("suffix", ["png", "html", "svg", "pdf"])
def test_maps_are_written(found: Surprise, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"map.{suffix}"
    assert found.write(path) == ()
    begins = {"png": b"\x89PNG", "html": b"<!doctype html>", "svg": b"<svg", "pdf": b"%PDF"}
    content = path.read_bytes()
    assert content.startswith(begins[suffix])
    if suffix == "png":
        assert width(path) == 1600
    if suffix == "html":
        text = content.decode()
        assert all(part in text for part in ("<audio", "<img", "<svg", "expected instead"))
    with pytest.raises(FormatError, match="map"):
        found.write(tmp_path / "map.mid")


def test_a_notebook_shows_the_first_bars_of_a_long_piece(
    found: Surprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found._repr_html_()
    monkeypatch.setattr("ritornello.generation.surprise_page.MOST_QUARTERS", 8)
    part = found._repr_html_()
    assert "shown: the first 2 bars" in part
    assert "shown:" not in whole
    assert len(part) < len(whole)


# --- the command ----------------------------------------------------------------------------------------------


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["ritornello", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0), *capsys.readouterr()


def test_the_command_lists_and_writes(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(make_song(), tmp_path / "song.mid")
    song, given = tmp_path / "song.mid", ["--model", model.bundle.path]
    code, out, _ = run(monkeypatch, capsys, "surprise", song, *given, "--most", 3, "-o", tmp_path / "map.png")
    assert code == 0
    assert len(re.findall(r"^\d+ +\d+ ", out, flags=re.MULTILINE)) == 3
    assert (tmp_path / "map.png").exists()
    code, out, _ = run(monkeypatch, capsys, "surprise", song, *given, "--json")
    facts = json.loads(out)
    total = sum(note["nats"] for note in facts["note_surprises"]) + facts["nats_before"] + facts["nats_after"]
    assert total == pytest.approx(-facts["log_likelihood"], abs=0.1)
    code, out, _ = run(
        monkeypatch, capsys, "surprise", song, *given, "--at", "2:1", "-o", tmp_path / "at.png", "--json"
    )
    assert json.loads(out)["continuations"] == 512
    assert width(tmp_path / "at.png") == 1100


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "map.mid"], "map.mid"),
        (["--at", "99:1"], "has bars"),
        (["--at", "1:1", "-o", "a.svg"], ".png"),
    ],
)
def test_the_command_refuses_in_one_line(
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    formats.write(make_song(), tmp_path / "song.mid")
    given = ["surprise", tmp_path / "song.mid", "--model", model.bundle.path]
    code, _, err = run(monkeypatch, capsys, *given, *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert told in err


# --- a sheet of temperatures ----------------------------------------------------------------------------------


def test_a_sheet_has_the_piece_of_each_temperature(model: Model, tmp_path: Path) -> None:
    sheet = model.compose_temperatures([1.2, 0.8, 1.2], bars=2, seed=3)
    assert sheet.temperatures == (0.8, 1.2)
    for temperature, piece, nats in zip(sheet.temperatures, sheet.pieces, sheet.nats, strict=True):
        assert piece.score == model.compose(bars=2, seed=3, temperature=temperature).score
        assert nats == pytest.approx(model.likelihood(piece.score).nats_per_note)
    sheet.write(tmp_path / "sheet.png")
    sheet.write(tmp_path / "sheet.html")
    assert width(tmp_path / "sheet.png") == 900
    text = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert (text.count("<audio"), text.count("Piano roll of temperature")) == (2, 2)
    assert len({piece.seed for piece in model.compose_temperatures([0.8, 1], bars=1).pieces}) == 1


def test_sheets_that_cannot_be_are_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 to 12"):
        model.compose_temperatures([1.0, 1.0])
    with pytest.raises(ConfigError, match="among the temperatures"):
        model.compose_temperatures([0.8, 1.0], temperature=1.0)
    with pytest.raises(ConfigError, match=r"\.html or \.png"):
        model.compose_temperatures([0.8, 1.0], bars=1, seed=1).write(tmp_path / "sheet.mid")

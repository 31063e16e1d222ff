"""The recipes of the models that come along: what they learn from, what is held out, and which model stays."""

from __future__ import annotations

import importlib
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ritornello import formats
from ritornello.bundle import load_bundle
from ritornello.corpus.pieces import key_of
from ritornello.corpus.scan import scan
from ritornello.data import BUNDLES
from ritornello.errors import CorpusError
from ritornello.score import Score, Track, make_notes

TICKS, TOOLS = 480, Path(__file__).resolve().parent.parent / "tools"


def piece(number: int, *programs: int, velocity: int = 90, bars: int = 12) -> Score:
    """Return a piece of quarter notes drawn at random, a part for each program."""
    drawn = np.random.default_rng(number)
    return Score(
        TICKS,
        tuple(
            Track(
                make_notes(
                    (TICKS * i, TICKS, int(drawn.integers(50, 70)), velocity) for i in range(4 * bars)
                ),
                program,
            )
            for program in programs
        ),
    )


def archive(folder: Path, name: str, *scores: Score) -> None:
    """Write an archive of MIDI files, in folders."""
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as file:
        for number, score in enumerate(scores):
            formats.write(score, folder / "one.mid")
            file.write(folder / "one.mid", f"{name}/part/{number:02}.mid")


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module `make_bundles`, with two sets of music and tiny recipes."""
    monkeypatch.syspath_prepend(TOOLS)
    for name in ("music", "make_bundles"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    made = importlib.import_module("make_bundles")
    music = made.music
    songs = music.MusicSet("CC0-1.0", "Songs of mine.", oboes_sing=True)
    sets = {"songs": songs, "more": music.MusicSet("CC-BY-4.0", "Tunes of Ann.")}
    monkeypatch.setattr(music, "SETS", sets)
    monkeypatch.setattr(music, "GROUPS", [["songs"], ["more"]])
    sizes = {"layers": 1, "hidden": 8, "embedding": 8, "batch": 2, "window": 16, "steps": 2, "evaluations": 1}
    recipes = {
        "base": made.Recipe(("songs", "more"), "All", None, sizes | {"layers": 2}, init=None),
        "small": made.Recipe(
            ("songs", "more"), "All", None, sizes, init=None, teacher="base", comes_along=False
        ),
        "piano": made.Recipe(
            ("more",), "Piano", None, {"steps": 20, "evaluations": 1, "learn": "all"}, music.solo_piano
        ),
    }
    monkeypatch.setattr(made, "RECIPES", recipes)
    return made


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    folder = tmp_path / "archives"
    folder.mkdir()
    songs = [piece(number, 68, 0, velocity=30 + number) for number in range(8)]
    archive(folder, "songs", *songs)
    four_hands = piece(99, 0, 0, 0, 0)
    archive(
        folder, "more", *(piece(number, 0, 0) for number in range(10, 17)), songs[3].transposed(2), four_hands
    )
    return folder


def test_music_is_levelled_sung_and_held_out_with_its_versions(
    tools: ModuleType, archives: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    keys = tools.music.held_out_keys(archives, work)
    assert keys == (work / "held-out.txt").read_text().split()
    song = formats.read(work / "music" / "songs" / "part-03.mid")
    assert [track.program for track in song.tracks] == [52, 0]
    assert {int(v) for track in song.tracks for v in track.notes["velocity"]} == {80}
    by_name = {
        (report.path.parent.name, report.path.stem): key_of(report.digest)
        for folder in ("songs", "more")
        for report in scan([work / "music" / folder]).reports
    }
    assert set(keys) <= set(by_name.values())
    assert {"songs", "more"} == {folder for (folder, _), key in by_name.items() if key in keys}
    assert (by_name["songs", "part-03"] in keys) == (by_name["more", "part-07"] in keys)
    reports = scan([work / "music" / "songs", work / "music" / "more"]).reports
    names = [f"{report.path.parent.name} {report.path.stem}" for report in reports]
    both = {names.index("songs part-03"), names.index("more part-07")}
    assert all(tools.music.with_versions(reports, {one}) == both for one in both)


@pytest.mark.parametrize(
    ("change", "programs", "left"),
    [
        ("solo_piano", (0, 6), [0, 0]),
        ("solo_piano", (0, 0, 0, 0), None),
        ("solo_piano", (0, 40), None),
        ("sung", (0, 0, 0, 0), [52] * 4),
        ("string_quartet", (40, 40, 41, 42), [40, 40, 41, 42]),
        ("string_quartet", (40, 40, 42), None),
        ("ensemble", (73,), None),
        ("ensemble", (73, 0), [73, 0]),
        ("guitars", (24, 25), [24, 25]),
        ("guitars", (24, 73), None),
    ],
)
def test_what_single_models_learn_from(
    tools: ModuleType, change: str, programs: tuple[int, ...], left: list[int] | None
) -> None:
    score, changed = piece(1, *programs), getattr(tools.music, change)
    if left is None:
        with pytest.raises(CorpusError):
            changed(score)
    else:
        assert [track.program for track in changed(score).tracks] == left
        assert changed(score).note_count == score.note_count


def test_models_are_made_one_from_another_and_only_a_better_one_is_put_in_place(
    tools: ModuleType, archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(tools, "TARGET", place)
    work = tmp_path / "work"

    def make(*arguments: str) -> int:
        monkeypatch.setattr(
            sys, "argv", ["make_bundles.py", str(archives), str(work), *arguments, "--threads", "1"]
        )
        return int(tools.main())

    assert make("piano") == 2
    assert "small.rit: no such file" in capsys.readouterr().err
    assert make() == 0
    assert {path.name for path in place.iterdir()} == {"base.rit", "piano.rit"}
    keys = set((work / "held-out.txt").read_text().split())
    cards = {name: load_bundle(work / f"{name}.rit").card for name in ("base", "small", "piano")}
    assert cards["base"].corpus.licence == "CC0-1.0, CC-BY-4.0"
    assert cards["piano"].corpus.provenance == "Tunes of Ann."
    assert [origin.corpus.licence for origin in cards["piano"].derived_from] == ["CC0-1.0, CC-BY-4.0"]
    assert cards["small"].representation == cards["base"].representation
    assert all(set(card.training["held_out"]) <= keys for card in cards.values())
    first = (place / "piano.rit").read_bytes()
    monkeypatch.setitem(
        tools.RECIPES, "piano", replace(tools.RECIPES["piano"], settings={"steps": 1, "evaluations": 1})
    )
    assert make("piano") == 0
    assert "stays" in capsys.readouterr().out
    assert (place / "piano.rit").read_bytes() == first
    assert make("piano", "--force") == 0
    assert (place / "piano.rit").read_bytes() != first


def test_every_set_is_named_beside_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    music = importlib.import_module("music")
    text = " ".join((BUNDLES / "README.md").read_text(encoding="utf-8").split())
    for name, each in (music.SETS | music.FOLK).items():
        assert f"`{name}`" in text
        assert each.source in text
    for name in ("Blasphemer", "Freedoom", "Mutopia", "OpenEWLD", "TCN"):
        assert (BUNDLES / f"LICENSE-{name}.txt").stat().st_size > 0

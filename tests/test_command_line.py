"""Options from a file, folders, versions, and what a newcomer mistypes: one line, and the way out of it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from build import make_melody, make_song
from fakes import small_network
from pydantic_core import core_schema
from test_batches import make_piece

import ritornello
from ritornello import cli, formats
from ritornello.bundle import Facts, save_bundle
from ritornello.config import explain
from ritornello.corpus.scan import find_files, find_others
from ritornello.errors import FileError
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Score


class Ran:
    """What a command did: its exit code and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Give a function that runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ritornello", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), printed.out, printed.err)

    return call


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.rit"
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song())])
    save_bundle(path, small_network(representation), representation, Facts(name="model"))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with music, also in a folder within, and other files."""
    music = tmp_path / "music"
    (music / "within").mkdir(parents=True)
    for number in range(2):
        formats.write(make_piece(number), music / f"{number}.mid")
    formats.write(make_piece(2), music / "within" / "0.mid")
    for name in ("tune.gp5", "chorale.sib", "all.zip"):
        (music / name).write_bytes(b"PK something")
    (music / "README.txt").write_text("These are my pieces.")
    (music / "broken.mid").write_bytes(b"I only look like music")
    return music


# --- the version, and usage errors ----------------------------------------------------------------------------------


def test_the_version(run: Any) -> None:
    done = run("--version")
    assert (done.code, done.out) == (0, f"ritornello {ritornello.__version__}\n")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("compose --seed abc", "seed: must be a whole number (received 'abc')"),
        ("compose --tempo fast", "tempo: must be a number (received 'fast')"),
        ("compose --count 1.5", "count: must be a whole number (received '1.5')"),
        ("compose --chords", "option '--chords' requires an argument"),
        ("jam --mode solo", "mode: must be 'call-and-response', 'answer', 'trade', 'duet' or 'continue'"),
        ("jam --port abc", "--port: must be a whole number (received 'abc'); see: ritornello jam --help"),
        ("jam --port 99999", "--port: must be at most 65535 (received '99999'); see: ritornello jam --help"),
        ("play --clock x", "--clock: 'x' is not one of 'none', 'in', 'out' (received 'x')"),
        ("compose --temprature 1", "there is no option --temprature, nearest is --temperature; see: "),
        ("compse songs", "there is no command 'compse', nearest is compose; see: ritornello --help"),
        ("bench nul", "there is no command 'nul', nearest is nll; see: ritornello bench --help"),
        ("likelihood", "model must be given; see: ritornello likelihood --help"),
        ("render a.mid", "--out must be given, such as -o song.mp3"),
        ("train --representation-options {bad x", "representation_options: must be JSON such as"),
        ("train --network-options [1] x", "network_options: must be a table of names and values"),
        ("presets --toml", "--toml prints one preset"),
        ("info --all", "--all shows the card of one model"),
    ],
)
def test_what_is_mistyped_is_told_in_one_line(line: str, told: str, run: Any, tmp_path: Path) -> None:
    done = run(*line.split())
    assert done.code == 2
    assert done.err.startswith(f"ritornello: {told}"), done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_empty_chords_are_refused_in_our_words(run: Any) -> None:
    assert (
        run("compose", "--chords", "").err
        == "ritornello: chords: must have 1 or more characters (received '')\n"
    )


def test_no_error_of_pydantic_keeps_its_own_words() -> None:
    context = dict.fromkeys(
        ("ge", "gt", "le", "lt", "multiple_of", "expected", "min_length", "max_length", "pattern"), "5"
    )
    for kind in core_schema.ErrorType.__args__:
        problem = {
            "type": kind,
            "loc": ("bars",),
            "input": "x",
            "ctx": context,
            "msg": "Value error, Input should be",
        }
        if kind not in ("value_error", "assertion_error"):
            assert re.match(r"bars: (must|is not allowed|there is no such setting)", explain(problem)), kind


# --- options from a file --------------------------------------------------------------------------------------------


def test_options_come_from_a_file_and_the_command_line_wins(run: Any, model: Path, tmp_path: Path) -> None:
    Path("piece.toml").write_text(
        f'# a comment\nmodel = {json.dumps(str(model))}\nbars = 3\nseed = 5\nout = ["a.mid", "a.txt"]\n'
        'notes-per-bar = "1-9"\nentrances = false\ninstruments = ["piano", "flute"]\ntemperature = 0.5\njson = true\n'
    )
    done = run("compose", "--config", "piece.toml")
    assert done.code == 0, done.err
    made = json.loads(done.out)["pieces"][0]
    assert (made["files"], made["seed"]) == (["a.mid", "a.txt"], 5)
    recipe = json.loads(formats.read("a.mid").texts[0].text)["settings"]
    asked = {
        "bars": 3,
        "instruments": ["acoustic grand piano", "flute"],
        "temperature": 0.5,
        "entrances": False,
    }
    assert recipe.items() >= asked.items()
    again = run("compose", model, "--bars", "3", "--seed", "5", "-o", "b.mid", "--notes-per-bar", "1-9",
                "--no-entrances", "--instruments", "piano,flute", "--temperature", "0.5")  # fmt: skip
    assert again.code == 0, again.err
    assert Path("a.mid").read_bytes() == Path("b.mid").read_bytes()
    done = run("compose", "--config", "piece.toml", "--seed", "6", "--entrances", "-o", "c.mid")
    made = json.loads(done.out)["pieces"][0]
    assert (made["files"], made["seed"]) == (["c.mid"], 6)


def test_a_table_is_what_json_is_on_the_command_line(run: Any, folder: Path) -> None:
    Path("my.toml").write_text(
        'steps = 1\nhidden = 8\nlayers = 1\nsamples = 0\ntranspositions = [-2, 0]\npreset = "mono_rnn"\nout = "m.rit"\n'
        f'paths = {json.dumps(str(folder))}\n[representation_options]\nencoding = "lookback"\nminimum_bars = 1\n'
    )
    done = run("train", "--config", "my.toml")
    assert done.code == 0, done.err
    config = json.loads(run("info", "m.rit", "--json").out)["training"]["config"]
    assert config["representation_options"] == {"encoding": "lookback", "minimum_bars": 1}
    assert config["transpositions"] == [-2, 0]


def test_a_preset_as_toml_is_the_preset(run: Any) -> None:
    import tomllib

    from ritornello.presets import PRESETS, make_config

    for name in PRESETS.own:
        done = run("presets", name, "--toml")
        assert make_config("default", tomllib.loads(done.out)) == make_config(name, {}), name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bars = 4\nbeets = 3\n\nseed = 1", "my.toml, line 2: there is no option 'beets'"),
        (
            "bars = 4\ntemprature = 1",
            "my.toml, line 2: there is no option 'temprature', nearest is temperature",
        ),
        ("\n[network_options]\nx = 1", "my.toml, line 2: there is no option 'network_options'"),
        ("bars = ", "my.toml: no TOML: Invalid value (at"),
        ("bars = 'x'", "bars: must be a whole number (received 'x')"),
        ("bars = true", "bars: must be a whole number (received 'true')"),
        ("loop = 1", "my.toml, line 1: loop: must be true or false (received 1)"),
        ("out = [['a.mid']]", "my.toml, line 1: out: must be text or a number (received ['a.mid'])"),
        ("config = 'other.toml'", "my.toml, line 1: there is no option 'config'"),
        ("help = true", "my.toml, line 1: there is no option 'help'"),
        ("", "my.toml: the file is empty"),
        ("\udcff", "my.toml: not UTF-8, as TOML is"),
    ],
)
def test_what_a_file_has_that_cannot_be_is_told_with_its_place(
    text: str, told: str, run: Any, tmp_path: Path
) -> None:
    Path("my.toml").write_bytes(text.encode(errors="surrogateescape"))
    done = run("compose", "--config", "my.toml")
    assert done.code == 2
    assert done.err.startswith(f"ritornello: {told}"), done.err
    assert done.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]


def test_every_command_takes_a_file(run: Any) -> None:
    for name in cli.COMMANDS:
        words = ["bench", "nll"] if name == "bench" else [name]
        done = run(*words, "--config", "none.toml")
        assert (done.code, done.err) == (2, "ritornello: none.toml: no such file or directory\n")


# --- folders --------------------------------------------------------------------------------------------------------


def test_likelihood_of_a_folder_is_a_table_with_a_total(run: Any, model: Path, folder: Path) -> None:
    done = run("likelihood", model, folder)
    assert done.code == 0, done.err
    told = done.err.splitlines()
    assert told[0] == "ritornello: not read: README.txt, all.zip, chorale.sib, tune.gp5"
    assert told[1].startswith(f"ritornello: passed over: {folder / 'broken.mid'}: not a Standard MIDI File")
    loaded = ritornello.load(model)
    total = sum(
        (loaded.likelihood(make_piece(number)) for number in range(3)),
        start=type(loaded.likelihood(make_piece(0)))(),
    )
    [line] = [line for line in done.out.splitlines() if line.startswith("all 3 ")]
    assert line.split()[2:] == [f"{total.notes:,}", f"{total.nats_per_note:.3f}", f"{total.accuracy:.1%}"]
    rows = [json.loads(line) for line in run("likelihood", model, folder, "--json").out.splitlines()]
    assert [row["notes"] for row in rows][-1] == total.notes == sum(row["notes"] for row in rows[:-1])
    assert rows[-1]["file"] is None
    for row in rows[:-1]:
        header = -row["log_likelihood"] - sum(row["nats_by_bar"])
        assert header >= -0.1  # tempo, meter and instruments, before the first note
        assert 1 <= row["most_surprising_bar"] <= len(row["nats_by_bar"])


def test_the_bars_and_what_is_before_them_add_up(model: Path) -> None:
    loaded = ritornello.load(model)
    header, bars = loaded.likelihood_by_bar(make_song())
    assert sum(bars, header) == pytest.approx(loaded.likelihood(make_song()))
    assert sum(bar.notes for bar in bars) == loaded.likelihood(make_song()).notes
    assert header.notes == 0
    assert header.tokens > 0


def test_the_most_surprising_bar_is_the_one_that_is_wrong() -> None:
    """Leaps without a key in the fifth bar of a piece that repeats its first."""
    from ritornello.likelihood import most_surprising

    calm = (72, 67, 64, 67) * 4
    tune = Score(480, (make_melody((*calm, 61, 94, 50, 87, *calm)),))
    _, bars = ritornello.load("piano").likelihood_by_bar(tune)
    assert most_surprising(bars) == 5


def test_a_file_that_is_given_must_be_fit(run: Any, model: Path, folder: Path) -> None:
    done = run("likelihood", model, folder / "broken.mid", folder)
    assert (done.code, done.out) == (2, "")
    assert "broken.mid: not a Standard MIDI File" in done.err


def test_a_damaged_length_is_refused_before_arrays_are_made(run: Any, model: Path, tmp_path: Path) -> None:
    tune = make_melody((60, 62))
    far = replace(tune, notes=tune.notes.copy())
    far.notes["start"][1] = 1 << 28
    formats.write(Score(480, (far,)), tmp_path / "far.mid")
    done = run("likelihood", model, "far.mid")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("ritornello: far.mid: the piece is 559,24")
    assert done.err.endswith(" quarter notes long: allowed are 200,000\n")


def test_a_folder_is_rendered_into_a_folder(run: Any, folder: Path) -> None:
    formats.write(make_piece(3), folder / "0.musicxml")
    done = run("render", folder, "--format", "mid", "--format", ".png", "-o", "out")
    assert done.code == 0, done.err
    made = sorted(str(path.relative_to("out")) for path in Path("out").rglob("*") if path.is_file())
    stems = ["0", "0-musicxml", "1", "within/0"]
    assert made == sorted(f"{stem}{suffix}" for stem in stems for suffix in (".mid", ".png"))
    assert "not read: README.txt, all.zip, chorale.sib, tune.gp5" in done.err
    assert "passed over" in done.err
    assert len(done.out.splitlines()) == 8


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "x.mp3"], "music is a folder: say as what to write"),
        (["--format", "mp3"], "with --format, give one folder"),
        (["--format", "mp4", "-o", "out"], "unknown suffix '.mp4'"),
        (["--format", "mid", "-o", "music/0.mid"], "not a folder"),
        (["--format", "mid", "-o", "out", "--bits", "16"], "bits: no sound file is written"),
    ],
)
def test_a_folder_that_cannot_be_rendered_so(arguments: list[str], told: str, run: Any, folder: Path) -> None:
    done = run("render", "music", *arguments)
    assert done.code == 2
    assert told in done.err
    assert not Path("out").exists()


def test_files_about_a_folder_are_no_prose_to_learn_from(tmp_path: Path) -> None:
    for name in ("README.txt", "LICENSE.txt", "readme_first.txt", "Credits.TXT", "novel.txt", "readers.txt"):
        (tmp_path / name).write_text("Once upon a time.")
    assert [path.name for path in find_files([tmp_path], prose=True)] == ["novel.txt", "readers.txt"]
    assert len(find_others([tmp_path], prose=True)) == 4
    assert find_files([tmp_path / "README.txt"], prose=True)  # given by name


# --- files that are written -----------------------------------------------------------------------------------------


def test_one_missing_folder_is_made_and_no_tree(tmp_path: Path) -> None:
    song = make_song()
    formats.write(song, tmp_path / "new" / "song.mid")
    with pytest.raises(FileError, match=r"there is no folder .*far to make away in"):
        formats.write(song, tmp_path / "far" / "away" / "song.mid")
    (tmp_path / "new.mid").mkdir()
    with pytest.raises(FileError, match="it is a folder"):
        formats.write(song, tmp_path / "new.mid")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "new.mid", "song.mid"]


@pytest.mark.parametrize(
    "command", [["render", "song.mid", "-o"], ["convert", "song.mid"], ["compose", "songs", "-o"]]
)
def test_a_place_that_is_none_is_refused_at_once(command: list[str], run: Any, tmp_path: Path) -> None:
    formats.write(make_song(), tmp_path / "song.mid")
    done = run(*command, "far/away/x.mid")
    assert done.code == 2
    assert "there is no folder far to make away in" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["song.mid"]


@pytest.mark.parametrize("name", ["x.mid", "x.musicxml", "x.wav", "x.png"])
def test_prose_is_no_music_to_convert(name: str, run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Once upon a time there was a note.")
    done = run("convert", "a.txt", name)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_compose_and_convert_write_stems(run: Any, model: Path, tmp_path: Path) -> None:
    formats.write(make_song(2), tmp_path / "song.mid")
    done = run("convert", "song.mid", "song.wav", "--stems", "--sample-rate", "8000")
    assert done.code == 0, done.err
    stems = sorted(path.name for path in tmp_path.glob("song-*.wav"))
    assert len(stems) > 1
    assert all(name in done.out for name in stems)
    done = run("compose", model, "--bars", "1", "--seed", "1", "-o", "new.wav", "--stems", "--sample-rate", "8000",
               "--instruments", "piano", "--json")  # fmt: skip
    assert json.loads(done.out)["pieces"][0]["files"] == ["new.wav", "new-1-acoustic-grand-piano.wav"]


def test_the_embedded_tunes_are_written_beside_a_run_that_is_not_there_yet(tmp_path: Path) -> None:
    from ritornello.training.run import embedded_corpus

    [made] = embedded_corpus("tunes", tmp_path / "solo.rit")
    assert len(list(made.glob("*.mid"))) == 45

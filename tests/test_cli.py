"""The command line: what cannot be is one line on stderr, exit code 2, and nothing left behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from build import make_song
from fakes import small_network
from test_batches import make_piece

from ritornello import cli, formats
from ritornello.bundle import Facts, save_bundle
from ritornello.representations.multitrack import Multitrack


class Ran:
    """What a command did: its exit code and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def ritornello(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Give a function that runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ritornello", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with good and bad files of every kind."""
    folder = tmp_path_factory.mktemp("things")
    (folder / "empty-folder").mkdir()
    (folder / "texts").mkdir()
    (folder / "texts" / "letter.txt").write_text("no music here")
    (folder / "music").mkdir()
    for number in range(4):
        formats.write(make_piece(number), folder / "music" / f"piece-{number}.mid")
    formats.write(make_song(), folder / "song.mid")
    formats.write(make_song().bars[:2], folder / "short.mid")
    (folder / "empty.mid").write_bytes(b"")
    (folder / "text.mid").write_text("I only look like music")
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song())])
    save_bundle(folder / "model.rit", small_network(representation), representation, Facts(name="model"))
    whole = (folder / "model.rit").read_bytes()
    (folder / "cut.rit").write_bytes(whole[: len(whole) // 2])
    (folder / "text.rit").write_text("not a bundle")
    return folder


BAD = {
    "no such folder": (["inspect", "{}/none"], "none"),
    "empty folder": (["inspect", "{}/empty-folder"], "empty-folder"),
    "folder without music": (["inspect", "{}/texts"], "txt"),
    "train on nothing": (["train", "{}/texts", "-o", "x.rit"], "txt"),
    "train on one short file": (["train", "{}/short.mid", "-o", "x.rit", "--steps", "1"], "at least 2"),
    "train to another suffix": (["train", "{}/music", "-o", "x.bin", "--steps", "1"], ".rit"),
    "minutes and steps": (
        ["train", "{}/music", "-o", "x.rit", "--steps", "1", "--minutes", "1"],
        "contradict",
    ),
    "resume what never began": (["train", "-o", "x.rit", "--resume"], "no checkpoint"),
    "resume and init": (["train", "-o", "x.rit", "--resume", "--init", "{}/model.rit"], "contradict"),
    "a setting out of range": (["train", "{}/music", "-o", "x.rit", "--hidden", "0"], "hidden"),
    "an address of an unknown kind": (["train", "nosuch://songs", "-o", "x.rit", "--steps", "1"], "s3, gs"),
    "an address that a cluster does not see": (
        ["train", "zip://songs::all.zip", "-o", "x.rit", "--cluster", "tcp://127.0.0.1:1"],
        "mount them",
    ),
    "an unknown preset": (["train", "{}/music", "--preset", "larg"], "nearest is 'large'"),
    "an unknown network": (["train", "{}/music", "--network", "lstn", "--steps", "1"], "lstm"),
    "an unknown device": (["train", "{}/music", "--device", "gpu7", "--steps", "1"], "gpu7"),
    "no such model": (["compose", "{}/none.rit"], "none.rit"),
    "an unknown shipped model": (["compose", "sungs"], "sungs"),
    "half a model": (["compose", "{}/cut.rit"], "cut.rit"),
    "a text as a model": (["compose", "{}/text.rit"], "text.rit"),
    "info of a text": (["info", "{}/text.rit"], "text.rit"),
    "two lengths": (["compose", "{}/model.rit", "--bars", "4", "--notes", "9"], "contradict"),
    "an unknown suffix": (["compose", "{}/model.rit", "-o", "x.docx"], ".docx"),
    "an unknown instrument": (["compose", "{}/model.rit", "--instruments", "vioIin"], "violin"),
    "a meter that is none": (["compose", "{}/model.rit", "--meter", "3/5"], "meter"),
    "a primer that is none": (["compose", "{}/model.rit", "--primer", "H9 X"], "H9"),
    "a primer that is missing": (["compose", "{}/model.rit", "--primer", "{}/none.mid"], "none.mid"),
    "a primer of nothing": (["compose", "{}/model.rit", "--primer", ""], "note"),
    "a model of no name": (["compose", "", "-o", "x.mid"], "unknown model ''"),
    "processes that cannot share": (
        ["train", "{}/music", "-o", "m/x.rit", "--steps", "1", "--batch", "4", "--processes", "3"],
        "batch 4: 3 processes cannot share so many streams equally",
    ),
    "an empty file": (["render", "{}/empty.mid", "-o", "x.png"], "empty"),
    "not MIDI": (["render", "{}/text.mid", "-o", "x.png"], "text.mid"),
    "a folder as a file": (["render", "{}/music", "-o", "x.png"], "music"),
    "a soundfont that is none": (
        ["render", "{}/song.mid", "-o", "x.wav", "--soundfont", "{}/text.mid"],
        "text.mid",
    ),
    "convert nothing": (["convert", "{}/none.mid", "x.musicxml"], "none.mid"),
    "convert to nothing": (["convert", "{}/song.mid", "x.jpeg"], ".jpeg"),
    "convert into a file as a folder": (["convert", "{}/song.mid", "{}/song.mid/x.mid"], "song.mid"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_cannot_be_is_one_line_and_exit_code_2(
    case: str, ritornello: Any, things: Path, tmp_path: Path
) -> None:
    arguments, told = BAD[case]
    before = {path: path.stat().st_size for path in things.rglob("*")}
    done = ritornello(*(argument.replace("{}", str(things)) for argument in arguments))
    assert done.code == 2, done.err
    line = done.err.strip().splitlines()[-1]
    assert line.startswith("ritornello: "), done.err
    assert told in line
    assert "Traceback" not in done.err
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not left, left
    assert {path: path.stat().st_size for path in things.rglob("*")} == before


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_says_of_a_command_what_it_says_of_itself(name: str) -> None:
    assert cli.make_command(name).help.splitlines()[0] == cli.COMMANDS[name]


def test_unknown_commands_and_flags_exit_with_2(ritornello: Any) -> None:
    assert ritornello("compse").code == 2
    assert ritornello("compose", "--bares", "3").code == 2


@pytest.mark.parametrize("suffix", [".mid", ".png", ".wav", ".rit"])
def test_a_full_disk_leaves_nothing_half_written(
    suffix: str, ritornello: Any, things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / f"x{suffix}"
    target.write_bytes(b"what was there before")

    def full(self: Path, other: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)
    if suffix == ".rit":
        done = ritornello("train", things / "music", "-o", target, "--force", "--steps", "1", "--hidden", "8")
    else:
        done = ritornello("render", things / "song.mid", "-o", target)
    assert done.code == 2
    assert "no space left" in done.err
    assert target.read_bytes() == b"what was there before"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [target]


def test_compose_writes_what_the_suffix_says_and_how_to_make_it_again(ritornello: Any, things: Path) -> None:
    done = ritornello(
        "compose", things / "model.rit", "--bars", "2", "--seed", "5", "-o", "a.mid", "-o", "a.png", "--json"
    )
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert facts["pieces"][0]["seed"] == 5
    (told,) = [text.text for text in formats.read("a.mid").texts if "seed" in text.text]
    assert json.loads(told)["seed"] == 5
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    again = ritornello("compose", things / "model.rit", "--bars", "2", "--seed", "5", "-o", "b.mid")
    assert again.code == 0
    assert Path("a.mid").read_bytes() == Path("b.mid").read_bytes()


def test_inspect_json_has_a_verdict_for_every_file(ritornello: Any, things: Path) -> None:
    done = ritornello("inspect", "--json", things / "music", things / "empty.mid", things / "text.mid")
    assert done.code == 0, done.err
    verdicts = {Path(file["path"]).name: file["verdict"] for file in json.loads(done.out)["files"]}
    assert verdicts["empty.mid"] == verdicts["text.mid"] == "skipped"
    assert verdicts["piece-0.mid"] == "used"


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on_with_resume(
    kill: signal.Signals, things: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "ritornello", "train", "-o", str(tmp_path / "m.rit")]
    quick = [
        "--steps",
        "2000",
        "--hidden",
        "8",
        "--layers",
        "1",
        "--batch",
        "2",
        "--window",
        "16",
        "--evaluations",
        "50",
    ]
    quick += ["--patience", "100", "--samples", "0", "--precision", "float32"]
    process = subprocess.Popen(
        [*command, str(things / "music"), *quick], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    checkpoint = tmp_path / "m.run" / "checkpoint.safetensors"
    for _ in range(600):
        if checkpoint.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(kill)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (130 if kill == signal.SIGINT else -signal.SIGKILL), err
    assert b"Traceback" not in err
    if kill == signal.SIGINT:
        assert b"--resume" in out
    assert (tmp_path / "m.rit").exists()
    done = subprocess.run(
        [*command, "--resume", "--steps", "200"], capture_output=True, env={**os.environ}, text=True
    )
    assert done.returncode == 0, done.stderr

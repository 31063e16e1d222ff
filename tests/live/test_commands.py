"""The commands `jam`, `play` and `share`: they begin and end well, and refuse in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from build import make_song

from ritornello import cli, formats
from ritornello.cli import play
from ritornello.live.ports import midi_port, port_player
from ritornello.live.server.address import address_of, listen


@pytest.fixture
def ritornello(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Give a function that runs a command line in this process, in an empty folder, and returns code and output."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ritornello", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return run


BAD = {
    "a model that is none": (["jam", "sings"], "nearest is 'songs'"),
    "a file that is none": (["jam", "none.rit"], "none.rit"),
    "a mode that is none": (["jam", "--mode", "solo"], "mode"),
    "a tempo that is none": (["jam", "--tempo", "1000"], "tempo"),
    "a meter that is none": (["jam", "--meter", "3/5"], "meter"),
    "an instrument that is none": (["jam", "--instruments", "piano,vioIin"], "violin"),
    "a host that is none": (["jam", "--host", "256.1.1.1", "--no-open"], "256.1.1.1"),
    "play without ports": (["play"], "--list"),
    "a clock without a port": (["play", "--osc", "--clock", "in"], "it needs --in too"),
    "play to another suffix": (["play", "--in", "a", "--out", "b", "--save", "x.docx"], ".docx"),
    "a map that is none": (["play", "--in", "a", "--out", "b", "--map", "none.toml"], "none.toml"),
    "share what is not there": (["share", "none.mid"], "none.mid"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_cannot_be_is_one_line_and_exit_code_2(case: str, ritornello: Any, tmp_path: Path) -> None:
    arguments, expected = BAD[case]
    code, _, error = ritornello(*arguments)
    assert code == 2
    assert expected in error.strip().splitlines()[-1]
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_reported_with_a_free_one(ritornello: Any) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        code, _, error = ritornello("jam", "--port", str(port), "--no-open")
    assert code == 2
    free = int(error.split("--port ")[1])
    assert port < free <= port + 100
    assert f"port {port} of 127.0.0.1 is in use" in error
    listen("127.0.0.1", free).close()


def test_addresses_for_a_browser() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert address_of(taken, "127.0.0.1") == f"http://127.0.0.1:{port}/"
        assert address_of(taken, "0.0.0.0") == f"http://127.0.0.1:{port}/"
        assert address_of(taken, "::1") == f"http://[::1]:{port}/"
        assert address_of(taken, "studio.local") == f"http://studio.local:{port}/"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_jam_serves_until_ctrl_c(bundle_file: Path, host: str) -> None:
    command = [
        sys.executable,
        "-u",
        "-m",
        "ritornello",
        "jam",
        bundle_file,
        "--port",
        "0",
        "--no-open",
        "--host",
        host,
    ]
    environment = {**os.environ, "no_proxy": "*"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.endswith("/  (tiny; Ctrl-C ends)\n"), line
        with urllib.request.urlopen(line.split()[0] + "health", timeout=20) as answer:
            assert b'"models":["tiny"]' in answer.read()
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "ended\n")
    assert ("lets everybody in" in error) == (host != "127.0.0.1")
    assert "Traceback" not in error


class Silence:
    """Ports on which nothing comes, and that end the session after a snapshot."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def receive(self) -> list[tuple[float, bytes]]:
        return []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def put(self, time: float, item: object) -> None:
        raise AssertionError("nothing comes")

    def publish(self, news: object, now: float) -> None:
        pass

    def wait(self, seconds: float) -> None:
        raise KeyboardInterrupt

    def close(self) -> None:
        self.closed = True


def test_play_opens_ports_plays_and_ends_cleanly(
    ritornello: Any, bundle_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[Any, ...]] = []
    silence = Silence()

    def open_ports(*asked: Any) -> Silence:
        opened.append(asked)
        return silence

    monkeypatch.setattr(play, "_open_ports", open_ports)
    code, out, error = ritornello(
        "play",
        bundle_file,
        "--in",
        "Keys",
        "--out",
        "Synth",
        "--virtual",
        "--save",
        "x.mid",
        "--clock",
        "out",
    )
    assert (code, error) == (0, "")
    assert opened == [(("Keys", "Synth"), True, None)]
    assert silence.closed
    assert bytes((0xBF, 123, 0)) in silence.sent, "panic at the end"
    assert "nothing was played" in out


def test_play_saves_what_was_played(
    ritornello: Any, bundle_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Played(Silence):
        def receive(self) -> list[tuple[float, bytes]]:
            return [(0.0, b"\x90\x3c\x5a"), (0.0, b"\x80\x3c\x00")]

    monkeypatch.setattr(play, "_open_ports", lambda *asked: Played())
    code, out, _ = ritornello("play", bundle_file, "--in", "Keys", "--out", "Synth", "--save", "x.mid")
    assert code == 0
    assert "x.mid  1 note, 0 s" in out
    assert formats.read(tmp_path / "x.mid").note_count == 1


def test_play_lists_ports(ritornello: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(midi_port, "port_names", lambda: (["Keys"], []))
    code, out, _ = ritornello("play", "--list")
    assert (code, out) == (0, "in   Keys\nout  (none)\n")


def test_share_makes_a_folder_beside_the_file(
    ritornello: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, Path, str]] = []

    def share(score: Any, folder: Path, name: str) -> tuple[str, ...]:
        made.append((score.title, folder, name))
        folder.mkdir()
        (folder / "x.mp3").write_bytes(bytes(3000))
        return ("pdf: no music21",)

    monkeypatch.setattr("ritornello.rendering.share.share", share)
    formats.write(make_song(2), tmp_path / "tune.mid")
    code, out, _ = ritornello("share", tmp_path / "tune.mid", "--title", "My tune")
    assert code == 0
    assert made == [("My tune", tmp_path / "tune", "My tune")]
    assert "x.mp3  3 kB" in out
    assert "left out: pdf: no music21" in out


def test_the_display_says_whose_turn_it_is(catalog: Any) -> None:
    from rich.console import Console

    from ritornello.cli.play_display import Display
    from ritornello.config import checked
    from ritornello.live.config import JamConfig
    from ritornello.live.events import Start
    from ritornello.live.session import Session

    entry = catalog.find(None)
    session = Session(entry.model, checked(JamConfig, {"mode": "call-and-response", "call_seconds": 7}))
    shown = port_player.PortPlayer(session, catalog, Silence(), lambda: 0.0)
    for expected in ("silence", "your turn"):
        console = Console(width=100, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        console.print(Display(shown))
        console.file.close()
        text = console.export_text()
        assert expected in text
        assert "tiny, call-and-response" in text
        shown.receive(Start())
        shown.turn()
    assert "7.0 s" in text

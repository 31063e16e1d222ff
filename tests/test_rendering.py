"""The table of renderers, and the command that uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from build import make_song
from typer.testing import CliRunner

from ritornello import formats, rendering
from ritornello.cli.render import render
from ritornello.errors import FormatError

BEGINNINGS = {
    ".wav": b"RIFF",
    ".flac": b"fLaC",
    ".ogg": b"OggS",
    ".png": b"\x89PNG",
    ".svg": b"<svg",
    ".pdf": b"%PDF",
    ".mid": b"MThd",
}


@pytest.mark.parametrize("suffix", sorted(BEGINNINGS))
def test_write_goes_by_the_suffix(suffix: str, tmp_path: Path) -> None:
    if suffix in {".svg", ".pdf"}:
        for library in ("music21", "verovio", "typst"):
            pytest.importorskip(library)
    path = tmp_path / f"song{suffix.upper() if suffix == '.png' else suffix}"
    rendering.write(make_song(2), str(path))
    assert path.read_bytes().startswith(BEGINNINGS[suffix])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_every_renderer_can_be_loaded() -> None:
    for renderer in set(rendering.RENDERERS.values()):
        assert callable(renderer.load())


def test_unknown_suffixes_are_refused_with_all_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"song\.waw: unknown suffix '\.waw', nearest is \.wav") as caught:
        rendering.write(make_song(), tmp_path / "song.waw")
    assert all(suffix in str(caught.value) for suffix in rendering.suffixes())
    with pytest.raises(FormatError, match="no suffix"):
        rendering.write(make_song(), tmp_path / "song")
    assert not list(tmp_path.iterdir())


def test_importing_the_station_loads_no_heavy_library() -> None:
    heavy = {"PIL", "soundfile", "music21", "verovio", "typst", "torch", "symusic", "fluidsynth"}
    code = f"import sys, ritornello.rendering; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(render)
    return app


def test_the_command_writes_each_output_and_says_so(app: typer.Typer, tmp_path: Path) -> None:
    song = tmp_path / "song.mid"
    formats.write(make_song(2), song)
    outputs = [tmp_path / "a.png", tmp_path / "b.wav"]
    result = CliRunner().invoke(app, [str(song), "-o", str(outputs[0]), "-o", str(outputs[1])])
    assert result.exit_code == 0, result.output
    assert all(path.stat().st_size > 1000 for path in outputs)
    lines = result.output.splitlines()
    assert [line.split("  ")[0] for line in lines] == [str(path) for path in outputs]
    assert all("kB" in line and "0:0" in line for line in lines)


def test_the_command_checks_all_suffixes_before_it_writes(app: typer.Typer, tmp_path: Path) -> None:
    song = tmp_path / "song.mid"
    formats.write(make_song(2), song)
    result = CliRunner().invoke(
        app, [str(song), "-o", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.xyz")]
    )
    assert isinstance(result.exception, FormatError)
    assert [file.name for file in tmp_path.iterdir()] == ["song.mid"]


def test_the_command_refuses_a_soundfont_that_is_none(app: typer.Typer, tmp_path: Path) -> None:
    song = tmp_path / "song.mid"
    formats.write(make_song(2), song)
    result = CliRunner().invoke(app, [str(song), "-o", str(tmp_path / "a.wav"), "--soundfont", str(song)])
    assert isinstance(result.exception, FormatError)
    assert "not a SoundFont" in str(result.exception)

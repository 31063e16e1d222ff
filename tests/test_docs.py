"""The docs are in step: the reference is the commands' own help, and the commands and examples of the pages run."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from build import make_song
from test_batches import make_piece

from ritornello import formats

ROOT = Path(__file__).resolve().parent.parent

QUICK = "--steps 4 --hidden 8 --layers 1 --embedding 8 --batch 4 --window 16 --evaluations 2 --samples 1"
"""What stands in for a training time of minutes."""


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def commands(page: str) -> list[str]:
    """Return the command lines of a page's console blocks."""
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    return [line[2:] for line in lines if line.startswith("$ ")]


def make_files(folder: Path) -> None:
    """Make the files that the pages speak of."""
    for number in range(4):
        formats.write(make_piece(number), folder / "my_midi_folder" / f"piece-{number}.mid")
        if number < 2:  # so few that none is held out, and a style is written in any case
            formats.write(make_piece(number), folder / "my_few_files" / f"piece-{number}.mid")
    formats.write(make_song(), folder / "song.mid")


def test_the_reference_is_the_help_of_the_commands() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "reference.py"))
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert tool["reference"]() == written, "run: python tools/reference.py"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_the_commands_of_the_page_run(page: str, tmp_path: Path) -> None:
    pytest.importorskip("music21")
    make_files(tmp_path)
    lines = commands(page)
    assert len(lines) >= 7
    for line in lines:
        quick = re.sub(r"--minutes \d+", QUICK, line) + " --steps 4" * line.startswith("ritornello adapt")
        if "--init" in quick:  # the sizes are then those of the model
            quick = re.sub(r"--hidden 8 --layers 1 --embedding 8 ", "", quick)
        program, *arguments = shlex.split(quick)
        assert program == "ritornello"
        call = [sys.executable, "-m", "ritornello", *arguments]
        done = subprocess.run(
            call, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"}
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_python_examples_of_the_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("torch", "music21", "verovio", "pretty_midi"):
        pytest.importorskip(library)
    make_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    examples = blocks(page, "python")
    assert examples
    quick = re.sub(r"--(\w+) (\S+)", r"\1=\2,", QUICK)
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(re.sub(r"minutes=\d+", quick, example), page, "exec"), names)


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_makefile_has_the_four_commands() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in ("demo", "test", "check", "bench"):
        assert re.search(rf"^{name}:", text, re.MULTILINE)

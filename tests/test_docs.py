"""The docs are in step: the reference is the commands' own help, and the commands and examples of the pages run."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from build import make_song
from test_batches import make_piece

import ritornello
from ritornello import formats, rendering
from ritornello.cli import COMMANDS
from ritornello.representations import REPRESENTATIONS

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
    rendering.write(make_song(), folder / "hum.wav")


def test_the_reference_is_the_help_of_the_commands() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "reference.py"))
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert tool["reference"]() == written, "run: python tools/reference.py"
    titles = re.findall(r"^## ritornello (\w+)", written, re.MULTILINE)
    assert titles == list(COMMANDS), "a command without its own help in docs/reference.md"


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
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_makefile_has_the_four_commands() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in ("demo", "test", "check", "bench", "docs"):
        assert re.search(rf"^{name}:", text, re.MULTILINE)


# --- the site -------------------------------------------------------------------------------------------------------


def squashed(text: str) -> str:
    """Return a text so that logits processor, logits-processor and LogitsProcessor are the same."""
    return re.sub(r"[-_\s`]+", "", text.lower())


def glossary() -> list[tuple[str, str, tuple[str, ...]]]:
    """Return (first cell, modules, words that must occur there) of each row: of the field's words those in bold."""
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    found = []
    for is_of_field, part in zip((True, False), page.split("## From this project"), strict=True):
        for first, second, where in re.findall(r"^\| (.+?) \| (.+?) \| (`.+`) \|$", part, re.MULTILINE):
            bold = re.findall(r"\*\*(.+?)\*\*", first)
            words = [*bold, *second.split(", ")] if is_of_field else first.split(", ")
            found.append((first, where, tuple(words)))
    return found


@pytest.mark.parametrize(("first", "where", "words"), glossary())
def test_the_words_of_the_glossary_are_those_of_the_code(
    first: str, where: str, words: tuple[str, ...]
) -> None:
    modules = [ROOT / "src" / "ritornello" / path for path in re.findall(r"`([^`]+)`", where)]
    text = squashed(" ".join(path.read_text(encoding="utf-8") for path in modules))
    missing = [word for word in words if squashed(word) not in text]
    assert not missing, f"{where} has no {missing}"


def test_the_glossary_has_what_a_newcomer_looks_for() -> None:
    words = {word for *_, words in glossary() for word in words}
    assert words >= {
        "tokenizer",
        "logits processor",
        "constrained decoding",
        "dataset",
        "data loader",
        "teacher forcing",
        "hyperparameters",
        "validation",
        "inference",
        "epoch",
    }
    assert words >= {"jam", "turn", "call", "primer", "preset"}


def test_the_table_and_the_diagram_of_turns_are_in_step() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "turns.py"))
    page = tool["PAGE"].read_text(encoding="utf-8")
    assert tool["page"](page) == page, "run: python tools/turns.py"
    assert tool["svg"]() == tool["PICTURE"].read_text(encoding="utf-8"), "run: python tools/turns.py"


def test_the_page_of_models_is_their_cards() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "models.py"))
    assert tool["page"]() == tool["TARGET"].read_text(encoding="utf-8"), "run: python tools/models.py"


def test_the_api_reference_has_all_public_names() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: ritornello\.(\S+)$", page, re.MULTILINE))
    assert {f"{home}.{name}" for name, home in ritornello._HOME.items()} <= named


def example(name: str) -> ModuleType:
    """Return an example of the docs as a module; its class is the first that it defines."""
    spec = importlib.util.spec_from_file_location(
        f"example_{name}", ROOT / "docs" / "examples" / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_of_a_representation_keeps_the_laws() -> None:
    laws = pytest.importorskip("ritornello.testing")
    kind = example("representation").TopLine
    REPRESENTATIONS[kind.name] = kind
    try:
        laws.representation_laws(kind)
    finally:
        del REPRESENTATIONS[kind.name]


def test_the_example_of_a_constraint_is_kept() -> None:
    row = example("constraint").ToneRow()
    piece = ritornello.load("songs").compose(bars=4, seed=1, constraints=[row])
    pitches = np.concatenate([track.notes["pitch"] for track in piece.score.tracks if not track.is_drum])
    counts = np.bincount(pitches % 12, minlength=12)
    assert len(pitches) > 12
    assert counts.max() - counts.min() <= 1 or piece.relaxed_constraints.get(row.name)


def test_the_constraint_of_the_example_matters() -> None:
    pitches = ritornello.load("songs").compose(bars=4, seed=1).score.all_notes()["pitch"]
    counts = np.bincount(pitches % 12, minlength=12)
    assert counts.max() - counts.min() > 1

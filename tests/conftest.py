"""For all tests. Its presence also lets tests in every folder `import build`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ritornello.corpus.shards import Corpus

# The networks of the tests are tiny: more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest.register_assert_rewrite("ritornello.testing")


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The commands that the tests run keep nothing among the user's own files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short pieces; modules that want others have their own."""
    from test_batches import make_piece

    from ritornello import formats

    folder = tmp_path_factory.mktemp("pieces")
    for number in range(6):
        formats.write(make_piece(number), folder / f"piece-{number}.mid")
    return folder


@pytest.fixture(scope="module")
def corpus(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The corpus of `folder`; a third is held out."""
    from ritornello.corpus.shards import build_corpus

    return build_corpus([folder], tmp_path_factory.mktemp("corpus") / "corpus", validation=0.3)[0]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Call the command line in `tmp_path`; returns exit code, output and errors."""
    from ritornello import cli

    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ritornello", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return (int(stopped.value.code or 0), *capsys.readouterr())

    return call

"""What Windows does otherwise, imitated here: code pages, its registry of file types, files that are held open."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from build import make_song

from ritornello import formats, paths
from ritornello.errors import FileError
from ritornello.training.log import FIELDS, Log


def test_a_name_that_the_code_page_lacks_is_printed_all_the_same(tmp_path: Path) -> None:
    formats.write(make_song(2), tmp_path / "曲.mid")
    done = subprocess.run(
        [sys.executable, "-m", "ritornello", "convert", "曲.mid", "曲.musicxml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\\u66f2.musicxml: ")


def test_scripts_of_the_page_are_scripts_whatever_the_registry_says() -> None:
    code = """import mimetypes
mimetypes.add_type("text/plain", ".js")
import ritornello.live.server
print(mimetypes.guess_type("a.js")[0])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "text/javascript"


class Held:
    """Replaces files, but fails the first `times`, as if another program had them open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left, rename = times, Path.replace

        def replace(path: Path, target: Path) -> Path:
            self.left -= 1
            if self.left >= 0:
                raise PermissionError(13, "Access is denied")
            return rename(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(paths.time, "sleep", lambda seconds: None)
        monkeypatch.setattr(paths, "_IS_WINDOWS", True)


def test_a_file_that_is_held_for_a_moment_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("old")
    Held(monkeypatch, 3)
    paths.write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_file_that_stays_held_is_an_error_and_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("old")
    Held(monkeypatch, 1000)
    with pytest.raises(FileError, match=r"a\.txt: cannot be written: access is denied"):
        paths.write_text(tmp_path / "a.txt", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_training_goes_on_while_a_spreadsheet_holds_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(tmp_path)
    row = dict.fromkeys(FIELDS, math.nan) | {"step": 1}
    with monkeypatch.context() as held:
        Held(held, 1000)
        log.add(row)
    assert not (tmp_path / "log.csv").exists()
    log.add(row | {"step": 2})
    assert [line.split(",")[0] for line in (tmp_path / "log.csv").read_text().splitlines()] == [
        "step",
        "1",
        "2",
    ]
    log.close()

"""Corpora, models and runs at addresses: memory:// and zip://, so that no network is needed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_batches import make_piece

from ritornello import formats
from ritornello.corpus.scan import scan
from ritornello.errors import ConfigError, FileError, MissingExtraError, RitornelloError
from ritornello.generation import find_bundle
from ritornello.remote import is_address, local, upload, writing

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory() -> Iterator[object]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    for number in range(3):
        (folder / "below").mkdir(parents=True, exist_ok=True)
        formats.write(make_piece(number), folder / "below" / f"{number}.mid")
    return folder


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s3://bucket/songs", True),
        ("zip://*.mid::songs.zip", True),
        ("simplecache::s3://bucket", True),
        ("songs", False),
        ("C:\\songs", False),
        ("/songs/a://b", False),
        (Path("songs"), False),
    ],
)
def test_what_is_an_address(place: Path | str, expected: bool) -> None:
    assert is_address(place) == expected


def test_a_folder_is_copied_with_its_folders_but_not_what_is_hidden(memory, songs: Path) -> None:
    upload(songs, "memory://bucket/songs")
    memory.pipe("/bucket/songs/.hidden/4.mid", b"MThd")
    found = scan(["memory://bucket/songs"])
    assert [report.path.relative_to(report.path.parents[1]).as_posix() for report in found.used] == [
        f"below/{number}.mid" for number in range(3)
    ]
    assert found.used[0].digest == scan([songs]).used[0].digest


def test_one_file(memory, songs: Path) -> None:
    upload(songs / "below" / "0.mid", "memory://bucket/one.mid")
    assert local("memory://bucket/one.mid").read_bytes() == (songs / "below" / "0.mid").read_bytes()


def test_files_in_a_zip(songs: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "songs.zip", "w") as archive:
        for file in songs.rglob("*.mid"):
            archive.write(file, f"songs/{file.name}")
        archive.writestr("songs/../../escaped.mid", b"MThd")
    copies = local(f"zip://songs::{tmp_path / 'songs.zip'}")
    assert sorted(path.name for path in copies.rglob("*")) == ["0.mid", "1.mid", "2.mid"]
    assert not list(tmp_path.rglob("escaped.mid"))


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("nosuch://bucket", ConfigError, "nosuch://bucket: .*known are such as s3"),
        ("memory://nothing/here", FileError, "memory://nothing/here: nothing is there"),
        ("zip://a::/no/such.zip", FileError, "cannot be read: no such file or folder"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    memory, address: str, error: type[RitornelloError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        local(address)
    assert "\n" not in str(caught.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"ritornello\[remote\]"):
        local("s3://bucket/songs")


def test_a_run_is_written_and_fetched(memory) -> None:
    with writing("memory://bucket/models/mine.rit") as path:
        path.write_bytes(b"model")
        (path.with_suffix(".run") / "corpus").mkdir(parents=True)
        (path.with_suffix(".run") / "corpus" / "index.npy").write_bytes(b"index")
    assert not path.exists()
    assert memory.cat("/bucket/models/mine.rit") == b"model"
    assert find_bundle("memory://bucket/models/mine.rit").read_bytes() == b"model"
    with writing("memory://bucket/models/mine.rit", resume=True) as path:
        assert (path.with_suffix(".run") / "corpus" / "index.npy").read_bytes() == b"index"


def test_what_is_interrupted_is_written_too(memory) -> None:
    def work() -> None:
        with writing("memory://bucket/mine.rit") as path:
            path.write_bytes(b"so far")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert memory.cat("/bucket/mine.rit") == b"so far"


def test_a_run_that_cannot_be_copied_stays_here(
    memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def full(*_: object, **__: object) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(type(memory), "put_file", full)
    with (
        pytest.raises(FileError, match="not yours; the run is left in"),
        writing("memory://bucket/m.rit") as path,
    ):
        path.write_bytes(b"model")
    assert path.read_bytes() == b"model"


def test_copies_go_when_the_process_ends(songs: Path, tmp_path: Path) -> None:
    archive = tmp_path / "songs.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(songs / "below" / "0.mid", "0.mid")
    code = f"from ritornello.remote import local; print(local('zip://0.mid::{archive}'))"
    copy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert copy.strip().endswith("0.mid")
    assert not Path(copy.strip()).exists()

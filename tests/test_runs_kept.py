"""What a run leaves on disk: damage is noticed, one training at a time writes it, killed ones leave nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_splitting import SIZES, piece, write

from ritornello import paths
from ritornello.errors import ConfigError, CorpusError, RitornelloError
from ritornello.training.config import TrainConfig
from ritornello.training.loop import CHECKPOINT
from ritornello.training.run import prepare, run_directory

TINY = SIZES | {"steps": 2}

HOLD = """
import sys
from pathlib import Path
from ritornello.training.place import Place
place = Place(Path(sys.argv[1]), Path(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    return write(folder, *(piece(number, 12) for number in range(8)))


@pytest.fixture(scope="module")
def finished(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose run has finished."""
    out = tmp_path_factory.mktemp("run") / "m.rit"
    list(prepare([music], out, TrainConfig(**TINY), init="none").steps())
    return out


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that trains `tmp_path / m.rit`."""
    out = tmp_path / "m.rit"
    command = [sys.executable, "-c", HOLD, str(out), str(run_directory(out))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_flipped_bit_anywhere_is_noticed(finished: Path) -> None:
    directory = run_directory(finished)
    files = [path for path in (directory / "corpus").iterdir() if path.stat().st_size]
    for path in (*files, directory / CHECKPOINT):
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 12)):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << place % 8
            path.write_bytes(damaged)
            with pytest.raises(RitornelloError):
                prepare([], finished, TrainConfig(steps=4), resume=True)
        path.write_bytes(whole)
    assert prepare([], finished, TrainConfig(steps=4), resume=True).trainer.counters.step == 2


def test_a_run_has_one_process(other: subprocess.Popen[str], music: Path, tmp_path: Path) -> None:
    config = TrainConfig(**TINY)
    with pytest.raises(ConfigError, match=rf"m\.rit: is being trained by process {other.pid} on .* since"):
        prepare([music], tmp_path / "m.rit", config, init="none", force=True)
    other.kill()
    other.wait()
    prepare([music], tmp_path / "m.rit", config, init="none", force=True)


def test_what_killed_runs_have_left_is_removed(music: Path, tmp_path: Path) -> None:
    out, directory = tmp_path / "m.rit", tmp_path / "m.run"
    old = [tmp_path / ".m.abcd1234.rit", directory / ".checkpoint.abcd1234.safetensors"]
    kept = [tmp_path / ".other.abcd1234.rit", tmp_path / ".m.rit", directory / "samples"]
    (directory / ".corpus.0123_bcd").mkdir(parents=True)
    for path in (*old, *kept):
        path.write_bytes(b"?")
    prepare([music], out, TrainConfig(**TINY), init="none", force=True)
    assert not any(path.exists() for path in (*old, directory / ".corpus.0123_bcd"))
    assert all(path.exists() for path in kept)


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError):
        prepare([tmp_path / "empty"], tmp_path / "m.rit", TrainConfig(**TINY), init="none")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_model_is_on_the_disk_before_it_replaces_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut leaves is not tested; that the system is asked for it in this order is."""
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(handle: int) -> None:
        opened = Path(f"/proc/self/fd/{handle}").readlink()
        done.append(f"fsync {opened.name}")
        fsync(handle)

    def noted_replace(self: Path, target: Path) -> Path:
        done.append(f"replace {self.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    paths.write_bytes(tmp_path / "m.rit", b"model", durable=True)
    [written, replaced, renamed] = done
    assert written.removeprefix("fsync ") == replaced.removeprefix("replace ")
    assert renamed == f"fsync {tmp_path.name}"
    paths.write_bytes(tmp_path / "m.txt", b"not durable")
    assert len(done) == 4

"""The built packages: complete, and the same bytes wherever and whenever they are built."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import ritornello

ROOT = Path(__file__).resolve().parent.parent
NAME = f"ritornello-{ritornello.__version__}"


def build(root: Path, out: Path) -> None:
    """Build a source distribution and a wheel of the tree at `root`, without the network."""
    call = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(call, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_packages_are_complete_and_reproducible(tmp_path: Path) -> None:
    build(ROOT, tmp_path / "first")
    with tarfile.open(tmp_path / "first" / f"{NAME}.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    unpacked = tmp_path / NAME
    for folder in ("src", "tests", "tools", "benchmarks", "docs", "web"):
        wanted = {
            path.relative_to(ROOT)
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".py", ".md", ".ts", ".json", ".toml", ".rit", ".mid", ".onnx", ".sf3", ".txt")
            and not {"node_modules", "__pycache__"} & set(path.parts)
        }
        assert wanted
        assert not {path for path in wanted if not (unpacked / path).is_file()}
    for name in (
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CITATION.cff",
        "Makefile",
        "mkdocs.yml",
        "pyproject.toml",
    ):
        assert (unpacked / name).is_file()

    for path in unpacked.rglob("*.py"):  # as if it had been unpacked later, by another
        path.chmod(path.stat().st_mode & 0o700)
        path.touch()
    build(unpacked, tmp_path / "second")
    different = {
        path.name
        for path in (tmp_path / "first").iterdir()
        if path.read_bytes() != (tmp_path / "second" / path.name).read_bytes()
    }
    assert not different

    wheel = zipfile.ZipFile(tmp_path / "first" / f"{NAME}-py3-none-any.whl")
    names = set(wheel.namelist())
    source = (
        path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    assert {path.relative_to(ROOT / "src").as_posix() for path in source} <= names
    licences = {name for name in names if name.startswith(f"{NAME}.dist-info/licenses/")}
    assert any(name.endswith("LICENSE-basic-pitch.txt") for name in licences)
    assert any(name.endswith("NOTICE-basic-pitch.txt") for name in licences)


def test_the_citation_names_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    [version] = re.findall(r"^version: (.+)$", text, re.MULTILINE)
    assert version == ritornello.__version__

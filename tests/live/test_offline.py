"""A page without a server: its session says what that of a server says, and what cannot be a page is refused."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ritornello.bundle import load_bundle
from ritornello.data import CORPUS
from ritornello.errors import ConfigError, FileError, FormatError
from ritornello.formats.midi import parse_midi
from ritornello.generation import find_bundle
from ritornello.live.offline import export, packages
from ritornello.live.offline.export import export_page, library_archive
from ritornello.live.offline.host import Host, make_entry, play_log, store
from ritornello.live.offline.wide_indices import INDEX_ARGUMENTS, accept_wide_indices
from ritornello.live.server.catalog import Catalog, ModelEntry

Message = dict[str, Any]


def call_and_pause(mode: str) -> list[tuple[float, Message]]:
    """Return a log: two calls of three notes, each with time for an answer."""
    log: list[tuple[float, Message]] = [
        (0.1, {"type": "configure", "config": {"mode": mode}}),
        (0.2, {"type": "start"}),
    ]
    for began in (0.5, 9.0):
        for i, pitch in enumerate((60, 64, 67)):
            at = began + i / 2
            log.append((at, {"type": "midi", "time": at, "data": [0x90, pitch, 90]}))
            log.append((at + 0.4, {"type": "midi", "time": at + 0.4, "data": [0x80, pitch, 0]}))
    return log


@pytest.fixture(scope="module")
def entry(bundle_file: Path) -> ModelEntry:
    return Catalog([ModelEntry("tiny", load_bundle(bundle_file))]).find("tiny")


@pytest.fixture(scope="module")
def page_entry(entry: ModelEntry) -> ModelEntry:
    """The same model, as the worker of a page makes it from what was stored; its network takes flat arrays."""
    sizes = [part.shape[1:] for part in entry.model.initial_state]

    def run(batch: int, inputs: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
        columns, *state = inputs
        shaped = tuple(part.reshape(batch, *size) for part, size in zip(state, sizes, strict=True))
        logits, after = entry.engine.stepper.step(columns.reshape(batch, -1), shaped)
        return [logits.reshape(-1), *(part.reshape(-1) for part in after)]

    stored = store(entry.bundle, entry.model)
    return make_entry(replace(stored, facts=json.loads(json.dumps(stored.facts))), run)


@pytest.mark.parametrize("mode", ["answer", "continue", "call-and-response", "duet"])
def test_a_log_gives_the_same_messages(mode: str, entry: ModelEntry, page_entry: ModelEntry) -> None:
    def played(by: ModelEntry) -> list[Message]:
        sent = map(json.loads, play_log(by, {"response_seconds": 2}, 5, call_and_pause(mode), 16.0))
        return [
            {key: value for key, value in message.items() if key != "session"}  # a random name
            for message in sent
            if message["type"] != "latency"
        ]

    messages = played(entry)
    assert any(note["side"] == "model" for m in messages if m["type"] == "notes" for note in m["notes"])
    assert played(page_entry) == messages


def test_a_shipped_model_is_stored_whole() -> None:
    """Unlike the small one of the other tests it knows its training music, its index and structure."""
    entry = Catalog([ModelEntry("folk", load_bundle(find_bundle("folk")))]).find("folk")
    stored = store(entry.bundle, entry.model)
    made = make_entry(replace(stored, facts=json.loads(json.dumps(stored.facts))), lambda batch, inputs: [])
    assert made.model.structure is not None
    assert made.model.index is not None
    score = parse_midi(next(CORPUS.glob("*.mid")).read_bytes())
    theirs, ours = made.model.worth(8), entry.model.worth(8)
    assert theirs is not None
    assert ours is not None
    assert theirs(score) == ours(score)


@pytest.fixture
def host(page_entry: ModelEntry) -> tuple[Host, list[Message]]:
    said: list[Message] = []
    made = Host(page_entry, {}, 1, lambda text: said.append(json.loads(text)))
    made.receive('{"type": "hello"}')
    return made, said


def test_what_the_host_does_not_understand_is_one_line(host: tuple[Host, list[Message]]) -> None:
    made, said = host
    for frame in ("[]", '{"type": "model", "name": "songs"}', '{"type": "midi", "time": 0, "data": [1]}'):
        made.receive(frame)
        assert said[-1]["type"] == "error"
    with pytest.raises(ConfigError, match=r"session\.wav: a page without a server makes MIDI files only"):
        made.download("session.wav")
    with pytest.raises(ConfigError, match="nothing has been played yet"):
        made.download("session.mid")
    with pytest.raises(FormatError, match="more than 1,000,000 bytes"):
        made.play_call(bytes(2_000_000))


def test_the_host_gives_what_was_played(host: tuple[Host, list[Message]]) -> None:
    made, said = host
    now = said[0]["now"]
    for data in ([0x90, 62, 70], [0x80, 62, 0]):
        made.receive(json.dumps({"type": "midi", "time": now, "data": data}))
    made.advance()
    assert [
        int(note["pitch"]) for t in parse_midi(made.download("session.mid")).tracks for note in t.notes
    ] == [62]


def test_numpy_of_the_page_accepts_wide_indices() -> None:
    """On 64 bits, unsigned integers are what integers of 64 bits are on 32: not safe to convert."""
    narrow = ModuleType("narrow")
    vars(narrow).update({name: getattr(np, name) for name in INDEX_ARGUMENTS})
    counts = np.array([2, 0, 1], dtype=np.uint64)
    with pytest.raises(TypeError, match="according to the rule 'safe'"):
        narrow.repeat(np.arange(3), counts)
    accept_wide_indices(narrow)
    assert narrow.repeat(np.arange(3), counts).tolist() == [0, 0, 2]
    assert narrow.repeat(np.arange(3), repeats=counts).tolist() == [0, 0, 2]
    assert narrow.repeat("a", 2).tolist() == ["a", "a"]
    assert narrow.bincount(counts, np.array([0.5, 1, 2]), minlength=4).tolist() == [1, 2, 0.5, 0]
    assert narrow.take(np.array([[5, 6, 7]]), counts, axis=1).tolist() == [[7, 5, 6]]
    with pytest.raises(TypeError):
        narrow.repeat(np.arange(3), np.array([0.5, 1, 2]))


# --- the page -------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of packages, each of a few bytes."""
    made = tmp_path / "packages"
    made.mkdir()
    for package in packages.PACKAGES:
        path = made / package.file
        if not package.members:
            path.write_bytes(package.file.encode())
            continue
        with tarfile.open(path, "w:gz") as archive:
            for name in package.members:
                info = tarfile.TarInfo(f"package/{name}")
                info.size = len(name)
                archive.addfile(info, io.BytesIO(name.encode()))
    return made


def test_one_file_holds_everything(bundle_file: Path, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "jam.html"
    size = export_page(load_bundle(bundle_file), target, {"mode": "answer"}, 3, folder)
    document = target.read_text("utf-8")
    assert size == len(document.encode())
    elements = re.findall(r'<script type="application/gzip" data-file="([^"]+)">([^<]*)</script>', document)
    files = {name: gzip.decompress(base64.b64decode(data)) for name, data in elements}
    about = re.search(r'<html data-offline="([^"]+)"', document)
    assert about is not None
    told = json.loads(html.unescape(about[1]))
    assert set(told["files"]) | {"soundfont.sf3"} <= files.keys()
    assert set(told["wheels"]) <= set(told["files"])
    assert files["pyodide.asm.wasm"] == b"pyodide.asm.wasm"
    stored = json.loads(files["model.json"])
    assert (stored["settings"], stored["seed"]) == ({"mode": "answer"}, 3)
    assert stored["model"]["card"]["name"] == "tiny"
    assert not re.search(r'(src|href)="\./', document)  # nothing beside it


def test_a_folder_has_all_that_its_service_worker_keeps(
    bundle_file: Path, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "jam"
    export_page(load_bundle(bundle_file), target, packages=folder)
    worker = (target / "service_worker.js").read_text("utf-8")
    kept = re.search(r"const files = (\[.*\]);", worker)
    assert kept is not None
    written = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert set(json.loads(kept[1])) - {"./"} == written - {"service_worker.js"}
    assert json.loads((target / "manifest.webmanifest").read_text())["start_url"] == "./"
    with pytest.raises(FileError, match="is there already"):
        export_page(load_bundle(bundle_file), target, packages=folder)


def test_the_library_in_the_page_has_no_server() -> None:
    with zipfile.ZipFile(io.BytesIO(library_archive())) as archive:
        names = set(archive.namelist())
        assert archive.read("ritornello/live/server/__init__.py") == b""
    assert "ritornello/live/offline/bridge.py" in names
    assert not [name for name in names if name.startswith(("ritornello/cli/", "ritornello/training/"))]


def test_the_modules_of_the_worker_need_only_the_packages_of_the_page(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(library_archive())) as archive:
        archive.extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import ritornello.live.offline.host as host\n"
        "assert sys.argv[1] in host.__file__, host.__file__\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split()) & {
        "starlette",
        "onnxruntime",
        "safetensors",
        "google",
        "PIL",
        "soundfile",
    }
    assert imported == set()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"meter": "17/16"}, "17/16"),
        ({"instruments": ["banjo"]}, "banjo"),
    ],
)
def test_settings_that_a_model_does_not_support_are_refused(
    settings: dict[str, Any], problem: str, bundle_file: Path, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=problem):
        export_page(load_bundle(bundle_file), tmp_path / "jam.html", settings, packages=folder)
    assert not (tmp_path / "jam.html").exists()


def test_a_model_that_is_too_large_is_refused(
    bundle_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "LARGEST", 1000)
    with pytest.raises(ConfigError, match="a page can hold a model of 1,000 at most"):
        export_page(load_bundle(bundle_file), tmp_path / "jam.html")


def test_a_missing_package_is_named(bundle_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pyodide-\S+ is missing; needed are"):
        export_page(load_bundle(bundle_file), tmp_path / "jam.html", packages=tmp_path)


def test_what_is_fetched_must_have_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(packages, "_fetch", lambda package: b"something else")
    with pytest.raises(ConfigError, match=r"has the SHA-256 \w+, expected is"):
        packages.package_files()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["folk"], "say what to export"),
        (["nothing-like-it", "--web"], "nothing-like-it"),
        (["folk", "--web", "--meter", "17/16"], "17/16"),
    ],
)
def test_the_command_refuses_in_one_line(
    arguments: list[str], problem: str, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, error = run("export", *arguments)
    assert (code, len(error.strip().splitlines())) == (2, 1)
    assert problem in error

"""The tools for assistants: what they say of themselves, what they read and write, and when they end."""

from __future__ import annotations

import json
import os
import sys
import threading
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from build import make_song

import ritornello
from ritornello.errors import FileError, MissingExtraError, ServiceError
from ritornello.service import Service, mcp_server
from ritornello.service import folder as folders
from ritornello.service.folder import Folder
from ritornello.service.job import Job
from ritornello.service.music import Piece
from ritornello.service.verbs import VERBS, Verb
from ritornello.service.verbs.request import Request, Result

mcp = pytest.importorskip("mcp")
jsonschema = pytest.importorskip("jsonschema")  # comes with it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a song, beside a file and a folder that do not belong to it."""
    folder = tmp_path / "music"
    folder.mkdir()
    ritornello.write(make_song(4), folder / "song.mid")
    ritornello.write(make_song(4), tmp_path / "secret.mid")
    return folder


@pytest.fixture
def tools(service: Service, folder: Path) -> Any:
    """Call a tool in this process; return the result."""

    def call(name: str, **arguments: Any) -> Any:
        async def run() -> Any:
            async with mcp.Client(mcp_server.make_server(service, Folder(folder))) as client:
                return await client.call_tool(name, arguments)

        return anyio.run(run)

    return call


@pytest.fixture
def answer(tools: Any) -> Any:
    """Call a tool; return the facts of its answer."""

    def call(name: str, **arguments: Any) -> Any:
        result = tools(name, **arguments)
        assert not result.is_error, result.content[0].text
        assert json.loads(result.content[0].text) == result.structured_content
        return result.structured_content

    return call


@pytest.fixture
def refusal(tools: Any) -> Callable[..., str]:
    """Call a tool that refuses; return its line."""

    def call(name: str, **arguments: Any) -> str:
        result = tools(name, **arguments)
        assert result.is_error
        [content] = result.content
        assert "\n" not in content.text
        return str(content.text)

    return call


# --- what they say of themselves ---


def described(service: Service, folder: Path) -> dict[str, Any]:
    async def run() -> Any:
        async with mcp.Client(mcp_server.make_server(service, Folder(folder))) as client:
            assert "files are replaced only with `overwrite`" in client.instructions
            return (await client.list_tools()).tools

    return {tool.name: tool for tool in anyio.run(run)}


def test_every_verb_is_a_tool_with_its_settings(service: Service, folder: Path) -> None:
    tools = described(service, folder)
    assert set(tools) == {*VERBS, "files"}
    for name in VERBS:
        known = tools[name].input_schema["properties"].keys() - {"out", "overwrite"}
        hidden = {"count", "accompany", "stems", "soundfont", "format"}
        assert known - hidden == VERBS[name].request.model_fields.keys() - hidden
        assert VERBS[name].help in tools[name].description
        example = {key: value for key, value in VERBS[name].example.items() if key != "format"}
        jsonschema.Draft202012Validator.check_schema(tools[name].input_schema)
        out = {"out": "a.mid"} if "out" in tools[name].input_schema["properties"] else {}
        jsonschema.validate(example | out, tools[name].input_schema)
    assert tools["judge"].input_schema["properties"]["most"]["default"] == 20
    infill = tools["infill"].input_schema
    assert list(infill["properties"])[:4] == ["music", "infill", "out", "overwrite"]
    assert infill["required"] == ["infill", "music"]
    assert infill["properties"]["tempo"] == {
        "description": "quarter notes a minute", "type": "number", "minimum": 10, "maximum": 400,
    }  # fmt: skip
    assert infill["properties"]["seed"].keys() == {"description", "type", "minimum"}
    assert (
        tools["compose"]
        .input_schema["properties"]["primer"]["description"]
        .startswith("begin with this: a file")
    )
    assert tools["judge"].annotations.read_only_hint
    assert not tools["compose"].annotations.read_only_hint


def test_the_descriptions_are_short(service: Service, folder: Path) -> None:
    """They stand in the context of an assistant all the time."""
    sizes = {
        name: len(tool.model_dump_json(exclude_none=True))
        for name, tool in described(service, folder).items()
    }
    assert max(sizes.values()) < 12_000
    assert sum(sizes.values()) < 50_000


# --- music in and out ---


def test_music_is_a_file_notes_or_json(answer: Any, folder: Path) -> None:
    by_file = answer("judge", music="song.mid")
    made = Piece.model_validate(answer("perform", music="song.mid", perform=0)["piece"])
    by_json = answer("judge", music=made.model_dump(mode="json"))
    assert by_file["log_likelihood"] == by_json["log_likelihood"]
    assert answer("judge", music="C4 E4 G4:2")["notes"] == 3


def test_what_is_composed_is_written(answer: Any, folder: Path) -> None:
    asked = {"bars": 4, "seed": 3}
    piece = Piece.model_validate(answer("compose", **asked)["piece"]).score()
    facts = answer("compose", **asked, out=["new.mid", "below/new.musicxml"])
    assert facts["written"] == ["new.mid", "below/new.musicxml"]
    assert "piece" not in facts
    notes = [track.notes.tolist() for track in piece.tracks if len(track.notes)]
    assert [track.notes.tolist() for track in ritornello.read(folder / "new.mid").tracks] == notes
    assert sum(map(len, notes)) == ritornello.read(folder / "below" / "new.musicxml").note_count


def test_what_is_composed_is_composed_further(answer: Any) -> None:
    """The file that one tool wrote is what another one reads, with the rhythms as they were written."""
    facts = answer("compose", bars=4, seed=3, out="new.mid")
    assert answer("judge", music="new.mid")["notes"] == facts["notes"]
    again = answer("infill", music="new.mid", infill="2", seed=1, out="again.mid")
    assert again["written"] == ["again.mid"]
    assert {each["file"] for each in answer("files")["files"]} == {"song.mid", "new.mid", "again.mid"}


def test_a_picture_is_shown_and_a_file_is_written(tools: Any, answer: Any, folder: Path) -> None:
    [image] = tools("render", music="song.mid").content
    assert image.mime_type == "image/png"
    assert answer("render", music="song.mid", out="song.png")["written"] == ["song.png"]
    assert (folder / "song.png").read_bytes() == b64decode(image.data)


def test_nothing_is_replaced_in_silence(answer: Any, refusal: Callable[..., str], folder: Path) -> None:
    before = (folder / "song.mid").read_bytes()
    assert "song.mid: is there already; choose another name, or set overwrite" in refusal(
        "compose", bars=1, out="song.mid"
    )
    assert (folder / "song.mid").read_bytes() == before
    answer("compose", bars=1, out="song.mid", overwrite=True)
    assert (folder / "song.mid").read_bytes() != before


OUTSIDE = [
    "/etc/hosts.mid", "../secret.mid", "below/../../secret.mid", "C:\\secret.mid", "\\\\host\\secret.mid",
    "link.mid", "linked/secret.mid", "circle.mid", "a\0.mid", "a\n.mid", "a" * 600 + ".mid",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_the_folder_is_read_or_written(
    refusal: Callable[..., str], folder: Path, name: str
) -> None:
    (folder / "link.mid").symlink_to(folder.parent / "secret.mid")
    (folder / "linked").symlink_to(folder.parent)
    (folder / "circle.mid").symlink_to(folder / "circle.mid")
    before = (folder.parent / "secret.mid").read_bytes()
    assert "not inside the folder of this server" in refusal("judge", music=name)
    assert "not inside the folder of this server" in refusal("compose", bars=1, out=name, overwrite=True)
    assert (folder.parent / "secret.mid").read_bytes() == before
    assert {path.name for path in folder.parent.iterdir()} == {"music", "secret.mid"}


def test_links_and_hidden_files_are_not_listed(
    answer: Any, refusal: Callable[..., str], folder: Path
) -> None:
    (folder / "link.mid").symlink_to(folder.parent / "secret.mid")
    (folder / "linked").symlink_to(folder.parent)
    (folder / ".git").mkdir()
    (folder / ".git" / "a.mid").write_bytes(b"MThd")
    (folder / "notes.pdf").write_bytes(b"%PDF")
    assert answer("files") == {
        "files": [{"file": "song.mid", "bytes": (folder / "song.mid").stat().st_size}],
        "more": False,
    }
    assert "hidden" in refusal("compose", bars=1, out=".git/b.mid")


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("judge", {"music": "none.mid"}, "none.mid: no such file in the folder"),
        ("judge", {"music": "damaged.mid"}, "damaged.mid: "),
        ("judge", {}, "music: must be given"),
        ("judge", {"music": "C4", "tempo": 3}, "tempo"),
        ("judge", {"music": "C4", "out": "a.mid"}, "out: judge makes no music to write"),
        ("compose", {"bars": 0}, "bars: must be at least 1"),
        ("compose", {"out": "a.exe"}, "the suffix must be one of"),
        ("compose", {"out": ["a.mid", "a.mid"]}, "a file is named twice"),
        ("compose", {"out": [1]}, "a list of at most 8"),
        ("compose", {"out": "a.mid", "overwrite": "yes"}, "is not true or false"),
        ("compose", {"model": "no"}, "unknown model 'no'; known: tiny"),
        ("render", {"music": "song.mid", "format": "wav"}, "give a file to write it to"),
        ("render", {"music": "song.mid", "format": "wav", "out": "a.mp3"}, "a.mp3 is not 'wav'"),
        ("files", {"folder": "/"}, "files takes no settings"),
        ("delete", {}, "unknown tool 'delete'"),
    ],
)
def test_what_cannot_be_is_one_line(
    refusal: Callable[..., str], folder: Path, tool: str, arguments: dict[str, Any], words: str
) -> None:
    (folder / "damaged.mid").write_bytes(b"MThd and no more")
    line = refusal(tool, **arguments)
    assert words in line
    assert str(folder) not in line


def test_sizes_are_bounded(answer: Any, refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_server, "MOST_CHARACTERS", 1000)
    assert "write the piece into a file, with out" in refusal("compose", bars=4, seed=3)
    assert answer("compose", bars=4, seed=3, out="new.mid")["written"] == ["new.mid"]
    monkeypatch.setattr(folders, "MOST_BYTES", 100)
    assert "allowed are 100" in refusal("judge", music="song.mid")


def test_a_fault_is_one_line_too(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Folder, "files", lambda self: 1 / 0)
    assert refusal("files") == "a fault of ours, sorry (ZeroDivisionError)"
    assert "a call failed" in caplog.text


# --- progress and cancellation ---


class Waiting:
    """A verb that goes on until it is cancelled."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.verb = Verb("wait", "Wait.", Request, Result, self.run, {})

    def run(self, request: Request, job: Job) -> Result:
        try:
            for step in range(1_000_000):
                job.progress(step, 1_000_000, "bars")
                self.ended.wait(0.01)
        except ServiceError:
            self.ended.set()
        return Result()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_tells_its_progress_and_ends_when_it_is_cancelled(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    waiting = Waiting()
    monkeypatch.setattr(mcp_server, "TOLD_EVERY", 0.01)
    monkeypatch.setitem(VERBS, "wait", waiting.verb)
    told: list[tuple[float, float | None, str | None]] = []

    async def run() -> None:
        async with mcp.Client(mcp_server.make_server(service, Folder(folder)), mode=mode) as client:
            with anyio.CancelScope() as scope:

                async def listen(done: float, of: float | None, message: str | None) -> None:
                    told.append((done, of, message))
                    if len(told) == 3:
                        scope.cancel()

                await client.call_tool("wait", {}, progress_callback=listen)
            assert scope.cancelled_caught
            await anyio.to_thread.run_sync(waiting.ended.wait, 60)
            assert not (await client.call_tool("files", {})).is_error

    anyio.run(run)
    assert waiting.ended.is_set()
    assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})
    done, of, message = told[0]
    assert (of, message) == (1_000_000, f"{done:.0f} of 1000000 bars")


# --- over stdin and stdout ---


def test_over_stdio(model_file: Path, folder: Path) -> None:
    async def run() -> None:
        started = mcp.StdioServerParameters(
            command=sys.executable,
            args=["-m", "ritornello", "mcp", str(folder), str(model_file)],
            env=dict(os.environ),
        )
        client = mcp.Client(mcp.stdio_client(started))
        async with client:
            assert {tool.name for tool in (await client.list_tools()).tools} >= {"compose", "files"}
            made = await client.call_tool("compose", {"bars": 2, "seed": 1, "out": "new.mid"})
            assert made.structured_content["written"] == ["new.mid"]
            refused = await client.call_tool("judge", {"music": "../secret.mid"})
            assert refused.is_error

    anyio.run(run)
    assert ritornello.read(folder / "new.mid").note_count


def test_without_a_folder_or_the_sdk(
    service: Service, folder: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("mcp", str(folder / "none"))[0::2] == (2, f"ritornello: {folder / 'none'}: no such folder\n")
    with pytest.raises(FileError, match="no such folder"):
        Folder(folder / "song.mid")
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(MissingExtraError, match=r"ritornello\[mcp\]"):
        mcp_server.make_server(service, Folder(folder))

"""Sessions that outlive the server: killed, on a full disk, beside another server, with a spoiled database."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import PATIENCE, Served, serving
from websockets.exceptions import ConnectionClosed

from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, Side
from ritornello.live.server import store as store_module
from ritornello.live.server.catalog import Catalog
from ritornello.live.server.exporter import Exporter
from ritornello.live.server.hosted_session import Unkept
from ritornello.live.server.limits import ServerLimits
from ritornello.live.server.store import ASIDE, FILE, SessionStore, default_folder


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def notes(first: int, stop: int) -> dict[int, Any]:
    return {n: LiveNote(n, Side.PLAYER, n / 8, n / 8 + 0.0625, 60, 90, 0, 0) for n in range(first, stop)}


def keep(store: SessionStore, token: str, entries: dict[int, Any], is_whole: bool = True) -> None:
    """Keep entries of a session, and wait until they are written."""
    now = max(entries, default=0) / 8 + 1
    store.keep([Unkept(token, "tiny", 3, JamConfig(tempo=90.0), now, 7, entries, is_whole)])
    wait_for(lambda: store.is_ready)


def kept_numbers(store: SessionStore, token: str) -> list[int] | None:
    kept = store.load(token)
    return None if kept is None else list(kept.record.journal)


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[SessionStore]:
    store = SessionStore(folder, **options)
    store.open()
    try:
        yield store
    finally:
        store.close()


def rows_of(folder: Path) -> list[Any]:
    """Return the rows of the notes of the player that are on disk, in order."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        rows = [json.loads(row) for (row,) in connection.execute("SELECT row FROM entries ORDER BY number")]
    return [row for row in rows if row[0] == "note" and row[2] == "player"]


# --- the database -------------------------------------------------------------------------------------------


def test_what_is_kept_is_loaded_by_its_token_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "kept") as store:
        keep(store, "one", notes(0, 5))
        keep(store, "two", notes(0, 3))
        keep(store, "one", {2: None, 5: notes(5, 6)[5]}, is_whole=False)
    with opened(tmp_path / "kept") as store:
        kept = store.load("one")
        assert kept is not None
        assert kept.record.journal == {n: note for n, note in notes(0, 6).items() if n != 2}
        assert (kept.stored.model, kept.stored.seed, kept.stored.now, kept.heard) == ("tiny", 3, 1.625, 7)
        assert kept.stored.config == {"tempo": 90.0}
        assert kept_numbers(store, "two") == [0, 1, 2]
        assert store.load("three") is None
        keep(store, "one", notes(0, 2))
        assert kept_numbers(store, "one") == [0, 1]
    assert b"one" not in (tmp_path / "kept" / FILE).read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    with opened(tmp_path / "kept") as store:
        keep(store, "one", notes(0, 5))
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "kept").iterdir()}
        assert modes == dict.fromkeys((FILE, FILE + "-wal", FILE + "-shm"), 0o600)
        assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "ritornello" / "sessions"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_folder() == tmp_path / ".local" / "state" / "ritornello" / "sessions"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert default_folder() == tmp_path / "local" / "ritornello" / "sessions"


def test_two_servers_share_a_folder(tmp_path: Path) -> None:
    with opened(tmp_path) as one, opened(tmp_path) as two:
        for n in range(0, 40, 2):
            keep(one, "one", notes(n, n + 2), is_whole=n == 0)
            keep(two, "two", notes(n, n + 1), is_whole=n == 0)
        assert kept_numbers(one, "one") == list(range(40))
        assert kept_numbers(one, "two") == list(range(0, 40, 2))
        keep(two, "two", notes(100, 101), is_whole=False)  # `one` has it now
        assert kept_numbers(one, "two") == list(range(0, 40, 2))


def damaged_header(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def with_a_trigger(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TRIGGER t AFTER INSERT ON sessions BEGIN UPDATE sessions SET owner = ''; END"
        )


@pytest.mark.parametrize("spoil", [damaged_header, cut_short, of_another_program, with_a_trigger])
def test_a_database_that_is_not_ours_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    with opened(tmp_path) as store:
        keep(store, "one", notes(0, 500))
    spoil(tmp_path / FILE)
    before = (tmp_path / FILE).read_bytes()
    with opened(tmp_path) as store:
        assert store.load("one") is None
        keep(store, "one", notes(0, 2))
        assert kept_numbers(store, "one") == [0, 1]
    assert (tmp_path / ASIDE).read_bytes() == before
    (record,) = caplog.records
    assert f"it is set aside as {ASIDE}" in record.message
    assert "\n" not in record.message


def test_damaged_bytes_are_never_a_crash(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, "one", notes(0, 300))
    whole, random = (tmp_path / FILE).read_bytes(), np.random.default_rng(1)
    places = [*range(0, 100, 5), *random.integers(0, len(whole), 40).tolist()]
    for place in places:
        spoiled = bytearray(whole)
        spoiled[place] ^= int(random.integers(1, 256))
        (tmp_path / FILE).write_bytes(spoiled)
        with opened(tmp_path) as store:
            kept = store.load("one")
            assert kept is None or len(kept.record.journal) <= 300


def test_the_old_and_then_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1e9]
    limits = ServerLimits(kept_seconds=1000, kept_bytes=200_000)
    with opened(tmp_path, limits=limits, wall=lambda: clock[0]) as store:
        keep(store, "old", notes(0, 5))
        clock[0] += 600
        keep(store, "young", notes(0, 5))
    clock[0] += 500
    with opened(tmp_path, limits=limits, wall=lambda: clock[0]) as store:
        assert store.load("old") is None
        assert kept_numbers(store, "young") == [0, 1, 2, 3, 4]
        monkeypatch.setattr(store_module, "CLEAR_EVERY", 0)
        for number in range(10):
            clock[0] += 1
            keep(store, f"large {number}", notes(0, 1000))
        assert store.load("young") is None
        assert store.load("large 0") is None
        assert kept_numbers(store, "large 9") == list(range(1000))
    assert (tmp_path / FILE).stat().st_size <= 200_000


def test_a_folder_that_cannot_be_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with opened(tmp_path / "file" / "kept") as store:
        assert not store.is_ready
        assert store.load("one") is None
    (record,) = caplog.records
    assert record.message.startswith("sessions are not kept: ")


def test_a_full_disk_is_told_once_and_nothing_is_lost_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "RETRY", 0.01)
    caplog.set_level(logging.WARNING)
    with opened(tmp_path) as store:
        keep(store, "one", notes(0, 5))
        tries: list[int] = []
        write = store._write

        def write_on_a_full_disk(connection: sqlite3.Connection, unkept: Any) -> None:
            tries.append(1)
            connection.execute(f"PRAGMA max_page_count = {1 if len(tries) < 4 else 10**6}")
            write(connection, unkept)

        monkeypatch.setattr(store, "_write", write_on_a_full_disk)
        keep(store, "one", notes(5, 3000), is_whole=False)
        assert kept_numbers(store, "one") == list(range(3000))
    told = [record.message for record in caplog.records]
    assert told == [
        f"sessions are not kept: {tmp_path / FILE}: database or disk is full",
        "sessions are kept again",
    ]


# --- the server ---------------------------------------------------------------------------------------------


def test_each_page_has_its_session_back_and_no_other(catalog: Catalog, tmp_path: Path) -> None:
    tokens, told = [], []
    with serving(catalog, store=SessionStore(tmp_path)) as served:
        for pitch in (60, 72):
            with served.page() as page:
                tokens.append(page.hello(model="other").token)
                page.send("configure", config={"tempo": 70.0 + pitch})
                page.play(0x90, pitch, 90)
                page.play(0x80, pitch, 0)
                told.append(page.wait("journal", lambda message: message["heard"] == 2))
    with serving(catalog, store=SessionStore(tmp_path)) as served:
        for token, pitch in zip(tokens, (60, 72), strict=True):
            with served.page() as page:
                welcome = page.hello(token).welcome
                assert (welcome["session"], welcome["resumed"], welcome["model"]) == (token, True, "other")
                assert 2 < welcome["recalled"] <= 1 + max(row[1] for row in page.received[-1]["entries"])
                assert [note["pitch"] for note in welcome["notes"]] == [pitch]
                assert welcome["config"]["tempo"] == 70.0 + pitch
                assert page.received[-1]["heard"] == 2
                page.play(0x90, 64, 90)
                page.wait("journal", lambda message: message["heard"] == 3)
            with served.page() as page:
                assert page.hello(token).welcome["recalled"] is None
        with served.page() as page:
            welcome = page.hello("x" * 32).welcome
            assert (welcome["resumed"], welcome["notes"], welcome["recalled"]) == (False, [], None)


def test_the_fuller_record_of_a_page_is_what_is_kept(catalog: Catalog, tmp_path: Path) -> None:
    def row(number: int) -> list[Any]:
        return ["note", number, "player", 1.0 + number, 1.5 + number, 60 + number, 90, 0, 0]

    head = {"format": "ritornello-jam", "version": 1, "model": "tiny", "seed": 5, "config": {}, "now": 30.0}
    with serving(catalog, store=SessionStore(tmp_path)) as served, served.page() as page:
        token = page.hello().token
        page.play(0x90, 60, 90)
        page.play(0x80, 60, 0)
        page.wait("journal", lambda message: message["heard"] == 2)
    record = {**head, "entries": [row(number) for number in range(3, 9)]}
    with serving(catalog, store=SessionStore(tmp_path)) as served, served.page() as page:
        page.hello(token)
        assert served.get(f"/session/{token}/record", json.dumps(record).encode())[0] == 200
        assert page.wait("welcome")["recalled"] == 9
    with serving(catalog, store=SessionStore(tmp_path)) as served, served.page() as page:
        page.hello(token)
        kept = [entry for entry in page.received[-1]["entries"] if entry[0] == "note"]
        assert kept == record["entries"]


def test_a_session_that_was_forgotten_for_its_silence_comes_back(catalog: Catalog, tmp_path: Path) -> None:
    limits = ServerLimits(away_seconds=0, pause_seconds=0)
    with serving(catalog, limits, store=SessionStore(tmp_path)) as served:
        with served.page() as page:
            token = page.hello().token
            page.play(0x90, 60, 90)
            page.play(0x80, 60, 0)
            page.wait("journal", lambda message: message["heard"] == 2)
        wait_for(lambda: served.submit(lambda: token not in served.manager.sessions))
        with served.page() as page:
            assert [note["pitch"] for note in page.hello(token).welcome["notes"]] == [60]


@contextmanager
def jam(bundle_file: Path, folder: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], Served]]:
    """Run `ritornello jam`, and kill it at the end."""
    command = [sys.executable, "-u", "-m", "ritornello", "jam", str(bundle_file), "--no-open"]
    command += ["--port", str(port), "--keep", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split("/  (")[0].rpartition(":")[2])
        try:
            yield process, Served(None, port)  # type: ignore[arg-type]
        finally:
            process.kill()
            process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_server_gives_the_session_back(bundle_file: Path, tmp_path: Path) -> None:
    with jam(bundle_file, tmp_path / "kept") as (process, served), served.page() as page:
        token = page.hello().token
        for pitch in range(40, 60):
            page.play(0x90, pitch, 90)
            page.play(0x80, pitch, 0)
            if pitch == 49:
                wait_for(lambda: len(rows_of(tmp_path / "kept")) == 10)  # within a second
        os.kill(process.pid, signal.SIGKILL)
        told = {}
        with suppress(ConnectionClosed):
            for message in page.socket:
                told |= {row[1]: row for row in json.loads(message).get("entries", [])}
    with jam(bundle_file, tmp_path / "kept", served.port) as (process, served), served.page() as page:
        welcome = page.hello(token).welcome
        assert (welcome["session"], welcome["resumed"]) == (token, True)
        pitches = [note["pitch"] for note in welcome["notes"]]
        assert pitches == list(range(40, 40 + len(pitches)))
        assert len(pitches) >= 10
        kept = [row for row in page.received[-1]["entries"] if row[0] == "note"]
        assert kept[:9] == [told[row[1]] for row in kept[:9]]


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="modes of files; root may write all")
def test_jam_goes_on_in_a_folder_that_is_read_only(bundle_file: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with jam(bundle_file, tmp_path / "kept") as (process, served):
            with served.page() as page:
                page.hello()
                page.play(0x90, 60, 90)
                page.wait("journal", lambda message: message["heard"] == 1)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE)
        assert errors.count("sessions are not kept") == 1
    finally:
        tmp_path.chmod(0o700)


def test_a_download_ends_with_its_client(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    started, ended = threading.Event(), threading.Event()

    async def export(self: Exporter, score: Any, name: str, suffix: str) -> Path:
        started.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            ended.set()
        raise AssertionError

    monkeypatch.setattr(Exporter, "export", export)
    with serving(catalog) as served, served.page() as page:
        token = page.hello().token
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(
                f"GET /session/{token}/a.wav HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
            )
            assert started.wait(PATIENCE)
            assert not ended.is_set()
        assert ended.wait(PATIENCE / 2)

"""The server, as pages meet it: a real one, on a free port of this machine."""

from __future__ import annotations

import gzip
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from build import make_song
from pages import PATIENCE, Page, Served, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ritornello import formats
from ritornello.bundle import load_bundle
from ritornello.errors import ConfigError
from ritornello.formats.midi import parse_midi
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.live.server import exporter
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.live.server.limits import ServerLimits
from ritornello.live.server.messages import INSTRUMENT_NAMES, config_options
from ritornello.rendering.share import read_recipe
from ritornello.rendering.soundfont import SHIPPED


@pytest.fixture(scope="module")
def served(catalog: Catalog) -> Iterator[Served]:
    """A server for all tests that leave it as it was."""
    with serving(catalog) as server:
        yield server


def play_call(page: Page, *pitches: int) -> None:
    """Start, and play a chord."""
    page.send("start")
    for pitch in pitches:
        page.play(0x90, pitch, 90)
    for pitch in pitches:
        page.play(0x80, pitch, 0)


def test_the_welcome_tells_everything(served: Served) -> None:
    with served.page() as page:
        welcome = page.hello().welcome
        assert welcome["model"] == "tiny"
        assert welcome["resumed"] is False
        assert [model["name"] for model in welcome["models"]] == ["tiny", "other"]
        tiny = welcome["models"][0]
        assert (tiny["title"], tiny["description"]) == ("Tiny", "noise for four")
        assert {"program": 128, "name": "drums"} in tiny["instruments"]
        assert welcome["config"]["pause"] == 0.2
        assert welcome["options"] == json.loads(json.dumps(config_options()))
        assert welcome["turn"] == {"turn": "idle", "start": 0.0, "end": None, "number": 0}
        assert (welcome["notes"], welcome["bookmarks"], welcome["tempo"]) == ([], [], None)
        assert welcome["instruments"] == list(INSTRUMENT_NAMES)


def test_a_call_gets_a_response(served: Served) -> None:
    with served.page() as page:
        page.hello()
        play_call(page, 60, 64)
        turn = page.wait("turn", lambda message: message["turn"] == "model")
        notes = page.wait("notes")["notes"]
        assert notes[0]["side"] == "model"
        assert turn["start"] <= notes[0]["start"] < turn["end"]
        assert notes[0]["start"] > page.now() - 1
        latency = next(message for message in page.received if message["type"] == "latency")
        assert 0 <= latency["answered"]["p50"] <= latency["answered"]["p95"] < PATIENCE
        assert latency["step"]["p50"] > 0
        page.wait("turn", lambda message: message["turn"] == "player")


def test_two_sessions_do_not_meet(served: Served) -> None:
    with served.page() as one, served.page() as two:
        one.hello()
        two.hello()
        play_call(one, 60)
        one.wait("notes")
        two.settle()
        assert {message["type"] for message in two.received} == {"welcome", "journal", "pong"}
        assert one.token != two.token


def test_a_lost_connection_goes_on_where_it_was(served: Served) -> None:
    with served.page() as page:
        token = page.hello().token
        page.send("start")
        page.play(0x90, 60, 90)
        page.play(0xB0, 64, 127)
        page.settle()
    served.wait_until_left(token)  # the key is held until then
    with served.page() as again:
        welcome = again.hello(token).welcome
        assert (welcome["session"], welcome["resumed"]) == (token, True)
        assert welcome["now"] > page.welcome["now"]
        held = [note for note in welcome["notes"] if note["side"] == "player"]
        assert [note["pitch"] for note in held] == [60]
        assert held[0]["end"] is not None
        assert again.wait("notes")["notes"]  # and the answer comes, since the pedal is up


def test_an_unknown_token_begins_a_new_session(served: Served) -> None:
    with served.page() as page:
        assert page.hello("x" * 32).welcome["resumed"] is False
        assert page.token != "x" * 32


def test_a_second_window_takes_the_session_and_the_first_does_not_take_it_back(served: Served) -> None:
    with served.page() as first:
        token = first.hello().token
        with served.page() as second:
            assert second.hello(token).welcome["resumed"]
            assert "another window" in first.wait("error")["text"]
            with pytest.raises(ConnectionClosed):
                first.socket.recv(timeout=PATIENCE)
            with served.page() as third:
                assert third.hello(token).token != token
            second.settle()


# --- who may come in, and how much ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example"]
)
def test_a_page_from_elsewhere_is_refused(served: Served, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, served.page(origin=origin):
        pass
    assert refused.value.response.status_code == 403
    status, _, text = served.get("/session/x/call", b"x", Origin=origin)
    assert status == 403
    assert b"may not play here" in text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", "", "[::"]
)
def test_a_name_that_is_not_ours_is_refused(served: Served, host: str) -> None:
    status, _, text = served.get("/health", Host=host)
    assert status in (400, 403)
    assert b"no name of this machine" in text or status == 400


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_our_own_names_are_not(served: Served, host: str) -> None:
    assert served.get("/health", Host=host)[0] == 200


def test_what_is_malformed_is_refused_and_the_session_goes_on(served: Served) -> None:
    with served.page() as page:
        page.hello()
        for frame, expected in (("{", "not JSON"), ('{"type":"x"}', "unknown type"), (b"\x00", "binary")):
            page.socket.send(frame)
            assert expected in page.wait("error")["text"]
        page.send("hello")
        assert "first message" in page.wait("error")["text"]
        page.send("configure", config={"tempo": 1e6})
        refused = page.wait("error")
        assert "tempo" in refused["text"]
        assert refused["fields"] == ["tempo"]
        page.send("goto", number=77)
        assert "77" in page.wait("error")["text"]
        page.send("configure", config={"tempo": 77})
        assert page.wait("config")["config"]["tempo"] == 77


def test_a_connection_begins_with_hello(served: Served) -> None:
    with served.page() as page:
        page.send("start")
        assert "hello" in page.wait("error")["text"]
        with pytest.raises(ConnectionClosed):
            page.socket.recv(timeout=PATIENCE)


def test_who_never_says_hello_is_sent_away(catalog: Catalog) -> None:
    with serving(catalog, ServerLimits(hello_seconds=0.05)) as server, server.page() as page:
        assert "hello" in page.wait("error")["text"]


def test_an_unknown_model_is_refused_with_the_nearest(served: Served) -> None:
    with served.page() as page:
        page.send("hello", model="tinny")
        assert "nearest is 'tiny'" in page.wait("error")["text"]
    with served.page() as page:
        page.hello()
        page.send("model", name="othr")
        assert "nearest is 'other'" in page.wait("error")["text"]
        page.send("model", name="other")
        assert page.wait("model") == {"type": "model", "name": "other"}
        play_call(page, 60)
        page.wait("notes")


def test_a_model_is_loaded_while_the_page_plays_on(
    bundle_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, go_on = load_bundle(bundle_file), threading.Event()
    catalog = Catalog([ModelEntry(name, bundle) for name in ("tiny", "slow", "bad")])
    catalog.find(None).load()
    load = ModelEntry.load

    def load_slowly(entry: ModelEntry) -> None:
        if entry.name != "tiny":
            assert go_on.wait(PATIENCE)
        if entry.name == "bad":
            raise ConfigError("bad cannot be played live")
        load(entry)

    monkeypatch.setattr(ModelEntry, "load", load_slowly)
    with serving(catalog) as served, served.page() as page:
        page.hello()
        page.send("start")
        page.send("model", name="slow")
        assert page.wait("loading") == {"type": "loading", "name": "slow"}
        page.play(0x90, 60, 80)
        page.settle()  # answered while the model is being loaded
        (note,) = served.submit(lambda: served.manager.find(page.token).session.notes)
        assert note.pitch == 60
        page.send("model", name="bad")
        page.wait("loading")
        page.send("model", name="slow")
        page.settle()
        go_on.set()
        assert page.wait("model") == {"type": "model", "name": "slow"}
        assert served.submit(lambda: served.manager.find(page.token).session.turn.turn) == "player"
        page.send("model", name="bad")
        page.wait("loading")
        assert page.wait("error")["text"] == "bad cannot be played live"
        assert page.wait("model")["name"] == "slow", "it is still this one"


def test_a_huge_message_ends_the_connection_and_not_the_session(served: Served) -> None:
    with served.page() as page:
        token = page.hello().token
        page.socket.send("x" * 100_000)
        with pytest.raises(ConnectionClosed) as closed:
            page.socket.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    with served.page() as page:
        assert page.hello(token).welcome["resumed"]


def flood(page: Page) -> None:
    for _ in range(100):
        page.send("ping", time=0)
    page.wait("never")


def test_a_flood_gets_one_line_and_is_cut_off(catalog: Catalog) -> None:
    with (
        serving(catalog, ServerLimits(messages_a_second=1, message_burst=20)) as server,
        server.page() as page,
    ):
        page.hello()
        with pytest.raises(ConnectionClosed) as closed:
            flood(page)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        errors = [message["text"] for message in page.received if message["type"] == "error"]
        assert len(errors) <= 1, "the line may be lost with the connection, but is sent once"
        with server.page() as other:
            other.hello()  # the server goes on


def test_a_full_server_says_so(catalog: Catalog) -> None:
    with serving(catalog, ServerLimits(sessions=1)) as server, server.page() as page:
        page.hello()
        with server.page() as late:
            late.send("hello")
            assert "all 1 sessions are taken" in late.wait("error")["text"]
        page.settle()


def test_a_session_that_is_too_long_is_ended_and_kept(catalog: Catalog) -> None:
    with serving(catalog, ServerLimits(notes=3)) as server, server.page() as page:
        page.hello()
        play_call(page, 60, 62, 64, 65)
        assert "at most 3 notes" in page.wait("error")["text"]
        page.play(0x90, 70, 90)
        page.settle()
        notes = server.submit(lambda: server.manager.find(page.token).session.notes)
        assert [note.pitch for note in notes] == [60, 62, 64, 65]


# --- faults ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["advance", "receive", "supply"])
def test_a_session_that_fails_begins_anew_and_another_goes_on(
    served: Served, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> None:
        raise ZeroDivisionError("on purpose")

    with served.page() as page, served.page() as other:
        page.hello()
        other.hello()
        session = served.submit(lambda: served.manager.find(page.token).session)
        setattr(session, fault, fail)
        play_call(page, 60)
        play_call(other, 60)
        assert other.wait("notes")["notes"]
        page.welcome = page.wait("welcome")
        assert "begins anew (ZeroDivisionError: on purpose)" in page.wait("error")["text"]
        page._since = time.monotonic()
        play_call(page, 60)
        assert page.wait("notes")["notes"]
        assert "a session failed" in caplog.text


# --- files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def played(served: Served) -> str:
    """The token of a session in which both have played."""
    with served.page() as page:
        page.hello()
        play_call(page, 60, 64)
        page.wait("turn", lambda message: message["turn"] == "model")
        page.wait("turn", lambda message: message["turn"] == "player")
        page.send("stop")
        page.wait("turn", lambda message: message["turn"] == "idle")
        return page.token


def test_a_session_is_downloaded_as_midi_with_its_recipe(served: Served, played: str) -> None:
    status, headers, data = served.get(f"/session/{played}/my jam.mid".replace(" ", "%20"))
    assert status == 200
    assert headers["content-type"] == "audio/midi"
    assert "my%20jam.mid" in headers["content-disposition"]
    score = parse_midi(data)
    sides = {track.name.split(":")[0] for track in score.tracks}
    assert sides == {"You", "Tiny"}
    recipe = read_recipe(score)
    assert recipe["model"] == "tiny"
    assert recipe["settings"]["pause"] == 0.2
    assert isinstance(recipe["seed"], int)


def test_a_session_is_downloaded_as_sound(served: Served, played: str) -> None:
    import soundfile

    status, headers, data = served.get(f"/session/{played}/jam.flac")
    assert (status, headers["content-type"]) == (200, "audio/flac")
    samples, rate = soundfile.read(io.BytesIO(data))
    assert abs(samples).max() > 0.1
    _, _, midi = served.get(f"/session/{played}/jam.mid")
    rings = len(samples) / rate - parse_midi(midi).seconds
    assert 0 <= rings < 5, "it is as long as the MIDI file, and rings out"


def test_the_zip_is_the_folder_that_share_makes(
    served: Served, played: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(self: object, command: str, midi: str, option: str, out: str) -> None:
        assert (command, option) == ("share", "--out")
        Path(out).mkdir()
        (Path(out) / "about.txt").write_bytes(Path(midi).read_bytes()[:4])

    monkeypatch.setattr(exporter.Exporter, "_run", run)
    status, _, data = served.get(f"/session/{played}/jam.zip")
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("jam/about.txt") == b"MThd"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("{}/jam.exe", "known: flac"), ("{}/jam.wave", "nearest is 'wav'"), ("x/jam.mid", "no such session")],
)
def test_downloads_that_cannot_be_are_one_line(served: Served, played: str, path: str, expected: str) -> None:
    status, _, text = served.get("/session/" + path.replace("{}", played))
    assert status == 400
    assert expected in text.decode()
    assert b"\n" not in text


def test_of_an_empty_session_there_is_nothing_to_download(served: Served) -> None:
    with served.page() as page:
        assert b"nothing has been played" in served.get(f"/session/{page.hello().token}/jam.wav")[2]


def test_what_a_command_refuses_is_reported(catalog: Catalog, played: str, served: Served) -> None:
    with serving(catalog, ServerLimits(rendering_seconds=0.01)) as server, server.page() as page:
        page.hello()
        play_call(page, 60)
        page.settle()
        status, _, text = server.get(f"/session/{page.token}/jam.wav")
        assert (status, text) == (400, b"it takes longer than 0.01 s")


def test_a_midi_file_is_taken_for_the_call(served: Served) -> None:
    song = midi_to_bytes(replace(make_song(2), title=""))
    with served.page() as page:
        page.hello()
        status, _, text = served.get(
            f"/session/{page.token}/call", song, Origin=f"http://127.0.0.1:{served.port}"
        )
        assert (status, text.decode().split()[0]) == (200, str(make_song(2).note_count))
        notes = page.wait("notes")["notes"]
        assert {note["side"] for note in notes} == {"player"}
        assert len(notes) == make_song(2).note_count


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"no midi", "the call"),
        (b"MThd" + bytes(1_050_000), "too large"),
        (midi_to_bytes(replace(make_song(2), tracks=())), "no notes"),
    ],
    ids=["junk", "huge", "empty"],
)
def test_a_call_that_cannot_be_is_one_line(served: Served, data: bytes, expected: str) -> None:
    with served.page() as page:
        status, _, text = served.get(f"/session/{page.hello().token}/call", data)
        assert status == 400
        assert expected in text.decode()
    assert served.get("/session/nobody-knows-this/call", data)[2] == b"there is no such session (any more)"


# --- the page -------------------------------------------------------------------------------------------------


def test_the_page_is_served_with_safe_headers(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>Jam</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "page.js").write_text("1")
    with serving(catalog, page=tmp_path) as server:
        status, headers, body = server.get("/")
        assert (status, body) == (200, b"<!doctype html><title>Jam</title>")
        assert "script-src 'self' 'wasm-unsafe-eval'" in headers["content-security-policy"]
        assert f"ws://127.0.0.1:{server.port}" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        status, headers, _ = server.get("/assets/page.js")
        assert (status, headers["content-type"].split(";")[0]) == (200, "text/javascript")
        assert server.get("/../../../etc/passwd")[0] == 404
        assert server.get("/nothing")[0] == 404


def test_only_the_page_is_compressed_and_only_if_asked(catalog: Catalog, tmp_path: Path) -> None:
    script = b"let answer = 42;\n" * 2000
    (tmp_path / "page.js").write_bytes(script)
    with serving(catalog, page=tmp_path) as server:
        asked = {"accept-encoding": "gzip"}
        _, headers, body = server.get("/page.js", None, **asked)
        assert (headers["content-encoding"], gzip.decompress(body)) == ("gzip", script)
        assert headers["x-content-type-options"] == "nosniff"
        assert "Accept-Encoding" in headers["vary"]
        _, headers, body = server.get("/page.js")
        assert ("content-encoding" in headers, body) == (False, script)
        assert "content-encoding" not in server.get("/soundfont.sf3", None, **asked)[1]
        assert "content-encoding" not in server.get("/health", None, **asked)[1]


def test_without_a_page_there_is_a_clear_line(catalog: Catalog, tmp_path: Path) -> None:
    with serving(catalog, page=tmp_path / "none") as server:
        status, _, text = server.get("/")
        assert status == 503
        assert b"page is not in this copy" in text


def test_sounds_and_health(served: Served) -> None:
    assert served.get("/soundfont.sf3")[2] == SHIPPED.read_bytes()
    health = json.loads(served.get("/health")[2])
    assert health["status"] == "ok"
    assert health["models"] == ["tiny", "other"]
    assert health["sessions"] >= 0


def test_the_downloads_leave_nothing_behind(
    served: Served, played: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    status, _, data = served.get(f"/session/{played}/jam.mid")
    assert status == 200
    (tmp_path / "copy.mid").write_bytes(data)
    assert formats.read(tmp_path / "copy.mid").note_count
    deadline = time.monotonic() + PATIENCE
    while [path for path in tmp_path.iterdir() if path.is_dir()] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.mid"]

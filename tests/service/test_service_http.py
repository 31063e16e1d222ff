"""The HTTP service and its description: every example and every answer is what the description says."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from build import make_song
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from service_server import PATIENCE, Served, serving

from ritornello.errors import ServiceError
from ritornello.formats.midi import parse_midi
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.service import Service
from ritornello.service.client import Client
from ritornello.service.limits import ServiceLimits
from ritornello.service.music import to_piece
from ritornello.service.verbs import VERBS

SONG = make_song(4)
PIECE = to_piece(SONG).model_dump(mode="json")
STREAM = "text/event-stream"


@pytest.fixture(scope="module")
def description(served: Served) -> dict[str, Any]:
    status, _, body = served.ask("GET", "/openapi.json")
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def check(description: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Raise jsonschema's error if `value` is not what a schema of the description says."""
    Draft202012Validator(schema | {"components": description["components"]}).validate(value)


def operation(description: dict[str, Any], verb: str) -> dict[str, Any]:
    found: dict[str, Any] = description["paths"][f"/v1/{verb}"]["post"]
    return found


def body_schema(description: dict[str, Any], verb: str) -> dict[str, Any]:
    found: dict[str, Any] = operation(description, verb)["requestBody"]["content"]["application/json"][
        "schema"
    ]
    return found


def answer_schema(description: dict[str, Any], verb: str, status: int = 200) -> dict[str, Any]:
    content = operation(description, verb)["responses"][str(status)]["content"]
    found: dict[str, Any] = content["application/json"]["schema"]
    return found


def events(body: bytes) -> list[tuple[str, Any]]:
    """Return name and data of server-sent events."""
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


# What is asked of each verb besides its example: values, and whether the schema allows them too.
ASKED: dict[str, list[dict[str, Any]]] = {
    "models": [{}],
    "compose": [
        {"bars": 2, "seed": 1, "model": "tiny", "instruments": "flute", "density": None, "temperature": 0.9},
        {"bars": 6, "seed": 1, "primer": PIECE, "perform": 0.5},
    ],
    "infill": [{"music": PIECE, "infill": "2-3", "seed": 1}],
    "vary": [{"music": {"midi": b64encode(midi_to_bytes(SONG)).decode()}, "seed": 1}],
    "accompany": [
        {"music": to_piece(replace(SONG, tracks=SONG.tracks[:1])).model_dump(mode="json"), "seed": 1}
    ],
    "perform": [{"music": PIECE, "swing": 0.6, "swing_unit": "16"}],
    "analyse": [{"music": PIECE}],
    "judge": [{"music": PIECE}],
    "originality": [{"music": PIECE}],
    "render": [{"music": PIECE, "format": "ogg", "sample_rate": 8000}, {"music": PIECE, "format": "svg"}],
}


def test_the_description_is_openapi(description: dict[str, Any]) -> None:
    validate(description)
    assert description["openapi"] == "3.1.0"
    assert set(description["paths"]) == {f"/v1/{verb}" for verb in VERBS} | {"/v1/jobs/{id}"}


@pytest.mark.parametrize("verb", VERBS.own)
def test_requests_and_answers_are_as_described(
    verb: str, served: Served, description: dict[str, Any]
) -> None:
    for values in [dict(VERBS[verb].example), *ASKED[verb]]:
        check(description, body_schema(description, verb), values)
        status, headers, body = served.ask("POST", f"/v1/{verb}", values)
        assert status == 200, body
        assert headers["content-type"] == "application/json"
        check(description, answer_schema(description, verb), json.loads(body))


@pytest.mark.parametrize("verb", VERBS.own)
def test_the_description_refuses_what_the_service_refuses(
    verb: str, served: Served, description: dict[str, Any]
) -> None:
    validator = Draft202012Validator(
        body_schema(description, verb) | {"components": description["components"]}
    )
    refused: list[dict[str, Any]] = [{**VERBS[verb].example, "no_such_field": 1}]
    if VERBS[verb].music:
        wrong = {"ticks_per_quarter": 480, "tracks": [{"notes": [{"start": 0, "duration": 1, "pitch": 128}]}]}
        refused.append({**VERBS[verb].example, VERBS[verb].music: wrong})
    for values in refused:
        assert not validator.is_valid(values)
        status, _, body = served.ask("POST", f"/v1/{verb}", values)
        assert status == 400
        check(description, answer_schema(description, verb, 400), json.loads(body))


@pytest.mark.parametrize("verb", VERBS.own)
def test_events_are_as_described(verb: str, served: Served, description: dict[str, Any]) -> None:
    values = ASKED[verb][-1]
    status, headers, body = served.ask("POST", f"/v1/{verb}", values, accept=STREAM)
    assert (status, headers["content-type"].partition(";")[0]) == (200, STREAM)
    told = events(body)
    assert [told[0][0], told[-1][0]] == ["started", "result"]
    schemas = {"started": "Started", "progress": "Progress", "notes": "NewNotes"}
    assert {name for name, _ in told[1:-1]} <= {"progress", "notes"}
    assert ("notes" in dict(told)) == VERBS[verb].tells_notes
    for name, data in told[:-1]:
        check(description, {"$ref": f"#/components/schemas/{schemas[name]}"}, data)
    _, _, plain = served.ask("POST", f"/v1/{verb}", values)
    assert told[-1][1] == json.loads(plain)


@pytest.mark.parametrize("verb", [verb for verb in VERBS.own if VERBS[verb].tells_notes])
def test_the_notes_that_are_told_are_those_of_the_result(verb: str, served: Served) -> None:
    """All that are new, each once, in the ticks of the result and the tracks of what is given."""
    values = ASKED[verb][-1]
    told = events(served.ask("POST", f"/v1/{verb}", {**values, "perform": 0}, accept=STREAM)[2])
    heard = [
        (data["track"], *note.values()) for name, data in told if name == "notes" for note in data["notes"]
    ]
    result = told[-1][1]["piece"]
    score = parse_midi(midi_to_bytes(replace(SONG, tracks=SONG.tracks[: 1 if verb == "accompany" else None])))
    given = score.resampled(result["ticks_per_quarter"])
    known = [set(track.notes.tolist()) for track in given.tracks] + [set()] * len(result["tracks"])
    new = [
        (number, *note.values())
        for number, track in enumerate(result["tracks"])
        for note in track["notes"]
        if tuple(note.values()) not in known[number]
    ]
    assert new
    assert sorted(heard) == sorted(set(new))


def test_notes_come_before_the_result(served: Served) -> None:
    body = {"bars": 8, "seed": 1, "best_of": 1, "form": "none"}
    told = [name for name, _ in events(served.ask("POST", "/v1/compose", body, accept=STREAM)[2])]
    assert told.count("notes") > 4
    assert told.index("notes") < len(told) // 2


# --- MIDI ---


def test_midi_in_and_out(served: Served) -> None:
    data = midi_to_bytes(SONG)
    path = "/v1/infill?infill=2-3&seed=5&perform=0"
    status, headers, body = served.ask("POST", path, data, content_type="audio/midi", accept="audio/midi")
    assert (status, headers["content-type"]) == (200, "audio/midi")
    in_json = served.ask("POST", "/v1/infill", {"music": PIECE, "infill": "2-3", "seed": 5})[2]
    tracks = json.loads(in_json)["piece"]["tracks"]
    expected = [[tuple(note.values()) for note in track["notes"]] for track in tracks]
    assert [track.notes.tolist() for track in parse_midi(body).tracks] == [each for each in expected if each]


def test_a_midi_answer_is_the_piece_as_it_is_played(served: Served, service: Service) -> None:
    _, _, body = served.ask("POST", "/v1/compose", {"bars": 4, "seed": 3}, accept="audio/midi")
    made = service.models.find().compose(bars=4, seed=3)
    assert body == midi_to_bytes(made.performance)
    assert body != midi_to_bytes(made.score)


@pytest.mark.parametrize(
    ("format", "kind", "first"),
    [("mid", "audio/midi", b"MThd"), ("png", "image/png", b"\x89PNG"), ("wav", "audio/wav", b"RIFF")],
)
def test_a_file_may_be_the_answer(served: Served, format: str, kind: str, first: bytes) -> None:
    body = {"music": PIECE, "format": format}
    status, headers, body_ = served.ask("POST", "/v1/render", body, accept=kind)
    assert (status, headers["content-type"], body_[:4]) == (200, kind, first)


# --- errors ---


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "line"),
    [
        ("POST", "/v1/compse", {}, {}, 404, "there is no verb 'compse'; known: models, compose,"),
        ("GET", "/v1/compose", None, {}, 405, "Method Not Allowed"),
        ("GET", "/", None, {}, 404, "Not Found"),
        ("DELETE", "/v1/jobs/nothing", None, {}, 404, "there is no job 'nothing' (any more)"),
        ("POST", "/v1/compose", b"{", {}, 400, "the request is not JSON: "),
        ("POST", "/v1/compose", b"[1]", {}, 400, "the request must be an object of JSON"),
        ("POST", "/v1/compose", b"[" * 100_000, {}, 400, "the request is not JSON"),
        ("POST", "/v1/compose", b'{"seed": ' + b"9" * 6000 + b"}", {}, 400, "the request is not JSON"),
        (
            "POST",
            "/v1/compose",
            {"model": "/etc/passwd"},
            {},
            400,
            "unknown model '/etc/passwd'; known: tiny",
        ),
        ("POST", "/v1/compose", {"bars": 4, "notes": 9}, {}, 400, "bars 4 and notes 9 contradict each other"),
        ("POST", "/v1/compose", {"count": 2}, {}, 400, "count: must be 1 (received 2)"),
        ("POST", "/v1/compose?bars=4", {}, {}, 400, "bars: beside JSON, settings are a part of it"),
        ("POST", "/v1/judge", {}, {}, 400, "music: must be given"),
        ("POST", "/v1/judge", {"music": "H4"}, {}, 400, "note 1, 'H4': "),
        (
            "POST",
            "/v1/judge",
            {"music": {"midi": "%"}},
            {},
            400,
            "the music: its MIDI file is not in base64: ",
        ),
        ("POST", "/v1/judge", {"music": {"midi": "AAAA"}}, {}, 400, "the music: "),
        ("POST", "/v1/judge", {"music": {"tracks": []}}, {}, 400, "there are no notes to judge"),
        ("POST", "/v1/judge", {"music": 5}, {}, 400, "music.piece: must be a table"),
        ("POST", "/v1/render", {"music": "C4", "format": "exe"}, {}, 400, "format: must be 'wav', 'mp3'"),
        ("POST", "/v1/render", {"music": "C4", "format": "wav", "soundfont": "x"}, {}, 400, "soundfont: "),
        ("POST", "/v1/models", b"x", {"content-type": "audio/midi"}, 415, "models takes no music; send JSON"),
        ("POST", "/v1/judge", {}, {"accept": "audio/midi"}, 400, "music: must be given"),
        (
            "POST",
            "/v1/judge",
            {"music": "C4"},
            {"accept": "audio/midi"},
            406,
            "judge does not answer with audio/midi; JSON is possible",
        ),
        ("POST", "/v1/judge", b"x", {"content-encoding": "gzip"}, 415, "compressed requests are not read"),
    ],
)
def test_a_wrong_call_gets_one_line(
    served: Served, method: str, path: str, body: Any, headers: dict[str, str], status: int, line: str
) -> None:
    answered, _, text = served.ask(method, path, body, **headers)
    facts = json.loads(text)
    assert (answered, set(facts)) == (status, {"error", "kind"})
    assert facts["error"].startswith(line)
    assert "\n" not in facts["error"]


def test_an_error_after_the_start_is_an_event(served: Served) -> None:
    body = {"music": "C4 D4", "infill": "900"}
    (started, error) = events(served.ask("POST", "/v1/infill", body, accept=STREAM)[2])
    assert (started[0], error[0], error[1]["kind"]) == ("started", "error", "ConfigError")


# --- ends ---


@pytest.fixture(scope="module")
def slow(service: Service) -> Iterator[Served]:
    """A server with one job at a time."""
    with serving(service, limits=ServiceLimits(jobs=1, waiting=1)) as server:
        yield server


LONG = json.dumps({"bars": 1000, "seed": 1, "best_of": 1, "form": "none"})


def begin(served: Served) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, str]:
    """Begin a long call; return connection, answer and id of the job, which has told something."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
    connection.request("POST", "/v1/compose", LONG, {"accept": STREAM})
    answer = connection.getresponse()
    line = b""
    while not line.startswith(b"data: "):
        line = answer.readline()
    while not answer.readline().startswith(b"event: progress"):
        pass
    return connection, answer, json.loads(line[6:])["job"]


def wait_until_idle(served: Served) -> None:
    deadline = time.monotonic() + PATIENCE
    while json.loads(served.ask("GET", "/health")[2])["jobs"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_call_can_be_cancelled(slow: Served) -> None:
    connection, answer, job = begin(slow)
    assert slow.ask("DELETE", f"/v1/jobs/{job}")[0] == 204
    told = events(b"event: x\ndata: 0\n\n" + answer.read().partition(b"\n\n")[2])
    assert told[-1] == ("error", {"error": "cancelled", "kind": "ServiceError"})
    connection.close()
    wait_until_idle(slow)


def test_a_call_that_waits_is_cancelled_at_once(slow: Served) -> None:
    connection, answer, _ = begin(slow)
    waiting = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=PATIENCE)
    waiting.request("POST", "/v1/judge", json.dumps({"music": "C4"}), {"accept": STREAM})
    told = waiting.getresponse()
    assert told.readline() == b"event: started\n"
    job = json.loads(told.readline()[6:])["job"]
    assert slow.ask("DELETE", f"/v1/jobs/{job}")[0] == 204
    assert events(told.read()[1:])[-1] == ("error", {"error": "cancelled", "kind": "ServiceError"})
    waiting.close()
    answer.close()
    connection.close()
    wait_until_idle(slow)


def test_closing_the_connection_cancels(slow: Served) -> None:
    connection, answer, job = begin(slow)
    answer.close()
    connection.close()
    wait_until_idle(slow)
    assert slow.ask("DELETE", f"/v1/jobs/{job}")[0] == 404
    assert slow.ask("POST", "/v1/judge", {"music": "C4"})[0] == 200, "the place is free again"


def test_closing_the_connection_of_a_plain_call_cancels_it(slow: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=PATIENCE)
    connection.request("POST", "/v1/compose", LONG)
    deadline = time.monotonic() + PATIENCE
    while not json.loads(slow.ask("GET", "/health")[2])["jobs"]:
        assert time.monotonic() < deadline
    connection.close()
    wait_until_idle(slow)


def test_more_calls_than_may_wait_are_refused(slow: Served) -> None:
    first, second = begin(slow), http.client.HTTPConnection("127.0.0.1", slow.port, timeout=PATIENCE)
    second.request("POST", "/v1/judge", json.dumps({"music": "C4"}), {"accept": STREAM})
    waiting = second.getresponse()
    assert waiting.readline() == b"event: started\n"
    status, headers, body = slow.ask("POST", "/v1/judge", {"music": "C4"})
    assert (status, headers["retry-after"]) == (429, "1")
    assert "try again" in json.loads(body)["error"]
    first[0].close()
    first[1].close()
    assert events(b"event: started\n" + waiting.read())[-1][0] == "result", "it gets its turn"
    second.close()
    wait_until_idle(slow)


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_serves_until_ctrl_c(model_file: Path) -> None:
    """For other machines too, who need the token that is printed."""
    command = [sys.executable, "-u", "-m", "ritornello", "serve", str(model_file), "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "--host", "0.0.0.0"], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            address, _, about = process.stdout.readline().partition("  ")
            token = process.stdout.readline().removeprefix("token: ").strip()
            assert about == "(tiny; Ctrl-C ends)\n"
            assert [model.name for model in Client(address, token, PATIENCE).models()] == ["tiny"]
            with pytest.raises(ServiceError, match="give the token"):
                Client(address).models()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "ended\n"
        assert process.stderr.read().startswith(
            "ritornello: 0.0.0.0 lets everybody in who reaches this machine"
        )
        assert process.wait() == 0

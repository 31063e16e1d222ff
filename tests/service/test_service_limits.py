"""The HTTP service bounds what it is asked, and by whom."""

from __future__ import annotations

import gzip
import json
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from build import make_song
from service_server import PATIENCE, Served, serving

from ritornello.errors import ServiceError
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.service import Service
from ritornello.service.client import Client
from ritornello.service.limits import ServiceLimits

SMALL = ServiceLimits(
    body_bytes=2000, body_seconds=0.3, job_seconds=0.2, requests_a_second=1000, request_burst=1000
)


@pytest.fixture(scope="module")
def small(service: Service) -> Iterator[Served]:
    with serving(service, limits=SMALL) as server:
        yield server


def error_of(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    return answer[0], json.loads(answer[2])["error"]


def test_a_large_request_is_refused(small: Served) -> None:
    body = {"music": "C4 " * 5000}
    assert error_of(small.ask("POST", "/v1/judge", body)) == (
        413,
        "the request is too large: allowed are 2,000 bytes",
    )


def test_a_slow_request_is_refused(small: Served) -> None:
    with socket.create_connection(("127.0.0.1", small.port), PATIENCE) as connection:
        connection.sendall(b"POST /v1/judge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_call_that_takes_too_long_is_ended(small: Served) -> None:
    body = {"bars": 1000, "seed": 1, "best_of": 1, "form": "none"}
    assert error_of(small.ask("POST", "/v1/compose", body)) == (
        503,
        "it takes longer than 0.2 s; ask for less",
    )
    assert small.ask("POST", "/v1/perform", {"music": "C4"})[0] == 200


def test_rendering_is_ended_too(small: Served) -> None:
    status, line = error_of(small.ask("POST", "/v1/render", {"music": "C4:64 " * 20, "format": "wav"}))
    assert (status, line) == (503, "it takes longer than 0.2 s; ask for less")


def test_too_many_requests_of_an_address_are_refused(service: Service) -> None:
    limits = ServiceLimits(requests_a_second=0.001, request_burst=2)
    with serving(service, limits=limits) as served:
        assert [served.ask("GET", "/v1/models")[0] for _ in range(3)] == [200, 200, 429]
        assert served.ask("GET", "/health")[0] == 200


def test_a_token_is_needed_where_there_is_one(service: Service) -> None:
    with serving(service, token="secret") as served:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer "}):
            assert served.ask("GET", "/v1/models", **headers)[0] == 401
            assert served.ask("GET", "/openapi.json", **headers)[0] == 401
            assert served.ask("DELETE", "/v1/jobs/x", **headers)[0] == 401
        assert served.ask("GET", "/v1/models", authorization="Bearer secret")[0] == 200
        assert [model.name for model in served.client.models()] == ["tiny"]
        with pytest.raises(ServiceError, match="give the token of this service"):
            Client(f"http://127.0.0.1:{served.port}", "wrong").models()


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"}]
)
def test_pages_of_elsewhere_are_refused(served: Served, headers: dict[str, str]) -> None:
    status, _, body = served.ask("POST", "/v1/compose", {"bars": 1}, **headers)
    assert status == 403
    assert json.loads(body)["error"].startswith("refused: ")


def packed(count: int) -> str:
    """Return a MIDI file with `count` bytes after its end, packed."""
    return b64encode(gzip.compress(midi_to_bytes(make_song(2)) + bytes(count))).decode()


NOTE = {"start": 0, "duration": 1, "pitch": 60}


@pytest.mark.parametrize(
    ("music", "line"),
    [
        ({"midi": packed(5_000_000)}, "the music: more than 4,194,304 bytes"),
        (
            {"tracks": [{"notes": [NOTE] * 25_500}] * 2},
            "the music: 51,000 notes, allowed are 50,000",
        ),
        ({"tracks": [{"notes": [NOTE]}] * 129}, "music.piece.tracks: must have 128 or fewer items"),
        (
            {"ticks_per_quarter": 1, "tracks": [{"notes": [NOTE | {"start": 2**31}]}]},
            "the music: 2,147,483,649 quarter notes long, allowed are 20,000",
        ),
        (
            {
                "meters": [{"tick": 0, "numerator": 1, "denominator": 128, "length": 1}],
                "tracks": [{"notes": [NOTE | {"start": 90_000}]}],
            },
            "the music: 90,001 bars, allowed are 20,000",
        ),
        (
            {"tracks": [{"notes": [NOTE | {"start": 2**70}]}]},
            "music.piece.tracks.0.notes.0.start: must be at most",
        ),
        ({"tempos": [{"tick": 0, "bpm": 0}]}, "music.piece.tempos.0.bpm: must be above 0"),
        ("C4 " * 10_000, "music.notes: must have 20000 or fewer characters"),
    ],
    ids=["gzip", "notes", "tracks", "far", "bars", "start", "tempo", "text"],
)
@pytest.mark.parametrize("verb", ["analyse", "infill"])
def test_music_is_bounded(verb: str, music: Any, line: str, served: Served) -> None:
    began = time.monotonic()
    body = {"music": music, **({"infill": "1"} if verb == "infill" else {})}
    status, error = error_of(served.ask("POST", f"/v1/{verb}", body))
    assert (status, error[: len(line)]) == (400, line)
    assert time.monotonic() - began < PATIENCE


def test_sound_is_bounded(served: Served) -> None:
    piece = {"tempos": [{"tick": 0, "bpm": 1}], "tracks": [{"notes": [NOTE | {"start": 480 * 31}]}]}
    status, error = error_of(served.ask("POST", "/v1/render", {"music": piece, "format": "mp3"}))
    assert (status, error) == (400, "the piece lasts 1860 s; of sound, 1800 are allowed")

"""The client: the results and errors of the library, through HTTP."""

from __future__ import annotations

import inspect
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from build import make_song
from service_server import Served

import ritornello
from ritornello.errors import ConfigError, ServiceError, UnknownNameError
from ritornello.service import Service
from ritornello.service.client import Client
from ritornello.service.job import NewNotes, Progress
from ritornello.service.verbs import VERBS

SONG = make_song(4)


def test_it_has_a_method_for_each_verb() -> None:
    assert ritornello.Client is Client
    for verb in VERBS.own:
        method = getattr(Client, verb)
        assert method.__doc__
        assert inspect.signature(method).return_annotation not in (inspect.Signature.empty, "Any")


def test_music_may_be_a_score_a_path_or_bytes(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    ritornello.write(SONG, path)
    expected = served.client.infill(SONG, "2-3", seed=1)
    for music in (path, str(path), path.read_bytes()):
        made = served.client.infill(music, "2-3", seed=1)
        assert [track.notes.tolist() for track in made.score.tracks] == [
            track.notes.tolist() for track in expected.score.tracks
        ]


def test_it_listens(served: Served) -> None:
    heard: list[object] = []
    made = served.client.vary(SONG, 0.5, seed=1, listen=heard.append)
    assert {type(each) for each in heard} == {Progress, NewNotes}
    assert made.model_dump() == served.client.vary(SONG, 0.5, seed=1).model_dump()


class StopError(Exception):
    """What a listener raises."""


def test_an_error_of_the_listener_cancels_the_call(served: Served) -> None:
    def stop(event: object) -> None:
        raise StopError

    with pytest.raises(StopError):
        served.client.compose(bars=1000, best_of=1, form="none", seed=1, listen=stop)
    assert served.client.judge(SONG).notes == SONG.note_count


@pytest.mark.parametrize(
    ("call", "kind", "line"),
    [
        (lambda client: client.infill(SONG, "x"), ConfigError, "infill: bars are numbers from 1"),
        (lambda client: client.compose("none"), UnknownNameError, "unknown model 'none'; known: tiny"),
        (lambda client: client.compose(bars=0), ConfigError, "bars: must be at least 1"),
        (
            lambda client: client.infill(SONG, "900", listen=lambda event: None),
            ConfigError,
            "infill 900: ",
        ),
        (lambda client: client.compose(primer="no_such.mid"), ritornello.FileError, "no_such.mid: "),
        (lambda client: client.call("sing", {}), UnknownNameError, "unknown verb 'sing'"),
    ],
)
def test_it_raises_the_errors_of_the_library(
    call: Callable[[Client], object], kind: type[Exception], line: str, served: Served
) -> None:
    with pytest.raises(kind) as error:
        call(served.client)
    assert str(error.value).startswith(line)
    assert type(error.value) is kind


def test_no_service_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ServiceError, match="there is no service; start one: ritornello serve"):
        Client(f"http://127.0.0.1:{port}").models()
    with pytest.raises(ConfigError, match="give one such as http://"):
        Client("localhost:80")


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (b"", "the connection was lost"),
        (b"SSH-2.0-OpenSSH\r\n", "the connection was lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "the answer is not that of this version: "),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad", "status 502: bad"),
    ],
)
def test_what_is_no_service_is_one_line(answer: bytes, line: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ServiceError, match=line):
            Client(f"http://127.0.0.1:{listening.getsockname()[1]}").models()
        thread.join()


def test_a_service_in_python_is_the_same(service: Service, served: Served) -> None:
    values = {"bars": 2, "seed": 1}
    assert service.call("compose", values).model_dump() == served.client.compose(bars=2, seed=1).model_dump()

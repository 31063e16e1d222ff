"""Who sends too much, too slowly or nothing at all does not keep others out."""

from __future__ import annotations

import gzip
import socket
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest
from pages import PATIENCE, Served, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ritornello.live.server.catalog import Catalog
from ritornello.live.server.limits import ServerLimits


def connected(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), PATIENCE)


def read_to_the_end(opened: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    received = b""
    try:
        while part := opened.recv(4096):
            received += part
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: 127.0"])
def test_a_request_that_does_not_arrive_ends_the_connection(catalog: Catalog, sent: bytes) -> None:
    with (
        serving(catalog, ServerLimits(request_seconds=0.05)) as served,
        closing(connected(served)) as opened,
    ):
        opened.sendall(sent)
        assert read_to_the_end(opened) == b""


def test_a_second_request_that_does_not_arrive_ends_the_connection(catalog: Catalog) -> None:
    with (
        serving(catalog, ServerLimits(request_seconds=0.2)) as served,
        closing(connected(served)) as opened,
    ):
        host = f"Host: 127.0.0.1:{served.port}\r\n".encode()
        opened.sendall(b"GET /health HTTP/1.1\r\n" + host + b"\r\nGET /health HT")
        assert read_to_the_end(opened).startswith(b"HTTP/1.1 200")


def test_idle_connections_make_room_for_an_honest_page(catalog: Catalog) -> None:
    with (
        serving(catalog, ServerLimits(waiting=8, greetings=4)) as served,
        ExitStack() as stack,
    ):
        idle = [stack.enter_context(closing(connected(served))) for _ in range(20)]
        with served.page() as page:
            assert page.hello().welcome["model"] == "tiny"
            for opened in idle[:11]:
                assert read_to_the_end(opened) == b""
            silent = [stack.enter_context(served.page()) for _ in range(6)]
            with pytest.raises(ConnectionClosed):
                silent[0].wait("error", lambda message: False)
            page.settle()
            assert silent[-1].hello().welcome["model"] == "tiny"


@pytest.mark.parametrize("frame", ["{", b"\0"])
def test_what_is_no_message_counts_too(catalog: Catalog, frame: Any) -> None:
    limits = ServerLimits(messages_a_second=1, message_burst=20, hello_seconds=1)
    with serving(catalog, limits) as served, served.page() as page:
        page.hello()
        page.received.clear()
        with suppress(ConnectionClosed):
            for _ in range(100):
                page.socket.send(frame)
        with pytest.raises(ConnectionClosed):
            page.wait("error", lambda message: False)
        errors = [message for message in page.received if message["type"] == "error"]
        assert "more than 1 messages a second" in errors[-1]["text"]
        assert len(errors) < 40  # some tokens come again meanwhile


def test_sessions_without_a_note_and_a_page_make_room(catalog: Catalog) -> None:
    with serving(catalog, ServerLimits(sessions=3)) as served:
        with served.page() as page:
            played = page.hello().token
            page.play(0x90, 60, 90)
            page.settle()
        for _ in range(4):
            with served.page() as page:
                unplayed = page.hello().token
            served.wait_until_left(unplayed)
        with served.page() as page:
            assert page.hello(session=played).welcome["resumed"]


def test_a_malformed_origin_is_refused(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refused, served.page(origin="http://["):
        pass
    assert refused.value.response.status_code == 403


def test_a_call_is_counted_unpacked(served: Served) -> None:
    with served.page() as page:
        token = page.hello().token
        packed = gzip.compress(b"MThd" + bytes(2_000_000))
        assert len(packed) < 10_000
        status, _, text = served.get(f"/session/{token}/call", packed)
        assert (status, text) == (400, b"the call: more than 1,000,000 bytes, which are allowed")


@pytest.fixture(scope="module")
def served(catalog: Catalog) -> Any:
    with serving(catalog) as server:
        yield server

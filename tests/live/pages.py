"""A server on a free port of this machine, and pages that talk to it, for tests."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from ritornello.config import checked
from ritornello.live.config import JamConfig
from ritornello.live.server import PAGE, make_server
from ritornello.live.server.address import listen
from ritornello.live.server.catalog import Catalog
from ritornello.live.server.limits import ServerLimits
from ritornello.live.server.manager import SessionManager
from ritornello.live.server.store import SessionStore

QUICK = {"mode": "answer", "pause": 0.2, "response_seconds": 1}
"""A session that answers soon, and not for long."""

PATIENCE = 20
"""Seconds after which a test gives up; never waited for when all is well."""


class Page:
    """A page that talks to the server as a browser's does."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.received: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}
        self._since = 0.0

    @property
    def token(self) -> str:
        return str(self.welcome["session"])

    def now(self) -> float:
        """Return the session's time."""
        return float(self.welcome["now"]) + time.monotonic() - self._since

    def send(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def hello(self, session: str | None = None, model: str | None = None) -> Page:
        self.send("hello", session=session, model=model)
        self.welcome = self.wait("welcome")
        self.wait("journal")
        self._since = time.monotonic()
        return self

    def play(self, *data: int) -> None:
        self.send("midi", time=self.now(), data=list(data))

    def wait(
        self, kind: str, where: Callable[[dict[str, Any]], bool] = lambda message: True
    ) -> dict[str, Any]:
        """Return the next message of a kind, and keep what else is received."""
        while True:
            message = json.loads(self.socket.recv(timeout=PATIENCE))
            self.received.append(message)
            if message["type"] == kind and where(message):
                return message

    def settle(self) -> None:
        """Wait until all that was sent has been received."""
        self.send("ping", time=0)
        self.wait("pong")


@dataclass
class Served:
    """A running server."""

    manager: SessionManager
    port: int

    @contextmanager
    def page(self, **headers: str) -> Iterator[Page]:
        origin = headers.pop("origin", f"http://127.0.0.1:{self.port}")
        with connect(
            f"ws://127.0.0.1:{self.port}/live", origin=origin, additional_headers=headers, proxy=None
        ) as socket:  # type: ignore[arg-type]
            yield Page(socket)

    def get(self, path: str, data: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of a GET, or of a POST of `data`."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def wait_until_left(self, token: str) -> None:
        """Wait until the server has seen that the page of a session is gone."""
        deadline = time.monotonic() + PATIENCE
        while self.submit(lambda: self.manager.find(token).client) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def submit(self, job: Callable[[], Any]) -> Any:
        """Do something in the manager's thread."""
        return self.manager.submit(job).result(PATIENCE)


@contextmanager
def serving(
    catalog: Catalog,
    limits: ServerLimits | None = None,
    page: Path = PAGE,
    store: SessionStore | None = None,
    **settings: Any,
) -> Iterator[Served]:
    """Run a server; `settings` are what its sessions begin with."""
    listening = listen("127.0.0.1", 0)
    config = checked(JamConfig, {**QUICK, **settings})
    manager = SessionManager(catalog, config, seed=1, limits=limits, store=store)
    port = listening.getsockname()[1]
    server = make_server(manager, "127.0.0.1", port, page)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Served(manager, port)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listening.close()
        assert not thread.is_alive()

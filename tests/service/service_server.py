"""A running service, for tests."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ritornello.live.server.address import listen
from ritornello.service import Service
from ritornello.service.client import Client
from ritornello.service.limits import ServiceLimits
from ritornello.service.server import make_server

PATIENCE = 60.0


@dataclass
class Served:
    """A running server."""

    port: int
    token: str | None = None

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, content, names)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers.items()), answer.read()
        finally:
            connection.close()

    @property
    def client(self) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", self.token)


@contextmanager
def serving(
    service: Service, token: str | None = None, limits: ServiceLimits | None = None
) -> Iterator[Served]:
    """Run a server on a free port."""
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    server = make_server(service, "127.0.0.1", port, token, limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield Served(port, token)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()

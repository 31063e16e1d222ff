"""The listening socket of the server, opened first, so that a port in use is reported before anything starts."""

from __future__ import annotations

import errno
import socket

from ritornello.errors import ConfigError
from ritornello.paths import describe

LAST_PORT = 65_535
TRIED = 100
"""Ports after one in use that are tried, to suggest a free one."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; ConfigError if that fails, with a free port to use instead of one in use."""
    try:
        return _bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = _free_port(host, port)
            suggestion = f"; free is {free}: --port {free}" if free else ""
            raise ConfigError(f"port {port} of {host} is in use{suggestion}") from error
        raise ConfigError(f"cannot listen on {host}, port {port}: {describe(error)}") from error


def address_of(listening: socket.socket, host: str) -> str:
    """Return the address for a browser on this machine."""
    port = listening.getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/"


def _bind(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        # A server that has just ended leaves its port waiting; only Windows would let two servers share it.
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def _free_port(host: str, port: int) -> int | None:
    """Return the nearest port after `port` that is free."""
    for other in range(port + 1, min(port + TRIED, LAST_PORT) + 1):
        try:
            _bind(host, other).close()
        except OSError:
            continue
        return other
    return None

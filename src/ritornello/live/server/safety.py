"""Protection against other web pages: checks of each request's Host and Origin, and security headers.

A page from elsewhere, open in the same browser, can send requests to this server; its Origin differs. If it makes a
name of its own resolve to this machine (DNS rebinding), Origin and Host agree, but the Host is not an address or a
name of this machine.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self' {sockets}; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "midi=(self), autoplay=(self), camera=(), microphone=(), geolocation=()",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
"""The default headers of every response; `{sockets}` becomes the addresses of our own WebSocket, which some browsers
do not count as 'self'."""


class Safety:
    """ASGI middleware for an application that listens on `host`; `respond` makes the answer to a refused request."""

    def __init__(
        self, app: ASGIApp, host: str, respond: Callable[[str, int], Response] = PlainTextResponse
    ) -> None:
        self._app, self._respond = app, respond
        self._names = LOOPBACK if is_loopback(host) else LOOPBACK | {host, socket.gethostname().lower()}
        self._addresses_allowed = not is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = self._refusal(headers, may_change=scope["type"] == "websocket" or scope["method"] != "GET")
        if not refusal:
            return await self._app(scope, receive, _with_headers(send, headers.get("host", "")))
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        await self._respond(refusal, 403)(scope, receive, send)

    def _refusal(self, headers: Headers, may_change: bool) -> str:
        """Return why a request is refused; an empty string if it is not."""
        host, origin = headers.get("host", ""), headers.get("origin")
        name = name_of(host)
        if name not in self._names and not (self._addresses_allowed and is_address(name)):
            return f"refused: host {host[:80]!r} is no name of this machine"
        if may_change and origin is not None and _place_of(origin) != host.lower():
            return f"refused: a page of {origin[:80]!r} may not play here"
        return ""


def _place_of(origin: str) -> str:
    """Return host and port of an Origin header; nothing for one that is malformed."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _with_headers(send: Send, host: str) -> Send:
    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value.replace("{sockets}", f"ws://{host} wss://{host}"))
        await send(message)

    return send_safely


def name_of(host: str) -> str:
    """Return the name or address in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def is_address(name: str) -> bool:
    """Return whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether `host` can be reached from this machine only."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)

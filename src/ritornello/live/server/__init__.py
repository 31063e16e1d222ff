"""The live server: the page, its WebSocket, downloads, on Starlette and uvicorn.

    GET  /                           the page and its files
    WS   /live                       a session; messages as in docs/jam.md
    GET  /session/TOKEN/NAME.SUFFIX  a whole session: mid, wav, mp3, flac, musicxml, svg, pdf, png, zip
    POST /session/TOKEN/call         a MIDI file as the call
    POST /session/TOKEN/record       a record that was kept, to go on from
    GET  /soundfont.sf3              the sounds
    GET  /health                     status, in JSON

Only the page is sent compressed: it holds no secrets that sizes could betray, and the sounds are compressed already.
The event loop compresses 64 KiB at a time. An error is one line of text. Read in order: `make_app`, then `connection`,
`manager` and `hosted_session`; `safety` checks the origin of requests, `limits` is the table of limits.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from ritornello.errors import ConfigError, RitornelloError
from ritornello.formats.midi import parse_midi
from ritornello.live.server.catalog import ModelEntry
from ritornello.live.server.connection import Connection
from ritornello.live.server.exporter import MEDIA_TYPES, Exporter, clear
from ritornello.live.server.limits import read_body
from ritornello.live.server.manager import SessionManager
from ritornello.live.server.safety import Safety
from ritornello.live.server.waiting import Waiting, protocol_of
from ritornello.live.session.stored import parse_record, to_record
from ritornello.rendering.share import file_name
from ritornello.rendering.soundfont import SHIPPED

PAGE = Path(__file__).resolve().parent.parent / "page"

for suffix, media_type in {".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm"}.items():
    mimetypes.add_type(
        media_type, suffix
    )  # the registry of Windows may say otherwise, and no script would run

NO_PAGE = "the page is not in this copy of the library; everything else works: see docs/jam.md"


def make_app(manager: SessionManager, host: str = "127.0.0.1", page: Path = PAGE) -> Starlette:
    """Return the application for a server on `host`; `manager` is opened and closed with it."""
    endpoints = _Endpoints(manager)
    routes: list[BaseRoute] = [
        WebSocketRoute("/live", endpoints.live),
        Route("/session/{token}/call", endpoints.call, methods=["POST"]),
        Route("/session/{token}/record", endpoints.record, methods=["POST"]),
        Route("/session/{token}/{name}.{suffix}", endpoints.download),
        Route("/soundfont.sf3", endpoints.soundfont),
        Route("/health", endpoints.health),
        Mount(
            "/",
            StaticFiles(directory=page, html=True),
            middleware=[Middleware(GZipMiddleware, compresslevel=6)],
        )
        if page.is_dir()
        else Route("/", endpoints.no_page),
    ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        manager.open()
        manager.catalog.load_ahead()
        yield
        manager.catalog.close()
        await asyncio.to_thread(manager.close)

    handlers: Any = {RitornelloError: _refused, Exception: _failed}
    middleware = [Middleware(Safety, host=host)]
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers, lifespan=lifespan)


class _Endpoints:
    """The handler of each address."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager, self._exporter = manager, Exporter(manager.limits)
        self._records = 0  # that are being received
        self._greetings = Waiting(manager.limits.greetings)

    async def live(self, socket: WebSocket) -> None:
        await Connection(socket, self._manager, self._greetings).run()

    async def download(self, request: Request) -> Response:
        """Send a file of a session as it is now."""
        token, suffix = request.path_params["token"], request.path_params["suffix"]
        score = await asyncio.wrap_future(self._manager.submit(lambda: self._manager.find(token).score()))
        name = file_name(request.path_params["name"])
        path = await _unless_gone(request, self._exporter.export(score, name, suffix))
        headers, kind = {"cache-control": "no-store"}, MEDIA_TYPES[suffix]
        cleanup = BackgroundTask(clear, path)
        return FileResponse(path, headers=headers, media_type=kind, filename=path.name, background=cleanup)

    async def call(self, request: Request) -> Response:
        """Play a MIDI file as the call of a session."""
        manager, token = self._manager, request.path_params["token"]
        await asyncio.wrap_future(manager.submit(lambda: manager.find(token)))  # before the body is read
        body = await self._body(request, manager.limits.call_bytes, manager.limits.call_seconds, "a call")
        score = await asyncio.to_thread(parse_midi, body, "the call", manager.limits.call_bytes)
        error = await asyncio.wrap_future(manager.submit(lambda: manager.find(token).play_call(score)))
        if error:
            raise ConfigError(error)
        return PlainTextResponse(f"{score.note_count} notes, {score.seconds:.1f} s")

    async def record(self, request: Request) -> Response:
        """Let a session go on from a record."""
        manager, limits, token = self._manager, self._manager.limits, request.path_params["token"]
        await asyncio.wrap_future(manager.submit(lambda: manager.find(token)))  # before the body is read
        if self._records >= limits.records:
            raise ConfigError("too many records are being received; try again in a moment")
        self._records += 1
        try:
            body = await self._body(request, limits.record_bytes, limits.record_seconds, "a record")
            stored = await asyncio.to_thread(parse_record, body)
            record = await asyncio.to_thread(to_record, stored)
            entry = await self._entry(stored.model, token)
            count = len(record.journal)
            restoring = manager.submit(lambda: manager.find(token).restore(entry, stored, record))
            await asyncio.wrap_future(restoring)
        finally:
            self._records -= 1
        return PlainTextResponse(f"{count} entries")

    async def _entry(self, name: str, token: str) -> ModelEntry:
        """Return the entry of a model, loaded; that of the session if there is no such model here."""
        manager = self._manager
        try:
            entry = manager.catalog.find(name)
        except ConfigError:
            return await asyncio.wrap_future(manager.submit(lambda: manager.find(token).chosen))
        await asyncio.to_thread(manager.catalog.load, entry)
        return entry

    async def _body(self, request: Request, most: int, seconds: float, what: str) -> bytes:
        """Return the body; ConfigError, with `what`, if it is too large, or has not arrived in `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                body = await read_body(request, most)
        except TimeoutError:
            raise ConfigError(f"{what} takes longer than {seconds:g} s") from None
        except ClientDisconnect:
            raise ConfigError(f"{what} has not arrived: the page has gone") from None
        if body is None:
            raise ConfigError(f"the file is too large: {what} has at most {most} bytes")
        return body

    async def soundfont(self, request: Request) -> Response:
        headers = {"cache-control": "max-age=86400"}
        return FileResponse(SHIPPED, media_type="application/octet-stream", headers=headers)

    async def health(self, request: Request) -> Response:
        return JSONResponse(await asyncio.wrap_future(self._manager.submit(self._manager.health)))

    async def no_page(self, request: Request) -> Response:
        return PlainTextResponse(NO_PAGE, 503)


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Path]) -> Path:
    """Return what `work` returns; it is cancelled if the client goes."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_leaving(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ConfigError("the page has gone")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _leaving(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refused(request: Request, error: Exception) -> Response:
    return PlainTextResponse(" ".join(str(error).split()), 400)


async def _failed(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"a fault of ours, sorry ({type(error).__name__})", 500)


def make_server(manager: SessionManager, host: str, port: int, page: Path = PAGE) -> Any:
    """Return a uvicorn server of `manager`; run it with `server.run(sockets=[...])`. It stops at Ctrl-C."""
    import uvicorn

    config = uvicorn.Config(
        make_app(manager, host, page),
        host=host,
        port=port,
        ws="auto",
        http=protocol_of(manager.limits.waiting, manager.limits.request_seconds),
        ws_max_size=manager.limits.message_bytes,
        log_level="warning",
        ws_per_message_deflate=False,  # it would cost each connection more memory than its session
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)

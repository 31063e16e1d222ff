"""The HTTP service: the verbs, on Starlette and uvicorn.

    GET    /v1/models        the models
    POST   /v1/VERB          a call: JSON, or a MIDI file with the settings as query parameters
    DELETE /v1/jobs/ID       cancels a call
    GET    /openapi.json     the description
    GET    /health           status

The answer is JSON, with `Accept: audio/midi` a MIDI file, with `Accept: text/event-stream` events as they happen:
started, progress, notes, result or error. An error is JSON with one line. Read in order: `make_app`, then `jobs`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ritornello.errors import ConfigError, MissingExtraError, RitornelloError, ServiceError
from ritornello.live.server.limits import TokenBucket, read_body
from ritornello.live.server.safety import Safety
from ritornello.live.server.waiting import protocol_of
from ritornello.service import Service
from ritornello.service.job import NewNotes
from ritornello.service.jobs import BusyError, Done, Jobs, RunningJob
from ritornello.service.limits import ServiceLimits
from ritornello.service.openapi import describe
from ritornello.service.verbs import VERBS, Verb
from ritornello.service.verbs.render import MEDIA_TYPES, Rendered

log = logging.getLogger(__name__)

MIDI_TYPES = ("audio/midi", "audio/mid", "audio/x-midi", "audio/sp-midi", "application/x-midi")
EVENTS = "text/event-stream"

Result = TypeVar("Result")


def make_app(
    service: Service, host: str = "127.0.0.1", token: str | None = None, limits: ServiceLimits | None = None
) -> Starlette:
    """Return the application for a server on `host`; with a `token`, every call must have it."""
    endpoints = _Endpoints(service, token, limits or ServiceLimits())
    routes = [
        Route("/v1/models", endpoints.models),
        Route("/v1/jobs/{id}", endpoints.cancel, methods=["DELETE"]),
        Route("/v1/{verb}", endpoints.call, methods=["POST"]),
        Route("/openapi.json", endpoints.description),
        Route("/health", endpoints.health),
    ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(endpoints.jobs.close)

    handlers: Any = {
        RitornelloError: _refused,
        HTTPException: _refused,
        ClientDisconnect: _nobody_reads,
        Exception: _refused,
    }
    middleware = [Middleware(Safety, host=host, respond=_error)]
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers, lifespan=lifespan)


class _Endpoints:
    """The handler of each address."""

    def __init__(self, service: Service, token: str | None, limits: ServiceLimits) -> None:
        self.jobs, self._token, self._limits = Jobs(service, limits), token, limits
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._description = describe(service)

    async def models(self, request: Request) -> Response:
        self._admit(request)
        return await self._answer(request, VERBS["models"])

    async def call(self, request: Request) -> Response:
        self._admit(request)
        name = request.path_params["verb"]
        if name not in VERBS:
            raise HTTPException(404, f"there is no verb {name[:80]!r}; known: {', '.join(VERBS)}")
        return await self._answer(request, VERBS[name])

    async def cancel(self, request: Request) -> Response:
        self._admit(request)
        job_id = request.path_params["id"]
        if not self.jobs.cancel(job_id):
            raise HTTPException(404, f"there is no job {job_id[:80]!r} (any more)")
        return Response(status_code=204)

    async def description(self, request: Request) -> Response:
        self._admit(request)
        return JSONResponse(self._description)

    async def health(self, request: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "jobs": len(self.jobs), "models": list(self.jobs.service.models)}
        )

    # --- who may ask, and what ---

    def _admit(self, request: Request) -> None:
        """Check the token, and how often an address asks."""
        address = request.client.host if request.client else ""
        bucket = self._buckets.pop(address, None) or TokenBucket(
            self._limits.requests_a_second, self._limits.request_burst
        )
        self._buckets[address] = bucket
        if len(self._buckets) > self._limits.addresses:
            self._buckets.popitem(last=False)
        if not bucket.take():
            raise BusyError(f"more than {self._limits.requests_a_second:g} calls a second; wait a moment")
        if self._token is None:
            return
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            raise HTTPException(401, "give the token of this service: Authorization: Bearer TOKEN")

    async def _request(self, request: Request, verb: Verb) -> BaseModel:
        """Return what is asked: the body, with query parameters beside a MIDI file."""
        query, kind = dict(request.query_params), _media_type(request.headers.get("content-type", ""))
        if request.headers.get("content-encoding", "identity") != "identity":
            raise HTTPException(415, "compressed requests are not read; send it as it is")
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await read_body(request, self._limits.body_bytes)
        except TimeoutError:
            raise HTTPException(
                408, f"the request takes longer than {self._limits.body_seconds:g} s"
            ) from None
        if body is None:
            raise HTTPException(
                413, f"the request is too large: allowed are {self._limits.body_bytes:,} bytes"
            )
        if kind not in MIDI_TYPES:
            if query:
                raise ConfigError(f"{min(query)}: beside JSON, settings are a part of it, not of the address")
            return await asyncio.to_thread(_parsed, verb, body)
        if not verb.music:
            raise HTTPException(415, f"{verb.name} takes no music; send JSON")
        values = {**query, verb.music: {"midi": base64.b64encode(body).decode("ascii")}}
        return await asyncio.to_thread(verb.checked, values)

    # --- answers ---

    async def _answer(self, request: Request, verb: Verb) -> Response:
        """Run a verb; the job ends with the connection."""
        accept = [_media_type(each) for each in request.headers.get("accept", "").split(",")]
        with ExitStack() as stack:
            stack.enter_context(self.jobs.admitted())
            asked = await self._request(request, verb)
            if EVENTS in accept:
                job = stack.enter_context(self.jobs.started(verb, asked, _to_json))
                return _Events(self._events(job), stack.pop_all(), self._limits.reading_seconds)
            encode = _encoder(verb, asked, accept)
            job = stack.enter_context(self.jobs.started(verb, asked, encode))
            done = await _until_gone(job.end(), request.receive)
        if done.error:
            raise done.error
        body, kind = done.answer
        return Response(body, media_type=kind, headers={"cache-control": "no-store"})

    async def _events(self, job: RunningJob) -> AsyncIterator[bytes]:
        yield _event("started", json.dumps({"job": job.id}))
        async for update in job.updates(self._limits.silent_seconds):
            if update is None:
                yield b":\n\n"
            elif not isinstance(update, Done):
                name = "notes" if isinstance(update, NewNotes) else "progress"
                yield _event(name, update.model_dump_json())
            elif update.error is None:
                yield _event("result", update.answer[0].decode())
            else:
                yield _event("error", json.dumps(_error_facts(update.error)[0], ensure_ascii=False))


class _Events(StreamingResponse):
    """A stream of events; `kept` is closed when it ends, or its reader has gone or does not read."""

    def __init__(self, content: AsyncIterator[bytes], kept: ExitStack, seconds: float) -> None:
        super().__init__(content, media_type=EVENTS, headers={"cache-control": "no-store"})
        self._kept, self._seconds = kept, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._seconds):
                await send(message)

        with self._kept, suppress(ClientDisconnect):
            await _until_gone(self.stream_response(send_in_time), receive)


async def _until_gone(awaited: Coroutine[Any, Any, Result], receive: Receive) -> Result:
    """Return what is awaited; ClientDisconnect if the connection is closed before."""
    task, gone = asyncio.create_task(awaited), asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _parsed(verb: Verb, body: bytes) -> BaseModel:
    """Return the request in a JSON text; ConfigError if it is not one."""
    try:
        values = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the request is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError("the request must be an object of JSON")
    return verb.checked(values)


def _to_json(result: BaseModel) -> tuple[bytes, str]:
    return result.model_dump_json().encode(), "application/json"


def _encoder(verb: Verb, asked: Any, accept: list[str]) -> Any:
    """Return how to encode the answer: as a MIDI or other file if that is accepted first, else as JSON."""
    wanted = accept[0]
    if wanted in ("", "application/json", "application/*", "*/*"):
        return _to_json
    if hasattr(verb.result, "midi") and wanted in MIDI_TYPES:
        return lambda result: (result.midi(), "audio/midi")
    if verb is VERBS["render"] and wanted in (kind := MEDIA_TYPES[asked.format], kind.split("/")[0] + "/*"):
        return _the_file
    raise HTTPException(406, f"{verb.name} does not answer with {wanted[:80]}; JSON is possible")


def _the_file(result: Rendered) -> tuple[bytes, str]:
    if len(result.files) > 1:
        raise ConfigError(f"there are {len(result.files)} pages: accept JSON, or ask for pdf")
    return result.files[0].content(), result.files[0].media_type


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _error_facts(error: Exception) -> tuple[dict[str, str], int]:
    """Return an error as JSON, and its status."""
    if isinstance(error, HTTPException):
        return {"error": error.detail, "kind": "ServiceError"}, error.status_code
    if not isinstance(error, RitornelloError):
        log.exception("a call failed", exc_info=error)
        return {
            "error": f"a fault of ours, sorry ({type(error).__name__})",
            "kind": "ServiceError",
        }, 500
    kind = "ServiceError" if isinstance(error, ServiceError) else type(error).__name__
    status = {BusyError: 429, ServiceError: 503, MissingExtraError: 501}.get(type(error), 400)
    return {"error": " ".join(str(error).split()), "kind": kind}, status


def _error(text: str, status: int) -> Response:
    return JSONResponse({"error": text, "kind": "ServiceError"}, status)


async def _refused(request: Request, error: Exception) -> Response:
    facts, status = _error_facts(error)
    return JSONResponse(facts, status, {"retry-after": "1"} if status == 429 else {})


async def _nobody_reads(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


def make_server(
    service: Service, host: str, port: int, token: str | None = None, limits: ServiceLimits | None = None
) -> Any:
    """Return a uvicorn server; run it with `server.run(sockets=[...])`. It stops at Ctrl-C."""
    import uvicorn

    limits = limits or ServiceLimits()
    config = uvicorn.Config(
        make_app(service, host, token, limits),
        host=host,
        port=port,
        ws="none",
        http=protocol_of(limits.unasked, limits.header_seconds),
        log_level="warning",
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)

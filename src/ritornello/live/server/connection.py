"""A WebSocket connection of a page, between the event loop and the manager's thread.

Received frames are counted, parsed and posted to the manager; messages of a session are queued and sent in order. A
page that sends too much, or does not read, is disconnected; it may come back, and its session goes on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ritornello.errors import ConfigError, RitornelloError
from ritornello.live.server import messages
from ritornello.live.server.catalog import ModelEntry
from ritornello.live.server.hosted_session import HostedSession
from ritornello.live.server.limits import TokenBucket
from ritornello.live.server.manager import SessionManager
from ritornello.live.server.messages import Json, Message, error_message, parse_message
from ritornello.live.server.waiting import Waiting

if TYPE_CHECKING:
    from ritornello.live.server.store import Kept

POLICY, TRY_LATER, OVER = 1008, 1013, 4000
"""Close codes: a violation of the protocol or a limit; all sessions are taken; the session ended or goes on
elsewhere."""

NO_HELLO = "a connection begins with hello"


class Connection:
    """The connection of a page, which is the `Client` of its session."""

    def __init__(self, socket: WebSocket, manager: SessionManager, greetings: Waiting) -> None:
        """greetings: the connections that have not said hello."""
        self._socket, self._manager, self._limits = socket, manager, manager.limits
        self._greetings = greetings
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._bucket = TokenBucket(self._limits.messages_a_second, self._limits.message_burst)
        self._close = (1000, "")
        self._chosen: ModelEntry | None = None  # last
        self._loading: dict[ModelEntry, asyncio.Task[None]] = {}

    # --- called from the manager's thread ---------------------------------------------------------------------

    def send(self, messages: Sequence[Json]) -> None:
        """Queue messages for the page."""
        frames = [json.dumps(message, separators=(",", ":"), ensure_ascii=False) for message in messages]
        self._call(self._queue, frames)

    def close(self, reason: str) -> None:
        """Send the reason as an error, and close."""
        self.send([error_message(reason)])
        self._call(self._finish, OVER, reason)

    def _call(self, function: object, *arguments: object) -> None:
        with suppress(RuntimeError):  # the server has ended meanwhile
            self._loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]

    # --- in the event loop ------------------------------------------------------------------------------------

    def _queue(self, frames: Sequence[str]) -> None:
        if self._outbox.qsize() + len(frames) > self._limits.outbox:
            self._finish(POLICY, "the page does not read what it is sent")
        for frame in frames:
            self._outbox.put_nowait(frame)

    def _finish(self, code: int, reason: str) -> None:
        self._close = (code, reason)
        self._outbox.put_nowait(None)

    async def run(self) -> None:
        """Serve the page until one side ends: hello, which names session and model, then messages both ways."""
        await self._socket.accept()
        try:
            hello = _message_of(await asyncio.wait_for(self._greeting(), self._limits.hello_seconds))
            if not isinstance(hello, messages.Hello):
                raise ConfigError(NO_HELLO)
            entry = self._manager.catalog.find(hello.model)
            await asyncio.to_thread(self._manager.catalog.load, entry)
        except RitornelloError as error:
            return await self._refuse(POLICY, error)
        except (TimeoutError, WebSocketDisconnect):
            return await self._refuse(POLICY, NO_HELLO)
        try:
            kept = await self._recall(hello.session)
            if kept is not None:
                entry = await self._entry(kept.stored.model, entry)
            joining = self._manager.submit(lambda: self._manager.connect(hello.session, entry, self, kept))
            hosted = await asyncio.wrap_future(joining)
        except RitornelloError as error:
            return await self._refuse(TRY_LATER, error)
        await self._exchange(hosted)

    async def _recall(self, token: str | None) -> Kept | None:
        """Return the session of a token that a server before this one kept, unless it goes on here."""
        manager = self._manager
        if token is None or manager.store is None:
            return None
        if await asyncio.wrap_future(manager.submit(lambda: token in manager.sessions)):
            return None
        return await asyncio.to_thread(manager.store.load, token)

    async def _entry(self, name: str, otherwise: ModelEntry) -> ModelEntry:
        """Return the entry of a model, loaded, or another if it is not offered here."""
        try:
            entry = self._manager.catalog.find(name)
        except ConfigError:
            return otherwise
        await asyncio.to_thread(self._manager.catalog.load, entry)
        return entry

    async def _exchange(self, hosted: HostedSession) -> None:
        """Receive and send until one side ends; then detach from the session."""
        tasks = asyncio.create_task(self._handle_messages(hosted)), asyncio.create_task(self._send_queued())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._manager.post(lambda: hosted.detach(self))
            ended = (*tasks, *self._loading.values())
            for task in ended:
                task.cancel()
            await asyncio.gather(*ended, return_exceptions=True)
            await self._close_socket(*self._close)

    def _choose(self, hosted: HostedSession, name: str) -> None:
        """Let the session use a model, as soon as it is loaded; the last one chosen counts."""
        entry = self._manager.catalog.find(name)
        self._chosen = entry
        if entry.is_loaded:
            return self._use(hosted, entry)
        self.send([{"type": "loading", "name": entry.name}])
        if entry not in self._loading:
            self._loading[entry] = asyncio.create_task(self._load(hosted, entry))

    async def _load(self, hosted: HostedSession, entry: ModelEntry) -> None:
        try:
            await asyncio.to_thread(self._manager.catalog.load, entry)
        except RitornelloError as error:
            if self._chosen is entry:
                self._manager.post(partial(hosted.refuse_model, error))
        else:
            if self._chosen is entry:
                self._use(hosted, entry)
        finally:
            del self._loading[entry]

    def _use(self, hosted: HostedSession, entry: ModelEntry) -> None:
        self._manager.post(partial(hosted.guard, partial(hosted.use, entry)))

    async def _handle_messages(self, hosted: HostedSession) -> None:
        """Post the page's messages to the manager, until the page is gone or sends too much."""
        while True:
            try:
                frame = await self._receive_frame()
                if not self._bucket.take():
                    error = f"more than {self._limits.messages_a_second:g} messages a second"
                    self.send([error_message(error)])
                    self._call(self._finish, POLICY, "too many messages")
                    return await asyncio.sleep(self._limits.hello_seconds)  # later messages are not read
                message = _message_of(frame)
                if isinstance(message, messages.ChooseModel):
                    self._choose(hosted, message.name)
                else:
                    self._manager.post(partial(hosted.handle, message))
            except WebSocketDisconnect:
                return
            except RitornelloError as refused:
                self.send([error_message(refused)])

    async def _greeting(self) -> str | None:
        """Return the text of the first frame; TimeoutError if too many other connections wait for theirs."""
        receiving = asyncio.create_task(self._receive_frame())
        self._greetings.add(self, receiving.cancel)
        try:
            return await receiving
        except asyncio.CancelledError:
            if receiving.cancelled():
                raise TimeoutError from None
            raise
        finally:
            receiving.cancel()
            self._greetings.remove(self)

    async def _receive_frame(self) -> str | None:
        """Return the text of the next frame, None for a binary one; WebSocketDisconnect at the end."""
        frame = await self._socket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(frame.get("code") or 1005)
        text: str | None = frame.get("text")
        return text

    async def _send_queued(self) -> None:
        """Send the queued messages in order, up to the end mark."""
        while (frame := await self._outbox.get()) is not None:
            await self._socket.send_text(frame)

    async def _refuse(self, code: int, error: object) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.send_json(error_message(error))
        await self._close_socket(code, str(error))

    async def _close_socket(self, code: int, reason: str) -> None:
        if self._socket.client_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect):
                await self._socket.close(code, reason[:100])


def _message_of(frame: str | None) -> Message:
    """Return the message in the text of a frame; ConfigError if there is none."""
    if frame is None:
        raise ConfigError("a binary frame: messages are text")
    return parse_message(frame)

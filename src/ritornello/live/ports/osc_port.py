"""OSC: a UDP port through which programs play with a session, and are told what happens.

One thread reads packets; each message becomes a job for the driver, at the time of its bundle's tag. What is wrong with
one is answered by an `error` message of one line. What happens is sent to those that have subscribed, for LEASE seconds
each time. The messages are those of `osc_messages`.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from ritornello.errors import ConfigError, RitornelloError
from ritornello.formats import messages as midi
from ritornello.live import events
from ritornello.live.ports import Job, News
from ritornello.live.ports import osc_messages as osc
from ritornello.live.ports.osc_messages import SETTING, Message, Parsed
from ritornello.live.ports.port_player import PortPlayer
from ritornello.live.server.limits import TokenBucket
from ritornello.live.server.messages import changed_config, error_message
from ritornello.paths import describe

log = logging.getLogger(__name__)

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8767

LARGEST_PACKET = 16_384
RATE, BURST = 2000, 4000
"""Messages a second in the long run, and at once; what is above is left out."""

ERROR_RATE, ERROR_BURST = 20, 40
"""Errors that are answered, likewise; above, an error is not answered."""

LEASE, MOST_SUBSCRIBERS = 60.0, 16

OLDEST, NEWEST = 1.0, 60.0
"""Seconds by which a time tag may lie in the past and in the future. An older one means now: the sender's clock is
another; a newer one is refused."""

GLANCE = 0.2
"""Seconds after which the thread that reads looks whether it is to end."""

Address = tuple[str, int]
"""Host, as a number, and port."""


class OscPort:
    """A UDP port at `host`. `put` receives the jobs, at times of `time.perf_counter`; see `Ports`."""

    def __init__(self, put: Callable[[float, Job], None], host: str = DEFAULT_HOST, port: int = DEFAULT_PORT):
        osc.check_installed()
        self._put, self._socket = put, _bind(host, port)
        self._output = self._socket.dup()
        self._output.setblocking(False)  # a full network loses a packet, and delays nothing
        self.address: Address = self._socket.getsockname()[:2]
        self._subscribers: dict[Address, float] = {}  # with the ends of their times
        self._told: dict[str, tuple[osc.Value, ...]] = {}  # the settings that the subscribers know
        self._bucket, self._errors = TokenBucket(RATE, BURST), TokenBucket(ERROR_RATE, ERROR_BURST)
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="OSC", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join()
        self._socket.close()
        self._output.close()

    # --- out --------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self._tell(map(osc.packet_of, osc.messages_of_midi(data)))

    def publish(self, news: News, now: float) -> None:
        if isinstance(news, events.Configure):
            values = osc.setting_values(news.config)
            changed = {name: value for name, value in values.items() if value != self._told.get(name)}
            self._told = values
            self._tell(osc.to_packet(SETTING + name, value) for name, value in changed.items())
        else:
            self._tell(map(osc.packet_of, osc.messages_of(news, now)))

    def _tell(self, packets: Iterable[bytes]) -> None:
        """Send packets to all subscribers whose time is not over."""
        if self._subscribers:
            self._drop_ended()
            for packet in packets:
                self._send(packet, *self._subscribers)

    def reply(self, sender: Address, *messages: Message) -> None:
        """Send messages to one address."""
        for message in messages:
            self._send(osc.packet_of(message), sender)

    def _send(self, packet: bytes, *targets: Address) -> None:
        for target in targets:
            with suppress(OSError):  # nobody listens there, or the network is gone: UDP promises nothing
                self._output.sendto(packet, target)

    def refuse(self, sender: Address, error: object) -> None:
        """Send an error to one address, unless there are too many."""
        if self._errors.take():
            self.reply(sender, osc.ErrorSent(text=error_message(error)["text"]))

    # --- in ---------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        while not self._is_closed.is_set():
            try:
                packet, sender = self._socket.recvfrom(LARGEST_PACKET + 1)
            except OSError:  # no packet so far; on Windows also that one which was sent found nobody
                continue
            try:
                self._receive(packet, sender[:2])
            except RitornelloError as error:
                self.refuse(sender[:2], error)
            except Exception as error:
                self._tell_fault(sender[:2], error)

    def _receive(self, packet: bytes, sender: Address) -> None:
        if len(packet) > LARGEST_PACKET:
            raise ConfigError(f"a packet has at most {LARGEST_PACKET:,} bytes")
        parsed = osc.parse_packet(packet)
        for message in parsed:
            if message.address == osc.ROOT + "error":
                continue  # never answered: two programs would answer each other for ever
            if not self._bucket.take():
                raise ConfigError(f"more than {RATE:,} messages a second: this one is left out")
            try:
                self._receive_one(message, sender)
            except RitornelloError as error:
                self.refuse(sender, error)

    def _receive_one(self, message: Parsed, sender: Address) -> None:
        """Make a message a job for its time."""
        at = _due(message.tag)
        for path in osc.matching_paths(message.address):
            act: Callable[[Request], object]
            if path.startswith(SETTING):
                act = partial(_set, name=path.removeprefix(SETTING), values=message.arguments)
            else:
                parsed = osc.parse_arguments(path, message.arguments)
                act = partial(_ACTS[type(parsed)], message=parsed)
            self._put(at, self._job(act, sender))

    def _job(self, act: Callable[[Request], object], sender: Address) -> Job:
        """Return the job of a request, whose errors are answered."""

        def job(player: PortPlayer, at: float) -> None:
            try:
                act(Request(player, self, sender, at))
            except RitornelloError as error:
                self.refuse(sender, error)
            except Exception as error:
                self._tell_fault(sender, error)

        return job

    def _tell_fault(self, sender: Address, error: Exception) -> None:
        """Log an unexpected exception, and tell who caused it; the session goes on."""
        log.exception("an OSC message failed")
        self.refuse(sender, f"a fault of ours, sorry ({type(error).__name__}: {error})")

    # --- subscribers ------------------------------------------------------------------------------------------

    def subscribe(self, sender: Address, host: str | None, port: int | None) -> Address | None:
        """Send what happens to an address for LEASE seconds; return it if it is a new one."""
        target = self._target(sender, host, port)
        self._drop_ended()
        is_new = target not in self._subscribers
        if is_new and len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise ConfigError(f"{MOST_SUBSCRIBERS} have subscribed already, which is the most")
        self._subscribers[target] = time.perf_counter() + LEASE
        self.reply(target, osc.SubscribedSent(host=target[0], port=target[1], seconds=LEASE))
        return target if is_new else None

    def unsubscribe(self, sender: Address, host: str | None, port: int | None) -> None:
        """Send no more to an address."""
        target = self._target(sender, host, port)
        if self._subscribers.pop(target, None) is None:
            raise ConfigError(f"{target[0]}, port {target[1]}, has not subscribed")
        self.reply(target, osc.UnsubscribedSent(host=target[0], port=target[1]))

    def tell_state(self, target: Address, player: PortPlayer) -> None:
        """Send one address everything: settings, model, turn, tempo, loop, bookmarks."""
        session, now = player.session, player.now()
        state: list[News] = [session.turn, events.LoopSet(session.is_looping), *session.bookmarks]
        state += [session.beat] if session.beat else []
        self.reply(target, osc.ModelSent(name=player.entry.name))
        self.tell_settings(target, player)
        self.reply(target, *(message for news in state for message in osc.messages_of(news, now)))

    def tell_settings(self, target: Address, player: PortPlayer, name: str = "") -> None:
        """Send one address all settings, or one."""
        for each, values in osc.setting_values(player.session.config).items():
            if name in ("", each):
                self._send(osc.to_packet(SETTING + each, values), target)

    def _drop_ended(self) -> None:
        """Drop the subscribers whose time is over."""
        now = time.perf_counter()
        self._subscribers = {each: end for each, end in self._subscribers.items() if end >= now}

    def hears(self, address: Address) -> bool:
        """Return whether an address has subscribed."""
        return address in self._subscribers

    def _target(self, sender: Address, host: str | None, port: int | None) -> Address:
        """Return the address that a sender means; ConfigError if it is not its own to give.

        A program on this machine may name any machine; one elsewhere only its own, else this port would be a means to
        send packets to third parties.
        """
        target = _numeric(host, sender[0]), port or sender[1]
        here, there = ipaddress.ip_address(sender[0]), ipaddress.ip_address(target[0])
        if there.is_multicast or there.is_unspecified or there.version != here.version:
            raise ConfigError(
                f"host {target[0]}: not the address of one machine that can be reached from here"
            )
        if not here.is_loopback and there != here:
            raise ConfigError(f"host {target[0]}: {sender[0]} can only subscribe for itself")
        if target == self.address or (there.is_loopback and target[1] == self.address[1]):
            raise ConfigError(f"port {target[1]} is this one")
        return target


class Request(NamedTuple):
    """A message that was received: by whom it is answered, whence it came, and when, on the session's clock."""

    player: PortPlayer
    port: OscPort
    sender: Address
    at: float

    def reply(self, message: Message) -> None:
        self.port.reply(self.sender, message)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.bind(address)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise ConfigError(f"cannot listen to OSC on {host}, port {port}: {describe(error)}") from error
    made.settimeout(GLANCE)
    return made


def _numeric(host: str | None, default: str) -> str:
    """Return the number of a host; names would have to be looked up, which takes time, and are refused."""
    if host is None:
        return default
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError as error:
        raise ConfigError(f"host {host!r}: a number such as 192.168.0.7, or localhost") from error


def _due(tag: int) -> float:
    """Return the time of a tag by `time.perf_counter`."""
    now = time.perf_counter()
    if tag == osc.NOW:
        return now
    ahead = osc.wall_time_of(tag) - time.time()
    if ahead > NEWEST:
        raise ConfigError(f"a time tag {ahead:.0f} s ahead; allowed: at most {NEWEST:.0f} s")
    return now + ahead if ahead >= -OLDEST else now


# --- what each message does -----------------------------------------------------------------------------------


def _note(request: Request, message: osc.Note) -> None:
    kind = midi.NOTE_ON if message.velocity else midi.NOTE_OFF
    data = kind | message.channel - 1, message.pitch, message.velocity
    request.player.play(bytes(data), request.at)


def _midi(request: Request, message: osc.Midi) -> None:
    data = (message.status, message.first, message.second)
    request.player.play(bytes(each for each in data if each is not None), request.at)


def _model(request: Request, message: osc.Model) -> None:
    if message.name is None:
        return request.reply(osc.ModelSent(name=request.player.entry.name))
    request.player.use(message.name, lambda error: request.port.refuse(request.sender, error))


def _models(request: Request, message: osc.Models) -> None:
    for entry in request.player.catalog:
        request.reply(osc.ModelsSent(name=entry.name))


def _set(request: Request, name: str, values: tuple[Any, ...]) -> None:
    """Change a setting, or ask for it; who has not subscribed is answered."""
    player = request.player
    if values:
        changes = {name: osc.parse_setting(name, values)}
        player.receive(events.Configure(changed_config(player.session.config, changes)))
    if not values or not request.port.hears(request.sender):
        request.port.tell_settings(request.sender, player, name)


def _subscribe(request: Request, message: osc.Subscribe) -> None:
    if target := request.port.subscribe(request.sender, message.host, message.port):
        request.port.tell_state(target, request.player)


_ACTS: dict[type[Message], Callable[..., object]] = {
    osc.Note: _note,
    osc.Midi: _midi,
    osc.Start: lambda request, message: request.player.start(),
    osc.Stop: lambda request, message: request.player.stop(),
    osc.Panic: lambda request, message: request.player.panic(),
    osc.Undo: lambda request, message: request.player.receive(events.Undo()),
    osc.Redo: lambda request, message: request.player.receive(events.Redo()),
    osc.Again: lambda request, message: request.player.receive(events.Again()),
    osc.Loop: lambda request, message: request.player.receive(events.LoopAnswer(message.on)),
    osc.SetBookmark: lambda request, message: request.player.receive(events.SetBookmark(message.name)),
    osc.GoTo: lambda request, message: request.player.receive(events.GoTo(message.number)),
    osc.Model: _model,
    osc.Models: _models,
    osc.Settings: lambda request, message: request.port.tell_settings(request.sender, request.player),
    osc.State: lambda request, message: request.port.tell_state(request.sender, request.player),
    osc.Subscribe: _subscribe,
    osc.Unsubscribe: lambda request, message: request.port.unsubscribe(
        request.sender, message.host, message.port
    ),
    osc.Ping: lambda request, message: request.reply(osc.Pong(number=message.number)),
}
"""What each message of RECEIVED does."""

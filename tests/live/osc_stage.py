"""A session behind a real UDP port, on a clock that is set by hand, and a program that talks to it."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import pytest

from ritornello.config import checked
from ritornello.live.config import JamConfig
from ritornello.live.ports import Job, PortGroup, osc_port
from ritornello.live.ports import osc_messages as osc
from ritornello.live.ports.osc_messages import ROOT
from ritornello.live.ports.osc_port import OscPort
from ritornello.live.ports.port_player import PortPlayer, PortSettings
from ritornello.live.server.catalog import Catalog
from ritornello.live.session import Session

HERE = "127.0.0.1"

WALL = 5e8
"""What the wall clock is ahead of the stage's."""


def tagged(packet: bytes, at: float) -> bytes:
    """Return a packet in a bundle with the tag of a time on the stage's clock."""
    tag = int((at + WALL + osc.NTP_EPOCH) * 2**32)
    return osc.BUNDLE + struct.pack(">Qi", tag, len(packet)) + packet


class Stage:
    """A session behind a real UDP port, on a clock that is set by hand; and a program that talks to it."""

    def __init__(self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, **config: Any) -> None:
        self.time = 1000.0
        monkeypatch.setattr(osc_port.time, "perf_counter", lambda: self.time)
        monkeypatch.setattr(osc_port.time, "time", lambda: self.time + WALL)
        self.group, self.sent_midi = PortGroup(), list[bytes]()
        self.port = OscPort(self._put, port=0)
        self.group.ports.append(self.port)
        asked = {"mode": "answer", "pause": 0.3, "response_seconds": 2, **config}
        session = Session(catalog.find(None).model, checked(JamConfig, asked), 4)
        self.player = PortPlayer(session, catalog, self.group, lambda: self.time, PortSettings(click=False))
        self.put = 0
        self.wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.wire.bind((HERE, 0))
        self.wire.settimeout(20)
        self.mine = self.wire.getsockname()

    def _put(self, at: float, job: Job) -> None:
        self.put += 1
        self.group.put(at, job)

    def send(self, path: str, *arguments: osc.Value, at: float | None = None) -> None:
        """Send a message, with a time tag on the stage's clock or none, and wait until it is understood."""
        packet = osc.to_packet(path, arguments)
        self.send_packet(packet if at is None else tagged(packet, at))

    def send_packet(self, packet: bytes) -> None:
        before = self.put
        self.wire.sendto(packet, self.port.address)
        while self.put == before:
            time.sleep(0.0002)

    def hear(self) -> tuple[str, tuple[Any, ...]]:
        """Return the next message that is sent to the program."""
        parsed = osc.parse_packet(self.wire.recv(65_536))[0]
        return parsed.address.removeprefix(ROOT), parsed.arguments

    def hear_until(self, path: str) -> list[tuple[str, tuple[Any, ...]]]:
        """Return all messages up to one of an address."""
        heard = [self.hear()]
        while heard[-1][0] != path:
            heard.append(self.hear())
        return heard

    def ask(self, path: str, *arguments: osc.Value) -> tuple[str, tuple[Any, ...]]:
        """Send a message, let the session take it, and return the answer."""
        self.send(path, *arguments)
        self.player.turn()
        return self.hear()

    def refused(self, packet: bytes) -> str:
        """Send what is not understood; return the error."""
        self.wire.sendto(packet, self.port.address)
        path, (text,) = self.hear()
        assert path == "error"
        assert "\n" not in text
        return str(text)

    def run(self, seconds: float) -> None:
        """Play for so long."""
        until = self.time + seconds
        while self.time < until:
            wait = self.player.turn()
            if self.group._held:
                wait = min(wait, self.group._held[0][0] - self.time)
            self.time += min(max(wait, 0.0005), until - self.time)
        self.player.turn()

    def close(self) -> None:
        self.group.close()
        self.wire.close()

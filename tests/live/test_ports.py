"""Ports: found by name, every failure one line; messages go through a port of mido that comes back by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from ritornello.errors import ConfigError, MissingExtraError
from ritornello.live import ports
from ritornello.live.ports import MidoPorts, find_port, open_ports, port_names

mido = pytest.importorskip("mido")
pytest.importorskip("rtmidi")


class Loop:
    """An output whose messages come in again, as mido gives them."""

    def __init__(self) -> None:
        self.take: Callable[[Any], None] = lambda message: None
        self.closed = 0

    def open_input(self, take: Callable[[Any], None]) -> Loop:
        self.take = take
        return self

    def send(self, message: Any) -> None:
        self.take(message)

    def close(self) -> None:
        self.closed += 1
        raise OSError("unplugged")


def test_what_is_sent_comes_back_with_its_time() -> None:
    loop = Loop()
    ports = MidoPorts(loop.open_input, loop)
    assert ports.receive() == []
    sent = [b"\x90\x3c\x5a", b"\xf8", b"\xc1\x05", b"\xe0\x01\x02"]
    for data in sent:
        ports.send(data)
    ports.wait(10)  # returns at once
    ports.wait(10)
    received = ports.receive()
    assert [data for _, data in received] == sent
    times = [time for time, _ in received]
    assert times == sorted(times)
    ports.wait(0.001)
    assert ports.receive() == []
    ports.close()
    assert loop.closed == 2


def test_an_output_that_fails_is_one_line() -> None:
    class Broken(Loop):
        def send(self, message: Any) -> None:
            raise SystemError("the device\nis gone")

    with pytest.raises(ConfigError, match="the output cannot be used: the device is gone"):
        MidoPorts(Loop().open_input, Broken()).send(b"\x90\x3c\x5a")


NAMES = ["USB Keys 20:0", "USB Keys 20:1", "Through Port 14:0"]


@pytest.mark.parametrize(
    ("wanted", "found"), [("through", NAMES[2]), ("USB Keys 20:0", NAMES[0]), ("keys 20:1", NAMES[1])]
)
def test_a_port_is_found_by_a_part_of_its_name(wanted: str, found: str) -> None:
    assert find_port("input", wanted, NAMES) == found


@pytest.mark.parametrize(
    ("wanted", "names", "expected"),
    [
        ("keys", NAMES, "could be 'USB Keys 20:0', 'USB Keys 20:1'"),
        ("Thruogh Port 14:0", NAMES, "nearest is 'Through Port 14:0'"),
        ("x", [], "no MIDI inputs"),
    ],
)
def test_a_port_that_is_not_there_is_one_line(wanted: str, names: list[str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        find_port("input", wanted, names)


class Backend(ModuleType):
    """Stands for mido: two ports, or an error."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("mido")
        self.error, self.opened = error, list[tuple[str, str, bool]]()

    def get_input_names(self) -> list[str]:
        if self.error:
            raise self.error
        return ["In 1"]

    def get_output_names(self) -> list[str]:
        return ["Out 1"]

    def open_output(self, name: str, virtual: bool) -> Loop:
        self.opened.append(("out", name, virtual))
        return Loop()

    def open_input(self, name: str, virtual: bool, callback: object) -> Loop:
        self.opened.append(("in", name, virtual))
        return Loop()


def test_ports_are_opened_by_name_or_made(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend()
    monkeypatch.setitem(sys.modules, "mido", backend)
    open_ports("in", "out")
    open_ports("Mine", "Yours", virtual=True)
    assert backend.opened == [
        ("out", "Out 1", False),
        ("in", "In 1", False),
        ("out", "Yours", True),
        ("in", "Mine", True),
    ]


@pytest.mark.parametrize("error", [SystemError("no sequencer"), OSError("denied"), RuntimeError()])
def test_a_back_end_that_fails_is_one_line(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mido", Backend(error))
    with pytest.raises(ConfigError, match=r"MIDI ports cannot be used: .+"):
        port_names()


def test_where_there_is_no_wheel_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "NO_WHEELS", (3, 0))
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(MissingExtraError, match=r"pip install python-rtmidi \(.*C\+\+ compiler"):
        port_names()


@pytest.mark.parametrize("name", ["mido", "rtmidi"])
def test_without_the_extra_it_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"ritornello\[ports\]"):
        port_names()

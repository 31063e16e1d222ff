"""MIDI ports: found by name, every failure one line; messages go through a stand-in for libremidi, and come back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest

from ritornello.errors import ConfigError, MissingExtraError
from ritornello.live import ports
from ritornello.live.ports import PortGroup
from ritornello.live.ports.midi_port import find_port, open_midi_port, port_names

pytest.importorskip("pylibremidi")


class Port:
    """What an observer finds."""

    def __init__(self, display_name: str, port_name: str = "") -> None:
        self.display_name, self.port_name = display_name, port_name


class Error:
    """libremidi's error: false if there is none."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text


class Library(ModuleType):
    """Stands for pylibremidi: what is sent is received when the input is polled. `fails` is a call with an error."""

    def __init__(self, inputs: Sequence[Port] = (), outputs: Sequence[Port] = (), fails: str = "") -> None:
        super().__init__("pylibremidi")
        library, self.calls, self.wire = self, list[tuple[Any, ...]](), list[list[int]]()

        class Configuration:
            on_raw_data: Callable[[list[int], int], None]

        class Observer:
            def __init__(self, configuration: Any, api: str) -> None:
                assert configuration.track_hardware
                assert configuration.track_virtual

            def get_input_ports(self) -> list[Port]:
                return list(inputs)

            def get_output_ports(self) -> list[Port]:
                return list(outputs)

        class Opened:
            kind = ""

            def __init__(self, configuration: Any, api: str) -> None:
                assert api == "the default"
                self.configuration = configuration

            def _call(self, name: str, *values: Any) -> Error:
                library.calls.append((self.kind, name, *values))
                return Error("the device\nis gone" if fails == name else "")

            def open_port(self, port: Port, name: str) -> Error:
                return self._call("open_port", port.display_name)

            def open_virtual_port(self, name: str) -> Error:
                return self._call("open_virtual_port", name)

            def close_port(self) -> Error:
                return self._call("close_port")

            def send_message(self, data: list[int]) -> Error:
                library.wire.append(data)
                return self._call("send_message")

            def poll(self) -> None:
                while library.wire:
                    self.configuration.on_raw_data(library.wire.pop(0), 0)

        self.InputConfiguration = self.OutputConfiguration = self.ObserverConfiguration = Configuration
        self.Observer = Observer
        self.MidiIn, self.MidiOut = (
            type("In", (Opened,), {"kind": "in"}),
            type("Out", (Opened,), {"kind": "out"}),
        )

    def midi1_default_api(self) -> str:
        return "the default"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Library]:
    def put(*names: Any, **options: Any) -> Library:
        library = Library(*names, **options)
        monkeypatch.setitem(sys.modules, "pylibremidi", library)
        return library

    return put


def test_what_is_sent_comes_back_with_its_time(load: Callable[..., Library]) -> None:
    library, group = load(), PortGroup()
    port = open_midi_port(group.put, "Mine", "Yours", virtual=True)
    group.ports.append(port)
    sent = [b"\x90\x3c\x5a", b"\xf8", b"\xc1\x05", b"\xe0\x01\x02"]
    began = time.monotonic()
    for data in sent:
        group.send(data)
    received: list[Any] = []
    while len(received) < len(sent):
        group.wait(20)
        received += group.receive()
    assert [data for _, data in received] == sent
    assert began <= received[0][0] <= received[-1][0] <= time.monotonic()
    group.close()
    assert [call[:2] for call in library.calls if call[1] != "send_message"] == [
        ("out", "open_virtual_port"),
        ("in", "open_virtual_port"),
        ("in", "close_port"),
        ("out", "close_port"),
    ]


def test_what_comes_early_is_held_until_its_time_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    group, now = PortGroup(), 100.0
    monkeypatch.setattr(ports.time, "monotonic", lambda: now)
    for at, data in ((103.0, b"late"), (101.0, b"early"), (99.0, b"past"), (101.0, b"next")):
        group.put(at, data)
    assert group.receive() == [(99.0, b"past")]
    now = 102.0
    assert group.receive() == [(101.0, b"early"), (101.0, b"next")]
    monkeypatch.setattr(ports, "MOST_HELD", 2)
    group.put(104.0, b"one more")
    with pytest.raises(ConfigError, match="more than 2 messages wait"):
        group.put(105.0, b"too many")


def test_one_side_can_be_opened_alone(load: Callable[..., Library]) -> None:
    library = load([Port("In 1")], [Port("Out 1")])
    port = open_midi_port(lambda time, data: None, None, "out")
    port.send(b"\xf8")
    port.close()
    port = open_midi_port(lambda time, data: None, "in", None)
    port.send(b"\xf8")  # nowhere
    port.close()
    assert [call for call in library.calls if call[1] == "open_port"] == [
        ("out", "open_port", "Out 1"),
        ("in", "open_port", "In 1"),
    ]
    assert [call for call in library.calls if call[1] == "send_message"] == [("out", "send_message")]


def test_ports_of_the_same_name_are_told_apart(load: Callable[..., Library]) -> None:
    load([Port("Keys"), Port("", "Pads"), Port("Keys")], [])
    assert port_names() == (["Keys", "Pads", "Keys 2"], [])


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


@pytest.mark.parametrize(
    ("fails", "virtual", "expected"),
    [
        ("open_port", False, "output 'Out 1' cannot be used: the device is gone"),
        ("open_virtual_port", True, "virtual output 'Out 1' cannot be made: the device is gone"),
        ("send_message", True, "the MIDI output cannot be used: the device is gone"),
    ],
)
def test_a_port_that_fails_is_one_line(
    fails: str, virtual: bool, expected: str, load: Callable[..., Library]
) -> None:
    load([Port("In 1")], [Port("Out 1")], fails=fails)
    with pytest.raises(ConfigError, match=expected):
        open_midi_port(lambda time, data: None, None, "Out 1", virtual).send(b"\xf8")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylibremidi", None)
    with pytest.raises(MissingExtraError, match=r"ritornello\[ports\]"):
        port_names()


def test_the_library_has_what_is_called() -> None:
    """The stand-in stands for this."""
    import pylibremidi

    port_names()
    assert "on_raw_data" in dir(pylibremidi.InputConfiguration)
    for kind in (pylibremidi.MidiIn, pylibremidi.MidiOut):
        assert {"open_port", "open_virtual_port", "close_port"} <= set(dir(kind))
    assert {"poll"} <= set(dir(pylibremidi.MidiIn))
    assert {"send_message"} <= set(dir(pylibremidi.MidiOut))

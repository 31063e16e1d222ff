"""MIDI ports: found by name, every failure one line; messages go through a stand-in for the back end, and come back."""

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

pytest.importorskip("supriya_midi")


class Library(ModuleType):
    """Stands for supriya_midi: what is sent is received at once. `fails` is a call that raises an error."""

    def __init__(
        self,
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = (),
        fails: str = "",
        error: type[Exception] = RuntimeError,
    ) -> None:
        super().__init__("supriya_midi")
        library, self.calls = self, list[tuple[Any, ...]]()
        self.callback: Callable[..., None] = lambda *message: None

        class Client:
            kind, names = "", inputs

            def __init__(self, client_name: str) -> None:
                self._call("new")

            def _call(self, name: str, *values: Any) -> None:
                library.calls.append((self.kind, name, *values))
                if fails == name:
                    raise error("the device\nis gone")

            def get_ports(self) -> list[str]:
                return list(self.names)

            def open_port(self, number: int, name: str) -> None:
                self._call("open_port", number)

            def open_virtual_port(self, name: str) -> None:
                self._call("open_virtual_port", name)

            def ignore_types(self, timing: bool) -> None:
                assert not timing

            def set_callback(self, callback: Callable[..., None]) -> None:
                library.callback = callback

            def send_message(self, data: bytes) -> None:
                self._call("send_message", data)
                library.callback(list(data), 0.0, None)

            def close_port(self) -> None:
                raise OSError("unplugged")

            def delete(self) -> None:
                self._call("delete")

        self.MidiIn = type("In", (Client,), {"kind": "in"})
        self.MidiOut = type("Out", (Client,), {"kind": "out", "names": outputs})


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Library]:
    def put(*names: Any, **options: Any) -> Library:
        library = Library(*names, **options)
        monkeypatch.setitem(sys.modules, "supriya_midi", library)
        return library

    return put


def test_what_is_sent_comes_back_with_its_time(load: Callable[..., Library]) -> None:
    library, group = load(), PortGroup()
    port = open_midi_port(group.put, "Mine", "Yours", virtual=True)
    group.ports.append(port)
    sent = [b"\x90\x3c\x5a", b"\xf8", b"\xc1\x05", b"\xe0\x01\x02"]
    began = time.perf_counter()
    for data in sent:
        group.send(data)
    received: list[Any] = []
    while len(received) < len(sent):
        group.wait(20)
        received += group.receive()
    assert [data for _, data in received] == sent
    assert began <= received[0][0] <= received[-1][0] <= time.perf_counter()
    group.close()
    assert [call[:2] for call in library.calls if call[1] != "send_message"] == [
        ("out", "new"),
        ("out", "open_virtual_port"),
        ("in", "new"),
        ("in", "open_virtual_port"),
        ("in", "delete"),
        ("out", "delete"),
    ]


def test_what_comes_early_is_held_until_its_time_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    group, now = PortGroup(), 100.0
    monkeypatch.setattr(ports.time, "perf_counter", lambda: now)
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
    library = load(["In 0", "In 1"], ["Out 1"])
    port = open_midi_port(lambda time, data: None, None, "out")
    port.send(b"\xf8")
    port.close()
    port = open_midi_port(lambda time, data: None, "in 1", None)
    port.send(b"\xf8")  # nowhere
    port.close()
    assert [call for call in library.calls if call[1] == "open_port"] == [
        ("out", "open_port", 0),
        ("in", "open_port", 1),
    ]
    assert [call for call in library.calls if call[1] == "send_message"] == [("out", "send_message", b"\xf8")]


def test_ports_of_the_same_name_are_told_apart(load: Callable[..., Library]) -> None:
    library = load(["Keys", "Pads", "Keys"], [])
    assert port_names() == (["Keys", "Pads", "Keys (2)"], [])
    open_midi_port(lambda time, data: None, "Keys (2)", None).close()
    assert ("in", "open_port", 2) in library.calls


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
        ("new", False, "output 'Out 1' cannot be used: the device is gone"),
        ("open_port", False, "output 'Out 1' cannot be used: the device is gone"),
        ("open_virtual_port", True, "output 'Out 1' cannot be used: the device is gone"),
        ("send_message", True, "the MIDI output cannot be used: the device is gone"),
    ],
)
@pytest.mark.parametrize("error", [SystemError, OSError, RuntimeError])
def test_a_port_that_fails_is_one_line(
    fails: str, virtual: bool, expected: str, error: type[Exception], load: Callable[..., Library]
) -> None:
    library = load(["In 1"], ["Out 1"], fails=fails, error=error)
    with pytest.raises(ConfigError, match=expected):
        open_midi_port(lambda time, data: None, None, "Out 1", virtual).send(b"\xf8")
    assert fails in ("new", "send_message") or library.calls[-1] == ("out", "delete")


def test_where_there_are_no_virtual_ports_it_says_what_to_do(load: Callable[..., Library]) -> None:
    load(fails="open_virtual_port", error=NotImplementedError)
    with pytest.raises(ConfigError, match="virtual input 'Mine': Windows has none; make one by loopMIDI"):
        open_midi_port(lambda time, data: None, "Mine", None, virtual=True)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supriya_midi", None)
    with pytest.raises(MissingExtraError, match=r"ritornello\[ports\]"):
        port_names()


def test_the_library_has_what_is_called() -> None:
    """The stand-in stands for this."""
    import inspect

    import supriya_midi

    own = {"get_ports", "open_port", "open_virtual_port", "close_port", "delete"}
    assert own | {"ignore_types", "set_callback"} <= set(dir(supriya_midi.MidiIn))
    assert own | {"send_message"} <= set(dir(supriya_midi.MidiOut))
    for kind in (supriya_midi.MidiIn, supriya_midi.MidiOut):
        assert "client_name" in inspect.signature(kind).parameters
    assert "timing" in inspect.signature(supriya_midi.MidiIn.ignore_types).parameters

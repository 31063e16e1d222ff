"""Real and virtual MIDI ports, by libremidi (the extra `ports`).

A port is found by its name, or by a part of it that only one port has. libremidi returns errors as values, and ends the
process if a callback raises; here each becomes a ConfigError of one line, and the callback cannot raise.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ritornello.errors import ConfigError, MissingExtraError, unknown_name
from ritornello.live.ports import News

POLL = 0.001
"""Seconds between two looks at the input: libremidi's Python binding queues messages until it is asked for them."""

VIRTUAL_NAME = "Ritornello"
"""Of virtual ports, unless they are named."""

Take = Callable[[float, bytes], None]
"""Called with the time and the bytes of each message, in a thread of the port."""


class MidiPort:
    """An open input, an open output, or both."""

    def __init__(self, source: Any, sink: Any) -> None:
        self._source, self._sink = source, sink
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="MIDI input", daemon=True)
        if source is not None:
            self._thread.start()

    def _listen(self) -> None:
        while not self._is_closed.wait(POLL):
            self._source.poll()

    def send(self, data: bytes) -> None:
        if self._sink is not None:
            _check(self._sink.send_message(list(data)), "the MIDI output cannot be used")

    def publish(self, news: News, now: float) -> None:
        """MIDI has no words for it."""

    def close(self) -> None:
        self._is_closed.set()
        if self._thread.is_alive():
            self._thread.join()
        for port in (self._source, self._sink):
            if port is not None:
                port.close_port()  # a device that was unplugged cannot be closed, and need not be
        self._source = self._sink = None  # libremidi complains of objects that outlive the interpreter


def port_names() -> tuple[list[str], list[str]]:
    """Return the names of the inputs and of the outputs."""
    inputs, outputs = _found_ports(_load())
    return list(inputs), list(outputs)


def open_midi_port(
    take: Take, input_name: str | None, output_name: str | None, virtual: bool = False
) -> MidiPort:
    """Open an input, an output, or both; with `virtual`, make new ones for other programs to connect to.

    input_name: of the port to listen to, or of the one to make; None for no input. output_name: likewise.
    """
    library = _load()
    inputs, outputs = ({}, {}) if virtual else _found_ports(library)
    sink = source = None
    if output_name is not None:
        name = output_name if virtual else find_port("output", output_name, list(outputs))
        sink = library.MidiOut(library.OutputConfiguration(), library.midi1_default_api())
        _open(sink, "output", name, outputs.get(name))
    if input_name is not None:
        name = input_name if virtual else find_port("input", input_name, list(inputs))
        source = library.MidiIn(_listening(library, take), library.midi1_default_api())
        _open(source, "input", name, inputs.get(name))
    return MidiPort(source, sink)


def _listening(library: Any, take: Take) -> Any:
    """Return the configuration of an input whose messages, those of the clock among them, go to `take`."""

    def received(data: Sequence[int], stamp: int) -> None:
        with suppress(ConfigError):  # too much waits: this is left out
            take(time.monotonic(), bytes(data))

    configuration = library.InputConfiguration()
    configuration.on_raw_data = received
    configuration.ignore_timing = False
    return configuration


def _open(port: Any, kind: str, name: str, found: Any) -> None:
    """Open a port that was found, or make a virtual one of this name."""
    if found is not None:
        _check(port.open_port(found, name), f"{kind} {name!r} cannot be used")
    else:
        elsewhere = "; on Windows, make one by loopMIDI and name it" if sys.platform == "win32" else ""
        _check(port.open_virtual_port(name), f"virtual {kind} {name!r} cannot be made", elsewhere)


def _check(error: Any, problem: str, hint: str = "") -> None:
    if error:
        cause = " ".join(str(error).split())
        raise ConfigError(f"{problem}: {cause}{hint}")


def find_port(kind: str, wanted: str, names: Sequence[str]) -> str:
    """Return the name `wanted`, or else the only one that contains it, in any case; ConfigError if there is none."""
    if wanted in names:
        return wanted
    found = [name for name in names if wanted.lower() in name.lower()]
    if len(found) > 1:
        raise ConfigError(f"{kind} {wanted!r} could be {', '.join(map(repr, found))}: write more of it")
    if not names:
        raise ConfigError(f"{kind} {wanted!r}: this system has no MIDI {kind}s (--virtual makes one)")
    if not found:
        raise unknown_name(f"MIDI {kind}", wanted, names)
    return found[0]


def _found_ports(library: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs and the outputs of the system, those of other programs among them, by name."""
    configuration = library.ObserverConfiguration()
    configuration.track_hardware = configuration.track_virtual = configuration.track_any = True
    observer = library.Observer(configuration, library.midi1_default_api())
    return _by_name(observer.get_input_ports()), _by_name(observer.get_output_ports())


def _by_name(ports: Sequence[Any]) -> dict[str, Any]:
    """Return ports by what they are called; a number tells apart those that are called the same."""
    named: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for port in ports:
        name = port.display_name or port.port_name
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name} {seen[name]}"] = port
    return named


def _load() -> Any:
    """Return libremidi's Python binding."""
    try:
        return importlib.import_module("pylibremidi")
    except ImportError as error:
        raise MissingExtraError("pylibremidi", "ports") from error

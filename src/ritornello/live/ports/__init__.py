"""Real and virtual MIDI ports, by mido on RtMidi (the extra `ports`).

A port is found by its name, or by a part of it that only one port has. Any exception of the back end (they differ
between systems) becomes a ConfigError of one line.
"""

from __future__ import annotations

import importlib
import queue
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from ritornello.errors import ConfigError, MissingExtraError, RitornelloError, unknown_name

NO_WHEELS = (3, 13)
"""The first version of Python for which python-rtmidi has no wheels; the extra `ports` leaves it out from here on."""

WITHOUT_WHEEL = (
    "for this version of Python pip has to compile it, with a C++ compiler; for Python 3.12 it does not"
)

Received = tuple[float, bytes]
"""The time at which a message arrived, by the monotonic clock, and its bytes."""


class Ports(Protocol):
    """An input port and an output port."""

    def receive(self) -> Sequence[Received]:
        """Return the messages since the last call."""

    def send(self, data: bytes) -> None:
        """Send a message now."""

    def wait(self, seconds: float) -> None:
        """Wait for a message, `seconds` at most."""

    def close(self) -> None:
        """Close both ports."""


class MidoPorts:
    """Ports of mido. `open_input` opens the input; its argument is the callback for messages."""

    def __init__(self, open_input: Callable[[Callable[[Any], None]], Any], output: Any) -> None:
        self._queue: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._next: Received | None = None
        self._output = output
        self._input = open_input(self._take)

    def _take(self, message: Any) -> None:
        """Queue a message; called in a thread of the back end."""
        self._queue.put((time.monotonic(), bytes(message.bytes())))

    def receive(self) -> list[Received]:
        received = [] if self._next is None else [self._next]
        self._next = None
        with suppress(queue.Empty):
            while True:
                received.append(self._queue.get_nowait())
        return received

    def wait(self, seconds: float) -> None:
        if self._next is None and seconds > 0:
            with suppress(queue.Empty):
                self._next = self._queue.get(timeout=seconds)

    def send(self, data: bytes) -> None:
        import mido

        with _one_line("the output"):
            self._output.send(mido.Message.from_bytes(data))

    def close(self) -> None:
        for port in (self._input, self._output):
            with suppress(Exception):  # a device that was unplugged cannot be closed, and need not be
                port.close()


def port_names() -> tuple[list[str], list[str]]:
    """Return the names of the inputs and of the outputs."""
    mido = _load()
    with _one_line("MIDI ports"):
        return list(mido.get_input_names()), list(mido.get_output_names())


def open_ports(input_name: str, output_name: str, virtual: bool = False) -> MidoPorts:
    """Open two ports; with `virtual`, make new ones of these names, for other programs to connect to."""
    mido = _load()
    if not virtual:
        inputs, outputs = port_names()
        input_name = find_port("input", input_name, inputs)
        output_name = find_port("output", output_name, outputs)
    with _one_line(f"output {output_name!r}"):
        output = mido.open_output(output_name, virtual=virtual)
    with _one_line(f"input {input_name!r}"):
        return MidoPorts(lambda take: mido.open_input(input_name, virtual=virtual, callback=take), output)


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


def _load() -> Any:
    """Return mido with its RtMidi back end."""
    modules = []
    for module, library in (("mido", "mido"), ("rtmidi", "python-rtmidi")):
        try:
            modules.append(importlib.import_module(module))
        except ImportError as error:
            if module == "rtmidi" and sys.version_info >= NO_WHEELS:
                raise MissingExtraError(library, note=WITHOUT_WHEEL) from error
            raise MissingExtraError(library, "ports") from error
    return modules[0]


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Make a ConfigError of any exception of the back end: OSError, SystemError, errors of its own."""
    try:
        yield
    except RitornelloError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{what} cannot be used: {cause}") from error

"""Real and virtual MIDI ports, by mido on RtMidi (the extra `ports`).

A port is found by its name, or by a part of it that only one port has. Whatever the back end raises (it differs from
system to system) becomes one clear line.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from ritornello.errors import ConfigError, MissingExtraError, RitornelloError, unknown_name

Received = tuple[float, bytes]
"""A message and when it came, by the monotonic clock."""


class Ports(Protocol):
    """An input and an output."""

    def receive(self) -> Sequence[Received]:
        """Return what has come since the last call."""

    def send(self, data: bytes) -> None:
        """Send a message now."""

    def wait(self, seconds: float) -> None:
        """Return when something comes, at the latest after `seconds`."""

    def close(self) -> None:
        """Give the ports back."""


class MidoPorts:
    """Ports of mido. `open_input` is called with the function that takes each message, and returns the port."""

    def __init__(self, open_input: Callable[[Callable[[Any], None]], Any], output: Any) -> None:
        self._came: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._next: Received | None = None
        self._output = output
        self._input = open_input(self._take)

    def _take(self, message: Any) -> None:
        """Take a message, in a thread of the back end."""
        self._came.put((time.monotonic(), bytes(message.bytes())))

    def receive(self) -> list[Received]:
        came = [] if self._next is None else [self._next]
        self._next = None
        with suppress(queue.Empty):
            while True:
                came.append(self._came.get_nowait())
        return came

    def wait(self, seconds: float) -> None:
        if self._next is None and seconds > 0:
            with suppress(queue.Empty):
                self._next = self._came.get(timeout=seconds)

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
    """Return open ports; with `virtual`, new ones of these names, which other programs can connect to."""
    mido = _load()
    if not virtual:
        inputs, outputs = port_names()
        input_name, output_name = (
            find_port("input", input_name, inputs),
            find_port("output", output_name, outputs),
        )
    with _one_line(f"output {output_name!r}"):
        output = mido.open_output(output_name, virtual=virtual)
    with _one_line(f"input {input_name!r}"):
        return MidoPorts(lambda take: mido.open_input(input_name, virtual=virtual, callback=take), output)


def find_port(kind: str, wanted: str, names: Sequence[str]) -> str:
    """Return the name that is `wanted`, or the only one that contains it, whatever its case."""
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
    try:
        import mido
    except ImportError as error:
        raise MissingExtraError("mido", "ports") from error
    try:
        import rtmidi  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("python-rtmidi", "ports") from error
    return mido


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Make a ConfigError of whatever the back end raises: OSError, SystemError, errors of its own."""
    try:
        yield
    except RitornelloError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{what} cannot be used: {cause}") from error

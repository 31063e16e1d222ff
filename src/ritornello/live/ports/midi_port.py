"""Real and virtual MIDI ports, by supriya-midi on RtMidi (the extra `ports`).

A port is found by its name, or by a part of it that only one port has. Any exception of the back end (they differ
between systems) becomes a ConfigError of one line.
"""

from __future__ import annotations

import importlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ritornello.errors import ConfigError, MissingExtraError, RitornelloError, unknown_name
from ritornello.live.ports import News

CLIENT = "Ritornello"
"""What other programs call this one, and its virtual ports unless they are named."""

Take = Callable[[float, bytes], None]
"""Called with the time and the bytes of each message, in a thread of the back end."""


class MidiPort:
    """An open input, an open output, or both."""

    def __init__(self, source: Any, sink: Any) -> None:
        self._source, self._sink = source, sink

    def send(self, data: bytes) -> None:
        if self._sink is not None:
            with _one_line("the MIDI output"):
                self._sink.send_message(data)

    def publish(self, news: News, now: float) -> None:
        """MIDI has no words for it."""

    def close(self) -> None:
        for port in (self._source, self._sink):
            if port is not None:
                _close(port)
        self._source = self._sink = None


def port_names() -> tuple[list[str], list[str]]:
    """Return the names of the inputs and of the outputs."""
    library, found = _load(), []
    for kind in (library.MidiIn, library.MidiOut):
        with _one_line("MIDI ports"):
            port = kind(client_name=CLIENT)
            found.append(_told_apart(port.get_ports()))
            _close(port)
    return found[0], found[1]


def open_midi_port(
    take: Take, input_name: str | None, output_name: str | None, virtual: bool = False
) -> MidiPort:
    """Open an input, an output, or both; with `virtual`, make new ones for other programs to connect to.

    input_name: of the port to listen to, or of the one to make; None for no input. output_name: likewise.
    """
    library = _load()
    opened = MidiPort(None, None)
    try:
        if output_name is not None:
            with _one_line(f"output {output_name!r}"):
                opened._sink = library.MidiOut(client_name=CLIENT)
                _open(opened._sink, "output", output_name, virtual)
        if input_name is not None:
            with _one_line(f"input {input_name!r}"):
                opened._source = library.MidiIn(client_name=CLIENT)
                opened._source.ignore_types(timing=False)
                opened._source.set_callback(_callback(take))
                _open(opened._source, "input", input_name, virtual)
    except RitornelloError:
        opened.close()
        raise
    return opened


def _callback(take: Take) -> Callable[[Sequence[int], float, Any], None]:
    """Return the back end's callback; it gives the seconds since the message before, and not the time."""

    def received(data: Sequence[int], delta: float, unused: Any) -> None:
        with suppress(ConfigError):  # too much waits: this is left out
            take(time.perf_counter(), bytes(data))

    return received


def _open(port: Any, kind: str, name: str, virtual: bool) -> None:
    """Open the port of a client that is called `name`, or make it."""
    if not virtual:
        names = _told_apart(port.get_ports())
        port.open_port(names.index(find_port(kind, name, names)), name)
        return
    try:
        port.open_virtual_port(name)
    except NotImplementedError as error:
        raise ConfigError(
            f"virtual {kind} {name!r}: Windows has none; make one by loopMIDI, and name it"
        ) from error


def _close(port: Any) -> None:
    """Close a client at once: a virtual port ends with it, and it must not outlive the interpreter."""
    with suppress(Exception):  # a device that was unplugged cannot be closed, and need not be
        port.close_port()
    with suppress(Exception):
        port.delete()


def _told_apart(names: Sequence[str]) -> list[str]:
    """Return the names of ports, with a number behind those that others have too."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


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
    """Return supriya-midi."""
    try:
        return importlib.import_module("supriya_midi")
    except ImportError as error:
        raise MissingExtraError("supriya-midi", "ports") from error


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

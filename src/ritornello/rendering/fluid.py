"""The FluidSynth engine, used where the system library and its Python binding pyfluidsynth are installed.

FluidSynth implements filters and envelopes of a SoundFont fully, and has a reverb. The binding is used through its
public `Synth`, except for `fluid_synth_write_float`, which it does not wrap: 16-bit samples would clip.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import FormatError
from ritornello.formats.messages import PAN
from ritornello.rendering.performance import Part
from ritornello.rendering.soundfont import SoundFont
from ritornello.score import CHANNEL_PRESSURE, CONTROL_CHANGE, PITCH_BEND

# Fewer than 256: in FluidSynth 2.3 channel 255 also means none, and a control sent to it ends the process.
CHANNELS = 240
POLYPHONY = 1024
ROOM = {"roomsize": 0.45, "damping": 0.3, "width": 0.8, "level": 0.45}
_LOG_LEVELS = 5

_OFF, _CONTROL, _ON = range(3)  # the order of events on the same frame


def load_fluidsynth() -> ModuleType | None:
    """Return the binding, its messages switched off; None where it or its library is missing or too old."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # under CI it prints where it found its library
            import fluidsynth
    except (ImportError, OSError, AttributeError):
        return None
    binding: ModuleType = fluidsynth
    if _write_float(binding) is None:
        return None
    _silence(binding)
    return binding


def _write_float(binding: ModuleType) -> Any:
    """Return `fluid_synth_write_float(synth, length, left, offset, step, right, offset, step)`."""
    channel = (("", ctypes.c_void_p), ("offset", ctypes.c_int), ("step", ctypes.c_int))
    arguments = [("synth", ctypes.c_void_p, 1), ("length", ctypes.c_int, 1)]
    arguments += [(f"{side}{name}", kind, 1) for side in ("left", "right") for name, kind in channel]
    return binding.cfunc("fluid_synth_write_float", ctypes.c_int, *arguments)


def _silence(binding: ModuleType) -> None:
    """Stop FluidSynth from writing its messages to stderr."""
    arguments = [("level", ctypes.c_int, 1), ("function", ctypes.c_void_p, 1), ("data", ctypes.c_void_p, 1)]
    set_log = binding.cfunc("fluid_set_log_function", ctypes.c_void_p, *arguments)
    for level in range(_LOG_LEVELS):
        set_log(level, None, None)


def fluid_blocks(
    binding: ModuleType, parts: Sequence[Part], font: SoundFont, frames: int, rate: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the sound of `parts` in blocks of shape (n, 2), `frames` in total, before levelling."""
    groups = [parts[at : at + CHANNELS] for at in range(0, len(parts), CHANNELS)]
    streams = [_stream(binding, group, font, frames, rate) for group in groups]
    for blocks in zip(*streams, strict=True):
        yield np.sum(blocks, axis=0, dtype=np.float32) if len(blocks) > 1 else blocks[0]


def _stream(
    binding: ModuleType, parts: Sequence[Part], font: SoundFont, frames: int, rate: int
) -> Iterator[NDArray[np.float32]]:
    synth = binding.Synth(
        gain=0.2, samplerate=float(rate), channels=CHANNELS, **{"synth.polyphony": POLYPHONY}
    )
    try:
        synth.set_reverb(**ROOM)
        font_id = synth.sfload(str(font.path))
        if font_id < 0:
            raise FormatError(f"{font.path}: FluidSynth cannot read this SoundFont")
        for channel, part in enumerate(parts):
            synth.program_select(channel, font_id, part.bank, part.program)
            synth.cc(channel, PAN, part.pan)
        yield from _play(synth, _write_float(binding), _events(parts), frames, rate)
    finally:
        synth.delete()


def _events(parts: Sequence[Part]) -> NDArray[np.int64]:
    """Return rows of (frame, order, channel, kind or pitch, number or velocity, value), in playing order."""
    rows = []
    for channel, part in enumerate(parts):
        controls = [part.controls[name] for name in ("tick", "kind", "number", "value")]
        rows += [
            _rows(part.ends, _OFF, channel, part.pitches, 0, 0),
            _rows(part.starts, _ON, channel, part.pitches, part.velocities, 0),
            _rows(controls[0], _CONTROL, channel, *controls[1:]),
        ]
    events = np.concatenate(rows)
    return events[np.lexsort((events[:, 1], events[:, 0]))]


def _rows(*columns: ArrayLike) -> NDArray[np.int64]:
    return np.stack(np.broadcast_arrays(*columns), axis=1).astype(np.int64)


def _play(
    synth: Any, write: Any, events: NDArray[np.int64], frames: int, rate: int
) -> Iterator[NDArray[np.float32]]:
    """Run the synthesiser from event to event, second by second."""
    place, waiting = 0, events.tolist()
    waiting.reverse()
    while place < frames:
        block = np.zeros((min(rate, frames - place), 2), dtype=np.float32)
        done = 0
        while done < len(block):
            while waiting and waiting[-1][0] <= place + done:
                _send(synth, waiting.pop())
            until = min(len(block), waiting[-1][0] - place) if waiting else len(block)
            address = block.ctypes.data + 8 * done
            write(synth.synth, until - done, address, 0, 2, address, 1, 2)
            done = until
        place += len(block)
        yield block


def _send(synth: Any, event: list[int]) -> None:
    _, order, channel, first, second, value = event
    if order == _ON:
        synth.noteon(channel, first, second)
    elif order == _OFF:
        synth.noteoff(channel, first)
    elif first == CONTROL_CHANGE:
        synth.cc(channel, second, value)
    elif first == PITCH_BEND:
        synth.pitch_bend(channel, value)
    elif first == CHANNEL_PRESSURE and hasattr(synth, "channel_pressure"):
        synth.channel_pressure(channel, value)

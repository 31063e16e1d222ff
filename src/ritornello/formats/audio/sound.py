"""A sound file as samples: decoded block by block, mixed to one channel, and resampled to `RATE`."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ritornello.errors import DeviceError, FileError, FormatError
from ritornello.memory import free_memory

Samples = NDArray[np.float32]

RATE = 22_050
"""Samples a second, as the network of `model` wants them."""

MOST_MINUTES = 30
"""No longer recording is transcribed."""

RATES = (4_000, 400_000)
BYTES_A_SECOND = 600_000
"""What decoding and transcribing a second needs at most: its samples, what the network says of it, and copies."""

_BLOCK = 1 << 18  # samples decoded at once, over all channels: so many are lost where a file breaks off
_ZEROS = 32  # of the sinc on each side, which the window leaves
_BETA = 9.0  # of the Kaiser window: what is above half the rate is 90 dB lower
_TURNS, _MOST_HELD = 256, 1 << 23  # a filter is applied to so many places at once, in so many samples at most
_ROLLOFF = 0.95  # the passband, as a share of the lower rate's half


class Sound(NamedTuple):
    """The samples of a recording, (samples,) at `RATE`; its title, or ""; and what had to be repaired."""

    samples: Samples
    title: str
    repairs: tuple[str, ...]


def decode(data: bytes, name: str) -> Sound:
    """Return the sound of a file that libsndfile reads (wav, flac, ogg, mp3 and others).

    Raise FormatError if it is none, FileError if it is longer than MOST_MINUTES, and DeviceError if memory is short;
    length and memory are counted from its header, before it is decoded.
    """
    import soundfile

    repairs: list[str] = []
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, seconds = file.samplerate, file.frames / file.samplerate
            if not RATES[0] <= rate <= RATES[1]:
                raise FormatError(f"{name}: {rate} samples a second: allowed are {RATES[0]} to {RATES[1]}")
            if seconds > MOST_MINUTES * 60:
                raise FileError(
                    f"{name}: it lasts {seconds / 60:,.0f} minutes: {MOST_MINUTES} at most are transcribed"
                )
            whole = 8 * rate * file.channels if file.format == "MP3" else 0
            free = free_memory()
            if free is not None and (need := int(seconds * (BYTES_A_SECOND + whole))) > free:
                raise DeviceError(
                    f"{name}: transcribing it takes about {need >> 20} MiB of memory; {free >> 20} are free"
                )
            parts = [*resampled(_mono_blocks(file, repairs), rate)]
            title = file.title.strip()
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        raise FormatError(f"{name}: no sound that can be read: {reason}") from error
    return Sound(np.concatenate(parts), title, tuple(repairs))


def _mono_blocks(file: Any, repairs: list[str]) -> Iterator[Samples]:
    """Yield the mean of the channels of a sound file; a file that breaks off ends there."""
    import soundfile

    frames, most = 0, MOST_MINUTES * 60 * file.samplerate  # a header may say less than there is
    # soundfile seeks after each call, which in MP3 is inexact: it is read at once.
    size = most if file.format == "MP3" else max(1, _BLOCK // file.channels)
    while frames < most:
        try:
            block = file.read(size, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            if not frames:
                raise
            repairs.append(f"the sound cannot be read beyond {frames / file.samplerate:.1f} s")
            return
        if not len(block):
            return
        frames += len(block)
        mono = block.mean(axis=1)
        if not np.isfinite(mono).all():
            repairs[:] = ["samples that are no numbers count as silence"]
            mono = np.nan_to_num(mono, nan=0.0, posinf=0.0, neginf=0.0)
        yield mono


def resampled(blocks: Iterable[Samples], rate: int) -> Iterator[Samples]:
    """Yield the samples of `blocks`, at `rate` a second, at `RATE` a second, by a polyphase filter.

    The filter is a sinc under a Kaiser window.
    """
    ratio = Fraction(rate, RATE)
    down, up = ratio.numerator, ratio.denominator
    if down == up:
        yield from blocks
        return
    cutoff = _ROLLOFF * min(1.0, up / down)  # as a share of half the input's rate
    reach = int(np.ceil(_ZEROS / cutoff))
    offset = np.arange(-reach, reach + 1)
    filters = []
    for phase in range(up):  # output k * up + phase lies this far behind input k * down + whole
        whole, part = divmod(phase * down, up)
        distance = offset - part / up
        window = np.i0(_BETA * np.sqrt(np.maximum(0.0, 1 - (distance / (reach + 1)) ** 2))) / np.i0(_BETA)
        filters.append((whole, (cutoff * np.sinc(cutoff * distance) * window).astype(np.float32)))
    held = np.zeros(reach, dtype=np.float32)  # so that the first sample is the centre of the first output
    received = sent = 0
    for block in chain(blocks, [None]):
        received += 0 if block is None else len(block)
        held = np.concatenate([held, np.zeros(reach + down, dtype=np.float32) if block is None else block])
        if block is not None and len(held) < 2 * reach + min(_TURNS * down, _MOST_HELD):
            continue
        turns = max(0, (len(held) - 2 * reach) // down)  # of `up` outputs each
        made = np.empty((turns, up), dtype=np.float32)
        for phase, (whole, taps) in enumerate(filters if turns else ()):
            made[:, phase] = sliding_window_view(held[whole:], len(taps))[: turns * down : down] @ taps
        held = held[turns * down :]
        wanted = -(-received * up // down) - sent if block is None else turns * up
        sent += turns * up
        yield made.reshape(-1)[:wanted]

"""The sampler engine, which needs no system package: it mixes tones of a `Soundbank`.

To the tones it adds velocity, volume, expression, pan, sustain pedal, pitch bend and reverb, according to the default
modulators of SoundFont 2.04 (8.4).

Read in order: `sampler_blocks`, `_mix`, `_Player`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.formats.messages import ALL_SOUND_OFF, EXPRESSION, PAN, SUSTAIN, VOLUME
from ritornello.rendering.performance import Part
from ritornello.rendering.soundbank import Soundbank
from ritornello.rendering.soundfont import SoundFont
from ritornello.score import (
    CONTROL_CHANGE,
    DATA_DECREMENT,
    DATA_ENTRY,
    DATA_ENTRY_FINE,
    DATA_INCREMENT,
    NULL,
    PARAMETER_CONTROLLERS,
    PITCH_BEND,
    end_at_restrike,
)

Samples = NDArray[np.float32]

_INITIAL_VOLUME = 100  # General MIDI's default
_NRPN_FINE, _NRPN_COARSE, _RPN_FINE, _RPN_COARSE = 98, 99, 100, 101
_WIDEST_BEND = 24  # semitones; wider ones would need much memory

REVERB_SECONDS, REVERB_LEVEL, REVERB_DELAY = 1.3, 0.22, 0.018


def sampler_blocks(
    parts: Sequence[Part], font: SoundFont, frames: int, rate: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the sound of `parts` in blocks of shape (n, 2), `frames` in total, before levelling."""
    for block in add_reverb(_mix(parts, Soundbank(font, rate), frames, 4 * rate), rate):
        yield block.T


def _mix(parts: Sequence[Part], tones: Soundbank, frames: int, size: int) -> Iterator[Samples]:
    """Yield the sum of the notes in blocks of shape (2, `size`); the tail past a block is added to the next."""
    players = [_Player(part, tones) for part in parts]
    carried = np.zeros((2, 0), dtype=np.float32)
    for place in range(0, frames, size):
        notes = [note for player in players for note in player.notes(place, place + size)]
        length = max([size, carried.shape[1], *(at + len(tone) for at, tone, _ in notes)])
        block = np.zeros((2, length), dtype=np.float32)
        block[:, : carried.shape[1]] = carried
        for at, tone, levels in notes:
            for side, level in enumerate(levels):
                block[side, at : at + len(tone)] += tone * np.float32(level)
        carried = block[:, size:]
        yield block[:, : min(size, frames - place)]


class _Player:
    """Plays the notes of one part with its controls applied."""

    def __init__(self, part: Part, tones: Soundbank) -> None:
        self.part, self.tones = part, tones
        self.ends = _sustained(part)
        self.gains = _gain_steps(part)
        self.pans = _steps(part, PAN, part.pan)
        self.bends = _bend_steps(part)

    def notes(self, first: int, stop: int) -> Iterator[tuple[int, Samples, tuple[float, float]]]:
        """Yield each note that starts in [first, stop): frame from `first`, tone, and levels left and right."""
        low, high = np.searchsorted(self.part.starts, (first, stop))
        for index in range(int(low), int(high)):
            start = int(self.part.starts[index])
            angle = float(self.pans.over(start, 1)[0]) / 127 * np.pi / 2
            yield start - first, self._note(index, start), (float(np.cos(angle)), float(np.sin(angle)))

    def _note(self, index: int, start: int) -> Samples:
        part = self.part
        pitch, velocity = int(part.pitches[index]), int(part.velocities[index])
        held, preset = int(self.ends[index]) - start, (part.bank, part.program)
        if self.bends is not None and self.bends.over(start, held + 1).any():
            tone = self._bent(self.bends, preset, pitch, velocity, start, held)
        else:
            tone = self.tones.tone(preset, pitch, velocity, held)
        tone *= np.float32((velocity / 127) ** 2) * self.gains.over(start, len(tone))
        return tone

    def _bent(
        self, bends: _Steps, preset: tuple[int, int], pitch: int, velocity: int, start: int, held: int
    ) -> Samples:
        """Return a note: the tone with its first bend, in whole semitones, read faster or slower as the bend moves."""
        first = round(float(bends.over(start, 1)[0]))

        def speed(length: int) -> NDArray[np.float64]:
            semitones = bends.over(start, length).astype(np.float64) - first
            return np.broadcast_to(2.0 ** (semitones / 12), length)

        until = math.ceil(speed(held + 1)[:-1].sum())
        tone = self.tones.tone(preset, pitch, velocity, until, first)
        read = speed(held + math.ceil((len(tone) - until) / speed(held + 1)[-1]))
        return np.interp(np.cumsum(read) - read, np.arange(len(tone)), tone, right=0.0).astype(np.float32)


class _Steps:
    """The value of a controller: it changes at given frames and stays until the next."""

    def __init__(self, frames: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        self.frames, self.values = frames, values  # the first frame is before the piece

    def over(self, start: int, length: int) -> NDArray[np.float32]:
        """Return the values from frame `start` on: shape (length,), or (1,) if they do not change."""
        low, high = np.searchsorted(self.frames, (start, start + length - 1), side="right") - 1
        if low == high:
            return self.values[low : low + 1].astype(np.float32)
        edges = np.concatenate([[start], self.frames[low + 1 : high + 1], [start + length]])
        return np.repeat(self.values[low : high + 1], np.diff(edges)).astype(np.float32)


def _steps(part: Part, number: int, initial: float) -> _Steps:
    chosen = part.controls[(part.controls["kind"] == CONTROL_CHANGE) & (part.controls["number"] == number)]
    return _make_steps(chosen["tick"], chosen["value"], initial)


def _make_steps(frames: NDArray[np.int64], values: NDArray[np.float64], initial: float) -> _Steps:
    return _Steps(np.concatenate([[-1], frames]), np.concatenate([[initial], values]))


def _gain_steps(part: Part) -> _Steps:
    """Return the product of volume and expression, as gain: 40 dB a decade each (SoundFont 2.04)."""
    volume, expression = _steps(part, VOLUME, _INITIAL_VOLUME), _steps(part, EXPRESSION, 127)
    frames = np.union1d(volume.frames, expression.frames)
    product = [
        steps.values[np.searchsorted(steps.frames, frames, side="right") - 1] / 127
        for steps in (volume, expression)
    ]
    return _Steps(frames, (product[0] * product[1]) ** 2)


def _bend_steps(part: Part) -> _Steps | None:
    """Return the pitch bend in semitones, or None if there is none.

    The range of a full bend is registered parameter 0, by default 2 semitones; its values are semitones and cents.
    """
    is_change = part.controls["kind"] == CONTROL_CHANGE
    controls = part.controls[
        is_change & np.isin(part.controls["number"], PARAMETER_CONTROLLERS) | _are_bends(part)
    ]
    if not _are_bends(part).any():
        return None
    selected, semitones, cents, bend, values = [NULL, NULL], 2, 0, 0, []
    for kind, number, value in controls[["kind", "number", "value"]].tolist():
        if kind == PITCH_BEND:
            bend = value
        elif number in (_RPN_FINE, _RPN_COARSE):
            selected[number - _RPN_FINE] = value
        elif number in (_NRPN_FINE, _NRPN_COARSE):
            selected = [NULL, NULL]
        elif not any(selected):
            cents = value if number == DATA_ENTRY_FINE else cents
            step = {DATA_INCREMENT: semitones + 1, DATA_DECREMENT: semitones - 1, DATA_ENTRY: value}
            semitones = step.get(number, semitones)
        values.append(bend / 8192 * min(semitones + cents / 100, _WIDEST_BEND))
    return _make_steps(controls["tick"], np.array(values), 0.0)


def _are_bends(part: Part) -> NDArray[np.bool_]:
    return np.asarray((part.controls["kind"] == PITCH_BEND) & (part.controls["value"] != 0))


def _sustained(part: Part) -> NDArray[np.int64]:
    """Return the ends of the notes; with the sustain pedal down, a note is held until it is up or all sound is off."""
    pedal = _steps(part, SUSTAIN, 0)
    off = _steps(part, ALL_SOUND_OFF, 0).frames[1:]
    down = pedal.values >= 64
    at = np.searchsorted(pedal.frames, part.ends, side="right") - 1
    lifts = np.where(~down, np.arange(len(down)), len(down))
    next_lift = np.minimum.accumulate(lifts[::-1])[::-1]  # the first value from here on below 64
    frames = np.append(pedal.frames, part.ends.max(initial=0))
    ends = np.where(down[at], np.maximum(frames[next_lift[at]], part.ends), part.ends)
    if len(off):
        next_off = np.append(off, 1 << 62)[np.searchsorted(off, part.starts, side="right")]
        ends = np.minimum(ends, np.maximum(next_off, part.starts + 1))
    return end_at_restrike(part.starts, ends, part.pitches)


def add_reverb(blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
    """Yield `blocks`, of shape (2, n), with the reverb of a small hall, by overlap-add convolution."""
    response = _impulse_response(rate)
    carried = np.zeros((2, 0), dtype=np.float32)
    for block in blocks:
        dry = block.shape[1]
        length = dry + response.shape[1] - 1
        size = 1 << (length - 1).bit_length()
        reverb = np.fft.irfft(np.fft.rfft(block, size) * np.fft.rfft(response, size), size)
        wet = np.asarray(reverb[:, :length], dtype=np.float32)
        wet[:, :dry] += block
        wet[:, : carried.shape[1]] += carried
        carried = wet[:, dry:]
        yield wet[:, :dry]


def _impulse_response(rate: int) -> Samples:
    """Return the impulse response of the hall, shape (2, frames): band-limited noise that decays by 60 dB."""
    frames = round(REVERB_SECONDS * rate)
    noise = np.random.default_rng(1).standard_normal((2, frames))
    noise = _moving_mean(noise, max(1, rate // 8000)) - _moving_mean(noise, rate // 200)
    noise *= 10.0 ** (-3.0 * np.arange(frames) / frames)
    noise = np.concatenate([np.zeros((2, round(REVERB_DELAY * rate))), noise], axis=1)
    energy = np.square(noise).sum(axis=1, keepdims=True)
    return np.asarray(REVERB_LEVEL * noise / np.sqrt(energy), dtype=np.float32)


def _moving_mean(rows: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    kernel = np.ones(width) / width
    return np.stack([np.convolve(row, kernel, "same") for row in rows])

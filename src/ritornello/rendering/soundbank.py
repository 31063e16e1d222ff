"""The tones of a SoundFont file (sf2, or sf3 with Ogg Vorbis samples) as arrays: reader and oscillator.

Implemented of SoundFont 2.04: zones by key and velocity, generators (global, instrument, preset), tuning, loops,
attenuation, the volume envelope and the static filter. Left out: LFOs, the modulation envelope and modulators, which
colour a note but hardly change its pitch, time and level.

Read in order: the tables, `Zone`, `Soundbank.tone`, `Soundbank._wave`.
"""

from __future__ import annotations

import functools
import io
import itertools
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import FormatError
from ritornello.rendering.soundfont import SoundFont, find_tables

Samples = NDArray[np.float32]

_BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_GENERATOR = np.dtype([("operator", "<u2"), ("amount", "<i2")])
_PRESET = np.dtype(
    [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("unused", "<u4", 3)]
)
_INSTRUMENT = np.dtype([("name", "S20"), ("bag", "<u2")])
_SAMPLE = np.dtype(
    [("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"),
     ("rate", "<u4"), ("root", "u1"), ("correction", "i1"), ("link", "<u2"), ("type", "<u2")]
)  # fmt: skip

# Generators (8.1.2)
_START, _END, _LOOP_START, _LOOP_END = 0, 1, 2, 3
_COARSE = {_START: 4, _END: 12, _LOOP_START: 45, _LOOP_END: 50}  # the same in steps of 32,768 frames
_CUTOFF, _RESONANCE, _PAN = 8, 9, 17
_DELAY, _ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE, _KEY_HOLD, _KEY_DECAY = range(33, 41)
_INSTRUMENT_OF, _KEYS, _VELOCITIES, _FIXED_KEY, _ATTENUATION = 41, 43, 44, 46, 48
_SEMITONES, _CENTS, _SAMPLE_OF, _MODES, _SCALE, _ROOT = 51, 52, 53, 54, 56, 58

_DEFAULTS = {
    **dict.fromkeys((_DELAY, _ATTACK, _HOLD, _DECAY, _RELEASE), -12_000),
    **{_CUTOFF: 13_500, _SCALE: 100, _ROOT: -1, _FIXED_KEY: -1},
}
_COMPRESSED = 0x10  # of a sample's type: Ogg Vorbis (sf3)
_OPEN_FILTER = 13_400  # absolute cents; at or above it a filter is inaudible
_ATTENUATION_SCALE = 0.4  # as in the original hardware and other players, for which SoundFonts are made
_FALL = -5.0  # a full decay or release is 100 dB: 10 ** -5
_SHORTEST_RELEASE = 0.02  # seconds; a sample cut off at once clicks


@dataclass(frozen=True)
class Zone:
    """A sample with the generators that apply to it, for some keys and velocities."""

    keys: tuple[int, int]
    velocities: tuple[int, int]
    generators: dict[int, int] = field(hash=False)

    def holds(self, pitch: int, velocity: int) -> bool:
        return self.keys[0] <= pitch <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]

    def __getitem__(self, generator: int) -> int:
        return self.generators.get(generator, _DEFAULTS.get(generator, 0))

    def seconds(self, generator: int) -> float:
        """Return a time given in timecents (1200 times the binary logarithm of seconds)."""
        return float(2.0 ** (min(self[generator], 8000) / 1200))


class Soundbank:
    """The tones of a SoundFont at `rate` frames a second."""

    def __init__(self, font: SoundFont, rate: int) -> None:
        self.path, self.rate = font.path, rate
        with font.path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._samples_at = self._data.find(b"sdtasmpl") + 12
        tables = find_tables(self._data)
        dtypes = {"phdr": _PRESET, "pbag": _BAG, "pgen": _GENERATOR, "inst": _INSTRUMENT, "ibag": _BAG,
                  "igen": _GENERATOR, "shdr": _SAMPLE}  # fmt: skip
        self._tables = {
            name: np.frombuffer(self._data, dtype, tables[name][1] // dtype.itemsize, tables[name][0])
            for name, dtype in dtypes.items()
        }
        self._zones = functools.cache(self._find_zones)
        self._sample = functools.cache(self._read_sample)
        self._wave = functools.lru_cache(maxsize=256)(self._make_wave)

    def tone(self, preset: tuple[int, int], pitch: int, velocity: int, frames: int, bend: int = 0) -> Samples:
        """Return a note held for `frames` and then released, mono, shape (frames + release,) at most.

        A note that is bent by `bend` semitones keeps the sample, filter and envelope of its pitch. The velocity selects
        the zones but does not set the level. Raise FormatError for a damaged file.
        """
        layers: list[Samples] = []
        try:
            for number, zone in enumerate(self._zones(preset)):
                if not zone.holds(pitch, velocity):
                    continue
                release = round(max(zone.seconds(_RELEASE), _SHORTEST_RELEASE) * self.rate)
                # A power of two, so that one cached wave serves many notes.
                seconds = 2.0 ** np.ceil(np.log2((frames + release) / self.rate))
                layer = self._wave(preset, number, pitch, float(seconds), bend)[: frames + release].copy()
                tail = max(0, len(layer) - frames)
                layer[frames:] *= 10.0 ** (_FALL * np.arange(tail, dtype=np.float32) / release)
                layers.append(layer)
        except (IndexError, KeyError, ValueError, ZeroDivisionError, RuntimeError) as error:
            raise FormatError(f"{self.path}: damaged SoundFont: preset {preset} cannot be played") from error
        result = np.zeros(max([frames, *(len(layer) for layer in layers)]), dtype=np.float32)
        for layer in layers:
            result[: len(layer)] += layer
        return result

    # Zones

    def _find_zones(self, preset: tuple[int, int]) -> list[Zone]:
        heads, instruments = self._tables["phdr"], self._tables["inst"]
        place = int(
            np.flatnonzero((heads["bank"][:-1] == preset[0]) & (heads["program"][:-1] == preset[1]))[0]
        )
        zones = []
        for outer in self._generators("p", heads["bag"][place : place + 2], _INSTRUMENT_OF):
            number = outer[_INSTRUMENT_OF]
            bags = instruments["bag"][number : number + 2]
            zones += [_combined(outer, inner) for inner in self._generators("i", bags, _SAMPLE_OF)]
        return zones

    def _generators(self, kind: str, bags: NDArray[Any], last: int) -> Iterator[dict[int, int]]:
        """Yield the generators of each zone that ends with `last`, with those of a global zone before it."""
        common: dict[int, int] = {}
        edges = self._tables[f"{kind}bag"]["generator"][int(bags[0]) : int(bags[1]) + 1].tolist()
        for number, (start, stop) in enumerate(itertools.pairwise(edges)):
            rows = self._tables[f"{kind}gen"][start:stop]
            own = dict(zip(rows["operator"].tolist(), rows["amount"].tolist(), strict=True))
            if last in own:
                yield common | own
            elif number == 0:
                common = own

    # Sound

    def _make_wave(
        self, preset: tuple[int, int], number: int, pitch: int, seconds: float, bend: int
    ) -> Samples:
        """Return the sound of a held zone, for `seconds` or until its sample ends."""
        zone = self._zones(preset)[number]
        head, sample = self._sample(zone[_SAMPLE_OF])
        key = zone[_FIXED_KEY] if zone[_FIXED_KEY] >= 0 else pitch
        root = zone[_ROOT] if zone[_ROOT] >= 0 else int(head["root"])
        cents = (key - root) * zone[_SCALE] + 100 * zone[_SEMITONES] + zone[_CENTS] + int(head["correction"])
        speed = 2.0 ** ((cents + 100 * bend) / 1200) * int(head["rate"]) / self.rate
        wave = _read_at(sample, round(seconds * self.rate), speed, _loop(zone, head))
        level = 10.0 ** (-_ATTENUATION_SCALE * max(0, zone[_ATTENUATION]) / 200)
        level *= 1 - abs(zone[_PAN]) / 1000  # of a stereo pair, half of each side
        return np.asarray(
            _filtered(wave, zone, self.rate) * _envelope(zone, key, len(wave), self.rate) * level
        )

    def _read_sample(self, number: int) -> tuple[Any, Samples]:
        """Return the header of a sample and its frames."""
        head = self._tables["shdr"][number]
        start, end = int(head["start"]), int(head["end"])
        if head["type"] & _COMPRESSED:
            return head, _decoded(self._data[self._samples_at + start : self._samples_at + end])
        at, length = self._samples_at + 2 * start, max(0, end - start)
        return head, np.frombuffer(self._data, "<i2", length, at).astype(np.float32) / np.float32(32_768)


def _combined(outer: dict[int, int], inner: dict[int, int]) -> Zone:
    """Return the zone of an instrument within a preset: generators of the preset are added to its own (9.4)."""
    generators = dict(inner)
    for operator, amount in outer.items():
        if operator not in (_KEYS, _VELOCITIES, _INSTRUMENT_OF):
            generators[operator] = generators.get(operator, _DEFAULTS.get(operator, 0)) + amount
    return Zone(
        _overlap(outer.get(_KEYS), inner.get(_KEYS)),
        _overlap(outer.get(_VELOCITIES), inner.get(_VELOCITIES)),
        generators,
    )


def _overlap(*ranges: int | None) -> tuple[int, int]:
    """Return the intersection of ranges, each packed as low byte and high byte."""
    pairs = [(0, 127), *((packed & 0xFF, packed >> 8 & 0xFF) for packed in ranges if packed is not None)]
    return max(low for low, _ in pairs), min(high for _, high in pairs)


def _decoded(data: bytes) -> Samples:
    import soundfile

    samples: Samples = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0][:, 0]
    return samples


def _loop(zone: Zone, head: Any) -> tuple[int, int] | None:
    """Return the loop in frames from the start of the sample, or None if it is played once."""
    if not zone[_MODES] & 1:
        return None
    # Counted from the start of the sample in sf3, from the start of all samples in sf2.
    base = 0 if head["type"] & _COMPRESSED else int(head["start"])
    first, last = (
        int(head[name]) - base + zone[fine] + 32_768 * zone[_COARSE[fine]]
        for name, fine in (("loop_start", _LOOP_START), ("loop_end", _LOOP_END))
    )
    return (first, last) if 0 <= first < last else None


def _read_at(sample: Samples, frames: int, speed: float, loop: tuple[int, int] | None) -> Samples:
    """Return `frames` of `sample` read at `speed` by linear interpolation, repeating its loop once that is reached."""
    if loop is not None and loop[1] < len(sample):
        places = np.arange(frames) * speed
        inside = places >= loop[1]
        places[inside] = loop[0] + (places[inside] - loop[0]) % (loop[1] - loop[0])
    else:
        places = np.arange(min(frames, int(max(0, len(sample) - 1) / speed))) * speed
    index = places.astype(np.int64)
    part = (places - index).astype(np.float32)
    return np.asarray(sample[index] * (1 - part) + sample[np.minimum(index + 1, len(sample) - 1)] * part)


def _filtered(wave: Samples, zone: Zone, rate: int) -> Samples:
    """Return `wave` through the two-pole low-pass filter of the zone, where it is audible."""
    if zone[_CUTOFF] >= _OPEN_FILTER or not len(wave):
        return wave
    cutoff = 8.176 * 2.0 ** (max(zone[_CUTOFF], 1500) / 1200)
    quality = 10.0 ** ((max(0, zone[_RESONANCE]) - 30.1) / 200)  # 0 is flat up to the cutoff (8.1.3)
    ratio = np.fft.rfftfreq(2 * len(wave), 1 / rate) / cutoff
    response = 1 / (1 - ratio**2 + 1j * ratio / quality)
    return np.fft.irfft(np.fft.rfft(wave, 2 * len(wave)) * response)[: len(wave)].astype(np.float32)


def _envelope(zone: Zone, key: int, frames: int, rate: int) -> Samples:
    """Return delay, attack, hold, decay and sustain: attack linear in amplitude, decay linear in decibels."""
    hold = zone.seconds(_HOLD) * 2.0 ** (zone[_KEY_HOLD] * (60 - key) / 1200)
    decay = zone.seconds(_DECAY) * 2.0 ** (zone[_KEY_DECAY] * (60 - key) / 1200)
    attack, sustain = zone.seconds(_ATTACK), -min(max(zone[_SUSTAIN], 0), 1000) / 200
    seconds = np.arange(frames, dtype=np.float32) / rate - (
        zone.seconds(_DELAY) if zone[_DELAY] > -12_000 else 0
    )
    rise = np.clip(seconds / attack, 0, 1)
    fall = np.maximum(_FALL * np.maximum(seconds - attack - hold, 0) / decay, sustain)
    return np.asarray(rise * 10.0**fall, dtype=np.float32)

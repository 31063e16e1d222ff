"""The bytes of a Standard MIDI File -> columns of events, in ticks; notes are paired in `midi`.

For speed in pure Python, a regular expression matches each run of ordinary events (a status with two data bytes) at
once; all else (meta events, SysEx, damage) is read event by event. All of it is copied into a *canonical stream* in
which every event is a delta, a status byte that may be left out, and exactly two bytes below 128. Whole columns are
then decoded from that stream, for all tracks at once: the bytes below 128 are, in turn, the end of a delta, a first
and a second data byte.

"Track" in this module means an MTrk chunk. Repairs are counted in a `Repairs`.

Read in order: `Events`, `read_smf`, `_chunks`, `_Scanner`, `_decode`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import FormatError
from ritornello.formats.encodings import decode, find_encodings
from ritornello.formats.repairs import Repairs

SYSEX, SKIPPED, META = 0xF0, 0xF1, 0xFF  # a SKIPPED row keeps the delta of another system message
DEVICE, PORT, END_OF_TRACK, TEMPO, METER, KEY = 0x09, 0x21, 0x2F, 0x51, 0x58, 0x59
TEXTS = {1: "text", 2: "copyright", 3: "name", 4: "instrument", 5: "lyric", 6: "marker", 7: "cue"}
MAX_DELTA = 0x0FFFFFFF
MAX_BYTES = 64 << 20  # the largest file that is read, also after decompression


@dataclass(frozen=True)
class Events:
    """The events of a file in columns of equal length, track after track, in the order of the file.

    tick: from the start of the piece. track: counted from 0. status: the status byte. first, second: the data bytes,
    0-127; `first` of a META row is its type. payloads: the contents of the META rows, in order. sysex: those of the
    SYSEX rows, beginning with F0, or F7 where a message continues.
    """

    tick: NDArray[np.int64]
    track: NDArray[np.int64]
    status: NDArray[np.uint8]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    payloads: list[bytes]
    sysex: list[bytes]


@dataclass(frozen=True)
class SmfFile:
    """A MIDI file: the format (0, 1 or 2), ticks to a quarter, and the events of `tracks` tracks.

    microseconds_per_quarter: None, or the constant tempo of a file timed by SMPTE frames.
    """

    format: int
    ticks_per_quarter: int
    microseconds_per_quarter: int | None
    tracks: int
    events: Events
    repairs: Repairs = field(default_factory=Repairs)

    @cached_property
    def metas(self) -> list[tuple[int, int, int, bytes]]:
        """The meta events: row, track, type, content."""
        rows = np.flatnonzero(self.events.status == META)
        columns = rows.tolist(), self.events.track[rows].tolist(), self.events.first[rows].tolist()
        return list(zip(*columns, self.events.payloads, strict=True))

    @cached_property
    def encodings(self) -> tuple[str, ...]:
        """The encodings of the texts, in the order in which to try them."""
        return find_encodings(payload for _, _, kind, payload in self.metas if kind in TEXTS)

    def text(self, payload: bytes) -> str:
        """Return the text of a meta event; trailing NULs are padding."""
        return (payload.decode("ascii") if payload.isascii() else decode(payload, self.encodings)).rstrip(
            "\0"
        )

    def name(self, payload: bytes) -> str:
        """Return the name of a track without white space and NULs around it, in any order."""
        return self.text(payload).strip(MARGIN)


def read_smf(data: bytes, name: str) -> SmfFile:
    """Return the bytes of a MIDI file as events. Raise FormatError, with `name` for the file, if it has no track."""
    repairs = Repairs()
    data = _unpacked(data, name, repairs)
    start = _header_start(data, name, repairs)
    form, count, division = (int.from_bytes(data[start + i : start + i + 2], "big") for i in (8, 10, 12))
    if form > 2:
        repairs.add("format")
        form = 1
    scanner = _Scanner(data, repairs)
    for first, stop in _chunks(data, start, repairs):
        scanner.scan(first, stop)
        count += data.startswith(WORDS_CHUNK, first - 8)
    if not scanner.stream:
        raise FormatError(f"{name}: no track with events after the MIDI header at byte {start}")
    if len(scanner.ends) != count:
        repairs.add("count")
    if form == 2 and len(scanner.ends) > 1:
        repairs.add("format 2")
    ticks_per_quarter, tempo = _timing(division, repairs)
    events = _decode(scanner, one_after_another=form == 2)
    return SmfFile(form, ticks_per_quarter, tempo, len(scanner.ends), events, repairs)


def _unpacked(data: bytes, name: str, repairs: Repairs) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        unpacked = zlib.decompressobj(31).decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise FormatError(f"{name}: damaged gzip file ({error})") from None
    repairs.add("gzip")
    return unpacked


def _header_start(data: bytes, name: str, repairs: Repairs) -> int:
    """Return where the MIDI header begins: at 0, inside a RIFF file, or after junk such as a MacBinary header.

    A header with a damaged name is 14 bytes before the first track and has length 6.
    """
    start = data.find(b"MThd")
    if start < 0:
        start = data.find(b"MTrk") - 14
        if start < 0 or data[start + 4 : start + 8] != b"\0\0\0\x06":
            kind = "a MIDI 2.0 clip" if data.startswith(b"SMF2CLIP") else "not a Standard MIDI File"
            raise FormatError(f"{name}: {kind}: no MThd header from byte 0 on, it begins with {data[:8]!r}")
    if len(data) < start + 14:
        raise FormatError(
            f"{name}: the MIDI header at byte {start} is cut off, the file has {len(data)} bytes"
        )
    if start and not data.startswith(b"RIFF"):
        repairs.add("before", count=start)
    return start


def _timing(division: int, repairs: Repairs) -> tuple[int, int | None]:
    """Return ticks to a quarter, and the constant tempo if the division is in SMPTE frames.

    Frames give ticks a fixed length; a quarter note is then set to half a second, or to one second where half a
    second is no whole number of ticks. 29 frames a second stands for 30 / 1.001.
    """
    frames, ticks = 256 - (division >> 8), division & 0xFF
    if division == 0 or (division >= 0x8000 and ticks == 0):
        repairs.add("division")
        return 480, None
    if division < 0x8000:
        return division, None
    if frames == 29:
        return 15 * ticks, 500_500
    a_second = frames * ticks
    return (a_second, 1_000_000) if a_second % 2 else (a_second // 2, 500_000)


WORDS_CHUNK = b"XFKM"
"""A chunk of Yamaha XF with the lyrics of a file, read like a track."""

# The name of a track may have one wrong letter if a plausible length follows.
_TRACK = re.compile(rb"MTrk|(?:MTr.|MT.k|M.rk|.Trk)\0", re.DOTALL)
_CHUNK = re.compile(_TRACK.pattern + rb"|[\x20-\x7e]{4}", re.DOTALL)


def _chunks(data: bytes, start: int, repairs: Repairs) -> Iterator[tuple[int, int]]:
    """Yield the first byte and the end of the content of every MTrk chunk, and of the words of Yamaha XF.

    A length is valid if a chunk or the end of the file follows; otherwise the content extends to the next MTrk.
    """
    length = int.from_bytes(data[start + 4 : start + 8], "big")
    at = start + 8 + max(6, length)
    if length < 6 or not _is_boundary(data, at) or not data.startswith(b"MThd", start):
        repairs.add("header")
        at = start + 14
    track = 0
    while at + 8 <= len(data):
        if not _CHUNK.match(data, at):
            junk, at = at, _find_track(data, at)
            repairs.add("junk", count=at - junk)
            continue
        is_words = data.startswith(WORDS_CHUNK, at)
        is_track = is_words or _TRACK.match(data, at) is not None
        track += is_track
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if not _is_boundary(data, end):
            end = _find_track(data, at + 8)
            repairs.add("length", track)
        if is_track:
            if not (is_words or data.startswith(b"MTrk", at)):
                repairs.add("name")
            yield at + 8, end
        else:
            repairs.add("chunk")
        at = end


def _is_boundary(data: bytes, at: int) -> bool:
    """Return whether a chunk can end at `at`: at the end of the file, after an end-of-track, or before a chunk."""
    return at == len(data) or data[at - 3 : at] == b"\xff\x2f\0" or bool(_CHUNK.match(data, at))


def _find_track(data: bytes, at: int) -> int:
    """Return where the next track chunk begins from byte `at` on, or the length of the data."""
    found = _TRACK.search(data, at)
    return found.start() if found else len(data)


# Ordinary events: a delta of up to four bytes, a status or none (running status), two data bytes.
# The group is the last status of a run. Possessive (++), so that a long run needs no memory.
_RUN = re.compile(rb"(?:[\x80-\xff]{0,3}[\x00-\x7f]([\x80-\xbf\xe0-\xef])?[\x00-\x7f]{2})++")
_RUN_FROM_STATUS = re.compile(rb"(?=[\x80-\xff]{0,3}[\x00-\x7f][\x80-\xef])" + _RUN.pattern)
_SHORT_META = re.compile(rb"[\x80-\xff]{0,3}[\x00-\x7f]\xff([\x00-\x7f])([\x00-\x7f])")
MARGIN = "\0" + "".join(filter(str.isspace, map(chr, range(0x3001))))  # NUL and all white space
_QUANTITY = re.compile(rb"[\x80-\xff]*[\x00-\x7f]")
_STATUS = re.compile(rb"[\x80-\xff]")
_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of system messages; the others have none


class _CutOff(Exception):
    """The track ends within an event."""


class _Scanner:
    """Copies tracks, one after another, into the canonical stream; `ends` are the ends of the tracks in it."""

    def __init__(self, data: bytes, repairs: Repairs) -> None:
        self.data = data
        self.repairs = repairs
        self.stream = bytearray()
        self.payloads: list[bytes] = []
        self.sysex: list[bytes] = []
        self.ends: list[int] = []

    def scan(self, start: int, stop: int) -> None:
        """Copy the events of the track from byte `start` up to `stop`, or up to its end-of-track."""
        self.track = len(self.ends) + 1
        self.at, self.stop = start, stop
        self.running = 0  # the running status; 0: none
        self.joined = False  # whether the last event copied was an ordinary one with the running status
        try:
            while self.at < self.stop:
                run = (_RUN if self.joined else _RUN_FROM_STATUS).match(self.data, self.at, self.stop)
                if run:
                    self.stream += run.group()
                    self.at = run.end()
                    if run.group(1):
                        self.running = run.group(1)[0]
                    self.joined = True
                elif meta := _SHORT_META.match(self.data, self.at, self.stop):
                    self._copy(self.data[self.at : meta.start(1) - 1], META, meta.group(1)[0])
                    self._read_payload(meta.end(), meta.group(2)[0])
                    if meta.group(1)[0] == END_OF_TRACK:
                        break
                else:
                    self._scan_odd_event()
            else:
                self.repairs.add("end", self.track)
            if self.at < self.stop:
                self.repairs.add("after end", self.track, self.stop - self.at)
        except _CutOff:
            self.repairs.add("cut", self.track)
        self.ends.append(len(self.stream))

    def _copy(self, delta: bytes, status: int, first: int, second: int = 0) -> None:
        self.stream += delta
        self.stream += bytes((status, first, second))
        self.joined = False

    def _read_payload(self, at: int, length: int) -> None:
        self.payloads.append(self.data[at : min(at + length, self.stop)])
        self.at = at + length
        if self.at > self.stop:
            self.payloads[-1] = b""
            raise _CutOff

    def _scan_odd_event(self) -> None:
        """Copy one event that is neither ordinary nor a short meta event."""
        delta = self._variable()
        if len(delta) > 4:
            self.repairs.add("delta", self.track)
            delta = b"\xff\xff\xff\x7f"
        status = self._byte()
        if status < 0x80:
            status = self._missing_status()
        if status < 0xF0:
            has_second = not 0xC0 <= status < 0xE0
            first = self._data_byte()
            self._copy(delta, status, first, self._data_byte() if has_second else 0)
            self.running, self.joined = status, has_second
        elif status == META:
            kind = self._byte()
            length = quantity_value(self._variable())
            self._copy(delta, META, min(kind, 0x7F))
            self._read_payload(self.at, length)
        elif status in (0xF0, 0xF7):
            self._copy(delta, SYSEX, 0)
            self.sysex.append(b"")
            length, start = quantity_value(self._variable()), self.at
            self.at += length
            if self.at > self.stop:
                raise _CutOff
            self.sysex[-1] = bytes((status,)) + self.data[start : self.at]
        else:
            self._copy(delta, SKIPPED, 0)
            self.at += _SYSTEM_BYTES.get(status, 0)
            self.repairs.add("system", self.track)
            if self.at > self.stop:
                raise _CutOff

    def _byte(self) -> int:
        if self.at >= self.stop:
            raise _CutOff
        self.at += 1
        return self.data[self.at - 1]

    def _variable(self) -> bytes:
        match = _QUANTITY.match(self.data, self.at, self.stop)
        if not match:
            raise _CutOff
        self.at = match.end()
        return match.group().lstrip(b"\x80") or b"\0"

    def _missing_status(self) -> int:
        """Step back to the data byte and return the running status; without one, skip to the next status byte."""
        self.at -= 1
        if self.running:
            if not self.joined:
                self.repairs.add("resumed", self.track)
            return self.running
        found = _STATUS.search(self.data, self.at, self.stop)
        end = found.start() if found else self.stop
        self.repairs.add("status", self.track, end - self.at)
        self.at = end
        return self._byte()

    def _data_byte(self) -> int:
        byte = self._byte()
        if byte > 127:
            self.repairs.add("data", self.track)
        return min(byte, 127)


def quantity_value(data: bytes) -> int:
    """Return the value of a variable-length quantity: the sum of (byte mod 128) * 128 ** place."""
    value = 0
    for byte in data[:9]:  # more is beyond any file
        value = value << 7 | byte & 0x7F
    return value


def _decode(scanner: _Scanner, one_after_another: bool) -> Events:
    """Return the canonical stream decoded into columns; the tracks begin together or follow each other."""
    stream = np.frombuffer(bytes(scanner.stream), dtype=np.uint8)
    low = np.flatnonzero(stream < 0x80)
    delta_at, first_at, second_at = low[0::3], low[1::3], low[2::3]
    has_status = first_at - delta_at == 2
    status_at = np.maximum.accumulate(np.where(has_status, first_at - 1, 0))
    delta = stream[delta_at].astype(np.int64)
    upper_bytes = delta_at - np.concatenate([[-1], second_at[:-1]]) - 1
    for i in (1, 2, 3):
        rows = np.flatnonzero(upper_bytes >= i)
        delta[rows] += (stream[delta_at[rows] - i] & 0x7F).astype(np.int64) << 7 * i
    bounds = np.concatenate([[0], np.searchsorted(second_at, scanner.ends)])
    lengths = np.diff(bounds)
    tick = np.cumsum(delta)
    if not one_after_another:
        tick -= np.repeat(np.concatenate([[0], tick])[bounds[:-1]], lengths)
    return Events(
        tick,
        np.repeat(np.arange(len(lengths)), lengths),
        stream[status_at],
        stream[first_at],
        stream[second_at],
        scanner.payloads,
        scanner.sysex,
    )

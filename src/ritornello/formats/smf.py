"""The bytes of a Standard MIDI File -> columns of events, in ticks; notes are paired in `midi`.

*Ordinary* events have two data bytes and need no repair. For every byte below 128, `_Scanner` finds out at once whether
it ends the delta of an ordinary event. Such an event has exactly three bytes below 128 (the end of the delta and the
data), so the next event begins three of these bytes later, and the length of a run of ordinary events is found by one
search in every third of the answers. What stands between the runs (meta events, SysEx, damage) is read event by event.
Whole columns are then decoded, for all tracks at once.

"Track" in this module means an MTrk chunk. Repairs are counted in a `Repairs`.

Read in order: `Events`, `read_smf`, `_chunks`, `_Scanner`.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
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
    0-127; `first` of a META row is its type.
    """

    tick: NDArray[np.int64]
    track: NDArray[np.int64]
    status: NDArray[np.uint8]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]


@dataclass(frozen=True)
class SmfFile:
    """A MIDI file: the format (0, 1 or 2), ticks to a quarter, and the events of `tracks` tracks.

    microseconds_per_quarter: None, or the constant tempo of a file timed by SMPTE frames. metas: the meta events: row,
    track, type, content. sysex: row, track, and the message, beginning with F0, or F7 where a message continues.
    """

    format: int
    ticks_per_quarter: int
    microseconds_per_quarter: int | None
    tracks: int
    events: Events
    metas: list[tuple[int, int, int, bytes]]
    sysex: list[tuple[int, int, bytes]]
    repairs: Repairs

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


def read_smf(data: bytes, name: str, most: int = MAX_BYTES) -> SmfFile:
    """Return the bytes of a MIDI file as events.

    Raise FormatError, with `name` for the file, if it has no track, or more than `most` bytes, counted unpacked.
    """
    repairs = Repairs()
    data = _unpacked(data, name, most, repairs)
    if len(data) > most:
        raise FormatError(f"{name}: more than {most:,} bytes, which are allowed")
    start = _header_start(data, name, repairs)
    form, count, division = (int.from_bytes(data[start + i : start + i + 2], "big") for i in (8, 10, 12))
    if form > 2:
        repairs.add("format")
        form = 1
    chunks = list(_chunks(data, start, repairs))
    count += sum(data.startswith(WORDS_CHUNK, first - 8) for first, _ in chunks)
    scanner = _Scanner(data[: max((stop for _, stop in chunks), default=0)], repairs)
    for first, stop in chunks:
        scanner.scan(first, stop)
    if not scanner.count:
        raise FormatError(f"{name}: no track with events after the MIDI header at byte {start}")
    if len(scanner.ends) != count:
        repairs.add("count")
    if form == 2 and len(scanner.ends) > 1:
        repairs.add("format 2")
    ticks_per_quarter, tempo = _timing(division, repairs)
    events = scanner.events(one_after_another=form == 2)
    tracks = len(scanner.ends)
    return SmfFile(form, ticks_per_quarter, tempo, tracks, events, scanner.metas, scanner.sysex, repairs)


def _unpacked(data: bytes, name: str, most: int, repairs: Repairs) -> bytes:
    """Return the bytes of a file, unpacked if it is packed by gzip; of more than `most` bytes one more than that."""
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        unpacked = zlib.decompressobj(31).decompress(data, most + 1)
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
            begin = f"the bytes {data[:8].hex(' ')}" if data else "nothing"
            kind = "a MIDI 2.0 clip" if data.startswith(b"SMF2CLIP") else "not a Standard MIDI File"
            raise FormatError(f"{name}: {kind}: no MThd header from byte 0 on, it begins with {begin}")
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


MARGIN = "\0" + "".join(filter(str.isspace, map(chr, range(0x3001))))  # NUL and all white space
_QUANTITY = re.compile(rb"[\x80-\xff]*[\x00-\x7f]")
_STATUS = re.compile(rb"[\x80-\xff]")
_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of system messages; the others have none
_LOW, _TWO_DATA = 1, 2
_CLASSES = bytes(
    _LOW if byte < 0x80 else _TWO_DATA if byte < 0xC0 or 0xE0 <= byte < 0xF0 else 0 for byte in range(256)
)
_LOWER = bytes(range(0x80))


class _CutOff(Exception):
    """The track ends within an event."""


class _Scanner:
    """Finds the events of tracks, one after another; `count` events so far, `ends` their number after each track.

    A byte below 128 is *low*; `low[i]` is the place of the i-th one.
    """

    def __init__(self, data: bytes, repairs: Repairs) -> None:
        self.data = data + b"\0\0\0"  # an event may be looked at beyond the end
        self.repairs = repairs
        self.count = 0
        self.ends: list[int] = []
        self.metas: list[tuple[int, int, int, bytes]] = []
        self.sysex: list[tuple[int, int, bytes]] = []
        self.first_low = array("q")  # of every run: the low byte that ends the first delta
        self.lengths = array("q")  # of every run
        self.odd: list[tuple[int, int, int, int, int]] = []  # events in full: row, delta, status, data
        self.edges: list[int] = []  # high bytes before an event that are not of its delta
        classes = np.frombuffer(self.data.translate(_CLASSES), dtype=np.uint8)
        is_low, has_two = classes == _LOW, classes == _TWO_DATA
        ends_delta = is_low[:-3] & is_low[2:-1] & (is_low[1:-2] | has_two[1:-2] & is_low[3:])
        ends_delta[4:] &= is_low[:-7] | is_low[1:-6] | is_low[2:-5] | is_low[3:-4]
        self.low = np.flatnonzero(is_low)
        ordinary = np.append(ends_delta, np.zeros(3, dtype=bool))[self.low]
        self.ordinary = [ordinary[phase::3].tobytes() for phase in range(3)]

    def scan(self, start: int, stop: int) -> None:
        """Find the events of the track from byte `start` up to `stop`, or up to its end-of-track."""
        self.track = len(self.ends)
        self.at, self.stop = start, stop
        self.running = 0  # the running status; 0: none
        self.run = (0, 0)  # the last run, if its last status is not yet in `running`
        self.joined = False  # whether the last event has a running status and two data bytes
        self.interrupted = False  # whether a meta or SysEx event came since the last channel event
        self.edges.append(start - 1)
        try:
            self._scan()
            if self.at < self.stop:
                self.repairs.add("after end", self.track + 1, self.stop - self.at)
        except _CutOff:
            self.repairs.add("cut", self.track + 1)
        self.ends.append(self.count)

    def _scan(self) -> None:
        data, place, at, stop = self.data, self.low.item, self.at, self.stop
        add_first, add_length, add_meta = self.first_low.append, self.lengths.append, self.metas.append
        index, last = np.searchsorted(self.low, (at, stop)).tolist()
        while at < stop:
            end = place(index)  # of the delta, which begins at `at`
            status, first, count = data[end + 1], data[end + 2], 1
            is_regular = end - at < 4 and end + 4 <= stop and first < 0x80
            if (
                is_regular
                and status == META
                and (length := data[end + 3]) < 0x80
                and end + 4 + length <= stop
            ):
                at = end + 4 + length
                payload = data[end + 4 : at]
                add_meta((self.count, self.track, first, payload))
                add_first(index)
                self.joined, self.interrupted = False, True
                index += 3 + length - (0 if payload.isascii() else len(payload.translate(None, _LOWER)))
            elif is_regular and 0xC0 <= status < 0xE0:
                at = end + 3
                add_first(index)
                self.running, self.run = status, (0, 0)
                self.joined = self.interrupted = False
                index += 2
            elif (self.joined or status > 127) and (count := self._ordinary(index, last)):
                add_first(index)
                self.run = (index, count)
                self.joined, self.interrupted = True, False
                index += 3 * count
                at = place(index - 1) + 1
            else:
                self.at = at
                self._scan_odd_event()
                at = self.at
                index = int(np.searchsorted(self.low, at))
                self.edges.append(at - 1)
                continue
            add_length(count)
            self.count += count
            if data[at - 1] > 127:
                self.edges.append(at - 1)
            if status == META and first == END_OF_TRACK:
                self.at = at
                return
        self.at = at
        self.repairs.add("end", self.track + 1)

    def _ordinary(self, index: int, last: int) -> int:
        """Return how many ordinary events follow, the first delta ending with low byte `index`, all before `last`."""
        third, phase = divmod(index, 3)
        most = third + max(0, last - index) // 3
        found = self.ordinary[phase].find(0, third, most)
        return (most if found < 0 else found) - third

    def _scan_odd_event(self) -> None:
        """Read one event that is neither ordinary nor a short meta event."""
        variable = self._variable()
        delta = quantity_value(variable)
        if len(variable) > 4:
            self.repairs.add("delta", self.track + 1)
            delta = MAX_DELTA
        status = self._byte()
        if status < 0x80:
            status = self._missing_status()
        if status < 0xF0:
            has_second = not 0xC0 <= status < 0xE0
            first = self._data_byte()
            self._add(delta, status, first, self._data_byte() if has_second else 0)
            self.running, self.run = status, (0, 0)
            self.joined, self.interrupted = has_second, False
            return
        self.joined, self.interrupted = False, True
        if status == META:
            kind = min(self._byte(), 0x7F)
            length = quantity_value(self._variable())
            self.metas.append((self.count, self.track, kind, self._content(length)))
            self._add(delta, META, kind)
        elif status in (0xF0, 0xF7):
            self._add(delta, SYSEX)
            length = quantity_value(self._variable())
            self.sysex.append((self.count - 1, self.track, bytes((status,)) + self._content(length)))
        else:
            self._add(delta, SKIPPED)
            length = _SYSTEM_BYTES.get(status, 0)
            self.repairs.add("system", self.track + 1)
        self.at += length
        if self.at > self.stop:
            raise _CutOff

    def _add(self, delta: int, status: int, first: int = 0, second: int = 0) -> None:
        self.odd.append((self.count, delta, status, first, second))
        self.first_low.append(0)
        self.lengths.append(1)
        self.count += 1

    def _content(self, length: int) -> bytes:
        """Return the next bytes, empty if the track ends before."""
        end = self.at + length
        return self.data[self.at : end] if end <= self.stop else b""

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
        index, count = self.run
        for place in self.low[index : index + 3 * count : 3][::-1].tolist():
            if self.data[place + 1] > 127:
                self.running = self.data[place + 1]
                break
        self.run = (0, 0)
        if self.running:
            if self.interrupted:
                self.repairs.add("resumed", self.track + 1)
            return self.running
        found = _STATUS.search(self.data, self.at, self.stop)
        end = found.start() if found else self.stop
        self.repairs.add("status", self.track + 1, end - self.at)
        self.at = end
        return self._byte()

    def _data_byte(self) -> int:
        byte = self._byte()
        if byte > 127:
            self.repairs.add("data", self.track + 1)
        return min(byte, 127)

    def events(self, one_after_another: bool) -> Events:
        """Return the events found as columns; the tracks begin together or follow each other."""
        data = np.frombuffer(self.data, dtype=np.uint8)
        first_low, counts = (
            np.frombuffer(column, dtype=np.int64) for column in (self.first_low, self.lengths)
        )
        rows = np.arange(self.count)
        at = self.low[np.repeat(first_low - 3 * (np.cumsum(counts) - counts), counts) + 3 * rows]
        delta = data[at].astype(np.int64)
        before = data.copy()
        before[self.edges] = 0
        place, longer = at - 1, rows
        for shift in (7, 14, 21):
            is_longer = before[place] > 127
            if not is_longer.any():
                break
            longer, place = longer[is_longer], place[is_longer]
            delta[longer] += (data[place] & np.int64(0x7F)) << shift
            place -= 1
        status = data[at + 1]
        has_status = status > 127  # else the running status holds
        at += 1
        at += has_status
        first, second = data[at], data[at + 1]
        if self.odd:
            odd, *columns = np.array(self.odd, dtype=np.int64).T
            delta[odd], status[odd], first[odd], second[odd] = columns
            has_status[odd] = True
        if not has_status.all():
            status = status[np.maximum.accumulate(np.where(has_status, rows, 0))]
        second *= (status < 0xC0) | (status & 0xF0 == 0xE0)
        ends, tick = np.array(self.ends), np.cumsum(delta)
        begins = np.concatenate(([0], ends[:-1]))
        track = np.repeat(np.arange(len(ends)), ends - begins)
        if not one_after_another:
            tick -= np.repeat(np.concatenate(([0], tick))[begins], ends - begins)
        return Events(tick, track, status, first, second)


def quantity_value(data: bytes) -> int:
    """Return the value of a variable-length quantity: the sum of (byte mod 128) * 128 ** place."""
    value = 0
    for byte in data[:9]:  # more is beyond any file
        value = value << 7 | byte & 0x7F
    return value

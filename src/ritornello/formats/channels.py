"""The state of MIDI channels: the program of each note, and which parts are drums.

What is set on a channel holds for all that plays on it, in whatever MTrk it is set. A *line* is one channel of one
port. It is a drum part if it is channel 10, unless the file says otherwise: by the most significant byte of a bank
select (General MIDI 2, XG) or by a SysEx message for the part (GS, XG).

Read in order: `find_lines`, `find_settings`, `sounds_of_notes`; then `channel_controls`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import run_edges, stable_order
from ritornello.formats.messages import BANK_SELECT, DRUM_CHANNEL, PROGRAM_CHANGE, bank_kind
from ritornello.formats.smf import DEVICE, PORT, SYSEX, Events, SmfFile
from ritornello.score import CONTROL_CHANGE

Indices = NDArray[np.int64]


def find_lines(file: SmfFile) -> Indices:
    """Return the line of every event: 16 times its port, plus its channel; in format 2 every MTrk has its own port.

    A port is set by its number or by the name of a device (where a file names several); what an MTrk sets first holds
    from its beginning.
    """
    events = file.events
    channels = events.status.astype(np.int64) & 0x0F
    if file.format == 2:
        return channels + 16 * events.track
    changes = [
        (row, track, kind, payload)
        for row, track, kind, payload in file.metas
        if kind in (PORT, DEVICE) and payload
    ]
    if len({payload for *_, kind, payload in changes if kind == DEVICE}) < 2:
        changes = [change for change in changes if change[2] == PORT]
    if not changes:
        return channels
    numbers: dict[tuple[bytes, bytes], int] = {(b"\0", b""): 0}
    at, tracks, places = np.empty((3, len(changes)), dtype=np.int64)
    initial, begin = np.zeros(file.tracks, dtype=np.int64), np.full(file.tracks, -1)
    for index, (row, track, kind, payload) in enumerate(changes):
        if index == 0 or track != tracks[index - 1]:
            port, device, begin[track] = b"\0", b"", events.tick[row]
        port, device = (payload[:1], device) if kind == PORT else (port, payload)
        at[index], tracks[index] = row, track
        places[index] = numbers.setdefault((port, device), len(numbers))
        if events.tick[row] == begin[track]:
            initial[track] = places[index]
    last = np.searchsorted(at, np.arange(len(channels)), side="right") - 1
    is_set = (last >= 0) & (tracks[last] == events.track)
    return np.asarray(channels + 16 * np.where(is_set, places[last], initial[events.track]))


@dataclass(frozen=True)
class Settings:
    """The changes of programs and of drum parts in columns, sorted by line and tick.

    row, tick, track: of the event. program: 0-127, or -1 where none has been set on the line. banks: the bank selects
    in force at program changes, where they were sent again or differ from those at the last change to this program on
    the line; rows of (row of the program change, program, controller, value).
    """

    line: Indices
    tick: Indices
    row: Indices
    track: Indices
    program: Indices
    is_drum: Indices
    banks: Indices


def find_settings(file: SmfFile, lines: Indices) -> Settings:
    """Return what sets programs, drum parts and banks; at one tick, SysEx messages come first."""
    events = file.events
    kinds = events.status & 0xF0
    is_sysex = events.status == SYSEX
    is_bank = (kinds == CONTROL_CHANGE) & (
        (events.first == BANK_SELECT[0]) | (events.first == BANK_SELECT[1])
    )
    rows = np.flatnonzero((kinds == PROGRAM_CHANGE) | is_bank | is_sysex)
    if not (is_bank.any() or file.sysex):
        rows = rows[stable_order(lines[rows], events.tick[rows])]
        line, no_banks = lines[rows], np.zeros((0, 4), dtype=np.int64)
        is_drum = (line % 16 == DRUM_CHANNEL).astype(np.int64)
        program = events.first[rows].astype(np.int64)
        return Settings(line, events.tick[rows], rows, events.track[rows], program, is_drum, no_banks)
    rows = rows[stable_order(events.tick[rows], ~is_sysex[rows])]
    messages = _sysex_messages(file)
    columns = (rows.tolist(), events.status[rows].tolist(), lines[rows].tolist(), events.first[rows].tolist())
    state, found = _Parts(int(lines.max(initial=0)) // 16), []
    banks: dict[tuple[int, int, int, int], tuple[int, ...]] = {}  # one of each controller at a tick
    for row, status, line, first, second in zip(*columns, events.second[rows].tolist(), strict=True):
        if status == SYSEX:
            changed = state.receive(line // 16, messages.get(row, b""))
        elif status & 0xF0 == PROGRAM_CHANGE:
            for number, value in state.change_program(line, first):
                banks[line, int(events.tick[row]), first, number] = (row, first, number, value)
            changed = [line]
        else:
            state.select_bank(line, first, second)
            continue
        found += [(each, row, state.programs.get(each, -1), state.is_drum(each)) for each in changed]
    table = np.array(found, dtype=np.int64).reshape(-1, 4)  # in time order
    of_line, at, program, is_drum = table[np.argsort(table[:, 0], kind="stable")].T
    of_banks = np.array(list(banks.values()), dtype=np.int64).reshape(-1, 4)
    return Settings(of_line, events.tick[at], at, events.track[at], program, is_drum, of_banks)


def _sysex_messages(file: SmfFile) -> dict[int, bytes]:
    """Return every SysEx message by its row, without F0 and F7; one that is sent in packets is put together."""
    packets: dict[int, list[bytes]] = {}
    first, track, is_open = -1, -1, False
    for row, on, data in file.sysex:
        if not (is_open and on == track and data[:1] == b"\xf7"):
            first, track = row, on
        packets.setdefault(first, []).append(data[1:])
        is_open = data[-1:] != b"\xf7"
    return {row: b"".join(parts).rstrip(b"\xf7") for row, parts in packets.items()}


class _Parts:
    """What a synthesiser knows of its parts at a time: programs, banks, and which parts are drums."""

    def __init__(self, last_port: int) -> None:
        self.last_port = last_port
        self.systems: dict[int, str] = {}  # by port: "", "GS" or "XG"
        self.programs: dict[int, int] = {}
        self.banks: dict[tuple[int, int], int] = {}  # by line and controller
        self.selected: set[tuple[int, int]] = set()  # since the last program change
        self.sent: dict[tuple[int, int, int], int] = {}  # by line, program and controller
        self.kinds: dict[int, bool] = {}  # whether drums, where that is not left to the channel
        self.by_bank: set[int] = set()  # the lines whose kind a bank has set

    def is_drum(self, line: int) -> bool:
        return self.kinds.get(line, line % 16 == DRUM_CHANNEL)

    def select_bank(self, line: int, number: int, value: int) -> None:
        self.banks[line, number] = value
        self.selected.add((line, number))

    def change_program(self, line: int, program: int) -> list[tuple[int, int]]:
        """Return the bank selects (controller, value) that the program needs at this place."""
        self.programs[line] = program
        if not self.banks:
            return []
        selected = {number for number in BANK_SELECT if (line, number) in self.selected}
        self.selected -= {(line, number) for number in selected}
        self._set_kind(line, self.banks[line, BANK_SELECT[0]] if BANK_SELECT[0] in selected else None)
        needed = []
        for number in BANK_SELECT:
            value, sent = self.banks.get((line, number)), self.sent.get((line, program, number))
            if number in selected or value != sent:
                needed.append((number, value or 0))
                self.sent[line, program, number] = value or 0
        return needed

    def _set_kind(self, line: int, bank: int | None) -> None:
        """Set whether a line has drums by the bank that has been selected for it, if any."""
        system = self.systems.get(line // 16, "")
        if bank is not None and system != "GS":  # GS has other sounds in the banks that mean drums elsewhere
            kind = bank_kind(bank)
            if kind is None and system == "XG":
                kind = False
            if kind is not None:
                self.kinds[line] = kind
                self.by_bank.add(line)
            elif line in self.by_bank:
                self.by_bank.remove(line)
                del self.kinds[line]

    def receive(self, port: int, message: bytes) -> list[int]:
        """Receive a SysEx message on a port; return the lines for which it changes something."""
        if len(message) < 4:
            return []
        if (
            message[0] == 0x7E and message[2] == 0x09 and message[3] in (1, 2, 3)
        ):  # General MIDI on, off, 2 on
            return self._reset(port, "")
        if message[0] == 0x41 and message[2:4] == b"\x42\x12":  # data set; a wrong checksum is ignored
            address, value = message[4:7], message[7:8]
            if address in (b"\x40\x00\x7f", b"\x00\x00\x7f"):
                return self._reset(port, "GS")
            block = address[1] & 0x0F if len(address) == 3 and value else 0
            if value and address in (bytes((group, 0x10 | block, 0x15)) for group in (0x40, 0x50)):
                channel = DRUM_CHANNEL if block == 0 else block - (block <= 9)
                self.systems[port] = "GS"
                return self._make(port + (address[0] == 0x50), channel, value[0] > 0)
        if message[0] == 0x43 and message[1] & 0xF0 == 0x10 and message[2] == 0x4C:
            address, value = message[3:6], message[6:7]
            if address in (b"\x00\x00\x7e", b"\x00\x00\x7f"):
                return self._reset(port, "XG")
            if len(address) == 3 and address[0] == 0x08 and address[2] == 0x07 and value:
                self.systems[port] = "XG"
                return self._make(port + (address[1] >> 4), address[1] & 0x0F, value[0] > 0)
        return []

    def _reset(self, port: int, system: str) -> list[int]:
        self.systems[port] = system
        lines = [line for line in self.kinds if line // 16 == port]
        for line in lines:
            del self.kinds[line]
        self.by_bank -= set(lines)
        self.banks = {key: bank for key, bank in self.banks.items() if key[0] // 16 != port}
        self.selected = {key for key in self.selected if key[0] // 16 != port}
        return lines

    def _make(self, port: int, channel: int, is_drum: bool) -> list[int]:
        if port > self.last_port:
            return []
        line = 16 * port + channel
        self.kinds[line] = is_drum
        self.by_bank.discard(line)
        self.selected.discard((line, BANK_SELECT[0]))
        return [line]


def sounds_of_notes(
    events: Events, lines: Indices, settings: Settings, on_rows: Indices, parts: Indices
) -> Indices:
    """Return the program of every note, whether it is a drum (0 or 1), and the tick of what set that (-1: nothing).

    The last setting on the line holds; of those at one tick, that of the note's own MTrk. In an MTrk, one that comes
    after a note at its tick does not hold for it. A note before any program takes the first that its MTrk sets.
    The notes are sorted by MTrk and line; `parts` are the edges of those of the same. Such notes sound alike where
    nothing is set after the first of them, or the same as before. The result has three rows; the third is of use for
    the first note of each sound.
    """
    firsts, lengths = np.minimum.reduceat(on_rows, parts[:-1]), parts[1:] - parts[:-1]
    sounds, varies = _sounds(events, lines, settings, firsts)
    if varies.any():
        begins = run_edges(settings.line)[:-1]
        of_settings = 2 * settings.program + settings.is_drum
        is_one = np.minimum.reduceat(of_settings, begins) == np.maximum.reduceat(of_settings, begins)
        of_one = set(settings.line[begins[is_one]].tolist())
        varies &= np.array([line not in of_one for line in lines[firsts].tolist()]) | (sounds[2] < 0)
    sounds = np.repeat(sounds, lengths, axis=1)
    if varies.any():
        others = np.flatnonzero(np.repeat(varies, lengths))
        sounds[:, others] = _sounds(events, lines, settings, on_rows[others])[0]
    return sounds


def _sounds(
    events: Events, lines: Indices, settings: Settings, on_rows: Indices
) -> tuple[Indices, NDArray[np.bool_]]:
    """Return program, drum and tick of the setting of notes, and whether something is set later on line or MTrk."""
    line, track, tick = lines[on_rows], events.track[on_rows], events.tick[on_rows]
    default = (line % 16 == DRUM_CHANNEL).astype(np.int64)
    if not len(settings.line):
        nothing = np.zeros(len(on_rows), dtype=np.int64)
        return np.array((nothing, default, nothing - 1)), nothing > 0
    ticks = np.sort(settings.tick)
    width = len(ticks) + 1
    keys = settings.line * width + np.searchsorted(ticks, settings.tick, side="right")

    def last_on_line(rank: Indices | int) -> Indices:
        found = np.searchsorted(keys, line * width + rank, side="right") - 1
        return np.where((found >= 0) & (settings.line[found] == line), found, -1)

    last = last_on_line(np.searchsorted(ticks, tick, side="right"))
    is_late = (last >= 0) & (settings.track[last] == track) & (settings.row[last] > on_rows)
    varies = is_late | (last_on_line(len(ticks)) != last)
    if is_late.any():
        last = np.where(is_late, last_on_line(np.searchsorted(ticks, tick, side="left")), last)
    lines_of_file = int(lines.max()) + 1
    parts = np.where(events.status[settings.row] == SYSEX, -1, settings.track * lines_of_file + settings.line)
    order = np.lexsort((settings.row, parts))
    before, after = neighbours(parts[order], settings.row[order], track * lines_of_file + line, on_rows)
    own = np.where(before >= 0, order[before], -1)
    chosen = np.where((own >= 0) & ((last < 0) | (settings.tick[own] >= settings.tick[last])), own, last)
    is_open = (chosen < 0) | (settings.program[chosen] < 0)
    chosen = np.where(is_open & (after >= 0), order[after], chosen)
    is_set = chosen >= 0
    program = np.where(is_set, np.maximum(settings.program[chosen], 0), 0)
    is_drum = np.where(is_set, settings.is_drum[chosen], default)
    return np.array((program, is_drum, np.where(is_set, settings.tick[chosen], -1))), varies | (after >= 0)


def neighbours(
    table_keys: Indices, table_rows: Indices, keys: Indices, rows: Indices
) -> tuple[Indices, Indices]:
    """Return, for each of `rows`, the index in the table of the nearest rows before and after it with its key.

    The table is sorted by key, then row; -1 stands for none.
    """
    if not len(table_rows):
        return np.full(len(rows), -1), np.full(len(rows), -1)
    size = max(int(table_rows.max()), int(rows.max(initial=0))) + 1
    place = np.searchsorted(table_keys * size + table_rows, keys * size + rows)
    before, after = place - 1, np.minimum(place, len(table_rows) - 1)
    before = np.where((before >= 0) & (table_keys[before] == keys), before, -1)
    after = np.where((table_keys[after] == keys) & (place < len(table_rows)), after, -1)
    return before, after

"""The state of MIDI channels: the program of each note, which parts are drums, and the controls that are heard.

What is set on a channel holds for all that plays on it, in whatever MTrk it is set. A *line* is one channel of one
port. It is a drum part if it is channel 10, unless the file says otherwise: by the most significant byte of a bank
select (General MIDI 2, XG) or by a SysEx message for the part (GS, XG).

Read in order: `find_lines`, `find_settings`, `sounds_of_notes`, `controls_of_groups`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import run_edges, stable_order
from ritornello.errors import FormatError
from ritornello.formats.messages import (
    ALL_SOUND_OFF,
    BANK_SELECT,
    DRUM_CHANNEL,
    PROGRAM_CHANGE,
    RESET,
    SUSTAIN,
    bank_kind,
)
from ritornello.formats.smf import DEVICE, PORT, SYSEX, Events, SmfFile
from ritornello.score import (
    CHANNEL_PRESSURE,
    CONTROL,
    CONTROL_CHANGE,
    KEY_PRESSURE,
    PARAMETER_CONTROLLERS,
    PITCH_BEND,
    Controls,
    channel_state,
)

Indices = NDArray[np.int64]

MOST_CONTROLS = 20_000_000
"""The most control events that the tracks of a file may have together, those that they share counted once each."""


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


@dataclass(frozen=True)
class Groups:
    """The notes of a file by their future score tracks, in columns; each group is on one line.

    since: the tick of the setting of the first note, -1 for none. first, last, end: the ticks of the first and the last
    note-on, and of the last end.
    """

    line: Indices
    program: Indices
    is_drum: Indices
    since: Indices
    first: Indices
    last: Indices
    end: Indices


def controls_of_groups(events: Events, lines: Indices, settings: Settings, groups: Groups) -> list[Controls]:
    """Return the controls that each group hears.

    They are those on its line, from the program change at which it enters, with what is in force there, up to the one
    at which another program replaces it; notes that still sound there, also by the pedal, hear the line to their end.
    """
    line_of, programs, controls = _controls(events, lines, settings)
    spans, has_banks = _spans(line_of), len(settings.banks) > 0
    starts, stops = _starts(groups), _stops(settings, groups)
    rows = list(
        zip(*(c.tolist() for c in (groups.line, groups.program, groups.is_drum)), starts, stops, strict=True)
    )
    channels: dict[tuple[int, int], _Channel] = {}  # by line, and program where it matters
    heard: dict[tuple[int, int, int, int, int | None], Controls] = {}  # by row
    result, total = [controls[:0]] * len(rows), 0
    for index in sorted(range(len(rows)), key=starts.__getitem__):
        line, program, is_drum, start, stop = row = rows[index]
        if line not in spans:
            continue
        if row not in heard:
            channel = line, program if has_banks else -1
            if channel not in channels:
                own = controls[slice(*spans[line])]
                if has_banks:
                    of = programs[slice(*spans[line])]
                    own = own.compress((of < 0) | (of == program))
                channels[channel] = _Channel(own)
            found = channels[channel].heard(start, stop)
            heard[row] = controls_of_kind(found, bool(is_drum)) if has_banks else found
        result[index] = heard[row]
        total += len(heard[row]) if start or stop is not None else 0
        if total > MOST_CONTROLS:
            raise FormatError(
                f"over {MOST_CONTROLS} controls: so many are heard by the parts of shared channels"
            )
    return result


def _starts(groups: Groups) -> list[int]:
    """Return the tick at which each group enters its line: 0, or that of its program change if others were before."""
    columns = (groups.line.tolist(), (2 * groups.program + groups.is_drum).tolist())
    rows = list(zip(*columns, groups.first.tolist(), groups.since.tolist(), strict=True))
    earliest: dict[int, dict[int, int]] = {}  # by line and sound, the tick of the first note
    for line, sound, first, _ in rows:
        by_sound = earliest.setdefault(line, {})
        by_sound[sound] = min(by_sound.get(sound, first), first)
    return [
        since
        if since > 0 and any(tick < since for other, tick in earliest[line].items() if other != sound)
        else 0
        for line, sound, _, since in rows
    ]


def _stops(settings: Settings, groups: Groups) -> list[int | None]:
    """Return the tick up to which each group is on its line: that of another sound, or of its end if that is later."""
    spans, ticks = _spans(settings.line), settings.tick.tolist()
    sounds = (2 * settings.program + settings.is_drum).tolist()
    edges = run_edges(np.array(sounds))  # where another sound is set, if it is on the line
    following = np.repeat(edges[1:], edges[1:] - edges[:-1]).tolist()
    own = (2 * groups.program + groups.is_drum).tolist()
    result: list[int | None] = []
    for line, sound, last, end in zip(
        groups.line.tolist(), own, groups.last.tolist(), groups.end.tolist(), strict=True
    ):
        begin, after = spans.get(line, (0, 0))
        place = bisect_left(ticks, last, begin, after)
        if place < after and sounds[place] == sound:
            place = following[place]
        result.append(max(ticks[place], end) if place < after else None)
    return result


def _spans(values: Indices) -> dict[int, tuple[int, int]]:
    """Return where each of the sorted `values` begins and ends."""
    edges = run_edges(values)
    return dict(zip(values[edges[:-1]].tolist(), pairwise(edges.tolist()), strict=True))


def _controls(events: Events, lines: Indices, settings: Settings) -> tuple[Indices, Indices, Controls]:
    """Return all controls, their lines and their programs, sorted by line and tick.

    Bank selects are those of program changes, and after others at their tick; other controls have program -1.
    """
    rows = np.flatnonzero(_KINDS[events.status])
    rows, programs, controls = _with_banks(events, settings, rows, _records(events, rows))
    line, track = lines[rows], events.track[rows]
    order = stable_order(line)
    line, track = line[order], track[order]
    is_shared = bool(((line[1:] == line[:-1]) & (track[1:] != track[:-1])).any())  # by MTrks
    if is_shared or len(settings.banks):  # else the ticks of a line ascend
        order = stable_order(lines[rows], controls["tick"], _bank_order(controls))
        line, track = lines[rows[order]], events.track[rows[order]]
    programs, controls = programs[order], controls.take(order)
    if is_shared:
        kept = ~_is_repeated(line, track, controls)
        line, programs, controls = line[kept], programs[kept], controls.compress(kept)
    return line, programs, controls


def _records(events: Events, rows: Indices) -> Controls:
    first, second = events.first[rows].astype(np.int16), events.second[rows].astype(np.int16)
    controls = np.empty(len(rows), dtype=CONTROL)
    controls["tick"] = events.tick[rows]
    controls["kind"] = kind = _KINDS[events.status[rows]]
    has_number = kind < CHANNEL_PRESSURE
    controls["number"] = np.where(has_number, first, 0)
    bend = (second << 7 | first) - 8192
    controls["value"] = np.where(has_number, second, np.where(kind == PITCH_BEND, bend, first))
    return controls


_KINDS = np.zeros(256, dtype=np.int16)
for _kind in (KEY_PRESSURE, CONTROL_CHANGE, CHANNEL_PRESSURE, PITCH_BEND):
    _KINDS[_kind : _kind + 16] = _kind
"""The kind of control of each status byte, or 0."""


def _with_banks(
    events: Events, settings: Settings, rows: Indices, controls: Controls
) -> tuple[Indices, Indices, Controls]:
    """Return (row, program, control): the bank selects are those of program changes; other controls have program -1."""
    is_other = _bank_order(controls) == 0
    if not is_other.all():
        rows, controls = rows[is_other], controls.compress(is_other)
    programs = np.full(len(rows), -1)
    if not len(settings.banks):
        return rows, programs, controls
    row, program, number, value = settings.banks.T
    banks = np.zeros(len(row), dtype=CONTROL)
    banks["tick"], banks["kind"] = events.tick[row], CONTROL_CHANGE
    banks["number"], banks["value"] = number, value
    return np.concatenate([rows, row]), np.concatenate([programs, program]), np.concatenate([controls, banks])


def _bank_order(controls: Controls) -> Indices:
    """Return the order of controls at one tick: bank selects are the last, as a program change follows them."""
    is_change, number = controls["kind"] == CONTROL_CHANGE, controls["number"]
    return np.asarray(is_change * ((number == BANK_SELECT[0]) + 2 * (number == BANK_SELECT[1])))


def _is_repeated(lines: Indices, tracks: Indices, controls: Controls) -> NDArray[np.bool_]:
    """Return which controls set again, from another MTrk at the same tick, what has just been set."""
    name = controls["kind"].astype(np.int64) * 128 + controls["number"]
    order = stable_order(lines, name)
    one, other = order[:-1], order[1:]
    same = (lines[one] == lines[other]) & (tracks[one] != tracks[other]) & (name[one] == name[other])
    same &= (controls["tick"][one] == controls["tick"][other]) & ~_IS_PARAMETER[name[other] % 128]
    same &= controls["value"][one] == controls["value"][other]
    result = np.zeros(len(controls), dtype=bool)
    result[other[same]] = True
    return result


_IS_PARAMETER = np.zeros(128, dtype=bool)
_IS_PARAMETER[list(PARAMETER_CONTROLLERS)] = True


class _Channel:
    """The controls of a line, without the banks of other programs than one."""

    def __init__(self, controls: Controls) -> None:
        self.controls = controls
        self.before = (0, controls[:0])  # a number of controls, and the state that they leave

    @cached_property
    def ticks(self) -> Indices:
        return np.asarray(self.controls["tick"].copy())

    @cached_property
    def pedals(self) -> tuple[Indices, NDArray[np.bool_], Indices]:
        """Where the pedal is set, whether it is down then, and where it is lifted."""
        controls, is_change = self.controls, self.controls["kind"] == CONTROL_CHANGE
        is_down = controls["value"] >= 64
        is_pedal, is_reset = is_change & (controls["number"] == SUSTAIN), controls["number"] == RESET
        settings = np.flatnonzero(is_pedal | is_change & is_reset)
        lifts = is_pedal & ~is_down | is_change & (is_reset | (controls["number"] == ALL_SOUND_OFF))
        return settings, (is_pedal & is_down)[settings], np.flatnonzero(lifts)

    def heard(self, start: int, stop: int | None) -> Controls:
        """Return the controls from tick `start` up to `stop`, after those in force at `start`, and a lift of the pedal.

        `start` does not decrease from call to call.
        """
        controls = self.controls
        if start == 0 and stop is None:
            return controls
        low, high = np.searchsorted(self.ticks, (start, start if stop is None else max(start, stop))).tolist()
        high = len(controls) if stop is None else high
        found = [controls[low:high]]
        if start:
            known, state = self.before
            state = channel_state(np.concatenate([state, controls[known:low]]), start)
            self.before = low, state
            new = found[0][found[0]["tick"] == start]
            is_set = np.isin(state["kind"] * 128 + state["number"], new["kind"] * 128 + new["number"])
            found.insert(0, state[~is_set | _IS_PARAMETER[state["number"]]])
        settings, is_down, lifts = self.pedals
        last = np.searchsorted(settings, high) - 1
        if last >= 0 and is_down[last]:
            found.append(controls[lifts[np.searchsorted(lifts, high) :][:1]])
        heard = np.concatenate(found) if len(found) > 1 else found[0]
        if start:
            at_start = np.searchsorted(heard["tick"], start, side="right")
            heard[:at_start] = heard[:at_start][np.argsort(_bank_order(heard[:at_start]), kind="stable")]
        return heard


def controls_of_kind(controls: Controls, is_drum: bool) -> Controls:
    """Return `controls` without bank selects that would make drums of a melodic part elsewhere, or the reverse."""
    is_bank = (controls["kind"] == CONTROL_CHANGE) & (controls["number"] == BANK_SELECT[0])
    if not is_bank.any():
        return controls
    others = [bank for bank in range(128) if bank_kind(bank) == (not is_drum)]
    return np.asarray(controls[~is_bank | ~np.isin(controls["value"], others)])

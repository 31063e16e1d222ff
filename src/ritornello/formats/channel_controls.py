"""The controls of MIDI channels that each track of a score hears.

What is set on a channel holds for all that plays on it (see `channels`). A *group* is the notes of a future track.

Read in order: `controls_of_groups`, `_starts`, `_stops`, `_controls`, `_Channel`.
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
from ritornello.formats.channels import Indices, Settings
from ritornello.formats.messages import ALL_SOUND_OFF, BANK_SELECT, RESET, SUSTAIN, bank_kind
from ritornello.formats.smf import Events
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

MOST_CONTROLS = 20_000_000
"""The most control events that the tracks of a file may have together, those that they share counted once each."""


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

"""Where the notes of a MIDI file end.

Note-ons and note-offs of a key are paired first-in first-out in each MTrk and channel. A note-on without a note-off of
its own ends where a synthesiser would end it: at the next note-off or note-on of its key on its line (see `channels`),
in whatever MTrk. Without such it ends with its MTrk. A note that no note-off ends lasts `LONGEST_SECONDS` at most. All
notes of a line end at "all notes off" and "all sound off".

Read in order: `find_notes`, `_without_partners`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import run_edges, stable_order
from ritornello.formats.channels import Indices, neighbours
from ritornello.formats.messages import ENDS_OF_NOTES, NOTE_ON
from ritornello.formats.repairs import Repairs
from ritornello.formats.smf import Events
from ritornello.score import CONTROL_CHANGE, KEY_PRESSURE, Score, seconds_to_ticks, ticks_to_seconds

Mask = NDArray[np.bool_]

LONGEST_SECONDS = 10.0  # of a note that nothing ends


def find_notes(
    events: Events, lines: Indices, tracks: int, times: Score, repairs: Repairs
) -> tuple[Indices, Indices]:
    """Return the rows of all note-ons and the tick at which each note ends; `times` has the tempos.

    The notes are sorted by pitch.
    """
    rows = np.flatnonzero(events.status < KEY_PRESSURE)
    is_on = (events.status >= NOTE_ON) & (events.second > 0)
    pitches, parts = events.first[rows], events.track[rows] * (int(lines.max(initial=0)) + 1) + lines[rows]
    order = stable_order(pitches, parts)
    rows, keys = rows[order], (parts << 7 | pitches)[order]
    on = is_on[rows]
    strays, hanging = _without_partners(keys, on)
    starters = np.flatnonzero(on)
    on_rows, unended = rows[starters], np.searchsorted(starters, hanging)
    is_end = ~on
    is_end[strays] = False
    ends = events.tick[rows[np.flatnonzero(is_end)]]
    if len(unended):
        ends = np.insert(ends, unended - np.arange(len(unended)), 0)
    cut = _mode_ticks(events, lines, on_rows)
    ends = np.minimum(ends, cut)
    if len(unended):
        wanted, cut = on_rows[unended], cut[unended]
        next_row = _next_of_key(events, lines, rows, is_on, wanted)
        limit = _latest_ends(events, tracks, times, wanted)
        is_off = (next_row >= 0) & ~is_on[next_row]
        next_tick = np.where(next_row >= 0, events.tick[next_row], limit)
        found = np.where(is_off, next_tick, np.minimum(next_tick, limit))
        ends[unended] = np.minimum(found, cut)
        strays = strays[~np.isin(rows[strays], next_row)]
        _count_by_track(events, wanted[~is_off & (found < cut)], repairs, "hanging")
    _count_by_track(events, rows[strays], repairs, "stray")
    return on_rows, ends


def _without_partners(keys: Indices, on: Mask) -> tuple[Indices, Indices]:
    """Return the places of the note-offs without a note-on and the note-ons without a note-off.

    The events of a key are together. Most keys are struck and released in turn; only the others are looked at closely.
    """
    edges = run_edges(keys)
    begins, lengths = edges[:-1], edges[1:] - edges[:-1]
    is_turn = (np.arange(len(keys)) - np.repeat(begins, lengths)) & 1 == 0
    is_odd = np.logical_or.reduceat(on != is_turn, begins) | (lengths & 1 == 1)
    if not is_odd.any():
        return begins[:0], begins[:0]
    odd = np.flatnonzero(np.repeat(is_odd, lengths))
    back = odd[::-1]
    return odd[_unopened(keys[odd], on[odd])], back[_unopened(keys[back], ~on[back])][::-1]


def _unopened(keys: Indices, opens: Mask) -> Mask:
    """Return which events close what none of their key has opened, as brackets do.

    That is where the balance of opened and closed reaches a new low. With a large step subtracted for each key, one
    running minimum serves all keys.
    """
    starts = np.concatenate([[True], keys[1:] != keys[:-1]])
    key_of = np.cumsum(starts) - 1
    balance = np.cumsum(np.where(opens, 1, -1))
    before = np.concatenate([[0], balance[:-1]])[starts]
    step = key_of * (len(keys) + 1)
    lowest = np.minimum.accumulate(np.minimum(balance - before[key_of], 0) - step) + step
    previous = np.concatenate([[0], lowest[:-1]])
    previous[starts] = 0
    return np.asarray(lowest < previous)


def _next_of_key(events: Events, lines: Indices, rows: Indices, is_on: Mask, wanted: Indices) -> Indices:
    """Return the row of the first of `rows` that has the key and the line of each of `wanted` and is later; else -1."""
    keys = lines[rows] * 128 + events.first[rows]
    order = np.lexsort((rows, is_on[rows], events.tick[rows], keys))
    rows, keys = rows[order], keys[order]
    changes = np.diff(events.tick[rows], prepend=-1) != 0
    changes |= np.diff(keys, prepend=-1) != 0
    moments = np.cumsum(changes)  # of one key and one tick
    place = np.empty(int(rows.max()) + 1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    following = np.searchsorted(moments, moments[place[wanted]], side="right")
    found = np.append(rows, -1)[following]
    same = np.append(keys, -1)[following] == keys[place[wanted]]
    return np.where(same, found, -1)


def _latest_ends(events: Events, tracks: int, times: Score, on_rows: Indices) -> Indices:
    """Return the tick up to which each note lasts at most: the end of its MTrk, or `LONGEST_SECONDS`."""
    last_rows = np.searchsorted(events.track, np.arange(tracks), side="right") - 1
    starts = events.tick[on_rows]
    longest = seconds_to_ticks(times, ticks_to_seconds(times, starts) + LONGEST_SECONDS)
    return np.minimum(events.tick[last_rows][events.track[on_rows]], np.maximum(longest, starts))


def _mode_ticks(events: Events, lines: Indices, on_rows: Indices) -> Indices:
    """Return the tick of the first message after each note-on that ends all notes of its line; 2^62 for none.

    At the tick of a note, it is after the note only if it is in the same MTrk and follows there.
    """
    result = np.full(len(on_rows), 1 << 62)
    rows = np.flatnonzero((events.first >= ENDS_OF_NOTES[0]) & (events.status & 0xF0 == CONTROL_CHANGE))
    if len(rows):
        rows = rows[np.isin(events.first[rows], ENDS_OF_NOTES)]
    if not len(rows):
        return result
    tick, line = events.tick[on_rows], lines[on_rows]
    ticks = np.unique(events.tick[rows])
    keys = lines[rows] * (len(ticks) + 1) + np.searchsorted(ticks, events.tick[rows])
    order = np.argsort(keys)
    rows, keys = rows[order], keys[order]
    found = np.searchsorted(keys, line * (len(ticks) + 1) + np.searchsorted(ticks, tick, side="right"))
    after = np.append(rows, -1)[found]
    is_there = (after >= 0) & (lines[after] == line)
    result[is_there] = events.tick[after[is_there]]
    parts = events.track[rows] * (int(lines.max()) + 1) + lines[rows]
    order = np.lexsort((rows, parts))
    own = events.track[on_rows] * (int(lines.max()) + 1) + line
    _, own_next = neighbours(parts[order], rows[order], own, on_rows)
    same_tick = (own_next >= 0) & (events.tick[rows[order[own_next]]] == tick)
    result[same_tick] = tick[same_tick]
    return result


def _count_by_track(events: Events, rows: Indices, repairs: Repairs, kind: str) -> None:
    for track, count in enumerate(np.bincount(events.track[rows]).tolist(), start=1):
        if count:
            repairs.add(kind, track, count)

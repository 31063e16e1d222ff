"""Standard MIDI Files <-> `Score`.

Conventions
-----------
- A score track is one instrument of one MTrk chunk: one (MTrk, channel, program). Channel 10 is the drum kit.
- The program of a note is that of the last program change before it in its MTrk on its channel (else of the first
  after it); in an MTrk without any, the one set by other MTrks on that port and channel; else 0.
- Overlapping notes of one pitch on one channel end first-in first-out.
- The texts of an MTrk without notes, and of the only MTrk in format 0, are texts of the score.
- A control belongs to the instrument of the next note on its channel; on a channel without notes it is dropped.
- Repairs are listed in `Score.repairs`; any file with readable events is read.

`smf` handles bytes and damage, `midi_writer` writing. Read in order: `parse_midi`, `pair_notes`, `_note_programs`,
`_MetaEvents`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ritornello.formats.messages import DRUM_CHANNEL, NOTE_OFF, NOTE_ON, PROGRAM_CHANGE
from ritornello.formats.midi_writer import midi_to_bytes, write_midi
from ritornello.formats.repairs import Repairs
from ritornello.formats.smf import (
    KEY,
    MAX_BYTES,
    META,
    METER,
    PORT,
    TEMPO,
    TEXTS,
    Events,
    SmfFile,
    decode_name,
    decode_text,
    read_smf,
)
from ritornello.paths import Source, name_of, read_bytes
from ritornello.score import (
    CHANNEL_PRESSURE,
    CONTROL,
    CONTROL_CHANGE,
    KEY_PRESSURE,
    NOTE,
    PITCH_BEND,
    Controls,
    Key,
    Meter,
    Notes,
    Score,
    Tempo,
    Text,
    Track,
)

__all__ = ["midi_to_bytes", "parse_midi", "read_midi", "write_midi"]

Indices = NDArray[np.int64]

MAX_DENOMINATOR_POWER = 7  # a meter counts in notes down to 1/128


def read_midi(source: Source) -> Score:
    """Read a MIDI file (see `parse_midi`); raise FileError if it cannot be read at all."""
    return parse_midi(read_bytes(source, limit=MAX_BYTES), name_of(source))


def parse_midi(data: bytes, name: str = "MIDI data") -> Score:
    """Return the score of the bytes of a MIDI file (also RMID, gzip-compressed, or damaged).

    Raise FormatError, with `name` for the file, if it cannot be read at all.
    """
    file = read_smf(data, name)
    metas = _MetaEvents(file)
    tracks = _tracks(file, metas)
    with_notes = {track for track, _ in tracks}
    return Score(
        file.ticks_per_quarter,
        tuple(track for _, track in tracks),
        tempos=tuple(metas.tempos[tick] for tick in sorted(metas.tempos)),
        meters=tuple(metas.meters[tick] for tick in sorted(metas.meters)),
        keys=tuple(metas.keys[tick] for tick in sorted(metas.keys)),
        texts=metas.score_texts(with_notes),
        title=metas.title(with_notes),
        repairs=file.repairs.sentences(),
    )


def _tracks(file: SmfFile, metas: _MetaEvents) -> list[tuple[int, Track]]:
    """Return the score tracks, each with the number of its MTrk."""
    events, channels = file.events, file.events.status & 0x0F
    parts = events.track * 16 + channels
    lines = metas.ports[events.track] * 16 + channels
    on_rows, ends = pair_notes(events, file.tracks, file.repairs)
    programs = _note_programs(events, parts, lines, on_rows)
    # A group is a future score track: (MTrk, channel, program) in one number.
    groups = parts[on_rows] * 128 + programs
    notes = _split(_notes(events, on_rows, ends), groups, ("velocity", "duration", "pitch", "start"))
    control_rows = np.flatnonzero(_KIND_OF_CONTROL[events.status])
    control_groups = _control_groups(parts, lines, on_rows, groups, control_rows)
    controls = _split(_controls(events, control_rows), control_groups, ("tick",))
    tracks, seen = [], set()
    for group, rows in notes.items():
        number, channel, program = group >> 11, group >> 7 & 15, group & 127
        texts = () if number in seen else metas.track_texts(number)
        seen.add(number)
        extras = controls.get(group, np.empty(0, CONTROL)), texts
        tracks.append((number, Track(rows, program, channel == DRUM_CHANNEL, metas.name(number), *extras)))
    return tracks


def pair_notes(events: Events, tracks: int, repairs: Repairs) -> tuple[Indices, Indices]:
    """Return the rows of all note-ons and the tick at which each note ends, paired first-in first-out."""
    kind, sounding = events.status & 0xF0, events.second > 0
    is_on = (kind == NOTE_ON) & sounding
    rows = np.flatnonzero((kind == NOTE_ON) | (kind == NOTE_OFF))
    parts = events.track[rows] * 16 + (events.status[rows] & 0x0F)
    keys = parts * 128 + events.first[rows].astype(np.int64)
    order = _stable_order(keys)
    rows, keys = rows[order], keys[order]
    rows, key_of, on = _without_stray_offs(events, rows, keys, is_on[rows], repairs)
    on_rows, off_rows = rows[on], rows[~on]
    on_keys, off_keys = key_of[on], key_of[~on]
    count = int(key_of[-1]) + 1 if len(key_of) else 0
    ons, offs = np.bincount(on_keys, minlength=count), np.bincount(off_keys, minlength=count)
    rank = np.arange(len(on_rows)) - (np.cumsum(ons) - ons)[on_keys]
    ended = rank < offs[on_keys]
    last_rows = np.searchsorted(events.track, np.arange(tracks), side="right") - 1
    ends = events.tick[last_rows][events.track[on_rows]]
    ends[ended] = events.tick[off_rows[((np.cumsum(offs) - offs)[on_keys] + rank)[ended]]]
    _count_by_track(events, on_rows[~ended], repairs, "hanging")
    return on_rows, ends


def _without_stray_offs(
    events: Events, rows: Indices, keys: Indices, on: NDArray[np.bool_], repairs: Repairs
) -> tuple[Indices, Indices, NDArray[np.bool_]]:
    """Return (rows, keys numbered from 0, on) without the note-offs for which no note is sounding.

    `rows` are sorted by `keys`, stably. A note-off is stray where the balance of ons and offs of its key reaches a new
    low; with a large step subtracted for each key, one running minimum serves all keys.
    """
    if not len(rows):
        return rows, keys, on
    starts = np.concatenate([[True], keys[1:] != keys[:-1]])
    key_of = np.cumsum(starts) - 1
    balance = np.cumsum(np.where(on, 1, -1))
    before = np.concatenate([[0], balance[:-1]])[starts]
    step = key_of * (len(rows) + 1)
    lowest = np.minimum.accumulate(np.minimum(balance - before[key_of], 0) - step) + step
    previous = np.concatenate([[0], lowest[:-1]])
    previous[starts] = 0
    stray = lowest < previous
    if not stray.any():
        return rows, key_of, on
    _count_by_track(events, rows[stray], repairs, "stray")
    return rows[~stray], key_of[~stray], on[~stray]


def _stable_order(keys: NDArray[np.integer]) -> Indices:
    """Return the stable sorting order of `keys`; 16-bit keys, the usual case, are radix-sorted."""
    small = keys.max(initial=0) < 1 << 16
    return np.argsort(keys.astype(np.uint16) if small else keys, kind="stable")


def _count_by_track(events: Events, rows: Indices, repairs: Repairs, kind: str) -> None:
    for track, count in enumerate(np.bincount(events.track[rows]).tolist(), start=1):
        if count:
            repairs.add(kind, track, count)


def _note_programs(events: Events, parts: Indices, lines: Indices, on_rows: Indices) -> Indices:
    """Return the program of every note. A part is a channel of an MTrk, a line is a channel of a port."""
    rows = np.flatnonzero(events.status & 0xF0 == PROGRAM_CHANGE)
    if not len(rows):
        return np.zeros(len(on_rows), dtype=np.int64)
    rows = rows[_stable_order(parts[rows])]
    before, after = _neighbours(parts, rows, on_rows)
    change = np.where(before >= 0, before, after)
    programs = np.where(change >= 0, events.first[rows[change]], 0).astype(np.int64)
    missing = np.flatnonzero(change < 0)
    for line in np.unique(lines[on_rows[missing]]):
        changes = rows[lines[rows] == line]
        changes = changes[np.argsort(events.tick[changes], kind="stable")]
        notes = missing[lines[on_rows[missing]] == line]
        last = np.searchsorted(events.tick[changes], events.tick[on_rows[notes]], side="right") - 1
        known = last >= 0
        programs[notes[known]] = events.first[changes[last[known]]]
    return programs


def _neighbours(parts: Indices, table: Indices, rows: Indices) -> tuple[Indices, Indices]:
    """Return, for each of `rows`, the indices in `table` of the nearest rows before and after it in its part.

    `table` contains rows sorted by part, then row; -1 stands for none.
    """
    size = len(parts)
    keys, wanted = parts[table] * size + table, parts[rows] * size + rows
    place = np.searchsorted(keys, wanted)
    before, after = place - 1, np.minimum(place, len(table) - 1)
    before[parts[table[before]] != parts[rows]] = -1
    after[(parts[table[after]] != parts[rows]) | (place == len(table))] = -1
    return before, after


def _control_groups(
    parts: Indices, lines: Indices, on_rows: Indices, groups: Indices, rows: Indices
) -> Indices:
    """Return the group of each control: that of the next note in its part, else of the last, else the first group
    on its line, else -1."""
    if not len(on_rows) or not len(rows):
        return np.full(len(rows), -1, dtype=np.int64)
    order = np.lexsort((on_rows, parts[on_rows]))
    before, after = _neighbours(parts, on_rows[order], rows)
    note = np.where(after >= 0, after, before)
    result = np.where(note >= 0, groups[order[note]], -1)
    missing = np.flatnonzero(note < 0)
    for line in np.unique(lines[rows[missing]]):
        there = groups[lines[on_rows] == line]
        result[missing[lines[rows[missing]] == line]] = there.min() if len(there) else -1
    return result


def _notes(events: Events, on_rows: Indices, ends: Indices) -> Notes:
    notes = np.empty(len(on_rows), dtype=NOTE)
    notes["start"] = events.tick[on_rows]
    notes["duration"] = ends - notes["start"]
    notes["pitch"] = events.first[on_rows]
    notes["velocity"] = events.second[on_rows]
    return notes


_KIND_OF_CONTROL = np.zeros(256, dtype=np.int16)
for _kind in (KEY_PRESSURE, CONTROL_CHANGE, CHANNEL_PRESSURE, PITCH_BEND):
    _KIND_OF_CONTROL[_kind : _kind + 16] = _kind


def _controls(events: Events, rows: Indices) -> Controls:
    first, second = events.first[rows].astype(np.int16), events.second[rows].astype(np.int16)
    controls = np.empty(len(rows), dtype=CONTROL)
    controls["tick"] = events.tick[rows]
    controls["kind"] = kind = _KIND_OF_CONTROL[events.status[rows]]
    has_number = kind < CHANNEL_PRESSURE
    controls["number"] = np.where(has_number, first, 0)
    bend = (second << 7 | first) - 8192
    controls["value"] = np.where(has_number, second, np.where(kind == PITCH_BEND, bend, first))
    return controls


def _split(rows: NDArray[np.void], groups: Indices, order: tuple[str, ...]) -> dict[int, NDArray[np.void]]:
    """Return the rows of every group (groups below 0 are left out), sorted by the columns `order`, last first."""
    by = np.lexsort((*(rows[name] for name in order), groups))
    rows, groups = rows[by], groups[by]
    edges = np.flatnonzero(np.diff(groups, prepend=-1, append=groups.max(initial=-1) + 1))
    return {int(groups[a]): rows[a:b] for a, b in pairwise(edges.tolist())}


class _MetaEvents:
    """The content of the meta events: tempos, meters, keys, texts, and the port of every MTrk."""

    def __init__(self, file: SmfFile) -> None:
        self.file = file
        self.tempos: dict[int, Tempo] = {}
        self.meters: dict[int, Meter] = {}
        self.keys: dict[int, Key] = {}
        self.names: dict[int, Text] = {}
        self.texts: dict[int, list[Text]] = {}
        self.ports = np.zeros(file.tracks, dtype=np.int64)
        events = file.events
        rows = np.flatnonzero(events.status == META)
        columns = (events.first[rows].tolist(), events.track[rows].tolist(), events.tick[rows].tolist())
        for kind, track, tick, payload in zip(*columns, events.payloads, strict=True):
            self._read(kind, track, tick, payload)
        if file.microseconds_per_quarter:
            self.tempos = {0: Tempo(0, file.microseconds_per_quarter)}

    def _read(self, kind: int, track: int, tick: int, payload: bytes) -> None:
        """Read one meta event; a value out of range is ignored and counted as a repair."""
        if kind in TEXTS:
            if TEXTS[kind] == "name" and track not in self.names:
                self.names[track] = Text(tick, "name", decode_name(payload))
            elif text := decode_text(payload):
                self.texts.setdefault(track, []).append(Text(tick, TEXTS[kind], text))
        elif kind == TEMPO:
            micros = int.from_bytes(payload, "big")
            if self.file.microseconds_per_quarter:
                self.file.repairs.add("smpte tempo")
            elif len(payload) == 3 and micros:
                self.tempos[tick] = Tempo(tick, micros)
            else:
                self.file.repairs.add("tempo", track + 1)
        elif kind == METER:
            if len(payload) >= 2 and payload[0] and payload[1] <= MAX_DENOMINATOR_POWER:
                self.meters[tick] = Meter(tick, payload[0], 1 << payload[1])
            else:
                self.file.repairs.add("meter", track + 1)
        elif kind == KEY:
            fifths = int.from_bytes(payload[:1], "big", signed=True)
            if len(payload) >= 2 and -7 <= fifths <= 7 and payload[1] <= 1:
                self.keys[tick] = Key(tick, fifths, payload[1] == 1)
            else:
                self.file.repairs.add("key", track + 1)
        elif kind == PORT and payload and not self.ports[track]:
            self.ports[track] = payload[0]

    def title(self, with_notes: set[int]) -> str:
        """Return the title: the name of the first MTrk, unless it has notes (and so names an instrument)."""
        is_title = self.file.format == 0 or 0 not in with_notes
        return self.names[0].text if is_title and 0 in self.names else ""

    def name(self, track: int) -> str:
        return self.names[track].text if track in self.names and self.file.format else ""

    def track_texts(self, track: int) -> tuple[Text, ...]:
        return tuple(self.texts.get(track, ())) if self.file.format else ()

    def score_texts(self, with_notes: set[int]) -> tuple[Text, ...]:
        """Return, in time order, the texts of the MTrks without notes, and their names except for the title."""
        silent = [n for n in range(self.file.tracks) if n not in with_notes or not self.file.format]
        texts = [text for n in silent for text in self.texts.get(n, ())]
        texts += [self.names[n] for n in silent if n and n in self.names and self.names[n].text]
        return tuple(sorted(texts, key=lambda text: text.tick))

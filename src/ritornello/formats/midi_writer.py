"""`Score` -> Standard MIDI File, format 1: a conductor track, then one MTrk for each score track.

Writing and reading back (`midi.read_midi`) is a fixed point after the first time: then tracks without notes are gone,
and overlapping notes of one pitch end first-in first-out.

Order at one tick: ends of earlier notes, meta events, controls, program, note-ons, ends of notes without length. The
program change is at the start, and again after every bank select, which has no effect without it.

Read in order: `midi_to_bytes`, `_note_rows`, `encode_track`, `assign_channels`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ConfigError
from ritornello.formats.channel_controls import controls_of_kind
from ritornello.formats.messages import (
    BANK_SELECT,
    DRUM_CHANNEL,
    MELODIC_CHANNELS,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM_CHANGE,
)
from ritornello.formats.smf import END_OF_TRACK, KEY, MAX_DELTA, META, METER, PORT, TEMPO, TEXTS
from ritornello.paths import write_bytes
from ritornello.score import CHANNEL_PRESSURE, CONTROL_CHANGE, PITCH_BEND, Controls, Score, Text, Track

MAX_TICK = 1 << 40  # an event later than this would need thousands of fillers
TEXT_TYPES = {kind: number for number, kind in TEXTS.items()}
STAND_INS = {"chord": ("marker", ""), "composer": ("text", "Composer: "), "lyricist": ("text", "Lyricist: ")}
"""The kind and the beginning of texts for which MIDI has no event."""

MOST_PORTS = 128  # of 16 channels
FILLER = 0x7F  # an empty sequencer-specific event: splits a delta that is too long
_RANK_OFF, _RANK_META, _RANK_CONTROL, _RANK_PROGRAM, _RANK_ON, _RANK_END = range(6)

Rows = NDArray[np.int64]  # shape (events, 5): tick, rank, status, first, second data byte


@dataclass(frozen=True)
class MetaEvent:
    """A meta event at a tick."""

    tick: int
    type: int
    content: bytes


def write_midi(score: Score, path: Path | str) -> tuple[str, ...]:
    """Write `score` to `path`, as a whole or not at all; raise ConfigError for values that MIDI cannot represent.

    Return descriptions of what was left out.
    """
    write_bytes(Path(path), midi_to_bytes(score))
    texts = [text for texts in (score.texts, *(track.texts for track in score.tracks)) for text in texts]
    verses = sum(text.verse > 1 for text in texts)
    banks = sum(len(t.controls) - len(controls_of_kind(t.controls, t.is_drum)) for t in score.tracks)
    left_out = {
        "lyric{} of further verses": verses,
        "bank select{} of the other kind, melodic or drums": banks,
    }
    return tuple(
        f"{number:,} {what.format('s' * (number != 1))}" for what, number in left_out.items() if number
    )


def midi_to_bytes(score: Score) -> bytes:
    """Return `score` as a MIDI file; raise ConfigError for values that MIDI cannot represent."""
    _check_range("ticks_per_quarter", np.array([score.ticks_per_quarter]), 1, 0x7FFF, "the score")
    contents = [encode_track(np.empty((0, 5), dtype=np.int64), conductor_metas(score))]
    tracks = [replace(t, controls=controls_of_kind(t.controls, t.is_drum)) for t in score.tracks]
    places = assign_channels(tracks)
    if max((port for port, _ in places), default=0) >= MOST_PORTS:
        raise ConfigError(
            f"{len(tracks)} tracks of different programs and controls: allowed are {MOST_PORTS} ports"
        )
    seen: set[tuple[int, int]] = set()
    for number, (track, (port, channel)) in enumerate(zip(tracks, places, strict=True), start=1):
        _check_track(track, f"track {number}")
        if (port, channel) in seen:  # the controls, which are the same, hold for the channel
            track = replace(track, controls=track.controls[:0])
        seen.add((port, channel))
        ports = [MetaEvent(0, PORT, bytes((port,)))] if port else []
        contents.append(encode_track(_track_rows(track, channel), ports + _named(track.name, track.texts)))
    numbers = (1, min(len(contents), 0xFFFF), score.ticks_per_quarter)
    header = b"".join(number.to_bytes(2, "big") for number in numbers)
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", content) for content in contents)


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a MIDI file: name, length, content."""
    return name + len(content).to_bytes(4, "big") + content


def assign_channels(tracks: Iterable[Track]) -> list[tuple[int, int]]:
    """Return (port, channel) for every track.

    Every program gets a channel, and while channels are left every further track one of its own. After that, tracks of
    one program and the same controls share theirs; with other controls they get the channel of the program on a further
    port. More programs than channels use further ports, and so do drum kits, all on channel 10.
    """
    tracks = list(tracks)
    programs = list(dict.fromkeys(track.program for track in tracks if not track.is_drum))
    size = len(MELODIC_CHANNELS)
    homes = {p: (slot // size, MELODIC_CHANNELS[slot % size]) for slot, p in enumerate(programs)}
    free = [(0, channel) for channel in MELODIC_CHANNELS[len(programs) :]]
    taken = set(homes.values())
    found: dict[tuple[bool, int, bytes], tuple[int, int]] = {}
    entered: set[int] = set()
    result = []
    for track in tracks:
        sound = (track.is_drum, track.program, track.controls.tobytes())
        if track.is_drum:
            place = found.get(sound) or (sum(is_drum for is_drum, *_ in found), DRUM_CHANNEL)
        elif track.program not in entered:
            place = homes[track.program]
        elif free:
            place = free.pop(0)
        elif sound in found:
            place = found[sound]
        else:
            port, channel = homes[track.program]
            place = next((port, channel) for port in count(port + 1) if (port, channel) not in taken)
        if not track.is_drum:
            entered.add(track.program)
        taken.add(place)
        found.setdefault(sound, place)
        result.append(place)
    return result


def conductor_metas(score: Score) -> list[MetaEvent]:
    """Return title, texts, tempos, meters and keys; raise ConfigError for values that MIDI cannot represent."""
    metas = _named(score.title, score.texts)
    for tempo in score.tempos:
        _check_range("tempo", np.array([tempo.microseconds_per_quarter]), 1, 0xFFFFFF, f"tick {tempo.tick}")
        metas.append(MetaEvent(tempo.tick, TEMPO, tempo.microseconds_per_quarter.to_bytes(3, "big")))
    for meter in score.meters:
        numerator, denominator = meter.actual(
            score.ticks_per_quarter
        )  # MIDI has no bar longer than its signature
        power = denominator.bit_length() - 1
        if not 1 <= numerator <= 255 or denominator not in (1, 2, 4, 8, 16, 32, 64, 128):
            meters = "1-255 over a power of two up to 128"
            raise ConfigError(f"meter {numerator}/{denominator} at tick {meter.tick}: allowed are {meters}")
        clocks = max(1, 96 // denominator)  # MIDI clocks, 24 to a quarter, in one beat
        metas.append(MetaEvent(meter.tick, METER, bytes((numerator, power, clocks, 8))))
    for key in score.keys:
        _check_range("key", np.array([key.fifths]), -7, 7, f"tick {key.tick}")
        metas.append(MetaEvent(key.tick, KEY, bytes((key.fifths & 0xFF, key.minor))))
    return metas


def _named(name: str, texts: Iterable[Text]) -> list[MetaEvent]:
    """Return meta events for the name of an MTrk, which comes first, and its texts."""
    metas = [text_meta(Text(0, "name", name))]
    return metas + [text_meta(text) for text in texts if text.verse == 1]


def text_meta(text: Text) -> MetaEvent:
    """Return a text as a meta event; raise ConfigError for a kind that MIDI does not have."""
    kind, prefix = STAND_INS.get(text.kind, (text.kind, ""))
    if kind not in TEXT_TYPES:
        kinds = ", ".join((*TEXT_TYPES, *STAND_INS))
        raise ConfigError(f"text of kind {text.kind!r} at tick {text.tick}: allowed are {kinds}")
    return MetaEvent(text.tick, TEXT_TYPES[kind], (prefix + text.text).encode("utf-8", errors="replace"))


def _check_track(track: Track, where: str) -> None:
    notes, controls = track.notes, track.controls
    _check_range("program", np.array([track.program]), 0, 127, where)
    _check_range("start", notes["start"], 0, MAX_TICK, where)
    _check_range("duration", notes["duration"], 0, MAX_TICK, where)
    _check_range("pitch", notes["pitch"], 0, 127, where)
    _check_range("velocity", notes["velocity"], 1, 127, where)
    _check_range("control tick", controls["tick"], 0, MAX_TICK, where)
    _check_range("control number", controls["number"], 0, 127, where)
    is_bend = controls["kind"] == PITCH_BEND
    _check_range("control value", controls["value"][~is_bend], 0, 127, where)
    _check_range("pitch bend", controls["value"][is_bend], -8192, 8191, where)


def _check_range(what: str, values: NDArray[np.integer], low: int, high: int, where: str) -> None:
    wrong = values[(values < low) | (values > high)]
    if len(wrong):
        raise ConfigError(f"{what} {wrong[0]} in {where}: allowed is {low} to {high}")


def _track_rows(track: Track, channel: int) -> Rows:
    start = int(track.notes["start"].min(initial=MAX_TICK))
    controls, number = track.controls, track.controls["number"]
    is_bank = (controls["kind"] == CONTROL_CHANGE) & np.logical_or.reduce([number == n for n in BANK_SELECT])
    ticks = np.array(
        sorted({*controls["tick"][is_bank].tolist()}), dtype=np.int64
    )  # unique is slow to import
    if not (ticks <= start).any():
        ticks = np.append(0, ticks)
    programs = np.zeros((len(ticks), 5), dtype=np.int64)
    programs[:, 0], programs[:, 1:4] = ticks, (_RANK_PROGRAM, PROGRAM_CHANGE, track.program)
    rows = np.concatenate([programs, _control_rows(track.controls), _note_rows(track)])
    rows[:, 2] |= channel
    return rows


def _note_rows(track: Track) -> Rows:
    """Return the note-ons, then the note-offs, both in the order of the notes."""
    notes = track.notes
    rows = np.empty((2 * len(notes), 5), dtype=np.int64)
    ons, offs = rows[: len(notes)], rows[len(notes) :]
    ons[:, 0] = notes["start"]
    offs[:, 0] = notes["start"] + notes["duration"]
    ons[:, 1] = _RANK_ON
    offs[:, 1] = np.where(notes["duration"] > 0, _RANK_OFF, _RANK_END)
    ons[:, 2], offs[:, 2] = NOTE_ON, NOTE_OFF
    ons[:, 3] = offs[:, 3] = notes["pitch"]
    ons[:, 4], offs[:, 4] = notes["velocity"], 64
    return rows


def _control_rows(controls: Controls) -> Rows:
    kind, value = controls["kind"].astype(np.int64), controls["value"].astype(np.int64)
    bend = value + 8192
    rows = np.empty((len(controls), 5), dtype=np.int64)
    rows[:, 0], rows[:, 1], rows[:, 2] = controls["tick"], _RANK_CONTROL, kind
    first = np.where(kind == CHANNEL_PRESSURE, value, controls["number"])
    rows[:, 3] = np.where(kind == PITCH_BEND, bend & 0x7F, first)
    rows[:, 4] = np.where(kind == PITCH_BEND, bend >> 7, np.where(kind == CHANNEL_PRESSURE, 0, value))
    return rows


def encode_track(rows: Rows, metas: list[MetaEvent]) -> bytes:
    """Return the content of an MTrk: channel events and meta events in time order, and the end of track."""
    marks = np.array([(meta.tick, _RANK_META, META, i, 0) for i, meta in enumerate(metas)], np.int64).reshape(
        -1, 5
    )
    _check_range("tick", marks[:, 0], 0, MAX_TICK, "texts, tempos, meters and keys")
    rows = np.concatenate([marks, rows])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    rows = _with_fillers(rows)
    stream, ends = _channel_bytes(rows)
    pieces, at = [], 0
    for row in np.flatnonzero(rows[:, 2] == META).tolist():
        index = int(rows[row, 3])  # -1: a filler
        meta = metas[index] if index >= 0 else MetaEvent(0, FILLER, b"")
        pieces += [
            stream[at : ends[row]],
            bytes((META, meta.type)),
            quantity(len(meta.content)),
            meta.content,
        ]
        at = int(ends[row])
    return b"".join([*pieces, stream[at:], bytes((0, META, END_OF_TRACK, 0))])


def quantity(value: int) -> bytes:
    """Return `value` as a variable-length quantity: seven bits a byte, all but the last with the top bit set."""
    result = [value & 0x7F]
    while value := value >> 7:
        result.append(value & 0x7F | 0x80)
    return bytes(reversed(result))


def _with_fillers(rows: Rows) -> Rows:
    """Return `rows` with fillers (meta events numbered -1) where a delta exceeds MAX_DELTA."""
    fillers = (np.diff(rows[:, 0], prepend=0) - 1) // MAX_DELTA
    fillers = np.maximum(fillers, 0)
    if not fillers.any():
        return rows
    before = np.repeat(np.arange(len(rows)), fillers)
    rank = np.arange(len(before)) - np.repeat(np.cumsum(fillers) - fillers, fillers)
    extra = np.tile(np.array([0, _RANK_META, META, -1, 0], np.int64), (len(before), 1))
    extra[:, 0] = np.concatenate([[0], rows[:-1, 0]])[before] + MAX_DELTA * (rank + 1)
    return np.insert(rows, before, extra, axis=0)


def _channel_bytes(rows: Rows) -> tuple[bytes, Rows]:
    """Return the bytes of all deltas and channel events, and the end of each row; a meta event has only its delta."""
    delta = np.diff(rows[:, 0], prepend=0)
    delta_size = 1 + (delta >= 1 << 7) + (delta >= 1 << 14) + (delta >= 1 << 21)
    is_event = rows[:, 2] != META
    has_second = is_event & ((rows[:, 2] & 0xE0) != PROGRAM_CHANGE)  # 0xC0 and 0xD0 have one data byte
    ends = np.cumsum(delta_size + 2 * is_event + has_second)
    stream = np.empty(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    status_at = ends - 2 * is_event - has_second
    stream[status_at - 1] = delta & 0x7F
    for i in (1, 2, 3):
        longer = delta_size > i
        stream[status_at[longer] - 1 - i] = (delta[longer] >> 7 * i) & 0x7F | 0x80
    stream[status_at[is_event]] = rows[is_event, 2]
    stream[status_at[is_event] + 1] = rows[is_event, 3]
    stream[status_at[has_second] + 2] = rows[has_second, 4]
    return stream.tobytes(), ends

"""MIDI <-> text with a word for each event, without loss: the round trip of "system B".

    #ritornello-events {"ppq": 480, "format": 1, "tempos": [[0, 500000]], ...}
    0_90_4f_64 120_80_4f_00
    0_c0_28 480_91_3c_50 ...

The first line is the header (`Header`); then there is a line for each track. Without a header the division is 480
ticks to a quarter, which the original writer always used. Texts within the MIDI file (lyrics, markers) and SysEx have
no words; their deltas count towards the next event.

The events are raw: channels, controllers, the order of events and hanging notes are kept.
Read in order: `Header`, `midi_to_text`, `text_to_midi`; `event_words` has the spelling.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ritornello.config import refusal
from ritornello.errors import ConfigError, FormatError
from ritornello.formats.event_words import (
    LONGEST_DELTA,
    Event,
    Spelling,
    has_second,
    looks_like_event,
    parse_event,
    spell,
    spelling_of,
)
from ritornello.formats.midi import parse_midi
from ritornello.formats.midi_writer import (
    FILLER,
    MetaEvent,
    chunk,
    conductor_metas,
    encode_track,
    text_meta,
)
from ritornello.formats.smf import END_OF_TRACK, META, PORT, TEXTS, Events, SmfFile, read_smf
from ritornello.score import Key, Meter, Score, Tempo, Text

MARK = "#ritornello-events "
_NAME_TYPE = next(number for number, kind in TEXTS.items() if kind == "name")
MOST_TRACKS = 4096
"""Lines of events in a file: each becomes a track, which takes as long as many events."""

_AFTER_METAS = 9  # rank of channel events: behind the metas of their tick


_Tick = Annotated[int, Field(ge=0, le=LONGEST_DELTA)]
_Number = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]


class Header(BaseModel):
    """The header in the first line.

    tempos: (tick, microseconds a quarter). meters: (tick, numerator, denominator). keys: (tick, fifths, 1 if minor).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ppq: int = Field(480, ge=1, le=0x7FFF, description="ticks to a quarter note")
    format: int = Field(0, ge=0, le=1, description="of the MIDI file: 0 one track, 1 several together")
    spelling: Spelling = "decimal"
    tempos: tuple[tuple[_Tick, _Number], ...] = ()
    meters: tuple[tuple[_Tick, _Number, _Number], ...] = ()
    keys: tuple[tuple[_Tick, _Number, _Number], ...] = ()
    names: tuple[str, ...] = Field((), description="of the tracks")
    ports: tuple[_Number, ...] = Field((), description="of the tracks, where there is more than one")


def is_event_text(text: str) -> bool:
    """Return whether `text` contains event words, with or without a header."""
    words = text[:4096].split(maxsplit=1)
    return text.startswith(MARK.strip()) or bool(words and looks_like_event(words[0]))


# --- MIDI to text ---------------------------------------------------------------------------------------------


def midi_to_text(
    data: bytes, name: str = "MIDI data", track: int | None = None, spelling: Spelling = "decimal"
) -> tuple[str, tuple[str, ...]]:
    """Return the text of the bytes of a MIDI file, and descriptions of what was left out.

    track: the number of the only track to write, counted from 1; None for all. Raise FormatError for data that is not
    MIDI, ConfigError for a missing track.
    """
    file = read_smf(data, name)
    if track is not None and not 1 <= track <= file.tracks:
        raise ConfigError(f"{name}: no track {track}; it has {file.tracks}, counted from 1")
    chosen = range(file.tracks) if track is None else [track - 1]
    header = _header(file, parse_midi(data, name), chosen, spelling)
    given = header.model_dump(mode="json", exclude_defaults=True) | {
        "ppq": header.ppq,
        "format": header.format,
    }
    lines = [" ".join(spell(event, spelling) for event in track_events(file.events, n)) for n in chosen]
    first = MARK + json.dumps(dict(sorted(given.items())), ensure_ascii=False)
    count = sum(kind in TEXTS and kind != _NAME_TYPE for _, _, kind, _ in file.metas)
    left_out = (f"{count:,} text{'s' * (count != 1)} (lyrics, markers and the like)",) if count else ()
    return "\n".join([first, *lines]) + "\n", left_out


def track_events(events: Events, track: int) -> list[Event]:
    """Return the channel events of a track (counted from 0), and its end of track if there is a pause before it."""
    of_track = events.track == track
    rows = np.flatnonzero(of_track & (events.status >= 0x80) & (events.status < 0xF0))
    ticks = events.tick[rows]
    columns = (np.diff(ticks, prepend=0), events.status[rows], events.first[rows], events.second[rows])
    found = [
        Event(delta, status, first, second if has_second(status) else None)
        for delta, status, first, second in zip(*(column.tolist() for column in columns), strict=True)
    ]
    last = int(ticks[-1]) if len(ticks) else 0
    end = int(events.tick[of_track].max(initial=last))
    return [*found, Event(end - last, META, END_OF_TRACK)] if end > last else found


def _header(file: SmfFile, score: Score, chosen: Sequence[int], spelling: Spelling) -> Header:
    names, ports = ["" for _ in range(file.tracks)], [0 for _ in range(file.tracks)]
    for _, track, kind, payload in reversed(file.metas):  # the first of a track is kept
        if kind == PORT and payload:
            ports[track] = payload[0]
        elif kind == _NAME_TYPE:
            names[track] = file.name(payload)
    return Header(
        ppq=min(file.ticks_per_quarter, 0x7FFF),
        format=0 if len(chosen) == 1 and file.format == 0 else 1,
        spelling=spelling,
        tempos=tuple((t.tick, t.microseconds_per_quarter) for t in score.tempos),
        meters=tuple((m.tick, m.numerator, m.denominator) for m in score.meters),
        keys=tuple((k.tick, k.fifths, int(k.minor)) for k in score.keys),
        names=tuple(names[n] for n in chosen) if any(names) else (),
        ports=tuple(ports[n] for n in chosen) if any(ports) else (),
    )


# --- text to MIDI ---------------------------------------------------------------------------------------------


def text_to_midi(text: str, name: str = "the text") -> bytes:
    """Return the MIDI file of event words; raise FormatError, with line and word, for a word that is not an event."""
    lines = text.removesuffix("\n").split("\n")
    header, first = _read_header(lines, name)
    body = [line for line in lines[first:] if not line.startswith("#")]
    tracks = [
        _read_line(line, header.spelling, f"{name}: line {first + n}") for n, line in enumerate(body, 1)
    ]
    if not any(tracks) and not first:
        raise FormatError(f"{name}: no events")
    if len(tracks) > MOST_TRACKS:
        raise FormatError(f"{name}: {len(tracks)} lines of events, a track each; allowed are {MOST_TRACKS}")
    if (ticks := sum(event.delta for events in tracks for event in events)) > LONGEST_DELTA:
        raise FormatError(f"{name}: its tracks have {ticks} ticks together; allowed are {LONGEST_DELTA}")
    form = header.format if len(tracks) == 1 else 1
    numbers = (form, len(tracks), header.ppq)
    start = chunk(b"MThd", b"".join(number.to_bytes(2, "big") for number in numbers))
    try:
        metas = [_metas(header, number) for number in range(len(tracks))]
        contents = [_track_bytes(events, extra) for events, extra in zip(tracks, metas, strict=True)]
    except ConfigError as error:
        raise FormatError(f"{name}: {error}") from error
    return start + b"".join(chunk(b"MTrk", content) for content in contents)


def _read_header(lines: list[str], name: str) -> tuple[Header, int]:
    """Return the header and the number of the first line of events, from 0."""
    if not lines[0].startswith(MARK.strip()):
        words = " ".join(lines).split()
        spelling: Spelling = "hex" if any(spelling_of(word) == "hex" for word in words) else "decimal"
        return Header.model_validate({"spelling": spelling}), 0
    try:
        return Header.model_validate_json(lines[0].removeprefix(MARK.strip())), 1
    except ValidationError as error:
        raise FormatError(f"{name}: line 1: {refusal(error, Header)}") from error


def _read_line(line: str, spelling: Spelling, where: str) -> list[Event]:
    events = []
    for place, word in enumerate(line.split(), 1):
        try:
            events.append(parse_event(word, spelling))
        except ConfigError as error:
            raise FormatError(f"{where}, word {place}: {error}") from None
    return events


def _metas(header: Header, number: int) -> list[MetaEvent]:
    """Return the meta events of a track: name and port; in the first one also tempos, meters and keys."""
    name = header.names[number] if number < len(header.names) else ""
    port = header.ports[number] if number < len(header.ports) else 0
    metas = [text_meta(Text(0, "name", name))] if name else []
    metas += [MetaEvent(0, PORT, bytes((port & 0x7F,)))] if port else []
    if number == 0:
        tempos = tuple(Tempo(*row) for row in header.tempos)
        meters = tuple(Meter(*row) for row in header.meters)
        keys = tuple(Key(tick, fifths, bool(minor)) for tick, fifths, minor in header.keys)
        metas += conductor_metas(Score(header.ppq, tempos=tempos, meters=meters, keys=keys))[1:]  # no title
    return metas


def _track_bytes(events: list[Event], metas: list[MetaEvent]) -> bytes:
    rows = np.zeros((len(events), 5), dtype=np.int64)
    rows[:, 0] = np.cumsum([event.delta for event in events], dtype=np.int64)
    rows[:, 1] = _AFTER_METAS
    rows[:, 2:] = np.array([(e.status, e.first, e.second or 0) for e in events], dtype=np.int64).reshape(
        -1, 3
    )
    is_end = rows[:, 2] == META
    ends = [MetaEvent(tick, FILLER, b"") for tick in rows[is_end, 0].tolist()]
    return encode_track(rows[~is_end], metas + ends)

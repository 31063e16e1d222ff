"""MusicXML <-> `Score`, through music21 (the `score` extra). Writing is in `musicxml_writer`.

Conventions of reading
----------------------
- A part is a track, with all its staves. Unpitched notes are drums.
- Tied notes are joined. A grace note lasts an eighth of a quarter and ends at its position.
- Velocities come from the `dynamics` of the file, else DEFAULT_VELOCITY. Lyrics belong to their track.

Read in order: `parse_musicxml`, `_parsed`, `_track`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeVar
from xml.etree import ElementTree

from ritornello.errors import FormatError
from ritornello.formats.messages import DRUM_CHANNEL
from ritornello.formats.musicxml_writer import (
    drum_sign,
    quiet_music21,
    score_to_music21,
    score_to_musicxml,
    write_musicxml,
)
from ritornello.score import Key, Meter, Score, Tempo, Text, Track, make_notes

__all__ = ["parse_musicxml", "score_to_music21", "score_to_musicxml", "write_musicxml"]

TICKS_PER_QUARTER = 480
GRACE_TICKS = TICKS_PER_QUARTER // 8
MAX_BYTES = 64 << 20
DEFAULT_VELOCITY = 80
_DRUM_OF_SIGN = {drum_sign(pitch): pitch for pitch in range(128)}
_CONTAINER = "META-INF/container.xml"
Event = TypeVar("Event", Tempo, Meter, Key)
_UNNAMED = ("Music21 Fragment", "Music21")  # the titles that music21 gives to a piece without one


def parse_musicxml(data: bytes, name: str = "MusicXML data") -> Score:
    """Return the score of the bytes of a MusicXML file, compressed or not; raise FormatError if it cannot be read."""
    if data.startswith(b"PK"):
        data = _uncompressed(data, name)
    instruments = _instruments(data, name)
    with quiet_music21() as music21:
        return _score(music21, _parsed(music21, data, name), instruments)


def _uncompressed(data: bytes, source: str) -> bytes:
    """Return the root file of a compressed MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            root = re.search(rb'full-path="([^"]+)"', archive.read(_CONTAINER))
            name = root[1].decode("utf-8") if root else ""
            if archive.getinfo(name).file_size > MAX_BYTES:
                raise FormatError(f"{source}: {name} in it is larger than {MAX_BYTES} bytes")
            return archive.read(name)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise FormatError(
            f"{source}: damaged compressed MusicXML file ({error})".replace("\n", " ")
        ) from None


def _instruments(data: bytes, source: str) -> list[tuple[int, int]]:
    """Return program and channel of every part, which music21 would derive from the name of the instrument."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise FormatError(f"{source}: not a MusicXML file, or a damaged one: {error}") from None
    if root.tag != "score-partwise":
        raise FormatError(
            f"{source}: not a MusicXML file: its root is <{root.tag}>, allowed is <score-partwise>"
        )
    listed = {
        part.get("id"): (_number(part, "midi-program") - 1, _number(part, "midi-channel") - 1)
        for part in root.iter("score-part")
    }
    return [listed.get(part.get("id"), (0, 0)) for part in root.iter("part")]


def _number(part: ElementTree.Element, tag: str) -> int:
    """Return the number (1 to 128) in the first `tag` of a part, 1 if there is none."""
    text = part.findtext(f"midi-instrument/{tag}", "").strip()
    return max(1, min(128, int(text))) if text.isdecimal() else 1


def _parsed(music21: Any, data: bytes, source: str) -> Any:
    """Return the music21 stream of a MusicXML text."""
    importer = music21.musicxml.xmlToM21.MusicXMLImporter()
    importer.xmlText = data
    try:
        importer.parseXMLText()
    except Exception as error:  # music21 raises many kinds on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"{source}: damaged MusicXML file ({reason})") from None
    return importer.stream


def _score(music21: Any, whole: Any, instruments: list[tuple[int, int]]) -> Score:
    flat = [part.flatten() for part in whole.parts]
    title = (whole.metadata.bestTitle or "").strip() if whole.metadata else ""
    players = zip(_players(whole, flat), instruments, strict=False)
    tracks = [_track(part, streams, *instrument) for (part, streams), instrument in players]
    return Score(
        TICKS_PER_QUARTER,
        tuple(track for track in tracks if len(track.notes)),
        tempos=_events(flat, music21.tempo.MetronomeMark, _tempo),
        meters=_events(
            flat, music21.meter.TimeSignature, lambda tick, e: Meter(tick, e.numerator, e.denominator)
        ),
        keys=_events(flat, music21.key.KeySignature, _key),
        title="" if title in _UNNAMED else title,
    )


def _events(flat: list[Any], kind: type, make: Callable[[int, Any], Event | None]) -> tuple[Event, ...]:
    """Return the elements of a class in all parts as events by `make`: one at each tick, in time order."""
    found = {
        _ticks(element.offset): element for stream in flat for element in stream.getElementsByClass(kind)
    }
    made = (make(tick, found[tick]) for tick in sorted(found))
    return tuple(event for event in made if event is not None)


def _tempo(tick: int, mark: Any) -> Tempo | None:
    speed = mark.getQuarterBPM()
    return Tempo.from_quarters_per_minute(tick, float(speed)) if speed else None


def _key(tick: int, signature: Any) -> Key:
    minor = getattr(signature, "mode", "major") == "minor"
    return Key(tick, max(-7, min(7, signature.sharps or 0)), minor)


def _ticks(quarters: Any) -> int:
    return round(Fraction(quarters) * TICKS_PER_QUARTER)


def _players(whole: Any, flat: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each part with its flat streams: music21 makes a part of every staff, and a group of those of a part."""
    groups = [list(group) for group in whole.getElementsByClass("StaffGroup")]
    for part, stream in zip(whole.parts, flat, strict=True):
        group = next((g for g in groups if part in g and "PartStaff" in part.classes), [part])
        if part is group[0]:
            others = [s for p, s in zip(whole.parts, flat, strict=True) if p in group and p is not part]
            yield part, [stream, *others]


def _track(part: Any, streams: list[Any], program: int, channel: int) -> Track:
    notes = [row for stream in streams for row in _notes(stream)]
    lyrics = [
        (_ticks(e.offset), lyric.text) for s in streams for e in s.notes for lyric in e.lyrics if lyric.text
    ]
    unpitched = any(
        "Unpitched" in e.classes or "PercussionChord" in e.classes for s in streams for e in s.notes
    )
    return Track(
        make_notes(notes),
        program,
        is_drum=unpitched or channel == DRUM_CHANNEL,
        name=(part.partName or "").strip(),
        texts=tuple(Text(tick, "lyric", text) for tick, text in sorted(lyrics, key=lambda lyric: lyric[0])),
    )


def _notes(stream: Any) -> list[list[int]]:
    """Return rows of (start, duration, pitch, velocity) of a flat stream, tied notes joined."""
    rows: list[list[int]] = []
    tied: defaultdict[tuple[int, int], list[list[int]]] = defaultdict(list)  # by pitch and end
    for element in stream.notes:
        start, length = _ticks(element.offset), _ticks(element.duration.quarterLength)
        if element.duration.isGrace or not length:
            start, length = max(0, start - GRACE_TICKS), GRACE_TICKS
        for note in getattr(element, "notes", (element,)):
            pitch, tie = _pitch(note), note.tie.type if note.tie else ""
            velocity = note.volume.velocity or element.volume.velocity or DEFAULT_VELOCITY
            if tie in ("stop", "continue") and tied[pitch, start]:
                row = tied[pitch, start].pop(0)
            else:
                row = [start, 0, pitch, max(1, min(127, velocity))]
                rows.append(row)
            row[1] += length
            if tie in ("start", "continue"):
                tied[pitch, start + length].append(row)
    return rows


def _pitch(note: Any) -> int:
    """Return the MIDI pitch of a note, or the drum of an unpitched note (the snare if unknown)."""
    if hasattr(note, "pitch"):
        return max(0, min(127, int(note.pitch.midi)))
    return _DRUM_OF_SIGN.get((f"{note.displayStep}{note.displayOctave}", note.notehead), 38)

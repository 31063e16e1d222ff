"""Conversion of one file into another format: MIDI and event words by raw events, all else through a `Score`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ritornello.errors import ConfigError
from ritornello.formats import MIDI, TEXT, Progress, begins_as_midi, format_of, read, write
from ritornello.formats.event_text import is_event_text, midi_to_text, text_to_midi
from ritornello.formats.midi import parse_midi
from ritornello.formats.text import MAX_BYTES, decode_text
from ritornello.paths import read_bytes, write_bytes, write_text
from ritornello.score import Score


@dataclass(frozen=True)
class Converted:
    """The score that was read, and descriptions of what was left out in writing it."""

    score: Score
    left_out: tuple[str, ...]


def convert(
    source: Path,
    target: Path,
    track: int | None = None,
    repeats: bool = True,
    progress: Progress | None = None,
) -> Converted:
    """Write `source` as `target`, in the format of its suffix.

    track: from MIDI to text, the number of the only track to write, counted from 1.
    repeats: whether those of notation are played out. progress: see `formats.read`.
    """
    kind = format_of(target)  # raises before a long file is read
    from_midi = begins_as_midi(source)
    if track is not None and not (from_midi and kind is TEXT):
        raise ConfigError(f"track {track}: a single track can be chosen from MIDI to text only")
    if from_midi and kind is TEXT:
        data = read_bytes(source)
        text, left_out = midi_to_text(data, str(source), track)
        score = parse_midi(data if track is None else text_to_midi(text), str(source))
        write_text(target, text)
        return Converted(score, left_out)
    if kind is MIDI and source.suffix.lower() in TEXT.suffixes:
        text = decode_text(read_bytes(source, limit=MAX_BYTES), str(source))
        if is_event_text(text):
            data = text_to_midi(text, str(source))
            score = parse_midi(data, str(source))
            write_bytes(target, data)
            return Converted(score, ())
    score = read(source, repeats=repeats, progress=progress)
    return Converted(score, write(score, target))

"""`Score` <-> the scores of other libraries: pretty_midi, mido, symusic (through MIDI bytes), music21 (as notation).

MIDI bytes contain the whole score, so notes, tempos, meters, keys and names are the same as in a file. Objects of
pretty_midi have no texts and no notes without length; notation rounds times to note values.
"""

from __future__ import annotations

import importlib
import io
from dataclasses import replace
from typing import Any

import numpy as np

from ritornello.errors import MissingExtraError
from ritornello.formats.midi import midi_to_bytes, parse_midi
from ritornello.score import Score, Track


def to_pretty_midi(score: Score) -> Any:
    """Return a `pretty_midi.PrettyMIDI`; notes without length last a tick."""

    def lengthened(track: Track) -> Track:
        notes = track.notes.copy()
        notes["duration"] = np.maximum(notes["duration"], 1)
        return replace(track, notes=notes)

    longer = replace(score, tracks=tuple(lengthened(track) for track in score.tracks))
    return _imported("pretty_midi").PrettyMIDI(io.BytesIO(midi_to_bytes(longer)))


def from_pretty_midi(midi: Any) -> Score:
    """Return the score of a `pretty_midi.PrettyMIDI`."""
    file = io.BytesIO()
    midi.write(file)
    return parse_midi(file.getvalue(), "the PrettyMIDI")


def to_mido(score: Score) -> Any:
    """Return a `mido.MidiFile`."""
    return _imported("mido").MidiFile(file=io.BytesIO(midi_to_bytes(score)), charset="utf-8")


def from_mido(midi: Any) -> Score:
    """Return the score of a `mido.MidiFile`."""
    file = io.BytesIO()
    midi.save(file=file)
    return parse_midi(file.getvalue(), "the MidiFile")


def to_symusic(score: Score) -> Any:
    """Return a `symusic.Score` in ticks."""
    return _imported("symusic").Score.from_midi(midi_to_bytes(score))


def from_symusic(score: Any) -> Score:
    """Return the score of a `symusic.Score` in ticks, quarters or seconds."""
    return parse_midi(bytes(score.to("tick").dumps_midi()), "the symusic.Score")


def to_music21(score: Score) -> Any:
    """Return a `music21.stream.Score`; raise ConfigError for a score without notes or with too many bars."""
    from ritornello.formats.musicxml import score_to_music21

    return score_to_music21(score)


def from_music21(stream: Any) -> Score:
    """Return the score of a music21 stream, through MusicXML."""
    from ritornello.formats.musicxml import parse_musicxml
    from ritornello.formats.musicxml_writer import quiet_music21

    with quiet_music21() as music21:
        data = music21.musicxml.m21ToXml.GeneralObjectExporter(stream).parse()
    return parse_musicxml(data, "the music21 stream")


def _imported(library: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise MissingExtraError(library) from error

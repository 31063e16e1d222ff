"""Staves -> MusicXML, through music21: measures, voices, clefs, keys, ties and braces.

music21 is used for what it is good at, note values, beams, tuplets and writing MusicXML; where bars fall, how
pitches are spelled and where ties go is decided here, so that its guesses are not needed.

Read in order: `staves_to_musicxml`, `_part`, `_measure`, `_fill`.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ritornello.errors import MissingExtraError
from ritornello.rendering.engraving import UNITS, Chord, Staff, bar_units, spell
from ritornello.rendering.layout import closing_bar_line
from ritornello.score import Key, Meter, Score
from ritornello.theory import estimate_key

_CLEFS = {
    "treble": "TrebleClef",
    "bass": "BassClef",
    "alto": "AltoClef",
    "treble8vb": "Treble8vbClef",
    "treble8va": "Treble8vaClef",
    "bass8vb": "Bass8vbClef",
    "percussion": "PercussionClef",
}

_DRUM_SIGNS = {
    35: ("E4", "normal"), 36: ("F4", "normal"), 37: ("C5", "x"), 38: ("C5", "normal"), 39: ("C5", "x"),
    40: ("C5", "normal"), 41: ("G4", "normal"), 43: ("A4", "normal"), 45: ("B4", "normal"), 47: ("D5", "normal"),
    48: ("E5", "normal"), 50: ("F5", "normal"), 42: ("G5", "x"), 44: ("D4", "x"), 46: ("G5", "circle-x"),
    49: ("A5", "x"), 51: ("F5", "x"), 52: ("A5", "x"), 53: ("F5", "diamond"), 54: ("D5", "x"), 55: ("A5", "x"),
    56: ("E5", "x"), 57: ("A5", "x"), 59: ("F5", "x"),
}  # fmt: skip
"""Line and note head of the common drums, for the eye: unlike in `formats`, two drums may share a sign."""

_OTHER_DRUM = ("D5", "diamond")

_LETTERS = "FCGDAEB"


def staves_to_musicxml(score: Score, staves: Sequence[Staff]) -> str:
    """Return MusicXML of `staves`, with the bars, meters and keys of `score`."""
    try:
        import music21
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError as error:
        raise MissingExtraError("music21", "score") from error
    # music21 warns, and prints, about what it repairs itself and about MIDI channels, which are not asked for.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        exporter = GeneralObjectExporter(_whole(music21, score, staves))
        exporter.makeNotation = False  # the measures are complete
        return bytes(exporter.parse()).decode("utf-8")


def _whole(music21: Any, score: Score, staves: Sequence[Staff]) -> Any:
    whole = music21.stream.Score()
    whole.metadata = music21.metadata.Metadata()
    frame = _Frame(score, staves)
    parts = [_part(music21, frame, staff) for staff in staves]
    for part in parts:
        whole.insert(0, part)
    for group in _braces(staves):
        whole.insert(0, music21.layout.StaffGroup([parts[place] for place in group], symbol="brace"))
    return whole


def _braces(staves: Sequence[Staff]) -> Iterator[list[int]]:
    """Yield the places of staves that a brace joins."""
    group: list[int] = []
    for place, staff in enumerate(staves):
        if not staff.braced:
            if len(group) > 1:
                yield group
            group = []
        group.append(place)
    if len(group) > 1:
        yield group


class _Frame:
    """What all staves share: bar lines in units, and the meter and key that begin at a bar."""

    def __init__(self, score: Score, staves: Sequence[Staff]) -> None:
        ticks = [*score.bar_starts().tolist(), closing_bar_line(score)]
        self.lines = bar_units(ticks, score.ticks_per_quarter)
        if max(voice[-1].start for staff in staves for voice in staff.voices if voice) >= self.lines[-1]:
            self.lines.append(2 * self.lines[-1] - self.lines[-2])  # a note rounded up to the last bar line
        meters = score.meters or (Meter(0, 4, 4),)
        keys = score.keys or (_estimated_key(score),)
        self.meters = _by_bar([*meters], ticks, Meter(0, 4, 4))
        self.keys = _by_bar([*keys], ticks, Key(0, 0))

    def meter(self, bar: int) -> Meter:
        meter: Meter = _at_or_before(self.meters, bar)
        return meter

    def key(self, bar: int) -> Key:
        key: Key = _at_or_before(self.keys, bar)
        return key

    def beat(self, bar: int) -> int:
        """Return the beat of a bar in units: a dotted value in compound meters."""
        meter = self.meter(bar)
        if meter.denominator < 8:
            return UNITS
        return UNITS * 4 * (3 if meter.numerator % 3 == 0 else 1) // min(meter.denominator, 32)


def _by_bar(events: list[Any], ticks: Sequence[int], first: Any) -> dict[int, Any]:
    """Return the event that holds from each bar at which one begins; there is one for bar 0."""
    found = {0: first}
    for event in events:
        found[min(max(0, bisect_right(ticks, event.tick) - 1), len(ticks) - 2)] = event
    return found


def _at_or_before(events: dict[int, Any], bar: int) -> Any:
    return events[max(place for place in events if place <= bar)]


def _estimated_key(score: Score) -> Key:
    weights = np.zeros(12)
    for track in score.tracks:
        if not track.is_drum:
            np.add.at(weights, track.notes["pitch"] % 12, track.notes["duration"].astype(np.float64))
    if not weights.any():
        return Key(0, 0)
    _, minor, fifths = estimate_key(weights)
    return Key(0, fifths, minor)


def _part(music21: Any, frame: _Frame, staff: Staff) -> Any:
    part = music21.stream.PartStaff() if staff.braced else music21.stream.Part()
    part.partName = "" if staff.braced else staff.name[:40]
    voices = [_Voice(voice) for voice in staff.voices]
    for bar in range(len(frame.lines) - 1):
        measure = _measure(music21, frame, staff, voices, bar)
        for stream in measure.voices or [measure]:
            music21.stream.makeNotation.makeTupletBrackets(stream, inPlace=True)
        part.coreAppend(measure)
    part.coreElementsChanged()
    music21.stream.makeNotation.makeBeams(part, inPlace=True, setStemDirections=False)
    if not staff.is_drum:
        part.makeAccidentals(inPlace=True)
    part[-1].rightBarline = music21.bar.Barline("final")
    return part


class _Voice:
    """The chords of a voice, given out bar by bar in time order."""

    def __init__(self, chords: Sequence[Chord]) -> None:
        self.chords = chords
        self.place = 0

    def within(self, first: int, stop: int) -> list[Chord]:
        """Return the chords that sound in [first, stop); to be asked with rising bounds."""
        while self.place < len(self.chords) and self.chords[self.place].end <= first:
            self.place += 1
        last = self.place
        while last < len(self.chords) and self.chords[last].start < stop:
            last += 1
        return list(self.chords[self.place : last])


def _measure(music21: Any, frame: _Frame, staff: Staff, voices: Sequence[_Voice], bar: int) -> Any:
    first, stop = frame.lines[bar], frame.lines[bar + 1]
    measure = music21.stream.Measure(number=bar + 1)
    if bar == 0:
        measure.clef = getattr(music21.clef, _CLEFS[staff.clef])()
    if bar in frame.keys and not staff.is_drum:
        measure.keySignature = music21.key.KeySignature(frame.keys[bar].fifths)
    if bar in frame.meters:
        meter = frame.meters[bar]
        measure.timeSignature = music21.meter.TimeSignature(f"{meter.numerator}/{meter.denominator}")
    sounding = [chords for voice in voices if (chords := voice.within(first, stop))]
    streams = [measure]
    if len(sounding) > 1:
        streams = [music21.stream.Voice(id=str(number)) for number in (1, 2)]
        for stream in streams:
            measure.insert(0, stream)
    for place, stream in enumerate(streams):
        chords = sounding[place] if sounding else []
        _fill(music21, frame, staff, stream, (bar, chords, place > 0))
    return measure


def _fill(
    music21: Any, frame: _Frame, staff: Staff, stream: Any, content: tuple[int, Sequence[Chord], bool]
) -> None:
    """Append the chords of a bar to `stream`, with the rests between them (hidden in a lower voice)."""
    bar, chords, is_lower = content
    first, stop = frame.lines[bar], frame.lines[bar + 1]
    place, beat = first, frame.beat(bar)
    if not chords:
        rest = music21.note.Rest(quarterLength=Fraction(stop - first, UNITS))
        rest.fullMeasure = True
        stream.append(rest)
        return
    for chord in [*chords, None]:
        start = stop if chord is None else max(first, chord.start)
        for value in spell(place - first, start - place, beat, is_rest=True):
            rest = music21.note.Rest(quarterLength=Fraction(value, UNITS))
            rest.style.hideObjectOnPrint = is_lower
            stream.append(rest)
        if chord is not None:
            place = min(stop, chord.end)
            _append_chord(music21, stream, staff, frame.key(bar).fifths, _pieces(chord, first, stop, beat))


Piece = tuple[Chord, int, bool, bool]  # its chord, its value, whether it is the first, whether the last


def _pieces(chord: Chord, first: int, stop: int, beat: int) -> list[Piece]:
    """Return the values of a chord within a bar."""
    start, end = max(first, chord.start), min(stop, chord.end)
    values = spell(start - first, end - start, beat)
    begins, ends = chord.start >= first, chord.end <= stop
    last = len(values) - 1
    return [
        (chord, value, begins and number == 0, ends and number == last) for number, value in enumerate(values)
    ]


def _append_chord(music21: Any, stream: Any, staff: Staff, fifths: int, pieces: Sequence[Piece]) -> None:
    for chord, value, is_first, is_last in pieces:
        element = _drums(music21, chord) if staff.is_drum else _pitched(music21, chord, fifths)
        element.duration = music21.duration.Duration(Fraction(value, UNITS))
        if not (is_first and is_last) and not staff.is_drum:
            element.tie = music21.tie.Tie("start" if is_first else "stop" if is_last else "continue")
        if is_first and chord.lyric:
            element.lyrics.append(_lyric(music21, chord.lyric))
        stream.append(element)


def _lyric(music21: Any, text: str) -> Any:
    """Return a syllable; a hyphen at its end or start says that the word goes on."""
    before, after = text.startswith("-"), text.endswith("-")
    syllabic = {
        (False, False): "single",
        (False, True): "begin",
        (True, True): "middle",
        (True, False): "end",
    }
    return music21.note.Lyric(text=text.strip("-") or text, syllabic=syllabic[before, after], applyRaw=True)


def _pitched(music21: Any, chord: Chord, fifths: int) -> Any:
    pitches = [_spelled(music21, pitch, fifths) for pitch in chord.pitches]
    return music21.chord.Chord(pitches) if len(pitches) > 1 else music21.note.Note(pitches[0])


def _spelled(music21: Any, pitch: int, fifths: int) -> Any:
    """Return a pitch with the name nearest to the key on the line of fifths: in C major E flat, B flat, F#, C#, G#."""
    lowest = fifths - 3  # C is 0 on the line; the key's own tones are fifths - 1 to fifths + 5
    place = lowest + (7 * pitch - lowest) % 12
    letter, alter = _LETTERS[(place + 1) % 7], (place + 1) // 7
    return music21.pitch.Pitch(step=letter, accidental=alter or None, octave=(pitch - alter) // 12 - 1)


def _drums(music21: Any, chord: Chord) -> Any:
    signs = sorted({_DRUM_SIGNS.get(pitch, _OTHER_DRUM) for pitch in chord.pitches})
    notes = [_unpitched(music21, place, head) for place, head in signs]
    return notes[0] if len(notes) == 1 else music21.percussion.PercussionChord(notes)


def _unpitched(music21: Any, place: str, head: str) -> Any:
    note = music21.note.Unpitched(displayName=place)
    note.notehead = head
    note.stemDirection = "up"
    return note

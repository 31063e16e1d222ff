"""Staves -> MusicXML, through music21: measures, voices, clefs, keys, ties and braces.

music21 makes note values, beams and tuplets, and writes the MusicXML. Bar lines, pitch spelling and ties are determined
here, so that its heuristics are not needed.

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

from ritornello.errors import MissingExtraError
from ritornello.rendering.engraving import UNITS, Chord, Staff, bar_units, spell
from ritornello.score import Key, Meter, Score

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
"""Line and note head of the common drums; unlike in `formats`, two drums may share a sign."""

_OTHER_DRUM = ("D5", "diamond")

_LETTERS = "FCGDAEB"


def staves_to_musicxml(score: Score, staves: Sequence[Staff]) -> str:
    """Return MusicXML of `staves`, with the bars, meters and keys of `score`."""
    try:
        import music21
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError as error:
        raise MissingExtraError("music21", "score") from error
    # music21 warns, and prints, about its own repairs and about MIDI channels, which are not needed here.
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
    """Yield the indices of the staves that each brace joins."""
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
    """The common frame of all staves: bar lines in units, and the meters and keys by bar."""

    def __init__(self, score: Score, staves: Sequence[Staff]) -> None:
        ticks = score.bars.edges.tolist()
        self.lines = bar_units(ticks, score.ticks_per_quarter)
        if max(voice[-1].start for staff in staves for voice in staff.voices if voice) >= self.lines[-1]:
            self.lines.append(2 * self.lines[-1] - self.lines[-2])  # a note rounded up to the last bar line
        meters = score.meters or (Meter(0, 4, 4),)
        keys = score.keys or (score.estimated_key(),)
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
    """Return the events by the bar from which each applies; bar 0 has `first` unless another one begins there."""
    found = {0: first}
    for event in events:
        found[min(max(0, bisect_right(ticks, event.tick) - 1), len(ticks) - 2)] = event
    return found


def _at_or_before(events: dict[int, Any], bar: int) -> Any:
    return events[max(place for place in events if place <= bar)]


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
    """The chords of a voice, read bar by bar in time order."""

    def __init__(self, chords: Sequence[Chord]) -> None:
        self.chords = chords
        self.place = 0

    def within(self, first: int, stop: int) -> list[Chord]:
        """Return the chords that sound in [first, stop); the bounds must rise from call to call."""
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
        _fill(music21, frame, staff, stream, bar, chords, place > 0)
    return measure


def _fill(
    music21: Any, frame: _Frame, staff: Staff, stream: Any, bar: int, chords: Sequence[Chord], is_lower: bool
) -> None:
    """Append the chords of a bar to `stream`, with the rests between them (hidden in a lower voice)."""
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
        if chord is None:
            break
        place = min(stop, chord.end)
        values = spell(start - first, place - start, beat)
        for number, value in enumerate(values):
            element = _element(music21, chord, staff.is_drum, frame.key(bar).fifths)
            element.duration = music21.duration.Duration(Fraction(value, UNITS))
            is_first = chord.start >= first and number == 0
            is_last = chord.end <= stop and number == len(values) - 1
            if not (is_first and is_last) and not staff.is_drum:
                element.tie = music21.tie.Tie("start" if is_first else "stop" if is_last else "continue")
            if is_first and chord.lyric:
                element.lyrics.append(_lyric(music21, chord.lyric))
            stream.append(element)


def _lyric(music21: Any, text: str) -> Any:
    """Return a syllable; a hyphen at its start or end marks the middle of a word."""
    before, after = text.startswith("-"), text.endswith("-")
    syllabic = {
        (False, False): "single",
        (False, True): "begin",
        (True, True): "middle",
        (True, False): "end",
    }
    return music21.note.Lyric(text=text.strip("-") or text, syllabic=syllabic[before, after], applyRaw=True)


def _element(music21: Any, chord: Chord, is_drum: bool, fifths: int) -> Any:
    """Return a note or chord of music21, without duration."""
    if not is_drum:
        pitches = [_spelled(music21, pitch, fifths) for pitch in chord.pitches]
        return music21.chord.Chord(pitches) if len(pitches) > 1 else music21.note.Note(pitches[0])
    notes = []
    for place, head in sorted({_DRUM_SIGNS.get(pitch, _OTHER_DRUM) for pitch in chord.pitches}):
        note = music21.note.Unpitched(displayName=place)
        note.notehead = head
        note.stemDirection = "up"
        notes.append(note)
    return notes[0] if len(notes) == 1 else music21.percussion.PercussionChord(notes)


def _spelled(music21: Any, pitch: int, fifths: int) -> Any:
    """Return a pitch spelled near the key on the line of fifths: in C major E flat, B flat, F#, C#, G#."""
    lowest = fifths - 3  # C is 0 on the line; the key's own tones are fifths - 1 to fifths + 5
    place = lowest + (7 * pitch - lowest) % 12
    letter, alter = _LETTERS[(place + 1) % 7], (place + 1) // 7
    return music21.pitch.Pitch(step=letter, accidental=alter or None, octave=(pitch - alter) // 12 - 1)

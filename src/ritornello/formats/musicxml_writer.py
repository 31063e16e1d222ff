"""`Score` -> MusicXML through music21, as complete measures, so that its heuristics are not needed.

Lost are controls, texts other than lyrics, tempo changes of less than `LEAST_TEMPO_CHANGE`, and times finer than the
grid of `staves`. A part that music21 cannot write is left out and reported by `score_to_musicxml`.

Read in order: `score_to_musicxml`, `score_to_music21`, `_Part`, `spell`, `drum_sign`.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ConfigError, FormatError, MissingExtraError
from ritornello.formats.midi_writer import assign_channels
from ritornello.formats.staves import COMPOUND_BEAT, UNITS, Voice, Written, snap, write_bars
from ritornello.paths import write_bytes
from ritornello.score import Key, Meter, Notes, Score, Track
from ritornello.theory import instrument_name

LEAST_TEMPO_CHANGE = 0.1
MAX_BARS = 5000

DRUM_SIGNS = {
    35: ("E4", "normal"), 36: ("F4", "normal"), 37: ("C5", "x"), 38: ("C5", "normal"), 39: ("C5", "circle-x"),
    40: ("B4", "normal"), 41: ("G4", "normal"), 42: ("G5", "x"), 43: ("A4", "normal"), 44: ("D4", "x"),
    45: ("B4", "circle-x"), 46: ("G5", "circle-x"), 47: ("D5", "normal"), 48: ("E5", "normal"), 49: ("A5", "x"),
    50: ("F5", "normal"), 51: ("F5", "x"), 52: ("B5", "circle-x"), 53: ("E5", "x"), 54: ("D5", "x"),
    55: ("A5", "circle-x"), 56: ("E5", "circle-x"), 57: ("B5", "x"), 59: ("F5", "circle-x"),
}  # fmt: skip
"""Place and note head of the common drums, as in the usual drum-set notation."""

_RARE_HEADS = (
    "diamond", "triangle", "square", "slash", "cross", "inverted triangle", "slashed", "back slashed", "cluster",
    "arrow down", "arrow up",
)  # fmt: skip
_PLACES = ("D4", "E4", "F4", "G4", "A4", "B4", "C5", "D5", "E5", "F5", "G5", "A5")
# Characters that XML does not allow; music21 would write them.
_NO_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def drum_sign(pitch: int) -> tuple[str, str]:
    """Return place and note head of a drum; every pitch from 0 to 127 has its own."""
    return DRUM_SIGNS.get(pitch) or (_PLACES[pitch % 12], _RARE_HEADS[pitch // 12])


@contextmanager
def quiet_music21() -> Iterator[Any]:
    """Provide the module music21 with its warnings ignored; raise MissingExtraError without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import music21
        except ImportError as error:
            raise MissingExtraError("music21", "score") from error
        yield music21


def score_to_musicxml(score: Score) -> tuple[bytes, tuple[str, ...]]:
    """Return the MusicXML of `score`, and the names of the parts that music21 could not write."""
    with quiet_music21() as music21:
        whole = score_to_music21(score)
        try:
            return _exported(music21, whole), ()
        except Exception:  # music21 raises many kinds; find the parts that it cannot write
            failing = [part for part in whole.parts if not _can_export(music21, part)]
        whole.remove(failing)
        if not failing or not whole.parts:
            raise FormatError(f"music21 cannot write {score.title or 'the score'} as MusicXML")
        return _exported(music21, whole), tuple(part.partName for part in failing)


def _exported(music21: Any, whole: Any) -> bytes:
    exporter = music21.musicxml.m21ToXml.GeneralObjectExporter(whole)
    exporter.makeNotation = False  # the measures are complete
    return bytes(exporter.parse())


def _can_export(music21: Any, part: Any) -> bool:
    alone = music21.stream.Score([part])
    try:
        _exported(music21, alone)
    except Exception:
        return False
    return True


def score_to_music21(score: Score) -> Any:
    """Return `score` as a music21.stream.Score of complete measures: a part for each track; voices, ties, clefs, keys.

    Raise ConfigError for a score without notes or of more than `MAX_BARS` bars, MissingExtraError without music21.
    """
    if not score.note_count:
        raise ConfigError("the score has no notes: there is nothing to write as notation")
    keys = score.keys or (score.estimated_key(),)
    tracks = [track for track in score.tracks if len(track.notes)]
    snapped = [snap(track.notes, score.ticks_per_quarter) for track in tracks]
    bars = _bar_lines(score, snapped)
    with quiet_music21() as music21:
        result = music21.stream.Score()
        result.metadata = music21.metadata.Metadata(title=_NO_XML.sub("", score.title))
        for track, notes, (_, channel) in zip(tracks, snapped, assign_channels(tracks), strict=True):
            part = _Part(music21, score, replace(track, notes=notes), keys, bars)
            result.insert(0, part.make(channel, with_tempos=track is tracks[0]))
        return result


def _bar_lines(score: Score, snapped: list[Notes]) -> NDArray[np.int64]:
    """Return the bar lines in units, from 0 to the first at or after the end of all notes of `snapped`."""
    end = score.end + score.ticks_per_quarter  # a late onset may be rounded to the next beat
    meters = score.meters or (Meter(0, 4, 4),)
    shortest = min(meter.bar_ticks(score.ticks_per_quarter) for meter in meters)
    if end > MAX_BARS * shortest:
        raise ConfigError(f"the piece has too many bars for notation: allowed are {MAX_BARS}")
    starts = score.bar_starts(end)
    meter = next((meter for meter in reversed(meters) if meter.tick <= starts[-1]), meters[0])
    lines = np.append(starts, starts[-1] + meter.bar_ticks(score.ticks_per_quarter))
    units = np.unique(np.rint(lines * (UNITS / score.ticks_per_quarter)).astype(np.int64))
    last = max(int((n["start"] + n["duration"]).max()) for n in snapped)
    return units[: int(np.searchsorted(units, last)) + 1]


class _Part:
    """Makes the music21 part of a track whose notes are snapped; the interface is `make`."""

    def __init__(
        self, music21: Any, score: Score, track: Track, keys: Sequence[Key], bars: NDArray[np.int64]
    ) -> None:
        self.music21, self.score, self.track, self.bars = music21, score, track, bars
        self.scale = UNITS / score.ticks_per_quarter
        self.meters = self._by_bar(score.meters)
        self.keys = {} if track.is_drum else self._by_bar(keys)
        self.key = Key(0, 0)  # of the current bar: it determines pitch spelling
        self.lyrics = self._lyrics()

    def _by_bar(self, events: Sequence[Any]) -> dict[int, Any]:
        """Return the last event of each bar, by the number of the bar."""
        found = {}
        for event in events:
            bar = int(np.searchsorted(self.bars, round(event.tick * self.scale), side="right")) - 1
            if bar < len(self.bars) - 1:
                found[bar] = event
        return found

    def _lyrics(self) -> dict[int, str]:
        """Return the lyrics by the nearest onset, in units; lyrics at one onset are joined."""
        onsets = np.unique(self.track.notes["start"])
        found: dict[int, str] = {}
        for text in self.track.texts:
            if text.kind == "lyric":
                onset = int(onsets[np.abs(onsets - text.tick * self.scale).argmin()])
                lyric = _NO_XML.sub("", text.text)
                found[onset] = f"{found[onset]} {lyric}" if onset in found else lyric
        return found

    def make(self, channel: int, with_tempos: bool) -> Any:
        """Return the part, with notes, beams and accidentals."""
        part = self.music21.stream.Part()
        instrument = self._instrument()
        instrument.midiChannel = channel
        part.insert(0, instrument)
        part.partName = instrument.partName
        for number, voices in enumerate(write_bars(self.track.notes, self.bars, self._beats())):
            part.append(self._measure(number, voices))
        part.measure(1).insert(0, self._clef())
        if with_tempos:
            self._insert_tempos(part)
        if not self.track.is_drum:
            part.makeAccidentals(inPlace=True)
        part.makeBeams(inPlace=True)
        return part

    def _beats(self) -> list[int]:
        """Return the beat of every bar in units: three eighths in 6/8, 9/8 and the like, else a quarter."""
        beats, beat = [], UNITS
        for bar in range(len(self.bars) - 1):
            if bar in self.meters:
                meter = self.meters[bar]
                compound = meter.denominator == 8 and meter.numerator % 3 == 0
                beat = COMPOUND_BEAT if compound else UNITS
            beats.append(beat)
        return beats

    def _instrument(self) -> Any:
        music21, track = self.music21, self.track
        name = instrument_name(track.program, track.is_drum)
        instrument = music21.instrument.Instrument(name)
        instrument.partName = _NO_XML.sub("", track.name).strip() or name
        instrument.midiProgram = track.program
        return instrument

    def _clef(self) -> Any:
        clefs = self.music21.clef
        if self.track.is_drum:
            return clefs.PercussionClef()
        return clefs.BassClef() if np.median(self.track.notes["pitch"]) < 57 else clefs.TrebleClef()

    def _measure(self, number: int, voices: list[Voice]) -> Any:
        music21 = self.music21
        measure = music21.stream.Measure(number=number + 1)
        if number in self.meters:
            meter = self.meters[number]
            measure.insert(0, music21.meter.TimeSignature(f"{meter.numerator}/{meter.denominator}"))
        elif number == 0:
            measure.insert(0, music21.meter.TimeSignature("4/4"))
        if number in self.keys:
            self.key = self.keys[number]
            signature = music21.key.KeySignature(self.key.fifths)
            measure.insert(0, signature.asKey("minor" if self.key.minor else "major"))
        streams = (
            [measure]
            if len(voices) == 1
            else [music21.stream.Voice(id=str(i + 1)) for i in range(len(voices))]
        )
        for stream, voice in zip(streams, voices, strict=True):
            self._fill(stream, voice, int(self.bars[number]), hidden_rests=stream is not streams[0])
            if stream is not measure:
                measure.insert(0, stream)
        return measure

    def _fill(self, stream: Any, voice: Voice, bar: int, hidden_rests: bool) -> None:
        for written in voice:
            element = self._element(written, bar)
            element.duration.quarterLength = Fraction(written.duration, UNITS)
            if hidden_rests and element.isRest:
                element.style.hideObjectOnPrint = True
            stream.insert(Fraction(written.start, UNITS), element)
        self.music21.stream.makeNotation.makeTupletBrackets(stream, inPlace=True)

    def _element(self, written: Written, bar: int) -> Any:
        if not written.pitches:
            return self.music21.note.Rest()
        notes = [self._note(pitch) for pitch in written.pitches]
        if len(notes) == 1:
            element = notes[0]
        else:
            chords = (
                self.music21.percussion.PercussionChord if self.track.is_drum else self.music21.chord.Chord
            )
            element = chords(notes)
        element.volume.velocity = written.velocity
        kinds = {(False, True): "start", (True, True): "continue", (True, False): "stop"}
        kind = kinds.get((written.tied_before, written.tied_after))
        for note in notes if kind else ():
            note.tie = self.music21.tie.Tie(kind)
        lyric = None if written.tied_before else self.lyrics.pop(bar + written.start, None)
        if lyric:
            element.addLyric(lyric, applyRaw=True)
        return element

    def _note(self, pitch: int) -> Any:
        if not self.track.is_drum:
            return self.music21.note.Note(spell(pitch, self.key))
        place, head = drum_sign(pitch)
        note = self.music21.note.Unpitched(displayName=place)
        note.notehead = head
        return note

    def _insert_tempos(self, part: Any) -> None:
        measures = list(part.getElementsByClass("Measure"))
        last = 0.0
        for tempo in self.score.tempos:
            speed = round(tempo.quarters_per_minute, 3)
            at = round(tempo.tick * self.scale)
            bar = int(np.searchsorted(self.bars[:-1], at, side="right")) - 1
            if at < self.bars[-1] and abs(speed - last) > LEAST_TEMPO_CHANGE * last:
                mark = self.music21.tempo.MetronomeMark(number=speed)
                measures[bar].insert(Fraction(at - int(self.bars[bar]), UNITS), mark)
                last = speed


def spell(pitch: int, key: Key) -> str:
    """Return the name, as in music21, of a MIDI pitch in a key.

    Names come from twelve neighbours on the line of fifths: in a major key its own seven, four more on the flat side
    down to the lowered second, and the raised fourth; in a minor key up to the leading note.
    """
    lowest = key.fifths - (3 if key.minor else 5)
    place = lowest + (pitch * 7 - lowest) % 12  # C is 0, G is 1
    letter, sharps = "FCGDAEB"[(place + 1) % 7], (place + 1) // 7
    return letter + ("#" * sharps or "-" * -sharps) + str((pitch - sharps) // 12 - 1)


def write_musicxml(score: Score, path: Path | str) -> tuple[str, ...]:
    """Write `score` to `path`, compressed if its suffix is `.mxl`; return the parts that were left out.

    Other losses are those of notation.
    """
    path = Path(path)
    content, failing = score_to_musicxml(score)
    if path.suffix.lower() == ".mxl":
        container = (
            '<?xml version="1.0" encoding="UTF-8"?><container><rootfiles>'
            '<rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/>'
            "</rootfiles></container>"
        )
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("META-INF/container.xml", container)
            archive.writestr("score.musicxml", content)
        content = buffer.getvalue()
    write_bytes(path, content)
    return tuple(f"part {name!r}" for name in failing)

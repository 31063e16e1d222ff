"""Parts and staves -> MusicXML 4.0, part by part and bar by bar, as text.

The same score gives the same bytes. Source of elements and their order: the MusicXML 4.0 specification (W3C Music
Notation Community Group).

Read in order: `exact_musicxml`, `readable_musicxml`, `_Writer`, `_Line`.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np

from ritornello import __version__
from ritornello.errors import ConfigError
from ritornello.notation.bars import FINEST, UNITS, Bar, Timeline, make_timeline
from ritornello.notation.directions import (
    OFFSET,
    PEDAL,
    Direction,
    harmony_directions,
    mark_directions,
    pedal_directions,
    tempo_directions,
)
from ritornello.notation.lyrics import Syllable, lyric_texts, syllables
from ritornello.notation.names import abbreviation, printed_name, printed_names
from ritornello.notation.percussion import drum_sign
from ritornello.notation.quantise import Grace
from ritornello.notation.rhythm import Event, Tuplet, Value, rhythm
from ritornello.notation.spelling import LETTERS, spell_notes
from ritornello.notation.staves import Losses, Part, exact_parts
from ritornello.notation.text import element, printable, text_element
from ritornello.notation.voices import Chord, in_bars
from ritornello.score import (
    CONTROL_CHANGE,
    PITCH_BEND,
    Key,
    Score,
)
from ritornello.theory import DRUM_NAMES, instrument_name

MOST_NOTES = 250_000
MOST_DIVISIONS = 40_000  # of a quarter; verovio counts wrong with millions
MOST_MEASURES = 200_000
"""Of an exported score: notes, and bars times staves."""

_VOLUME, _PAN = 7, 10
_CONTROLLERS = {
    _VOLUME: "changes of volume", _PAN: "changes of pan", 1: "modulation", 11: "expression", 91: "reverb and chorus",
    93: "reverb and chorus", 66: "other pedals", 67: "other pedals",
}  # fmt: skip
_KEPT = frozenset({PEDAL, 0, 32, 6, 38, 98, 99, 100, 101})  # and what only sets up others, such as a bank
_DRUM_CHANNEL = 10
_HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 '
    'Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n<score-partwise version="4.0">\n'
)
_CLEFS = {
    "treble": ("G", 2, 0), "bass": ("F", 4, 0), "alto": ("C", 3, 0), "tenor": ("C", 4, 0), "treble8vb": ("G", 2, -1),
    "bass8vb": ("F", 4, -1), "treble8va": ("G", 2, 1),
}  # fmt: skip
"""Sign, line, and octaves by which the staff sounds higher."""

_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_TIES = {
    (False, True): ("start",),
    (True, True): ("stop", "start"),
    (True, False): ("stop",),
    (False, False): (),
}

Names = dict[tuple[int, int], tuple[str, int, int]]
"""Step, alteration and octave of a note, by its start in units and its pitch."""


def exact_musicxml(score: Score) -> tuple[bytes, tuple[str, ...]]:
    """Return the MusicXML of `score` with every note, and descriptions of what was left out.

    Raise ConfigError for a score without notes or too large.
    """
    _check(score)
    timeline, parts, losses = exact_parts(score, make_timeline(score))
    measures = len(timeline.bars) * sum(len(part.staves) for part in parts)
    if measures > MOST_MEASURES:
        raise ConfigError(
            f"{measures} measures (bars times staves): MusicXML is written up to {MOST_MEASURES}"
        )
    return _Writer(score, timeline, parts, is_exact=True).written(), (
        *_lost_notes(losses),
        *_lost_events(score),
    )


Looks = Callable[[int, int, int], Mapping[str, str]]
"""The attributes of a written note, such as its colour, given its part, its start in units, and its pitch."""


def readable_musicxml(
    score: Score, timeline: Timeline, parts: Sequence[Part], looks: Looks | None = None
) -> bytes:
    """Return the MusicXML of parts made by `readable_parts`, for engraving. A note tied from before has the attributes
    of the first one but its id."""
    return _Writer(score, timeline, parts, is_exact=False, looks=looks).written()


def _check(score: Score) -> None:
    if not score.note_count:
        raise ConfigError("the score has no notes: there is nothing to write as notation")
    if score.note_count > MOST_NOTES:
        raise ConfigError(
            f"{score.note_count} notes: MusicXML is written up to {MOST_NOTES}; an excerpt is smaller"
        )
    bars, playing = len(score.bars), sum(len(track.notes) > 0 for track in score.tracks)
    if bars * playing > MOST_MEASURES:
        raise ConfigError(
            f"{bars} bars in {playing} parts are too many for notation: allowed are {MOST_MEASURES} together"
        )


def _lost_notes(losses: Losses) -> Iterator[str]:
    if losses.doubled:
        yield f"doubled notes ({losses.doubled})"
    if losses.shortened:
        yield f"the full length of notes where too many sound at once ({losses.shortened})"


def _lost_events(score: Score) -> Iterator[str]:
    """Yield a description of the controls that MusicXML has no place for."""
    names: dict[str, None] = {}
    for track in score.tracks:
        first = int(track.notes["start"].min(initial=0))
        for tick, kind, number, _ in track.controls.tolist():
            if kind != CONTROL_CHANGE:
                names["pitch bends" if kind == PITCH_BEND else "key pressure"] = None
            elif number not in _KEPT and number < 120 and (number not in (_VOLUME, _PAN) or tick > first):
                names[_CONTROLLERS.get(number, "other controllers")] = None
    if names:
        yield ", ".join(names)


class _Line(NamedTuple):
    """One voice in one bar. Without values it is a rest of the whole bar."""

    staff: int
    voice: int
    values: tuple[Value, ...]
    chords: tuple[
        tuple[Chord | None, bool, bool], ...
    ]  # of each event; whether it is tied from before, and on


class _Writer:
    """Writes a score once. `is_exact`: for other programs, with all that is played; else for the engraver."""

    def __init__(
        self,
        score: Score,
        timeline: Timeline,
        parts: Sequence[Part],
        is_exact: bool,
        looks: Looks | None = None,
    ) -> None:
        self.score, self.timeline, self.parts, self.is_exact = score, timeline, parts, is_exact
        self.looks = looks
        self.names = _spelled(parts, timeline.keys)
        self.file = io.BytesIO()

    def written(self) -> bytes:
        self._put(_HEADER, *self._head(), *self._part_list())
        for number, part in enumerate(self.parts, start=1):
            self._put(f'<part id="P{number}">\n')
            for measure in _PartWriter(self, number, part).measures():
                self._put(measure)
            self._put("</part>\n")
        self._put("</score-partwise>\n")
        return self.file.getvalue()

    def _put(self, *texts: str) -> None:
        for text in texts:
            self.file.write(text.encode("utf-8"))

    def _head(self) -> Iterator[str]:
        texts = {kind: joined_texts(self.score, kind) for kind in ("composer", "lyricist", "copyright")}
        if title := printable(self.score.title):
            yield element("work", text_element("work-title", title)) + "\n"
        content = "".join(
            text_element("creator", texts[kind], type=kind)
            for kind in ("composer", "lyricist")
            if texts[kind]
        )
        content += text_element("rights", texts["copyright"]) if texts["copyright"] else ""
        software = text_element("software", f"Ritornello {__version__}")
        supports = "".join(element("supports", element=name, type="yes") for name in ("accidental", "beam"))
        yield element("identification", content + element("encoding", software + supports)) + "\n"

    def _part_list(self) -> Iterator[str]:
        yield "<part-list>\n"
        melodic = 0
        printed = printed_names([part.tracks[0] for part in self.parts])
        for number, (part, (name, short)) in enumerate(zip(self.parts, printed, strict=True), start=1):
            if self.is_exact:
                name, short = _own_name(part, name), abbreviation(part.tracks[0])
            content = text_element("part-name", name) + text_element("part-abbreviation", short)
            channel, port = _DRUM_CHANNEL, 1
            if not part.is_drum:
                channel, port = melodic % 15 + 1, melodic // 15 + 1
                channel, melodic = channel + (channel >= _DRUM_CHANNEL), melodic + 1
            yield (
                element("score-part", content + _instruments(part, number, channel, port), id=f"P{number}")
                + "\n"
            )
        yield "</part-list>\n"


def joined_texts(score: Score, kind: str) -> str:
    """Return the texts of a kind, each once."""
    texts = [text for group in (score.texts, *(track.texts for track in score.tracks)) for text in group]
    return ", ".join(dict.fromkeys(printable(text.text) for text in texts if text.kind == kind))


def _own_name(part: Part, printed: str) -> str:
    """Return the name of the track, or the printed one if it has none or is joined with another."""
    names = {printable(track.name) for track in part.tracks}
    return (names.pop() if len(names) == 1 else printed_name(part.tracks[0])) or printed


def _instruments(part: Part, number: int, channel: int, port: int) -> str:
    """Return the instruments of a part as they are named and played: one, or one for each drum."""
    track = part.tracks[0]
    names = {1: instrument_name(track.program, track.is_drum)}
    if track.is_drum:
        pitches = np.unique(track.notes["pitch"]).tolist()
        names = {pitch + 1: DRUM_NAMES.get(pitch, f"drum {pitch}") for pitch in pitches}
    listed = "".join(
        element("score-instrument", text_element("instrument-name", name), id=f"P{number}-I{place}")
        for place, name in names.items()
    )
    mixed = _mixed(part)
    for place in names:
        played = element("midi-channel", channel) + element("midi-program", track.program % 128 + 1)
        played += element("midi-unpitched", place) if track.is_drum else ""
        if port > 1:
            listed += element("midi-device", id=f"P{number}-I{place}", port=port)
        listed += element("midi-instrument", played + mixed, id=f"P{number}-I{place}")
    return listed


def _mixed(part: Part) -> str:
    """Return volume (per cent) and pan (degrees from the middle) in force at the first note."""
    result = ""
    controls = part.tracks[0].controls
    first = min(int(track.notes["start"].min()) for track in part.tracks)
    for controller, name in ((_VOLUME, "volume"), (_PAN, "pan")):
        chosen = (controls["kind"] == CONTROL_CHANGE) & (controls["number"] == controller)
        values = controls["value"][chosen & (controls["tick"] <= first)].tolist()
        if values:
            value = values[-1] / 127 * 100 if name == "volume" else (values[-1] - 64) / 64 * 90
            result += element(name, f"{value:.4g}")
    return result


def _spelled(parts: Sequence[Part], keys: Sequence[Key]) -> Names:
    """Return the names of all notes of pitched parts."""
    notes = sorted(
        {
            (chord.start, pitch)
            for part in parts
            if not part.is_drum
            for staff in part.staves
            for voice in staff.voices
            for chord in voice
            for pitch in chord.pitches
        }
        | {
            (grace.start, grace.pitch)
            for part in parts
            if not part.is_drum
            for staff in part.staves
            for grace in staff.graces
        }
    )
    names = spell_notes([pitch for _, pitch in notes], [start for start, _ in notes], keys)
    return dict(zip(notes, names, strict=True))


@lru_cache(maxsize=64)
def _alterations(fifths: int) -> dict[str, int]:
    """Return the alteration of each step in a key signature."""
    return {letter: (fifths + 6 - place) // 7 for place, letter in enumerate(LETTERS)}


class _PartWriter:
    """Writes the measures of one part."""

    def __init__(self, writer: _Writer, number: int, part: Part) -> None:
        self.part, self.number, self.is_exact, self.looks = part, number, writer.is_exact, writer.looks
        self.names, self.timeline = writer.names, writer.timeline
        self.lines = [*_lines(part, self.timeline)]
        self.directions = self._directions(writer)
        self.graces = [_by_start(staff.graces) for staff in part.staves]
        self.units = self._divisors()
        self.unit = self.units[0]
        texts = lyric_texts(writer.score, part.tracks)
        self.lyrics: dict[int, list[Syllable]] = {}
        if texts:
            starts = np.concatenate([track.notes["start"] for track in part.tracks])
            onsets = sorted(
                {chord.start for staff in part.staves for voice in staff.voices for chord in voice}
            )
            units = self.timeline.to_units(starts)
            near = np.searchsorted(onsets, units)
            before, after = np.maximum(near - 1, 0), np.minimum(near, len(onsets) - 1)
            places = np.array(onsets)
            nearest = np.where(units - places[before] < places[after] - units, places[before], places[after])
            self.lyrics = syllables(
                texts, dict(zip(starts.tolist(), nearest.tolist(), strict=True)), self.timeline
            )

    def _directions(self, writer: _Writer) -> dict[int, list[tuple[int, str]]]:
        found: list[Direction] = []
        if self.number == 1:
            found += tempo_directions(writer.score, self.timeline, is_printed=not self.is_exact)
            found += mark_directions(writer.score, self.timeline)
            found += harmony_directions(writer.score, self.timeline, is_printed=not self.is_exact)
        if self.is_exact:
            found += pedal_directions(self.part.tracks, self.timeline)
        by_bar: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        for bar, at, xml in sorted(found, key=lambda direction: direction[:2]):
            by_bar[bar].append((at, xml))
        return by_bar

    def _divisors(self) -> list[int]:
        """Return the units of a division in each bar: the same in all, unless there would be too many to a quarter.

        It is the largest number that all times are multiples of.
        """
        found = []
        for place, (bar, lines) in enumerate(zip(self.timeline.bars, self.lines, strict=True)):
            times = {UNITS, bar.length} | {at for at, _ in self.directions.get(place, ())}
            for line in lines:
                times.update(time - bar.origin for value in line.values for time in (value.start, value.end))
            found.append(gcd(*times))
        common = gcd(*found)
        return [common] * len(found) if UNITS // common <= MOST_DIVISIONS else found

    def measures(self) -> Iterator[str]:
        fifths, clefs = 0, [""] * len(self.part.staves)
        for place, bar in enumerate(self.timeline.bars):
            divides_anew, self.unit = place == 0 or self.unit != self.units[place], self.units[place]
            fifths = bar.key.fifths if bar.key else fifths
            now = [staff.clefs[place] for staff in self.part.staves]
            attributes = self._attributes(bar, place == 0, divides_anew, [*zip(clefs, now, strict=True)])
            clefs = now
            head = f'<measure number="{bar.number}"' + (' implicit="yes"' if bar.number == 0 else "") + ">\n"
            final = element("barline", element("bar-style", "light-heavy"), location="right") + "\n"
            is_last = place == len(self.timeline.bars) - 1
            notes = self._notes(place, bar, _alterations(fifths))
            yield "".join([head, attributes, *notes, final if is_last else "", "</measure>\n"])

    def _attributes(
        self, bar: Bar, is_first: bool, divides_anew: bool, clefs: Sequence[tuple[str, str]]
    ) -> str:
        content = element("divisions", UNITS // self.unit) if divides_anew else ""
        if bar.key and not self.part.is_drum:
            mode = element("mode", "minor" if bar.key.minor else "major")
            content += element("key", element("fifths", bar.key.fifths) + mode)
        elif bar.key and not self.is_exact:  # verovio would print the key of the other staves
            content += element("key", element("fifths", 0))
        if bar.meter:
            content += element(
                "time", element("beats", bar.meter.numerator) + element("beat-type", bar.meter.denominator)
            )
        content += element("staves", len(clefs)) if is_first and len(clefs) > 1 else ""
        for staff, (before, now) in enumerate(clefs, start=1):
            if now != before:
                sign, line, octaves = _CLEFS.get(now, ("percussion", 0, 0))
                inner = element("sign", sign) + (element("line", line) if line else "")
                inner += element("clef-octave-change", octaves) if octaves else ""
                content += element("clef", inner, number=staff if len(clefs) > 1 else None)
        return element("attributes", content) + "\n" if content else ""

    def _notes(self, place: int, bar: Bar, alterations: dict[str, int]) -> Iterator[str]:
        """Yield the notes of a bar, voice by voice, with the directions before the notes that they fall into."""
        waiting = list(self.directions.get(place, ()))
        at = 0
        accidentals = self._accidentals(bar, self.lines[place], alterations)
        for line in self.lines[place]:
            if at:
                yield element("backup", element("duration", at // self.unit)) + "\n"
                at = 0
            if not line.values:
                yield from self._due(waiting, 0, bar.length)
                yield self._whole_rest(line, bar) + "\n"
                at = bar.length
            for index, value in enumerate(line.values):
                start, end = value.start - bar.origin, value.end - bar.origin
                yield from self._due(waiting, start, end)
                chord, _, _ = line.chords[value.event]
                is_plain = value.tuplet is None and (end - start) % FINEST == 0
                if chord is None and line.voice % 4 != 1 and is_plain:
                    continue  # skipped by the next `forward`
                if start > at:
                    yield element("forward", element("duration", (start - at) // self.unit)) + "\n"
                yield self._value(line, index, value, accidentals)
                at = end

    def _due(self, waiting: list[tuple[int, str]], start: int, end: int) -> Iterator[str]:
        """Yield the directions before `end`, each with its distance from `start`; they are taken from `waiting`."""
        while waiting and waiting[0][0] < end:
            at, xml = waiting.pop(0)
            offset = element("offset", (at - start) // self.unit, sound=None if "<harmony" in xml else "yes")
            yield xml.replace(OFFSET, offset if at > start else "") + "\n"

    def _whole_rest(self, line: _Line, bar: Bar) -> str:
        content = element("rest", measure="yes") + element("duration", bar.length // self.unit)
        return element("note", content + element("voice", line.voice) + self._staff(line))

    def _staff(self, line: _Line) -> str:
        return element("staff", line.staff) if len(self.part.staves) > 1 else ""

    def _value(
        self, line: _Line, index: int, value: Value, accidentals: dict[tuple[int, int, int], str]
    ) -> str:
        """Return the notes of one value: a rest, a note or a chord."""
        chord, tied_before, tied_on = line.chords[value.event]
        timing, staff = _timing(line.voice, value.type, value.dots), self._staff(line)
        duration = f"<duration>{(value.end - value.start) // self.unit}</duration>"
        ratio = _ratio(value.tuplet, value.type) if value.tuplet else ""
        if chord is None:
            content = "<rest/>" + duration + timing + ratio + staff + _notations((), value)
            return element("note", content, print_object="no" if line.voice % 4 != 1 else None) + "\n"
        before = tied_before or (index > 0 and line.values[index - 1].event == value.event)
        on = tied_on or (index + 1 < len(line.values) and line.values[index + 1].event == value.event)
        ties = () if self.part.is_drum and not self.is_exact else _TIES[before, on]
        graces = "" if before else self._grace_notes(line, index, chord.start, accidentals)
        sung = self._sung(chord.start) if self.lyrics and not before else ""
        notes = []
        for number, (pitch, velocity) in enumerate(zip(chord.pitches, chord.velocities, strict=True)):
            sign, instrument, head = self._pitch(chord, pitch)
            accidental = accidentals.get((line.voice, index, number), "")
            attributes = f' dynamics="{velocity / 0.9:.2f}"' if self.is_exact else ""
            attributes += self._look(chord.start, pitch, bool(before))
            content = (
                sign + duration + _tie_xml(ties) + instrument + timing + accidental + ratio + head + staff
            )
            if number == 0:
                content += _beams_xml(value.beams) + _notations(ties, value) + sung
            else:
                content = "<chord/>" + content + _tied_xml(ties)
            notes.append(f"<note{attributes}>{content}</note>\n")
        return graces + "".join(notes)

    def _look(self, start: int, pitch: int, is_tied: bool) -> str:
        looks = self.looks(self.number - 1, start, pitch) if self.looks else {}
        return "".join(f' {name}="{value}"' for name, value in looks.items() if name != "id" or not is_tied)

    def _grace_notes(
        self, line: _Line, index: int, start: int, accidentals: dict[tuple[int, int, int], str]
    ) -> str:
        """Return the grace notes before the note at `start`: one is an eighth with a slash, several are sixteenths."""
        graces = self.graces[line.staff - 1].pop(start, [])
        notes = []
        for number, grace in enumerate(graces):
            kind = "eighth" if len(graces) == 1 else "16th"
            mark = "begin" if number == 0 else "end" if number == len(graces) - 1 else "continue"
            content = element("grace", slash="yes" if len(graces) == 1 else None)
            content += _pitch_xml(*self.names[start, grace.pitch]) + _timing(line.voice, kind, 0)
            content += accidentals.get((line.voice, index, -1 - number), "") + self._staff(line)
            content += _beams_xml((mark, mark)) if len(graces) > 1 else ""
            notes.append(
                element("note", content, dynamics=f"{grace.velocity / 0.9:.2f}" if self.is_exact else None)
            )
        return "".join(note + "\n" for note in notes)

    def _pitch(self, chord: Chord, pitch: int) -> tuple[str, str, str]:
        """Return the elements of a pitch: itself, the instrument that plays it, and stem and note head of drums."""
        if not self.part.is_drum:
            return _pitch_xml(*self.names[chord.start, pitch]), "", ""
        place, head = drum_sign(pitch)
        unpitched = element(
            "unpitched", element("display-step", place[0]) + element("display-octave", place[1:])
        )
        instrument = element("instrument", id=f"P{self.number}-I{pitch + 1}")
        return (
            unpitched,
            instrument,
            element("stem", "up") + (element("notehead", head) if head != "normal" else ""),
        )

    def _accidentals(
        self, bar: Bar, lines: Iterable[_Line], alterations: dict[str, int]
    ) -> dict[tuple[int, int, int], str]:
        """Return the accidentals of a bar by (voice, value, note of its chord): where the key or the bar differ."""
        if self.part.is_drum:
            return {}
        rows = []
        for line in lines:
            for index, value in enumerate(line.values):
                chord, tied_before, _ = line.chords[value.event]
                if chord is not None:
                    is_tied = tied_before or (index > 0 and line.values[index - 1].event == value.event)
                    graces = [] if is_tied else self.graces[line.staff - 1].get(chord.start, [])
                    sounding = [(-1 - number, grace.pitch) for number, grace in enumerate(graces)]
                    for number, pitch in [*sounding, *enumerate(chord.pitches)]:
                        step, alter, octave = self.names[chord.start, pitch]
                        order = (value.start, number >= 0)
                        rows.append(
                            (order, (line.staff, octave, step), alter, is_tied, (line.voice, index, number))
                        )
        found, state = {}, dict[tuple[int, int, str], int]()
        for _, place, alter, is_tied, name in sorted(rows):
            if not is_tied and state.get(place, alterations[place[2]]) != alter:
                found[name] = element("accidental", _ACCIDENTALS[alter])
                state[place] = alter
        return found

    def _sung(self, start: int) -> str:
        return "".join(
            element("lyric", element("syllabic", syllabic) + text_element("text", words), number=verse)
            for verse, syllabic, words in self.lyrics.pop(start, ())
        )


@lru_cache(maxsize=4096)
def _timing(voice: int, type_: str, dots: int) -> str:
    return element("voice", voice) + element("type", type_) + element("dot") * dots


@lru_cache(maxsize=4096)
def _pitch_xml(step: str, alter: int, octave: int) -> str:
    inner = element("step", step) + (element("alter", alter) if alter else "") + element("octave", octave)
    return element("pitch", inner)


@lru_cache(maxsize=4096)
def _ratio(tuplet: Tuplet, type_: str) -> str:
    """Return the ratio of a tuplet for a value of a type within it."""
    content = element("actual-notes", tuplet.actual) + element("normal-notes", tuplet.normal)
    return element(
        "time-modification", content + (element("normal-type", tuplet.unit) if tuplet.unit != type_ else "")
    )


@lru_cache(maxsize=16)
def _tie_xml(ties: tuple[str, ...]) -> str:
    return "".join(element("tie", type=kind) for kind in ties)


@lru_cache(maxsize=16)
def _tied_xml(ties: tuple[str, ...]) -> str:
    return element("notations", "".join(element("tied", type=kind) for kind in ties)) if ties else ""


@lru_cache(maxsize=4096)
def _beams_xml(beams: tuple[str, ...]) -> str:
    return "".join(element("beam", kind, number=level) for level, kind in enumerate(beams, start=1))


def _notations(ties: tuple[str, ...], value: Value) -> str:
    """Return ties and the brackets of a tuplet, for the first note of a chord."""
    if value.tuplet is None or not (value.opens or value.closes):
        return _tied_xml(ties)
    brackets = ""
    if value.opens:
        unit = element("tuplet-type", value.tuplet.unit)
        inner = element("tuplet-actual", element("tuplet-number", value.tuplet.actual) + unit)
        inner += element("tuplet-normal", element("tuplet-number", value.tuplet.normal) + unit)
        brackets += element("tuplet", inner, type="start", number=1, bracket="no" if value.beams else "yes")
    brackets += element("tuplet", type="stop", number=1) if value.closes else ""
    return element("notations", "".join(element("tied", type=kind) for kind in ties) + brackets)


def _by_start(graces: Iterable[Grace]) -> dict[int, list[Grace]]:
    found: defaultdict[int, list[Grace]] = defaultdict(list)
    for grace in graces:
        found[grace.start].append(grace)
    return dict(found)


def _lines(part: Part, timeline: Timeline) -> list[list[_Line]]:
    """Return the voices of every bar, the first of each staff first."""
    lines: list[list[_Line]] = [[] for _ in timeline.bars]
    for number, staff in enumerate(part.staves, start=1):
        for place, voice in enumerate(staff.voices or ((),)):
            name = 4 * (number - 1) + place + 1
            by_bar: defaultdict[int, list[tuple[int, int, Chord]]] = defaultdict(list)
            for at, start, end, chord in in_bars(voice, timeline.lines.tolist()):
                by_bar[at].append((start, end, chord))
            for at, bar in enumerate(timeline.bars):
                if at in by_bar or (place == 0 and not bar.is_regular):
                    lines[at].append(_line(number, name, bar, by_bar[at]))
                elif place == 0:
                    lines[at].append(_Line(number, name, (), ()))
    return lines


def _line(staff: int, voice: int, bar: Bar, parts: Sequence[tuple[int, int, Chord]]) -> _Line:
    """Return one voice of a bar, with rests where no chord is; `parts` are (start, end, chord) in the piece."""
    shift = bar.origin - bar.start
    events: list[Event] = []
    chords: list[tuple[Chord | None, bool, bool]] = []
    at = bar.start
    for start, end, chord in parts:
        if start > at:
            events.append(Event(at + shift, start + shift, True))
            chords.append((None, False, False))
        events.append(Event(start + shift, end + shift, False))
        chords.append((chord, start > chord.start, end < chord.end))
        at = end
    if at < bar.end:
        events.append(Event(at + shift, bar.end + shift, True))
        chords.append((None, False, False))
    return _Line(staff, voice, rhythm(bar.shape, tuple(events)), tuple(chords))

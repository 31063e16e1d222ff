"""<measure> -> a bar of every part.

Conventions
-----------
- Lengths are what `dur`, `dots` and tuplets say. Notes sound at their gestural accidental and octave, transposed as
  their staff says. Where a file has no gestural accidentals at all, key signature and earlier accidentals of the bar
  count.
- Cue notes and editorial deletions are silent; tremolos, trills and arpeggios are notes as written.

Read in order: `MeasureReader`, `_Layer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from xml.etree.ElementTree import Element

from ritornello.errors import ConfigError, FormatError
from ritornello.formats.mei.elements import ID, children, ids, integer, text_of, value
from ritornello.formats.mei.staves import Staff, fifths_of_signature, is_percussion, meter_of
from ritornello.formats.notated.bars import MAX_QUARTERS, Bar, Note, Sign
from ritornello.formats.notated.expression import ACCENTS, ATTACKS, LEVELS, Dynamic, Pace, speed_of
from ritornello.formats.notated.instruments import drum_at
from ritornello.formats.notated.keys import altered_by, fifths_of, within
from ritornello.formats.notated.order import mark_in_words
from ritornello.formats.repairs import Repairs
from ritornello.score import Key
from ritornello.theory import is_no_chord, parse_chord
from ritornello.theory.pitches import LETTERS

MAX_REPEATED = 1000  # bars of a multiRest
SUSTAIN = 64

_ZERO = Fraction(0)
_LENGTHS = {"breve": Fraction(8), "long": Fraction(16), "maxima": Fraction(32)}
_ACCIDENTALS = {
    "s": 1, "f": -1, "ss": 2, "x": 2, "ff": -2, "n": 0, "xs": 3, "sx": 3, "ts": 3, "tf": -3, "ns": 1, "nf": -1,
    "su": 1, "fd": -1, "nu": 1, "1qs": 1, "3qs": 2, "1qf": 0, "3qf": -1,
}  # fmt: skip
"""Semitones of an accidental; quarter tones are rounded up."""

_CONTAINERS = ("beam", "bTrem", "graceGrp", "ligature", "tuplet", "fTrem")
_STEPS = "CDEFGAB"


@dataclass
class Links:
    """What refers to notes by their names, in the whole file: ties, and tuplets that are spans."""

    tied_from: set[str] = field(default_factory=set)  # notes that a tie leads to
    tied_to: set[str] = field(default_factory=set)  # notes at which one begins
    has_gestures: bool = False  # whether accidentals that sound are written
    spans: dict[str, tuple[str, Fraction]] = field(
        default_factory=dict
    )  # tuplets: first note -> last note, factor


class MeasureReader:
    """Reads measures one after another; what holds on from bar to bar is in its attributes."""

    def __init__(self, links: Links, repairs: Repairs, source: str) -> None:
        self.links, self.repairs, self.source = links, repairs, source
        self.staves: dict[str, Staff] = {}
        self.bars: list[list[Bar]] = []  # of each part
        self.meter: tuple[int, int] | None = None
        self.changed: dict[str, Element] = {}
        self.fifths: dict[str, int] = {}  # the written signature of each staff
        self.next_meter: tuple[int, int] | None = None
        self.next_keys: dict[str, Key] = {}
        self.next_tempo: Pace | None = None
        self.places: dict[str, tuple[int, Fraction]] = {}  # of events with a name: their bar and place

    @property
    def count(self) -> int:
        return max(map(len, self.bars), default=0)

    def define(self, element: Element, staff: str | None = None) -> None:
        """Take what a <scoreDef> or <staffDef> says from the next bar on."""
        name = staff or element.get("n") if element.tag == "staffDef" else staff
        signature = (
            element.find("meterSig")
            if element.find("meterSigGrp") is None
            else element.find("meterSigGrp/meterSig")
        )
        meter = meter_of(element, "meter.") or (None if signature is None else meter_of(signature))
        if meter is not None:
            self.next_meter = meter
        key = element.find("keySig")
        text = element.get("keysig") or element.get("key.sig")
        mode = element.get("key.mode", "")
        if key is not None:
            text, mode = key.get("sig") or text, key.get("mode") or mode
        if (fifths := fifths_of_signature(text)) is not None:
            for each in [name] if name in self.staves else self.staves:
                self.next_keys[each or ""] = Key(0, fifths, mode in ("minor", "aeolian"))
        if element.tag == "staffDef" and name in self.staves:
            known = self.staves[name]
            known.is_drum = is_percussion(element) or known.is_drum
            if (semitones := integer(element.get("trans.semi"))) is not None:
                known.semitones = max(-60, min(60, semitones))
        tempo = element.get("midi.bpm")
        if tempo is not None and (speed := speed_of(tempo)):
            self.next_tempo = Pace(speed)
        for child in children(element):
            if child.tag in ("staffGrp", "staffDef"):
                self.define(child)

    def read(self, measure: Element) -> None:
        """Add the bar of a measure to every part; bars of rest that it stands for follow it."""
        number = self.count
        for own in self.bars:
            own += [Bar() for _ in range(number - len(own))]
            own.append(Bar())
        self.number, self.current = number, [own[number] for own in self.bars]
        for bar in self.current:
            bar.meter = self.next_meter
            bar.is_implicit = measure.get("metcon") == "false"
        self.meter = self.next_meter or self.meter
        self.next_meter = None
        for name, key in self.next_keys.items():
            self._key(name, key, _ZERO)
        self.next_keys = {}
        if self.next_tempo is not None and self.current:
            self.current[0].signs.append(Sign(_ZERO, "tempo", self.next_tempo))
            self.next_tempo = None
        rests = 1
        for element in children(measure):
            if element.tag == "staff":
                rests = max(rests, self._staff(element))
        for element in children(measure):
            self._control(element)
        for bar in self.current:
            bar.sounding = max((note.stop for note in bar.notes), default=_ZERO)
            if max(bar.filled, bar.sounding) > MAX_QUARTERS:
                raise FormatError(f"{self.source}: bar {number + 1} is longer than {MAX_QUARTERS} quarters")
        self._bar_lines(measure)
        for own in self.bars:
            own += [Bar() for _ in range(rests - 1)]

    @property
    def nominal(self) -> Fraction:
        return Fraction(4 * self.meter[0], self.meter[1]) if self.meter else Fraction(4)

    def _bar_lines(self, measure: Element) -> None:
        for bar in self.current[:1]:
            left, right = measure.get("left", ""), measure.get("right", "")
            bar.navigation.forward |= left in ("rptstart", "rptboth") or self.forward
            bar.navigation.plays = 2 if right in ("rptend", "rptboth") else 0
            self.forward = right in ("rptstart", "rptboth")
            if left in ("rptend", "rptboth") and self.number:
                self.bars[0][self.number - 1].navigation.plays = 2

    forward = False

    # --- staves ---

    def _staff(self, element: Element) -> int:
        """Take a <staff>; return for how many bars it stands."""
        name = element.get("n") or (ids(element.get("def")) or ["1"])[0]
        staff = self.staves.get(name)
        if staff is None:
            return 1
        rests = 1
        bar = self.current[staff.part]
        for layer in children(element):
            if layer.tag == "layer":
                reader = _Layer(self, bar, name, staff, layer.get("n", "1"))
                reader.read(layer, Fraction(1))
                bar.filled = max(bar.filled, reader.position)
                rests = max(rests, reader.rests)
        return rests

    def _key(self, name: str, key: Key, start: Fraction) -> None:
        if (staff := self.staves.get(name)) is None:
            return
        self.fifths[name] = key.fifths
        shift = fifths_of(staff.semitones)
        sounding = Key(0, within(key.fifths + shift), key.minor)
        self.current[staff.part].signs.append(
            Sign(start, "key", (sounding, bool(shift and not key.fifths)), staff.number)
        )

    # --- what stands beside the staves ---

    def _place(self, element: Element) -> tuple[list[Bar], Fraction, int] | None:
        """Return the bars, the place, and the number of the staff at which an element of a measure stands."""
        names = (element.get("staff") or "").split()
        staves = [self.staves[name] for name in names if name in self.staves]
        bars = [self.current[staff.part] for staff in staves[:1]] or self.current[:1]
        staff = staves[0].number if staves else 1
        start = self._stamp(element.get("tstamp"))
        if start is None:
            name = (ids(element.get("startid")) or [""])[0]
            if name not in self.places or self.places[name][0] != self.number:
                return None
            start = self.places[name][1]
        return bars, start, staff

    def _stamp(self, text: str | None) -> Fraction | None:
        """Return a place in beats, from 1, in quarters."""
        beats = re.fullmatch(r"\d{1,4}(?:\.\d{1,12})?", text or "")
        if beats is None:
            return None
        unit = Fraction(4, self.meter[1] if self.meter else 4)
        return max(_ZERO, (Fraction(beats[0]).limit_denominator(64) - 1) * unit)

    def _control(self, element: Element) -> None:
        kind = element.tag
        if kind in ("tie", "lv"):
            return
        if kind not in ("tempo", "dynam", "hairpin", "dir", "harm", "pedal", "reh", "repeatMark"):
            return
        place = self._place(element)
        bars, start, staff = place or (self.current[:1], _ZERO, 1)
        for bar in bars:
            for sign in self._signs(kind, element, start):
                bar.signs.append(replace(sign, staff=staff))
            if kind in ("dir", "tempo", "repeatMark"):
                words = element.get("func", "") if kind == "repeatMark" else text_of(element)
                words = {"daCapo": "D.C.", "dalSegno": "D.S."}.get(words, words)
                mark = "segno" if words in ("\ue047", "𝄋", "segno") else mark_in_words(words)
                if words in ("\ue048", "𝄌"):
                    mark = "coda"
                if mark is not None:
                    bar.navigation.words[mark] = ""
        end = element.get("tstamp2")
        if (
            kind == "hairpin"
            and end is not None
            and (match := re.fullmatch(r"(?:(\d{1,3})m\+)?([\d.]+)", end))
        ):
            stop = self._stamp(match[2])
            if int(match[1] or 0) == 0 and stop is not None:
                for bar in bars:
                    bar.signs.append(Sign(stop, "dynamic", Dynamic(hairpin=0), staff))

    def _signs(self, kind: str, element: Element, start: Fraction) -> Iterator[Sign]:
        text = text_of(element)
        if kind == "tempo" and (pace := _pace(element, text)) is not None:
            yield Sign(start, "tempo", pace)
        elif kind == "dynam" and (level := _dynamic(text)) is not None:
            yield Sign(start, "dynamic", level)
        elif kind == "hairpin":
            yield Sign(start, "dynamic", Dynamic(hairpin=-1 if element.get("form") == "dim" else 1))
        elif kind == "harm" and (symbol := _symbol(text)) is not None:
            yield Sign(start, "chord", symbol)
        elif kind == "reh" and text:
            yield Sign(start, "marker", text)
        elif kind == "pedal":
            for down in {"down": (127,), "up": (0,), "bounce": (0, 127), "half": (64,)}.get(
                element.get("dir", ""), ()
            ):
                yield Sign(start, "control", (SUSTAIN, down))


def _pace(element: Element, text: str) -> Pace | None:
    per_minute = value(element, "midi.bpm")
    if per_minute:
        return Pace(per_minute)
    micros = value(element, "midi.mspb")
    if micros:
        return Pace(Fraction(60_000_000) / micros)
    marked = value(element, "mm")
    if marked:
        unit = _written_length(element.get("mm.unit", "4"), integer(element.get("mm.dots")) or 0)
        return Pace(marked * (unit or 1))
    return None


def _dynamic(text: str) -> Dynamic | None:
    name = text.split(" ")[0].strip(".")
    if name in ATTACKS:
        attack, after = ATTACKS[name]
        return Dynamic(LEVELS[after] if after else None, attack)
    if name in LEVELS:
        return Dynamic(LEVELS[name])
    if re.match(r"cresc", text, re.IGNORECASE):
        return Dynamic(hairpin=1, ends_at_mark=True)
    return Dynamic(hairpin=-1, ends_at_mark=True) if re.match(r"decresc|dim", text, re.IGNORECASE) else None


def _symbol(text: str) -> str | None:
    """Return a chord symbol, or None for another kind of harmony, such as numerals."""
    text = text.replace("♭", "b").replace("♯", "#").replace("\ue260", "b").replace("\ue262", "#")
    if is_no_chord(text):
        return "N.C."
    try:
        parse_chord(text)
    except ConfigError:
        return None
    return text if text[:1].isupper() else None


def _written_length(text: str | None, dots: int) -> Fraction | None:
    """Return the length of a `dur` with dots in quarters."""
    number = integer(text)
    if text in _LENGTHS:
        length = _LENGTHS[text]
    elif number is not None and number in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048):
        length = Fraction(4, number)
    else:
        return None
    return length * (2 - Fraction(1, 2 ** min(dots, 8)))


class _Layer:
    """Reads a layer of a staff in one measure."""

    def __init__(self, reader: MeasureReader, bar: Bar, name: str, staff: Staff, number: str) -> None:
        self.reader, self.bar, self.name, self.staff = reader, bar, name, staff
        self.voice = f"{name}.{number}"
        self.position = _ZERO
        self.rests = 1
        self.altered: dict[tuple[str, int], int] = {}
        self.in_grace = False
        self.grace = 0
        self.span: tuple[str, Fraction] | None = None  # the last note and the factor of a tuplet

    def read(self, element: Element, factor: Fraction) -> None:
        """Take the events in an element; `factor` is by how much tuplets around them change their lengths."""
        for event in children(element):
            kind = event.tag
            if kind in _CONTAINERS:
                inner = factor
                if kind == "tuplet":
                    num, base = integer(event.get("num")), integer(event.get("numbase"))
                    inner = factor * Fraction(base, num) if num and base and num > 0 < base else factor
                elif kind == "fTrem":
                    inner = factor / 2
                before, self.in_grace = self.in_grace, self.in_grace or kind == "graceGrp"
                self.read(event, inner)
                self.in_grace = before
            elif kind in ("note", "chord"):
                self._sound(event, factor)
            elif kind in ("rest", "space"):
                if event.get("type") != "straddle" and event.get("cue") != "true":
                    self.position += self._length(event, factor)
            elif kind in ("mRest", "mSpace", "multiRest"):
                self.position += self._length(event, factor) if event.get("dur") else self.reader.nominal
                if kind == "multiRest":
                    self.rests = max(1, min(MAX_REPEATED, integer(event.get("num")) or 1))
            elif kind in ("mRpt", "mRpt2"):
                self._repeated(1 if kind == "mRpt" else 2)
            elif kind == "keySig" and (fifths := fifths_of_signature(event.get("sig"))) is not None:
                self.reader._key(self.name, Key(0, fifths, event.get("mode") == "minor"), self.position)
            elif kind == "meterSig" and (meter := meter_of(event)) is not None:
                if self.position:
                    self.reader.next_meter = meter
                else:
                    self.bar.meter = self.reader.meter = meter

    def _length(self, event: Element, factor: Fraction) -> Fraction:
        name = event.get(ID, "")
        self.span = self.reader.links.spans.get(name, self.span)
        if self.span is not None:
            factor *= self.span[1]
            self.span = None if name == self.span[0] else self.span
        dots = integer(event.get("dots"))
        text = event.get("dur") or event.get("dur.default")
        length = _written_length(text or "4", len(event.findall("dot")) if dots is None else dots)
        if length is None:
            raise FormatError(
                f"{self.reader.source}: bar {self.reader.number + 1}: a duration {text!r}; allowed are those of common "
                "music notation, long, breve and 1 to 2048"
            )
        return length * factor

    def _repeated(self, bars: int) -> None:
        own = self.reader.bars[self.staff.part]
        if self.reader.number >= bars:
            earlier = own[self.reader.number - bars]
            self.bar.notes += [note for note in earlier.notes if note.voice.split(".")[0] == self.name]
            self.position += earlier.filled
        else:
            self.position += self.reader.nominal

    def _sound(self, event: Element, factor: Fraction) -> None:
        """Take a note or a chord."""
        notes = [event] if event.tag == "note" else list(_notes(event))
        first = notes[0] if notes and event.get("dur") is None and event.tag == "chord" else event
        is_grace = self.in_grace or any(each.get("grace") not in (None, "") for each in (event, *notes[:1]))
        is_cue = event.get("cue") == "true" or (event.get("size") == "cue" and False)
        start = self.position
        length = _ZERO if is_grace else self._length(event if event.get("dur") else first, factor)
        for each in (event, *notes):
            if name := each.get(ID):
                self.reader.places[name] = self.reader.number, start
        self.position += length
        if is_cue:
            return
        self.grace += 1
        verses = list(_verses(event))
        for number, each in enumerate(notes):
            pitch, is_drum = self._pitch(each)
            if not 0 <= pitch <= 127:
                self.reader.repairs.add("pitch")
                continue
            note = Note(
                start, start + length, pitch, is_drum, self.staff.instrument, self.voice, self.staff.number
            )
            note.is_grace, note.grace = is_grace or not length, self.grace
            note.tied = self._ties(each, event)
            note.velocity = (
                velocity if (velocity := integer(each.get("vel"))) and 1 <= velocity <= 127 else None
            )
            note.accent = _accent(event) + (_accent(each) if each is not event else 0)
            words = (list(_verses(each)) if each is not event else []) + (verses if number == 0 else [])
            note.lyrics = tuple(words)
            self.bar.notes.append(note)

    def _pitch(self, note: Element) -> tuple[int, bool]:
        staff = self.staff
        if staff.is_drum or (staff.instrument.is_drum and note.get("pname") is None):
            if (key := integer(note.get("midi.pitch") or note.get("pnum"))) is not None:
                return key, True
            place = integer(note.get("loc"))
            step, octave = note.get("pname", "").upper(), integer(note.get("oct"))
            if place is not None:
                octave, degree = divmod(place + 30, 7)
                step = _STEPS[degree]
            return drum_at(step or "C", octave or 0, "x" if note.get("head.shape") == "x" else "normal"), True
        letter = (note.get("pname.ges") or note.get("pname") or "c").upper()
        octave = integer(note.get("oct.ges"))
        octave = integer(note.get("oct")) if octave is None else octave
        octave = 4 if octave is None else octave
        alter = self._alter(note, letter, octave)
        pitch = 12 * (octave + 1) + LETTERS.get(letter, 0) + alter
        return (pitch if staff.instrument.is_drum else pitch + staff.semitones), staff.instrument.is_drum

    def _alter(self, note: Element, letter: str, octave: int) -> int:
        signs = [note, *(child for child in children(note) if child.tag == "accid")]
        gestural = next((sign.get("accid.ges") for sign in signs if sign.get("accid.ges")), None)
        written = next((sign.get("accid") for sign in signs if sign.get("accid")), None)
        if gestural is not None:
            return _ACCIDENTALS.get(gestural, 0)
        if written is not None:
            self.altered[letter, octave] = _ACCIDENTALS.get(written, 0)
            return self.altered[letter, octave]
        if self.reader.links.has_gestures:
            return 0
        from_key = altered_by(self.reader.fifths.get(self.name, 0)).get(letter, 0)
        return self.altered.get((letter, octave), from_key)

    def _ties(self, note: Element, event: Element) -> tuple[bool, bool]:
        links = self.reader.links
        names = {each.get(ID, "") for each in (note, event)}
        kinds = note.get("tie", "") + (event.get("tie", "") if event is not note else "")
        ends = bool(names & links.tied_from) or "m" in kinds or "t" in kinds
        return ends, bool(names & links.tied_to) or "i" in kinds or "m" in kinds


def _notes(chord: Element) -> Iterator[Element]:
    for child in children(chord):
        if child.tag == "note":
            yield child


def _accent(element: Element) -> int:
    marks = (element.get("artic") or "").split() + [
        mark.get("artic", "") for mark in element.findall("artic")
    ]
    names = {"acc": "accent", "marc": "strong-accent"}
    return sum(ACCENTS[names[mark]] for each in marks for mark in each.split() if mark in names)


def _verses(event: Element) -> Iterator[tuple[int, str]]:
    """Yield (verse, syllable) of an event."""
    for place, verse in enumerate((child for child in children(event) if child.tag == "verse"), start=1):
        number = max(1, integer(verse.get("n")) or place)
        syllables: Sequence[Element] = list(verse.iter("syl"))
        text = "‿".join(filter(None, map(text_of, syllables)))
        last = syllables[-1] if syllables else verse
        is_last = last.get("wordpos") not in ("i", "m") and last.get("con") != "d"
        if text:
            yield number, text if is_last or text.endswith("-") else text + "-"
    if text := " ".join(event.get("syl", "").split()):
        yield 1, text

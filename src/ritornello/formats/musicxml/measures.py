"""A <part> -> its bars: notes at their sounding pitch, signs, and what the bars say about the order of playing.

Conventions
-----------
- Times are in quarters from the start of the bar (Fraction), so that any `divisions` are exact.
- Pitches sound: transposition is applied to notes, keys and chord symbols. Microtones are rounded.
- A cue note is not played, a note that is not printed is. A tremolo, a trill and an arpeggio are notes as written.
- A value that makes no sense is left out, and counted as a repair.

Read in order: `read_bars`, `_PartReader`.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from xml.etree.ElementTree import Element

from ritornello.errors import FormatError
from ritornello.formats.musicxml.elements import integer_in, number, number_in, text_in
from ritornello.formats.musicxml.expression import dynamics_of, tempo_of, velocity_of
from ritornello.formats.musicxml.harmony import chord_symbol
from ritornello.formats.musicxml.instruments import changed
from ritornello.formats.notated.bars import MAX_QUARTERS, Bar, Note, Sign
from ritornello.formats.notated.expression import ACCENTS, length_of
from ritornello.formats.notated.instruments import Instrument, Part, drum_at
from ritornello.formats.notated.keys import within
from ritornello.formats.notated.order import KINDS, Navigation, mark_in_words
from ritornello.formats.repairs import Repairs
from ritornello.score import Key
from ritornello.theory.pitches import LETTERS

MAX_OFFSET = Fraction(100)  # quarters
MAX_NUMERATOR, MAX_DENOMINATOR = 255, 128  # of a meter, as in MIDI
SUSTAIN, SOSTENUTO, SOFT = 64, 66, 67  # controllers

_ZERO = Fraction(0)
_NUMBERS = re.compile(r"(\d{1,4})(?:\s*[-–]\s*(\d{1,4}))?")


@dataclass(frozen=True)
class _Transposition:
    """From written to sounding pitch: semitones, places on the line of fifths, and the octaves that sound as well."""

    semitones: int = 0
    fifths: int = 0
    octaves: tuple[int, ...] = ()


_NO_TRANSPOSITION = _Transposition()


def read_bars(part: Part, element: Element, repairs: Repairs, source: str) -> list[Bar]:
    """Return the bars of a <part>; raise FormatError, with `source` for the file, for one of an absurd length."""
    reader = _PartReader(part, repairs)
    bars: list[Bar] = []
    for measure in element.findall("measure"):
        bar = reader.read(measure)
        if (quarters := int(max(bar.filled, bar.sounding))) > MAX_QUARTERS:
            raise FormatError(
                f"{source}: bar {len(bars) + 1} of {part.name or 'a part'} lasts {quarters} quarters: "
                f"allowed are {MAX_QUARTERS}"
            )
        bars.append(bar)
    return bars


class _PartReader:
    """Reads the measures of a part one after another; what holds on from bar to bar is in its attributes."""

    def __init__(self, part: Part, repairs: Repairs) -> None:
        self.instruments = dict(part.instruments)
        self.default = next(iter(self.instruments))
        self.repairs = repairs
        self.divisions = Fraction(1)
        self.lengths: dict[str | None, Fraction] = {}  # of the durations that occurred in these divisions
        self.pitches: dict[tuple[str | None, ...], int] = {}  # those that occurred
        self.transpositions: dict[int, _Transposition] = {}
        self.key: Key | None = None  # as written
        self.nominal: Fraction | None = Fraction(4)
        self.next_meter: tuple[tuple[int, int] | None, bool] = (None, False)
        self.following = Navigation()  # what stands at the end of a bar and concerns the next
        self.ending = 0  # the last number in brackets
        self.pedal = SUSTAIN
        self.repeated = 0  # bars that a sign of repetition stands for
        self.bars: list[Bar] = []

    def read(self, measure: Element) -> Bar:
        """Return the bar of a <measure>."""
        meter, is_free = self.next_meter
        self.bar = bar = Bar(is_implicit=measure.get("implicit") == "yes", meter=meter, is_free=is_free)
        self.next_meter = None, False
        bar.navigation, self.following = self.following, Navigation()
        self.position = self.last = Fraction(0)
        self.grace = 0
        self.places: list[tuple[str, str, bool, Fraction]] = []  # of the marks of navigation
        self.harmonies: list[Element] = []
        for element in measure:
            if (handler := _HANDLERS.get(element.tag)) is not None:
                handler(self, element)
        self._flush_harmonies(Fraction(0))
        for kind, label, is_sound, start in self.places:
            is_next = kind in ("segno", "coda") and 0 < start >= bar.filled
            navigation = self.following if is_next else bar.navigation
            (navigation.sounds if is_sound else navigation.words)[kind] = label
        if self.repeated and not bar.notes and len(self.bars) >= self.repeated:
            earlier = self.bars[-self.repeated]
            bar.notes, bar.sounding = earlier.notes, earlier.sounding
            bar.filled = bar.filled or earlier.filled
        self.bars.append(bar)
        return bar

    # --- time ---

    def _length(self, element: Element) -> Fraction:
        """Return the <duration> of an element in quarters; without one, what its <type> says."""
        text = element.findtext("duration")
        if text is None:
            return self._typed(element)
        if text not in self.lengths:
            value = number(text)
            if value is None or value < 0:
                self.repairs.add("duration")
                value = Fraction(0)
            self.lengths[text] = value / self.divisions
        return self.lengths[text]

    def _typed(self, note: Element) -> Fraction:
        length = length_of(text_in(note, "type"), len(note.findall("dot"))) or Fraction(0)
        actual = number_in(note, "time-modification/actual-notes")
        normal = number_in(note, "time-modification/normal-notes")
        return length * normal / actual if actual and normal and actual > 0 and normal > 0 else length

    def _move(self, position: Fraction) -> None:
        self.position = position if position.numerator >= 0 else _ZERO
        if self.position > self.bar.filled:
            self.bar.filled = self.position

    def _backup(self, element: Element) -> None:
        self._flush_harmonies(Fraction(0))
        self._move(self.position - self._length(element))

    def _forward(self, element: Element) -> None:
        length = self._length(element)
        self._flush_harmonies(length)
        self._move(self.position + length)

    def _place(self, element: Element) -> Fraction:
        """Return where an element stands, with its <offset>."""
        offset = number_in(element, "offset")
        if not offset:
            return self.position
        quarters = max(-MAX_OFFSET, min(MAX_OFFSET, offset / self.divisions))
        return max(Fraction(0), self.position + quarters)

    # --- attributes ---

    def _attributes(self, element: Element) -> None:
        divisions = number_in(element, "divisions")
        if divisions is not None and divisions > 0:
            self.divisions, self.lengths = divisions, {}
        elif element.find("divisions") is not None:
            self.repairs.add("divisions")
        for transpose in element.findall("transpose"):
            self._transpose(transpose)
        for each in element.findall("key"):
            if each.get("number", "1") == "1" and (fifths := _fifths(each)) is not None:
                self.key = Key(0, fifths, text_in(each, "mode") in ("minor", "aeolian"))
        if self.key is not None and (
            element.find("key") is not None or element.find("transpose") is not None
        ):
            shift = self._transposition(1).fifths
            key = Key(0, within(self.key.fifths + shift), self.key.minor)
            self._sign("key", (key, bool(shift and not self.key.fifths)), self.position)
        for time in element.findall("time"):
            if time.get("number", "1") == "1":
                self._time(time)
        for style in element.findall("measure-style/measure-repeat"):
            self.repeated = integer_in(style, ".", 1) if style.get("type") == "start" else 0

    def _transpose(self, element: Element) -> None:
        chromatic, octaves = integer_in(element, "chromatic", 0), integer_in(element, "octave-change", 0)
        diatonic = number_in(element, "diatonic")
        chromatic, octaves = max(-48, min(48, chromatic)), max(-4, min(4, octaves))
        fifths = 7 * chromatic - 12 * int(diatonic) if diatonic is not None else (7 * chromatic + 5) % 12 - 5
        if abs(fifths) > 14:  # the steps contradict the semitones
            fifths = (7 * chromatic + 5) % 12 - 5
        double = element.find("double")
        doubled = () if double is None else (12,) if double.get("above") == "yes" else (-12,)
        transposition = _Transposition(chromatic + 12 * octaves, fifths, doubled)
        staff = int(number(element.get("number")) or 0)
        self.transpositions = (self.transpositions if staff else {}) | {staff: transposition}

    def _transposition(self, staff: int) -> _Transposition:
        return self.transpositions.get(staff) or self.transpositions.get(0) or _NO_TRANSPOSITION

    def _time(self, time: Element) -> None:
        """Take a time signature; one in the middle of a bar is that of the next bar."""
        is_free = time.find("senza-misura") is not None
        meter = None if is_free else _signature(time)
        if meter is None and not is_free:
            self.repairs.add("meter")
            return
        self.nominal = None if meter is None else Fraction(4 * meter[0], meter[1])
        if self.position:
            self.next_meter = meter, is_free
        else:
            self.bar.meter, self.bar.is_free = meter, is_free

    # --- notes ---

    def _note(self, element: Element) -> None:
        parts = {part.tag: part for part in element}
        is_grace = "grace" in parts
        length = _ZERO if is_grace else self._length(element)
        if "chord" in parts:
            start = self.last
        else:
            self.grace += 1
            if not is_grace:
                self._flush_harmonies(length)
            start = self.last = self.position
            is_whole_bar = "rest" in parts and parts["rest"].get("measure") == "yes" and self.nominal
            self._move(start + (min(length, self.nominal) if is_whole_bar and self.nominal else length))
        if "cue" in parts or not ("pitch" in parts or "unpitched" in parts):
            return
        staff = int(number(parts["staff"].text) or 1) if "staff" in parts else 1
        instrument = self.instruments[self.default]
        if "instrument" in parts:
            instrument = self.instruments.get(parts["instrument"].get("id", ""), instrument)
        transposition = self._transposition(staff)
        pitch, is_drum = self._pitch(parts, instrument, transposition)
        voice = (parts["voice"].text or "").strip() if "voice" in parts else ""
        note = Note(start, start + length, pitch, is_drum, instrument, voice, staff)
        note.is_grace, note.grace = is_grace or not length, self.grace
        self._complete(note, element, parts)
        for octave in (0, *(() if is_drum else transposition.octaves)):
            if 0 <= pitch + octave <= 127:
                self.bar.notes.append(replace(note, pitch=pitch + octave) if octave else note)
                if note.stop > self.bar.sounding:
                    self.bar.sounding = note.stop
            else:
                self.repairs.add("pitch")

    def _complete(self, note: Note, element: Element, parts: dict[str, Element]) -> None:
        """Add to a note what its element says apart from pitch and time."""
        if element.attrib:
            note.velocity = velocity_of(element.get("dynamics"))
            note.times = frozenset(_numbers(element.get("time-only", "")))
        if "lyric" in parts:
            note.lyrics = tuple(_lyrics(element))
        if "tie" in parts or "notations" in parts:
            note.tied = _ties(element)
        for notations in element.findall("notations") if "notations" in parts else ():
            note.accent += sum(ACCENTS.get(mark.tag, 0) for mark in notations.iterfind("articulations/*"))
            for dynamic in dynamics_of(notations, None):
                self._sign("dynamic", dynamic, note.start, note.staff)

    def _pitch(
        self, parts: dict[str, Element], instrument: Instrument, transposition: _Transposition
    ) -> tuple[int, bool]:
        """Return the sounding pitch of a note, or the key of the kit, and whether it is a drum."""
        unpitched = parts.get("unpitched")
        if unpitched is not None:
            if instrument.key is not None:
                return instrument.key, True
            step, octave = text_in(unpitched, "display-step"), integer_in(unpitched, "display-octave", 0)
            head = parts.get("notehead")
            return drum_at(step, octave, "normal" if head is None else (head.text or "").strip()), True
        texts = {part.tag: part.text for part in parts["pitch"]}
        name = (texts.get("step"), texts.get("alter"), texts.get("octave"))
        written = self.pitches.get(name)
        if written is None:
            written = self.pitches[name] = _midi_pitch(*name)
        if instrument.is_drum:
            return (written if instrument.key is None else instrument.key), True
        return written + transposition.semitones, False

    # --- signs ---

    def _sign(self, kind: str, value: object, start: Fraction, staff: int = 1) -> None:
        self.bar.signs.append(Sign(start, kind, value, staff))

    def _harmony(self, element: Element) -> None:
        self.harmonies.append(element)

    def _flush_harmonies(self, length: Fraction) -> None:
        """Take the chord symbols at this place; several without an offset share the `length` of what follows."""
        share = length / len(self.harmonies) if self.harmonies else length
        for number_of, harmony in enumerate(self.harmonies):
            staff = integer_in(harmony, "staff", 1)
            symbol = chord_symbol(harmony, self._transposition(staff).fifths, self.key or Key(0, 0))
            start = self._place(harmony)
            if harmony.find("offset") is None:
                start += share * number_of
            if symbol is not None:
                self._sign("chord", symbol, start, staff)
        self.harmonies.clear()

    def _direction(self, element: Element) -> None:
        start, staff = self._place(element), integer_in(element, "staff", 1)
        sound = element.find("sound")
        if (pace := tempo_of(element, sound)) is not None:
            self._sign("tempo", pace, start)
        for dynamic in dynamics_of(element, sound):
            self._sign("dynamic", dynamic, start, staff)
        for pedal in element.iterfind("direction-type/pedal"):
            self._pedal(pedal, start)
        for rehearsal in element.iterfind("direction-type/rehearsal"):
            if text := " ".join((rehearsal.text or "").split()):
                self._sign("marker", text, start)
        self._navigation(element, start)
        if sound is not None:
            self._sound_changes(sound, start, has_pedal=element.find("direction-type/pedal") is not None)

    def _sound(self, element: Element) -> None:
        """Read a <sound> that stands alone in its measure."""
        start = self._place(element)
        if (pace := tempo_of(element, element)) is not None:
            self._sign("tempo", pace, start)
        for dynamic in dynamics_of(element, element):
            self._sign("dynamic", dynamic, start)
        self._sound_changes(element, start, has_pedal=False)

    def _sound_changes(self, sound: Element, start: Fraction, has_pedal: bool) -> None:
        for kind in KINDS:
            if sound.get(kind):
                self.places.append((kind, sound.get(kind, ""), True, start))
        self.bar.navigation.forward |= sound.get("forward-repeat") == "yes"
        for name, controller in (
            ("damper-pedal", SUSTAIN),
            ("sostenuto-pedal", SOSTENUTO),
            ("soft-pedal", SOFT),
        ):
            if sound.get(name) and not has_pedal:
                per_cent = number(sound.get(name))
                down = 127 * (sound.get(name) == "yes") if per_cent is None else round(per_cent * 127 / 100)
                self._sign("control", (controller, max(0, min(127, down))), start)
        for change in (*sound.findall("midi-instrument"), *sound.findall("instrument-change")):
            name = change.get("id", self.default)
            if name in self.instruments:
                self.instruments[name] = changed(self.instruments[name], change)

    def _pedal(self, pedal: Element, start: Fraction) -> None:
        values = {"start": (127,), "resume": (127,), "sostenuto": (127,), "change": (0, 127), "stop": (0,)}
        kind = pedal.get("type", "")
        self.pedal = SOSTENUTO if kind == "sostenuto" else SUSTAIN if kind == "start" else self.pedal
        for value in values.get("stop" if kind == "discontinue" else kind, ()):
            self._sign("control", (self.pedal, value), start)

    def _navigation(self, direction: Element, start: Fraction) -> None:
        """Take the signs and words of navigation that are printed."""
        found = {
            kind.tag: "" for kind in direction.iterfind("direction-type/*") if kind.tag in ("segno", "coda")
        }
        words = " ".join(word.text or "" for word in direction.iterfind("direction-type/words"))
        kind = mark_in_words(words)
        if kind == "tocoda":
            found.pop("coda", None)
        if kind is not None:
            found[kind] = ""
        self.places += [(name, label, False, start) for name, label in found.items()]

    # --- bar lines ---

    def _barline(self, element: Element) -> None:
        at_left = element.get("location") == "left"
        navigation = self.bar.navigation
        for name in ("segno", "coda"):
            if element.get(name) or element.find(name) is not None:
                self.places.append((name, element.get(name, ""), bool(element.get(name)), self.position))
        repeat, ending = element.find("repeat"), element.find("ending")
        if repeat is not None and repeat.get("direction") == "forward":
            if at_left or not self.position:
                navigation.forward = True
            else:
                self.following.forward = True
        elif repeat is not None and repeat.get("direction") == "backward":
            ends = self.bars[-1].navigation if at_left and not self.position and self.bars else navigation
            ends.plays = max(1, int(number(repeat.get("times")) or 2))
            ends.after_jump |= repeat.get("after-jump") == "yes"
        if ending is not None and ending.get("type") == "start":
            numbers = _numbers(ending.get("number", "")) or _numbers(ending.text or "")
            navigation.ending = tuple(numbers) or (self.ending + 1,)
            self.ending = max(navigation.ending)
        elif ending is not None:
            navigation.ending_stops = True
        if repeat is not None and repeat.get("direction") == "forward":
            self.ending = 0


_HANDLERS: dict[str, Callable[[_PartReader, Element], None]] = {
    "attributes": _PartReader._attributes,
    "backup": _PartReader._backup,
    "barline": _PartReader._barline,
    "direction": _PartReader._direction,
    "forward": _PartReader._forward,
    "harmony": _PartReader._harmony,
    "note": _PartReader._note,
    "sound": _PartReader._sound,
}


def _midi_pitch(step: str | None, alter: str | None, octave: str | None) -> int:
    """Return the MIDI pitch of a <pitch>, perhaps out of range; quarter tones are rounded up."""
    semitones = math.floor((number(alter) or 0) + Fraction(1, 2))
    number_of = number(octave)
    return (
        LETTERS.get((step or "").strip().upper(), 0)
        + semitones
        + 12 * int(5 if number_of is None else number_of + 1)
    )


def _signature(time: Element) -> tuple[int, int] | None:
    """Return the meter of a <time>: sums ("3+2") and several fractions as one; None if it is none or out of range."""
    total, finest = Fraction(0), 1
    for beats, kind in zip(time.findall("beats"), time.findall("beat-type"), strict=False):
        values = [number(each) for each in (beats.text or "").split("+")]
        denominator = number(kind.text)
        if denominator is None or denominator not in (1, 2, 4, 8, 16, 32, 64, 128) or None in values:
            return None
        total += sum(value for value in values if value is not None) / denominator
        finest = max(finest, int(denominator))
    numerator = total * finest
    is_meter = numerator.denominator == 1 and 1 <= numerator <= MAX_NUMERATOR
    return (int(numerator), finest) if is_meter else None


_SHARPS = "FCGDAEB"


def _fifths(key: Element) -> int | None:
    """Return the fifths of a <key>, by name or by the notes that it alters; None if it is no such key."""
    if key.find("fifths") is not None:
        return integer_in(key, "fifths", 0)
    steps = [(each.text or "").strip() for each in key.findall("key-step")]
    alters = {number(each.text) for each in key.findall("key-alter")}
    count = len(steps)
    if alters == {1} and set(steps) == set(_SHARPS[:count]):
        return count
    return -count if alters == {-1} and set(steps) == set(_SHARPS[::-1][:count]) else None


def _ties(note: Element) -> tuple[bool, bool]:
    """Return whether a note is tied from the one before, and to the one after: by <tie>, else by what is printed."""
    kinds = {tie.get("type") for tie in note.findall("tie")}
    kinds = kinds or {tie.get("type") for tie in note.iterfind("notations/tied")}
    return bool(kinds & {"stop", "continue"}), bool(kinds & {"start", "continue"})


def _lyrics(note: Element) -> Iterator[tuple[int, str]]:
    """Yield (verse, syllable) of a note; of several with the same number the later ones are further verses."""
    lyrics = [(_verse(lyric, place), lyric) for place, lyric in enumerate(note.findall("lyric"), start=1)]
    free = itertools.count(max(verse for verse, _ in lyrics) + 1)
    used = set[int]()
    for verse, lyric in lyrics:
        if syllable := _syllable(lyric):
            yield next(free) if verse in used else verse, syllable
            used.add(verse)


def _verse(lyric: Element, place: int) -> int:
    """Return the number of a verse, from 1: the last one in "3" or "part1verse3", by default the place of the lyric."""
    digits = re.findall(r"\d{1,3}", lyric.get("number", str(place)))
    return max(1, int(digits[-1])) if digits else 1


def _syllable(lyric: Element) -> str:
    """Return the text of a lyric; a syllable that is not the last of its word ends with a hyphen."""
    text, syllabic = "", "single"
    for each in lyric:
        if each.tag == "text":
            text += each.text or ""
        elif each.tag == "elision" and text:
            text += (each.text or "").strip() or "‿"
        elif each.tag == "syllabic":
            syllabic = (each.text or "").strip()
    text = " ".join(text.split())
    is_last = syllabic not in ("begin", "middle") or text.endswith("-")
    return text if is_last or not text else text + "-"


def _numbers(text: str) -> list[int]:
    """Return the numbers in "1, 2" or "1-3"."""
    found: list[int] = []
    for first, last in _NUMBERS.findall(text):
        found += range(int(first), min(int(last or first), int(first) + 99) + 1)
    return [n for n in found if n > 0]

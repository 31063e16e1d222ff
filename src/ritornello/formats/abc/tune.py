"""A tune of ABC, line by line -> the bars of its voices.

Conventions
-----------
- Each voice (V:) is a part. What stands before the first V: of the body belongs to the first voice.
- An accidental holds up to the bar line, in all octaves unless `%%propagate-accidentals` says otherwise; a tie carries
  it over the bar line.
- Texts in quotation marks are chord symbols where they are some, jumps ("D.C.") where they are such, else annotations.
- A bar without music is no bar: two bar lines in a row are one.
- Clefs with 8 and `octave=`, `transpose=` and `%%MIDI transpose` move the sounding pitch, as the standard says.

Read in order: `TuneReader`, `_Voice`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from ritornello.errors import ConfigError, FormatError
from ritornello.formats.abc.fields import (
    Properties,
    Signature,
    plain_text,
    properties_of,
    read_key,
    read_meter,
    read_parts,
    read_tempo,
    read_unit,
)
from ritornello.formats.notated.assembly import assemble, navigation_of
from ritornello.formats.notated.bars import MAX_QUARTERS, Bar, Note, Sign
from ritornello.formats.notated.expression import ACCENTS, ATTACKS, LEVELS, Dynamic
from ritornello.formats.notated.instruments import Instrument, Part, program_of_name
from ritornello.formats.notated.keys import fifths_of, name_at, place_of, within
from ritornello.formats.notated.order import Played, mark_in_words, playing_order
from ritornello.formats.repairs import Repairs
from ritornello.score import Key, Score, Text
from ritornello.theory import DRUMS, is_no_chord, parse_chord, split_chord
from ritornello.theory.pitches import LETTERS

MAX_VOICES = 128
MAX_BARS = 20_000  # of a voice

_EIGHTH = Fraction(1, 2)
_FIELD = re.compile(r"([A-Za-z+]):\s*(.*)")
_BODY_FIELDS = "IKLMmNPQRrsTUVWw+"
_PITCH = r"(?P<sign>\^\^|\^/?|__|_/?|=|)(?P<letter>[A-Ga-g])(?P<octave>[,']*)"
_LENGTH = r"(?P<over>\d{0,5})(?P<slashes>/*)(?P<under>\d{0,5})"
_NOTE = re.compile(_PITCH + _LENGTH + r"(?P<tie>[ \t]*\.?-)?")
_MUSIC = re.compile(
    r"""(?P<space>[\s`$*\\]+)
    |(?P<field>\[[A-Za-z]:[^\]]*\])
    |(?P<volta>\[\s*(?P<numbers>\d[\d,.-]*))
    |(?P<bar>\.?(?:\[\||\||:(?=[:|\]]))(?:[:|]|\]|\[(?=\|))*(?:\[?(?P<after>\d[\d,.-]*))?)
    |(?P<text>"[^"]*"?)
    |(?P<mark>!(?P<name>[^!|\n]{1,40})!|\+(?P<old>[^+|\n]{1,40})\+)
    |(?P<tuplet>\((?P<p>[2-9])(?::(?P<q>\d{0,2})(?::(?P<r>\d{0,2}))?)?)
    |(?P<grace>\{(?P<graces>[^}]*)\})
    |(?P<chord>\[(?P<inner>(?:"[^"]*"|[^\]])*)\](?P<chordlength>\d{0,5}/*\d{0,5})(?P<chordtie>[ \t]*\.?-)?)
    |(?P<note>(?:\^\^|\^/?|__|_/?|=|)[A-Ga-g][,']*\d{0,5}/*\d{0,5}(?:[ \t]*\.?-)?)
    |(?P<rest>[zx](?P<restlength>\d{0,5}/*\d{0,5}))
    |(?P<bars>[ZX](?P<count>\d{0,4}))
    |(?P<broken>[<>]+)
    |(?P<overlay>&+)
    |(?P<spacer>y\d{0,5}/*\d{0,5})
    |(?P<tie>-)
    |(?P<slur>\.?\(&?|&?\))
    |(?P<shorthand>[.~H-Wh-w])
    |(?P<unknown>.)""",
    re.VERBOSE,
)
_JUMPS = {
    "segno": "segno", "coda": "coda", "fine": "fine", "dacapo": "dacapo", "dacoda": "tocoda", "tocoda": "tocoda",
    "dalsegno": "dalsegno",
}  # fmt: skip
_HAIRPINS = {
    "crescendo(": 1,
    "<(": 1,
    "diminuendo(": -1,
    ">(": -1,
    "crescendo)": 0,
    "<)": 0,
    "diminuendo)": 0,
    ">)": 0,
}
_SHORTHANDS = {"L": "accent", "S": "segno", "O": "coda"}
_SYLLABLES = re.compile(r"(?P<word>(?:\\-|[^\s\-_*|])+)|(?P<sign>[-_*|])|\s+")
_DEFAULT_Q = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}


class TuneReader:
    """Takes the lines of a tune one after another; `score` returns what they are."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.repairs = Repairs()
        self.title, self.texts, self.parts = "", list[Text](), ""
        self.has_key = False
        self.accidentals = "pitch"
        self.common = _Voice(self, "")  # what the header says, of which each voice begins as a copy
        self.voices: dict[str, _Voice] = {}
        self.voice = self.common
        self.starts: dict[str, int] = {}  # the first bar of each part
        self.before = ""  # the field before, which +: goes on with
        self.tempo = ""

    def read(self, number: int, line: str) -> None:
        """Take a line; raise FormatError, with its number, for one that cannot be read."""
        self.place = f"{self.source}: line {number} of the tune"
        if line.startswith("%%"):
            self._directive(line[2:].split())
            return
        field = _FIELD.match(line)
        if field and (not self.has_key or field[1] in _BODY_FIELDS or field[2][:1] not in ("|", ":")):
            kind = self.before if field[1] == "+" else field[1]
            self.before = kind
            self.field(kind, field[2].strip())
        elif self.has_key:
            for each in re.split(r"(?=\[V:)", line):
                if match := re.match(r"\[V:([^\]]*)\]", each):
                    self.field("V", match[1].strip())
                self._begun().music(each[match.end() if match else 0 :])

    def _begun(self) -> _Voice:
        """Return the voice in force, which there is from here on."""
        if self.voice is self.common:
            self.voice = next(iter(self.voices.values()), None) or self._voice("1")
        return self.voice

    def _voice(self, name: str) -> _Voice:
        if name not in self.voices:
            if len(self.voices) == MAX_VOICES:
                raise FormatError(f"{self.place}: more than {MAX_VOICES} voices")
            self.voices[name] = self.common.copy(name)
        return self.voices[name]

    def field(self, kind: str, text: str) -> None:
        """Take a field, at a line of its own or within the music."""
        if kind in "KMLQ":
            is_for_all = not self.has_key or self.voice is self.common
            for voice in [self.common, *self.voices.values()] if is_for_all else [self.voice]:
                _SETTERS[kind](voice, text)
        if kind == "K" and not self.has_key:
            self.has_key, self.voice = True, self.common
        elif kind == "V":
            name, _, rest = text.partition(" ")
            if name and name != "*":
                self.voice = self._voice(name)
                self.voice.set_properties(properties_of(rest))
        elif kind == "P" and not self.has_key:
            self.parts = read_parts(text)
        elif kind == "P" and text:
            self.voice.end_bar()
            self.starts.setdefault(text[0], len(self.voice.bars))
        elif kind == "T" and not self.title:
            self.title = plain_text(text)
        elif kind == "C" and not self.has_key and plain_text(text):
            self.texts.append(Text(0, "composer", plain_text(text)))
        elif kind == "w" and self.has_key:
            self._begun().words(text)
        elif kind == "I":
            self._directive(text.split())

    def _directive(self, words: Sequence[str]) -> None:
        numbers = [int(word) for word in words if re.fullmatch(r"-?\d{1,3}", word)]
        if words[:1] == ["propagate-accidentals"] and len(words) > 1:
            self.accidentals = words[1]
        elif words[:2] == ["MIDI", "nobarlines"]:
            self.accidentals = "not"  # there is no bar line up to which they could hold
        elif words[:2] == ["MIDI", "program"] and numbers and 0 <= numbers[-1] <= 127:
            self.voice.program = numbers[-1]
        elif words[:2] == ["MIDI", "channel"] and numbers:
            self.voice.is_drum = numbers[0] == 10
        elif words[:2] == ["MIDI", "transpose"] and numbers:
            self.voice.transpose = max(-60, min(60, numbers[0]))

    def score(self, repeats: bool) -> Score:
        """Return the score; raise FormatError if there is none."""
        if not self.has_key:
            raise FormatError(f"{self.source}: not a tune of ABC: it has no key (a line K:)")
        for voice in self.voices.values():
            voice.end_bar()
        voices = [voice for voice in self.voices.values() if voice.bars]
        if not any(bar.notes for voice in voices for bar in voice.bars):
            raise FormatError(f"{self.source}: a tune of ABC without notes")
        for voice in voices:
            _end_endings(voice.bars)
        names = [voice.name.lower() for voice in voices]
        parts = [(voice.part(names), voice.bars) for voice in voices]
        return assemble(
            parts,
            self.repairs,
            self.source,
            repeats=repeats,
            order=self._order(parts) if repeats else None,
            joins_halves=True,
            title=self.title,
            texts=self.texts,
        )

    def _order(self, parts: Sequence[tuple[Part, list[Bar]]]) -> list[Played] | None:
        """Return the order of playing that the P: of the header says; None without one."""
        if not any(label in self.starts for label in self.parts):
            return None
        navigation, notes = navigation_of(parts)
        edges = sorted({0, *self.starts.values(), len(navigation)})
        order: list[Played] = []
        for label in self.parts:
            if label in self.starts and (start := self.starts[label]) < len(navigation):
                stop = next(edge for edge in edges if edge > start)
                played = playing_order(navigation[start:stop], notes[start:stop], self.source)
                order += [replace(each, bar=each.bar + start) for each in played]
        if sum(notes[each.bar] for each in order) > 1_000_000:
            raise FormatError(
                f"{self.source}: its parts have more than 1000000 notes; read it without repeats"
            )
        return order


class _Voice:
    """A voice: what is in force in it, and its bars so far."""

    def __init__(self, tune: TuneReader, name: str) -> None:
        self.tune, self.name, self.label = tune, "", name
        self.program: int | None = None
        self.is_drum = False
        self.transpose = self.octaves = self.clef_octaves = 0
        self.signature: Signature = Signature()
        self.meter: tuple[int, int] | None = (4, 4)
        self.unit: Fraction | None = None
        self.tempo = ""
        self.bars: list[Bar] = []
        self.instrument = Instrument()
        self._begin_bar(Bar())
        self.in_ending = False
        self.ties: dict[tuple[str, int], int] = {}  # open ones: letter and octave -> alteration
        self.ties_before_ending: dict[tuple[str, int], int] = {}
        self.tuplets: list[list[Fraction]] = []  # of each its factor and how many notes it still has
        self.line: list[Note | None] = []  # the notes of the line that words are for; None is a bar line
        self.verse = 0
        self.goes_on = False  # the line before ended with a backslash

    def copy(self, name: str) -> _Voice:
        """Return a new voice in which the same is in force."""
        voice = _Voice(self.tune, name)
        for each in ("program", "is_drum", "transpose", "octaves", "clef_octaves", "signature", "meter"):
            setattr(voice, each, getattr(self, each))
        voice.unit = self._unit()  # a later meter does not change it
        voice.bar.meter, voice.bar.is_free = self.meter, self.meter is None
        voice.set_tempo(self.tempo)
        if self.signature.key is not None:
            voice._key_sign()
        return voice

    # --- what is in force ---

    def set_key(self, text: str) -> None:
        self.set_properties(properties_of(text))
        if (signature := read_key(text)) is not None:
            self.signature = signature
            self._key_sign()

    def _key_sign(self) -> None:
        if (key := self.signature.key) is not None and self.label:
            fifths = within(key.fifths + fifths_of(self._semitones()))
            self._sign("key", (Key(0, fifths, key.minor), False))

    def set_unit(self, text: str) -> None:
        self.unit = read_unit(text) or self.unit

    def set_meter(self, text: str) -> None:
        self.meter = read_meter(text)
        if self.meter is None and text.strip().lower() not in ("none", ""):
            self.tune.repairs.add("meter")
        if self.bar.notes or self.position:
            self.next_meter = True
        else:
            self.bar.meter, self.bar.is_free = self.meter, self.meter is None

    def set_tempo(self, text: str) -> None:
        self.tempo = text
        if text and self.label and (pace := read_tempo(text, self._unit())) is not None:
            self._sign("tempo", pace)

    def set_properties(self, found: Properties) -> None:
        semitones = self._semitones()
        self.name = self.name if found.name is None else plain_text(found.name)
        self.octaves = self.octaves if found.octaves is None else found.octaves
        self.clef_octaves = self.clef_octaves if found.clef_octaves is None else found.clef_octaves
        self.transpose = self.transpose if found.transpose is None else found.transpose
        self.is_drum = self.is_drum if found.is_drum is None else found.is_drum
        if self._semitones() != semitones:
            self._key_sign()

    def _unit(self) -> Fraction:
        """Return the unit length in quarters: by default an eighth, or a sixteenth in meters below 3/4."""
        if self.unit is not None:
            return self.unit
        is_short = self.meter is not None and 4 * self.meter[0] < 3 * self.meter[1]
        return _EIGHTH / 2 if is_short else _EIGHTH

    def _semitones(self) -> int:
        return 0 if self.is_drum else self.transpose + 12 * (self.octaves + self.clef_octaves)

    def part(self, names: Sequence[str]) -> Part:
        """Return the voice as a part; `names` are those of all voices. Its notes get its instrument."""
        guess = program_of_name(self.name, names) if self.name else None
        program = self.program if self.program is not None else 0 if guess in (None, DRUMS) else guess
        instrument = Instrument(self.name, program or 0, is_drum=self.is_drum)
        for bar in self.bars:
            for note in bar.notes:
                note.instrument, note.is_drum = instrument, self.is_drum
        return Part(self.name, {"": instrument})

    # --- bars ---

    def _begin_bar(self, bar: Bar) -> None:
        self.bar = bar
        self.position = Fraction(0)
        self.altered: dict[object, int] = {}
        self.grace = self.layer = 0
        self.next_meter = False
        self.last: tuple[list[Note], Fraction] | None = None  # what broken rhythm lengthens: notes and length
        self.factor = Fraction(1)  # by which broken rhythm changes the next note
        self.accent = 0
        self.struck: list[tuple[Note, tuple[str, int], int]] = []

    def end_bar(self) -> bool:
        """End the bar if it has music; return whether it had."""
        bar = self.bar
        bar.filled = max(bar.filled, self.position)
        if not (bar.notes or bar.filled):
            return False
        if bar.filled > MAX_QUARTERS or len(self.bars) == MAX_BARS:
            raise FormatError(
                f"{self.tune.place}: more than {MAX_BARS} bars, or a bar of more than {MAX_QUARTERS} quarters"
            )
        bar.sounding = max((note.stop for note in bar.notes), default=Fraction(0))
        self.bars.append(bar)
        following = Bar()
        if self.next_meter:
            following.meter, following.is_free = self.meter, self.meter is None
        self._begin_bar(following)
        return True

    def _bar_line(self, text: str, numbers: str) -> None:
        text = text.replace("[", "").lstrip(".")
        first, last = text.find("|"), text.rfind("|")
        ends = len(text[: max(first, 0)]) if first >= 0 else len(text) // 2
        begins = text[last:].count(":") if first >= 0 else len(text) - ends
        self.end_bar()
        before = self.bars[-1].navigation if self.bars else None
        if ends and before is not None:
            before.plays = ends + 1
        if (
            before is not None
            and self.in_ending
            and (ends or begins or numbers or "||" in text or "]" in text)
        ):
            before.ending_stops, self.in_ending = True, False
        self.bar.navigation.forward |= bool(begins)
        self.line.append(None)
        if numbers:
            self._ending(numbers)

    def _ending(self, text: str) -> None:
        """Begin an ending; the bar before it ends."""
        self.end_bar()
        numbers: list[int] = []
        for first, last in re.findall(r"(\d{1,2})(?:-(\d{1,2}))?", text):
            numbers += range(int(first), int(last or first) + 1)
        numbers = [number for number in numbers if number]
        if not numbers:
            return
        if self.in_ending and self.bars:
            self.bars[-1].navigation.ending_stops = True
        if min(numbers) == 1:
            self.ties_before_ending = dict(self.ties)
        else:
            self.ties = dict(self.ties_before_ending)
        self.bar.navigation.ending, self.in_ending = tuple(numbers), True

    def _sign(self, kind: str, value: object) -> None:
        self.bar.signs.append(Sign(self.position, kind, value))

    # --- music ---

    def music(self, line: str) -> None:
        """Take a line of music."""
        if not self.goes_on:
            self.line, self.verse = [], 0
        self.goes_on = line.endswith("\\")
        for match in _MUSIC.finditer(line):
            if (handler := _HANDLERS.get(match.lastgroup or "")) is not None:
                handler(self, match)

    def _field(self, match: re.Match[str]) -> None:
        if match[0][1] in "KMLQPI":
            self.tune.field(match[0][1], match[0][3:-1].strip())

    def _text(self, match: re.Match[str]) -> None:
        text = html.unescape(match[0].strip('"')).strip()
        if text[:1] in ("^", "_", "<", ">", "@"):
            if (mark := mark_in_words(text[1:].strip())) is not None:
                self._mark(mark)
            return
        if (symbol := self._symbol(text)) is not None:
            self._sign("chord", symbol)
        elif text.lower() == "end" or (mark := mark_in_words(text)) is not None:
            self._mark("fine" if text.lower() == "end" else mark or "")

    def _symbol(self, text: str) -> str | None:
        """Return the chord symbol that a text is, at sounding pitch; None if it is none."""
        if is_no_chord(text):
            return "N.C."
        text = text[:1].upper() + text[1:]
        parts = split_chord(text)
        try:
            chord = parse_chord(text)
        except ConfigError:
            return None
        if parts is None:
            return None
        root, quality, bass = parts
        shift = fifths_of(self._semitones())
        name, low = (
            each and name_at(place_of(each[0].upper(), each.count("#") - each[1:].count("b")) + shift)
            for each in (root, bass)
        )
        return f"{name}{quality}/{low}" if low and chord.bass != chord.root else f"{name}{quality}"

    def _named_mark(self, match: re.Match[str]) -> None:
        name = (match["name"] or match["old"]).strip()
        if name in LEVELS or name in ATTACKS:
            attack, after = ATTACKS.get(name, (None, None))
            self._sign("dynamic", Dynamic(LEVELS[after] if after else LEVELS.get(name), attack))
        elif name in _HAIRPINS:
            self._sign("dynamic", Dynamic(hairpin=_HAIRPINS[name]))
        elif name in (">", "accent", "emphasis"):
            self.accent = ACCENTS["accent"]
        elif name in ("^", "marcato"):
            self.accent = ACCENTS["strong-accent"]
        elif (kind := _JUMPS.get(name.lower()) or mark_in_words(name)) is not None:
            self._mark(kind)

    def _mark(self, kind: str) -> None:
        """Take a mark of navigation: a place is that of its bar, an end that of the bar that ends."""
        at_start = not (self.bar.notes or self.position)
        is_end = kind not in ("segno", "coda", "trio")
        bar = self.bars[-1] if is_end and at_start and self.bars else self.bar
        bar.navigation.words[kind] = ""

    def _shorthand(self, match: re.Match[str]) -> None:
        kind = _SHORTHANDS.get(match[0])
        if kind == "accent":
            self.accent = ACCENTS["accent"]
        elif kind is not None:
            self._mark(kind)

    def _tuplet(self, match: re.Match[str]) -> None:
        p = int(match["p"])
        is_compound = self.meter is not None and self.meter[1] >= 8 and self.meter[0] % 3 == 0
        q = int(match["q"] or 0) or _DEFAULT_Q.get(p, 3 if is_compound else 2)
        self.tuplets.append([Fraction(q, p), Fraction(int(match["r"] or 0) or p)])

    def _time(self, length: Fraction) -> Fraction:
        """Return the length of the next note or rest as it lasts, by tuplets and broken rhythm."""
        for tuplet in self.tuplets:
            length *= tuplet[0]
            tuplet[1] -= 1
        self.tuplets = [tuplet for tuplet in self.tuplets if tuplet[1] > 0]
        length, self.factor = length * self.factor, Fraction(1)
        return length

    def _note(self, match: re.Match[str]) -> None:
        self._strike([match[0]], Fraction(1), False)

    def _chord(self, match: re.Match[str]) -> None:
        inner = [each[0] for each in _NOTE.finditer(re.sub(r'"[^"]*"|![^!]*!', " ", match["inner"]))]
        for text in re.findall(r'"[^"]*"', match["inner"]):
            if (symbol := self._symbol(text.strip('"'))) is not None:
                self._sign("chord", symbol)
        if inner:
            self._strike(inner, self._ratio(match["chordlength"]), bool(match["chordtie"]))

    def _strike(self, texts: Sequence[str], ratio: Fraction, is_tied: bool) -> None:
        """Add notes that are struck together; the first one says how long they take."""
        found = [match for text in texts if (match := _NOTE.fullmatch(text)) is not None]
        units = [self._ratio(match["over"] + match["slashes"] + match["under"]) * ratio for match in found]
        first = self._time(units[0] * self._unit())
        before, self.ties = self.ties, {}
        self.struck = []
        for match, unit in zip(found, units, strict=True):
            length = first * unit / units[0]
            struck = self._sounding(match, self.position, self.position + length, before)
            self.struck.append(struck)
            if is_tied or match["tie"]:
                self._tie(struck)
        notes = [note for note, _, _ in self.struck]
        self.accent = 0
        self.line.append(notes[0])
        self.last = notes, first
        self.position += first

    def _sounding(
        self, match: re.Match[str], start: Fraction, stop: Fraction, ties: dict[tuple[str, int], int]
    ) -> tuple[Note, tuple[str, int], int]:
        """Add the note of a match of `_NOTE`; return it with its letter and octave, and its alteration."""
        letter = match["letter"].upper()
        octave = (
            (5 if match["letter"].isupper() else 6) + match["octave"].count("'") - match["octave"].count(",")
        )
        name = letter, octave
        memory: object = letter if self.tune.accidentals == "pitch" else name
        sign = match["sign"]
        if sign:
            alter = {"^^": 2, "__": -2, "=": 0, "^/": 1, "_/": 0}.get(sign, 1 if sign == "^" else -1)
            if self.tune.accidentals != "not":
                self.altered[memory] = alter
        elif name in ties:
            alter = ties[name]
        else:
            alter = self.altered.get(memory, self.signature.altered.get(letter, 0))
        pitch = 12 * octave + LETTERS[letter] + alter + self._semitones()
        note = Note(start, stop, pitch, self.is_drum, self.instrument, str(self.layer), 1)
        note.tied = name in ties and ties[name] == alter, False
        note.accent = self.accent
        if 0 <= pitch <= 127:
            self.bar.notes.append(note)
        else:
            self.tune.repairs.add("pitch")
        return note, name, alter

    def _tie(self, struck: tuple[Note, tuple[str, int], int]) -> None:
        note, name, alter = struck
        self.ties[name] = alter
        note.tied = note.tied[0], True

    def _tie_last(self, match: re.Match[str]) -> None:
        for struck in self.struck:
            self._tie(struck)

    def _grace(self, match: re.Match[str]) -> None:
        for each in re.finditer(r"\[([^\]]*)\]|" + _NOTE.pattern.replace("?P<", "?P<g_"), match["graces"]):
            self.grace += 1
            for note in _NOTE.finditer(each[1] or each[0]):
                made, _, _ = self._sounding(note, self.position, self.position, {})
                made.is_grace, made.grace = True, self.grace

    def _rest(self, match: re.Match[str]) -> None:
        length = self._time(self._ratio(match["restlength"]) * self._unit())
        self.last = [], length
        self.ties = {}
        self.position += length

    def _bars_of_rest(self, match: re.Match[str]) -> None:
        nominal = Fraction(4 * self.meter[0], self.meter[1]) if self.meter else Fraction(4)
        count = int(match["count"] or 1)
        self.ties = {}
        for number in range(count):
            if number:
                self.end_bar()
            self.position += nominal

    def _broken(self, match: re.Match[str]) -> None:
        """Lengthen the note before and shorten the next, or the reverse."""
        if self.last is None:
            return
        small = Fraction(1, 2 ** min(len(match[0]), 6))
        before, self.factor = (2 - small, small) if match[0][0] == ">" else (small, 2 - small)
        notes, length = self.last
        change = length * (before - 1)
        for note in notes:
            note.stop += (note.stop - note.start) * (before - 1)
        self.position += change
        self.last = None

    def _overlay(self, match: re.Match[str]) -> None:
        self.bar.filled = max(self.bar.filled, self.position)
        self.position, self.last = Fraction(0), None
        self.layer += 1
        self.ties = {}

    def _ratio(self, text: str) -> Fraction:
        """Return a length such as "3/2", "/", "//" or ""."""
        over, slash, under = text.partition("/")
        slashes = under.count("/") + len(slash)
        number = under.strip("/")
        value = int(over or 1)
        divisor = int(number) if number else 2**slashes
        if not value or not 1 <= divisor <= 1 << 12:
            raise FormatError(f"{self.tune.place}: a note of length {text!r}")
        return Fraction(value, divisor)

    def _unknown(self, match: re.Match[str]) -> None:
        if match[0] not in "!+?@#;,'":
            self.tune.repairs.add("character")

    # --- words ---

    def words(self, text: str) -> None:
        """Give the syllables of a w: to the notes of the line of music before it."""
        self.verse += 1
        notes = iter(self.line)
        note: Note | None = None
        last, end = None, 0
        for match in _SYLLABLES.finditer(text):
            sign, is_joined, end = match["sign"], match.start() == end, match.end()
            if sign == "-" and is_joined and last is not None:
                verse, syllable = last.lyrics[-1]
                if not syllable.endswith("-"):
                    last.lyrics = (*last.lyrics[:-1], (verse, syllable + "-"))
                    continue
            if sign == "|":
                for note in notes:
                    if note is None:
                        break
                continue
            if match["word"] is None and sign is None:
                continue
            note = next((each for each in notes if each is not None), None)
            if note is None:
                return
            if match["word"] is not None:
                syllable = plain_text(match["word"].replace("\\-", "\u2011").replace("~", " ")).replace(
                    "\u2011", "-"
                )
                if syllable:
                    note.lyrics = (*note.lyrics, (self.verse, syllable))
                    last = note


def _end_endings(bars: Sequence[Bar]) -> None:
    """End the last ending of each repeat after as many bars as the one before it, where the next repeat would end it.

    Many tunes do not say where a second ending ends.
    """
    starts = [number for number, bar in enumerate(bars) if bar.navigation.ending]
    for before, start in pairwise(starts):
        stop = start
        while stop < len(bars) - 1 and not (
            bars[stop].navigation.ending_stops or bars[stop].navigation.plays
        ):
            stop += 1
        is_last = stop + 1 == len(bars) or not bars[stop + 1].navigation.ending
        if min(bars[start].navigation.ending) > 1 and bars[stop].navigation.plays and is_last:
            bars[min(stop, 2 * start - before - 1)].navigation.ending_stops = True


_SETTERS: dict[str, Callable[[_Voice, str], None]] = {
    "K": _Voice.set_key,
    "L": _Voice.set_unit,
    "M": _Voice.set_meter,
    "Q": _Voice.set_tempo,
}

_HANDLERS: dict[str, Callable[[_Voice, re.Match[str]], None]] = {
    "bar": lambda voice, match: voice._bar_line(match["bar"], match["after"] or ""),
    "bars": _Voice._bars_of_rest,
    "broken": _Voice._broken,
    "chord": _Voice._chord,
    "field": _Voice._field,
    "grace": _Voice._grace,
    "mark": _Voice._named_mark,
    "note": _Voice._note,
    "overlay": _Voice._overlay,
    "rest": _Voice._rest,
    "shorthand": _Voice._shorthand,
    "text": _Voice._text,
    "tie": _Voice._tie_last,
    "tuplet": _Voice._tuplet,
    "unknown": _Voice._unknown,
    "volta": lambda voice, match: voice._ending(match["numbers"]),
}

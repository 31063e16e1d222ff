"""Chord charts of iReal Pro -> `Score`: links `irealb://` and `irealbook://`, and pages that contain them.

A chart has no notes of its own: its chords are texts, as in any lead sheet, and a track "Chords" on which they sound in
close position. Each song of a playlist is a piece. The form is played once, with its repeats, endings and jumps.

The music of an `irealb` link is scrambled in blocks of fifty characters; how is described by
https://github.com/pianosnake/ireal-reader and others. A bar is written in cells: a chord takes one, a space another.

Read in order: `split_ireal`, `parse_ireal`, `_Chart`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote, unquote

from ritornello.errors import ConfigError, FormatError
from ritornello.formats.notated.assembly import assemble
from ritornello.formats.notated.bars import Bar, Note, Sign
from ritornello.formats.notated.expression import Pace
from ritornello.formats.notated.instruments import Instrument, Part
from ritornello.formats.notated.keys import key_of
from ritornello.formats.notated.order import mark_in_words
from ritornello.formats.repairs import Repairs
from ritornello.score import Score, Text
from ritornello.theory import Chord, parse_chord, split_chord

MAX_MUSIC = 100_000  # characters of a song
MAX_BARS = 10_000

_LINK = re.compile(r"""irealb(?:ook)?://[^"'<>\s]+""")
_MARK = "1r34LbKcu7"  # before the scrambled music of a song
_EXPANDED = (("XyQ", "   "), ("LZ", " |"), ("Kcl", "| x"))
_TOKEN = re.compile(
    r"""(?P<time>T\d\d)|(?P<section>\*[A-Za-z](?![^*]*\*[^A-Za-z]))|(?P<comment><[^>]*>)|(?P<ending>N\d)
    |(?P<chord>(?P<root>[A-GW][b#]?)(?P<quality>(?:\*[^*]*\*|sus|alt|add|[\^\-+oh\d#b])*)(?:/(?P<bass>[A-G][b#]?))?)
    |(?P<alternate>\([^)]*\))|(?P<line>[|\[\]{}Z])|(?P<sign>[SQ])|(?P<repeat>[xr])|(?P<none>n)|(?P<cell>[ p])""",
    re.VERBOSE,
)
_TIMES = re.compile(r"(\d)\s*x", re.IGNORECASE)


@dataclass(frozen=True)
class _Song:
    title: str
    composer: str
    key: str
    music: str
    tempo: int


def split_ireal(data: bytes) -> list[tuple[bytes, ...]]:
    """Return the songs in a file, each as a link of its own."""
    songs = dict.fromkeys(song for link in _links(data) for song in _songs(link))
    return [(_link(song).encode(),) for song in songs] or [(data,)]


def parse_ireal(data: bytes, name: str = "iReal Pro data", *, repeats: bool = True) -> Score:
    """Return the score of the first song in the bytes of a file.

    repeats: whether repeats, endings and jumps are played out. Raise FormatError, with `name` for the file, if there is
    no song.
    """
    song = next((song for link in _links(data) for song in _songs(link)), None)
    if song is None:
        raise FormatError(f"{name}: no chart of iReal Pro in it (a link irealb:// or irealbook://)")
    if len(song.music) > MAX_MUSIC:
        raise FormatError(f"{name}: a chart of {len(song.music)} characters, allowed are {MAX_MUSIC}")
    chart = _Chart(name)
    chart.read(song.music)
    if not any(sign.kind == "chord" for bar in chart.bars for sign in bar.signs):
        raise FormatError(f"{name}: a chart without chords: {song.title or 'untitled'}")
    first = chart.bars[0]
    if (key := re.fullmatch(r"([A-G])([b#]?)(-?)", song.key)) is not None:
        named = key_of(key[1], {"b": -1, "#": 1}.get(key[2], 0), "m" if key[3] else "")
        first.signs.insert(0, Sign(Fraction(0), "key", (named, False)))
    if song.tempo:
        first.signs.insert(0, Sign(Fraction(0), "tempo", Pace(Fraction(song.tempo))))
    texts = [Text(0, "composer", song.composer)] if song.composer else []
    part = Part("Chords", {"": Instrument("Chords")})
    return assemble([(part, chart.bars)], chart.repairs, name, repeats=repeats, title=song.title, texts=texts)


def _links(data: bytes) -> Iterator[str]:
    """Yield the links in a page or a text, decoded."""
    text = data.decode("utf-8", errors="replace").strip()
    if text.startswith(("irealb://", "irealbook://")):
        found = [line for line in text.splitlines() if line.strip()]
    else:
        found = [html.unescape(match[0]) for match in _LINK.finditer(text)]
    for link in found:
        yield unquote(link, errors="replace")


def _songs(link: str) -> Iterator[_Song]:
    """Yield the songs of a link, whose fields are separated by "=", and which are separated by "==="."""
    scheme, _, rest = link.partition("://")
    fields = rest.split("=")
    if scheme == "irealb":
        for at in (n for n, field in enumerate(fields) if field.startswith(_MARK) and n >= 6):
            tempo = fields[at + 2] if at + 2 < len(fields) else ""
            music = _unscrambled(fields[at].removeprefix(_MARK))
            yield _song(fields[at - 6], fields[at - 5], fields[at - 2], music, tempo)
        return
    while len(fields) >= 6:
        title, composer, _, key, _, music = fields[:6]
        yield _song(title, composer, key, music, "")
        fields = fields[6:]
        while fields and not fields[0]:
            fields.pop(0)


def _song(title: str, composer: str, key: str, music: str, tempo: str) -> _Song:
    names = composer.split()
    swapped = " ".join((*names[1:], names[0])) if names else ""  # they are written "Last First"
    speed = int(tempo) if re.fullmatch(r"\d{1,3}", tempo.strip()) else 0
    return _Song(" ".join(title.split()), swapped, key.strip(), music, speed)


def _link(song: _Song) -> str:
    """Return a link with one song, its music as it is read."""
    names = song.composer.split()
    composer = " ".join((*names[-1:], *names[:-1]))
    if song.tempo or "=" in song.music:
        fields = (
            song.title,
            composer,
            "",
            "",
            song.key,
            "",
            _MARK + _swapped(song.music),
            "",
            str(song.tempo),
        )
        return "irealb://" + quote("=".join(fields))
    return "irealbook://" + quote("=".join((song.title, composer, "", song.key, "n", song.music)))


def _unscrambled(text: str) -> str:
    text = _swapped(text)
    for short, long in _EXPANDED:
        text = text.replace(short, long)
    return text


def _swapped(text: str) -> str:
    """Return a text in whose blocks of fifty characters some have changed places; twice, it is the same again."""
    blocks = [text[at : at + 50] for at in range(0, len(text), 50)]
    for number, block in enumerate(blocks):
        if len(block) == 50 and len(text) - 50 * (number + 1) >= 2:
            mirrored = block[::-1]
            swapped = [*range(5), *range(10, 24), *range(26, 40), *range(45, 50)]
            blocks[number] = "".join(mirrored[n] if n in swapped else block[n] for n in range(50))
    return "".join(blocks)


class _Chart:
    """Reads the music of a song into bars."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.repairs = Repairs()
        self.bars: list[Bar] = []
        self.meter = (4, 4)
        self.bar = Bar(meter=self.meter)
        self.cells: list[str | None] = []  # of the bar: a chord symbol, "N.C.", or None
        self.chord: str | None = None  # the last one
        self.sounding = "N.C."
        self.opened = ""  # the bar line before
        self.codas: list[tuple[int, bool]] = []  # bars with a sign, and whether it stands before the chords
        self.times: int | None = None  # "3x"

    def read(self, music: str) -> None:
        for match in _TOKEN.finditer(music):
            kind = match.lastgroup if match.lastgroup not in ("root", "quality", "bass") else "chord"
            if kind == "line":
                self._line(match[0])
            elif kind == "chord":
                self.cells.append(self._symbol(match))
            elif kind == "none":
                self.cells.append("N.C.")
                self.chord = None
            elif kind == "cell":
                self.cells.append(None)
            elif kind == "repeat":
                self._repeat(1 if match[0] == "x" else 2)
            elif kind == "time":
                beats, unit = int(match[0][1]), int(match[0][2])
                self.meter = (
                    (12, 8) if match[0] == "T12" else (max(1, beats), unit if unit in (2, 4, 8) else 4)
                )
                self.bar.meter = self.meter
            elif kind == "section":
                name = {"i": "Intro", "V": "Verse"}.get(match[0][1], match[0][1])
                self.bar.signs.append(Sign(Fraction(0), "marker", name))
            elif kind == "ending":
                self.bar.navigation.ending = (int(match[0][1]) or 1,)
            elif kind == "sign":
                self._sign(match[0])
            elif kind == "comment":
                self._comment(match[0][1:-1])
        self._line("Z")
        self._place_codas()

    def _symbol(self, match: re.Match[str]) -> str | None:
        """Return the chord symbol of a match; an invisible root is that of the chord before."""
        bass = f"/{match['bass']}" if match["bass"] else ""
        text = match["root"] + match["quality"].replace("*", "") + bass
        if match["root"].startswith("W"):
            text = (self.chord or "").partition("/")[0] + bass
        try:
            chord, parts = parse_chord(text), split_chord(text)
        except ConfigError:
            self.repairs.add("chord")
            return None
        quality = {"maj": "", "min": "m"}.get(chord.quality, chord.quality)
        self.chord = f"{parts[0] if parts else text}{quality}{bass}"
        return self.chord

    def _line(self, line: str) -> None:
        """End the bar at a bar line, if there is one."""
        between_lines = self.opened == "|" and line in "|]}Z" and len(self.cells) > 1
        if any(self.cells) or (self.cells and between_lines and self.chord):
            self._end(self.cells)
        self.cells = []
        last = self.bars[-1].navigation if self.bars else None
        if line == "{":
            self.bar.navigation.forward = True
        elif line == "}" and last is not None:
            last.plays, self.times = self.times or 2, None
        if line in "}]Z" and last is not None:
            last.ending_stops = True
        self.opened = line

    def _end(self, cells: list[str | None]) -> None:
        """Add the bar of some cells: each chord on the beat that its cell is nearest to."""
        if len(self.bars) == MAX_BARS:
            raise FormatError(f"{self.source}: more than {MAX_BARS} bars")
        beats, unit = self.meter
        while len(cells) > 4 and cells[-1] is None and (len(cells) - 1) % 4 != 3:
            cells = cells[:-1]
        count = max(len(cells), 1)
        places: dict[int, str] = {}
        for number, cell in enumerate(cells):
            if cell is not None:
                beat = min(number, beats - 1) if count == 4 and beats <= 4 else number * beats // count
                while beat in places and beat < beats - 1:
                    beat += 1
                places[beat] = cell
        whole = Fraction(4 * beats, unit)
        for beat, symbol in places.items():
            self.bar.signs.append(Sign(Fraction(4 * beat, unit), "chord", symbol))
        self.bar.filled = whole
        self._add(self.bar)

    def _add(self, bar: Bar) -> None:
        self._sound(bar)
        self.bars.append(bar)
        self.bar = Bar()

    def _sound(self, bar: Bar) -> None:
        """Let the chords of a bar sound; where it begins without one, that of the bar before goes on."""
        signs = [sign for sign in bar.signs if sign.kind == "chord"]
        if not signs or signs[0].start:
            signs.insert(0, Sign(Fraction(0), "chord", self.sounding))
        stops = [*(sign.start for sign in signs[1:]), bar.filled]
        for sign, stop in zip(signs, stops, strict=True):
            self.sounding = sign.value
            for pitch in [] if sign.value == "N.C." else _voicing(parse_chord(sign.value)):
                bar.notes.append(Note(sign.start, stop, pitch, False, Instrument("Chords"), "1", 1))
        bar.sounding = max((note.stop for note in bar.notes), default=Fraction(0))

    def _repeat(self, bars: int) -> None:
        """Add bars that are as the one or the two before."""
        earlier = self.bars[-bars:]
        for bar in earlier:
            chords = [sign for sign in bar.signs if sign.kind == "chord"]
            self.bar.signs += chords
            self.bar.filled = bar.filled
            if chords:
                self.chord = None if chords[-1].value == "N.C." else chords[-1].value
            self._add(self.bar)
        self.cells, self.opened = [], ""  # the cells behind it are no bar

    def _sign(self, sign: str) -> None:
        if sign == "S":
            self.bar.navigation.words["segno"] = ""
        else:
            self.codas.append((len(self.bars), not any(self.cells)))

    def _comment(self, text: str) -> None:
        text = re.sub(r"^\*\d\d", "", text).strip()
        if (times := _TIMES.search(text)) is not None:
            self.times = max(2, int(times[1]))
        if (mark := mark_in_words(text)) is not None and (bar := self._current()) is not None:
            bar.navigation.words[mark] = ""

    def _current(self) -> Bar | None:
        """Return the bar in which a comment stands: behind the last bar line it belongs to the bar before."""
        return self.bar if any(self.cells) or not self.bars or self.opened == "|" else self.bars[-1]

    def _place_codas(self) -> None:
        """Set the signs: the last one is where the coda begins, those before it are where to leave."""
        *leaves, (coda, _) = self.codas or [(0, False)]
        for bar, is_before in leaves:
            place = max(0, bar - is_before)
            if place < len(self.bars):
                self.bars[place].navigation.words["tocoda"] = ""
        if leaves and coda < len(self.bars):
            self.bars[coda].navigation.words["coda"] = ""


def _voicing(chord: Chord) -> list[int]:
    """Return the pitches of a chord: its bass below, its tones in close position around middle C."""
    bass = 36 + (chord.bass - 4) % 12 + 4
    return [bass, *sorted(55 + (tone - 55) % 12 for tone in chord.pitch_classes)]

"""The bytes of an MEI file -> `Score`: its movements one after another, in the order of playing.

An <expansion> says that order; without one, bar lines of repetition, endings and words do.

Read in order: `parse_mei`, `_Reader`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from xml.etree.ElementTree import Element

from ritornello.errors import FormatError
from ritornello.formats.mei.elements import ID, children, ids, integer, text_of
from ritornello.formats.mei.measures import Links, MeasureReader
from ritornello.formats.mei.staves import read_staves
from ritornello.formats.musicxml.document import decoded, parsed_xml
from ritornello.formats.notated.assembly import Parts, assemble
from ritornello.formats.notated.bars import Bar
from ritornello.formats.notated.instruments import Part
from ritornello.formats.notated.order import MAX_BARS_PLAYED, Played
from ritornello.formats.repairs import Repairs
from ritornello.score import Score, Text

MAX_BARS = 100_000


def parse_mei(data: bytes, name: str = "MEI data", *, repeats: bool = True) -> Score:
    """Return the score of the bytes of an MEI file.

    repeats: whether repeats, expansions and jumps are played out, or the bars stand as they are written. Raise
    FormatError, with `name` for the file, if it cannot be read.
    """
    root = parsed_xml(decoded(data, name), name, "an MEI file")
    if root.tag not in ("mei", "music", "mdiv", "score"):
        raise FormatError(f"{name}: not an MEI file: its root is <{root.tag}>, allowed is <mei>")
    repairs = Repairs()
    music = root.find("music") if root.tag == "mei" else root  # the head may have scores too, of incipits
    reader = _Reader(root if music is None else music, repairs, name)
    if not any(own for _, own in reader.parts):
        raise FormatError(f"{name}: no measures in it; wanted is common music notation, not mensural")
    title, texts = _header(root)
    order = reader.order() if repeats else None
    return assemble(reader.parts, repairs, name, repeats=repeats, order=order, title=title, texts=texts)


class _Reader:
    """Walks through the scores of a file; `parts` are what is read, `order` is what expansions say."""

    def __init__(self, root: Element, repairs: Repairs, source: str) -> None:
        self.repairs, self.source = repairs, source
        self.links = _links(root)
        self.ranges: dict[str, tuple[int, int]] = {}  # the bars of each section or ending with a name
        self.expansions: list[list[str]] = []  # the names of what is played
        self.parts: Parts = []
        scores = list(root.iter("score")) if root.tag != "score" else [root]
        for score in scores:
            self._score([score])
        if not scores:
            self._score([part for parts in root.iter("parts") for part in parts.findall("part")])

    def _score(self, roots: list[Element]) -> None:
        """Read a movement: a score, or parts that stand beside each other."""
        before = max((len(own) for _, own in self.parts), default=0)
        parts: list[tuple[Part, list[Bar]]] = []
        for root in roots:
            self.reader = MeasureReader(self.links, self.repairs, self.source)
            self.named: list[Part] = []
            self._walk(root, before)
            parts += zip(self.named, self.reader.bars, strict=True)
        for number, (part, own) in enumerate(parts):
            if number < len(self.parts):
                known = self.parts[number][1]
            else:
                known = []
                self.parts = [*self.parts, (part, known)]
            known += [Bar() for _ in range(before - len(known))]
            known += own

    def _walk(self, element: Element, before: int) -> None:
        for child in children(element):
            start = self.reader.count
            if child.tag == "measure":
                if start >= MAX_BARS:
                    raise FormatError(f"{self.source}: more than {MAX_BARS} measures")
                self.reader.read(child)
            elif child.tag in ("scoreDef", "staffDef"):
                if child.tag == "scoreDef" and not self.reader.bars:
                    self.named, self.reader.staves = read_staves(child)
                    self.reader.bars = [[] for _ in self.named]
                self.reader.define(child)
            elif child.tag in ("section", "ending", "part"):
                self._walk(child, before)
                stop = self.reader.count
                if name := child.get(ID):
                    self.ranges[name] = before + start, before + stop
                if child.tag == "ending" and stop > start and self.reader.bars:
                    numbers = tuple(int(each) for each in re.findall(r"\d{1,2}", child.get("n", ""))[:20])
                    first, last = self.reader.bars[0][start], self.reader.bars[0][stop - 1]
                    first.navigation.ending = numbers or (1,)
                    last.navigation.ending_stops = True
            elif child.tag == "expansion" and child.get("type") != "norep":
                self.expansions.append(ids(child.get("plist")))

    def order(self) -> list[Played] | None:
        """Return the bars in the order that the first expansion says; what is outside its sections is played once."""
        if not self.expansions:
            return None
        names = self.expansions[0]
        spans = [self.ranges[name] for name in names if name in self.ranges]
        if len(spans) < len(names) or not spans:
            return None
        count = max(len(own) for _, own in self.parts)
        first, last = min(start for start, _ in spans), max(stop for _, stop in spans)
        bars = [
            *range(first),
            *(bar for start, stop in spans for bar in range(start, stop)),
            *range(last, count),
        ]
        if len(bars) > max(MAX_BARS_PLAYED, count):
            raise FormatError(f"{self.source}: its expansion has more than {MAX_BARS_PLAYED} bars")
        times = {bar: bars.count(bar) for bar in set(bars)} if len(bars) < 5000 else {}
        seen: dict[int, int] = {}
        order = []
        for bar in bars:
            seen[bar] = seen.get(bar, 0) + 1
            order.append(Played(bar, seen[bar], max(times.get(bar, 1), seen[bar])))
        return order


def _links(root: Element) -> Links:
    links = Links()
    for element in root.iter():
        if element.tag == "tie":
            links.tied_to.update(ids(element.get("startid")))
            links.tied_from.update(ids(element.get("endid")))
        elif element.tag == "tupletSpan":
            num, base = integer(element.get("num")), integer(element.get("numbase"))
            if num and base and num > 0 < base:
                last = (ids(element.get("endid")) or [""])[0]
                links.spans |= {
                    first: (last, Fraction(base, num)) for first in ids(element.get("startid"))[:1]
                }
        elif element.get("accid.ges"):
            links.has_gestures = True
    return links


def _header(root: Element) -> tuple[str, list[Text]]:
    """Return the title, and composer and lyricist as texts."""
    head = root.find("meiHead")
    if head is None:
        return "", []
    paths = (".//workList/work/title", ".//workDesc/work/titleStmt/title", "fileDesc/titleStmt/title")
    titles = [text_of(title) for path in paths for title in head.iterfind(path)]
    texts = []
    for kind in ("composer", "lyricist"):
        names = [text_of(each) for each in head.iter(kind)]
        names += [text_of(each) for each in head.iter("persName") if each.get("role") == kind]
        texts += [Text(0, kind, each) for each in names[:1] if each]
    return next(filter(None, titles), ""), texts

"""The bytes of a MusicXML file -> `Score`, by the elements of its parts, and its header."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from xml.etree.ElementTree import Element

from ritornello.formats.musicxml.document import read_document
from ritornello.formats.musicxml.elements import number, text_in
from ritornello.formats.musicxml.instruments import read_part_list
from ritornello.formats.musicxml.measures import read_bars
from ritornello.formats.notated.assembly import assemble
from ritornello.formats.repairs import Repairs
from ritornello.score import Score, Text

_UNNAMED = ("Music21 Fragment", "Music21")  # what music21 writes where there is nothing


def parse_musicxml(data: bytes, name: str = "MusicXML data", *, repeats: bool = True) -> Score:
    """Return the score of the bytes of a MusicXML file, compressed or not.

    repeats: whether repeats, endings and jumps are played out, or the bars stand as they are written. Raise
    FormatError, with `name` for the file, if it cannot be read.
    """
    root = read_document(data, name)
    repairs = Repairs()
    parts = [(part, read_bars(part, element, repairs, name)) for part, element in read_part_list(root)]
    title, texts = _header(root)
    return assemble(parts, repairs, name, repeats=repeats, title=title, texts=texts)


def _header(root: Element) -> tuple[str, list[Text]]:
    """Return the title, and composer, lyricist and copyright as texts; without a title the largest text on page 1."""
    creators = {"composer": "composer", "lyricist": "lyricist", "poet": "lyricist"}
    texts = [
        Text(0, creators[kind], text)
        for each in root.iterfind("identification/creator")
        if (kind := each.get("type", "composer").lower()) in creators
        and (text := " ".join((each.text or "").split())) not in ("", *_UNNAMED)
    ]
    texts += [
        Text(0, "copyright", text)
        for each in root.iterfind("identification/rights")
        if (text := " ".join((each.text or "").split()))
    ]
    titles = [text_in(root, "work/work-title"), text_in(root, "movement-title"), *_credited(root)]
    return next((title for title in titles if title and title not in _UNNAMED), ""), texts


def _credited(root: Element) -> Iterator[str]:
    """Yield what the first page says: what is called a title, then the largest text."""
    credits = [credit for credit in root.findall("credit") if credit.get("page", "1") == "1"]
    named = [c for c in credits if any((t.text or "").strip() == "title" for t in c.findall("credit-type"))]
    untyped = [c for c in credits if c.find("credit-type") is None]
    sized = [
        (number(words.get("font-size")) or Fraction(0), text_in(words, "."))
        for credit in untyped
        for words in credit.findall("credit-words")
    ]
    yield from (text_in(credit, "credit-words") for credit in named)
    if sized:
        yield max(sized, key=lambda each: each[0])[1]

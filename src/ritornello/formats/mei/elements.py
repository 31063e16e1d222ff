"""Elements of MEI without what editors add, and values of their attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from xml.etree.ElementTree import Element

from ritornello.formats.musicxml.elements import number

EDITORIAL = frozenset(
    ("abbr", "add", "corr", "damage", "expan", "hi", "lem", "orig", "rdg", "reg", "restore", "sic", "subst", "supplied",
     "unclear")
)  # fmt: skip
"""Elements that say something about their content, which is read as if they were not there."""

_PREFERRED = ("corr", "orig", "lem", "expan")

ID = "{http://www.w3.org/XML/1998/namespace}id"


def children(element: Element) -> Iterator[Element]:
    """Yield what an element contains: of alternatives the correction, original or main reading, else the first."""
    for child in element:
        if child.tag in ("choice", "app"):
            options = [option for option in child if option.tag != "del"]
            best = next((o for tag in _PREFERRED for o in options if o.tag == tag), None)
            chosen = best if best is not None else next(iter(options), None)
            if chosen is not None:
                yield from children(chosen)
        elif child.tag in EDITORIAL:
            yield from children(child)
        else:
            yield child


def integer(text: str | None) -> int | None:
    """Return a whole number of at most six digits, or None."""
    return int(text) if text is not None and re.fullmatch(r"[+-]?\d{1,6}", text.strip()) else None


def value(element: Element, name: str) -> Fraction | None:
    """Return the number in an attribute, or None."""
    return number(element.get(name))


def text_of(element: Element) -> str:
    """Return all text in an element with its white space simplified."""
    return " ".join("".join(element.itertext()).split())


def ids(text: str | None) -> list[str]:
    """Return the names in a list of references such as "#a #b"."""
    return [each.removeprefix("#") for each in (text or "").split()]

"""Values in elements: numbers that may be missing, malformed or absurd."""

from __future__ import annotations

import re
from fractions import Fraction
from xml.etree.ElementTree import Element

_NUMBER = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,12})?")


def number(text: str | None) -> Fraction | None:
    """Return the decimal number that `text` is, or None; at most twelve digits on either side of the point."""
    text = (text or "").strip()
    if text.isdecimal() and len(text) <= 12:
        return Fraction(int(text))
    return Fraction(text) if _NUMBER.fullmatch(text) else None


def number_in(element: Element, path: str) -> Fraction | None:
    """Return the number in the first element at `path`, or None."""
    return number(element.findtext(path))


def integer_in(element: Element, path: str, default: int) -> int:
    """Return the number in the first element at `path`, rounded down, or `default`."""
    value = number_in(element, path)
    return default if value is None else int(value // 1)


def text_in(element: Element, path: str) -> str:
    """Return the text in the first element at `path` with its white space simplified; empty if there is none."""
    return " ".join((element.findtext(path) or "").split())

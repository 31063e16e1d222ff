"""XML as text: elements, and strings without what XML does not allow."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """Return `text` in one line without control characters and lone surrogates, which neither XML nor fonts have."""
    return " ".join(_NOT_XML.sub("", text).split())


def element(name: str, content: object = "", **attributes: object) -> str:
    """Return an XML element of XML `content`; attributes that are None are left out, and `_` is `-` in their names."""
    named = ""
    for key, value in attributes.items():
        if value is not None:
            named += f" {key.replace('_', '-')}={quoteattr(str(value))}"
    return f"<{name}{named}>{content}</{name}>" if content != "" else f"<{name}{named}/>"


def text_element(name: str, text: str, **attributes: object) -> str:
    """Return an XML element of a plain `text`, as `printable` leaves it."""
    return element(name, escape(printable(text)), **attributes)

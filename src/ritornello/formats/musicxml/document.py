"""The bytes of a MusicXML file, compressed or not, in any encoding -> the root element of its score.

A score in which measures contain parts (score-timewise) is turned into one in which parts contain measures. Entities
are refused, and sizes are checked before anything is unpacked or parsed.

Read in order: `read_document`, `_unpacked`, `decoded`.
"""

from __future__ import annotations

import codecs
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ritornello.errors import FormatError

MAX_BYTES = 64 << 20  # unpacked
MAX_TAGS = 8_000_000  # of half a million notes; a tag takes some seventy bytes

_CONTAINER = "META-INF/container.xml"
_ROOTS = ("score-partwise", "score-timewise")
_IS_SCORE = re.compile(r"<(?:[\w.-]+:)?score-(?:part|time)wise\b")
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
_DECLARED = re.compile(rb"""\s*<\?xml\b[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # the mark of UTF-32 begins as that of UTF-16


def read_document(data: bytes, source: str) -> Element:
    """Return the <score-partwise> in the bytes of a file; raise FormatError, with `source` for the file."""
    text = _unpacked(data, source) if data.startswith(b"PK") else decoded(data, source)
    root = parsed_xml(text, source, "a MusicXML file")
    if root.tag not in _ROOTS:
        hint = "; it lists files: read these" if root.tag == "opus" else ""
        raise FormatError(
            f"{source}: not a MusicXML file: its root is <{root.tag}>, allowed are <score-partwise> and "
            f"<score-timewise>{hint}"
        )
    return _partwise(root) if root.tag == "score-timewise" else root


def parsed_xml(text: str, source: str, what: str) -> Element:
    """Return the root of an XML text, without namespaces of elements; raise FormatError, with `source` for the file."""
    if "<!ENTITY" in text:
        raise FormatError(f"{source}: {what} with entities of its own, which are not allowed")
    if (tags := text.count("<")) > MAX_TAGS:
        raise FormatError(f"{source}: {tags} tags, allowed are {MAX_TAGS}")
    try:
        root = ElementTree.fromstring(_DECLARATION.sub("", text, count=1))
    except ElementTree.ParseError as error:
        raise FormatError(f"{source}: not {what}, or a damaged one: {error}") from None
    if root.tag.startswith("{"):
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
    return root


def _partwise(root: Element) -> Element:
    """Return a score-timewise as a score-partwise."""
    parts: dict[str | None, Element] = {}
    measures = root.findall("measure")
    for number, measure in enumerate(measures):
        for content in measure.findall("part"):
            name = content.get("id")
            part = parts.setdefault(name, Element("part", content.attrib))
            part.extend(Element("measure", measures[i].attrib) for i in range(len(part), number))
            written = Element("measure", measure.attrib)
            written.extend(content)
            part.append(written)
        root.remove(measure)
    root.extend(parts.values())
    return root


def _unpacked(data: bytes, source: str) -> str:
    """Return the text of the score in a compressed file: the first of the listed or other files that is one."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in _candidates(archive):
                if archive.getinfo(name).file_size > MAX_BYTES:
                    raise FormatError(f"{source}: {name} in it is larger than {MAX_BYTES} bytes")
                with archive.open(name) as member:
                    content = member.read(MAX_BYTES + 1)  # a false size is an error of zipfile
                text = decoded(content, source)
                if _IS_SCORE.search(text):
                    return text
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError) as error:
        reason = " ".join(str(error).split())  # RuntimeError: a password, an unknown method
        raise FormatError(f"{source}: damaged compressed MusicXML file ({reason})") from None
    raise FormatError(f"{source}: a compressed file without a MusicXML score in it")


def _candidates(archive: zipfile.ZipFile) -> Iterator[str]:
    """Yield the names of the files that the container lists, then of all that have a suffix of MusicXML."""
    names = {_plain(name): name for name in archive.namelist()}
    for path in _listed(archive, names):
        if _plain(path) in names:
            yield names[_plain(path)]
    for plain, name in names.items():
        if plain.endswith((".musicxml", ".xml")) and not plain.startswith("meta-inf/"):
            yield name


def _listed(archive: zipfile.ZipFile, names: dict[str, str]) -> list[str]:
    """Return the paths in the container, without those of another kind, such as pictures of the pages."""
    container = names.get(_plain(_CONTAINER))
    if container is None or archive.getinfo(container).file_size > 1 << 20:
        return []
    content = archive.read(container)
    try:
        root = ElementTree.fromstring(_DECLARATION.sub("", decoded(content, _CONTAINER), count=1))
    except (ElementTree.ParseError, FormatError):
        return []
    files = [element for element in root.iter() if element.tag.rpartition("}")[2] == "rootfile"]
    return [file.get("full-path", "") for file in files if "xml" in file.get("media-type", "xml")]


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").lstrip("/").lower()


def decoded(data: bytes, source: str) -> str:
    """Return the text of an XML file by its byte order mark, the encoding that it declares, or UTF-8.

    What is declared or assumed to be UTF-8 but is not is read as Windows-1252.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], encoding, source)
    if data[:2] in (b"<\0", b"\0<"):
        return _decode(data, "utf-16-le" if data[0] else "utf-16-be", source)
    declared = _DECLARED.match(data[:400])
    encoding = declared[1].decode("ascii").lower() if declared else "utf-8"
    if encoding.startswith(("utf-8", "utf8", "utf-16", "utf16", "us-ascii", "ascii")):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            encoding = "cp1252"
    return _decode(data, encoding, source)


def _decode(data: bytes, encoding: str, source: str) -> str:
    try:
        return data.decode(encoding, errors="replace")
    except (LookupError, UnicodeError):
        raise FormatError(f"{source}: its encoding {encoding!r} is unknown") from None

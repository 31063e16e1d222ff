"""<scoreDef> -> the parts, and what begins to hold in their staves.

A group of staves with a name of its own, whose staves have none, is one part, such as a piano; so are staves under a
brace without any names. Else a staff is a part.

Read in order: `Staff`, `read_staves`, `key_of_signature`, `meter_of`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ritornello.formats.mei.elements import children, integer, text_of
from ritornello.formats.messages import DRUM_CHANNEL
from ritornello.formats.notated.instruments import Instrument, Part, program_of_name
from ritornello.theory import DRUMS

MAX_STAVES = 256


@dataclass
class Staff:
    """A staff: its part (numbered from 0), its number in the part, and by how many semitones it sounds higher."""

    part: int
    number: int
    instrument: Instrument
    semitones: int = 0
    is_drum: bool = False


def read_staves(definition: Element) -> tuple[list[Part], dict[str, Staff]]:
    """Return the parts of a <scoreDef>, and the staves by their `n`."""
    groups = list(_groups(definition))[:MAX_STAVES]
    names = [_label(each).lower() for group in groups for each in group]
    parts: list[Part] = []
    staves: dict[str, Staff] = {}
    for group in groups:
        head, *members = group
        instrument = _instrument(head, names)
        for number, staff in enumerate(members or [head], start=1):
            own = instrument if not members else _instrument(staff, names, instrument)
            semitones = integer(staff.get("trans.semi")) or 0
            staves[staff.get("n", str(len(staves) + 1))] = Staff(
                len(parts), number, own, max(-60, min(60, semitones)), is_percussion(staff)
            )
        parts.append(Part(_label(head), {"": instrument}))
    return parts, staves


def _groups(element: Element) -> Iterator[list[Element]]:
    """Yield each part: a staff, or a group followed by its staves."""
    for child in children(element):
        if child.tag == "staffDef":
            yield [child]
        elif child.tag == "staffGrp":
            staves = list(child.iter("staffDef"))
            is_named = bool(_label(child)) or child.find("instrDef") is not None
            is_flat = child.find("staffGrp") is None
            bare = not any(_label(staff) for staff in staves)
            if is_flat and bare and len(staves) in (2, 3) and (is_named or _symbol(child) == "brace"):
                yield [child, *staves]
            else:
                yield from _groups(child)


def _symbol(group: Element) -> str:
    symbol = group.find("grpSym")
    return group.get("symbol", "") or ("" if symbol is None else symbol.get("symbol", ""))


def _label(element: Element) -> str:
    label = element.find("label")
    return " ".join((element.get("label") or ("" if label is None else text_of(label))).split())


def is_percussion(staff: Element) -> bool:
    """Return whether a <staffDef> has the clef of percussion."""
    clefs = [staff.get("clef.shape", ""), *(clef.get("shape", "") for clef in staff.findall("clef"))]
    return "perc" in clefs


def _instrument(element: Element, names: list[str], default: Instrument | None = None) -> Instrument:
    label, sound = _label(element), element.find("instrDef")
    if default is not None and not label and sound is None:
        return default
    program = None if sound is None else integer(sound.get("midi.instrnum") or sound.get("midi.program"))
    channel = None if sound is None else integer(sound.get("midi.channel"))
    named = label or ("" if sound is None else sound.get("midi.instrname", "").replace("_", " "))
    guess = program_of_name(named, names) if named else None
    if program is None or not 0 <= program <= 127:
        program = 0 if guess in (None, DRUMS) else guess
    return Instrument(label, program or 0, is_drum=channel == DRUM_CHANNEL + 1)


def fifths_of_signature(text: str | None) -> int | None:
    """Return a key signature such as "3s", "2f" or "0" in fifths; None if it is none."""
    match = re.fullmatch(r"\s*(?:0|([1-7])([sf]))\s*", text or "")
    if match is None:
        return None
    return int(match[1]) * (1 if match[2] == "s" else -1) if match[1] else 0


def meter_of(element: Element, prefix: str = "") -> tuple[int, int] | None:
    """Return the meter in a <meterSig>, or in attributes with the prefix "meter."; None if there is none."""
    counts = [int(each) for each in re.findall(r"\d{1,3}", element.get(f"{prefix}count", ""))]
    unit = integer(element.get(f"{prefix}unit"))
    if counts and unit in (1, 2, 4, 8, 16, 32, 64, 128) and 1 <= sum(counts) <= 255:
        return sum(counts), unit
    return {"common": (4, 4), "cut": (2, 2)}.get(element.get(f"{prefix}sym", ""))

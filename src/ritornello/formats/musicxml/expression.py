"""Tempo and dynamics in elements of MusicXML; a velocity is per cent of 90 in a `<sound>` or a note.

Read in order: `dynamics_of`, `tempo_of`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from xml.etree.ElementTree import Element

from ritornello.formats.musicxml.elements import number
from ritornello.formats.notated.expression import ATTACKS, LEVELS, Dynamic, Pace, length_of, speed_of

PERCENT = Fraction(90, 100)  # of a velocity of 90, MusicXML's forte
_GROWING = re.compile(r"\bcresc", re.IGNORECASE)
_FADING = re.compile(r"\bdecresc|\bdim(?:\b|in)", re.IGNORECASE)


def dynamics_of(direction: Element, sound: Element | None) -> Iterator[Dynamic]:
    """Yield the dynamics of a <direction> with its <sound>, or of a <notations>."""
    told = None if sound is None else velocity_of(sound.get("dynamics"))
    marks = [mark for each in direction.iter("dynamics") for mark in each]
    names = [(mark.text or "").strip() if mark.tag == "other-dynamics" else mark.tag for mark in marks]
    name = next((name for name in reversed(names) if name in LEVELS or name in ATTACKS), "")
    if name in ATTACKS:
        attack, after = ATTACKS[name]
        yield Dynamic(LEVELS[after] if after else None, told or attack)
    elif told or name:
        yield Dynamic(told or LEVELS[name])
    for wedge in direction.iter("wedge"):
        direction_of = {"crescendo": 1, "diminuendo": -1, "stop": 0}
        if wedge.get("type") in direction_of:
            yield Dynamic(hairpin=direction_of[wedge.get("type", "")])
    for words in direction.iter("words"):
        for change, pattern in ((1, _GROWING), (-1, _FADING)):
            if pattern.search(words.text or ""):
                yield Dynamic(hairpin=change, ends_at_mark=True)


def velocity_of(percent: str | None) -> int | None:
    """Return the velocity of MusicXML's per cent, or None; a negative number is none."""
    value = number(percent)
    return None if value is None or value < 0 else max(1, min(127, round(value * PERCENT)))


# --- tempo ----------------------------------------------------------------------------------------------------

_WORDED = re.compile(r"(?:♩|\bM\.?\s?M\.?|\bq)\s*(\.?)\s*=\s*(.*)")


def tempo_of(direction: Element, sound: Element | None) -> Pace | None:
    """Return the tempo of a <direction> with its <sound>, which precedes what is printed; None without one."""
    told = None if sound is None else number(sound.get("tempo"))
    if told:
        return Pace(told)
    for metronome in direction.iter("metronome"):
        if (pace := _metronome(metronome)) is not None:
            return pace
    for words in direction.iter("words"):
        if (match := _WORDED.search(words.text or "")) and (speed := speed_of(match[2])):
            return Pace(speed * (Fraction(3, 2) if match[1] else 1))
    return None


def _metronome(metronome: Element) -> Pace | None:
    lengths: list[Fraction] = []
    for each in metronome:
        if each.tag in ("beat-unit", "metronome-note"):
            kind = each.text if each.tag == "beat-unit" else each.findtext("metronome-type")
            dots = len(each.findall("metronome-dot"))
            length = length_of((kind or "").strip(), dots)
            if length is None or each.find("metronome-tuplet") is not None:
                return None
            lengths.append(length)
        elif each.tag == "beat-unit-dot" and lengths:
            lengths[-1] = _dotted(lengths[-1])
        elif each.tag == "beat-unit-tied" and lengths:
            tied = length_of((each.findtext("beat-unit") or "").strip(), len(each.findall("beat-unit-dot")))
            lengths[-1] += tied or 0
        elif each.tag == "per-minute" and len(lengths) == 1:
            speed = speed_of(each.text or "")
            return Pace(speed * lengths[0]) if speed else None
    if len(lengths) != 2:
        return None
    before, after = lengths
    return Pace(ratio=after / before)


def _dotted(length: Fraction) -> Fraction:
    """Return a length with one more dot: 1, 3/2, 7/4 of its undotted one, which is a power of two."""
    plain = Fraction(1, 256)
    while plain * 2 <= length:
        plain *= 2
    return length + (2 * plain - length) / 2

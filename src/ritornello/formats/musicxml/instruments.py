"""The part list -> the instruments of every part.

An instrument is what its MIDI program says, else its sound, else its name, the name of its part, or their
abbreviations. A drum is what its MIDI key says, else its sound or name; the notes of a drum that none of these tells
are read by their place on the staff (`notated.instruments.drum_at`).

Read in order: `read_part_list`, `_part`, `_instrument`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element

from ritornello.formats.messages import DRUM_CHANNEL
from ritornello.formats.musicxml.elements import integer_in, number_in, text_in
from ritornello.formats.notated.instruments import Instrument, Part, program_of_name
from ritornello.theory import DRUMS
from ritornello.theory.instrument_names import guess_drum, guess_instrument

_VOLUME, _PAN = 7, 10  # controllers
_DEFAULTS = ((_VOLUME, 100), (_PAN, 64))  # of General MIDI


def read_part_list(root: Element) -> list[tuple[Part, Element]]:
    """Return each part with its <part> element, in the order of these."""
    listed = {part.get("id"): part for part in root.iter("score-part")}
    names = [name.lower() for part in listed.values() for name in _names(part)]
    parts = root.findall("part")
    return [(_part(listed.get(part.get("id"), Element("score-part")), names), part) for part in parts]


def changed(instrument: Instrument, change: Element) -> Instrument:
    """Return an instrument as a <midi-instrument> or an <instrument-change> within the music makes it."""
    program = number_in(change, "midi-program")
    guess = guess_instrument(text_in(change, "instrument-sound"))
    if program is not None and 1 <= program <= 128:
        return replace(instrument, program=int(program) - 1)
    return instrument if guess in (None, DRUMS) else replace(instrument, program=guess)


def _part(listed: Element, names: Sequence[str]) -> Part:
    """Return a part by its <score-part>; `names` are those of all parts."""
    instruments = {
        each.get("id", ""): _instrument(listed, each, names) for each in listed.findall("score-instrument")
    }
    for midi in listed.findall("midi-instrument"):
        if midi.get("id", "") not in instruments:  # older files have no <score-instrument>
            instruments[midi.get("id", "")] = _instrument(
                listed, Element("score-instrument", midi.attrib), names
            )
    name = text_in(listed, "part-name")
    return Part(name, instruments or {"": _instrument(listed, Element("score-instrument"), names)})


def _instrument(part: Element, listed: Element, names: Sequence[str]) -> Instrument:
    midi = next((m for m in part.findall("midi-instrument") if m.get("id") == listed.get("id")), None)
    midi = Element("midi-instrument") if midi is None else midi
    sound, name = text_in(listed, "instrument-sound"), text_in(listed, "instrument-name")
    program, channel = integer_in(midi, "midi-program", 0), integer_in(midi, "midi-channel", 0)
    guesses = (program_of_name(each, names) for each in (sound, name, *_names(part)))
    guess = next((guess for guess in guesses if guess is not None), 0)
    has_program = 1 <= program <= 128
    key = integer_in(midi, "midi-unpitched", 0) - 1
    if not 0 <= key <= 127:
        drums = (guess_drum(each) for each in (sound, name, *_names(part)))
        key = next((drum for drum in drums if drum is not None), -1)
    return Instrument(
        name,
        program - 1 if has_program else guess % DRUMS,
        kit=program - 1 if has_program and channel == DRUM_CHANNEL + 1 else 0,
        key=key if key >= 0 else None,
        is_drum=channel == DRUM_CHANNEL + 1 if channel or has_program else guess == DRUMS,
        controls=tuple(_controls(midi)),
    )


def _controls(midi: Element) -> Iterator[tuple[int, int]]:
    """Yield volume and pan that are not those of General MIDI; in the file 0 to 100, and -90 (left) to 90 degrees."""
    volume, pan = number_in(midi, "volume"), number_in(midi, "pan")
    values = (None if volume is None else volume * 127 / 100, None if pan is None else 64 + pan * 64 / 90)
    for (controller, default), value in zip(_DEFAULTS, values, strict=True):
        if value is not None and round(value) != default:
            yield controller, max(0, min(127, round(value)))


def _names(part: Element) -> list[str]:
    names = (text_in(part, "part-name"), text_in(part, "part-abbreviation"))
    return [name for name in names if name]

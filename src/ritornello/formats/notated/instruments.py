"""The instruments of written parts, and what their names mean.

Read in order: `Instrument`, `Part`, `program_of_name`, `drum_at`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ritornello.notation.percussion import drum_sign
from ritornello.theory.instrument_names import guess_instrument

VOICE, ALTO_IN_STRINGS, BASS_IN_STRINGS, BASS_IN_BAND = 52, 41, 43, 33
SNARE = 38
_DRUM_AT = {drum_sign(pitch): pitch for pitch in range(128)}


@dataclass(frozen=True)
class Instrument:
    """An instrument of a part: `program` 0-127 for pitched notes, `kit` for drums.

    key: the drum, 0-127, that its unpitched notes are; None if it does not say. is_drum: pitched notes, too, are keys
    of the kit, because it plays on channel 10. controls: volume and pan, as (controller, value), where they are not
    those of General MIDI.
    """

    name: str = ""
    program: int = 0
    kit: int = 0
    key: int | None = None
    is_drum: bool = False
    controls: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Part:
    """The name of a part, and its instruments by id; at least one."""

    name: str
    instruments: dict[str, Instrument]


def drum_at(step: str, octave: int, head: str) -> int:
    """Return the drum at a place of the staff, as in the usual drum-set notation; the snare if none is known."""
    place = f"{step}{octave}"
    return _DRUM_AT.get((place, head), _DRUM_AT.get((place, "normal"), SNARE))


def program_of_name(name: str, names: Sequence[str]) -> int | None:
    """Return the program of a name; what bass and alto are depends on the other parts."""
    word = name.strip(" .0123456789").lower()
    with_violins = any("viol" in other for other in names)
    with_voices = any(
        other.startswith(("sopran", "tenor", "ténor", "alt")) for other in names if other != word
    )
    if word in ("bass", "basso", "bassi", "basses", "basse", "bässe", "b", "bassus"):
        others = BASS_IN_STRINGS if with_violins else None if word == "b" else BASS_IN_BAND
        return VOICE if with_voices or word == "bassus" else others
    if word in ("alto", "altos") and any("violon" in other and "violonc" not in other for other in names):
        return ALTO_IN_STRINGS
    return guess_instrument(name)

"""Which voice of a model plays a part that is asked for.

A voice plays the programs that it has learned. It also stands for the other programs of their General MIDI family: an
alto sax is composed as the bassoon of a model that has no other reed instrument, and written as an alto sax. A part of
another family is refused, and so is one more part of a family than the model has voices.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ritornello.errors import ConfigError, counted
from ritornello.theory import DRUMS, FAMILIES, instrument_name, instrument_range

Voices = Sequence[Sequence[int]]
"""The programs of each voice, the most frequent first, or (DRUMS,) for a drum kit."""


MOST_NAMED = 12
"""Instruments that a message names at most, the nearest first."""


def family_of(program: int) -> int:
    """Return the family of a program, 0-15, or 16 for DRUMS."""
    return DRUMS // 8 if program == DRUMS else program // 8


def voices_for(voices: Voices, asked: Sequence[int], taken: Collection[int] = ()) -> list[int]:
    """Return a voice of its own, not among `taken`, for each program of `asked` (DRUMS for drums), in their order.

    Programs that a voice knows are assigned first, then the others of its family, by range. Raises ConfigError, with
    what the model knows, for a program of no family here and where there are fewer voices than parts.
    """
    left = [voice for voice in range(len(voices)) if voice not in taken]
    found: dict[int, int] = {}
    for is_known in (True, False):
        for number, program in enumerate(asked):
            suited = [v for v in left if family_of(voices[v][0]) == family_of(program)]
            if is_known:
                suited = [v for v in suited if program in voices[v]]
            if number not in found and suited:
                found[number] = (
                    suited[0] if is_known else min(suited, key=lambda v: _distance(voices[v][0], program))
                )
                left.remove(found[number])
    if missing := [program for number, program in enumerate(asked) if number not in found]:
        raise ConfigError(_refusal(voices, asked, missing[0], bool(taken)))
    return [found[number] for number in range(len(asked))]


def _distance(voice: int, program: int) -> int:
    """Return by how much the middles of two ranges differ, in half semitones."""
    return abs(sum(instrument_range(voice)) - sum(instrument_range(program)))


def _refusal(voices: Voices, asked: Sequence[int], program: int, has_given: bool) -> str:
    """Return the line on a program for which no voice is left."""
    family, name = family_of(program), instrument_name(program)
    same = [voice for voice in voices if family_of(voice[0]) == family]
    if not same:
        known = dict.fromkeys(each for voice in voices for each in voice)
        near = sorted(known, key=lambda each: (each == DRUMS, abs(each - program)))
        what = "drums" if program == DRUMS else name
        named = [instrument_name(each) for each in near[:MOST_NAMED]]
        named += [f"{len(near) - MOST_NAMED} more"] if len(near) > MOST_NAMED else []
        return f"instruments {name}: this model has no {what}; it has {', '.join(named)}"
    kind = "drums" if program == DRUMS else FAMILIES[family]
    parts = f"{counted(len(same), 'part')} for {kind}"
    if has_given:
        return f"instruments {name}: the given parts take all that this model has of this kind, {parts}"
    names = ", ".join(instrument_name(each) for each in asked if family_of(each) == family)
    more = sum(family_of(each) == family for each in asked) - len(same)
    return f"instruments {names}: this model has only {parts}; leave out {more}"

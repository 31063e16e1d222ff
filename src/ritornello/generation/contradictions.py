"""Wishes that cannot be kept together, named before the first step with the smallest change that makes them agree.

Each instrument asked for must have, at any time, a note that all wishes allow, and so must one of those that a piece
has. Then the constraints never meet a dead end: where the grammar asks for a note, there is one. Others that have not
always one, of the primer or of the model's choice, are no contradiction; nothing is expected of these
(`idle_instruments`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ritornello.errors import ConfigError
from ritornello.generation.notes import Pitches, of_classes, within
from ritornello.representations.tokens import InstrumentRange
from ritornello.theory import CHORDS, SCALES, Chord, make_chord, pitch_class_name, pitch_name
from ritornello.theory.chord_scales import scale_classes
from ritornello.theory.pitches import split_name

if TYPE_CHECKING:
    from ritornello.generation.config import ComposeConfig


ITS_OWN = "its own"
"""Whose pitches are demanded if nothing but the register bounds an instrument."""


class Demand(NamedTuple):
    """The pitches of which there must be one, and whose they are."""

    whose: str
    pitches: Pitches


def check_harmony(config: ComposeConfig, keeps_chords: bool) -> None:
    """Raise ConfigError for chords, or pitch classes, outside the scale; `keeps_chords`: whether chords are kept to."""
    scale = config.scale_classes
    if scale is None:
        return
    for chord in _chords(config) if keeps_chords else ():
        if outside := chord.pitch_classes - scale:
            raise ConfigError(
                f"chord {chord.name} has {_named(outside)}, which the scale {config.scale} has not; "
                f"give the scale {_scale_with(scale, config)}{_instead_of(chord, scale)}"
            )
    wanted = frozenset(np.flatnonzero(config.pitch_classes or ()).tolist())
    if outside := wanted - scale:
        raise ConfigError(
            f"pitch_classes ask for {_named(outside)}, which the scale {config.scale} has not; leave it out of one, "
            "or put it into the other"
        )


def _chords(config: ComposeConfig) -> list[Chord]:
    return list(dict.fromkeys(chord for bar in config.chord_bars or () for chord in bar))


def _named(classes: frozenset[int]) -> str:
    return ", ".join(pitch_class_name(each) for each in sorted(classes))


def _scale_with(scale: frozenset[int], config: ComposeConfig) -> str:
    """Return the name of a scale that has all the chords: as large as `scale` and on the same note if there is one,
    and as near to it as can be."""
    needed = frozenset[int]().union(*(chord.pitch_classes for chord in _chords(config)))
    tonic, _ = split_name((config.scale or "").strip())
    candidates = [
        (len(classes) != len(scale), len(classes ^ scale), root != tonic, f"{pitch_class_name(root)} {name}")
        for name in SCALES
        for root in range(12)
        if needed <= (classes := scale_classes(root, name))
    ]
    return min(candidates)[-1]


def _instead_of(chord: Chord, scale: frozenset[int]) -> str:
    """Return, as the end of a sentence, the chord on the same root that is nearest to `chord` within the scale."""
    candidates = [
        (len(other.pitch_classes ^ chord.pitch_classes), other.name)
        for quality in CHORDS
        if (other := make_chord(chord.root, quality)).pitch_classes <= scale
    ]
    return f", or the chord {min(candidates)[1]}" if candidates else ""


# --- instruments ----------------------------------------------------------------------------------------------


def make_demands(config: ComposeConfig, keeps_chords: bool) -> list[Demand]:
    """Return what each instrument must have a note of."""
    if config.chords is not None and keeps_chords:
        return [Demand(f"chord {chord.name}", of_classes(chord.pitch_classes)) for chord in _chords(config)]
    if config.scale_classes is not None:
        return [Demand(f"the scale {config.scale}", of_classes(config.scale_classes))]
    return [Demand(ITS_OWN, within())]


def check_instruments(
    asked: Sequence[InstrumentRange],
    present: Sequence[InstrumentRange],
    config: ComposeConfig,
    demands: list[Demand],
) -> None:
    """Raise ConfigError if an instrument that is `asked` for could not always play, or none of those `present`."""
    problems = _problems(asked, config, demands)
    if not problems and len(found := _problems(present, config, demands)) == len(present):
        problems = found
    if problems:
        raise ConfigError(min(problems).text)


def idle_instruments(
    instruments: Sequence[InstrumentRange], config: ComposeConfig, demands: list[Demand]
) -> list[InstrumentRange]:
    """Return the instruments that could not always play."""
    return [instrument for instrument in instruments if _problem(instrument, config, demands)]


class Problem(NamedTuple):
    """Why an instrument has not always something to play, and what would help; `change` in semitones."""

    change: int
    text: str


def _problems(
    instruments: Sequence[InstrumentRange], config: ComposeConfig, demands: list[Demand]
) -> list[Problem]:
    return [found for instrument in instruments if (found := _problem(instrument, config, demands))]


def _problem(instrument: InstrumentRange, config: ComposeConfig, demands: list[Demand]) -> Problem | None:
    """Return the first problem of an instrument, if it has one."""
    lowest, highest = config.register_pitches
    for demand in demands:
        can = [pitch for pitch in instrument.pitches if demand.pitches[pitch]]
        if not can:
            return Problem(128, f"{demand.whose}: {instrument.name} has no note of it here; leave it out")
        if not any(lowest <= pitch <= highest for pitch in can):
            return _out_of_register(instrument.name, demand.whose, can, (lowest, highest))
    return None


def _out_of_register(name: str, whose: str, can: list[int], bounds: tuple[int, int]) -> Problem:
    """Return which bound keeps an instrument from what it `can` play, and the nearest bound that does not."""
    lowest, highest = bounds
    ways = [
        *(Problem(lowest - p, _advice("lowest", lowest, name, whose, p)) for p in can if p < lowest),
        *(Problem(p - highest, _advice("highest", highest, name, whose, p)) for p in can if p > highest),
    ]
    return min(ways)


def _advice(bound: str, value: int, name: str, whose: str, pitch: int) -> str:
    """Return one line: what is asked, what the instrument can do, and what to ask instead."""
    goes, way = ("goes up to", "lower") if bound == "lowest" else ("begins at", "higher")
    what = f"{name} {goes} {pitch_name(pitch)} here"
    if whose != ITS_OWN:
        what = f"the nearest note of {whose} that {name} can play is {pitch_name(pitch)}"
    return f"{bound} {pitch_name(value)}: {what}; give that or {way}"

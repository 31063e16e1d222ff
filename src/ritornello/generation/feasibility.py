"""What cannot be kept together, found before the first step and named with the smallest change that makes it agree.

Each instrument asked for must have, at any time, a note that all constraints on pitches allow, and so must one of those
that a piece has. Then the constraints never meet a dead end: where the grammar asks for a note, there is one. Others
that have not always one, of the primer or of the model's choice, are no contradiction: they are not chosen
(`Feasible.idle`), and nothing is expected of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ritornello.errors import ConfigError
from ritornello.generation.constraints import make_constraints
from ritornello.generation.constraints.base import Context, Feasible
from ritornello.generation.constraints.chords import ChordSettings, keeps_chords
from ritornello.generation.constraints.register import RegisterSettings
from ritornello.generation.constraints.scale import ScaleSettings
from ritornello.generation.notes import Notes, Pitches, of_classes, within
from ritornello.representations.base import Representation
from ritornello.representations.tokens import InstrumentRange
from ritornello.theory import CHORDS, DRUMS, SCALES, Chord, make_chord, pitch_class_name, pitch_name
from ritornello.theory.chord_scales import scale_classes
from ritornello.theory.pitches import split_name

ITS_OWN = "its own"
"""Whose pitches are demanded if nothing but the register bounds an instrument."""


def check_feasible(context: Context) -> Feasible:
    """Return which instruments can always play. ConfigError for what the representation cannot be asked for, and for
    what cannot be kept together."""
    representation, notes, is_over_chords = context.representation, context.notes, keeps_chords(context)
    _check_can_keep(representation, notes, is_over_chords, context)
    check_harmony(context, is_over_chords)
    demands, bounds = make_demands(context, is_over_chords), context.of(RegisterSettings).register_pitches
    asked = getattr(context.settings, "programs", None)
    given = [track for track in (context.primer.tracks if context.primer else ()) if len(track.notes)]
    programs = (*(DRUMS if track.is_drum else track.program for track in given), *(asked or ()))
    ranges = representation.instrument_ranges
    present = ranges(programs or None)
    _check_instruments(ranges(asked) if asked else (), present, bounds, demands)
    idle = [each for each in ranges() if _problem(each, bounds, demands)]
    return Feasible(idle, frozenset(each.voice for each in present if each not in idle))


def cannot_ask(asked: str, representation: Representation) -> str:
    return (
        f"{asked}: a model of representation {representation.name} cannot be asked for it;"
        " those of multitrack and frames can"
    )


def _check_can_keep(
    representation: Representation, notes: Notes, is_over_chords: bool, context: Context
) -> None:
    """Raise ConfigError if the representation has ids whose notes are not known, or whose time is not."""
    tells_bars = representation.grammar().bar_position is not None
    if is_over_chords and not tells_bars:
        raise ConfigError(
            f"chords: a model of representation {representation.name} cannot play over given chords;"
            " train one with --preset jazz-solo, or take one of multitrack or frames"
        )
    # Others have ids that a note has to follow, of which none might be left.
    if not (notes.is_complete and (tells_bars or representation.tells_notes_in_order)):
        raise ConfigError(cannot_ask(", ".join(pitch_settings(context)), representation))


def pitch_settings(context: Context) -> list[str]:
    """Return the names of the settings that are given and bound pitches; chords that the model heeds are none."""
    rows = [row for row in make_constraints() if row.bounds_pitches]
    heeds = not keeps_chords(context)
    return [name for row in rows for name in row.asked(context) if not (heeds and row.name == "chords")]


class Demand(NamedTuple):
    """The pitches of which there must be one, and whose they are."""

    whose: str
    pitches: Pitches


def check_harmony(context: Context, is_over_chords: bool) -> None:
    """Raise ConfigError for chords that are kept to, or pitch classes, outside the scale."""
    asked, chords = context.of(ScaleSettings), _chords(context)
    scale = asked.scale_classes
    if scale is None:
        return
    for chord in chords if is_over_chords else ():
        if outside := chord.pitch_classes - scale:
            raise ConfigError(
                f"chord {chord.name} has {_named(outside)}, which the scale {asked.scale} has not; "
                f"give the scale {_scale_with(scale, asked.scale or '', chords)}{_instead_of(chord, scale)}"
            )
    weights = getattr(context.settings, "pitch_classes", None)
    wanted = frozenset(np.flatnonzero(weights or ()).tolist())
    if outside := wanted - scale:
        raise ConfigError(
            f"pitch_classes ask for {_named(outside)}, which the scale {asked.scale} has not; leave it out of one, "
            "or put it into the other"
        )


def _chords(context: Context) -> list[Chord]:
    bars = context.of(ChordSettings).chord_bars or ()
    return list(dict.fromkeys(chord for bar in bars for chord in bar))


def _named(classes: frozenset[int]) -> str:
    return ", ".join(pitch_class_name(each) for each in sorted(classes))


def _scale_with(scale: frozenset[int], named: str, chords: list[Chord]) -> str:
    """Return the name of a scale that has all the chords: as large as `scale` and on the same note if there is one,
    and as near to it as can be."""
    needed = frozenset[int]().union(*(chord.pitch_classes for chord in chords))
    tonic, _ = split_name(named.strip())
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


def make_demands(context: Context, is_over_chords: bool) -> list[Demand]:
    """Return what each instrument must have a note of."""
    if is_over_chords:
        return [Demand(f"chord {chord.name}", of_classes(chord.pitch_classes)) for chord in _chords(context)]
    scale = context.of(ScaleSettings)
    if scale.scale_classes is not None:
        return [Demand(f"the scale {scale.scale}", of_classes(scale.scale_classes))]
    return [Demand(ITS_OWN, within())]


Bounds = tuple[int, int]
"""The lowest and the highest pitch allowed."""


def _check_instruments(
    asked: Sequence[InstrumentRange],
    present: Sequence[InstrumentRange],
    bounds: Bounds,
    demands: list[Demand],
) -> None:
    """Raise ConfigError if an instrument that is `asked` for could not always play, or none of those `present`."""
    problems = [found for instrument in asked if (found := _problem(instrument, bounds, demands))]
    if not problems:
        of_all = [found for instrument in present if (found := _problem(instrument, bounds, demands))]
        problems = of_all if len(of_all) == len(present) else []
    if problems:
        raise ConfigError(min(problems).text)


class Gap(NamedTuple):
    """The widest leap that an instrument may have to make from one note to the nearest that it may play next."""

    semitones: int
    text: str


def widest_gap(context: Context) -> Gap | None:
    """Return the widest gap of the instruments that can be in a piece, from any note to the chord that follows; None if
    no chords are kept to, since a note can be repeated then."""
    if not keeps_chords(context):
        return None
    lowest, highest = context.of(RegisterSettings).register_pitches
    gaps = []
    for instrument in context.representation.instrument_ranges(getattr(context.settings, "programs", None)):
        mine = [pitch for pitch in instrument.pitches if lowest <= pitch <= highest]
        for demand in make_demands(context, is_over_chords=True):
            goals = [pitch for pitch in mine if demand.pitches[pitch]]
            for pitch in mine if goals else ():
                gap = min(abs(pitch - goal) for goal in goals)
                text = f"from {pitch_name(pitch)} the nearest note of {demand.whose} that {instrument.name} can play"
                gaps.append(Gap(gap, f"{text} is {gap} semitones away"))
    return max(gaps, default=None)


class Problem(NamedTuple):
    """Why an instrument has not always something to play, and what would help; `change` in semitones."""

    change: int
    text: str


def _problem(instrument: InstrumentRange, bounds: Bounds, demands: list[Demand]) -> Problem | None:
    """Return the first problem of an instrument, if it has one."""
    lowest, highest = bounds
    for demand in demands:
        can = [pitch for pitch in instrument.pitches if demand.pitches[pitch]]
        if not can:
            return Problem(128, f"{demand.whose}: {instrument.name} has no note of it here; leave it out")
        if not any(lowest <= pitch <= highest for pitch in can):
            return _out_of_register(instrument.name, demand.whose, can, bounds)
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

"""Feasibility: settings that cannot be kept together are refused before the first step.

Each instrument asked for must have, at any time, a note that all constraints on pitches allow, and so must one of those
of a piece. Then the constraints never meet a dead end: where the grammar needs a note, there is one. Other instruments,
of the primer or of the model's choice, that do not always have one are not chosen (`Feasible.idle`), and nothing is
expected of them. Each refusal names the smallest change that helps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ritornello.errors import ConfigError
from ritornello.generation.constraints import make_constraints
from ritornello.generation.constraints.base import Context, Feasible
from ritornello.generation.constraints.chords import ChordSettings, keeps_chords
from ritornello.generation.constraints.register import RegisterSettings
from ritornello.generation.constraints.scale import ScaleSettings
from ritornello.generation.notes import Pitches, of_classes, within
from ritornello.representations.base import Representation
from ritornello.representations.tokens import InstrumentRange
from ritornello.theory import (
    CHORDS,
    DRUMS,
    SCALES,
    Chord,
    make_chord,
    parse_scale_classes,
    pitch_class_name,
    pitch_name,
)
from ritornello.theory.chord_scales import scale_classes
from ritornello.theory.pitches import split_name

ITS_OWN = "its own"
"""Owner of the pitches that are demanded if only the register bounds an instrument."""


def check_feasible(context: Context) -> Feasible:
    """Return which instruments can always play. Raises ConfigError for settings that the representation does not
    support, and for those that cannot be kept together."""
    representation, is_over_chords = context.representation, keeps_chords(context)
    has_bars = representation.grammar().bar_position is not None
    if is_over_chords and not has_bars:
        raise ConfigError(
            f"chords: a model of representation {representation.name} cannot play over given chords;"
            " train one with --preset jazz_solo, or take one of multitrack or frames"
        )
    # The others have ids that a note must follow, perhaps one that is banned.
    if not (context.notes.is_complete and (has_bars or representation.tells_notes_in_order)):
        raise ConfigError(cannot_ask(", ".join(pitch_settings(context)), representation))
    check_harmony(context, is_over_chords)
    demands, bounds = make_demands(context, is_over_chords), context.of(RegisterSettings).register_pitches
    asked = getattr(context.settings, "programs", None)
    sounding = [track for track in (context.primer.tracks if context.primer else ()) if len(track.notes)]
    programs = (*(DRUMS if track.is_drum else track.program for track in sounding), *(asked or ()))
    ranges = representation.instrument_ranges
    present = ranges(programs or None)
    problems = [
        found for each in (ranges(asked) if asked else ()) if (found := _problem(each, bounds, demands))
    ]
    if not problems:
        of_all = [found for each in present if (found := _problem(each, bounds, demands))]
        problems = of_all if len(of_all) == len(present) else []
    if problems:
        raise ConfigError(min(problems).text)
    idle = [each for each in ranges() if _problem(each, bounds, demands)]
    return Feasible(idle, frozenset(each.voice for each in present if each not in idle))


def cannot_ask(asked: str, representation: Representation) -> str:
    return (
        f"{asked}: a model of representation {representation.name} cannot be asked for it;"
        " those of multitrack and frames can"
    )


def pitch_settings(context: Context) -> list[str]:
    """Return the names of the given settings that bound pitches. Chords and a key that condition the model do not."""
    names = [name for row in make_constraints() if row.bounds_pitches for name in row.asked(context)]
    told = [] if keeps_chords(context) else ["chords", "strict_chords"]
    told += ["key"] if context.representation.plays_in_key and not context.notes.is_complete else []
    return [name for name in names if name not in told]


class Demand(NamedTuple):
    """Pitches of which one must be playable, and their owner for messages."""

    whose: str
    pitches: Pitches


def check_harmony(context: Context, is_over_chords: bool) -> None:
    """Raise ConfigError for chords or weights of pitch classes outside the scale."""
    asked, chords = context.of(ScaleSettings), _chords(context)
    if asked.scale_classes is None:
        return
    if is_over_chords and asked.scale is not None:  # a key alone gives way to the chords
        scale = parse_scale_classes(asked.scale)
        for chord in chords:
            if outside := chord.pitch_classes - scale:
                raise ConfigError(
                    f"chord {chord.name} has {_named(outside)}, which the scale {asked.scale} has not; "
                    f"give the scale {_scale_with(scale, asked.scale, chords)}{_instead_of(chord, scale)}"
                )
    weights = getattr(context.settings, "pitch_classes", None)
    wanted = frozenset(np.flatnonzero(weights or ()).tolist())
    if outside := wanted - asked.scale_classes:
        raise ConfigError(
            f"pitch_classes ask for {_named(outside)}, which {asked.scale_asked} has not; leave it out of one, "
            "or put it into the other"
        )


def _chords(context: Context) -> list[Chord]:
    bars = context.of(ChordSettings).chord_bars or ()
    return list(dict.fromkeys(chord for bar in bars for chord in bar if chord))


def _named(classes: frozenset[int]) -> str:
    return ", ".join(pitch_class_name(each) for each in sorted(classes))


def _scale_with(scale: frozenset[int], named: str, chords: list[Chord]) -> str:
    """Return the name of the nearest scale that has all the chords, if possible as large and on the same tonic."""
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
    """Return, as the end of a sentence, the chord within the scale nearest to `chord` on the same root."""
    candidates = [
        (len(other.pitch_classes ^ chord.pitch_classes), other.name)
        for quality in CHORDS
        if (other := make_chord(chord.root, quality)).pitch_classes <= scale
    ]
    return f", or the chord {min(candidates)[1]}" if candidates else ""


# --- instruments ----------------------------------------------------------------------------------------------


def make_demands(context: Context, is_over_chords: bool) -> list[Demand]:
    """Return the demands on each instrument."""
    if is_over_chords:
        return [Demand(f"chord {chord.name}", of_classes(chord.pitch_classes)) for chord in _chords(context)]
    scale = context.of(ScaleSettings)
    if scale.scale_classes is not None:
        return [Demand(scale.scale_asked, of_classes(scale.scale_classes))]
    return [Demand(ITS_OWN, within())]


class Problem(NamedTuple):
    """Why an instrument cannot always play: by how many semitones, and a line on what would help."""

    semitones: int
    text: str


def _problem(instrument: InstrumentRange, bounds: tuple[int, int], demands: list[Demand]) -> Problem | None:
    """Return the first demand that an instrument cannot meet within `bounds`, the lowest and the highest pitch
    allowed, with the nearest bound that would let it; or None."""
    (lowest, highest), name = bounds, instrument.name
    for demand in demands:
        can = [pitch for pitch in instrument.pitches if demand.pitches[pitch]]
        if not can:
            return Problem(128, f"{demand.whose}: {name} has no note of it here; leave it out")
        if not any(lowest <= pitch <= highest for pitch in can):
            below = [(lowest - pitch, "lowest", lowest, pitch) for pitch in can if pitch < lowest]
            above = [(pitch - highest, "highest", highest, pitch) for pitch in can if pitch > highest]
            semitones, bound, value, pitch = min(below + above)
            goes, way = ("goes up to", "lower") if bound == "lowest" else ("begins at", "higher")
            what = f"{name} {goes} {pitch_name(pitch)} here"
            if demand.whose != ITS_OWN:
                what = f"the nearest note of {demand.whose} that {name} can play is {pitch_name(pitch)}"
            return Problem(semitones, f"{bound} {pitch_name(value)}: {what}; give that or {way}")
    return None

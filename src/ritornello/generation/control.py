"""From wishes to constraints: what each piece of a call must not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ritornello.bundle import Bundle
from ritornello.errors import ConfigError
from ritornello.generation.constraints import Constraint, Never, NoRepeats, NotesBeforeEnd, RepetitionGuard
from ritornello.generation.contradictions import (
    Demand,
    check_harmony,
    check_instruments,
    idle_instruments,
    make_demands,
)
from ritornello.generation.copying import Continuations, NoCopy
from ritornello.generation.harmony import InScale, OverChords
from ritornello.generation.notes import Notes
from ritornello.generation.options import SHORT_COPY
from ritornello.generation.playable import Grip, register
from ritornello.originality import Index
from ritornello.representations.base import Representation
from ritornello.representations.limits import NO_LIMIT, KeepsForm, KeepsLimits, Limits
from ritornello.score import Score
from ritornello.theory import DRUMS

if TYPE_CHECKING:
    from ritornello.generation.config import ComposeConfig

MOST_NOTES = 128
"""So many notes, or semitones: no limit."""

MakeConstraint = Callable[[], Constraint]
MakeConstraints = Callable[[], list[Constraint]]
"""Returns new constraints for one piece."""


def make_rules(
    bundle: Bundle, representation: Representation, config: ComposeConfig, primer: Score | None = None
) -> MakeConstraints:
    """Return what makes the constraints of a piece, the most important first; what they share is made once.

    ConfigError for what the representation cannot be asked for, and for what cannot be kept together.
    """
    rules = _of_notes(representation, config, primer)
    if (notes := config.notes) is not None:
        rules.append(lambda: NotesBeforeEnd(representation.end_id, notes))
    no_copy = _no_copy(bundle, representation, config)
    rules += no_copy if config.max_copy is not None else []
    if config.guard:
        rules.append(lambda: RepetitionGuard(representation))
    rules += _form(representation, config)
    rules += no_copy if config.max_copy is None else []  # nobody asked: the least of all
    return lambda: [rule() for rule in rules]


def _form(representation: Representation, config: ComposeConfig) -> list[MakeConstraint]:
    """Return what brings all instruments in, and the piece home; given notes have a form of their own."""
    if config.asks_for_given or not isinstance(representation, KeepsForm):
        return []
    rules = (config.entrances, representation.make_entrances), (config.cadence, representation.make_cadence)
    return [rule for is_wanted, rule in rules if is_wanted]


def _no_copy(bundle: Bundle, representation: Representation, config: ComposeConfig) -> list[MakeConstraint]:
    longest = _longest_copy(bundle, config)
    if not longest:
        return []
    continuations = Continuations(_index(bundle, longest), longest)
    return [lambda: NoCopy(representation, continuations)]


def _longest_copy(bundle: Bundle, config: ComposeConfig) -> int:
    """Return how many notes in a row may be copied, 0 for any: what is asked, else SHORT_COPY where that can be had."""
    if config.max_copy is not None:
        return config.max_copy
    can = bundle.index is not None and bundle.representation.tells_notes_in_order
    return SHORT_COPY if can and not config.faithful else 0


def _index(bundle: Bundle, longest: int) -> Index:
    _check_can(bundle.representation.tells_notes_in_order, f"max_copy {longest}", bundle.representation)
    if bundle.index is None:
        raise ConfigError(
            f"max_copy {longest}: {bundle.path} holds no index of the music that it learned from"
        )
    return bundle.index


def _check_can(can: bool, asked: str, representation: Representation) -> None:
    if not can:
        raise ConfigError(_cannot(asked, representation))


def _cannot(asked: str, representation: Representation) -> str:
    return (
        f"{asked}: a model of representation {representation.name} cannot be asked for it;"
        " those of multitrack and frames can"
    )


# --- what may be played ---------------------------------------------------------------------------------------


def _of_notes(
    representation: Representation, config: ComposeConfig, primer: Score | None
) -> list[MakeConstraint]:
    """Return the rules of harmony, register, grip and limits."""
    keeps_chords = _keeps_chords(representation, config)
    if not keeps_chords and not set(config.constraints) - {"chords", "max_copy"}:
        return []
    notes = Notes(representation)
    _check_wishes(representation, notes, config, keeps_chords)
    check_harmony(config, keeps_chords)
    idle, able = _instruments(representation, config, primer, make_demands(config, keeps_chords))
    fixed: list[Never] = [*idle, *register(notes, *config.register_pitches)]
    if (scale := config.scale_classes) is not None:
        fixed.append(InScale(representation, scale, notes))
    over_chords = _over_chords(notes, config) if keeps_chords else []
    shared: list[MakeConstraint] = [lambda rule=rule: rule for rule in (*fixed, *over_chords)]  # type: ignore[misc]
    repeats = _repeats(representation, notes, fixed)
    return [*shared, *repeats, *_grip(notes, config), *_limits(representation, config, able)]


def _keeps_chords(representation: Representation, config: ComposeConfig) -> bool:
    """Return whether chords are asked for and the representation does not heed them itself."""
    heeds = representation.plays_over_chords
    if config.strict_chords and heeds:
        raise ConfigError("strict_chords: this model plays over chords as it has learned to; leave it out")
    return config.chords is not None and not heeds


def _check_wishes(
    representation: Representation, notes: Notes, config: ComposeConfig, keeps_chords: bool
) -> None:
    """Raise ConfigError for a wish that the representation cannot be asked for."""
    tells_bars = representation.grammar().bar_position is not None
    in_order = representation.tells_notes_in_order
    if keeps_chords and not tells_bars:
        raise ConfigError(
            f"chords: a model of representation {representation.name} cannot play over given chords;"
            " train one with --preset jazz-solo, or take one of multitrack or frames"
        )
    # Others have ids that a note has to follow, of which none might be left.
    can_keep = notes.is_complete and (tells_bars or in_order)
    _check_can(can_keep, ", ".join(name for name in config.constraints if name != "max_copy"), representation)
    _check_can(in_order or not config.limits_grip, "chord_size, span", representation)


def _instruments(
    representation: Representation,
    config: ComposeConfig,
    primer: Score | None,
    demands: list[Demand],
) -> tuple[list[Never], frozenset[int]]:
    """Return the rule that leaves out instruments that could not always play, and the voices that can."""
    given = [track for track in (primer.tracks if primer else ()) if len(track.notes)]
    programs = (*(DRUMS if track.is_drum else track.program for track in given), *(config.programs or ()))
    present = representation.instrument_ranges(programs or None)
    asked = representation.instrument_ranges(config.programs) if config.programs else ()
    check_instruments(asked, present, config, demands)
    idle = idle_instruments(representation.instrument_ranges(), config, demands)
    tokens = np.array([each.token for each in idle if each.token is not None], dtype=np.int64)
    able = frozenset(each.voice for each in present if each not in idle)
    return [Never("instruments", tokens)], able


def _over_chords(notes: Notes, config: ComposeConfig) -> list[OverChords]:
    bars = config.chord_bars or ()
    return [OverChords(notes, bars, config.scale_classes, config.strict_chords)]


def _repeats(representation: Representation, notes: Notes, rules: list[Never]) -> list[MakeConstraint]:
    """Return the rule for ids that stand for earlier notes, if there are such."""
    ids = np.flatnonzero(representation.tokens.recalls).tolist()
    if not ids:
        return []
    outside = np.isin(notes.ids, np.concatenate([rule.ids for rule in rules]))
    pitches = frozenset(notes.pitches[outside].tolist())
    return [lambda: NoRepeats(ids, pitches)]


def _grip(notes: Notes, config: ComposeConfig) -> list[MakeConstraint]:
    if not config.limits_grip:
        return []
    most, span = config.chord_size or MOST_NOTES, MOST_NOTES if config.span is None else config.span
    return [lambda: Grip(notes, most, span)]


def _limits(
    representation: Representation, config: ComposeConfig, able: frozenset[int]
) -> list[MakeConstraint]:
    """Return the rule of polyphony and notes a bar; ConfigError if a bar has no room for the notes that it needs.

    able: the voices that can always play.
    """
    asked = [name for name in ("polyphony", "notes_per_bar") if getattr(config, name) is not None]
    if not asked:
        return []
    if not isinstance(representation, KeepsLimits):
        raise ConfigError(_cannot(", ".join(asked), representation))
    fewest, most = config.notes_range or (0, NO_LIMIT)
    if fewest and not able:
        raise ConfigError(f"notes_per_bar {config.notes_per_bar}: drums do not count; add another instrument")
    limits = Limits(config.polyphony or NO_LIMIT, fewest, most, able, ", ".join(asked))
    room = representation.most_onsets(limits, config.meter_pair)
    if fewest > room:
        raise ConfigError(
            f"notes_per_bar {config.notes_per_bar}: with what else is asked, a bar of this model has room for "
            f"{room} notes in any case; give at most {room} as the fewest"
        )
    return [lambda: representation.make_room(limits)]

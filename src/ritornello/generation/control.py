"""From wishes to constraints: what each piece of a call must not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ritornello.bundle import Bundle
from ritornello.errors import ConfigError
from ritornello.generation.constraints import Constraint, Never, NotesBeforeEnd, RepetitionGuard
from ritornello.generation.contradictions import check_harmony, idle_instruments, make_demands
from ritornello.generation.copying import Continuations, NoCopy
from ritornello.generation.harmony import InScale, OverChords
from ritornello.generation.notes import Notes, compasses
from ritornello.generation.playable import Grip, register
from ritornello.representations.base import Compass, Representation, TellsMoment, tells_notes_in_order
from ritornello.representations.limits import NO_LIMIT, KeepsLimits, Limits
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
    if config.max_copy is not None:
        continuations = _continuations(bundle, config.max_copy)
        rules.append(lambda: NoCopy(representation, continuations))
    if config.guard:
        rules.append(lambda: RepetitionGuard(representation))
    return lambda: [rule() for rule in rules]


def _continuations(bundle: Bundle, notes: int) -> Continuations:
    _check_can(tells_notes_in_order(bundle.representation), f"max_copy {notes}", bundle.representation)
    if bundle.index is None:
        raise ConfigError(f"max_copy {notes}: {bundle.path} holds no index of the music that it learned from")
    return Continuations(bundle.index, notes)


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
    keeps_chords = config.chords is not None and not getattr(representation, "plays_over_chords", False)
    if config.strict_chords and not keeps_chords:
        raise ConfigError("strict_chords: this model plays over chords as it has learned to; leave it out")
    chosen = [name for name in config.constraints if name not in ("chords", "max_copy")]
    if not chosen and not keeps_chords:
        return []
    notes = Notes(representation)
    _check_wishes(representation, notes, config, keeps_chords)
    check_harmony(config, keeps_chords)
    programs = _programs(config, primer)
    parts = compasses(representation, notes, programs)
    idle = idle_instruments(parts, config, make_demands(config, keeps_chords), programs is None)
    shared: list[Constraint] = [
        *_instruments(parts, idle),
        *_harmony(representation, notes, config, keeps_chords),
        *register(notes, *config.register_pitches),
    ]
    rules: list[MakeConstraint] = [lambda rule=rule: rule for rule in shared]  # type: ignore[misc]
    return rules + _grip(notes, config) + _limits(representation, config, bool(parts))


def _check_wishes(
    representation: Representation, notes: Notes, config: ComposeConfig, keeps_chords: bool
) -> None:
    """Raise ConfigError for a wish that the representation cannot be asked for."""
    asked = ", ".join(name for name in config.constraints if name != "max_copy")
    tells_moment = isinstance(representation.cursor(), TellsMoment)
    can_rest = tells_moment or tells_notes_in_order(
        representation
    )  # no id of theirs has to be followed by a note
    if keeps_chords and not tells_moment:
        raise ConfigError(
            f"chords: a model of representation {representation.name} cannot play over given chords;"
            " train one with --preset jazz-solo, or take one of multitrack or frames"
        )
    _check_can(notes.is_complete and can_rest, asked, representation)
    _check_can(
        not config.limits_grip or tells_notes_in_order(representation), "chord_size, span", representation
    )


def _programs(config: ComposeConfig, primer: Score | None) -> tuple[int, ...] | None:
    """Return what plays, if it is known: the instruments asked for and those of the primer."""
    given = [track for track in (primer.tracks if primer else ()) if len(track.notes)]
    known = (*(DRUMS if track.is_drum else track.program for track in given), *(config.programs or ()))
    return known or None


def _instruments(parts: tuple[Compass, ...], idle: list[Compass]) -> list[Never]:
    tokens = [part.token for part in idle if part.token is not None]
    return [Never("instruments", np.array(tokens, dtype=np.int64))] if tokens else []


def _harmony(
    representation: Representation, notes: Notes, config: ComposeConfig, keeps_chords: bool
) -> list[Constraint]:
    rules: list[Constraint] = []
    if (scale := config.scale_classes) is not None:
        rules.append(InScale(representation, scale, notes))
    if keeps_chords and (bars := config.chord_bars) is not None:
        rules.append(OverChords(notes, bars, scale, config.strict_chords))
    return rules


def _grip(notes: Notes, config: ComposeConfig) -> list[MakeConstraint]:
    if not config.limits_grip:
        return []
    most, span = config.chord_size or MOST_NOTES, MOST_NOTES if config.span is None else config.span
    return [lambda: Grip(notes, most, span)]


def _limits(representation: Representation, config: ComposeConfig, has_pitched: bool) -> list[MakeConstraint]:
    """Return the rule of polyphony and notes a bar; ConfigError if a bar has no room for the notes that it needs."""
    asked = [name for name in ("polyphony", "notes_per_bar") if getattr(config, name) is not None]
    if not asked:
        return []
    if not isinstance(representation, KeepsLimits):
        raise ConfigError(_cannot(", ".join(asked), representation))
    fewest, most = config.notes_range or (0, NO_LIMIT)
    if fewest and not has_pitched:
        raise ConfigError(f"notes_per_bar {config.notes_per_bar}: drums do not count; add another instrument")
    limits = Limits(config.polyphony or NO_LIMIT, fewest, most, ", ".join(asked))
    room = representation.most_onsets(limits, config.meter_pair)
    if fewest > room:
        raise ConfigError(
            f"notes_per_bar {config.notes_per_bar}: with what else is asked, a bar of this model has room for "
            f"{room} notes in any case; give at most {room} as the fewest"
        )
    return [lambda: representation.make_room(limits)]

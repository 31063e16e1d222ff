"""From wishes to constraints: what each piece of a call must not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ritornello.bundle import Bundle
from ritornello.errors import ConfigError
from ritornello.generation.constraints import Constraint, NotesBeforeEnd, RepetitionGuard
from ritornello.generation.copying import SHORT_COPY, Continuations, NoCopy
from ritornello.generation.playable import Grip, Notes, Register
from ritornello.originality import Index
from ritornello.representations.base import HasVoices, Representation, Suits, tells_notes_in_order
from ritornello.theory import DRUMS, instrument_name, instrument_range, pitch_name

if TYPE_CHECKING:
    from ritornello.generation.config import ComposeConfig

MOST_NOTES = 128
"""So many notes, or semitones: no limit."""

MakeConstraints = Callable[[], list[Constraint]]
"""Returns new constraints for one piece."""


def make_rules(bundle: Bundle, representation: Representation, config: ComposeConfig) -> MakeConstraints:
    """Return what makes the constraints of a piece; what they share is made once. ConfigError for what cannot be."""
    rules: list[Callable[[], Constraint]] = []
    if config.guard:
        rules.append(lambda: RepetitionGuard(representation))
    if (notes := config.notes) is not None:
        rules.append(lambda: NotesBeforeEnd(representation.end_id, notes))
    if longest := _longest_copy(bundle, config):
        continuations = Continuations(_index(bundle, longest), longest)
        rules.append(lambda: NoCopy(representation, continuations))
    if config.limits_notes:
        rules += _playable(representation, config)
    return lambda: [rule() for rule in rules]


def _longest_copy(bundle: Bundle, config: ComposeConfig) -> int:
    """Return how many notes in a row may be copied, 0 for any: what is asked, else SHORT_COPY where that can be had."""
    if config.max_copy is not None:
        return config.max_copy
    can = bundle.index is not None and tells_notes_in_order(bundle.representation)
    return SHORT_COPY if can and not config.faithful else 0


def _index(bundle: Bundle, longest: int) -> Index:
    _check_order(bundle.representation, f"max_copy {longest}")
    if bundle.index is None:
        raise ConfigError(
            f"max_copy {longest}: {bundle.path} holds no index of the music that it learned from"
        )
    return bundle.index


def _check_order(representation: Representation, asked: str) -> None:
    if not tells_notes_in_order(representation):
        raise ConfigError(
            f"{asked}: a model of representation {representation.name} cannot be asked for it;"
            " those of multitrack, melody and frames can"
        )


def _playable(representation: Representation, config: ComposeConfig) -> list[Callable[[], Constraint]]:
    """Return the rules of register and grip; ConfigError for what contradicts an instrument's compass."""
    _check_order(representation, "lowest, highest, chord_size and span")
    lowest, highest = config.register_pitches
    if config.limits_register and isinstance(representation, Suits):
        raise ConfigError(
            f"lowest and highest: a model of representation {representation.name} writes in a key of its own"
        )
    for program in config.programs or ():
        _check_compass(program, lowest, highest)
    if config.programs is None and isinstance(representation, HasVoices):
        _check_any_compass(representation, lowest, highest)
    notes = Notes(representation)
    rules: list[Callable[[], Constraint]] = []
    if config.limits_register:
        rules.append(lambda: Register(notes, lowest, highest))
    if config.chord_size is not None or config.span is not None:
        most, span = config.chord_size or MOST_NOTES, MOST_NOTES if config.span is None else config.span
        rules.append(lambda: Grip(notes, most, span))
    return rules


def _check_compass(program: int, lowest: int, highest: int) -> None:
    """Raise ConfigError, with the smallest change that helps, if an instrument has no pitch in the register."""
    if program == DRUMS:
        return
    low, high = instrument_range(program)
    name = instrument_name(program, False)
    if high < lowest:
        raise ConfigError(
            f"lowest {pitch_name(lowest)}: {name} goes up to {pitch_name(high)} only; give that or lower"
        )
    if low > highest:
        raise ConfigError(
            f"highest {pitch_name(highest)}: {name} begins at {pitch_name(low)}; give that or higher"
        )


def _check_any_compass(representation: HasVoices, lowest: int, highest: int) -> None:
    """Raise ConfigError, with the smallest change that helps, if no instrument of the model reaches the register."""
    programs = {program for voice in representation.voice_programs for program in voice} - {DRUMS}
    ranges = [instrument_range(program) for program in programs]
    if not ranges or any(low <= highest and high >= lowest for low, high in ranges):
        return
    below = max((high for _, high in ranges if high < lowest), default=None)
    if below is not None:
        raise ConfigError(
            f"lowest {pitch_name(lowest)}: the model's instruments go up to {pitch_name(below)} only; "
            "give that or lower"
        )
    above = min(low for low, _ in ranges)
    raise ConfigError(
        f"highest {pitch_name(highest)}: the model's instruments begin at {pitch_name(above)}; give that or higher"
    )

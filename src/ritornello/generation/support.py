"""Whether a model supports the settings of a call, its primer and its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ritornello.bundle import Bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.formats.text import is_prose
from ritornello.generation.asked import settle_meter, settle_primer
from ritornello.generation.config import MOST_CANDIDATES, ComposeConfig
from ritornello.generation.constraints.fixed_notes import LOOP_CANDIDATES, NO_FORM
from ritornello.generation.heard import hear, remarks_on
from ritornello.generation.notes import Notes
from ritornello.generation.prepare import Beginning, with_form
from ritornello.representations.base import Conditions, FixedNotes, Opening, Representation
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Score
from ritornello.structure import SHORTEST_FORM
from ritornello.theory import choose_instrument, instrument_name

CANDIDATES = 4
"""Candidates for a whole piece, unless their number is set: four take twice the time of one."""

MOST_CANDIDATE_BARS = 256
"""Bars of all candidates of a piece, unless their number is set."""

OPENINGS = 0
"""The random stream from which openings are drawn; a form is drawn from that of its number of bars."""

CONDITION_COLUMNS = {"density": "density", "pitch_classes": "share of C"}
"""Settings that condition a network, and the input column that it needs for each."""


def check_supported(representation: Representation, config: ComposeConfig, primer: Score | None) -> None:
    """Raise ConfigError for a setting that the model has no tokens or columns for, for an empty primer, and for prose
    with a model of music, or music with one of prose."""
    for name in ("cadence", "entrances", "roots", "pulse", "contrast", "voice_leading"):
        if name not in config.model_fields_set or not getattr(config, name):
            continue
        if not isinstance(representation, Multitrack):
            raise ConfigError(
                f"{name}: a model of {representation.name} cannot be asked for it; leave it out"
            )
        if name in ("cadence", "entrances") and not config.is_composed:
            raise ConfigError(f"{name} and {config.fixed_notes_asked} contradict each other; leave one out")
    for name in representation.unsupported_settings:
        value = getattr(config, name)
        if value not in (None, False):
            asked = ", ".join(value) if isinstance(value, tuple) else value
            raise ConfigError(f"{name} {asked}: a model of {representation.name} cannot be asked for it")
    columns = {column.name for column in representation.columns}
    for name, column in CONDITION_COLUMNS.items():
        if getattr(config, name) is not None and column not in columns:
            raise ConfigError(f"{name}: this model was not trained with it as a condition")
    if primer is None:
        return
    if representation.reads_prose and not is_prose(primer):
        raise ConfigError("the primer is no prose, which is what this model writes")
    if not representation.reads_prose and not primer.note_count:
        raise ConfigError("the primer has no notes")


def suited(
    representation: Representation, config: ComposeConfig, primer: Score | None
) -> tuple[Representation, Score | None]:
    """Return the representation for a piece, and the primer as it is composed with.

    Raises ConfigError for a meter and for instruments that the model has not, naming the shipped models that have them.
    """
    try:
        return _suited(representation, config, primer)
    except ConfigError as error:
        raise ConfigError(f"{error}{_others_that_can(representation, config, primer)}") from error


def _suited(
    representation: Representation, config: ComposeConfig, primer: Score | None
) -> tuple[Representation, Score | None]:
    if representation.reads_prose:
        return representation, primer
    heard = None
    if primer is not None:
        primer = settle_primer(representation, config, primer)
        heard = hear(representation, primer)
    meter = settle_meter(representation, config.meter_pair)
    fixed = FixedNotes(heard, is_accompanied=config.accompany) if config.keeps_primer else None
    asked = Conditions(
        None,
        config.tempo,
        meter,
        config.programs,
        key=config.key_signature,
        fixed_notes=fixed,
        keeps_compass=config.lowest is None and config.highest is None,
    )
    return representation.for_piece(heard, asked), primer


def _others_that_can(representation: Representation, config: ComposeConfig, primer: Score | None) -> str:
    """Return the end of a line with the shipped models that have the meter and the instruments, if there are some."""
    from ritornello.generation import load, shipped_bundles

    able = []
    for name in shipped_bundles():
        other = load(name).bundle.representation
        try:
            _suited(other, settle_instruments(other, config), primer)
        except ConfigError:
            continue
        able.append(name)
    return f"; the shipped models that can: {', '.join(able)}" if able else ""


def settle_instruments(representation: Representation, config: ComposeConfig) -> ComposeConfig:
    """Return `config`, with a name that means several programs as the first of them that the model knows."""
    known = {each.program for each in representation.tokens.instruments}
    names = tuple(instrument_name(choose_instrument(name, known)) for name in config.instruments or ())
    return config.model_copy(update={"instruments": names}) if names else config


def settle_cadence(config: ComposeConfig) -> ComposeConfig:
    """Return `config`; with a key, ending on its tonic unless that is set."""
    if config.key is None or "cadence" in config.model_fields_set or not config.is_composed:
        return config
    return config.model_copy(update={"cadence": True})


def told(representation: Representation, config: ComposeConfig) -> tuple[str, ...]:
    """Return the settings that the model is told and that nothing enforces."""
    names = [name for name in CONDITION_COLUMNS if getattr(config, name) is not None]
    if config.chords and representation.plays_over_chords and not config.strict_chords:
        names.append("chords")
    if config.key and representation.plays_in_key and not Notes(representation).is_complete:
        names.append("key")
    return tuple(names)


def remarks(
    representation: Representation, suited: Representation, config: ComposeConfig, primer: Score | None
) -> tuple[str, ...]:
    """Return a line for what of the primer, and of the instruments asked for, the model does not know.

    `suited` is the representation for the piece, with these instruments.
    """
    if representation.reads_prose:
        return () if primer is None else representation.substitutions(primer)
    lines = () if primer is None else remarks_on(representation, primer)
    if not config.programs:
        return lines
    known = {each.token: each.name for each in representation.tokens.instruments}
    for each in suited.tokens.instruments:
        stands = known[each.token]
        if each.program in config.programs and each.name != stands and each.token is not None:
            lines += (f"{each.name}: composed as {stands} of this model, and written as {each.name}",)
    return tuple(dict.fromkeys(lines))


def settle_faithful(representation: Representation, config: ComposeConfig) -> ComposeConfig:
    """Return `config`; with `faithful`, its unset fields as the representation's original system samples.

    Raises ConfigError for a representation that has no original system.
    """
    if not config.faithful:
        return config
    original = representation.reference_sampling
    if not original:
        raise ConfigError(f"faithful: representation {representation.name} comes from no other system")
    return config.model_copy(update={k: v for k, v in original.items() if k not in config.model_fields_set})


def settle_candidates(
    bundle: Bundle, config: ComposeConfig, primer: Score | None, bars: int
) -> ComposeConfig:
    """Return `config` with the number of candidates for a piece of so many bars, unless it is set.

    It does not depend on how many pieces a call makes, so that piece `index` of a seed is the same in every call.
    """
    if config.best_of is not None:
        return config
    count = 1
    if config.loop:
        count = min(LOOP_CANDIDATES, MOST_CANDIDATES // config.count)
    elif is_whole(bundle, config, primer, bars) and config.temperature and not config.searches:
        count = max(1, min(CANDIDATES, MOST_CANDIDATE_BARS // bars))
    return config.model_copy(update={"best_of": count})


def is_whole(bundle: Bundle, config: ComposeConfig, primer: Score | None, bars: int) -> bool:
    """Whether this is a whole piece of the model's own, long enough to have a form, by a model whose music is known."""
    is_own = primer is None and not config.faithful and not config.fixed_notes_asked and config.notes is None
    return is_own and bundle.structure is not None and bars >= SHORTEST_FORM


def settle_form(
    bundle: Bundle, config: ComposeConfig, primer: Score | None, beginning: Beginning, seed: int
) -> tuple[ComposeConfig, Beginning]:
    """Return `config` with a form for piece `config.index`, and the beginning of a piece in it; unless a form is set,
    or is none, or would contradict something that is asked."""
    bars, representation = beginning.conditions.bars or 0, bundle.representation
    if config.form is not None or not is_whole(bundle, config, primer, bars):
        return config, beginning
    if bundle.structure is None or not isinstance(representation, Multitrack):
        return config, beginning
    random = _generator(seed, config.index, bars)  # bars are never OPENINGS
    update = {"form": bundle.structure.draw_form(bars, random) or NO_FORM, "bars": bars}
    try:
        checked(ComposeConfig, config.model_dump(exclude_unset=True) | update)
        settled = config.model_copy(update=update)
        return settled, with_form(beginning, settled, seed)
    except ConfigError:
        return config, beginning


def with_opening(
    representation: Representation,
    config: ComposeConfig,
    primer: Score | None,
    beginning: Beginning,
    seed: int,
) -> Beginning:
    """Return the beginning of piece `config.index` with the opening of a piece of the corpus, drawn from those that
    agree with most of the meter and the instruments asked for; that of a piece with a primer is the primer's."""
    openings, conditions = representation.openings, beginning.conditions
    if primer is not None or config.faithful or not openings:
        return beginning

    def agreement(opening: Opening) -> int:
        asked = conditions.instruments
        plays = asked is None or sorted(asked) == sorted(opening.programs)
        return plays + (conditions.meter in (None, opening.meter))

    most = max(map(agreement, openings))
    fitting = [opening for opening in openings if agreement(opening) == most]
    random = _generator(seed, config.index, OPENINGS)
    drawn = fitting[int(random.integers(len(fitting)))]
    return replace(beginning, conditions=replace(conditions, opening=drawn))


def _generator(seed: int, index: int, stream: int) -> np.random.Generator:
    """Return a generator of what piece `index` draws before its notes; those of other streams are independent of it."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, stream)))


def check_prose_suffix(path: Path) -> None:
    """Raise ConfigError if `path` is not of the kind that prose is written as."""
    if path.suffix.lower() != ".txt":
        raise ConfigError(f"{path}: this model writes prose; give a name that ends with .txt")

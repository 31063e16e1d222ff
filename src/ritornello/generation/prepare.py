"""Preparation: from the settings of a call to what all its pieces share (`Beginning`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ritornello.config import DEFAULT_BARS
from ritornello.errors import ConfigError, counted
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints.fixed_notes import form_bars, make_fixed_notes
from ritornello.generation.heard import before_bar_lines, step_of
from ritornello.representations.base import Conditions, FixedNotes, GrammarState, Ids, Representation
from ritornello.score import Score

BARS_AFTER_PRIMER = 16  # at least, unless a length is given
LONGEST_PRIMER = 10_000  # quarters
DEFAULT_TEMPO = 120.0  # quarters a minute, where a length in seconds needs one
DEFAULT_METER = (4, 4)
IDS_PER_BAR = 512  # a piece with more on average is brought to its end


@dataclass(frozen=True)
class Beginning:
    """What all pieces of a call share.

    ids: those before the first that is chosen. given_ids: the primer, as the model reads it. id_limit: a piece with so
    many is brought to its end. loop_bars: the bars after which a loop is cut, None if the pieces are no loops.
    """

    conditions: Conditions
    ids: Ids
    given_ids: Ids
    id_limit: int
    loop_bars: int | None = None


def begin(
    representation: Representation, config: ComposeConfig, primer: Score | None, seed: int
) -> Beginning:
    """Return the beginning of a call. Raises ConfigError for settings that contradict each other or the primer."""
    conditions = Conditions(None, config.tempo, config.meter_pair, config.programs, config.chord_bars)
    conditions = replace(conditions, density=config.density, pitch_classes=config.pitch_classes)
    primer_ids, primer_bars, primer_notes = np.empty(0, dtype=np.int32), 0, 0
    if primer is not None:
        conditions = _with_primer(conditions, config, primer)
        if config.keeps_primer:
            conditions = replace(conditions, fixed_notes=FixedNotes(primer))
        primer_ids = representation.primer(primer, conditions)
        after = _read(representation.grammar(replace(conditions, fixed_notes=None)), primer_ids)
        primer_bars, primer_notes = after.place[0] + 1, after.notes
    if config.notes is not None and config.notes <= primer_notes:
        raise ConfigError(f"notes {config.notes}: the primer alone has {counted(primer_notes, 'note')}")
    conditions = _with_length(conditions, config, primer_bars)
    bars = conditions.bars or DEFAULT_BARS
    fixed = make_fixed_notes(config, primer, primer_bars, bars, seed)
    if primer is not None and fixed is not None and fixed.score is not None:
        primer = before_bar_lines(primer, fixed.free, step_of(representation))
        fixed = replace(fixed, score=primer)
    announced = bars if fixed is None else max(bars, *fixed.returns, 0) + (1 if config.loop else 0)
    conditions = replace(conditions, fixed_notes=fixed, bars=announced)
    ids = [representation.start_id]
    if config.keeps_primer:  # up to the first choice
        grammar = _read(representation.grammar(conditions), np.array(ids))
        while not grammar.ended and len(only := np.flatnonzero(grammar.allowed_mask())) == 1:
            ids.append(int(only[0]))
            grammar.advance(ids[-1])
    if primer is not None:
        primer_ids = representation.primer(primer, conditions)
        ids = ids if config.keeps_primer else primer_ids.tolist()
    id_limit = len(primer_ids) + IDS_PER_BAR * (4 + announced)
    loop_bars = bars if config.loop else None
    return Beginning(conditions, np.array(ids, dtype=np.int32), primer_ids, id_limit, loop_bars)


def _with_primer(conditions: Conditions, config: ComposeConfig, primer: Score) -> Conditions:
    """Return the conditions with the primer's tempo and meter, if a length in seconds needs them."""
    if (quarters := primer.end // primer.ticks_per_quarter) > LONGEST_PRIMER:
        raise ConfigError(f"the primer is {quarters} quarters long, allowed are {LONGEST_PRIMER}")
    meters = {(m.numerator, m.denominator) for m in primer.meters} or {DEFAULT_METER}
    if conditions.meter and meters != {conditions.meter}:
        names = ", ".join(f"{numerator}/{denominator}" for numerator, denominator in sorted(meters))
        raise ConfigError(f"meter {config.meter} contradicts the primer, which is in {names}")
    if config.seconds is None:
        return conditions
    meter = next(((m.numerator, m.denominator) for m in reversed(primer.meters)), DEFAULT_METER)
    tempo = next((t.quarters_per_minute for t in reversed(primer.tempos)), DEFAULT_TEMPO)
    return replace(conditions, meter=meter, quarters_per_minute=conditions.quarters_per_minute or tempo)


def _with_length(conditions: Conditions, config: ComposeConfig, primer_bars: int) -> Conditions:
    """Return the conditions with the length in bars, and with the meter and tempo that a length in seconds needs."""
    if config.seconds is not None:
        meter = conditions.meter or DEFAULT_METER
        tempo = conditions.quarters_per_minute or DEFAULT_TEMPO
        bars = max(1, round(config.seconds * tempo / 60 * meter[1] / 4 / meter[0]))
        conditions = replace(conditions, meter=meter, quarters_per_minute=tempo)
        asked = f"seconds {config.seconds:g}, about {counted(bars, 'bar')}"
    elif config.notes is not None:
        bars = primer_bars + DEFAULT_BARS + config.notes // 2  # ample: the notes decide
        asked = f"notes {config.notes}"
    else:
        default = len(conditions.chords) if conditions.chords else DEFAULT_BARS
        after = max(default, primer_bars and primer_bars + BARS_AFTER_PRIMER)
        bars = config.bars or (primer_bars if config.keeps_primer else after)
        if config.form:
            bars = form_bars(config.form, config.bars)
        asked = f"bars {bars}"
    if bars < primer_bars:
        raise ConfigError(f"{asked}: the primer alone has {counted(primer_bars, 'bar')}")
    return replace(conditions, bars=bars)


def _read(grammar: GrammarState, ids: Ids) -> GrammarState:
    for token in ids.tolist():
        grammar.advance(token)
    return grammar

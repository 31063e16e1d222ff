"""Before the first step: from the wishes of a call to what all its pieces share (`Beginning`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ritornello.errors import ConfigError
from ritornello.generation.config import DEFAULT_BARS, ComposeConfig
from ritornello.generation.given import check_given, form_bars, make_given
from ritornello.generation.wishes import check_wishes
from ritornello.representations.base import Cursor, Ids, Plan, Representation
from ritornello.score import Score

BARS_AFTER_PRIMER = 16  # at least, where no length is asked for
LONGEST_PRIMER = 10_000  # in quarters
DEFAULT_TEMPO = 120.0  # where seconds are asked for and no tempo
DEFAULT_METER = (4, 4)
IDS_PER_BAR = 512  # a piece that needs more on the average is brought to its end


@dataclass(frozen=True)
class Beginning:
    """What all pieces of a call share: the plan, the ids already known, how many ids are too many, and the bars after
    which a loop is cut (None: it is no loop)."""

    plan: Plan
    ids: Ids
    id_limit: int
    loop_bars: int | None = None


def begin(
    representation: Representation, config: ComposeConfig, primer: Score | None, seed: int
) -> Beginning:
    """Return how the pieces of a call begin. ConfigError for wishes that contradict each other or the primer."""
    check_wishes(representation, config, primer)
    check_given(representation, config, primer)
    plan = Plan(None, config.tempo, config.meter_pair, config.programs, config.chord_bars)
    plan = replace(plan, density=config.density, pitch_classes=config.pitch_classes)
    primer_ids, primer_bars, primer_notes = np.empty(0, dtype=np.int32), 0, 0
    if primer is not None:
        plan = _suit_primer(plan, config, primer)
        primer_ids = representation.primer(primer, plan)
        known = _follow(representation.cursor(plan), primer_ids)
        primer_bars, primer_notes = known.place[0] + 1, known.notes
    if config.notes is not None and config.notes <= primer_notes:
        raise ConfigError(f"notes {config.notes}: the primer alone has {primer_notes}")
    plan = _plan_length(plan, config, primer_bars)
    bars = plan.bars or DEFAULT_BARS
    given = make_given(config, primer, primer_bars, bars, seed)
    announced = bars if given is None else max(bars, *given.returns, 0) + (1 if config.loop else 0)
    plan = replace(plan, given=given, bars=announced)
    return Beginning(
        plan,
        _first_ids(representation, config, plan, primer),
        len(primer_ids) + IDS_PER_BAR * (4 + announced),
        bars if config.loop else None,
    )


def _first_ids(
    representation: Representation, config: ComposeConfig, plan: Plan, primer: Score | None
) -> Ids:
    """Return the ids before the first that has to be chosen: those of the primer, or those that what is given leaves
    no choice of."""
    if primer is not None and not config.keeps_primer:
        return representation.primer(primer, plan)
    ids = [representation.start_id]
    if config.keeps_primer:
        cursor = _follow(representation.cursor(plan), np.array(ids))
        while not cursor.ended and len(only := np.flatnonzero(cursor.allowed())) == 1:
            ids.append(int(only[0]))
            cursor.push(ids[-1])
    return np.array(ids, dtype=np.int32)


def _suit_primer(plan: Plan, config: ComposeConfig, primer: Score) -> Plan:
    """Return the plan with the primer's tempo and meter, as far as a length in seconds needs them."""
    if (quarters := primer.end // primer.ticks_per_quarter) > LONGEST_PRIMER:
        raise ConfigError(f"the primer is {quarters} quarters long, allowed are {LONGEST_PRIMER}")
    meters = {(m.numerator, m.denominator) for m in primer.meters} or {DEFAULT_METER}
    if plan.meter and meters != {plan.meter}:
        names = ", ".join(f"{numerator}/{denominator}" for numerator, denominator in sorted(meters))
        raise ConfigError(f"meter {config.meter} contradicts the primer, which is in {names}")
    if config.seconds is None:
        return plan
    meter = next(((m.numerator, m.denominator) for m in reversed(primer.meters)), DEFAULT_METER)
    tempo = next((t.quarters_per_minute for t in reversed(primer.tempos)), DEFAULT_TEMPO)
    return replace(plan, meter=meter, quarters_per_minute=plan.quarters_per_minute or tempo)


def _plan_length(plan: Plan, config: ComposeConfig, primer_bars: int) -> Plan:
    """Return the plan with the length in bars; where seconds are asked for, with the tempo and meter they need."""
    if config.seconds is not None:
        meter = plan.meter or DEFAULT_METER
        tempo = plan.quarters_per_minute or DEFAULT_TEMPO
        bars = max(1, round(config.seconds * tempo / 60 * meter[1] / 4 / meter[0]))
        plan = replace(plan, meter=meter, quarters_per_minute=tempo)
        asked = f"seconds {config.seconds:g}, about {bars} bars"
    elif config.notes is not None:
        bars = primer_bars + DEFAULT_BARS + config.notes // 2  # ample: the notes decide
        asked = f"notes {config.notes}"
    else:
        bars = _bars_asked(plan, config, primer_bars)
        asked = f"bars {bars}"
    if bars < primer_bars:
        raise ConfigError(f"{asked}: the primer alone has {primer_bars} bars")
    return replace(plan, bars=bars)


def _bars_asked(plan: Plan, config: ComposeConfig, primer_bars: int) -> int:
    if config.form:
        return form_bars(config.form, config.bars)
    default = len(plan.chords) if plan.chords else DEFAULT_BARS
    after = max(default, primer_bars and primer_bars + BARS_AFTER_PRIMER)
    return config.bars or (primer_bars if config.keeps_primer else after)


def _follow(cursor: Cursor, ids: Ids) -> Cursor:
    for token in ids.tolist():
        cursor.push(token)
    return cursor

"""Preparation: from the settings of a call to what all its pieces share (`Beginning`)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from ritornello.config import DEFAULT_BARS
from ritornello.errors import ConfigError, counted
from ritornello.generation.asked import settle_meter
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints.fixed_notes import form_bars, make_fixed_notes
from ritornello.generation.heard import before_bar_lines, step_of
from ritornello.representations.base import Conditions, FixedNotes, GrammarState, Ids, Representation
from ritornello.score import Meter, Score, Tempo, seconds_to_ticks
from ritornello.theory import DRUMS

BARS_AFTER_PRIMER = 16  # at least, unless a length is given
LONGEST_PRIMER = 10_000  # quarters
DEFAULT_TEMPO = 120.0  # quarters a minute, where a length in seconds needs one
DEFAULT_METER = (4, 4)
IDS_PER_BAR = 512  # a piece with more on average is brought to its end


@dataclass(frozen=True)
class Beginning:
    """What all pieces of a call share.

    ids: those before the first that is chosen. given_ids: the primer, as the model reads it. id_limit: a piece with so
    many is brought to its end. loop_bars: the bars after which a loop is cut, None if the pieces are no loops. bars:
    the length asked for, None if there is none.
    """

    conditions: Conditions
    ids: Ids
    given_ids: Ids
    id_limit: int
    loop_bars: int | None = None
    bars: int | None = None


def begin(
    representation: Representation, config: ComposeConfig, primer: Score | None, seed: int
) -> Beginning:
    """Return the beginning of a call. Raises ConfigError for settings that contradict each other or the primer."""
    conditions = Conditions(
        None,
        config.tempo,
        settle_meter(representation, config.meter_pair),
        config.programs,
        config.chord_bars,
        config.key_signature,
        config.density,
        config.pitch_classes,
    )
    primer_ids, primer_bars, primer_notes = np.empty(0, dtype=np.int32), 0, 0
    if primer is not None:
        conditions = _with_primer(representation, conditions, config, primer)
        if config.keeps_primer:
            conditions = replace(conditions, fixed_notes=FixedNotes(primer))
        primer_ids = representation.primer(primer, conditions)
        after = _read(representation.grammar(replace(conditions, fixed_notes=None)), primer_ids)
        primer_bars, primer_notes = after.place[0] + 1, after.notes
    if config.notes is not None and config.notes <= primer_notes:
        raise ConfigError(
            f"notes {config.notes}: the primer alone has {counted(primer_notes, 'note')}; give more"
        )
    is_in_seconds = representation.tokens.quarters_per_minute is not None
    if config.notes is not None and (added := _added(config, primer)) > config.notes - primer_notes:
        given = f" beside the primer's {primer_notes}" if primer_notes else ""
        raise ConfigError(
            f"notes {config.notes}: {counted(added, 'instrument')} are to play{given}; give more notes"
        )
    conditions = _with_length(conditions, config, None if is_in_seconds else primer, primer_bars)
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
    asks_bars = bool(config.bars or config.sections or (config.seconds and not is_in_seconds))
    return Beginning(
        conditions,
        np.array(ids, dtype=np.int32),
        primer_ids,
        id_limit,
        bars if config.loop else None,
        bars if asks_bars else None,
    )


def with_form(beginning: Beginning, config: ComposeConfig, seed: int) -> Beginning:
    """Return the beginning of a call for a piece without a primer in the form of `config`; ConfigError if the chords
    contradict it."""
    conditions = beginning.conditions
    fixed = make_fixed_notes(config, None, 0, conditions.bars or DEFAULT_BARS, seed)
    return replace(beginning, conditions=replace(conditions, fixed_notes=fixed), bars=conditions.bars)


def _added(config: ComposeConfig, primer: Score | None) -> int:
    """Return how many of the instruments asked for the primer lacks."""
    tracks = [track for track in (primer.tracks if primer else ()) if len(track.notes)]
    given = Counter(DRUMS if track.is_drum else track.program for track in tracks)
    return (Counter(config.programs or ()) - given).total()


def _with_primer(
    representation: Representation, conditions: Conditions, config: ComposeConfig, primer: Score
) -> Conditions:
    """Return the conditions with the primer's tempo and meter, where a length in seconds or a time in seconds needs
    them."""
    if (quarters := primer.end // primer.ticks_per_quarter) > LONGEST_PRIMER:
        raise ConfigError(f"the primer is {quarters} quarters long, allowed are {LONGEST_PRIMER}")
    is_in_seconds = representation.tokens.quarters_per_minute is not None
    if config.seconds is None and not is_in_seconds:
        return conditions
    if is_in_seconds and config.bars and len({*primer.tempos[1:], *primer.meters[1:]}) > 0:
        raise ConfigError(
            f"bars {config.bars}: the primer changes its tempo or meter, and this model counts seconds; give seconds"
        )
    meter = next(((m.numerator, m.denominator) for m in reversed(primer.meters)), DEFAULT_METER)
    tempos = [tempo.quarters_per_minute for tempo in primer.tempos] or [DEFAULT_TEMPO]
    tempo = tempos[-1] if is_in_seconds else tempos[0]  # the first one is in the header
    return replace(
        conditions,
        meter=settle_meter(representation, meter),
        quarters_per_minute=conditions.quarters_per_minute or tempo,
    )


def _with_length(
    conditions: Conditions, config: ComposeConfig, primer: Score | None, primer_bars: int
) -> Conditions:
    """Return the conditions with the length in bars, and with the meter and tempo that a length in seconds needs."""
    if config.seconds is not None:
        meter = conditions.meter or DEFAULT_METER
        tempo = conditions.quarters_per_minute or DEFAULT_TEMPO
        bars = bars_of_seconds(config.seconds, tempo, meter, primer)
        conditions = replace(conditions, meter=meter, quarters_per_minute=tempo)
        asked = f"seconds {config.seconds:g}, about {counted(bars, 'bar')}"
    elif config.notes is not None:
        bars = primer_bars + DEFAULT_BARS + config.notes // 2  # ample: the notes decide
        asked = f"notes {config.notes}"
    else:
        default = len(conditions.chords) if conditions.chords else DEFAULT_BARS
        after = max(default, primer_bars and primer_bars + BARS_AFTER_PRIMER)
        bars = config.bars or (primer_bars if config.keeps_primer else after)
        if config.sections:
            bars = form_bars(config.sections, config.bars)
        asked = f"bars {bars}"
    if bars < primer_bars:
        raise ConfigError(f"{asked}: the primer alone has {counted(primer_bars, 'bar')}; give at least that")
    return replace(conditions, bars=bars)


def bars_of_seconds(
    seconds: float, quarters_per_minute: float, meter: tuple[int, int], primer: Score | None
) -> int:
    """Return the number of bars, at least 1, whose end is nearest to `seconds`: at this tempo and meter, or at those of
    the primer and from its end on at its last."""
    ticks, length = 480, Meter(0, *meter).bar_ticks(480)
    tempos = (Tempo.from_quarters_per_minute(0, quarters_per_minute),)
    whole = Score(ticks, tempos=tempos, meters=(Meter(0, *meter),))
    if primer is not None:
        given = primer.resampled(ticks)
        whole = replace(whole, tempos=given.tempos or tempos, meters=given.meters or whole.meters)
        length = whole.meters[-1].bar_ticks(ticks)
    end = int(seconds_to_ticks(whole, seconds))
    edges = whole.bar_starts(end + 2 * length)
    return max(1, int(np.abs(edges - end).argmin()))


def _read(grammar: GrammarState, ids: Ids) -> GrammarState:
    for token in ids.tolist():
        grammar.advance(token)
    return grammar

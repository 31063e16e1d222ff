"""What is asked of a piece, written into its score and compared with it.

The ids of a model have tempos in steps, and some have none; a piece has the tempo that is asked for. It is set by
`settle_primer` and `written`, with the meter and the key. `missed` compares the finished score with what was asked: a
difference is a fault of this library, or one that `faithful` reproduces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ritornello.errors import ConfigError
from ritornello.generation.config import ComposeConfig
from ritornello.representations.base import Representation
from ritornello.representations.grids import known_meter
from ritornello.score import (
    DEFAULT_MICROSECONDS_PER_QUARTER,
    Event,
    Key,
    Meter,
    Score,
    Tempo,
    Track,
    seconds_to_ticks,
    ticks_to_seconds,
)
from ritornello.theory import DRUMS, instrument_name, key_name

# --- before the first step ------------------------------------------------------------------------------------


def settle_primer(representation: Representation, config: ComposeConfig, primer: Score) -> Score:
    """Return `primer` at the tempo of `config`, with its changes in proportion, and in whole bars where the model knows
    no others.

    Raises ConfigError for meters that the model lacks or that contradict that of `config`, and for irregular bars.
    """
    name = config.meter or ""
    meters = {meter.actual(primer.ticks_per_quarter) for meter in primer.meters} or {(4, 4)}
    if config.meter_pair and meters != {config.meter_pair}:
        names = ", ".join(f"{numerator}/{denominator}" for numerator, denominator in sorted(meters))
        raise ConfigError(f"meter {name} contradicts the primer, which is in {names}")
    for meter in sorted(meters):
        settle_meter(representation, meter, "the primer has the meter")
    if config.key_signature and primer.keys:
        fifths, minor = primer.keys[0].fifths, primer.keys[0].minor
        if (fifths % 12, minor) != (config.key_signature[0] % 12, config.key_signature[1]):
            raise ConfigError(
                f"key {config.key} contradicts the primer, which is in {key_name(fifths, minor)}"
            )
    if representation.meters and not representation.changes_meter:
        primer = _in_whole_bars(primer)
    return primer if config.tempo is None else _at_tempo(primer, config.tempo)


def settle_meter(
    representation: Representation, meter: tuple[int, int] | None, what: str = "meter"
) -> tuple[int, int] | None:
    """Return the meter in which a piece in `meter` is composed; see `grids.known_meter`. ConfigError if the model has
    none."""
    if meter is None or not representation.meters:
        return meter
    known = known_meter(representation.meters, meter)
    if known is None:
        names = ", ".join(f"{a}/{b}" for a, b in sorted(representation.meters, key=lambda m: (m[1], m[0])))
        raise ConfigError(f"{what} {meter[0]}/{meter[1]}: this model knows {names}")
    return known


def _at_tempo(score: Score, quarters_per_minute: float) -> Score:
    """Return `score` with this tempo at its beginning, and its later tempos in proportion."""
    first = Tempo.from_quarters_per_minute(0, quarters_per_minute)
    tempos = _whole(score.tempos, Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER))
    return replace(score, tempos=(first, *_in_proportion(tempos[1:], tempos[0], first)))


def _in_proportion(tempos: Iterable[Tempo], of: Tempo, to: Tempo) -> list[Tempo]:
    """Return `tempos` as much faster as `to` is than `of`."""
    share = to.microseconds_per_quarter / of.microseconds_per_quarter
    return [
        replace(each, microseconds_per_quarter=max(1, round(each.microseconds_per_quarter * share)))
        for each in tempos
    ]


def _in_whole_bars(primer: Score) -> Score:
    """Return `primer` with a rest before a pickup, so that its first bar is whole. ConfigError for a change of meter,
    and for other irregular bars."""
    edges = primer.bars.edges.tolist()
    if len({meter.actual(primer.ticks_per_quarter) for meter in primer.meters}) > 1:
        raise ConfigError("the primer changes its meter, and this model cannot; give the part in one meter")
    whole = (primer.meters or (Meter(0, 4, 4),))[0].bar_ticks(primer.ticks_per_quarter)
    lengths = [stop - start for start, stop in pairwise(edges)]
    odd = [bar for bar, length in enumerate(lengths[1:-1], start=2) if length != whole]
    if odd or lengths[0] > whole:
        raise ConfigError(
            f"bar {(odd or [1])[0]} of the primer is irregular, and this model knows only whole bars"
        )
    return _delayed(primer, whole - lengths[0]) if len(lengths) > 1 and lengths[0] < whole else primer


def _delayed(score: Score, ticks: int) -> Score:
    """Return `score` so much later; tempo, meter and key of its beginning hold from tick 0."""

    def moved(track: Track) -> Track:
        notes, controls = track.notes.copy(), track.controls.copy()
        notes["start"] += ticks
        controls["tick"] += ticks
        texts = tuple(replace(text, tick=text.tick + ticks) for text in track.texts)
        return replace(track, notes=notes, controls=controls, texts=texts)

    return replace(
        score,
        tracks=tuple(map(moved, score.tracks)),
        tempos=_moved(score.tempos, ticks),
        meters=_moved(score.meters[:1], 0),
        keys=_moved(score.keys, ticks),
        texts=tuple(replace(text, tick=text.tick + ticks) for text in score.texts),
    )


# --- after the last step --------------------------------------------------------------------------------------


def written(
    score: Score,
    representation: Representation,
    config: ComposeConfig,
    given: Score | None,
    bars: int | None,
) -> Score:
    """Return a score with the tempo, the meter and the key that are asked for, and of `bars` bars (None: any number).

    `score` is a decoded one, or what `merge_given` made of it and of the primer of `settle_primer`, which has its own
    tempo and meter.
    """
    since = 0
    if given is None:
        if config.meter_pair:
            score = replace(score, meters=(Meter(0, *config.meter_pair),))
        if config.tempo is not None:
            own = _whole(score.tempos, Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER))
            first = Tempo.from_quarters_per_minute(0, config.tempo)
            tempos = (first, *_in_proportion(own[1:], own[0], first))
            is_in_seconds = representation.tokens.quarters_per_minute is not None
            score = _in_real_time(score, tempos) if is_in_seconds else replace(score, tempos=tempos)
    else:
        finer = score.ticks_per_quarter // given.ticks_per_quarter
        since = (given.end if config.keeps_primer else _last_onset(given)) * finer + 1
    if config.signature is not None:
        score = replace(score, keys=(Key(0, *config.signature),))
    return score if bars is None else _lasting(score, bars, since)


def _whole(events: Sequence[Tempo], default: Tempo) -> list[Tempo]:
    """Return tempos from tick 0 on, with the default before the first."""
    return [*events] if events and events[0].tick == 0 else [default, *events]


def _moved(events: Sequence[Event], ticks: int) -> tuple[Event, ...]:
    """Return events `ticks` later; what is in force at the beginning is so from tick 0 on."""
    moved: dict[int, Event] = {}
    for each in events:
        tick = max(0, each.tick + ticks) if each.tick else 0
        moved[tick] = replace(each, tick=tick)
    return tuple(moved.values())


def _last_onset(score: Score) -> int:
    return max((int(track.notes["start"].max(initial=0)) for track in score.tracks), default=0)


def _in_real_time(score: Score, tempos: Sequence[Tempo]) -> Score:
    """Return `score` with other tempos, and its notes at the same seconds."""
    target = replace(score, tempos=tuple(tempos))

    def moved(track: Track) -> Track:
        notes = track.notes.copy()
        ends = seconds_to_ticks(target, ticks_to_seconds(score, notes["start"] + notes["duration"]))
        notes["start"] = seconds_to_ticks(target, ticks_to_seconds(score, notes["start"]))
        notes["duration"] = ends - notes["start"]
        return replace(track, notes=notes)

    return replace(target, tracks=tuple(map(moved, score.tracks)))


def _lasting(score: Score, bars: int, since: int = 0) -> Score:
    """Return `score` in so many bars: notes from tick `since` on end by the last bar line, and a meter change marks it
    if the last bar or more of them are silent."""
    meter = (score.meters or (Meter(0, 4, 4),))[-1]
    edges = score.bars.edges
    if (more := bars - (len(edges) - 1)) > 0:
        end = int(edges[-1]) + more * meter.bar_ticks(score.ticks_per_quarter)
        return replace(score, meters=(*score.meters, replace(meter, tick=end)))
    end = int(edges[bars])

    def cut(track: Track) -> Track:
        notes = track.notes.copy()
        composed = (notes["start"] >= since) & (notes["start"] < end)
        left = np.where(composed, end - notes["start"], notes["duration"])
        notes["duration"] = np.minimum(notes["duration"], left)
        return replace(track, notes=notes)

    return replace(score, tracks=tuple(map(cut, score.tracks)))


def missed(
    score: Score,
    representation: Representation,
    config: ComposeConfig,
    primer: Score | None,
    bars: int | None,
) -> dict[str, str]:
    """Return what was asked and is not so in a finished score, by the name of the setting, with what it has instead.

    Constraints that gave way are counted while the piece is composed.
    """
    found: dict[str, str] = {}
    first = score.first_tempo.microseconds_per_quarter
    if config.tempo and first != Tempo.from_quarters_per_minute(0, config.tempo).microseconds_per_quarter:
        found["tempo"] = f"{60e6 / first:g}"
    meters = {(meter.numerator, meter.denominator) for meter in score.meters}
    if config.meter_pair and meters != {config.meter_pair}:
        found["meter"] = ", ".join(f"{a}/{b}" for a, b in sorted(meters))
    is_accompanied = representation.plays_over_chords  # a solo has an accompaniment that is not asked for
    has = Counter(DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes))
    if silent := Counter(config.programs or ()) - has:
        found["instruments"] = f"{', '.join(map(instrument_name, silent))} not playing"
    elif (
        config.programs and primer is None and not is_accompanied and (more := has - Counter(config.programs))
    ):
        found["instruments"] = f"{', '.join(map(instrument_name, more))} too"
    count = len(score.bar_starts(_last_onset(score) + 1))
    if bars is not None and count > bars:
        found["bars"] = str(count)
    if config.notes is not None and score.note_count != config.notes:
        found["notes"] = str(score.note_count)
    return found

"""`Score` -> ids, on whole columns at once.

1. Notes of all parts are put on the grid, into voices, and in order: onset, voice, pitch.
2. Every event gets a sort key: its time, its rank at that time (shift, meter, tempo, notes), and its place
   within the rank. A note is followed by its velocity and its duration only where they differ from those of
   the note before in the same voice; drums have no duration.
3. One sort by key gives the ids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints
from ritornello.representations.base import Ids
from ritornello.representations.grids import (
    DURATIONS,
    NEVER,
    SHIFTS,
    STEPS_PER_QUARTER,
    TEMPOS,
    fold_into_range,
    nearest,
    without_doubles,
)
from ritornello.representations.multitrack.vocabulary import (
    LENGTH_LIMIT,
    VELOCITY_STEP,
    Kind,
    Vocabulary,
    parts_of,
)
from ritornello.score import Notes, Score, end_at_restrike, make_notes, ticks_to_seconds
from ritornello.theory import instrument_name

FIRST_VELOCITY = 80 // VELOCITY_STEP
"""The velocity bin that a voice begins with."""

FIRST_DURATION = int(np.searchsorted(DURATIONS, STEPS_PER_QUARTER))
"""The duration (number in DURATIONS) that a voice begins with: a quarter."""

_RANK_SHIFT, _RANK_METER, _RANK_TEMPO, _RANK_NOTES = range(4)


@dataclass(frozen=True)
class GridNotes:
    """The notes of a piece in order, as columns: step of onset, voice, pitch, number of duration, velocity bin."""

    start: Ints
    voice: Ints
    pitch: Ints
    duration: Ints
    velocity: Ints


@dataclass(frozen=True)
class Arrangement:
    """A piece as a vocabulary can say it, before it is put into ids.

    meters: (step, number of the meter) of each change, the first at 0. bars: the first step of each bar up to the
    one of the last onset; tempos: its number in TEMPOS, at least one. instruments: by voice, the ids of the header.
    """

    notes: GridNotes
    meters: list[tuple[int, int]]
    bars: Ints
    tempos: Ints
    instruments: dict[int, int]


def arrange(vocabulary: Vocabulary, score: Score) -> Arrangement:
    """Return `score` on the grid, in voices."""
    score = score.resampled(STEPS_PER_QUARTER)
    parts = parts_of(score)
    voices = vocabulary.voices_of(program for program, _ in parts)
    notes = _collect_notes(vocabulary, [track.notes for _, track in parts], voices)
    last = int(notes.start[-1]) if len(notes.start) else 0
    meters = _grid_meters(vocabulary, score, last)
    bars, lengths = _bars(vocabulary, meters, last)
    instruments: dict[int, int] = {}  # parts that share a voice take the first one's program
    for voice, (_, track) in zip(voices, parts, strict=True):
        instruments.setdefault(voice, vocabulary.instrument_id(voice, track.program))
    return Arrangement(notes, meters, bars, _bar_tempos(score, bars, lengths), instruments)


def encode(vocabulary: Vocabulary, score: Score) -> Ids:
    """Return the ids of `score`."""
    piece = arrange(vocabulary, score)
    bar_of_note = np.searchsorted(piece.bars, piece.notes.start, side="right") - 1
    tempo = int(piece.tempos[bar_of_note[0] if len(bar_of_note) else 0])
    header = _header(vocabulary, piece, tempo)
    body = _body(vocabulary, piece, bar_of_note) if len(bar_of_note) else np.empty(0)
    return np.concatenate([header, body, [vocabulary.end]], dtype=np.int32, casting="unsafe")


def substitutions(vocabulary: Vocabulary, score: Score) -> tuple[str, ...]:
    """Return a line for each part that another instrument stands for, that shares a voice, or that is moved."""
    parts = parts_of(score)
    voices = vocabulary.voices_of(program for program, _ in parts)
    lines = []
    for number, ((_, track), voice) in enumerate(zip(parts, voices, strict=True)):
        name = instrument_name(track.program, track.is_drum)
        other = vocabulary.instrument_name(voice, track.program)
        pitch = track.notes["pitch"]
        outside = (pitch < vocabulary.low[voice]) | (pitch > vocabulary.high[voice])
        if other != name:
            lines.append(f"{name}: this model does not know it, {other} stands for it")
        if voice in voices[:number]:
            lines.append(f"{name}: the model has no further part of this kind, it joins the one before")
        if outside.any():
            lines.append(
                f"{name}: {int(outside.sum())} notes that the model has no pitch for are moved by octaves"
            )
    return tuple(dict.fromkeys(lines))


def _header(vocabulary: Vocabulary, piece: Arrangement, tempo: int) -> list[int]:
    """Return the ids of the header in the order of their blocks, which is the order of the grammar."""
    length = min(len(piece.bars), LENGTH_LIMIT)
    header = [
        vocabulary.start,
        vocabulary.id_of(Kind.LENGTH_HIGH, length >> 4),
        vocabulary.id_of(Kind.LENGTH_LOW, length & 15),
        vocabulary.id_of(Kind.METER, piece.meters[0][1]),
        vocabulary.id_of(Kind.TEMPO, tempo),
    ]
    return [*header, *sorted(piece.instruments.values())]


def _collect_notes(vocabulary: Vocabulary, columns: list[Notes], voices: list[int]) -> GridNotes:
    """Return all notes on the grid, in order, without doubles, none sounding into the next of its pitch."""
    notes = np.concatenate([make_notes(), *columns])
    voice = np.repeat(np.array(voices, dtype=np.int64), [len(column) for column in columns])
    pitch = fold_into_range(notes["pitch"].astype(np.int64), vocabulary.low[voice], vocabulary.high[voice])
    duration = np.maximum(notes["duration"], 1)
    kept = without_doubles(notes["start"], notes["start"] + duration, voice * 128 + pitch)
    start, voice, pitch, duration = notes["start"][kept], voice[kept], pitch[kept], duration[kept]
    velocity = np.clip(notes["velocity"][kept], 1, 127).astype(np.int64) // VELOCITY_STEP
    gap = end_at_restrike(start, np.full_like(start, NEVER), voice * 128 + pitch) - start
    return GridNotes(start, voice, pitch, _nearest_duration(duration, gap), velocity)


def _nearest_duration(duration: Ints, gap: Ints) -> Ints:
    longest = np.searchsorted(DURATIONS, gap, side="right") - 1
    return np.minimum(nearest(DURATIONS, np.minimum(duration, gap)), longest)


def _grid_meters(vocabulary: Vocabulary, score: Score, last: int) -> list[tuple[int, int]]:
    """Return (step, number of the meter) of each change up to the step `last`; the first is at 0."""
    meters = {0: vocabulary.nearest_meter(4, 4)}
    for m in score.meters:
        if m.tick <= last or m.tick == 0:
            meters[m.tick] = vocabulary.nearest_meter(m.numerator, m.denominator)
    result: list[tuple[int, int]] = []
    for step, meter in sorted(meters.items()):
        if result:
            since, before = result[-1]
            if meter == before and (step - since) % vocabulary.bar_steps[meter] == 0:
                continue  # says nothing new
        result.append((step, meter))
    return result


def _bars(vocabulary: Vocabulary, meters: list[tuple[int, int]], last: int) -> tuple[Ints, Ints]:
    """Return the first step and the length in steps of each bar up to the one with the step `last`."""
    edges = [step for step, _ in meters[1:]] + [last + 1]
    starts = [
        np.arange(step, edge, vocabulary.bar_steps[meter])
        for (step, meter), edge in zip(meters, edges, strict=True)
    ]
    lengths = np.repeat([vocabulary.bar_steps[meter] for _, meter in meters], [len(part) for part in starts])
    bars = np.concatenate(starts)
    lengths[:-1] = np.diff(bars)
    return bars, lengths


def _bar_tempos(score: Score, bars: Ints, lengths: Ints) -> Ints:
    """Return the number in TEMPOS of each bar's mean tempo."""
    seconds = ticks_to_seconds(score, bars + lengths) - ticks_to_seconds(score, bars)
    quarters_per_minute = 60 * lengths / STEPS_PER_QUARTER / np.maximum(seconds, 1e-9)
    # Means come from sums of floats: without rounding, a tempo halfway between two entries could tip over.
    return nearest(TEMPOS, np.round(quarters_per_minute, 3))


def _body(vocabulary: Vocabulary, piece: Arrangement, bar_of_note: Ints) -> Ints:
    """Return the ids between header and end."""
    notes, meters = piece.notes, piece.meters[1:]
    first_in_bar = np.concatenate([[0], np.flatnonzero(np.diff(bar_of_note)) + 1])
    bar_tempos = piece.tempos[bar_of_note[first_in_bar]]
    changed = np.flatnonzero(np.diff(bar_tempos)) + 1
    meter_steps = np.array([step for step, _ in meters], dtype=np.int64)
    meter_ids = np.array([meter for _, meter in meters], dtype=np.int64) + vocabulary.first[Kind.METER]
    tempo_steps = notes.start[first_in_bar[changed]]
    tempo_ids = bar_tempos[changed] + vocabulary.first[Kind.TEMPO]
    note_steps, note_ids = _note_ids(vocabulary, notes)
    shift_steps, shift_ids = _shift_ids(vocabulary, np.concatenate([meter_steps, notes.start]))
    blocks = [
        (shift_steps, shift_ids),
        (meter_steps, meter_ids),
        (tempo_steps, tempo_ids),
        (note_steps, note_ids),
    ]
    steps = np.concatenate([step for step, _ in blocks])
    rank = np.repeat(np.arange(len(blocks)), [len(step) for step, _ in blocks])
    ids = np.concatenate([part for _, part in blocks])
    return ids[np.lexsort((rank, steps))]  # lexsort is stable: within a rank, the order stays


def _note_ids(vocabulary: Vocabulary, notes: GridNotes) -> tuple[Ints, Ints]:
    """Return (step, id) of every note, each followed by the modifiers it needs."""
    is_drum = vocabulary.is_drum[notes.voice]
    new_velocity = _differs(notes.velocity, notes.voice, FIRST_VELOCITY)
    new_duration = _differs(notes.duration, notes.voice, FIRST_DURATION) & ~is_drum
    ids = np.stack(
        [
            vocabulary.note_ids(notes.voice, notes.pitch),
            vocabulary.first[Kind.VELOCITY] + notes.velocity,
            vocabulary.first[Kind.DURATION] + notes.duration,
        ],
        axis=1,
    )
    present = np.stack([np.ones(len(ids), dtype=bool), new_velocity, new_duration], axis=1)
    return np.repeat(notes.start, present.sum(axis=1)), ids[present]


def _differs(values: Ints, voice: Ints, first: int) -> NDArray[np.bool_]:
    """Whether each value differs from the one before in its voice, which is `first` at the beginning."""
    order = np.argsort(voice, kind="stable")
    in_order, voices = values[order], voice[order]
    before = np.concatenate([[first], in_order[:-1]])
    before[np.concatenate([[True], np.diff(voices) != 0])] = first
    result = np.empty(len(values), dtype=bool)
    result[order] = in_order != before
    return result


def _shift_ids(vocabulary: Vocabulary, steps: Ints) -> tuple[Ints, Ints]:
    """Return (step at which it ends, id) of the shifts that lead to each of `steps`, greatest first."""
    times = np.unique(steps)
    rest = np.diff(times, prepend=0)
    ends, ids = [], []
    while (moving := rest > 0).any():
        times, rest = times[moving], rest[moving]
        number = np.searchsorted(SHIFTS, rest, side="right") - 1
        ends.append(times)
        ids.append(number + vocabulary.first[Kind.SHIFT])
        rest = rest - SHIFTS[number]
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *ends]), np.concatenate([none, *ids])

"""Encoding of `multitrack`: `Score` -> ids, on whole columns at once.

1. Notes of all parts are put on the grid, into voices, and in order: onset, voice, pitch.
2. Every event gets a sort key: its time, its rank at that time (shift, meter, tempo, return, chord, notes), and its
   place within the rank. A note is followed by its velocity and its duration only where they differ from those of
   the note before in the same voice; drums have no duration.
3. One sort by key gives the ids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.arrays import Ints, Mask, run_edges, stable_order
from ritornello.representations.base import Ids
from ritornello.representations.grids import (
    DURATIONS,
    NEVER,
    SHIFTS,
    STEPS_PER_QUARTER,
    TEMPOS,
    fold_into_range,
    longest_duration,
    longest_shift,
    nearest,
    nearest_duration,
    without_doubles,
)
from ritornello.representations.multitrack.plan import chords_at, returns_of
from ritornello.representations.multitrack.vocabulary import LENGTH_LIMIT, VELOCITY_STEP, Vocabulary, parts_of
from ritornello.score import (
    NOTE,
    Meter,
    Score,
    Track,
    end_at_restrike,
    note_columns,
    rescaled,
    ticks_to_seconds,
)
from ritornello.sustain import sustained
from ritornello.theory import instrument_name

FIRST_VELOCITY = 80 // VELOCITY_STEP
"""The velocity bin that a voice begins with."""

FIRST_DURATION = int(np.searchsorted(DURATIONS, STEPS_PER_QUARTER))
"""The duration (number in DURATIONS) that a voice begins with: a quarter."""


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
    """A piece on the grid and in the voices of a vocabulary.

    entrances: by voice, the bar, from 0, of its first note.
    meters: (step, number of the meter) of each change, the first at 0. bars: the first step of each bar up to that of
    the last onset, at least one; tempos: the number in TEMPOS of each. instruments: by voice, the ids of the header.
    """

    notes: GridNotes
    meters: list[tuple[int, int]]
    bars: Ints
    tempos: Ints
    instruments: dict[int, int]
    entrances: dict[int, int]


def arrange(vocabulary: Vocabulary, score: Score) -> Arrangement:
    """Return `score` on the grid, in voices; notes last as long as the sustain pedal lets them sound."""
    parts = parts_of(sustained(score))
    voices = vocabulary.voices_of(program for program, _ in parts)
    notes = _collect_notes(vocabulary, [track for _, track in parts], voices, score.ticks_per_quarter)
    last = int(notes.start[-1]) if len(notes.start) else 0
    meters, bars, lengths = _bars(vocabulary, score, last)
    begin, end = ticks_to_seconds(score, np.stack([bars, bars + lengths]), STEPS_PER_QUARTER)
    quarters_per_minute = 60 * lengths / STEPS_PER_QUARTER / np.maximum(end - begin, 1e-9)
    # Means come from sums of floats: without rounding, a tempo halfway between two entries could tip over.
    tempos = nearest(TEMPOS, np.round(quarters_per_minute, 3))
    instruments: dict[int, int] = {}  # parts that share a voice take the first one's program
    for voice, (_, track) in zip(voices, parts, strict=True):
        instruments.setdefault(voice, vocabulary.instrument_id(voice, track.program))
    entering, first = np.unique(notes.voice, return_index=True)
    bar = np.searchsorted(bars, notes.start[first], side="right") - 1
    entrances = dict(zip(entering.tolist(), bar.tolist(), strict=True))
    return Arrangement(notes, meters, bars, tempos, instruments, entrances)


def encode(vocabulary: Vocabulary, score: Score) -> Ids:
    piece, first = arrange(vocabulary, score), vocabulary.tokens.first
    notes_before = np.searchsorted(piece.notes.start, piece.bars)
    bar_of_note = np.repeat(np.arange(len(piece.bars)), np.diff(notes_before, append=len(piece.notes.start)))
    length = min(len(piece.bars), LENGTH_LIMIT)
    header = [
        first["start"],
        first["length_high"] + (length >> 4),
        first["length_low"] + (length & 15),
        first["meter"] + piece.meters[0][1],
        first["tempo"] + piece.tempos[bar_of_note[0] if len(bar_of_note) else 0],
        *sorted(piece.instruments.values()),
    ]
    if vocabulary.config.entrances:  # of the instruments, in their order
        header += vocabulary.entrance_ids(
            [piece.entrances.get(voice, 0) for voice in sorted(piece.instruments)]
        ).tolist()
    body = _body(vocabulary, piece, bar_of_note) if len(bar_of_note) else np.empty(0)
    return np.concatenate([header, body, [first["end"]]], dtype=np.int32, casting="unsafe")


def substitutions(vocabulary: Vocabulary, score: Score) -> tuple[str, ...]:
    """Return a line for each part that is read as another instrument, in a shared voice, or with moved notes."""
    parts = parts_of(score)
    voices = vocabulary.voices_of(program for program, _ in parts)
    lines = []
    for number, ((_, track), voice) in enumerate(zip(parts, voices, strict=True)):
        name = instrument_name(track.program, track.is_drum)
        token = vocabulary.instrument_id(voice, track.program)
        _, near = vocabulary.instruments[vocabulary.tokens.value[token]]
        other = instrument_name(near, bool(vocabulary.is_drum[voice]))
        pitch = track.notes["pitch"]
        outside = (pitch < vocabulary.low[voice]) | (pitch > vocabulary.high[voice])
        if other != name:
            lines.append(f"{name}: the model does not know it, and hears {other} instead")
        if voice in voices[:number]:
            lines.append(
                f"{name}: the model has no further part of this kind, and hears it with the one before"
            )
        if count := int(outside.sum()):
            lines.append(
                f"{name}: beyond the pitches of the model, which hears {count} notes in another octave"
            )
    return tuple(dict.fromkeys(lines))


def _collect_notes(
    vocabulary: Vocabulary, tracks: list[Track], voices: list[int], ticks_per_quarter: int
) -> GridNotes:
    """Return all notes on the grid, in order, without doubles; each ends before the next of its pitch."""
    start, duration, struck, velocity = note_columns(tracks)
    start, end = (rescaled(each, ticks_per_quarter, STEPS_PER_QUARTER) for each in (start, start + duration))
    track = np.repeat(np.arange(len(tracks)), [len(each.notes) for each in tracks])
    voice = np.array(voices, dtype=np.int64)[track]
    pitch = fold_into_range(struck, vocabulary.low[voice], vocabulary.high[voice])
    key, duration = voice * 128 + pitch, np.maximum(end - start, 1)
    kept = without_doubles(start, start + duration, key, track, struck, end, velocity)
    start, voice, pitch, key, duration = start[kept], voice[kept], pitch[kept], key[kept], duration[kept]
    gap = end_at_restrike(start, np.full_like(start, NEVER), key) - start
    number = np.minimum(nearest_duration(np.minimum(duration, gap)), longest_duration(gap))
    return GridNotes(start, voice, pitch, number, np.clip(velocity[kept], 1, 127) // VELOCITY_STEP)


def _bars(vocabulary: Vocabulary, score: Score, last: int) -> tuple[list[tuple[int, int]], Ints, Ints]:
    """Return the meters of `score`, and the first step and the length of each bar, up to the one with step `last`.

    A meter is (step, number of the meter); the first is at 0.
    """
    wanted = {0: vocabulary.nearest_meter(4, 4)}
    for m in Score(score.ticks_per_quarter, meters=score.meters).resampled(STEPS_PER_QUARTER).meters:
        if m.tick <= last or m.tick == 0:
            wanted[m.tick] = vocabulary.nearest_meter(*m.actual(STEPS_PER_QUARTER))
    meters: list[tuple[int, int]] = []
    for step, meter in sorted(wanted.items()):
        since, before = meters[-1] if meters else (0, -1)
        if meter != before or (step - since) % vocabulary.bar_steps[meter]:
            meters.append((step, meter))
    steps, numbers = np.array(meters).T
    edges, bar_steps = [*steps[1:], last + 1], vocabulary.bar_steps[numbers]
    starts = [np.arange(*each) for each in zip(steps, edges, bar_steps, strict=True)]
    lengths = np.repeat(bar_steps, [len(part) for part in starts])
    bars = np.concatenate(starts)
    lengths[:-1] = np.diff(bars)
    return meters, bars, lengths


def _body(vocabulary: Vocabulary, piece: Arrangement, bar_of_note: Ints) -> Ints:
    """Return the ids between header and end."""
    notes, first = piece.notes, vocabulary.tokens.first
    first_in_bar = run_edges(bar_of_note)[:-1]
    bar_tempos = piece.tempos[bar_of_note[first_in_bar]]
    changed = np.flatnonzero(np.diff(bar_tempos)) + 1
    meter_steps, meters = np.array(piece.meters).T[:, 1:]
    times = notes.start[run_edges(notes.start)[:-1]]
    times = np.union1d(meter_steps, times) if len(meter_steps) else times
    attributes = np.stack([notes.velocity, notes.duration])
    is_new = _differs(attributes, notes.voice, np.array([[FIRST_VELOCITY], [FIRST_DURATION]]))
    is_new[1] &= ~vocabulary.is_drum[notes.voice]
    modifiers = attributes + np.array([[first["velocity"]], [first["duration"]]])
    events = np.vstack([vocabulary.note_ids(notes.voice, notes.pitch), modifiers])
    of_note = np.flatnonzero(np.vstack([np.ones(len(bar_of_note), dtype=bool), is_new]).T)
    blocks = [  # (steps, ids), in the order in which they stand at a step
        _shift_ids(first["shift"], times),
        (meter_steps, meters + first["meter"]),
        (notes.start[first_in_bar[changed]], bar_tempos[changed] + first["tempo"]),
        *_plan(vocabulary, piece, bar_of_note),
        (notes.start[of_note // 3], events.T.ravel()[of_note]),
    ]
    order = np.argsort(
        np.concatenate([steps * 8 + rank for rank, (steps, _) in enumerate(blocks)]), kind="stable"
    )
    return np.concatenate([ids for _, ids in blocks])[order]


def _plan(vocabulary: Vocabulary, piece: Arrangement, bar_of_note: Ints) -> list[tuple[Ints, Ints]]:
    """Return (steps, ids) of the bars that return, at their first onsets, and of the chords, at the first onset from
    each change on."""
    notes, first, blocks = piece.notes, vocabulary.tokens.first, []
    onsets = notes.start[run_edges(notes.start)[:-1]]
    if vocabulary.config.returns:
        ids = vocabulary.note_ids(notes.voice, notes.pitch)
        place = (notes.start - piece.bars[bar_of_note]) * vocabulary.tokens.size + ids
        ago = returns_of(bar_of_note, place, len(piece.bars))
        at = run_edges(bar_of_note)[:-1]
        at = at[ago[bar_of_note[at]] > 0]
        blocks.append((notes.start[at], first["return"] + ago[bar_of_note[at]] - 1))
    if vocabulary.config.chords:
        now = chords_at(pitched_score(vocabulary, piece), onsets)
        at = np.flatnonzero(np.diff(now, prepend=-1))
        blocks.append((onsets[at], first["chord"] + now[at]))
    return blocks


def pitched_score(vocabulary: Vocabulary, piece: Arrangement) -> Score:
    """Return the pitched notes of a piece, in steps."""
    columns, pitched = piece.notes, ~vocabulary.is_drum[piece.notes.voice]
    notes = np.zeros(int(pitched.sum()), dtype=NOTE)
    notes["start"], notes["pitch"] = columns.start[pitched], columns.pitch[pitched]
    notes["duration"], notes["velocity"] = DURATIONS[columns.duration[pitched]], 64
    meters = [Meter(step, *vocabulary.config.meters[number]) for step, number in piece.meters]
    return Score(STEPS_PER_QUARTER, (Track(notes),), meters=tuple(meters))


def _differs(values: Ints, voice: Ints, first: Ints) -> Mask:
    """Whether each value, (attributes, notes), differs from the one before in its voice, which is `first` in the
    beginning, (attributes, 1)."""
    order = stable_order(voice)
    before = np.zeros_like(order)
    before[order[1:]] = order[:-1]
    result = np.asarray(values != np.take(values, before, axis=1))
    begins = order[run_edges(voice[order])[:-1]]
    result[:, begins] = values[:, begins] != first
    return result


def _shift_ids(first_shift: int, times: Ints) -> tuple[Ints, Ints]:
    """Return (step at which it ends, id) of the shifts that lead to each of ascending `times`, greatest first."""
    rest = np.diff(times, prepend=0)
    ends, ids = [times[:0]], [times[:0]]
    while (moving := rest > 0).any():
        times, rest = times[moving], rest[moving]
        number = longest_shift(rest)
        ends.append(times)
        ids.append(number + first_shift)
        rest = rest - SHIFTS[number]
    return np.concatenate(ends), np.concatenate(ids)

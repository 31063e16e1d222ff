"""Decoding of `multitrack`: ids -> `Score`, for any ids.

What makes no sense is left out: a velocity or duration without a note, a note struck twice at once. A note that still
sounds when its pitch is struck again in its voice ends there.
"""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.grids import (
    DURATIONS,
    STEPS_PER_QUARTER,
    TEMPOS,
    TICKS_PER_QUARTER,
    TICKS_PER_STEP,
    nearest,
)
from ritornello.representations.multitrack.reading import Reader
from ritornello.representations.multitrack.vocabulary import VELOCITY_STEP, Vocabulary
from ritornello.representations.tokenizer import latest
from ritornello.score import NOTE, Meter, Score, Tempo, Track, end_at_restrike
from ritornello.theory import instrument_name
from ritornello.theory.instruments import SCORE_ORDER

DRUM_STEPS = STEPS_PER_QUARTER // 4
"""The length of a note of drums."""


def decode(vocabulary: Vocabulary, ids: Ints) -> Score:
    """Return the score of `ids`, all of them in the vocabulary."""
    tokens, reader = vocabulary.tokens, Reader(vocabulary)
    note, changes = np.flatnonzero(tokens.is_kind(ids, "note")), vocabulary.by_id[:, ids]
    named, _, _, durations, velocities, shift, new_bar, _ = changes
    time, _, position, bar_steps = reader.place.at_once(shift, new_bar)
    values = reader.remembered.at_once(latest(tokens.is_kind(ids, "note"), named, -1), durations, velocities)
    duration, velocity = values[:, np.append(note[1:], len(ids))[: len(note)] - 1]  # before the next note

    def numbers(kind: str) -> tuple[Ints, list[int]]:
        at = np.flatnonzero(tokens.is_kind(ids, kind))
        return at, (ids[at] - tokens.first[kind]).tolist()

    _, first = np.unique(time[note] * tokens.size + ids[note], return_index=True)  # struck twice: once
    note = note[first]
    start, voice = time[note], named[note]
    to_bar_line = np.minimum(DRUM_STEPS, bar_steps[note] - position[note])
    steps = np.where(vocabulary.is_drum[voice], to_bar_line, DURATIONS[duration[first]])
    notes = np.zeros(len(note), dtype=NOTE)
    notes["start"], notes["pitch"] = start * TICKS_PER_STEP, tokens.pitch[ids[note]]
    notes["duration"] = (end_at_restrike(start, start + steps, ids[note]) - start) * TICKS_PER_STEP
    notes["velocity"] = velocity[first] * VELOCITY_STEP + VELOCITY_STEP // 2
    _, given = numbers("instrument")
    programs = dict(vocabulary.instruments[number] for number in reversed(given)) | vocabulary.written
    tracks = []
    for number in voices_in_order(vocabulary, ids):
        is_drum = bool(vocabulary.is_drum[number])
        program = programs.get(number, vocabulary.config.voices[number].programs[0])
        tracks.append(Track(notes[voice == number], program, is_drum, instrument_name(program, is_drum)))
    (tempo_at, tempos), (meter_at, meters) = numbers("tempo"), numbers("meter")
    bar = (time - position)[tempo_at].tolist()
    by_bar = {0: int(nearest(TEMPOS, np.array(120)))} | dict(zip(bar, tempos, strict=True))
    by_step = {0: vocabulary.nearest_meter(4, 4)} | dict(zip(time[meter_at].tolist(), meters, strict=True))
    return Score(
        TICKS_PER_QUARTER,
        tuple(tracks),
        tuple(
            Tempo.from_quarters_per_minute(step * TICKS_PER_STEP, float(TEMPOS[number]))
            for step, number in sorted(by_bar.items())
        ),
        tuple(
            Meter(step * TICKS_PER_STEP, *vocabulary.config.meters[number])
            for step, number in sorted(by_step.items())
        ),
    )


def voices_in_order(vocabulary: Vocabulary, ids: Ints) -> tuple[int, ...]:
    """Return the voice of each track of the score of `ids`: those that have notes, in score order.

    Parts of one family stay in order, so that encoding again gives each the voice it had.
    """
    tokens, config = vocabulary.tokens, vocabulary.config
    voices = sorted(set(tokens.voice[ids[tokens.is_kind(ids, "note")]].tolist()))
    return tuple(sorted(voices, key=lambda each: (SCORE_ORDER.index(config.voices[each].family), each)))

"""Decoding of `multitrack`: ids -> `Score`, for any ids.

What makes no sense is left out: a velocity or duration without a note, a note struck twice at once. A note that still
sounds when its pitch is struck again in its voice ends there.
"""

from __future__ import annotations

import numpy as np

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
from ritornello.score import Meter, Score, Tempo, Track, make_notes, without_overlaps
from ritornello.theory import instrument_name
from ritornello.theory.instruments import SCORE_ORDER

DRUM_STEPS = STEPS_PER_QUARTER // 4
"""The length of a note of drums."""


def decode(vocabulary: Vocabulary, ids: list[int]) -> Score:
    """Return the score of `ids`, all of them in the vocabulary."""
    reader, tokens, config = Reader(vocabulary), vocabulary.tokens, vocabulary.config
    # Of each voice, by step and pitch: the length in steps, and the velocity bin.
    notes: dict[int, dict[tuple[int, int], list[int]]] = {}
    last: list[int] = []
    tempos = {0: int(nearest(TEMPOS, np.array(120)))}
    meters = {0: vocabulary.nearest_meter(4, 4)}
    programs: dict[int, int] = {}
    for token in ids:
        kind, value = reader.advance(token), tokens.value[token]
        if kind == "note":
            steps = int(DURATIONS[reader.duration])
            if vocabulary.is_drum[reader.voice]:  # not past the bar line
                steps = min(DRUM_STEPS, reader.bar_steps - reader.position)
            last = [steps, reader.velocity]
            notes.setdefault(reader.voice, {}).setdefault((reader.time, reader.pitch), last)
        elif kind == "duration" and last and not vocabulary.is_drum[reader.voice]:
            last[0] = int(DURATIONS[value])
        elif kind == "velocity" and last:
            last[1] = value
        elif kind == "tempo":
            tempos[reader.time - reader.position] = value
        elif kind == "meter":
            meters[reader.time] = value
        elif kind == "instrument":
            voice, program = vocabulary.instruments[value]
            programs.setdefault(voice, program)
    tracks = []
    for voice in voices_in_order(vocabulary, ids):
        is_drum = bool(vocabulary.is_drum[voice])
        program = vocabulary.written.get(voice, programs.get(voice, config.voices[voice].programs[0]))
        rows = [
            (
                step * TICKS_PER_STEP,
                steps * TICKS_PER_STEP,
                pitch,
                number * VELOCITY_STEP + VELOCITY_STEP // 2,
            )
            for (step, pitch), (steps, number) in notes[voice].items()
        ]
        name = instrument_name(program, is_drum)
        tracks.append(Track(without_overlaps(make_notes(rows)), program, is_drum, name))
    return Score(
        TICKS_PER_QUARTER,
        tuple(tracks),
        tuple(
            Tempo.from_quarters_per_minute(step * TICKS_PER_STEP, float(TEMPOS[value]))
            for step, value in sorted(tempos.items())
        ),
        tuple(Meter(step * TICKS_PER_STEP, *config.meters[value]) for step, value in sorted(meters.items())),
    )


def voices_in_order(vocabulary: Vocabulary, ids: list[int]) -> tuple[int, ...]:
    """Return the voice of each track of the score of `ids`: those that have notes, in score order.

    Parts of one family stay in order, so that encoding again gives each the voice it had.
    """
    tokens, config = vocabulary.tokens, vocabulary.config
    voices = {int(tokens.voice[token]) for token in ids if tokens.kind[token] == "note"}
    return tuple(sorted(voices, key=lambda each: (SCORE_ORDER.index(config.voices[each].family), each)))

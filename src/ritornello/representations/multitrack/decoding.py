"""Ids -> `Score`, for any ids whatever.

What makes no sense is left out: a modifier without a note, a note struck twice at once. A note still sounding
when its pitch is struck again in its voice ends there.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ritornello.representations.base import Ids
from ritornello.representations.grids import (
    DURATIONS,
    STEPS_PER_QUARTER,
    TEMPOS,
    TICKS_PER_QUARTER,
    TICKS_PER_STEP,
    nearest,
)
from ritornello.representations.multitrack.reading import Reader
from ritornello.representations.multitrack.vocabulary import SCORE_ORDER, VELOCITY_STEP, Kind, Vocabulary
from ritornello.score import Meter, Score, Tempo, Track, make_notes, without_overlaps
from ritornello.theory import instrument_name

DRUM_STEPS = STEPS_PER_QUARTER // 4
"""How long a drum's note lasts."""

VoiceNotes = dict[tuple[int, int], list[int]]
"""The notes of a voice, by step and pitch: how many steps, and the bin of the velocity."""


def decode(vocabulary: Vocabulary, ids: Ids) -> Score:
    """Return the score of `ids`; an id outside the vocabulary is left out."""
    reader = Reader(vocabulary)
    notes: dict[int, VoiceNotes] = {}
    last: list[int] = []
    tempos: dict[int, int] = {}
    meters: dict[int, int] = {}
    programs: dict[int, int] = {}
    for token in np.asarray(ids).tolist():
        if not 0 <= token < vocabulary.size:
            continue
        kind, value = reader.advance(token), vocabulary.meanings[token][1]
        if kind == Kind.NOTE:
            voice = reader.voice
            last = [_steps(reader), reader.velocity(voice)]
            notes.setdefault(voice, {}).setdefault((reader.time, reader.pitch), last)
        elif kind == Kind.DURATION and last and not vocabulary.is_drum[reader.voice]:
            last[0] = int(DURATIONS[value])
        elif kind == Kind.VELOCITY and last:
            last[1] = value
        elif kind == Kind.TEMPO:
            tempos[reader.time - reader.position] = value
        elif kind == Kind.METER:
            meters[reader.time] = value
        elif kind == Kind.INSTRUMENT:
            voice, program = vocabulary.instruments[value]
            programs.setdefault(voice, program)
    in_order = _in_score_order(vocabulary, notes)
    tracks = (_make_track(vocabulary, voice, programs.get(voice), notes[voice]) for voice in in_order)
    known = vocabulary.config.meters
    return Score(
        TICKS_PER_QUARTER,
        tuple(tracks),
        tuple(_make_tempo(*each) for each in _from_start(tempos, _DEFAULT_TEMPO)),
        tuple(
            Meter(step * TICKS_PER_STEP, *known[value])
            for step, value in _from_start(meters, vocabulary.nearest_meter(4, 4))
        ),
    )


def _steps(reader: Reader) -> int:
    """Return how long the note just read is, unless its own duration follows; a drum's not past the bar line."""
    if reader.vocabulary.is_drum[reader.voice]:
        return min(DRUM_STEPS, reader.bar_steps - reader.position)
    return int(DURATIONS[reader.duration(reader.voice)])


def _in_score_order(vocabulary: Vocabulary, voices: Iterable[int]) -> list[int]:
    """Return voices from the top of a page to its bottom. Parts of one family stay in order, so encoding again
    gives each the voice it had."""
    return sorted(
        voices, key=lambda voice: (SCORE_ORDER.index(vocabulary.config.voices[voice].family), voice)
    )


_DEFAULT_TEMPO = int(nearest(TEMPOS, np.array(120)))


def _from_start(events: dict[int, int], default: int) -> list[tuple[int, int]]:
    """Return (step, value) in order, the first at 0."""
    return sorted({0: default, **events}.items())


def _make_tempo(step: int, value: int) -> Tempo:
    return Tempo.from_quarters_per_minute(step * TICKS_PER_STEP, float(TEMPOS[value]))


def _make_track(vocabulary: Vocabulary, voice: int, program: int | None, notes: VoiceNotes) -> Track:
    """Return the track of a voice from its notes."""
    is_drum = bool(vocabulary.is_drum[voice])
    if program is None:
        program = vocabulary.config.voices[voice].programs[0]
    rows = [
        (step * TICKS_PER_STEP, steps * TICKS_PER_STEP, pitch, velocity * VELOCITY_STEP + VELOCITY_STEP // 2)
        for (step, pitch), (steps, velocity) in notes.items()
    ]
    return Track(without_overlaps(make_notes(rows)), program, is_drum, instrument_name(program, is_drum))

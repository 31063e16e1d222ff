"""Ids -> what they mean: the `Reader`, of a piece at once or one id at a time; and the score, by `decode`.

What makes no sense changes nothing: the end of a note that does not sound or has just begun, a pitch struck twice
at once. A note without an end sounds for 5 seconds (the source does the same).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.base import Column, Ids
from ritornello.representations.performance.vocabulary import (
    EVEN,
    LEVELS,
    STEPS_PER_SECOND,
    TICKS_PER_QUARTER,
    TICKS_PER_STEP,
    Vocabulary,
)
from ritornello.representations.tokenizer import latest
from ritornello.score import DEFAULT_MICROSECONDS_PER_QUARTER, Score, Tempo, Track, make_notes
from ritornello.theory import instrument_name, pitch_class_name

HANGING = 5 * STEPS_PER_SECOND


def columns_of(vocabulary: Vocabulary) -> tuple[Column, ...]:
    """Return the input columns: the id, and the controls as they stand."""
    columns = [Column("token", vocabulary.blocks.size)]
    if vocabulary.config.density:
        columns.append(Column("density", 9))  # 0: not said yet
    if vocabulary.config.pitch_classes:
        names = (f"share of {pitch_class_name(each)}" for each in range(12))
        columns += [Column(name, LEVELS, moves="pitch_class") for name in names]
    return tuple(columns)


@dataclass
class Reader:
    """The meaning of the ids so far, and the input columns; see `columns.ColumnReader`. Times are in steps of 10 ms."""

    vocabulary: Vocabulary
    token: int = 0
    time: int = 0
    velocity: int = 0  # bin; 0: not said yet
    density: int = 0  # bin + 1; 0: not said yet
    levels: tuple[int, ...] = (EVEN,) * 12
    sounding: dict[int, int] = field(default_factory=dict)  # when it began, by pitch

    def at_once(self, ids: Ids) -> Ints:
        blocks, config = self.vocabulary.blocks, self.vocabulary.config
        columns = [ids]
        if config.density:
            columns.append(latest(blocks.is_kind(ids, "density"), ids - blocks.first["density"] + 1, 0))
        if config.pitch_classes:
            place, level = np.divmod(ids - blocks.first["pitch_class"], LEVELS)
            says = blocks.is_kind(ids, "pitch_class")
            columns += [latest(says & (place == each), level, EVEN) for each in range(12)]
        return np.stack(columns)

    def advance(self, token: int) -> str:
        """Take the next id and return its kind."""
        kind, value = self.vocabulary.blocks.kind[token], self.vocabulary.blocks.value[token]
        self.token = token
        if kind == "time_shift":
            self.time += value + 1
        elif kind == "note_on" and self.sounding.get(value, -1) < self.time:
            self.sounding[value] = self.time
        elif kind == "note_off" and self.sounding.get(value, self.time) < self.time:
            del self.sounding[value]
        elif kind == "velocity":
            self.velocity = value + 1
        elif kind == "density":
            self.density = value + 1
        elif kind == "pitch_class":
            place, level = divmod(value, LEVELS)
            self.levels = (*self.levels[:place], level, *self.levels[place + 1 :])
        return kind

    @property
    def values(self) -> tuple[int, ...]:
        config = self.vocabulary.config
        density = (self.density,) if config.density else ()
        return self.token, *density, *(self.levels if config.pitch_classes else ())

    def fork(self) -> Reader:
        return replace(self, sounding=dict(self.sounding))


def decode(vocabulary: Vocabulary, ids: Ids) -> Score:
    """Return the score of `ids`, at 120 quarters a minute; an id outside the vocabulary is left out."""
    reader, rows = Reader(vocabulary), []
    velocities: dict[int, int] = {}  # of the notes that sound, by pitch

    def end(pitch: int, begun: int, at: int) -> None:
        rows.append((begun * TICKS_PER_STEP, (at - begun) * TICKS_PER_STEP, pitch, velocities[pitch]))

    for token in np.asarray(ids).tolist():
        if not 0 <= token < vocabulary.blocks.size:
            continue
        pitch = vocabulary.blocks.value[token]
        before = reader.sounding.get(pitch)
        kind = reader.advance(token)
        if kind in ("note_on", "note_off") and reader.sounding.get(pitch) != before:
            if before is not None:
                end(pitch, before, reader.time)
            velocities[pitch] = vocabulary.bin_velocity(max(reader.velocity, 1))
    for pitch, begun in reader.sounding.items():
        end(pitch, begun, begun + HANGING)
    program = vocabulary.config.program
    track = Track(make_notes(rows), program, name=instrument_name(program, False))
    tempo = Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER)
    return Score(TICKS_PER_QUARTER, (track,) if rows else (), (tempo,))

"""`performance`: the event tokens of expressive playing: notes on and off, time shifts of 10 ms, velocity.

Source: "magenta performance_rnn". One stream for all instruments but drums; the sustain pedal is part of the
lengths. There is no meter and no tempo; where the conditions have a number of bars, a bar is 2 seconds. The options set
the number of velocity bins, and add controls to the input of the network: the notes a second to come, and their
pitch classes. See `vocabulary` for the ids.

    START (TIME_SHIFT ... [DENSITY] [PITCH_CLASS ...] (NOTE_OFF | [VELOCITY] NOTE_ON) ...) ... END

Lost: timing finer than 10 ms, silences beyond 10 seconds, two parts on one key at once.

Read in order: `vocabulary`, `encoding`, `grammar`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.performance import encoding, vocabulary
from ritornello.representations.performance.grammar import HANGING, PerformanceGrammarState
from ritornello.representations.performance.vocabulary import (
    DENSITIES,
    EVEN,
    LEVELS,
    TICKS_PER_QUARTER,
    TICKS_PER_STEP,
    PerformanceConfig,
)
from ritornello.representations.tokenizer import FixedTokenizer, latest
from ritornello.score import DEFAULT_MICROSECONDS_PER_QUARTER, Score, Tempo, Track, make_notes
from ritornello.theory import instrument_name, pitch_class_name

__all__ = ["Performance", "PerformanceConfig"]


class Performance(FixedTokenizer[PerformanceConfig]):
    """The representation `performance`; see `representations.base.Representation`."""

    name = "performance"
    config_model = PerformanceConfig
    make_tokens = staticmethod(vocabulary.make_tokens)
    meters = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The id, and the controls in force."""
        columns = [Column("token", self.vocabulary_size)]
        if self.settings.density:
            columns.append(Column("density", DENSITIES + 1))  # 0: none yet
        if self.settings.pitch_classes:
            names = (f"share of {pitch_class_name(each)}" for each in range(12))
            columns += [Column(name, LEVELS, moves="pitch_class") for name in names]
        return tuple(columns)

    def encode(self, score: Score) -> Ids:
        return encoding.encode(self.tokens, self.settings, score)

    def decode(self, ids: Ids) -> Score:
        """Return the score at 120 quarters a minute. A note without an end sounds for 5 seconds, as in the source."""
        grammar, rows = self.grammar(), []
        velocities: dict[int, int] = {}  # of the notes that sound, by pitch

        def end(pitch: int, onset: int, at: int) -> None:
            rows.append((onset * TICKS_PER_STEP, (at - onset) * TICKS_PER_STEP, pitch, velocities[pitch]))

        for token in self.known_ids(ids).tolist():
            pitch = self.tokens.value[token]
            before = grammar.sounding.get(pitch)
            grammar.advance(token)
            if grammar.kind in ("note_on", "note_off") and grammar.sounding.get(pitch) != before:
                if before is not None:
                    end(pitch, before, grammar.time)
                velocities[pitch] = self.settings.bin_velocity(max(grammar.velocity, 1))
        for pitch, onset in grammar.sounding.items():
            end(pitch, onset, onset + HANGING)
        program = self.settings.program
        track = Track(make_notes(rows), program, name=instrument_name(program, False))
        tempo = Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER)
        return Score(TICKS_PER_QUARTER, (track,) if rows else (), (tempo,))

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        ids, tokens = np.asarray(ids, dtype=np.int64), self.tokens
        columns = [ids]
        if self.settings.density:
            columns.append(latest(tokens.is_kind(ids, "density"), ids - tokens.first["density"] + 1, 0))
        if self.settings.pitch_classes:
            place, level = np.divmod(ids - tokens.first["pitch_class"], LEVELS)
            is_level = tokens.is_kind(ids, "pitch_class")
            columns += [latest(is_level & (place == each), level, EVEN) for each in range(12)]
        return np.stack(columns, axis=1).astype(np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> PerformanceGrammarState:  # a frozen value
        return PerformanceGrammarState(self.tokens, conditions, self.settings)

"""`performance`, the events of expressive playing: notes on and off, time in real 10 ms, loudness.

Source: "magenta performance_rnn". One stream for all instruments but drums; the sustain pedal is part of the
lengths. There is no meter and no tempo; where bars are asked for, a bar is 2 seconds. The options: how many steps
of loudness there are, and what the network is told of the notes to come (and can be asked for): how many a
second, and which pitch classes. See `vocabulary` for the ids.

    START (TIME_SHIFT ... [DENSITY] [PITCH_CLASS ...] (NOTE_OFF | [VELOCITY] NOTE_ON) ...) ... END

Lost: what is finer than 10 ms, silences beyond 10 seconds, two parts on one key at once.

Read in order: `vocabulary`, `encoding`, `reading`, `grammar`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.base import Column, Conditions, Ids, Pace
from ritornello.representations.performance import encoding, reading, vocabulary
from ritornello.representations.performance.grammar import PerformanceGrammarState
from ritornello.representations.performance.vocabulary import LEVELS, PerformanceConfig, Vocabulary
from ritornello.representations.tokenizer import FixedTokenizer, room
from ritornello.score import Score
from ritornello.theory import pitch_class_name

__all__ = ["Performance", "PerformanceConfig"]


class Performance(FixedTokenizer[PerformanceConfig]):
    """The representation `performance`; see `representations.base.Representation`."""

    name = "performance"
    config_model = PerformanceConfig

    def __init__(self, config: PerformanceConfig) -> None:
        super().__init__(config)
        self.vocabulary = Vocabulary(config, self.blocks)

    @staticmethod
    def counts(config: PerformanceConfig) -> dict[str, int]:
        return vocabulary.counts(config)

    @property
    def columns(self) -> tuple[Column, ...]:
        return reading.columns_of(self.vocabulary)

    @property
    def is_note(self) -> NDArray[np.bool_]:
        return self.blocks.mask("note_on")

    @property
    def pace(self) -> Pace:
        after = np.zeros(self.blocks.size)
        after[self.blocks.block["time_shift"]] = np.arange(1, vocabulary.MOST_SHIFT + 1)
        return Pace(
            np.zeros_like(after), after / reading.STEPS_PER_QUARTER, quarters_per_minute=reading.TEMPO
        )

    def note_id(self, voice: int, pitch: int) -> int | None:
        return pitch if voice == 0 and 0 <= pitch < 128 else None

    def token_name(self, token: int) -> str:
        kind, value = self.blocks.meaning[token]
        if kind == "pitch_class":
            return f"share of {pitch_class_name(value // LEVELS)} {value % LEVELS}"
        shown = value + (kind in ("time_shift", "velocity"))
        return kind if kind in ("start", "end") else f"{kind} {shown}"

    def encode(self, score: Score) -> Ids:
        return encoding.encode(self.vocabulary, score)

    def decode(self, ids: Ids) -> Score:
        return reading.decode(self.vocabulary, ids)

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        columns = reading.Reader(self.vocabulary).at_once(np.asarray(ids, dtype=np.int64))
        return np.ascontiguousarray(columns.T, dtype=np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> PerformanceGrammarState:  # a frozen value
        return PerformanceGrammarState(self.vocabulary, conditions, reading.Reader(self.vocabulary))

    def transposable(self, ids: Ids) -> tuple[int, int]:
        pitches = np.asarray(ids)[self.blocks.is_kind(ids, "note_on")]
        return room(pitches)

    def transposed(self, ids: Ids, semitones: int) -> Ids:
        moves = self.blocks.is_kind(ids, "note_on") | self.blocks.is_kind(ids, "note_off")
        moved = np.where(moves, ids + semitones, ids)
        first = self.blocks.first["pitch_class"]
        turned = first + (ids - first + semitones * LEVELS) % (12 * LEVELS)
        return np.where(self.blocks.is_kind(ids, "pitch_class"), turned, moved).astype(ids.dtype)

"""`melody`: one voice on a grid of sixteenths, one token a step, in the encodings of Magenta's melody models.

    START  event event event ...  END

An event is no event (the note or rest goes on), a note-off, or the onset of a pitch; in two of the encodings also "as
one bar ago" and "as two bars ago". The length is given, not learned: END is never a target. Lost:
velocity, timing finer than the grid, all but one voice.

All encodings but mono move a melody into one key and range ("squash"). The representation `for_piece` with a primer
decodes what is composed back by the same interval.

Read in order: `extraction`, `encodings`, `grammar`, then `Melody` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ritornello.representations.base import PLAIN_SAMPLING, Column, Conditions, Examples, Ids
from ritornello.representations.melody.encodings import DISTANCES, ENCODINGS, Encoding, Past
from ritornello.representations.melody.extraction import (
    NO_EVENT,
    Events,
    Rules,
    extract_melodies,
    leading_melody,
    shifted,
    squash_shift,
    without_tail,
)
from ritornello.representations.melody.grammar import MelodyGrammarState
from ritornello.representations.tokenizer import BaseTokenizer, solo_program
from ritornello.score import Score, Tempo, Track, make_notes
from ritornello.theory import instrument_name

__all__ = ["Melody", "MelodyConfig"]

TICKS_PER_STEP = 120
VELOCITY = 100
TEMPO = 120.0


class MelodyConfig(Rules):
    """The encoding, and the rules by which melodies are found."""

    encoding: Literal["basic", "mono", "lookback", "key"] = Field("basic", description="labels and inputs")
    target_key: int = Field(0, ge=0, le=11, description="the major key into which melodies are moved; 0 is C")


@dataclass(frozen=True)
class Placement:
    """The semitones by which the melody of a piece is moved to be encoded and back to be decoded (None: each melody by
    its own key, and not back), its tempo and its program."""

    shift: int | None = None
    quarters_per_minute: float = TEMPO
    program: int = 0


class Melody(BaseTokenizer[MelodyConfig]):
    """The representation `melody`; see `representations.base.Representation`."""

    name = "melody"
    learns_whole_pieces = False
    tells_notes_in_order = True
    config_model = options_model = MelodyConfig
    reference_sampling = PLAIN_SAMPLING

    def __init__(self, config: MelodyConfig, placement: Placement = Placement()) -> None:  # a frozen value
        self.placement = placement
        self.encoding: Encoding = ENCODINGS[config.encoding]
        tokens = self.encoding.make_tokens(1 / config.steps_per_quarter, placement.shift or 0)
        super().__init__(config, tokens)

    @staticmethod
    def collect_statistics(score: Score) -> None:
        """Return nothing: the labels are the same for every corpus."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("token", self.vocabulary_size), *self.encoding.columns)

    def encode(self, score: Score) -> Ids:
        """Return the ids of the first part with notes, as one melody of at most 4096 steps; of notes that begin
        together the highest stays. The rules of `extract_examples` do not apply."""
        return np.append(self.primer(score), self.end_id).astype(np.int32)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        return self.ids_of(self._placed(leading_melody(score, self.settings.steps_per_quarter)))

    def extract_examples(self, score: Score) -> Examples:
        """Return the ids of every melody of `score` that meets the `Rules`, without an end."""
        found = extract_melodies(score, self.settings)
        return Examples(
            tuple(self.ids_of(self._placed(without_tail(events))) for events in found.melodies), found.reasons
        )

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Melody:
        """Return the representation placed as `primer` is, or in the key of `conditions`, with their tempo and program.

        ConfigError for several instruments, and for drums.
        """
        shift, tempo = None, conditions.quarters_per_minute
        if primer is not None:
            shift = self._shift(leading_melody(primer, self.settings.steps_per_quarter))
            tempo = tempo or next((t.quarters_per_minute for t in primer.tempos), None)
        elif conditions.key and self.encoding.squashes:  # up or down by at most half an octave
            shift = (self.settings.target_key - 7 * conditions.key[0] + 6) % 12 - 6
        program = solo_program(self.name, primer, conditions)
        return Melody(self.settings, Placement(shift, tempo or TEMPO, program or 0))

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        """Return the first part with notes, which is the melody (`leading_melody`)."""
        parts = super().parts_read(score)
        first = parts.index(0) if 0 in parts else -1
        return tuple(0 if number == first else None for number in range(len(parts)))

    def _shift(self, events: Events) -> int:
        low, high = self.encoding.low, self.encoding.high
        return squash_shift(events, low, high, self.settings.target_key) if self.encoding.squashes else 0

    def _placed(self, events: Events) -> Events:
        shift = self._shift(events) if self.placement.shift is None else self.placement.shift
        return shifted(events, shift, self.encoding.low, self.encoding.high)

    def ids_of(self, events: Events) -> Ids:
        """Return START and the labels of a melody whose pitches lie within the range."""
        past, ids = Past(), [self.start_id]
        for event in events.tolist():
            ids.append(self.encoding.label(event, past))
            past.advance(event)
        return np.array(ids, dtype=np.int32)

    def events_of(self, ids: Ids) -> Events:
        """Return the events that any ids stand for; start and end stand for none."""
        grammar = self.grammar()
        for token in np.asarray(ids).tolist():
            grammar.advance(token)
        return np.array(grammar.past.events, dtype=np.int16)

    def named(self, ids: Ids, others: Ids) -> Ids:
        classes = np.array(
            [self.encoding.class_of(event) for event in self.events_of(ids).tolist()], np.int32
        )
        before = np.cumsum(ids < self.encoding.labels)[:-1]  # events before each id after the first
        for label, distance in zip(range(self.encoding.plain, self.encoding.labels), DISTANCES, strict=False):
            ago = np.append(classes, self.encoding.class_of(NO_EVENT))[np.maximum(before - distance, -1)]
            others = np.where(others == label, ago, others)
        return others

    def decode(self, ids: Ids) -> Score:
        events, step = self.events_of(ids), TICKS_PER_STEP
        events = shifted(events, -(self.placement.shift or 0), 0, 128)
        changes = np.append(np.flatnonzero(events != NO_EVENT), len(events))
        rows = [
            (start * step, (end - start) * step, int(events[start]), VELOCITY)
            for start, end in zip(changes[:-1].tolist(), changes[1:].tolist(), strict=True)
            if events[start] >= 0
        ]
        program = self.placement.program
        track = Track(make_notes(rows), program, name=instrument_name(program, False))
        tempo = Tempo.from_quarters_per_minute(0, self.placement.quarters_per_minute)
        return Score(self.settings.steps_per_quarter * step, (track,), tempos=(tempo,))

    def grammar(self, conditions: Conditions = Conditions()) -> MelodyGrammarState:  # a frozen value
        return MelodyGrammarState(self.tokens, conditions, self.encoding, self.settings.steps_per_quarter)

    def summary(self) -> Mapping[str, Any]:
        return {
            "encoding": self.settings.encoding,
            "labels": self.encoding.labels,
            "vocabulary": self.vocabulary_size,
        }

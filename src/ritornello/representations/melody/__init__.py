"""`melody`: one voice on a grid of sixteenths, one token a step, in the encodings of Magenta's melody models.

    START  event event event ...  END

An event is no event (what was goes on), a note-off, or a pitch that is struck; in two of the encodings also "as
one bar ago" and "as two bars ago". The length is given, not learned: END is never a target. What is lost:
velocity, everything finer than the grid, all but one voice.

All encodings but mono move a melody into one key and range ("squash"). `for_piece` to a primer, the representation
moves what is composed back by the same interval.

Read in order: `extraction`, `encodings`, `grammar`, then `Melody` here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ritornello.representations.base import PLAIN_SAMPLING, Column, Conditions, Examples, Ids
from ritornello.representations.melody.encodings import ENCODINGS, Encoding, Past
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
from ritornello.representations.tokenizer import BaseTokenizer, checked_options
from ritornello.representations.tokens import InstrumentRange, Tokens, block, build_tokens
from ritornello.score import Score, Tempo, Track, make_notes
from ritornello.theory import DRUMS, instrument_name, pitch_name

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
    """Where the melody of a piece lies: by how many semitones it was moved to be encoded (None: as its own key
    asks, and it is not moved back), its tempo and its program."""

    shift: int | None = None
    quarters_per_minute: float = TEMPO
    program: int = 0


def _make_tokens(encoding: Encoding, step: float, shift: int) -> Tokens:
    """Return what the labels mean, and start and end. Each lasts a `step`; notes sound `shift` semitones lower."""
    named = np.arange(encoding.low, encoding.high, dtype=np.int16)
    sounding = shifted(named, -shift, 0, 128)
    quiet = (
        block("no_event", names=["no event"], duration=step),
        block("note_off", names=["note off"], duration=step),
    )
    notes = block(
        "note",
        len(named),
        lambda value: f"note {pitch_name(encoding.low + value)}",
        voice=0,
        pitch=sounding,
        notes=1,
        duration=step,
        series=0,
        step=named,
    )
    repeats = block(
        "repeat",
        encoding.labels - len(named) - len(quiet),
        ("as 1 bar ago", "as 2 bars ago"),
        duration=step,
        recalls=True,
    )
    return build_tokens(
        *((*quiet, notes) if encoding.class_of(NO_EVENT) == 0 else (notes, *quiet)),
        repeats,
        block("start"),
        block("end"),
        instruments=[InstrumentRange("this model", -1, 0, tuple(np.unique(sounding).tolist()))],
        is_timed=True,
    )


class Melody(BaseTokenizer[MelodyConfig]):
    """The representation `melody`; see `representations.base.Representation`."""

    name = "melody"
    learns_whole_pieces = False
    tells_notes_in_order = True
    config_model = MelodyConfig
    reference_sampling = PLAIN_SAMPLING

    def __init__(self, config: MelodyConfig, placement: Placement = Placement()) -> None:  # a frozen value
        self.placement = placement
        self.encoding: Encoding = ENCODINGS[config.encoding]
        self._labels = self.encoding.labels
        super().__init__(
            config, _make_tokens(self.encoding, 1 / config.steps_per_quarter, placement.shift or 0)
        )

    @staticmethod
    def collect_statistics(score: Score) -> None:
        """Return nothing: the labels are the same for every corpus."""

    @classmethod
    def fit(cls, all_statistics: Iterable[None], options: Mapping[str, Any] = MappingProxyType({})) -> Melody:
        """Return the representation with `options`, the fields of `MelodyConfig`."""
        return cls(checked_options(cls.name, MelodyConfig, options))

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("token", self.vocabulary_size), *self.encoding.columns)

    # ---- between scores and ids ------------------------------------------------------------------------------

    def encode(self, score: Score) -> Ids:
        """Return the ids of the first part with notes, as one melody of at most 4096 steps; of notes that begin
        together the highest stays. Nothing is left out for being short; `examples` has the stricter rules."""
        return np.append(self.primer(score), self.end_id).astype(np.int32)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        return self.ids_of(self._placed(leading_melody(score, self.settings.steps_per_quarter)))

    def extract_examples(self, score: Score) -> Examples:
        """Return the ids of every melody of `score` that is worth learning from, without an end."""
        found = extract_melodies(score, self.settings)
        return Examples(
            tuple(self.ids_of(self._placed(without_tail(events))) for events in found.melodies),
            found.reasons,
        )

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Melody:
        """Return the representation for a piece that begins with `primer` and is played as `conditions` says."""
        shift, tempo = None, conditions.quarters_per_minute
        if primer is not None:
            shift = self._shift(leading_melody(primer, self.settings.steps_per_quarter))
            tempo = tempo or next((t.quarters_per_minute for t in primer.tempos), None)
        program = next((p for p in conditions.instruments or () if p != DRUMS), 0)
        return Melody(self.settings, Placement(shift, tempo or TEMPO, program))

    def _shift(self, events: Events) -> int:
        encoding = self.encoding
        if not encoding.squashes:
            return 0
        return squash_shift(events, encoding.low, encoding.high, self.settings.target_key)

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

    def decode(self, ids: Ids) -> Score:
        events, step = self.events_of(ids), TICKS_PER_STEP
        if self.placement.shift:
            events = shifted(events, -self.placement.shift, 0, 128)
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
        past, steps = Past(), self.settings.steps_per_quarter
        return MelodyGrammarState(self.tokens, conditions, self.encoding, steps, past)

    # ---- keys ------------------------------------------------------------------------------------------------

    def summary(self) -> Mapping[str, Any]:
        return {
            "encoding": self.settings.encoding,
            "labels": self._labels,
            "vocabulary": self.vocabulary_size,
        }

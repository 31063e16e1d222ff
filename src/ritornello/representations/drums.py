"""`drums`, a drum kit of nine classes on a grid of sixteenths: one id a step, for all classes struck in it.

Source: "magenta drums_rnn", configuration `drum_kit`: the id is the sum of 2^k over the classes k that are struck,
0 to 511; then, for our protocol, START and END. With the option `one_drum`, there is one class for all drums, and
a step is an eighth. Beside the id, the six lowest bits of the number of the step to come are input columns.

    START (0-511) ... END            16 ids a bar; the last bar is filled

Lost: loudness, the difference between drums of a class, timing finer than a sixteenth, all other instruments,
silence beyond a bar (by whole bars).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ritornello.arrays import Mask
from ritornello.errors import ConfigError
from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.grammar import StepGrammarState
from ritornello.representations.grids import TICKS_PER_QUARTER, VELOCITY, quantised, without_rests
from ritornello.representations.tokenizer import FixedTokenizer, TokenizerConfig, notes_by_program
from ritornello.representations.tokens import InstrumentRange, Tokens, block, build_tokens
from ritornello.score import Score, Track, make_notes
from ritornello.theory import DRUMS, instrument_name

CLASSES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("bass", (36, 35)),
    ("snare", (38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85)),
    ("closed-hat", (42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22)),
    ("open-hat", (46, 67, 72, 74, 79, 81, 26)),
    ("low-tom", (45, 29, 41, 43, 61, 64, 84)),
    ("mid-tom", (48, 47, 60, 63, 77, 86, 87)),
    ("high-tom", (50, 30, 62, 76, 83)),
    ("crash", (49, 52, 55, 57, 58)),
    ("ride", (51, 53, 59, 82)),
)
"""The classes, and the keys of the General MIDI kits in each; the first is the one that is written. Other keys are
left out."""

ONE_DRUM = (("any", (39, *range(39), *range(40, 128))),)
"""The one class for all drums: a hand clap is written."""

COUNTER_BITS = 6


class DrumsConfig(TokenizerConfig):
    """The options of `drums`; its `program` is the number of the kit."""

    one_drum: bool = Field(False, description="one class for all drums, on eighths")

    @property
    def classes(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The classes, lowest bit first."""
        return ONE_DRUM if self.one_drum else CLASSES

    @property
    def steps_per_quarter(self) -> int:
        return 2 if self.one_drum else 4


class Drums(FixedTokenizer[DrumsConfig]):
    """The representation `drums`; see `representations.base.Representation`."""

    name = "drums"
    decodes_by_bar = True
    config_model = DrumsConfig

    def __init__(self, config: DrumsConfig) -> None:
        super().__init__(config)
        self.classes = config.classes
        self.steps_per_quarter = config.steps_per_quarter
        self.class_of = np.full(128, -1)
        for number, (_, keys) in enumerate(self.classes):
            self.class_of[list(keys)] = number

    @staticmethod
    def make_tokens(config: DrumsConfig) -> Tokens:
        classes = np.array([name for name, _ in config.classes])
        struck = np.arange(1 << len(classes))[:, None] >> np.arange(len(classes)) & 1
        return build_tokens(
            block(
                "step",
                len(struck),
                lambda value: "+".join(classes[struck[value] > 0]) or "rest",
                voice=np.where(struck.any(axis=1), 0, -1),
                notes=struck.sum(axis=1),
                is_drum=True,
                duration=1 / config.steps_per_quarter,
            ),
            block("start"),
            block("end"),
            instruments=[InstrumentRange(instrument_name(DRUMS), DRUMS, 0, ())],
            is_timed=True,
        )

    @staticmethod
    def collect_statistics(score: Score) -> dict[int, int]:
        """Return how many notes each drum kit has. Raises CorpusError if there are no drums."""
        return notes_by_program(score, is_drum=True)

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Drums:
        """Return it with the kit of `primer`. ConfigError for instruments other than one kit."""
        if conditions.instruments not in (None, (DRUMS,)):
            names = ", ".join(map(instrument_name, conditions.instruments or ()))
            raise ConfigError(
                f"instruments {names}: a model of drums plays one drum kit; leave instruments out"
            )
        kits = (
            [track.program for track in primer.tracks if track.is_drum and len(track.notes)] if primer else []
        )
        return self.with_program(kits[0]) if kits else self

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        return tuple(0 if track.is_drum and len(track.notes) else None for track in score.tracks)

    @property
    def columns(self) -> tuple[Column, ...]:
        bits = [Column(f"step bit {bit}", 2) for bit in range(COUNTER_BITS)]
        return Column("token", self.tokens.size), *bits

    def struck(self, token: int) -> list[int]:
        """Return the classes that an id strikes."""
        is_step = self.tokens.kind[token] == "step"
        return [k for k in range(len(self.classes)) if is_step and token >> k & 1]

    def encode(self, score: Score) -> Ids:
        bar = 4 * self.steps_per_quarter
        start, end, pitch = quantised(score, True, self.steps_per_quarter, 1)
        number = self.class_of[pitch]
        known = number >= 0
        start, _ = without_rests(start[known], end[known], bar, bar)
        steps = np.zeros(-(-(int(start.max(initial=-1)) + 1) // bar) * bar, dtype=np.int64)
        np.bitwise_or.at(steps, start, 1 << number[known])
        return np.concatenate([[self.start_id], steps, [self.end_id]]).astype(np.int32)

    def decode(self, ids: Ids) -> Score:
        ids = np.asarray(ids)
        ticks = TICKS_PER_QUARTER // self.steps_per_quarter
        rows = [
            (step * ticks, ticks, self.classes[k][1][0], VELOCITY)
            for step, token in enumerate(ids[self.tokens.is_kind(ids, "step")].tolist())
            for k in self.struck(token)
        ]
        program = self.settings.program
        track = Track(make_notes(rows), program, is_drum=True, name=instrument_name(program, True))
        return Score(TICKS_PER_QUARTER, (track,) if rows else ())

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        steps = np.cumsum(self.tokens.is_kind(ids, "step"))
        bits = [steps >> bit & 1 for bit in range(COUNTER_BITS)]
        return np.stack([ids, *bits], axis=1).astype(np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> DrumsGrammarState:  # a frozen value
        return DrumsGrammarState(self.tokens, conditions, 4 * self.steps_per_quarter, tokenizer=self)


@dataclass
class DrumsGrammarState(StepGrammarState):
    """The `GrammarState` of `drums`.

    It has no last notes, since an id can bring many: the guard against repetition leaves drums alone.
    """

    tokenizer: Drums = field(kw_only=True)

    def advance(self, token: int) -> None:
        super().advance(token)
        self.step += self.tokens.kind[token] == "step"
        self.notes += len(self.tokenizer.struck(token))

    @property
    def columns(self) -> tuple[int, ...]:
        return self.token, *(self.step >> bit & 1 for bit in range(COUNTER_BITS))

    def allow_step(self, mask: Mask) -> None:
        mask[self.tokens.slice["step"]] = True
        mask[0] = self.may_rest
        mask[self.tokens.first["end"]] = self.may_end

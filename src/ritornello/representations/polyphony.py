"""`polyphony`, chords step by step: which notes begin in a sixteenth, and which go on.

Source: "magenta polyphony_rnn", 259 ids: START 0, END 1, STEP_END 2, NEW_NOTE p = 3 + p, CONTINUED_NOTE
p = 131 + p. Within a step pitches descend; a note that is not continued has ended.

    START ((NEW_NOTE | CONTINUED_NOTE) ... STEP_END) ... END         16 steps a bar

One stream for all parts but drums. The option `position` also shows the network where in the bar it is, which the
source does not. Lost: loudness, tempo, timing finer than a sixteenth, notes beyond 4 bars, two parts on one pitch
at once (the source allows that), silence beyond 4 bars (by whole bars).

What makes no sense changes nothing: to continue a note that does not sound, a pitch that the step already has.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ritornello.arrays import Mask
from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.grammar import ChordGrammarState
from ritornello.representations.grids import TICKS_PER_QUARTER, VELOCITY, quantised, spread, without_rests
from ritornello.representations.tokenizer import FixedTokenizer, TokenizerConfig
from ritornello.representations.tokens import Note, Tokens, block, build_tokens, solo_range
from ritornello.score import Score, Track, make_notes
from ritornello.theory import instrument_name, instrument_range

STEPS_PER_QUARTER = 4
STEPS_PER_BAR = 16
LONGEST = 4 * STEPS_PER_BAR
"""Steps of the longest note, and of the longest rest."""


class PolyphonyConfig(TokenizerConfig):
    """The options of `polyphony`."""

    position: bool = Field(False, description="show the network the position in the bar")


class Polyphony(FixedTokenizer[PolyphonyConfig]):
    """The representation `polyphony`; see `representations.base.Representation`."""

    name = "polyphony"
    config_model = PolyphonyConfig
    keeps_given = True
    unsupported_settings = ("infill", "vary", "form", "loop")  # a note that goes on belongs to several bars

    @staticmethod
    def make_tokens(config: PolyphonyConfig) -> Tokens:
        pitches = np.arange(128)
        return build_tokens(
            block("start"),
            block("end"),
            block("step_end", duration=1 / STEPS_PER_QUARTER),
            block("new", 128, voice=0, pitch=pitches, notes=1, series=0),
            block("continued", 128, series=0, step=pitches),
            instruments=[solo_range(config.program)],
            is_timed=True,
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        position = (Column("position", STEPS_PER_BAR),) if self.settings.position else ()
        return Column("token", self.blocks.size), *position

    def encode(self, score: Score) -> Ids:
        start, end, pitch = quantised(score, False, STEPS_PER_QUARTER, LONGEST)
        start, end = without_rests(start, end, STEPS_PER_BAR, LONGEST)
        steps, pitches, since = spread(start, end, pitch)
        first = self.blocks.first
        events = np.where(since == 0, first["new"], first["continued"]) + pitches
        total = int(end.max(initial=0))
        steps = np.concatenate([steps, np.arange(total)])
        order = np.lexsort((np.concatenate([-pitches, np.ones(total)]), steps))
        body = np.concatenate([events, np.full(total, first["step_end"])])[order]
        return np.concatenate([[self.start_id], body, [self.end_id]]).astype(np.int32)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:  # a frozen value
        """Return the ids of `score` up to its last step, which is left open for what goes with it."""
        ids = self.encode(score)[:-1]
        return ids[:-1] if ids[-1] == self.blocks.first["step_end"] else ids

    def decode(self, ids: Ids) -> Score:
        reader, rows = PolyphonyGrammarState(self.tokens, Conditions(), tokenizer=self), []
        ids = np.asarray(ids)
        whole = [*ids[(ids >= 0) & (ids < self.blocks.size)].tolist(), *[self.blocks.first["step_end"]] * 2]
        for token in whole:
            before = reader.sounding
            reader.advance(token)
            for pitch, begun in before.items() if reader.sounding is not before else ():
                if reader.sounding.get(pitch) != begun:
                    rows.append((begun, reader.step - 1 - begun, pitch, VELOCITY))
        ticks = TICKS_PER_QUARTER // STEPS_PER_QUARTER
        notes = make_notes(
            (start * ticks, length * ticks, pitch, loud) for start, length, pitch, loud in rows
        )
        program = self.settings.program
        return Score(
            TICKS_PER_QUARTER,
            (Track(notes, program, name=instrument_name(program, False)),) if rows else (),
        )

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        columns = [np.asarray(ids)]
        if self.settings.position:
            columns.append(np.cumsum(ids == self.blocks.first["step_end"]) % STEPS_PER_BAR)
        return np.stack(columns, axis=1).astype(np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> PolyphonyGrammarState:  # a frozen value
        score = conditions.given.score if conditions.given else None
        given = () if score is None else self.steps_of(score)
        return PolyphonyGrammarState(self.tokens, conditions, STEPS_PER_BAR, tokenizer=self, given=given)

    def steps_of(self, score: Score) -> tuple[tuple[int, ...], ...]:
        """Return the notes of each step as ids, from the highest pitch down."""
        ids = self.encode(score)[1:-1]
        steps = np.split(ids, np.flatnonzero(ids == self.blocks.first["step_end"]) + 1)[:-1]
        return tuple(tuple(step[:-1].tolist()) for step in steps)


@dataclass
class PolyphonyGrammarState(ChordGrammarState):
    """A `GrammarState` (see `representations.base`) for `polyphony`.

    A piece ends, since pitches descend within a step and steps are counted; and there is always a way on, since a
    step can end (but the last one that could bring the first note, and one after a long silence).
    """

    tokenizer: Polyphony = field(kw_only=True)
    given: tuple[tuple[int, ...], ...] = ()  # ids that must come in each step
    sounding: dict[int, int] = field(default_factory=dict)  # step of the beginning, by pitch: the step before
    present: dict[int, int] = field(default_factory=dict)  # likewise: the present step so far
    lowest: int = 128  # pitch of the present step so far

    def advance(self, token: int) -> None:
        kind, pitch = self.tokens.kind[token], self.tokens.value[token]
        super().advance(token)
        if kind == "step_end":
            self.silent = 0 if self.present else self.silent + 1
            self.sounding, self.present = self.present, {}
            self.step, self.lowest = self.step + 1, 128
        elif self.last_notes:
            self.present[pitch] = self.step
            self.notes += 1
        elif kind == "continued" and pitch in self.sounding and pitch not in self.present:
            self.present[pitch] = self.sounding[pitch]
        if kind in ("new", "continued"):
            self.lowest = min(self.lowest, pitch)

    def notes_of(self, token: int) -> tuple[Note, ...]:
        return () if self.tokens.value[token] in self.present else self.tokens.notes_of(token)

    @property
    def columns(self) -> tuple[int, ...]:
        position = (self.step % STEPS_PER_BAR,) if self.tokenizer.settings.position else ()
        return self.token, *position

    def fork(self) -> PolyphonyGrammarState:
        return replace(self, sounding=dict(self.sounding), present=dict(self.present))

    def allow_step(self, mask: Mask) -> None:
        step_end = self.tokens.first["step_end"]
        self._allow_notes(mask)
        mask[step_end] = bool(self.present) or not self.must_play
        mask[self.tokens.first["end"]] = self.may_end and self.token == step_end
        self._insist(mask)

    @property
    def forced_token(self) -> int | None:
        step = self.given[self.step] if self.token >= 0 and self.step < len(self.given) else ()
        return next((token for token in step if self.tokens.value[token] < self.lowest), None)

    def _insist(self, mask: Mask) -> None:
        """Leave only what may stand before the next given note of the step, and that note; no end before the last."""
        if self.step < len(self.given):
            mask[self.tokens.first["end"]] = False
        first, due = self.tokens.first, self.forced_token
        if due is not None:
            for kind in ("new", "continued"):
                mask[first[kind] : first[kind] + self.tokens.value[due] + 1] = False
            mask[first["step_end"]] = False
            mask[due] = True

    def _allow_notes(self, mask: Mask) -> None:
        """Allow pitches below those of the step so far: new ones in the compass, and those that sound."""
        first = self.tokens.first
        low, high = instrument_range(self.tokenizer.settings.program)
        mask[first["new"] + low : first["new"] + max(low, min(high + 1, self.lowest))] = True
        may_go_on = [pitch for pitch in self.sounding if pitch < self.lowest and not self._has_ended(pitch)]
        mask[[first["continued"] + pitch for pitch in may_go_on]] = True

    def _has_ended(self, pitch: int) -> bool:
        """Whether a given note of this pitch ended with the step before."""
        before = self.given[self.step - 1] if 0 < self.step <= len(self.given) else ()
        first, now = self.tokens.first, self.given[self.step : self.step + 1]
        sounded = {first["new"] + pitch, first["continued"] + pitch} & set(before)
        return bool(sounded) and first["continued"] + pitch not in (now[0] if now else ())

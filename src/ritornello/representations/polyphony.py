"""`polyphony`, chords step by step: the notes that begin in a sixteenth, and those that go on.

Source: "magenta polyphony_rnn", 259 ids: START 0, END 1, STEP_END 2, NEW_NOTE p = 3 + p, CONTINUED_NOTE
p = 131 + p. Within a step pitches descend; a note that is not continued has ended.

    START ((NEW_NOTE | CONTINUED_NOTE) ... STEP_END) ... END         16 steps a bar

One stream for all parts but drums. The option `position` adds an input column, unlike the source. Lost:
velocity, tempo, timing finer than a sixteenth, notes beyond 4 bars, two parts on one pitch at once (the source allows
that), silence beyond 4 bars (by whole bars).

Ids that make no sense change nothing: to continue a note that does not sound, a pitch that the step already has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ritornello.arrays import Ints, Mask
from ritornello.representations.base import Column, Ids
from ritornello.representations.conditions import Conditions
from ritornello.representations.grammar import ChordGrammarState
from ritornello.representations.grids import quantised, solo_score, spread, without_rests
from ritornello.representations.tokenizer import FixedTokenizer, TokenizerConfig
from ritornello.representations.tokens import Note, Tokens, block, build_tokens, solo_range
from ritornello.score import Score
from ritornello.sustain import sustained
from ritornello.theory import instrument_range

STEPS_PER_QUARTER = 4
STEPS_PER_BAR = 16
LONGEST = 4 * STEPS_PER_BAR
"""The longest note, and the longest rest, in steps."""


class PolyphonyConfig(TokenizerConfig):
    """The options of `polyphony`."""

    position: bool = Field(False, description="show the network the position in the bar")


class Polyphony(FixedTokenizer[PolyphonyConfig]):
    """The representation `polyphony`; see `representations.base.Representation`."""

    name = "polyphony"
    config_model = PolyphonyConfig
    keeps_fixed_notes = True
    unsupported_settings = ("infill", "vary", "form", "loop")  # a note that goes on belongs to several bars

    @staticmethod
    def make_tokens(config: PolyphonyConfig) -> Tokens:
        pitches = np.arange(128)
        return build_tokens(
            block("start"),
            block("end"),
            block("step_end", duration=1 / STEPS_PER_QUARTER),
            block("new", 128, voice=0, pitch=pitches, notes=1, series=0),
            block("continued", 128, series=0, step=pitches, tells_of=pitches),
            instruments=[solo_range(config.program)],
            is_timed=True,
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        position = (Column("position", STEPS_PER_BAR),) if self.settings.position else ()
        return Column("token", self.tokens.size), *position

    def encode(self, score: Score) -> Ids:
        start, end, pitch = quantised(sustained(score), False, STEPS_PER_QUARTER, LONGEST)
        return self._ids_of(*without_rests(start, end, STEPS_PER_BAR, LONGEST), pitch)

    def _ids_of(self, start: Ints, end: Ints, pitch: Ints) -> Ids:
        steps, pitches, since = spread(start, end, pitch)
        first = self.tokens.first
        events = np.where(since == 0, first["new"], first["continued"]) + pitches
        total = int(end.max(initial=0))
        steps = np.concatenate([steps, np.arange(total)])
        order = np.lexsort((np.concatenate([-pitches, np.ones(total)]), steps))
        body = np.concatenate([events, np.full(total, first["step_end"])])[order]
        return np.concatenate([[self.start_id], body, [self.end_id]]).astype(np.int32)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:  # a frozen value
        """Return the ids of `score` without the end of the last step, so that notes can be added to it. As fixed notes
        it keeps all its rests."""
        is_fixed = conditions.fixed_notes is not None
        notes = quantised(score, False, STEPS_PER_QUARTER, LONGEST)
        ids = (self._ids_of(*notes) if is_fixed else self.encode(score))[:-1]
        return ids[:-1] if ids[-1] == self.tokens.first["step_end"] else ids

    def decode(self, ids: Ids) -> Score:
        reader, rows = PolyphonyGrammarState(self.tokens, Conditions(), tokenizer=self), []
        for token in [*self.known_ids(ids).tolist(), *[self.tokens.first["step_end"]] * 2]:
            before = reader.sounding
            reader.advance(token)
            for pitch, begun in before.items() if reader.sounding is not before else ():
                if reader.sounding.get(pitch) != begun:
                    rows.append((begun, reader.step - 1 - begun, pitch))
        return solo_score(rows, STEPS_PER_QUARTER, self.settings.program)

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        columns = [np.asarray(ids)]
        if self.settings.position:
            columns.append(np.cumsum(ids == self.tokens.first["step_end"]) % STEPS_PER_BAR)
        return np.stack(columns, axis=1).astype(np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> PolyphonyGrammarState:  # a frozen value
        score = conditions.fixed_notes.score if conditions.fixed_notes else None
        step_end = [self.tokens.first["step_end"]]
        ids = np.empty(0) if score is None else np.append(self.primer(score, conditions)[1:], step_end)
        steps = np.split(ids, np.flatnonzero(ids == self.tokens.first["step_end"]) + 1)[:-1]
        fixed = tuple(tuple(step[:-1].tolist()) for step in steps)
        return PolyphonyGrammarState(self.tokens, conditions, STEPS_PER_BAR, tokenizer=self, fixed=fixed)


@dataclass
class PolyphonyGrammarState(ChordGrammarState):
    """The `GrammarState` of `polyphony`.

    A piece ends, since pitches descend within a step and steps are counted. The mask is never empty, since a step can
    end or have its first note.
    """

    tokenizer: Polyphony = field(kw_only=True)
    fixed: tuple[tuple[int, ...], ...] = ()  # the fixed ids of each step, from the highest pitch down
    sounding: dict[int, int] = field(default_factory=dict)  # of the step before: when a pitch began
    present: dict[int, int] = field(default_factory=dict)  # likewise of the present step so far
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

    @property
    def forced_token(self) -> int | None:
        step = self.fixed[self.step] if self.token >= 0 and self.step < len(self.fixed) else ()
        return next((token for token in step if self.tokens.value[token] < self.lowest), None)

    def allow_step(self, mask: Mask) -> None:
        """Allow pitches below those of the step so far, new ones in range and those that sound, and its end; before a
        fixed note of the step only what may come before it, and before the last no end of the piece."""
        first, due = self.tokens.first, self.forced_token
        low, high = instrument_range(self.tokenizer.settings.program)
        mask[first["new"] + low : first["new"] + max(low, min(high + 1, self.lowest))] = True
        for pitch in self._continuable():
            if pitch < self.lowest:
                mask[first["continued"] + pitch] = True
        in_given = self.step < len(self.fixed)
        mask[first["step_end"]] = due is None and (bool(self.present) or in_given or not self.must_play)
        mask[first["end"]] = self.may_end and self.token == first["step_end"] and not in_given
        if due is not None:
            for kind in ("new", "continued"):
                mask[first[kind] : first[kind] + self.tokens.value[due] + 1] = False
            mask[due] = True

    def _continuable(self) -> Iterable[int]:
        """Return the pitches that sound and can go on: not those of fixed notes that ended with the step before."""
        if not self.fixed:
            return self.sounding
        before = self.fixed[self.step - 1] if 0 < self.step <= len(self.fixed) else ()
        now = self.fixed[self.step] if self.step < len(self.fixed) else ()
        value, first = self.tokens.value, self.tokens.first["continued"]
        ended = {value[token] for token in before if first + value[token] not in now}
        return [pitch for pitch in self.sounding if pitch not in ended]

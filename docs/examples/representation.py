"""A representation: the top line of a piece in eighths. Each step is a note of one eighth, or a rest."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ritornello.representations.base import Conditions
from ritornello.representations.grammar import StepGrammarState
from ritornello.representations.grids import VELOCITY, quantised, without_rests
from ritornello.representations.tokenizer import FixedTokenizer, TokenizerConfig
from ritornello.representations.tokens import block, build_tokens, solo_range
from ritornello.score import Score, Track, make_notes

LOWEST, HIGHEST, STEPS, BAR = 48, 84, 2, 8  # MIDI pitches, steps a quarter, steps a bar
PITCHES = np.arange(LOWEST, HIGHEST + 1)


class TopLine(FixedTokenizer[TokenizerConfig]):
    name = "top_line"
    config_model = TokenizerConfig

    @staticmethod
    def make_tokens(config):
        return build_tokens(
            block("note", len(PITCHES), voice=0, pitch=PITCHES, notes=1, duration=1 / STEPS, series=0),
            block("rest", duration=1 / STEPS),
            block("start"),
            block("end"),
            instruments=[solo_range(config.program, LOWEST, HIGHEST)],
            is_timed=True,
        )

    def encode(self, score):
        start, end, pitch = quantised(score, False, STEPS, 1)
        known = (pitch >= LOWEST) & (pitch <= HIGHEST)
        start, _ = without_rests(start[known], end[known], BAR, BAR)
        steps = np.full(-(-(start.max(initial=-1) + 1) // BAR) * BAR, self.tokens.first["rest"])
        steps[start] = pitch[known] - LOWEST  # sorted by start and pitch: the highest stays
        return np.array([self.start_id, *steps, self.end_id], dtype=np.int32)

    def decode(self, ids):
        steps = self.tokens.pitch[np.asarray(ids)[self.tokens.duration[ids] > 0]]
        rows = [(step, 1, pitch, VELOCITY) for step, pitch in enumerate(steps.tolist()) if pitch >= 0]
        return Score(STEPS, (Track(make_notes(rows), self.settings.program),) if rows else ())

    def grammar(self, conditions=Conditions()):
        return TopLineState(self.tokens, conditions, BAR, tokenizer=self)


@dataclass
class TopLineState(StepGrammarState):
    tokenizer: TopLine = field(kw_only=True)

    def advance(self, token):
        super().advance(token)
        self.step += int(self.tokens.duration[token] > 0)
        self.notes += len(self.last_notes)

    def allow_step(self, mask):
        mask[self.tokens.slice["note"]] = True
        mask[self.tokens.slice["rest"]] = self.may_rest
        mask[self.tokenizer.end_id] = self.may_end

"""`mini`: the top line of a piece on a grid of eighths; a note, its continuation or a rest at each step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.base import Conditions, Ids
from ritornello.representations.grammar import StepGrammarState
from ritornello.representations.grids import VELOCITY, quantised, without_rests
from ritornello.representations.tokenizer import FixedTokenizer, TokenizerConfig
from ritornello.representations.tokens import Tokens, block, build_tokens, solo_range
from ritornello.score import Score, Track, make_notes
from ritornello.theory import instrument_name

LOWEST, HIGHEST, STEPS_PER_QUARTER = 48, 84, 2
BAR = 4 * STEPS_PER_QUARTER


class Mini(FixedTokenizer[TokenizerConfig]):
    name = "mini"
    config_model = TokenizerConfig

    @staticmethod
    def make_tokens(config: TokenizerConfig) -> Tokens:
        pitches, step = range(LOWEST, HIGHEST + 1), 1 / STEPS_PER_QUARTER
        return build_tokens(
            block("note", len(pitches), voice=0, pitch=pitches, notes=1, duration=step, series=0),
            block("hold", duration=step),
            block("rest", duration=step),
            block("start"),
            block("end"),
            instruments=[solo_range(config.program, LOWEST, HIGHEST)],
            is_timed=True,
        )

    def encode(self, score: Score) -> Ids:
        start, end, pitch = quantised(score, False, STEPS_PER_QUARTER, BAR)
        known = (pitch >= LOWEST) & (pitch <= HIGHEST)
        start, end, pitch = start[known], end[known], pitch[known]
        top = np.diff(start, append=1 << 40) > 0  # the last, so the highest, of those that begin together
        start, end, pitch = start[top], end[top], pitch[top]
        end = np.minimum(end, np.concatenate([start[1:], end[-1:]]))
        start, end = without_rests(start, end, BAR, BAR)
        steps = np.full(end.max(initial=0), self.tokens.first["rest"])
        for first, last, each in zip(start, end, pitch, strict=True):
            steps[first:last] = self.tokens.first["hold"]
            steps[first] = each - LOWEST
        return np.array([self.start_id, *steps, self.end_id], dtype=np.int32)

    def decode(self, ids: Ids) -> Score:
        kinds = [self.tokens.kind[token] for token in np.asarray(ids).tolist()]
        moves = [(k, token) for k, token in zip(kinds, ids, strict=True) if k in ("note", "hold", "rest")]
        rows: list[list[int]] = []
        sounds = False
        for step, (kind, token) in enumerate(moves):
            if kind == "note":
                rows.append([step, 1, LOWEST + int(token), VELOCITY])
            elif kind == "hold" and sounds:
                rows[-1][1] += 1
            sounds = kind == "note" or (kind == "hold" and sounds)
        program = self.settings.program
        track = Track(make_notes([tuple(row) for row in rows]), program, name=instrument_name(program))
        return Score(STEPS_PER_QUARTER, (track,) if rows else ())

    def grammar(self, conditions: Conditions = Conditions()) -> MiniGrammarState:
        return MiniGrammarState(self.tokens, conditions, BAR, tokenizer=self)


@dataclass
class MiniGrammarState(StepGrammarState):
    tokenizer: Mini = field(kw_only=True)
    sounds: bool = False

    def advance(self, token: int) -> None:
        super().advance(token)
        kind = self.tokens.kind[token]
        if kind in ("note", "hold", "rest"):
            self.step += 1
            self.notes += kind == "note"
            self.sounds = kind == "note" or (kind == "hold" and self.sounds)

    def allow_step(self, mask: Mask) -> None:
        mask[self.tokens.slice["note"]] = True
        mask[self.tokens.slice["hold"]] = self.sounds
        mask[self.tokens.slice["rest"]] = self.may_rest
        mask[self.tokenizer.end_id] = self.may_end

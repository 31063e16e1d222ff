"""`mini`: the top line of a piece on a grid of eighths; a note, its continuation or a rest at each step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ritornello.representations.base import Conditions, Ids, Pace
from ritornello.representations.grid import VELOCITY, GridGrammarState, quantised, without_rests
from ritornello.representations.tokenizer import FixedTokenizer, Mask, TokenizerConfig, room
from ritornello.score import Score, Track, make_notes
from ritornello.theory import instrument_name

LOWEST, HIGHEST, STEPS_PER_QUARTER = 48, 84, 2
BAR = 4 * STEPS_PER_QUARTER


class Mini(FixedTokenizer[TokenizerConfig]):
    name = "mini"
    config_model = TokenizerConfig

    @staticmethod
    def counts(config: TokenizerConfig) -> dict[str, int]:
        return {"note": HIGHEST - LOWEST + 1, "hold": 1, "rest": 1, "start": 1, "end": 1}

    @property
    def is_note(self) -> Mask:
        return self.blocks.mask("note")

    @property
    def pace(self) -> Pace:
        steps = self.blocks.mask("note", "hold", "rest")
        return Pace(np.zeros(self.vocabulary_size), steps / STEPS_PER_QUARTER)

    def note_id(self, voice: int, pitch: int) -> int | None:
        return pitch - LOWEST if voice == 0 and LOWEST <= pitch <= HIGHEST else None

    def token_name(self, token: int) -> str:
        kind = self.blocks.kind[token]
        return f"note {LOWEST + token}" if kind == "note" else kind

    def encode(self, score: Score) -> Ids:
        start, end, pitch = quantised(score, False, STEPS_PER_QUARTER, BAR)
        known = (pitch >= LOWEST) & (pitch <= HIGHEST)
        start, end, pitch = start[known], end[known], pitch[known]
        top = np.diff(start, append=1 << 40) > 0  # the last, so the highest, of those that begin together
        start, end, pitch = start[top], end[top], pitch[top]
        end = np.minimum(end, np.concatenate([start[1:], end[-1:]]))
        start, end = without_rests(start, end, BAR, BAR)
        steps = np.full(end.max(initial=0), self.blocks.first["rest"])
        for first, last, each in zip(start, end, pitch, strict=True):
            steps[first:last] = self.blocks.first["hold"]
            steps[first] = each - LOWEST
        return np.array([self.start_id, *steps, self.end_id], dtype=np.int32)

    def decode(self, ids: Ids) -> Score:
        kinds = [self.blocks.kind[token] for token in np.asarray(ids).tolist()]
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

    def transposable(self, ids: Ids) -> tuple[int, int]:
        return room(np.asarray(ids)[self.is_note[ids]], 0, HIGHEST - LOWEST)

    def transposed(self, ids: Ids, semitones: int) -> Ids:
        return np.where(self.is_note[ids], ids + semitones, ids).astype(np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> MiniGrammarState:
        return MiniGrammarState(conditions, BAR, tokenizer=self)


@dataclass
class MiniGrammarState(GridGrammarState):
    tokenizer: Mini = field(kw_only=True)
    read: int = 0
    sounds: bool = False

    def advance(self, token: int) -> None:
        kind, self.token = self.tokenizer.blocks.kind[token], token
        if kind in ("note", "hold", "rest"):
            self.step, self.read = self.read, self.read + 1
            self.note_count += kind == "note"
            self.sounds = kind == "note" or (kind == "hold" and self.sounds)
        self.ended = kind == "end"

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.token,)

    @property
    def last_note(self) -> tuple[int, int] | None:
        return (0, LOWEST + self.token) if self.tokenizer.is_note[self.token] else None

    def fork(self) -> MiniGrammarState:
        return replace(self)

    @property
    def steps_read(self) -> int:
        return self.read

    def allow(self, mask: Mask) -> None:
        blocks = self.tokenizer.blocks
        mask[blocks.slice["note"]] = True
        mask[blocks.slice["hold"]] = self.sounds
        mask[blocks.slice["rest"]] = bool(self.note_count) or self.read < self.limit - 1
        mask[self.tokenizer.end_id] = bool(self.note_count) and self.read % BAR == 0 and self.is_free

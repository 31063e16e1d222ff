"""A representation: the top line of a piece in eighths. Each step is a note of one eighth, or a rest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ritornello.representations.base import Conditions, Pace
from ritornello.representations.grid import VELOCITY, GridGrammarState, quantised, without_rests
from ritornello.representations.tokenizer import FixedTokenizer, TokenizerConfig, room
from ritornello.score import Score, Track, make_notes

LOWEST, STEPS, BAR = 48, 2, 8  # MIDI pitch, steps a quarter, steps a bar


class TopLine(FixedTokenizer[TokenizerConfig]):
    name = "top_line"
    config_model = TokenizerConfig

    @staticmethod
    def counts(config):
        return {"note": 37, "rest": 1, "start": 1, "end": 1}

    @property
    def is_note(self):
        return self.blocks.mask("note")

    @property
    def pace(self):
        return Pace(np.zeros(self.vocabulary_size), self.blocks.mask("note", "rest") / STEPS)

    def note_id(self, voice, pitch):
        return pitch - LOWEST if voice == 0 and 0 <= pitch - LOWEST < 37 else None

    def token_name(self, token):
        return self.blocks.kind[token] + (f" {LOWEST + token}" if self.is_note[token] else "")

    def encode(self, score):
        start, end, pitch = quantised(score, False, STEPS, 1)
        known = (pitch >= LOWEST) & (pitch < LOWEST + 37)
        start, _ = without_rests(start[known], end[known], BAR, BAR)
        steps = np.full(-(-(start.max(initial=-1) + 1) // BAR) * BAR, self.blocks.first["rest"])
        steps[start] = pitch[known] - LOWEST  # sorted by start and pitch: the highest stays
        return np.array([self.start_id, *steps, self.end_id], dtype=np.int32)

    def decode(self, ids):
        steps = np.asarray(ids)[self.blocks.is_kind(ids, "note") | self.blocks.is_kind(ids, "rest")]
        rows = [(n, 1, LOWEST + int(token), VELOCITY) for n, token in enumerate(steps) if token < 37]
        return Score(STEPS, (Track(make_notes(rows), self.settings.program),) if rows else ())

    def transposable(self, ids):
        return room(np.asarray(ids)[self.is_note[ids]], 0, 36)

    def transposed(self, ids, semitones):
        return np.where(self.is_note[ids], ids + semitones, ids).astype(np.int32)

    def grammar(self, conditions=Conditions()):
        return TopLineState(conditions, BAR, tokenizer=self)


@dataclass
class TopLineState(GridGrammarState):
    tokenizer: TopLine = field(kw_only=True)
    read: int = 0  # steps so far

    def advance(self, token):
        self.token, kind = token, self.tokenizer.blocks.kind[token]
        if kind in ("note", "rest"):
            self.step, self.read = self.read, self.read + 1
        self.note_count, self.ended = self.note_count + (kind == "note"), kind == "end"

    def allow(self, mask):
        mask[self.tokenizer.blocks.slice["note"]] = True
        mask[self.tokenizer.blocks.slice["rest"]] = self.note_count or self.read < self.limit - 1
        mask[self.tokenizer.end_id] = self.is_free and self.note_count and self.read % BAR == 0

    columns = property(lambda self: (self.token,))
    steps_read = property(lambda self: self.read)
    last_note = property(lambda self: (0, LOWEST + self.token) if 0 <= self.token < 37 else None)
    fork = replace

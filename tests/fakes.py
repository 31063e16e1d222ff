"""Small stand-ins for the protocols, so that a test can say exactly what happens.

`StepRepresentation` is a scheme of a few ids on a coarse grid: each id is the start, the end, a step in time, or
a note. `small_network` makes an untrained network for any representation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.grammar import GrammarState
from ritornello.representations.tokenizer import BaseTokenizer
from ritornello.representations.tokens import block, build_tokens
from ritornello.score import Meter, Score, Track, make_notes

STEPS_PER_BAR = 4
VOICES, PITCHES = 2, 3
START, END, SHIFT, FIRST_NOTE = range(4)
LOWEST_PITCH = 60


class StepConfig(BaseModel):
    """Nothing to configure."""


TOKENS = build_tokens(
    block("start"),
    block("end"),
    block("shift", duration=1.0),
    block(
        "note",
        VOICES * PITCHES,
        voice=np.repeat(range(VOICES), PITCHES),
        pitch=np.tile(range(LOWEST_PITCH, LOWEST_PITCH + PITCHES), VOICES),
        notes=1,
        series=np.repeat(range(VOICES), PITCHES),
    ),
)


class StepRepresentation(BaseTokenizer[StepConfig]):
    """Ids: start, end, a quarter note of time, then the notes of two voices of three pitches each."""

    name = "steps"
    config_model = StepConfig
    start_id, end_id = START, END
    vocabulary_size = FIRST_NOTE + VOICES * PITCHES
    columns = (Column("token", vocabulary_size), Column("position", STEPS_PER_BAR))

    def __init__(self, config: StepConfig | None = None) -> None:
        super().__init__(config or StepConfig(), TOKENS)

    def grammar(self, conditions: Conditions = Conditions()) -> StepGrammarState:
        return StepGrammarState(TOKENS, conditions)

    def encode(self, score: Score) -> Ids:
        return np.append(self.primer(score), END).astype(np.int32)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        notes = [
            (int(start) // score.ticks_per_quarter, *self.tokens.note_ids(voice, int(pitch)))
            for voice, track in enumerate(score.tracks)
            for start, pitch in zip(track.notes["start"], track.notes["pitch"], strict=True)
        ]
        ids, now = [START], 0
        for time, note in sorted(notes):
            ids += [SHIFT] * (time - now) + [note]
            now = time
        return np.array(ids, dtype=np.int32)

    def inputs(self, ids: Ids) -> np.ndarray:
        grammar = self.grammar()
        rows = []
        for token in ids:
            grammar.advance(int(token))
            rows.append(grammar.columns)
        return np.array(rows, dtype=np.int32)

    def decode(self, ids: Ids) -> Score:
        rows: list[list[tuple[int, int, int, int]]] = [[] for _ in range(VOICES)]
        time = 0
        for token in np.asarray(ids).tolist():
            time += token == SHIFT
            if token >= FIRST_NOTE:
                voice, pitch = divmod(token - FIRST_NOTE, PITCHES)
                rows[voice].append((time * 480, 480, LOWEST_PITCH + pitch, 80))
        tracks = tuple(Track(make_notes(row), name=f"voice {voice}") for voice, row in enumerate(rows))
        return Score(480, tracks, meters=(Meter(0, STEPS_PER_BAR, 4),))


@dataclass
class StepGrammarState(GrammarState):
    """Notes of one time strictly upwards; the end anywhere in the last bar; no step beyond it."""

    time: int = 0
    highest: int = -1  # note id at the present time

    default_bars = 8

    def advance(self, token: int) -> None:
        super().advance(token)
        if token == SHIFT:
            self.time, self.highest = self.time + 1, -1
        elif token >= FIRST_NOTE:
            self.notes, self.highest = self.notes + 1, token

    @property
    def columns(self) -> tuple[int, ...]:
        return self.token, self.place[1]

    @property
    def place(self) -> tuple[int, int]:
        return divmod(self.time, STEPS_PER_BAR)

    @property
    def quarters(self) -> float:
        return float(self.time)

    def allowed_mask(self, out: np.ndarray | None = None) -> np.ndarray:
        mask = np.empty(StepRepresentation.vocabulary_size, dtype=bool) if out is None else out
        mask[:] = False
        mask[max(FIRST_NOTE, self.highest + 1) :] = True
        mask[SHIFT] = self.time + 1 < self.bars * STEPS_PER_BAR
        mask[END] = self.place[0] + 1 >= self.bars
        return mask


def allowed_ids(grammar: Any, states: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """Return the mask that the grammar and constraint states leave, and the names of those that gave way."""
    from ritornello.generation.decoder import apply_constraints

    mask = grammar.allowed_mask()
    return mask, apply_constraints(grammar, states, mask)


def longest_pitch_run(score: Score) -> int:
    """Return how often, at most, one track plays one pitch in a row."""
    return max((_longest_run(track.notes["pitch"].tolist()) for track in score.tracks), default=0)


def longest_bar_run(score: Score) -> int:
    """Return how often, at most, one bar with notes is played running: same onsets and pitches in every track."""
    starts = score.bar_starts()
    bars: list[set[tuple[int, int, int]]] = [set() for _ in starts]
    for voice, track in enumerate(score.tracks):
        for start, pitch in zip(track.notes["start"].tolist(), track.notes["pitch"].tolist(), strict=True):
            bar = int(np.searchsorted(starts, start, side="right")) - 1
            bars[bar].add((start - int(starts[bar]), voice, pitch))
    # An empty bar gets a value of its own, so that rests do not count as repetitions.
    return _longest_run([frozenset(bar) or number for number, bar in enumerate(bars)])


def _longest_run(values: list[Any]) -> int:
    longest, run = 0, 0
    for number, value in enumerate(values):
        run = run + 1 if number and value == values[number - 1] else 1
        longest = max(longest, run)
    return longest


def small_network(
    representation: Any, seed: int = 1, spread: float = 0.5, network: str = "lstm", **config: Any
) -> Any:
    """Return an untrained network of 8 units for a representation, with weights large enough to have opinions."""
    import torch

    from ritornello.networks import make_network

    torch.manual_seed(seed)
    sizes = tuple(column.size for column in representation.columns)
    if network == "lstm":
        config = {"embedding": 8, **config}
    made = make_network(network, {"hidden": 8, **config}, sizes)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=spread)
    return made.eval()

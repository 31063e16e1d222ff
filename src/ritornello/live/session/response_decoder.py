"""The response decoder: constrained decoding of an answer within a stretch of time.

An id is sampled from those that the grammar allows, that the constraints permit, and that fit the time: no note
before the answer's start, none at its stop or later. Notes are emitted as they are decided.

The window's time is in quarters from its origin. The token time, the sum of the ids' moves in time, may lag behind
it, since some tokenizers leave out long rests; `offset` is the difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ritornello.arrays import Mask
from ritornello.generation.decoder import Decoder
from ritornello.generation.samplers import Sampler
from ritornello.generation.stepper import Logits
from ritornello.live.config import JamConfig
from ritornello.live.session.encoding_window import EPSILON
from ritornello.live.session.model import LiveModel
from ritornello.representations.base import Conditions, GrammarState, Ids, Representation
from ritornello.score import Score
from ritornello.theory import DRUMS

CHUNK = 0.75
"""Seconds between emissions of decided notes; the first ones are emitted at once."""

Key = tuple[int, int, int]  # of a decoded note: program, tick, pitch


class DecidedNote(NamedTuple):
    """A note of the answer; start and end in quarters from the window's origin."""

    start: float
    end: float
    pitch: int
    velocity: int
    program: int


@dataclass(frozen=True)
class Task:
    """The answer to decode: from `start` to `stop`, in quarters of the window.

    at_once: with a note at the start, which is then on a beat in token time, wherever in the beat it is.
    """

    start: float
    stop: float
    beat: float  # the length of one
    chunk: float  # CHUNK in quarters
    at_once: bool
    permitted: Mask  # over the ids
    sample: Sampler
    generator: np.random.Generator
    settings: JamConfig  # constraints among them
    bar: float  # the length of one
    first_bar_line: float = 0.0  # where bar 0 of a chord progression begins
    candidates: int = 1  # answers of which the best is taken
    closeness: float = 0.0  # how strongly the answer takes up the call (`answer_preferences`)
    in_key: float = 0.0  # how strongly it keeps to the key of what the player plays meanwhile
    grid: float | None = None  # from one to the next of the lines on which notes begin; None: anywhere


@dataclass
class ResponseDecoder:
    """Decodes from where the ids of `decoder` end to the stop of its task."""

    model: LiveModel
    decoder: Decoder
    task: Task
    token_time: float
    offset: float = 0.0  # from the token time to the window's
    is_begun: bool = False  # whether the start has been reached
    since: float = -np.inf  # the token time at which the answer can begin
    given: frozenset[Key] = frozenset()  # the notes from there on that are not the answer's
    last_onset: float = -np.inf  # the token time of the last note before the answer
    emitted: set[Key] = field(default_factory=set)
    notes_before: int = 0
    emitted_until: float = -np.inf
    open_from: float | None = None  # start of the first note whose end is not known yet
    target: float = 0.0  # the window's time at which the ids are to reach the start

    def __post_init__(self) -> None:
        self.target, self.notes_before = self.task.start, self.grammar.notes
        if self.task.at_once:
            beat = self.task.beat
            self.target = round(self.task.start / beat) * beat
            if self.grammar.notes:
                self.target += max(0, math.ceil((self.time + EPSILON - self.target) / beat)) * beat
        else:
            self._begin_at(self.task.start - self.offset)
        self._reach_start()

    def fork(self, generator: np.random.Generator) -> ResponseDecoder:
        """Return an independent copy that draws from `generator`."""
        other = copy(self)
        other.decoder, other.emitted = self.decoder.fork(), set(self.emitted)
        other.task = replace(self.task, generator=generator)
        return other

    @property
    def has_notes(self) -> bool:
        """Whether the answer has a note."""
        return self.grammar.notes > self.notes_before

    @property
    def grammar(self) -> GrammarState:
        return self.decoder.grammar

    @property
    def time(self) -> float:
        """The window's time."""
        return self.token_time + self.offset

    @property
    def is_done(self) -> bool:
        """Whether nothing more can begin before the stop."""
        return (self.is_begun and self.time > self.task.stop - EPSILON) or self.grammar.ended

    def choose(self, logits: Logits) -> int | None:
        """Return the next id, or None if the answer ends before it."""
        if not self.is_begun and (rest := self._rest()) is not None:
            return rest
        mask = self.decoder.mask(restrict=self._fitting)
        if not mask.any():
            return None
        logits = self.decoder.process(logits)
        ids, _ = self.task.sample(logits[None], mask[None], [self.task.generator])
        token, tokens, stop = int(ids[0]), self.model.tokens, self.task.stop
        if not self.is_begun and self.task.at_once:
            return token
        onset = self.time + tokens.onset_offset[token]
        if self.model.brings_note[token]:
            passes_stop = onset > stop - EPSILON
        else:
            passes_stop = onset + tokens.duration[token] > stop + EPSILON
        return None if passes_stop else token

    def _fitting(self, allowed: Mask) -> Mask:
        """Return the ids of the grammar's mask `allowed` that fit the parts and, if there are any, the time."""
        mask = allowed & self.task.permitted
        if self.task.grid is not None and (on_grid := mask & self._is_on(self.task.grid)).any():
            mask = on_grid
        if not self.is_begun:
            fitting = mask & self._leads_in()
        elif self.task.at_once and self.grammar.notes == self.notes_before:
            fitting = mask & ~self._moves_silently()
        else:
            return mask
        return fitting if fitting.any() else mask

    def _is_on(self, grid: float) -> Mask:
        """Return the ids whose notes begin on a grid, and those without notes that lead to a line of it."""
        tokens = self.model.tokens
        after = np.where(self.model.brings_note, tokens.onset_offset, tokens.elapsed)
        lines = (self.time + after) / grid
        is_free = ~self.model.brings_note & (tokens.elapsed == 0)
        return np.asarray(is_free | (np.abs(lines - np.rint(lines)) < EPSILON / grid))

    def _moves_silently(self) -> Mask:
        return np.asarray((self.model.tokens.elapsed > 0) & ~self.model.brings_note)

    def _leads_in(self) -> Mask:
        """Return the silent ids that lead to the start; or beyond, if the answer need not begin at once."""
        after = self.time + self.model.tokens.elapsed
        latest = self.target if self.task.at_once else np.inf
        return self._moves_silently() & (after > self.target - EPSILON) & (after < latest + EPSILON)

    def _rest(self) -> int | None:
        """Return the longest silent id that ends before the start, if no single one leads there."""
        if (self._leads_in() & self.task.permitted & self.grammar.allowed_mask()).any():
            return None
        moves = self.model.tokens.elapsed
        fits = self._moves_silently() & self.task.permitted & (self.time + moves < self.target + EPSILON)
        if not fits.any():
            self._begin()
            return None
        return int(np.argmax(np.where(fits, moves, 0)))

    def advance(self, token: int) -> None:
        """Accept an id, of the answer or of the rest before it."""
        self.decoder.accept(token)
        self.token_time += float(self.model.tokens.elapsed[token])
        self._reach_start()

    def _reach_start(self) -> None:
        if not self.is_begun and self.time > self.target - EPSILON:
            if self.task.at_once:
                self._begin()
            self.is_begun = True

    def _begin(self) -> None:
        """Make the present token time the start, wherever on the token grid it is."""
        self.is_begun, self.offset = True, self.task.start - self.token_time
        self._begin_at(self.token_time)

    def _begin_at(self, token_time: float) -> None:
        """Count notes from a token time on as the answer's, except those that are there already."""
        self.since = token_time
        if self.last_onset > token_time - EPSILON:
            self.given = frozenset(key for key, _ in self._decoded())

    def decided(self, is_final: bool = False) -> list[DecidedNote]:
        """Return the decided notes that have not been emitted, once a chunk; all of them if `is_final`."""
        if not is_final:
            has_new = self.grammar.notes - self.notes_before > len(self.emitted)
            is_due = not self.emitted or self.token_time >= self.emitted_until + self.task.chunk
            if not (has_new and is_due):
                return []
        until = np.inf if is_final else self.token_time
        self.emitted_until, self.open_from = self.token_time, None
        found = []
        for key, note in self._decoded():
            if key in self.given or key in self.emitted or note.start < self.since - EPSILON:
                continue
            if (note.start if self.model.tokens.tells_ends else note.end) < until - EPSILON:
                self.emitted.add(key)
                start, end = note.start + self.offset, note.end + self.offset
                if not self.model.tokens.tells_ends or self.task.closeness:  # an answer leaves the turn free
                    end = min(end, max(self.task.stop, start + EPSILON))
                found.append(note._replace(start=start, end=end))
            elif self.open_from is None or note.start + self.offset < self.open_from:
                self.open_from = note.start + self.offset
        return sorted(found)

    def notes(self) -> list[DecidedNote]:
        """Return the notes of the answer so far, in quarters from the window's origin."""
        found = (note for key, note in self._decoded() if key not in self.given)
        return [
            note._replace(start=note.start + self.offset, end=note.end + self.offset)
            for note in found
            if note.start > self.since - EPSILON
        ]

    def _decoded(self) -> Iterator[tuple[Key, DecidedNote]]:
        """Yield the notes of all ids so far in token time, each with its key."""
        score = self.decoder.representation.decode(np.array(self.decoder.ids, dtype=np.int32))
        for track in score.tracks:
            program = DRUMS if track.is_drum else track.program
            for start, duration, pitch, velocity in track.notes.tolist():
                quarters = start / score.ticks_per_quarter, (start + duration) / score.ticks_per_quarter
                yield (program, start, pitch), DecidedNote(*quarters, pitch, velocity, program)


def make_decoder(
    model: LiveModel,
    representation: Representation,
    conditions: Conditions,
    ids: Ids,
    score: Score,
    task: Task,
) -> ResponseDecoder:
    """Return a decoder that goes on after `ids`, the encoding of `score` under `conditions`."""
    tokens, notes = model.tokens, model.brings_note[ids]
    times = np.cumsum(tokens.elapsed[ids])
    onsets = (times - tokens.duration[ids])[notes]
    # The token time lags behind by a beat or more where the tokenizer has left out a rest.
    offset, played = 0.0, max((int(t.notes["start"].max(initial=-1)) for t in score.tracks), default=-1)
    if len(onsets) and played >= 0:
        lag = float(played / score.ticks_per_quarter - onsets[-1])
        offset = lag if abs(lag) >= 1 else 0.0
    first_bar = round((offset - task.first_bar_line) / task.bar)
    states = model.start_constraints(task.settings, representation, first_bar)
    decoder = Decoder(representation, conditions, states)
    for token in ids.tolist():
        decoder.accept(token)
    last = float(onsets.max(initial=-np.inf))
    return ResponseDecoder(model, decoder, task, float(times[-1]), offset, last_onset=last)

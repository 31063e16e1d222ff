"""The response decoder: it decodes an answer id by id, within a stretch of time, and emits its notes as they are
decided: constrained decoding with the time as a further constraint.

Time is in quarters from the window's origin. An id is chosen by the network, from those that the grammar allows,
that the settings permit, and that fit the time: no note before the answer's start, none at its stop or
later. The scheme's own time may lag behind the window's, since some schemes leave out long rests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Mask
from ritornello.generation.decoder import Decoder
from ritornello.generation.samplers import Sampler
from ritornello.generation.stepper import Logits
from ritornello.live.config import JamConfig
from ritornello.live.session.model import LiveModel
from ritornello.representations.base import Conditions, GrammarState, Ids, Representation
from ritornello.score import Score
from ritornello.theory import DRUMS

EPSILON = 1e-6
CHUNK = 0.75
"""Seconds after which decided notes are emitted, the first ones aside, which are emitted at once."""

Key = tuple[int, int, int]  # what names a decoded note: program, tick, pitch


class DecidedNote(NamedTuple):
    """A note of the answer; start and end in quarters from the window's origin."""

    start: float
    end: float
    pitch: int
    velocity: int
    program: int


@dataclass(frozen=True)
class Task:
    """What to decode: play from `start` to `stop`, with a note at the start if `at_once`.

    Then the scheme sees the start on a beat nearby, wherever in the beat it is.
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


@dataclass
class ResponseDecoder:
    """Decodes from where the ids of `decoder` end to the stop of its task."""

    model: LiveModel
    decoder: Decoder
    task: Task
    clock: float  # the scheme's time
    clock_offset: float = 0.0  # to be added to it to get the window's time
    is_begun: bool = False  # whether the start has been reached
    since: float = -np.inf  # the scheme's time at which the answer can begin
    given: frozenset[Key] = frozenset()  # the notes from there on that are not the answer's
    last_onset: float = -np.inf  # the scheme's time of the last note before the answer
    emitted: set[Key] = field(default_factory=set)
    notes_before: int = 0
    emitted_until: float = -np.inf
    open_from: float | None = None  # start of the first note whose end is not known yet
    target: float = 0.0  # where the scheme is to see the start

    def __post_init__(self) -> None:
        self.target = self.task.start
        if self.task.at_once:
            self.target = round(self.task.start / self.task.beat) * self.task.beat
            missing = self.time + EPSILON - self.target
            self.target += (
                max(0, math.ceil(missing / self.task.beat)) * self.task.beat * bool(self.grammar.notes)
            )
        self.notes_before = self.grammar.notes
        if not self.task.at_once:
            self._begin_at(self.task.start - self.clock_offset)
        self._reach_start()

    @property
    def grammar(self) -> GrammarState:
        return self.decoder.grammar

    @property
    def time(self) -> float:
        """The window's time."""
        return self.clock + self.clock_offset

    @property
    def is_done(self) -> bool:
        """Whether nothing more can begin before the stop."""
        return (self.is_begun and self.time > self.task.stop - EPSILON) or self.grammar.ended

    # --- choosing ---------------------------------------------------------------------------------------------

    def choose(self, logits: Logits) -> int | None:
        """Return the next id, or None if the answer ends before it."""
        if not self.is_begun and (rest := self._rest()) is not None:
            return rest
        mask = self.decoder.mask(self._fitting)
        if not mask.any():
            return None
        ids, _ = self.task.sample(logits[None], mask[None], [self.task.generator])
        token = int(ids[0])
        return None if self._passes_stop(token) else token

    def _fitting(self, allowed: Mask) -> Mask:
        """Return those of the ids that the grammar allows which fit the parts and the time; none of them may."""
        mask = allowed & self.task.permitted
        if not self.is_begun or self._must_begin():
            fitting = mask & (self._leads_in() if not self.is_begun else ~self._moves_silently())
            mask = fitting if fitting.any() else mask
        return mask

    def _must_begin(self) -> bool:
        return self.task.at_once and self.grammar.notes == self.notes_before

    def _moves_silently(self) -> Mask:
        tokens = self.model.tokens
        return np.asarray((tokens.elapsed > 0) & ~self.model.brings_note)

    def _leads_in(self) -> Mask:
        """Return the silent ids that lead to the start; or beyond, if the answer need not begin at once."""
        tokens = self.model.tokens
        after = self.time + tokens.elapsed
        latest = self.target if self.task.at_once else np.inf
        return self._moves_silently() & (after > self.target - EPSILON) & (after < latest + EPSILON)

    def _rest(self) -> int | None:
        """Return the longest silent id that ends before the start, if no single one leads there."""
        if (self._leads_in() & self.task.permitted & self.grammar.allowed_mask()).any():
            return None
        tokens = self.model.tokens
        moves = tokens.elapsed
        fits = self._moves_silently() & self.task.permitted
        fits &= self.time + moves < self.target + EPSILON
        if not fits.any():
            self._begin()
            return None
        return int(np.argmax(np.where(fits, moves, 0)))

    def _passes_stop(self, token: int) -> bool:
        tokens = self.model.tokens
        if not self.is_begun and self.task.at_once:
            return False
        onset = self.time + tokens.onset_offset[token]
        if self.model.brings_note[token]:
            return bool(onset > self.task.stop - EPSILON)
        return bool(onset + tokens.duration[token] > self.task.stop + EPSILON)

    def advance(self, token: int) -> None:
        """Take an id, of the answer or of the rest before it."""
        self.decoder.accept(token)
        self.clock += float(self.model.tokens.elapsed[token])
        self._reach_start()

    def _reach_start(self) -> None:
        if not self.is_begun and self.time > self.target - EPSILON:
            if self.task.at_once:
                self._begin()
            self.is_begun = True

    def _begin(self) -> None:
        """Let the present time be the start, whatever the scheme's grid makes of it."""
        self.is_begun, self.clock_offset = True, self.task.start - self.clock
        self._begin_at(self.clock)

    def _begin_at(self, clock: float) -> None:
        """Take notes from this time of the scheme on for the answer's, unless they are there already."""
        self.since = clock
        if self.last_onset > clock - EPSILON:
            self.given = frozenset(key for key, _ in self._decoded())

    # --- emitting ---------------------------------------------------------------------------------------------

    def decided(self, is_final: bool = False) -> list[DecidedNote]:
        """Return the notes that have been decided and not been emitted."""
        self_time = np.inf if is_final else self.clock
        if not is_final and not self._is_time_to_emit():
            return []
        self.emitted_until, self.open_from = self.clock, None
        found = []
        for key, note in self._decoded():
            if key in self.given or key in self.emitted or note.start < self.since - EPSILON:
                continue
            if (note.start if self.model.tokens.tells_ends else note.end) < self_time - EPSILON:
                self.emitted.add(key)
                found.append(self._placed(note))
            elif self.open_from is None or note.start + self.clock_offset < self.open_from:
                self.open_from = note.start + self.clock_offset
        return sorted(found)

    def _is_time_to_emit(self) -> bool:
        new = self.grammar.notes - self.notes_before > len(self.emitted)
        return new and (not self.emitted or self.clock >= self.emitted_until + self.task.chunk)

    def _placed(self, note: DecidedNote) -> DecidedNote:
        end = note.end + self.clock_offset
        if not self.model.tokens.tells_ends:
            end = min(end, max(self.task.stop, note.start + self.clock_offset + EPSILON))
        return note._replace(start=note.start + self.clock_offset, end=end)

    def _decoded(self) -> Iterator[tuple[Key, DecidedNote]]:
        """Yield the notes of all ids so far in the scheme's time, each with its key."""
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
    """Return a decoder that goes on after `ids`, the beginning of a piece under `conditions`, which are what
    `score` is."""
    tokens, notes = model.tokens, model.brings_note[ids]
    times = np.cumsum(tokens.elapsed[ids])
    onsets = (times - tokens.duration[ids])[notes]
    clock_offset = _clock_offset_of(score, onsets)
    first_bar = round((clock_offset - task.first_bar_line) / task.bar)
    states = model.start_constraints(task.settings, representation, first_bar)
    decoder = Decoder(representation, conditions, states)
    for token in ids.tolist():
        decoder.accept(token)
    last = float(onsets.max(initial=-np.inf))
    return ResponseDecoder(model, decoder, task, float(times[-1]), clock_offset, last_onset=last)


def _clock_offset_of(score: Score, onsets: NDArray[np.floating[Any]]) -> float:
    """Return by how much the scheme's time lags behind, if it is by a beat or more: it has left out a rest."""
    played = max((int(track.notes["start"].max(initial=-1)) for track in score.tracks), default=-1)
    clock_offset = played / score.ticks_per_quarter - onsets[-1] if len(onsets) and played >= 0 else 0.0
    return float(clock_offset) if abs(clock_offset) >= 1 else 0.0

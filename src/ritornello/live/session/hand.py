"""The model's hand: it writes an answer id by id, within a stretch of time, and tells its notes as they are decided.

Time is in quarters from the window's origin. An id is chosen by the network, from those that the grammar allows,
that the player's wishes permit, and that fit the time: no note before the answer's start, none at its stop or
later. The scheme's own time may lag behind the window's, since some schemes leave out long rests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Mask
from ritornello.generation.constraints import Constraint
from ritornello.generation.samplers import Sampler
from ritornello.generation.stepper import Logits
from ritornello.live.session.model import LiveModel
from ritornello.representations.base import GrammarState, Ids, Representation
from ritornello.score import Score
from ritornello.theory import DRUMS

EPSILON = 1e-6
CHUNK = 0.75
"""Seconds after which decided notes are told, the first ones aside, which are told at once."""

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
    """What the hand is to do: play from `start` to `stop`, with a note at the start if `at_once`.

    Then the scheme sees the start on a beat nearby, wherever in the beat it is.
    """

    start: float
    stop: float
    beat: float  # the length of one
    chunk: float  # CHUNK in quarters
    at_once: bool
    permitted: Mask  # over the ids
    scale: frozenset[int] | None  # pitch classes to keep to
    sample: Sampler
    generator: np.random.Generator
    constraints: Sequence[Constraint] = ()


@dataclass
class Hand:
    """Writes on where `ids`, which `grammar` has taken, end."""

    model: LiveModel
    representation: Representation
    grammar: GrammarState
    ids: list[int]
    task: Task
    clock: float  # the scheme's time
    lag: float = 0.0  # to be added to it to get the window's time
    is_begun: bool = False  # whether the start has been reached
    since: float = -np.inf  # the scheme's time at which the answer can begin
    given: frozenset[Key] = frozenset()  # the notes from there on that are not the answer's
    last_onset: float = -np.inf  # the scheme's time of the last note before the answer
    told: set[Key] = field(default_factory=set)
    notes_before: int = 0
    told_until: float = -np.inf
    open_from: float | None = None  # start of the first note whose end is not known yet
    aim: float = 0.0  # where the scheme is to see the start

    def __post_init__(self) -> None:
        self.aim = self.task.start
        if self.task.at_once:
            self.aim = round(self.task.start / self.task.beat) * self.task.beat
            missing = self.time + EPSILON - self.aim
            self.aim += (
                max(0, math.ceil(missing / self.task.beat)) * self.task.beat * bool(self.grammar.notes)
            )
        self.notes_before = self.grammar.notes
        if not self.task.at_once:
            self._begin_at(self.task.start - self.lag)
        self._reach_start()

    @property
    def time(self) -> float:
        """The window's time."""
        return self.clock + self.lag

    @property
    def is_done(self) -> bool:
        """Whether nothing more can begin before the stop."""
        return (self.is_begun and self.time > self.task.stop - EPSILON) or self.grammar.ended

    # --- choosing ---------------------------------------------------------------------------------------------

    def choose(self, logits: Logits) -> int | None:
        """Return the next id, or None if the answer ends before it."""
        if not self.is_begun and (rest := self._rest()) is not None:
            return rest
        mask = self._fitting()
        if mask is None:
            return None
        ids, _ = self.task.sample(logits[None], mask[None], [self.task.generator])
        token = int(ids[0])
        return None if self._passes_stop(token) else token

    def _fitting(self) -> Mask | None:
        """Return the mask of the ids that fit, the constraints heeded if anything is left then; None if none fits."""
        mask = self.grammar.allowed_mask() & self.task.permitted
        if not self.is_begun or self._must_begin():
            fitting = mask & (self._leads_in() if not self.is_begun else ~self._moves_silently())
            mask = fitting if fitting.any() else mask
        if not mask.any():
            return None
        strict = mask.copy()
        strict[[token for rule in self.task.constraints for token in rule.forbidden(self.grammar)]] = False
        return strict if strict.any() else mask

    def _must_begin(self) -> bool:
        return self.task.at_once and self.grammar.notes == self.notes_before

    def _moves_silently(self) -> Mask:
        pace = self.model.pace
        return np.asarray((pace.before + pace.after > 0) & ~self.model.brings_note)

    def _leads_in(self) -> Mask:
        """Return the silent ids that lead to the start; or beyond, if the answer need not begin at once."""
        pace = self.model.pace
        after = self.time + pace.before + pace.after
        latest = self.aim if self.task.at_once else np.inf
        return self._moves_silently() & (after > self.aim - EPSILON) & (after < latest + EPSILON)

    def _rest(self) -> int | None:
        """Return the longest silent id that ends before the start, if no single one leads there."""
        if (self._leads_in() & self.task.permitted & self.grammar.allowed_mask()).any():
            return None
        pace = self.model.pace
        moves = pace.before + pace.after
        fits = self._moves_silently() & self.task.permitted
        fits &= self.time + moves < self.aim + EPSILON
        if not fits.any():
            self._begin()
            return None
        return int(np.argmax(np.where(fits, moves, 0)))

    def _passes_stop(self, token: int) -> bool:
        pace = self.model.pace
        if not self.is_begun and self.task.at_once:
            return False
        onset = self.time + pace.before[token]
        if self.model.brings_note[token]:
            return bool(onset > self.task.stop - EPSILON)
        return bool(onset + pace.after[token] > self.task.stop + EPSILON)

    def advance(self, token: int) -> None:
        """Take an id, of the answer or of the rest before it."""
        self.ids.append(token)
        self.grammar.advance(token)
        for rule in self.task.constraints:
            rule.observe(self.grammar)
        self.clock += float(self.model.pace.before[token] + self.model.pace.after[token])
        self._reach_start()

    def _reach_start(self) -> None:
        if not self.is_begun and self.time > self.aim - EPSILON:
            if self.task.at_once:
                self._begin()
            self.is_begun = True

    def _begin(self) -> None:
        """Let the present time be the start, whatever the scheme's grid makes of it."""
        self.is_begun, self.lag = True, self.task.start - self.clock
        self._begin_at(self.clock)

    def _begin_at(self, clock: float) -> None:
        """Take notes from this time of the scheme on for the answer's, unless they are there already."""
        self.since = clock
        if self.last_onset > clock - EPSILON:
            self.given = frozenset(key for key, _ in self._decoded())

    # --- telling ----------------------------------------------------------------------------------------------

    def decided(self, is_final: bool = False) -> list[DecidedNote]:
        """Return the notes that have been decided and not been told."""
        self_time = np.inf if is_final else self.clock
        if not is_final and not self._is_time_to_tell():
            return []
        self.told_until, self.open_from = self.clock, None
        found = []
        for key, note in self._decoded():
            if key in self.given or key in self.told or note.start < self.since - EPSILON:
                continue
            if (note.start if self.model.pace.tells_ends else note.end) < self_time - EPSILON:
                self.told.add(key)
                found.append(self._placed(note))
            elif self.open_from is None or note.start + self.lag < self.open_from:
                self.open_from = note.start + self.lag
        return sorted(found)

    def _is_time_to_tell(self) -> bool:
        new = self.grammar.notes - self.notes_before > len(self.told)
        return new and (not self.told or self.clock >= self.told_until + self.task.chunk)

    def _placed(self, note: DecidedNote) -> DecidedNote:
        end = note.end + self.lag
        if not self.model.pace.tells_ends:
            end = min(end, max(self.task.stop, note.start + self.lag + EPSILON))
        return note._replace(start=note.start + self.lag, end=end)

    def _decoded(self) -> Iterator[tuple[Key, DecidedNote]]:
        """Yield the notes of all ids so far in the scheme's time, each with its key."""
        score = self.representation.decode(np.array(self.ids, dtype=np.int32))
        for track in score.tracks:
            program = DRUMS if track.is_drum else track.program
            for start, duration, pitch, velocity in track.notes.tolist():
                quarters = start / score.ticks_per_quarter, (start + duration) / score.ticks_per_quarter
                yield (program, start, pitch), DecidedNote(*quarters, pitch, velocity, program)


def make_hand(
    model: LiveModel,
    representation: Representation,
    grammar: GrammarState,
    ids: Ids,
    score: Score,
    task: Task,
) -> Hand:
    """Return a hand that goes on after `ids`, which are what `score` is; `grammar` is before their first."""
    for token in ids.tolist():
        grammar.advance(token)
        for rule in task.constraints:
            rule.observe(grammar)
    pace, notes = model.pace, model.brings_note[ids]
    times = np.cumsum(pace.before[ids] + pace.after[ids])
    onsets = (times - pace.after[ids])[notes]
    clock, lag, last = float(times[-1]), _lag_of(score, onsets), float(onsets.max(initial=-np.inf))
    return Hand(model, representation, grammar, ids.tolist(), task, clock, lag, last_onset=last)


def _lag_of(score: Score, onsets: NDArray[np.floating[Any]]) -> float:
    """Return by how much the scheme's time lags behind, if it is by a beat or more: it has left out a rest."""
    played = max((int(track.notes["start"].max(initial=-1)) for track in score.tracks), default=-1)
    lag = played / score.ticks_per_quarter - onsets[-1] if len(onsets) and played >= 0 else 0.0
    return float(lag) if abs(lag) >= 1 else 0.0

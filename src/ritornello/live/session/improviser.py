"""The improviser: encodes the call into the network's state, and decodes the answer from there.

A `ModelState` is the network's state before the last id, and that id's row: so there is always a step whose logits
predict the next id. Listening advances the model state, a few notes at a time while the player plays. The notes of
the window are encoded anew each time, and compared with the ids that the network has taken in: where they differ (a
note turned out longer), the improviser goes back to the last mark before.

The improviser never calls the network: `wants` is the step that it needs, `supply` takes the result.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator
from typing import NamedTuple

from ritornello.generation.stepper import Logits, State
from ritornello.live.events import LiveNote, Side
from ritornello.live.session.answer_preferences import SuitsKey
from ritornello.live.session.call_profile import CallProfile, profile_of
from ritornello.live.session.candidates import Candidate, ModelState, Step, Taste, step_of, taste_for
from ritornello.live.session.encoding_window import BARS, Ensemble, Window, header_length
from ritornello.live.session.model import LiveModel
from ritornello.live.session.record import TimedControl
from ritornello.live.session.response_decoder import DecidedNote, ResponseDecoder, Task, make_decoder
from ritornello.score import Score
from ritornello.theory import DRUMS

MARK_EVERY, MARKS = 8, 6
"""Ids from one mark to the next, and marks kept besides the last one and the one at the window's beginning."""

FEWEST_CLASSES = 4
"""Pitch classes that the player has played in a window before a key is heard in them."""


class InputSnapshot(NamedTuple):
    """The notes of a window until a time (seconds); those that begin before `settled` will not change any more."""

    window: Window
    notes: tuple[LiveNote, ...]
    until: float
    settled: float
    pedal: tuple[TimedControl, ...] = ()


Results = tuple[Logits, State]
Job = Generator[Step, Results, object]


class Improviser:
    """Listens and answers in one window at a time, from `model_state` on.

    wants: the step of the network that is needed to go on, if any. decided: notes of the answer, for the caller to
    take. needed: the time, in quarters of the window, from which on notes are being decoded. relaxed: the requested
    constraints that were relaxed, with the number of steps.
    """

    def __init__(self, model: LiveModel, model_state: ModelState | None = None) -> None:
        self.model = model
        self.model_state = model_state or ModelState(model.initial_state)
        self.decided: list[DecidedNote] = []
        self.relaxed: Counter[str] = Counter()
        self.memory: tuple[Ensemble, InputSnapshot] | None = None
        self.close()

    def close(self) -> None:
        """End the window; the model state keeps what it encoded, but for a memory that it has not heard to its end."""
        if self.memory:
            self.model_state = self._marks[0][1]
        self.decoder: ResponseDecoder | None = None
        self._job: Job | None = None
        self.wants: Step | None = None
        self.needed, self._is_due = math.inf, False
        self._taken: list[int] = []  # ids of this window that the model state has taken in
        self._marks: list[tuple[int, ModelState]] = [(0, self.model_state)]

    @property
    def before_window(self) -> ModelState:
        """The model state before the window."""
        return self._marks[0][1]

    def stop(self) -> None:
        """Stop encoding and decoding; the window goes on."""
        self.decoder = self._job = self.wants = None

    def supply(self, logits: Logits, state: State, is_due: bool = False) -> None:
        """Go on with the result of the step `wants`; `is_due`: the notes that are being decoded are to sound now."""
        assert self._job is not None
        self._is_due = is_due
        self._advance(self._job, (logits, state))

    def recall(self, ensemble: Ensemble, inputs: InputSnapshot) -> None:
        """Begin to encode a memory; what comes before its end takes it in first."""
        self.memory = ensemble, inputs
        self._begin(self._take_in_memory())

    def listen(self, ensemble: Ensemble, inputs: InputSnapshot) -> None:
        """Begin to encode the notes that will not change any more."""
        settled = [note for note in inputs.notes if note.start < inputs.settled]
        score = ensemble.score(inputs.window, settled, inputs.until, inputs.pedal)
        self._begin(self._take_in(ensemble, inputs, score))

    def answer(self, ensemble: Ensemble, inputs: InputSnapshot, task: Task) -> None:
        """Begin to encode all notes, and then to decode an answer."""
        self._begin(self._answer(ensemble, inputs, task))

    def _begin(self, job: Job) -> None:
        self._job, self.decoder = job, None
        self._advance(job, None)

    def _advance(self, job: Job, result: Results | None) -> None:
        try:
            self.wants = next(job) if result is None else job.send(result)
        except StopIteration:
            self._job = self.wants = None

    def _answer(
        self, ensemble: Ensemble, inputs: InputSnapshot, task: Task
    ) -> Generator[Step, Results, None]:
        score = ensemble.score(inputs.window, inputs.notes, inputs.until, inputs.pedal)
        decoder = yield from self._take_in(ensemble, inputs, score, task)
        assert decoder is not None
        if task.in_key and (key := self._key_of_player(ensemble, inputs)) is not None:
            decoder.decoder.follow([SuitsKey(key, self.model.tokens, task.in_key)])
        line, taste = (
            Candidate(decoder, self.model_state),
            taste_for(decoder) if task.closeness or task.candidates > 1 else None,
        )
        count, self.needed = task.candidates, task.start
        while not line.is_over:
            if count == 1:
                line = yield from self._one(line, taste)
            else:
                line, is_hurried = yield from self._best_of(line, count, taste)
                count = 1 if is_hurried and self.needed > task.start else count
            self._take(line.ids, line.model_state)
            line.ids.clear()
            self.decoder = line.decoder if count == 1 else None  # else the rest is decoded without delay
            self.decided += line.decoder.decided(is_final=line.is_over)
            self.needed = line.decoder.time
        self.decided += line.decoder.decided(is_final=True)
        asked = {state.name for state in line.decoder.decoder.constraints if state.is_asked}
        self.relaxed.update({name: n for name, n in line.decoder.decoder.relaxed.items() if name in asked})
        self.decoder = None

    @staticmethod
    def _key_of_player(ensemble: Ensemble, inputs: InputSnapshot) -> CallProfile | None:
        """Return the profile of what the player plays in the window; None if that is too little to have a key."""
        notes = tuple(note for note in inputs.notes if note.side is Side.PLAYER and note.program != DRUMS)
        if len({note.pitch % 12 for note in notes}) < FEWEST_CLASSES:
            return None
        return profile_of(ensemble.score(inputs.window, notes, inputs.until, inputs.pedal))

    def _one(self, line: Candidate, taste: Taste | None) -> Generator[Step, Results, Candidate]:
        """Decode one id."""
        if taste is not None and not line.has_taste:
            line.prefer(taste)
        logits, state = yield step_of([line])
        line.go_on(logits[0], state)
        return line

    def _best_of(
        self, line: Candidate, count: int, taste: Taste | None
    ) -> Generator[Step, Results, tuple[Candidate, bool]]:
        """Decode several answers to their end, or until notes are due; return the best, and whether they were due."""
        lines = line.forks(count)
        if taste is not None and not line.has_taste:
            for each in lines:
                each.prefer(taste)
        notes, is_hurried = line.decoder.grammar.notes, False
        while not is_hurried and (live := [each for each in lines if not each.is_over]):
            logits, state = yield step_of(live)
            for row, each in enumerate(live):
                each.go_on(logits[row], tuple(part[row : row + 1] for part in state))
            is_hurried = self._is_due and all(
                each.is_over or each.decoder.grammar.notes > notes for each in lines
            )
        stop = min((each.decoder.time for each in lines if not each.is_over), default=math.inf)
        return max(lines, key=lambda each: taste.rank(each.decoder, stop) if taste else 0.0), is_hurried

    def _take_in(
        self, ensemble: Ensemble, inputs: InputSnapshot, score: Score, task: Task | None = None
    ) -> Generator[Step, Results, ResponseDecoder | None]:
        """Advance the model state to the end of the memory, if there is one, and then to that of `score`.

        If there is a task, return the decoder that goes on there.
        """
        yield from self._take_in_memory()
        return (yield from self._encode(ensemble, inputs, score, task))

    def _take_in_memory(self) -> Generator[Step, Results, None]:
        if self.memory:
            ensemble, inputs = self.memory
            score = ensemble.score(inputs.window, inputs.notes, inputs.until, inputs.pedal)
            yield from self._encode(ensemble, inputs, score)
            self.memory, self._taken, self._marks = None, [], [(0, self.model_state)]

    def _encode(
        self, ensemble: Ensemble, inputs: InputSnapshot, score: Score, task: Task | None = None
    ) -> Generator[Step, Results, ResponseDecoder | None]:
        bars = int(inputs.window.quarters(inputs.until) / inputs.window.bar_quarters) + BARS // 2
        conditions = ensemble.conditions(inputs.window, max(BARS, bars))
        representation = self.model.representation
        if not self.model.has_voices:  # else its parts are those of the ensemble
            representation = representation.for_piece(score if score.note_count else None, conditions)
        ids = ensemble.ids(representation, inputs.window, score, inputs.until, conditions)
        has_header = self._marks[0][1].parts == ensemble.parts
        first = header_length(ids, self.model) if has_header else 0
        body, rows = ids[first:].tolist(), representation.inputs(ids)[first:].tolist()
        self._go_back(body)
        for number in range(len(self._taken), len(body)):
            state = self.model_state.network
            if self.model_state.row is not None:
                _, state = yield Step((self.model_state.row,), state)
            self._take([body[number]], ModelState(state, tuple(rows[number]), ensemble.parts))
        if task is None:
            return None
        return make_decoder(self.model, representation, conditions, ids, score, task)

    def _take(self, ids: list[int], model_state: ModelState) -> None:
        self._taken += ids
        self.model_state = model_state
        if ids and (len(ids) > 1 or len(self._taken) % MARK_EVERY == 0):
            mark = len(self._taken), model_state
            self._marks = [self._marks[0], *self._marks[1:][-MARKS:], mark]

    def _go_back(self, body: list[int]) -> None:
        """Go back to the last mark at which all ids taken in are the beginning of `body`."""
        pairs = zip(self._taken, body, strict=False)
        same = next((n for n, (mine, other) in enumerate(pairs) if mine != other), len(self._taken))
        same = min(same, len(body))
        if same < len(self._taken):
            self._marks = [self._marks[0], *(mark for mark in self._marks[1:] if mark[0] <= same)]
            length, self.model_state = self._marks[-1]
            self._taken = body[:length]

"""The improviser: it listens by carrying the network's state, and answers from there.

A `ModelState` is the state of the network, and the last id, which it has not taken in yet (so
that there is always a step whose logits say what may follow). Listening advances this state; it can be done bit by
bit while the player plays. The inputs are encoded anew each time, and compared with what the network has taken in:
 where they part (a note turned out longer), the network goes back to the last mark before.

The improviser never calls the network: it says what step it `wants`, and is supplied with the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

from ritornello.generation.stepper import Logits, State
from ritornello.live.events import LiveNote
from ritornello.live.session.encoding_window import BARS, Ensemble, Window, header_length
from ritornello.live.session.model import LiveModel
from ritornello.live.session.record import TimedControl
from ritornello.live.session.response_decoder import DecidedNote, ResponseDecoder, Task, make_decoder
from ritornello.score import Score

MARK_EVERY, MARKS = 8, 6
"""Ids from one mark to the next, and marks kept besides the last one and the one at the window's beginning."""

Columns = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """What the network is to be given: the row of an id, and the state before it."""

    columns: Columns
    state: State


class ModelState(NamedTuple):
    """The network's state. `row` is the last id's, None before the first; `parts` are those of the last header."""

    state: State
    row: Columns | None = None
    parts: tuple[int, ...] = ()


class InputSnapshot(NamedTuple):
    """The notes of a window until a time (seconds), and the time from which they may yet change."""

    window: Window
    notes: tuple[LiveNote, ...]
    until: float
    settled: float
    pedal: tuple[TimedControl, ...] = ()


Job = Generator[Step, tuple[Logits, State], None]


class Improviser:
    """Listens and answers in one window at a time, from `model_state` on."""

    def __init__(self, model: LiveModel, model_state: ModelState | None = None) -> None:
        self.model = model
        self.model_state = model_state or ModelState(model.initial_state)
        self.decoder: ResponseDecoder | None = None
        self.decided: list[DecidedNote] = []
        self.relaxed: Counter[str] = (
            Counter()
        )  # constraints that were asked for and gave way, and at how many steps
        self._job: Job | None = None
        self._step: Step | None = None
        self._forget_window()

    def _forget_window(self) -> None:
        self._taken: list[int] = []  # ids of this window that the model state has taken in
        self._marks: list[tuple[int, ModelState]] = [(0, self.model_state)]

    @property
    def wants(self) -> Step | None:
        """The step it waits for."""
        return self._step

    def supply(self, logits: Logits, state: State) -> None:
        """Go on with the result of the step that was wanted."""
        assert self._job is not None
        self._advance(self._job, (logits, state))

    def listen(self, ensemble: Ensemble, inputs: InputSnapshot) -> None:
        """Take in what has been played and will not change any more."""
        self._begin(self._listen(ensemble, inputs))

    def answer(self, ensemble: Ensemble, inputs: InputSnapshot, task: Task) -> None:
        """Take in what has been played, and play."""
        self._begin(self._answer(ensemble, inputs, task))

    def close(self) -> None:
        """End the window: what it was is in the model state now."""
        self._job = self._step = self.decoder = None
        self._forget_window()

    def _begin(self, job: Job) -> None:
        self._job, self.decoder = job, None
        self._advance(job, None)

    def _advance(self, job: Job, result: tuple[Logits, State] | None) -> None:
        try:
            self._step = next(job) if result is None else job.send(result)
        except StopIteration:
            self._job = self._step = None

    # --- jobs -------------------------------------------------------------------------------------------------

    def _listen(self, ensemble: Ensemble, inputs: InputSnapshot) -> Job:
        settled = [note for note in inputs.notes if note.start < inputs.settled]
        score = ensemble.score(inputs.window, settled, inputs.until, inputs.pedal)
        yield from self._take_in(ensemble, inputs, score)

    def _answer(self, ensemble: Ensemble, inputs: InputSnapshot, task: Task) -> Job:
        score = ensemble.score(inputs.window, inputs.notes, inputs.until, inputs.pedal)
        decoder = yield from self._take_in(ensemble, inputs, score, task)
        assert decoder is not None
        self.decoder = decoder
        while not decoder.is_done:
            assert self.model_state.row is not None
            logits, state = yield Step(self.model_state.row, self.model_state.state)
            token = decoder.choose(logits)
            if token is None:
                break
            decoder.advance(token)
            self._take(token, ModelState(state, decoder.grammar.columns, ensemble.parts))
            self.decided += decoder.decided()
        self.decided += decoder.decided(is_final=True)
        asked = {state.name for state in decoder.decoder.constraints if state.is_asked}
        self.relaxed.update({name: n for name, n in decoder.decoder.relaxed.items() if name in asked})
        self.decoder = None

    def _take_in(
        self, ensemble: Ensemble, inputs: InputSnapshot, score: Score, task: Task | None = None
    ) -> Generator[Step, tuple[Logits, State], ResponseDecoder | None]:
        """Advance the model state to the end of `score`. Return the decoder that goes on there, if there is a task."""
        bars = int(inputs.window.quarters(inputs.until) / inputs.window.bar_quarters) + BARS // 2
        conditions = ensemble.conditions(inputs.window, max(BARS, bars))
        representation = self.model.representation.for_piece(score if score.note_count else None, conditions)
        ids = ensemble.ids(representation, inputs.window, score, inputs.until, conditions)
        header = header_length(ids, self.model)
        told = self._marks[0][1].parts == ensemble.parts
        body, rows = ids[header:] if told else ids, representation.inputs(ids)[header if told else 0 :]
        self._go_back(body.tolist())
        for number in range(len(self._taken), len(body)):
            state = self.model_state.state
            if self.model_state.row is not None:
                _, state = yield Step(self.model_state.row, state)
            self._take(int(body[number]), ModelState(state, tuple(rows[number].tolist()), ensemble.parts))
        if task is None:
            return None
        return make_decoder(self.model, representation, conditions, ids, score, task)

    def _take(self, token: int, model_state: ModelState) -> None:
        self._taken.append(token)
        self.model_state = model_state
        if len(self._taken) % MARK_EVERY == 0:
            mark = len(self._taken), model_state
            self._marks = [self._marks[0], *self._marks[1:][-MARKS:], mark]

    def _go_back(self, body: list[int]) -> None:
        """Go back to the last mark at which all that was taken in is the beginning of `body`."""
        pairs = zip(self._taken, body, strict=False)
        same = next((n for n, (mine, other) in enumerate(pairs) if mine != other), len(self._taken))
        same = min(same, len(body))
        if same == len(self._taken):
            return
        self._marks = [self._marks[0], *(mark for mark in self._marks[1:] if mark[0] <= same)]
        length, self.model_state = self._marks[-1]
        self._taken = body[:length]

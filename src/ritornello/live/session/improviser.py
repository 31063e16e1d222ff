"""The improviser: it listens by carrying the network's state, and answers from there.

What a model remembers is a `Memory`: the state of its network, and the last id, which it has not taken in yet (so
that there is always a step whose logits say what may follow). Listening moves the memory on; it can be done bit by
bit while the player plays. What was heard is encoded anew each time, and compared with what the network has taken
in: where they part (a note turned out longer), the network goes back to the last mark before.

The improviser never calls the network: it says what step it `wants`, and is supplied with the result.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ritornello.generation.stepper import Logits, State
from ritornello.live.events import LiveNote
from ritornello.live.session.hand import DecidedNote, Hand, Task, make_hand
from ritornello.live.session.hearing import BARS, Band, Window, header_length
from ritornello.live.session.model import LiveModel
from ritornello.live.session.record import TimedControl
from ritornello.score import Score

MARK_EVERY, MARKS = 8, 6
"""Ids from one mark to the next, and marks kept besides the last one and the one at the window's beginning."""

Columns = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """What the network is to be given: the row of an id, and the state before it."""

    columns: Columns
    state: State


class Memory(NamedTuple):
    """What a model remembers. `row` is the last id's, None before the first; `parts` are those it was told of."""

    state: State
    row: Columns | None = None
    parts: tuple[int, ...] = ()


class Heard(NamedTuple):
    """What is to be heard: the notes of a window until a time (seconds), and that from which they may yet change."""

    window: Window
    notes: tuple[LiveNote, ...]
    until: float
    settled: float
    pedal: tuple[TimedControl, ...] = ()


Job = Generator[Step, tuple[Logits, State], None]


class Improviser:
    """Listens and answers in one window at a time, from `memory` on."""

    def __init__(self, model: LiveModel, memory: Memory | None = None) -> None:
        self.model = model
        self.memory = memory or Memory(model.initial_state)
        self.hand: Hand | None = None
        self.decided: list[DecidedNote] = []
        self._job: Job | None = None
        self._step: Step | None = None
        self._forget_window()

    def _forget_window(self) -> None:
        self._taken: list[int] = []  # ids of this window that the memory has taken
        self._marks: list[tuple[int, Memory]] = [(0, self.memory)]

    @property
    def wants(self) -> Step | None:
        """The step it waits for."""
        return self._step

    def supply(self, logits: Logits, state: State) -> None:
        """Go on with the result of the step that was wanted."""
        assert self._job is not None
        self._advance(self._job, (logits, state))

    def listen(self, band: Band, heard: Heard) -> None:
        """Take in what has been played and will not change any more."""
        self._begin(self._listen(band, heard))

    def answer(self, band: Band, heard: Heard, task: Task) -> None:
        """Take in what has been played, and play."""
        self._begin(self._answer(band, heard, task))

    def close(self) -> None:
        """End the window: what it was is memory now."""
        self._job = self._step = self.hand = None
        self._forget_window()

    def _begin(self, job: Job) -> None:
        self._job, self.hand = job, None
        self._advance(job, None)

    def _advance(self, job: Job, result: tuple[Logits, State] | None) -> None:
        try:
            self._step = next(job) if result is None else job.send(result)
        except StopIteration:
            self._job = self._step = None

    # --- jobs -------------------------------------------------------------------------------------------------

    def _listen(self, band: Band, heard: Heard) -> Job:
        settled = [note for note in heard.notes if note.start < heard.settled]
        score = band.score(heard.window, settled, heard.until, heard.pedal)
        yield from self._take_in(band, heard, score)

    def _answer(self, band: Band, heard: Heard, task: Task) -> Job:
        score = band.score(heard.window, heard.notes, heard.until, heard.pedal)
        hand = yield from self._take_in(band, heard, score, task)
        assert hand is not None
        self.hand = hand
        while not hand.is_done:
            assert self.memory.row is not None
            logits, state = yield Step(self.memory.row, self.memory.state)
            token = hand.choose(logits)
            if token is None:
                break
            hand.advance(token)
            self._take(token, Memory(state, hand.grammar.columns, band.parts))
            self.decided += hand.decided()
        self.decided += hand.decided(is_final=True)
        self.hand = None

    def _take_in(
        self, band: Band, heard: Heard, score: Score, task: Task | None = None
    ) -> Generator[Step, tuple[Logits, State], Hand | None]:
        """Move the memory on to the end of `score`. Return the hand that goes on from there, if there is a task."""
        bars = int(heard.window.quarters(heard.until) / heard.window.bar_quarters) + BARS // 2
        conditions = band.conditions(heard.window, max(BARS, bars))
        representation = self.model.representation.for_piece(score if score.note_count else None, conditions)
        ids = band.ids(representation, heard.window, score, heard.until, conditions)
        header = header_length(ids, self.model)
        told = self._marks[0][1].parts == band.parts
        body, rows = ids[header:] if told else ids, representation.inputs(ids)[header if told else 0 :]
        self._go_back(body.tolist())
        for number in range(len(self._taken), len(body)):
            state = self.memory.state
            if self.memory.row is not None:
                _, state = yield Step(self.memory.row, state)
            self._take(int(body[number]), Memory(state, tuple(rows[number].tolist()), band.parts))
        if task is None:
            return None
        if task.scale is not None:
            inside = self.model.in_scale(representation, task.scale)
            task = replace(task, permitted=task.permitted & inside)
        return make_hand(self.model, representation, representation.grammar(conditions), ids, score, task)

    def _take(self, token: int, memory: Memory) -> None:
        self._taken.append(token)
        self.memory = memory
        if len(self._taken) % MARK_EVERY == 0:
            mark = len(self._taken), memory
            self._marks = [self._marks[0], *self._marks[1:][-MARKS:], mark]

    def _go_back(self, body: list[int]) -> None:
        """Go back to the last mark at which all that was taken in is the beginning of `body`."""
        pairs = zip(self._taken, body, strict=False)
        same = next((n for n, (mine, heard) in enumerate(pairs) if mine != heard), len(self._taken))
        same = min(same, len(body))
        if same == len(self._taken):
            return
        self._marks = [self._marks[0], *(mark for mark in self._marks[1:] if mark[0] <= same)]
        length, self.memory = self._marks[-1]
        self._taken = body[:length]

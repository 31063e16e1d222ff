"""The performer, the model's side of a session: makes a task of the settings, and places the answer on the clock.

The improviser counts quarters in its window; here they become seconds. If an answer comes late, the rest of it
moves later by as much: no note is lost, and none is planned for the past. Where both play, the beat goes on: a late
note waits for the next line of the grid, or is left out if it ends before it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ritornello.formats.messages import DRUM_CHANNEL, MELODIC_CHANNELS
from ritornello.generation.samplers import make_sampler
from ritornello.generation.stepper import Logits, State
from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, Side
from ritornello.live.session.calls import SHORTEST
from ritornello.live.session.candidates import ModelState, Step
from ritornello.live.session.encoding_window import EPSILON, Ensemble, Window
from ritornello.live.session.improviser import Improviser, InputSnapshot
from ritornello.live.session.model import SIXTEENTH, LiveModel
from ritornello.live.session.performance import Performance
from ritornello.live.session.response_decoder import CHUNK, DecidedNote, Task
from ritornello.theory import DRUMS

LEAD = 0.06
"""Seconds from the decision of a note that is due to its start: time to reach the speaker."""

LEAST_LEAD = 0.02
"""The least seconds from the output of a planned note to its start."""

IN_TIME = 0.03
"""Seconds before `LEAD` in which the best of several answers is chosen."""

AHEAD = 1.5
"""Seconds by which the model plans ahead."""


class Span(NamedTuple):
    """A stretch of time to play in, in seconds on the session's clock.

    at_once: play a note at its start. unit: a late answer is late by whole units. in_time: notes begin on the grid of
    the window, or on the model's if that is coarser, late ones on its next line. avoid: a program to leave to the
    player, if there is another. first_bar_line: where bar 0 of a chord progression begins; None: with the span.
    """

    start: float
    stop: float
    at_once: bool
    unit: float | None = None
    in_time: bool = False
    avoid: int | None = None
    first_bar_line: float | None = None


class Performer:
    """Plays the notes that its improviser decides.

    stop: the end of the present or last answer, in seconds. delay: by how many seconds it came late. moved, left_out:
    how many notes waited for the next line of the grid, and how many were left out, as the caller counts them. answers:
    how many there were; each has a random generator of its own.
    """

    def __init__(
        self, model: LiveModel, seed: int, model_state: ModelState | None = None, answers: int = 0
    ) -> None:
        self.model, self.seed = model, seed
        self.improviser = Improviser(model, model_state)
        self.answers = answers
        self.delay = self.stop = 0.0
        self.moved = self.left_out = 0
        self._in_time = False
        self._grid: float | None = None  # in quarters, where both play
        self._config: JamConfig | None = None
        self._performance: Performance | None = None
        self._reported: set[str] = set()  # constraints that were relaxed
        self._window: Window | None = None
        self._unit: float | None = None
        self._channels: dict[int, int] = {}
        self._ensemble: Ensemble | None = None
        self._program: int | None = None  # of all pitched notes, if the model has no parts
        self._sounding: Mapping[int, int] = {}  # see `Ensemble.sounding`

    def ensemble(self, config: JamConfig, player_programs: tuple[int, ...]) -> Ensemble:
        """Return the ensemble of the requested instruments and the player's."""
        ensemble = Ensemble(self.model, self.model.asked_programs(config), player_programs)
        if self._ensemble != ensemble:  # else the old one, whose voices are cached
            self._ensemble = ensemble
        return self._ensemble

    def recall(self, ensemble: Ensemble, inputs: InputSnapshot) -> None:
        """Encode what the model did not hear when it was played."""
        self.improviser.recall(ensemble, inputs)

    def listen(self, ensemble: Ensemble, inputs: InputSnapshot) -> None:
        """Encode the notes that will not change any more, unless still busy."""
        if self.improviser.wants is None:
            self.improviser.listen(ensemble, inputs)

    def play(
        self,
        config: JamConfig,
        ensemble: Ensemble,
        inputs: InputSnapshot,
        span: Span,
        is_answer: bool = False,
    ) -> None:
        """Encode `inputs`, and play in a span of time; `is_answer`: the best of several answers to these notes."""
        window, bar = inputs.window, inputs.window.bar_quarters
        bar_0 = window.quarters(span.start if span.first_bar_line is None else span.first_bar_line)
        self.answers += 1
        self._in_time, self._grid = span.in_time, None
        if span.in_time and window.grid is not None:
            self._grid = self.model.grid if window.grid == SIXTEENTH else window.grid
        task = Task(
            start=window.quarters(span.start),
            stop=window.quarters(span.stop),
            beat=4 / window.meter[1],
            chunk=CHUNK * window.quarters_per_minute / 60,
            at_once=span.at_once,
            permitted=ensemble.may_play(span.avoid),
            sample=make_sampler(config),
            generator=np.random.default_rng([self.seed, self.answers]),
            settings=config,
            bar=bar,
            first_bar_line=math.floor(bar_0 / bar + EPSILON) * bar,
            candidates=config.candidates if is_answer else 1,
            closeness=config.closeness if is_answer else 0.0,
            in_key=config.closeness if span.in_time else 0.0,
            grid=self._grid,
        )
        self.delay, self.stop, self._window, self._unit = 0.0, span.stop, window, span.unit
        if not (span.in_time and self._performance and self._performance.window == window):
            phase = task.start - round(task.start / task.beat) * task.beat
            self._performance = Performance(
                window, self.seed + self.answers, task.start, phase, delays=not span.in_time
            )
        self._config = config
        melodic = [program for program in ensemble.model_programs if program != DRUMS]
        self._sounding = ensemble.sounding
        self._program = melodic[0] if melodic and not self.model.has_voices else None
        self.improviser.answer(ensemble, inputs, task)

    def take_relaxed(self) -> list[str]:
        """Return a line for each requested constraint that was relaxed since the last call, once a model."""
        relaxed, self.improviser.relaxed = self.improviser.relaxed, Counter()
        new = {name: steps for name, steps in relaxed.items() if name not in self._reported}
        self._reported |= new.keys()
        return [f"{name} gave way at {steps} step{'s' * (steps > 1)}" for name, steps in new.items()]

    def withdraw(self) -> None:
        """Give the answer up: the call that it began with goes on, in the same window."""
        self.improviser.stop()
        self.improviser.decided = []

    def finish(self) -> None:
        """Stop decoding before the end of the answer; what is decided of it stays."""
        if self.improviser.decoder is not None:
            self.improviser.decided += self.improviser.decoder.decided(is_final=True)
        self.improviser.stop()

    def silence(self) -> None:
        """Stop decoding; the model state is kept."""
        self.improviser.close()

    def wants(self, now: float) -> Step | None:
        """Return the step that is needed now; None if enough is planned."""
        wake = self.wake
        return self.improviser.wants if wake is not None and wake <= now else None

    @property
    def wake(self) -> float | None:
        """When the next step is needed; None if none is."""
        decoder = self.improviser.decoder
        if self.improviser.wants is None:
            return None
        if decoder is None or self._window is None or not decoder.emitted or self._in_time:
            return -math.inf
        time = decoder.time if decoder.open_from is None else decoder.open_from
        return self._seconds(time) - AHEAD

    def _seconds(self, quarters: float) -> float:
        if self._window is None:
            return math.inf
        return self._window.seconds(quarters) + self.delay

    def supply(self, logits: Logits, state: State, now: float) -> None:
        """Take the result of a step."""
        self.improviser.supply(logits, state, now + LEAD + IN_TIME > self._seconds(self.improviser.needed))

    def take_decided(self, now: float) -> list[tuple[LiveNote, int]]:
        """Return the notes decided since the last call, as they are played, each with the velocity that was decided.

        If they come late, they or the whole answer move later.
        """
        decided, self.improviser.decided = self.improviser.decided, []
        if not decided:
            return []
        assert self._config is not None
        assert self._performance is not None
        if not self._in_time:
            self._delay_answer(decided[0], now)
        performed = map(self._placed, self._performance.play(self._config, decided))
        notes = (
            self._on_line(note, now) if self._in_time else self._not_past(note, now) for note in performed
        )
        pairs = zip(notes, decided, strict=True)
        return [(note, written.velocity) for note, written in pairs if note is not None]

    def _delay_answer(self, first: DecidedNote, now: float) -> None:
        """Move the rest of the answer later if its next note is late."""
        late = now + (LEAST_LEAD if self._unit else LEAD) - self._seconds(first.start)
        if late > 1e-9:
            late = math.ceil(late / self._unit) * self._unit if self._unit else late
            self.delay, self.stop = self.delay + late, self.stop + late

    @staticmethod
    def _not_past(note: LiveNote, now: float) -> LiveNote:
        """Return a note that is early, as it is played, no earlier than it can be heard."""
        start = max(note.start, now + LEAST_LEAD / 2)
        return replace(note, start=start, end=max(note.end or start, start + SHORTEST))

    def _on_line(self, note: LiveNote, now: float) -> LiveNote | None:
        """Return a note, if it is late from the next line of the grid on; None if it ends before."""
        assert self._window is not None
        if note.start >= now + LEAD - 1e-9:
            return note
        grid = self._grid or SIXTEENTH
        line = math.ceil(self._window.quarters(now + LEAD) / grid - EPSILON) * grid
        start = self._window.seconds(line)
        is_left_out = note.end is not None and note.end < start + SHORTEST
        self.left_out += is_left_out
        self.moved += not is_left_out
        return None if is_left_out else replace(note, start=start)

    def _placed(self, note: DecidedNote) -> LiveNote:
        """Return a note on the clock, on a channel of its program's own as long as there are enough."""
        start, end = self._seconds(note.start), self._seconds(note.end)
        program, channel = note.program, DRUM_CHANNEL
        if program != DRUMS:
            program = self._sounding.get(program, program) if self._program is None else self._program
            free = MELODIC_CHANNELS[len(self._channels) % len(MELODIC_CHANNELS)]
            channel = self._channels.setdefault(program, free)
        span = start, max(end, start + SHORTEST)
        return LiveNote(0, Side.MODEL, *span, note.pitch, note.velocity, channel, program)

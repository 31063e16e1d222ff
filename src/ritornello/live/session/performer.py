"""The model's side of a session: settings become a task for the improviser, and its answer notes on the clock.

The improviser thinks in quarters of its window; here they become seconds. If an answer comes late, all of it that
is still to come moves later by as much: nothing of it is lost, and nothing is planned for the past.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from ritornello.formats.messages import DRUM_CHANNEL, MELODIC_CHANNELS
from ritornello.generation.samplers import make_sampler
from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, Side
from ritornello.live.session.calls import SHORTEST
from ritornello.live.session.encoding_window import EPSILON, Ensemble, Window
from ritornello.live.session.improviser import Improviser, InputSnapshot, ModelState, Step
from ritornello.live.session.model import LiveModel
from ritornello.live.session.response_decoder import CHUNK, DecidedNote, Task
from ritornello.theory import DRUMS, parse_instrument

LEAD = 0.06
"""Seconds between deciding a note that is due and its beginning: time for it to reach the speaker."""

LEAST_LEAD = 0.02
"""A planned note is never told later than this before its beginning."""

AHEAD = 1.5
"""Seconds by which the model plans ahead of what sounds."""


class Span(NamedTuple):
    """A stretch of time to play in, on the session's clock.

    at_once: with a note at its start. unit: if it is late, it is by whole units. avoid: a program to leave to the
    player, if there is another. first_bar_line: where bar 0 of a chord progression begins; None: with the span.
    """

    start: float
    stop: float
    at_once: bool
    unit: float | None = None
    avoid: int | None = None
    first_bar_line: float | None = None


class Performer:
    """Plays what its improviser decides.

    `stop` is when the present answer stops, or has stopped; `delay` by how much it came late, in seconds.
    """

    def __init__(
        self, model: LiveModel, seed: int, model_state: ModelState | None = None, answers: int = 0
    ) -> None:
        self.model, self.seed = model, seed
        self.improviser = Improviser(model, model_state)
        self.answers = answers
        self.delay = self.stop = 0.0
        self._told: set[str] = set()
        self._window: Window | None = None
        self._unit: float | None = None
        self._channels: dict[int, int] = {}
        self._ensemble: Ensemble | None = None
        self._program: int | None = (
            None  # of all notes, where the model has one stream and is asked for another
        )

    # --- listening and playing --------------------------------------------------------------------------------

    def ensemble(self, config: JamConfig, player_programs: tuple[int, ...]) -> Ensemble:
        """Return the ensemble for what is asked for and what the player plays."""
        asked = config.instruments
        own = (
            self.model.default_programs if asked is None else tuple(parse_instrument(name) for name in asked)
        )
        ensemble = Ensemble(self.model, own, player_programs)
        if self._ensemble != ensemble:  # else the old one, which knows its voices already
            self._ensemble = ensemble
        return self._ensemble

    def listen(self, ensemble: Ensemble, inputs: InputSnapshot) -> None:
        """Take in what will not change any more, unless still busy."""
        if self.improviser.wants is None:
            self.improviser.listen(ensemble, inputs)

    def play(self, config: JamConfig, ensemble: Ensemble, inputs: InputSnapshot, span: Span) -> None:
        """Listen to what is new in `inputs`, and play in a span of time."""
        window = inputs.window
        self.answers += 1
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
            bar=window.bar_quarters,
            first_bar_line=self._first_bar_line(window, span),
        )
        self.delay, self.stop, self._window, self._unit = 0.0, span.stop, window, span.unit
        melodic = [program for program in ensemble.model_programs if program != DRUMS]
        self._program = melodic[0] if melodic and not self.model.has_voices else None
        self.improviser.answer(ensemble, inputs, task)

    @staticmethod
    def _first_bar_line(window: Window, span: Span) -> float:
        """Return where bar 0 begins, in quarters from the window's origin: a bar line of the window."""
        at = span.start if span.first_bar_line is None else span.first_bar_line
        return math.floor(window.quarters(at) / window.bar_quarters + EPSILON) * window.bar_quarters

    def take_relaxed(self) -> list[str]:
        """Return a line for each constraint that was asked for and has given way since the last call, once a model."""
        relaxed, self.improviser.relaxed = self.improviser.relaxed, Counter()
        new = {name: steps for name, steps in relaxed.items() if name not in self._told}
        self._told |= new.keys()
        return [f"{name} gave way at {steps} step{'s' * (steps > 1)}" for name, steps in new.items()]

    def silence(self) -> None:
        """Stop thinking; what is remembered stays."""
        self.improviser.close()

    # --- what is decided --------------------------------------------------------------------------------------

    def wants(self, now: float) -> Step | None:
        """The step that is needed now; None if enough is planned."""
        wake = self.wake
        return self.improviser.wants if wake is not None and wake <= now else None

    @property
    def wake(self) -> float | None:
        """When the next step is wanted; None if none is."""
        decoder = self.improviser.decoder
        if self.improviser.wants is None:
            return None
        if decoder is None or self._window is None or not decoder.emitted:
            return -math.inf
        time = decoder.time if decoder.open_from is None else decoder.open_from
        return self._seconds(time) - AHEAD

    def _seconds(self, quarters: float) -> float:
        assert self._window is not None
        return self._window.seconds(quarters) + self.delay

    def take_decided(self, now: float) -> list[LiveNote]:
        """Return the notes decided since the last call; if they come late, the answer moves later."""
        decided, self.improviser.decided = self.improviser.decided, []
        if decided:
            self._make_room(self._seconds(decided[0].start), now)
        return [self._placed(note) for note in decided]

    def _make_room(self, start: float, now: float) -> None:
        """Move the rest of the answer so that a note that was to begin at `start` is not too late."""
        lead = LEAST_LEAD if self._unit else LEAD
        if (late := now + lead - start) > 1e-9:
            late = math.ceil(late / self._unit) * self._unit if self._unit else late
            self.delay, self.stop = self.delay + late, self.stop + late

    def _placed(self, note: DecidedNote) -> LiveNote:
        start, end = self._seconds(note.start), self._seconds(note.end)
        program = note.program if self._program is None or note.program == DRUMS else self._program
        channel = self._channel(program)
        return LiveNote(
            0,
            Side.MODEL,
            start,
            max(end, start + SHORTEST),
            note.pitch,
            note.velocity,
            channel,
            program,
        )

    def _channel(self, program: int) -> int:
        """Return the channel of a program: each its own as long as there are enough."""
        if program == DRUMS:
            return DRUM_CHANNEL
        free = MELODIC_CHANNELS[len(self._channels) % len(MELODIC_CHANNELS)]
        return self._channels.setdefault(program, free)

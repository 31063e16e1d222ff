"""A live session: a state machine without I/O (sans-I/O) between a player and a model, with the clock given.

    session = Session(model, config, seed)
    session.receive(Start(), now)                     what happens goes in
    outputs = session.advance(now)                    what became known comes out
    while step := session.wants:                      and whoever has the network steps it
        session.supply(*stepper.step([step.columns], step.state), now)

The same inputs at the same times give the same outputs. Nothing is read, written or waited for here. Events may
come a little late: `now` of an event is when it happened, and the session's time never runs back.

`receive`, `advance` and `use` must not be called between a session's `wants` and its `supply`:
one thread for a session, or a lock.

How the parts fit: `Session` is the interface, with the inputs, bookmarks and settings; `turn_taking` knows whose turn
it is, `turns` has the modes as a table. `player` (with `keys`) and `performer` are the two sides, `record` is what
both played. The performer's `improviser` listens and answers by steps of a network that others take for it, `engine`
for many sessions at once. Read in order: `turns`, `turn_taking`, `improviser`, `response_decoder`, `engine`.
"""

from __future__ import annotations

from functools import singledispatchmethod

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Logits, State
from ritornello.live.config import JamConfig
from ritornello.live.events import (
    BookmarkSet,
    Configure,
    GoTo,
    Input,
    LiveNote,
    Midi,
    Output,
    PlayCall,
    Remark,
    SetBookmark,
    Start,
    Stop,
    TempoSet,
    Turn,
    TurnBegan,
    Undo,
)
from ritornello.live.session.calls import check_call
from ritornello.live.session.improviser import Step
from ritornello.live.session.model import LiveModel, make_live_model
from ritornello.live.session.record import record_to_score
from ritornello.live.session.turn_taking import Snapshot, TurnTaking
from ritornello.score import Score

__all__ = ["LiveModel", "Session", "Step", "make_live_model"]

MOST_BOOKMARKS = 16

SHAPE = ("mode", "metronome", "tempo", "meter", "call_seconds", "call_bars")
"""The fields of a configuration that a player's turn, or one of both, begins anew for."""


class Session:
    """One player and one model; see the module."""

    def __init__(self, model: LiveModel, config: JamConfig | None = None, seed: int = 0) -> None:
        self._turns = TurnTaking(model, config or checked(JamConfig, {}), seed)
        self._bookmarks: dict[int, tuple[BookmarkSet, Snapshot]] = {}

    # --- what is known ----------------------------------------------------------------------------------------

    @property
    def config(self) -> JamConfig:
        """What is asked for; in a turn that has begun, what was asked for before may still hold."""
        return self._turns.asked

    @property
    def model(self) -> LiveModel:
        """The model that plays now, to which `wants` belongs."""
        return self._turns.model

    @property
    def turn(self) -> TurnBegan:
        """The present turn."""
        return self._turns.turn

    @property
    def beat(self) -> TempoSet | None:
        """The beat that is kept, or that was last estimated."""
        return self._turns.beat

    @property
    def notes(self) -> tuple[LiveNote, ...]:
        """The notes of both sides, the planned ones included; what was taken back is not among them."""
        return self._turns.record.notes

    @property
    def bookmarks(self) -> tuple[BookmarkSet, ...]:
        """The bookmarks that can be gone to."""
        return tuple(bookmark for bookmark, _ in self._bookmarks.values())

    def score(self) -> Score:
        """Return the whole session with its silences: the player's tracks and the model's, tempo, pedal, markers."""
        name = self.model.name
        return record_to_score(self._turns.record, self._turns.now, f"A jam with {name}", name.capitalize())

    # --- the network ------------------------------------------------------------------------------------------

    @property
    def wants(self) -> Step | None:
        """The step of the network that it waits for, if any."""
        return self._turns.performer.wants(self._turns.now)

    def supply(self, logits: Logits, state: State, now: float) -> None:
        """Take the result of the step that was wanted: logits, (vocabulary,) or (1, vocabulary), and the state."""
        turns = self._turns
        turns.now = max(turns.now, now)
        turns.performer.improviser.supply(logits.reshape(-1), state)
        turns.publish_decided()

    # --- the clock --------------------------------------------------------------------------------------------

    def advance(self, now: float) -> list[Output]:
        """Let the clock be `now`, and return what became known since the last call."""
        turns = self._turns
        turns.run_until(now)
        turns.publish_decided()
        turns.listen()
        out, turns.out = turns.out, []
        return out

    @property
    def next_time(self) -> float | None:
        """When `advance` should be called next, at the latest; None if nothing is planned."""
        return self._turns.next_time

    # --- what happens -----------------------------------------------------------------------------------------

    def receive(self, event: Input, now: float) -> None:
        """Take what happened at `now`; ConfigError, and nothing has happened, if it cannot be.

        What is played keeps its time, also if it comes late; all else happens at the session's own time.
        """
        self._turns.run_until(now)
        self._take(event, max(0.0, now) if isinstance(event, Midi) else self._turns.now)

    def use(self, model: LiveModel, now: float) -> None:
        """Play with another model from the next turn on."""
        turns = self._turns
        turns.run_until(now)
        turns.ask(turns.asked, model)
        if turns.turn.turn == Turn.IDLE:
            turns.apply_settings()
        elif turns.turn.turn != Turn.MODEL:
            turns.begin_anew(now)

    @singledispatchmethod
    def _take(self, event: Input, now: float) -> None:
        raise ConfigError(f"{type(event).__name__} is nothing that a session can take")

    @_take.register
    def _(self, event: Midi, now: float) -> None:
        self._turns.player.receive(event.data, now)

    @_take.register
    def _(self, event: Start, now: float) -> None:
        if self._turns.turn.turn == Turn.IDLE:
            self._turns.start(now)

    @_take.register
    def _(self, event: Stop, now: float) -> None:
        if self._turns.turn.turn != Turn.IDLE:
            self._turns.stop(now)

    @_take.register
    def _(self, event: Configure, now: float) -> None:
        turns = self._turns
        before = turns.asked
        turns.ask(event.config, turns.asked_model)
        changes_shape = any(getattr(before, name) != getattr(turns.asked, name) for name in SHAPE)
        if turns.turn.turn == Turn.IDLE or (turns.turn.turn == Turn.BOTH and not changes_shape):
            turns.apply_settings()
        elif turns.turn.turn != Turn.MODEL and changes_shape:
            turns.begin_anew(now)

    @_take.register
    def _(self, event: PlayCall, now: float) -> None:
        check_call(event.score)
        self._turns.give_call(event.score, now)

    @_take.register
    def _(self, event: Undo, now: float) -> None:
        turns = self._turns
        while turns.history and not turns.has_notes_since(turns.history[-1]):
            turns.history.pop()
        if turns.history:
            turns.go_back(turns.history.pop(), now)
        else:
            turns.out.append(Remark("there is nothing to take back"))

    @_take.register
    def _(self, event: SetBookmark, now: float) -> None:
        count = len(self._bookmarks)
        if count >= MOST_BOOKMARKS:
            raise ConfigError(f"bookmark {event.name!r}: there are {count} already, and no more are kept")
        bookmark = BookmarkSet(count + 1, event.name, now)
        self._bookmarks[bookmark.number] = bookmark, self._turns.snapshot(now)
        self._turns.out.append(bookmark)

    @_take.register
    def _(self, event: GoTo, now: float) -> None:
        if event.number not in self._bookmarks:
            known = ", ".join(map(str, self._bookmarks)) or "none"
            raise ConfigError(f"bookmark {event.number}: there is none of this number; known: {known}")
        snapshot = self._bookmarks[event.number][1]
        self._turns.go_back(snapshot, now)
        self._turns.performer.answers = snapshot.answers

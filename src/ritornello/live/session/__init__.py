"""A live session: a state machine without I/O (sans-I/O) between a player and a model, with the clock given.

    session = Session(model, config, seed)
    session.receive(Start(), now)                     an input event
    outputs = session.advance(now)                    the outputs since the last call
    while step := session.wants:                      the driver steps the network
        session.supply(*stepper.step(step.columns, step.state), now)

The same inputs at the same times give the same outputs; nothing blocks. `now` of an event is the time at which it
happened: an event may arrive late, but the session's time never runs back.

`receive`, `advance` and `use` must not be called between a session's `wants` and its `supply`:
one thread for a session, or a lock.

`Session` is the interface, with inputs, bookmarks and settings. `turn_taking` runs the turns, `turns` has the modes as
a table. `player` (with `keys`) and `performer` are the two sides, `record` is the event log of both, and `history` has
the moments to go back to. The performer's `improviser` requests steps of the network to encode the call and decode the
answer, or several `candidates` of it, of which the one that suits the call best is played (`call_profile`,
`answer_preferences`, `ranking`); `engine` batches the steps of many sessions. Read in order: `turns`, `turn_taking`,
`improviser`, `response_decoder`, `engine`.
"""

from __future__ import annotations

from dataclasses import replace

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Logits, State
from ritornello.live import events
from ritornello.live.config import JamConfig
from ritornello.live.events import BookmarkSet, Input, LiveNote, Output, Remark, TempoSet, Turn, TurnBegan
from ritornello.live.session.calls import check_call
from ritornello.live.session.candidates import Step
from ritornello.live.session.keys import parse_message
from ritornello.live.session.model import LiveModel, make_live_model
from ritornello.live.session.record import Record, record_to_score
from ritornello.live.session.turn_taking import TurnTaking
from ritornello.score import Key, Score

__all__ = ["LiveModel", "Session", "Step", "make_live_model"]

SHAPE = ("mode", "metronome", "tempo", "meter", "call_seconds", "call_bars")
"""The settings whose change begins the player's turn, or that of both, anew."""


class Session:
    """A session of one player and one model; see the module."""

    def __init__(
        self,
        model: LiveModel,
        config: JamConfig | None = None,
        seed: int = 0,
        record: Record | None = None,
        now: float = 0.0,
    ) -> None:
        """Begin at the time `now`, and go on from `record` if there is one, whose entries are not later."""
        self.waits_for_start = False  # and does not begin with the first note
        self._turns = TurnTaking(model, config or checked(JamConfig, {}), seed, record, now)

    # --- state ------------------------------------------------------------------------------------------------

    @property
    def config(self) -> JamConfig:
        """The requested settings; a turn that has begun may still use the ones before."""
        return self._turns.asked

    @property
    def model(self) -> LiveModel:
        """The model of the present turn, whose network `wants` is for."""
        return self._turns.model

    @property
    def turn(self) -> TurnBegan:
        """The present turn."""
        return self._turns.turn

    @property
    def is_looping(self) -> bool:
        """Whether the last answer is repeated, or will be once it is over."""
        return self._turns.is_looping

    @property
    def beat(self) -> TempoSet | None:
        """The beat that the metronome keeps, or the last estimate."""
        return self._turns.beat

    @property
    def notes(self) -> tuple[LiveNote, ...]:
        """The notes of both sides, planned ones included, undone ones not."""
        return self._turns.record.notes

    @property
    def bookmarks(self) -> tuple[BookmarkSet, ...]:
        """The bookmarks, in order of their numbers."""
        return self._turns.history.bookmarks

    @property
    def record(self) -> Record:
        """The record: all that was played, branches that do not count any more among it."""
        return self._turns.record

    def score(self) -> Score:
        """Return the whole session, with its silences, as a score: tracks of both sides, tempos, pedal, markers."""
        score = record_to_score(self.record, self._turns.now)
        return replace(score, keys=(Key(0, *signature),)) if (signature := self.config.signature) else score

    # --- network and clock ------------------------------------------------------------------------------------

    @property
    def wants(self) -> Step | None:
        """The step of the network that is needed now, if any."""
        return self._turns.performer.wants(self._turns.now)

    def supply(self, logits: Logits, state: State, now: float) -> None:
        """Take the result of the step `wants`: logits, (batch, vocabulary), and the state after it."""
        turns = self._turns
        turns.now = max(turns.now, now)
        turns.performer.supply(logits, state, turns.now)
        turns.publish_decided()

    def advance(self, now: float) -> list[Output]:
        """Advance the clock to `now`; return the outputs since the last call."""
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

    # --- inputs -----------------------------------------------------------------------------------------------

    def receive(self, event: Input, now: float) -> None:
        """Handle an event that happened at `now`; ConfigError, with nothing changed, if it is not allowed.

        MIDI keeps its time even if it arrives late; all other events happen at the session's time.
        """
        turns = self._turns
        turns.run_until(now)
        is_idle = turns.turn.turn == Turn.IDLE
        match event:
            case events.Midi(data):
                message, at = parse_message(data), max(0.0, now)
                if message.is_press and not (is_idle and self.waits_for_start):
                    turns.key_pressed(at)
                turns.player.receive(message, at)
            case events.Start():
                if is_idle:
                    turns.start(turns.now)
            case events.Stop():
                if not is_idle:
                    turns.stop(turns.now)
            case events.Configure(config):
                self._configure(config)
            case events.PlayCall(score):
                check_call(score)
                turns.play_call(score, turns.now)
            case events.Undo():
                turns.undo(turns.now)
            case events.Redo():
                turns.redo(turns.now)
            case events.Again():
                turns.again(turns.now)
            case events.LoopAnswer(is_on):
                turns.loop_answer(is_on, turns.now)
            case events.SetBookmark(name):
                turns.history.set_bookmark(name, turns.snapshot(turns.now))
                turns.publish_bookmarks()
            case events.GoTo(number):
                turns.go_to(number, turns.now)
            case _:
                raise ConfigError(f"a session does not accept {type(event).__name__}")

    def use(self, model: LiveModel, now: float) -> None:
        """Play with another model from the next turn on; if it lacks the instruments asked for, with its own.

        While the player plays, the turn goes on, and the new model answers it.
        """
        self._turns.run_until(now)
        config = self.config
        asked = model.asked_programs(config) if config.instruments else ()
        if not set(asked) <= set(model.programs):
            config = config.model_copy(update={"instruments": None})
            self._turns.out.append(Remark(f"{model.name} plays its own instruments"))
        self._turns.ask(config, model)
        if self.turn.turn == Turn.BOTH:
            self._turns.begin_anew(self._turns.now)
        elif self.turn.turn != Turn.MODEL:
            self._turns.apply_settings()

    def _configure(self, config: JamConfig) -> None:
        """Set the settings of the next turn; with another shape it begins at once, unless the model plays."""
        turns = self._turns
        changed = {name for name in SHAPE if getattr(config, name) != getattr(self.config, name)}
        changes_shape = bool(changed - (set() if config.keeps_beat else {"tempo"}))
        turns.ask(config, turns.asked_model)
        if turns.turn.turn == Turn.IDLE or (turns.turn.turn == Turn.BOTH and not changes_shape):
            turns.apply_settings()
        elif turns.turn.turn != Turn.MODEL and changes_shape:
            turns.begin_anew(turns.now)
        if "tempo" in changed:
            turns.expect_tempo(config.tempo)

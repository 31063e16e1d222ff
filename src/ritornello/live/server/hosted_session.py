"""A hosted session: a session with its clock, its limits, and the client that is connected to it, if one is.

It lives in the manager's thread (see `manager`); nothing here waits or does input or output. An error stays within:
a refusal is sent as one line, and after an unexpected exception the session begins anew.

Read in order: `Client`, `HostedSession`; the handler of each message is in the table `_HANDLERS`.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from ritornello.errors import RitornelloError
from ritornello.formats.messages import ALL_NOTES_OFF, NOTE_ON, SUSTAIN
from ritornello.generation.recipe import make_recipe
from ritornello.generation.stepper import Logits, State
from ritornello.live import events
from ritornello.live.config import JamConfig
from ritornello.live.server import messages
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.live.server.limits import ServerLimits
from ritornello.live.server.messages import Json, Message, error_message, rounded
from ritornello.live.session import Session, Step
from ritornello.rendering.soundfont import SUBSTITUTES
from ritornello.score import CONTROL_CHANGE, Score
from ritornello.theory import DRUMS

log = logging.getLogger(__name__)

OLDEST, NEWEST = 1.0, 0.05
"""How far back, and how far ahead, the time of an event may lie: more is a clock that is wrong."""

ANSWERS = 200
"""So many latencies are remembered."""


class Client(Protocol):
    """The receiver of a session's messages; called from the manager's thread."""

    def send(self, messages: Sequence[Json]) -> None: ...

    def close(self, reason: str) -> None: ...


class SessionSetup(NamedTuple):
    """What a session begins with."""

    config: JamConfig
    seed: int
    limits: ServerLimits


class HostedSession:
    """A session called `token`, with the model of a catalog entry, which is loaded.

    `clock` is the manager's; the session's own begins at 0 when this is made.
    """

    def __init__(
        self,
        token: str,
        catalog: Catalog,
        chosen: ModelEntry,
        setup: SessionSetup,
        clock: Callable[[], float],
    ) -> None:
        self.token, self._catalog, self.chosen = token, catalog, chosen
        self.seed, self._limits, self._clock = setup.seed, setup.limits, clock
        self.session = Session(chosen.model, setup.config, setup.seed)
        self._began = self.seen = clock()  # `seen`: when the page was last there, or did something
        self.taken = -math.inf  # when a window took it from another
        self._last = 0.0  # the time of the last event
        self.client: Client | None = None
        self.due = math.inf  # when to advance, on the manager's clock
        self.when_due: Callable[[HostedSession], None] = lambda hosted: (
            None
        )  # called when that changes; the manager's
        self.step_seconds: deque[float] = deque(maxlen=1000)  # the manager's, put here by it
        self._answers: deque[float] = deque(maxlen=ANSWERS)
        self._channels: set[int] = set()
        self._notes = 0  # of both sides, those taken back too
        self._is_full = self._sleeps = False

    def now(self) -> float:
        """Return the time on the session's clock."""
        return self._clock() - self._began

    # --- the page ---------------------------------------------------------------------------------------------

    def attach(self, client: Client, resumed: bool) -> None:
        """Send to `client` from now on; the one before is closed."""
        if self.client is not None:
            self.client.close("this session goes on in another window")
            self.taken = self._clock()
        self.client, self._sleeps = client, False
        self.seen = self._clock()
        self.send(self._welcome(resumed))

    def detach(self, client: Client) -> None:
        """The connection is lost: no key stays down."""
        if self.client is client:
            self.client, self.seen = None, self._clock()
            self.guard(self._release)

    def sleep(self) -> None:
        """Fall silent, since no client has been connected for long."""
        if not self._sleeps:
            self._sleeps = True
            self.guard(lambda: self._receive(events.Stop()))

    def send(self, *sent: Json) -> None:
        if self.client is not None and sent:
            self.client.send(sent)

    def _welcome(self, resumed: bool) -> Json:
        return {
            "type": "welcome",
            "session": self.token,
            "resumed": resumed,
            "now": rounded(self.now()),
            "model": self.chosen.name,
            "models": [entry.to_json() for entry in self._catalog],
            "config": self.session.config.model_dump(mode="json"),
            "options": messages.config_options(),
            "turn": messages.turn_to_json(self.session.turn),
            "tempo": None if self.session.beat is None else messages.tempo_to_json(self.session.beat),
            "instruments": list(messages.INSTRUMENT_NAMES),
            "presets": [SUBSTITUTES[program] for program in range(DRUMS)],
            **self._history(),
        }

    def _history(self) -> Json:
        return {
            "notes": messages.notes_to_json(self.session.notes),
            "bookmarks": [messages.bookmark_to_json(bookmark) for bookmark in self.session.bookmarks],
        }

    # --- what is received ----------------------------------------------------------------------------------------

    def handle(self, message: Message) -> None:
        """Do what a message of the page asks."""
        if not isinstance(message, messages.Ping | messages.Latency):
            self.seen = self._clock()
        self.guard(lambda: _HANDLERS[type(message)](self, message))

    def play_call(self, score: Score) -> str:
        """Take a score for the call; return what is wrong with it, if anything."""
        return self.attempt(lambda: self._receive(events.PlayCall(score)))

    def use(self, entry: ModelEntry) -> None:
        """Play with another model, which is loaded, from the next turn on."""
        self.session.use(entry.model, self.now())
        self.chosen = entry
        self._touch()
        self.send(
            {"type": "model", "name": entry.name}, self._config_message()
        )  # its card may change the sampling

    def _receive(self, event: events.Input, time: float | None = None) -> None:
        """Pass an event to the session, at `time` as the page says, as far as that can be believed."""
        now = self.now()
        believed = now if time is None else min(max(time, now - OLDEST), now + NEWEST)
        self._last = max(believed, self._last)
        self.session.receive(event, self._last)
        self._touch()

    def _play(self, message: messages.PlayMidi) -> None:
        is_note = message.data[0] & 0xF0 == NOTE_ON
        if is_note and self._is_full:
            return
        self._notes += is_note
        self._channels.add(message.data[0] & 15)
        self._receive(events.Midi(bytes(message.data)), message.time)

    def _configure(self, message: messages.ConfigureMessage) -> None:
        try:
            config = messages.changed_config(self.session.config, message.config)
            self._receive(events.Configure(config))
        except RitornelloError as error:
            self.send(messages.refused_config(error, message.config))
        else:
            self.send(self._config_message())

    def _config_message(self) -> Json:
        return {"type": "config", "config": self.session.config.model_dump(mode="json")}

    def _panic(self) -> None:
        self._release()
        self._receive(events.Stop())

    def _release(self) -> None:
        """Every key and pedal of the player up."""
        for channel in sorted(self._channels):
            for control in (SUSTAIN, ALL_NOTES_OFF):
                self._receive(events.Midi(bytes((CONTROL_CHANGE | channel, control, 0))))
        self._channels.clear()

    def _pong(self, message: messages.Ping) -> None:
        self.send({"type": "pong", "time": message.time, "now": rounded(self.now())})

    # --- the clock --------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Let the session know the time, and send what has become known."""
        self._expect(math.inf)
        self.guard(self._advance)

    def _advance(self) -> None:
        sent = [
            message for output in self.session.advance(self.now()) for message in self._messages_of(output)
        ]
        self.send(*sent)
        if (time := self.session.next_time) is not None:
            self._expect(self._began + time)
        self._check_length()

    def _messages_of(self, output: events.Output) -> list[Json]:
        """Return what is sent for an output."""
        message = messages.output_to_message(output)
        if isinstance(output, events.HistoryChanged):
            message = {"type": "history", **self._history()}
        elif isinstance(output, events.NotesPlanned):
            self._notes += len(output.notes)
        elif isinstance(output, events.Answered):
            self._answers.append(output.seconds)
            message = self._latency()
        return [] if message is None else [message]

    def _latency(self) -> Json:
        answers, steps = list(self._answers), list(self.step_seconds) or [0.0]
        return {
            "type": "latency",
            "answered": percentiles(answers) | {"last": rounded(answers[-1])},
            "step": percentiles(steps),
        }

    def _check_length(self) -> None:
        """End what has become too long: what was played can still be downloaded."""
        limits = self._limits
        if not self._is_full and (self._notes > limits.notes or self.now() > limits.session_seconds):
            self._is_full = True
            self._receive(events.Stop())
            self.send(error_message(
                f"a session has at most {limits.notes} notes and {limits.session_seconds / 3600:g} hours: "
                "download it, and begin another"
            ))  # fmt: skip

    def _touch(self) -> None:
        self._expect(0.0)

    def _expect(self, due: float) -> None:
        if due != self.due:
            self.due = due
            self.when_due(self)

    # --- the network ------------------------------------------------------------------------------------------

    @property
    def entry(self) -> ModelEntry:
        """The model that plays now; the one chosen last plays from the next turn on."""
        return self._catalog.entry_of(self.session.model)

    @property
    def wants(self) -> Step | None:
        """The step the session waits for."""
        found: list[Step | None] = [None]
        self.guard(lambda: found.append(self.session.wants))
        return found[-1]

    def supply(self, logits: Logits, state: State, now: float) -> None:
        """Pass the session its step; `now` is on the manager's clock."""
        self.guard(lambda: self.session.supply(logits, state, now - self._began))

    # --- what is kept -----------------------------------------------------------------------------------------

    def score(self) -> Score:
        """Return the whole session, with the text that tells how it came about."""
        score, entry = self.session.score(), self.entry
        recipe = make_recipe(entry.bundle, self.seed, self.session.config, mode=str(self.session.config.mode))
        title = score.title.strip() or f"Jam with {entry.name}"
        return replace(score, texts=(recipe, *score.texts), title=title)

    # --- faults -----------------------------------------------------------------------------------------------

    def guard(self, job: Callable[[], None]) -> None:
        """Do a job; what is wrong is told to the page."""
        if error := self.attempt(job):
            self.send(error_message(error))

    def attempt(self, job: Callable[[], None]) -> str:
        """Do a job, and return what is wrong: nothing, a refusal, or a fault, after which the session begins anew."""
        try:
            job()
        except RitornelloError as error:
            return str(error)
        except Exception as error:
            log.exception("a session failed")
            self._begin_anew()
            return f"a fault of ours, sorry: the session begins anew ({type(error).__name__}: {error})"
        return ""

    def _begin_anew(self) -> None:
        self.seed += 1
        self.session = Session(self.chosen.model, self.session.config, self.seed)
        self._channels.clear()
        self._last, self._began = 0.0, self._clock()
        self._touch()
        self.send(self._welcome(resumed=False))


def percentiles(seconds: Sequence[float]) -> Json:
    """Return median and 95th percentile."""
    p50, p95 = np.percentile(seconds, (50, 95)).tolist()
    return {"p50": rounded(p50), "p95": rounded(p95)}


_HANDLERS: dict[type[Message], Callable[[HostedSession, Any], None]] = {
    messages.Hello: lambda hosted, message: hosted.send(error_message("hello is only for the first message")),
    messages.Ping: HostedSession._pong,
    messages.PlayMidi: HostedSession._play,
    messages.StartMessage: lambda hosted, message: hosted._receive(events.Start()),
    messages.StopMessage: lambda hosted, message: hosted._receive(events.Stop()),
    messages.UndoMessage: lambda hosted, message: hosted._receive(events.Undo()),
    messages.Panic: lambda hosted, message: hosted._panic(),
    messages.ConfigureMessage: HostedSession._configure,
    messages.BookmarkMessage: lambda hosted, message: hosted._receive(events.SetBookmark(message.name)),
    messages.GoToMessage: lambda hosted, message: hosted._receive(events.GoTo(message.number)),
    messages.Latency: lambda hosted, message: log.debug("page: %.1f ms", 1000 * message.seconds),
}
"""The handler of each message; `ChooseModel` is not here, since the connection loads the model first."""

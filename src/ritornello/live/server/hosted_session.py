"""A hosted session: a session with its clock, its limits, and the connected client, if there is one.

It lives in the manager's thread (see `manager`); nothing here blocks or does I/O. Errors are isolated:
a ConfigError is sent as one line, and after an unexpected exception the session begins anew.

Read in order: `Client`, `HostedSession`; the handler of each message is in the table `_HANDLERS`.
"""

from __future__ import annotations

import json
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from ritornello.errors import ConfigError, RitornelloError
from ritornello.formats.messages import ALL_NOTES_OFF, NOTE_OFF, NOTE_ON, SUSTAIN
from ritornello.generation.recipe import make_recipe
from ritornello.generation.stepper import Logits, State
from ritornello.live import events
from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote
from ritornello.live.server import messages
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.live.server.limits import ServerLimits
from ritornello.live.server.messages import Json, Message, error_message, remark, rounded, to_json
from ritornello.live.session import Session, Step
from ritornello.live.session.record import Entry, Record
from ritornello.live.session.stored import (
    Row,
    StoredRecord,
    entry_to_row,
    parse_record,
    record_to_rows,
    stored_to_json,
    to_record,
)
from ritornello.rendering.soundfont import SUBSTITUTES
from ritornello.score import CONTROL_CHANGE, Score, Text
from ritornello.theory import DRUMS

log = logging.getLogger(__name__)

OLDEST, NEWEST = 1.0, 0.05
"""Seconds by which the time of an event may lie in the past, and in the future; beyond, the page's clock is wrong.

What was played while the connection was lost may be older: it comes at once when the page is back, before any `ping`.
"""

ANSWERS = 200
"""Latencies of answers that are kept for the percentiles."""


class Client(Protocol):
    """The receiver of a session's messages; called from the manager's thread."""

    def send(self, messages: Sequence[Json]) -> None: ...

    def close(self, reason: str) -> None: ...


class Unkept(NamedTuple):
    """What has changed in a session since it was last kept: its head, and entries by number, None for one that is gone.

    heard: the number of the page's messages that are accounted for. is_whole: the entries are all that there are.
    """

    token: str
    model: str
    seed: int
    config: JamConfig
    now: float
    heard: int
    entries: dict[int, Entry | None]
    is_whole: bool

    def fields(self) -> Json:
        """Return what a record has besides its entries; see `session.stored`."""
        return _head(self.model, self.seed, self.config) | {"now": rounded(self.now)}


class HostedSession:
    """A session called `token`, with the model of a catalog entry, which is loaded.

    `clock` is the manager's; the session's own begins at 0 when this is made.
    """

    def __init__(
        self,
        token: str,
        catalog: Catalog,
        chosen: ModelEntry,
        config: JamConfig,
        seed: int,
        limits: ServerLimits,
        clock: Callable[[], float],
    ) -> None:
        self.token, self._catalog, self.chosen = token, catalog, chosen
        self.seed, self._limits, self._clock = seed, limits, clock
        self.session = Session(chosen.model, config, seed)
        self._heard = 0  # `midi` messages of the page
        self._sent_head: Json | None = None
        self._contact = 0.0  # the time of the last message
        self._oldest = math.inf  # of what was played while the connection was lost
        self._began = self.seen = clock()  # `seen`: the last activity or presence of the page
        self.taken = -math.inf  # when one window last took it from another
        self._last = 0.0  # the time of the last event
        self.client: Client | None = None
        self.due = math.inf  # when to advance, on the manager's clock
        self.when_due: Callable[[HostedSession], None] = lambda hosted: None  # set by the manager
        self.step_seconds: deque[float] = deque()  # set by the manager
        self._answers: deque[float] = deque(maxlen=ANSWERS)
        self._channels: set[int] = set()
        self._notes = 0  # of both sides, undone ones too
        self._is_full = self._sleeps = False
        self._recalled: int | None = None  # the next number, until the page speaks, of a record gone on from
        self._unkept: dict[int, Entry | None] | None = None  # None: it is not to be kept
        self._is_unkept = True  # as a whole
        self._kept_head: tuple[str, int, JamConfig] | None = None

    def now(self) -> float:
        """Return the time on the session's clock."""
        return self._clock() - self._began

    # --- the page ---------------------------------------------------------------------------------------------

    @property
    def was_played(self) -> bool:
        """Whether there is something to lose: notes of either side."""
        return any(isinstance(entry, LiveNote) for entry in self.session.record.journal.values())

    def attach(self, client: Client, resumed: bool) -> None:
        """Send to `client` from now on; close the one before."""
        if self.client is not None:
            self.client.close("this session goes on in another window")
            self.taken = self._clock()
        self.client, self._sleeps = client, False
        self._oldest = self._contact if resumed else math.inf
        self.seen = self._clock()
        self._tell_all(resumed)

    def detach(self, client: Client) -> None:
        """Handle the loss of a connection: release every key."""
        if self.client is client:
            self.client, self.seen = None, self._clock()
            self.guard(self._release)

    def sleep(self) -> None:
        """Stop, once, since no client has been connected for long."""
        if not self._sleeps:
            self._sleeps = True
            self.guard(lambda: self._receive(events.Stop()))

    def send(self, *sent: Json) -> None:
        if self.client is not None and sent:
            self.client.send(sent)

    def _tell_all(self, resumed: bool) -> None:
        """Send the whole state and the whole record."""
        self._take_changes()
        self._sent_head = None
        self.send(self._welcome(resumed), self._journal(record_to_rows(self.session.record), is_whole=True))

    def _head(self) -> Json:
        """Return what a record has besides its entries."""
        return _head(self.chosen.name, self.seed, self.session.config)

    def stored(self) -> Json:
        """Return the record as JSON; see `session.stored`."""
        return stored_to_json(
            self._head() | {"now": rounded(self.now())}, record_to_rows(self.session.record)
        )

    def _journal(self, rows: list[Row], dropped: Sequence[int] = (), is_whole: bool = False) -> Json:
        """Return the message with entries of the record, and the head of the record if it has changed."""
        head = self._head() | {"recipe": self._recipe().text, "key": self.session.config.signature}
        changed = None if head == self._sent_head else head
        self._sent_head = head
        changes = {"entries": rows, "dropped": list(dropped), "whole": is_whole}
        return {
            "type": "journal",
            "now": rounded(self.now()),
            "heard": self._heard,
            "head": changed,
            **changes,
        }

    def _send_changes(self) -> None:
        """Send the entries of the record that have changed."""
        if (changes := self._take_changes()) and self.client is not None:
            rows = [entry_to_row(number, entry) for number, entry in changes.items() if entry is not None]
            self.send(self._journal(rows, [number for number, entry in changes.items() if entry is None]))

    def _take_changes(self) -> dict[int, Entry | None]:
        changes = self.session.record.take_changes()
        if self._unkept is not None:
            self._unkept |= changes
        return changes

    def keep(self) -> None:
        """Collect from now on what `take_unkept` returns."""
        self._unkept = {}

    def take_unkept(self) -> Unkept | None:
        """Return what has changed since the last call, if there is anything and notes were ever played."""
        head = (self.chosen.name, self.seed, self.session.config)
        is_whole, entries = self._is_unkept, self._unkept
        if entries is None or not self._notes or not (entries or is_whole or head != self._kept_head):
            return None
        self._unkept, self._is_unkept, self._kept_head = {}, False, head
        if is_whole:
            entries = dict(self.session.record.journal)
        return Unkept(self.token, *head, self.now(), self._heard, entries, is_whole)

    def _welcome(self, resumed: bool) -> Json:
        return {
            "type": "welcome",
            "session": self.token,
            "resumed": resumed,
            "recalled": self._recalled,
            "now": rounded(self.now()),
            "model": self.chosen.name,
            "models": [entry.to_json() for entry in self._catalog],
            "config": self.session.config.model_dump(mode="json"),
            "options": messages.config_options(),
            "turn": to_json(self.session.turn),
            "loop": self.session.is_looping,
            "tempo": None if self.session.beat is None else to_json(self.session.beat),
            "instruments": list(messages.INSTRUMENT_NAMES),
            "presets": [SUBSTITUTES[program] for program in range(DRUMS)],
            **self._history(),
        }

    def _history(self) -> Json:
        return {
            "notes": [to_json(note) for note in self.session.notes],
            "bookmarks": [to_json(bookmark) for bookmark in self.session.bookmarks],
        }

    # --- messages of the page ---------------------------------------------------------------------------------

    def handle(self, message: Message) -> None:
        """Handle a message of the page."""
        self._contact = self.now()
        if not isinstance(message, messages.Ping | messages.Latency):
            self.seen, self._recalled = self._clock(), None
        self.guard(lambda: _HANDLERS[type(message)](self, message))

    def play_call(self, score: Score) -> str:
        """Play a score as the call; return the error, if any."""
        return self.attempt(lambda: self._receive(events.PlayCall(score)))

    def use(self, entry: ModelEntry) -> None:
        """Play with another model, which is loaded, from the next turn on."""
        try:
            self.session.use(entry.model, self.now())
        except RitornelloError as error:
            return self.refuse_model(error)
        self.chosen = entry
        self._expect(0.0)
        # The sampling may have changed with the card.
        self.send({"type": "model", "name": entry.name}, self._config_message())

    def refuse_model(self, error: RitornelloError) -> None:
        """Tell why a model cannot be used, and which one still is."""
        self.send(error_message(error), {"type": "model", "name": self.chosen.name})

    def recall(
        self, client: Client, entry: ModelEntry, stored: StoredRecord, record: Record, heard: int
    ) -> None:
        """Go on from a record that a server before this one had kept; ConfigError if that is not possible.

        It accounts for `heard` messages of the page, which may have a fuller record and give it back.
        """
        self.client = client
        self.restore(entry, stored, record, heard)
        self._oldest = stored.now

    def restore(self, entry: ModelEntry, stored: StoredRecord, record: Record, heard: int = 0) -> None:
        """Go on from a record that was kept elsewhere; ConfigError, with nothing changed, if that is not possible.

        entry: that of its model, or the one to go on with instead. heard: the messages of the page in it.
        """
        limits, notes = self._limits, sum(isinstance(each, LiveNote) for each in record.journal.values())
        if (
            notes > limits.notes
            or len(record.journal) > limits.entries
            or stored.now > limits.session_seconds
        ):
            raise ConfigError(f"the record: {self._too_much()}")
        config, left_out = kept_config(self.session.config, stored.config)
        recalled = record.next_number  # before the session adds an entry
        try:
            session = Session(entry.model, config, stored.seed, record, stored.now)
        except ConfigError:  # of the settings that were kept; another model may lack what they ask for
            session = Session(entry.model, self.session.config, stored.seed, record, stored.now)
            left_out = list(stored.config)
        self.session, self.chosen, self.seed, self._notes = session, entry, stored.seed, notes
        self._channels.clear()
        self._heard, self._is_full, self._last, self._contact = heard, False, stored.now, stored.now
        self._recalled, self._is_unkept = recalled, True
        self.seen = self._clock()
        self._began = self.seen - stored.now
        self._expect(0.0)
        self._tell_all(resumed=True)
        if entry.name != stored.model:
            self.send(remark(f"model {stored.model} is not offered here: {entry.name} goes on"))
        if left_out:
            self.send(remark(f"settings that are not possible here and were left out: {', '.join(left_out)}"))

    def _begin_anew(self) -> None:
        """Begin anew after a fault, with the record; without, if it is that which is at fault."""
        self.seed += 1
        self._is_unkept = True
        self._channels.clear()
        try:
            record, now = to_record(parse_record(json.dumps(self.stored()))), self.now()
            self.session = Session(self.chosen.model, self.session.config, self.seed, record, now)
        except Exception:
            log.exception("a record could not be gone on from")
            self.session = Session(self.chosen.model, self.session.config, self.seed)
            self._last, self._began = 0.0, self._clock()
        self._expect(0.0)
        self._tell_all(resumed=self._last > 0)

    def _receive(self, event: events.Input, time: float | None = None) -> None:
        """Pass an event to the session, at the page's `time` within OLDEST and NEWEST, and after the one before."""
        now = self.now()
        oldest = min(now - OLDEST, self._oldest)
        self._last = max(now if time is None else min(max(time, oldest), now + NEWEST), self._last)
        self.session.receive(event, self._last)
        self._expect(0.0)

    def _play(self, message: messages.PlayMidi) -> None:
        self._heard += 1
        is_note = message.data[0] & 0xF0 == NOTE_ON
        if self._is_full and message.data[0] & 0xF0 != NOTE_OFF:
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

    def _answer_ping(self, message: messages.Ping) -> None:
        self._oldest = math.inf
        self.send({"type": "pong", "time": message.time, "now": rounded(self.now())})

    def _panic(self, message: messages.Panic) -> None:
        self._release()
        self._receive(events.Stop())

    def _release(self) -> None:
        """Release every key and pedal of the player."""
        for channel in sorted(self._channels):
            for control in (SUSTAIN, ALL_NOTES_OFF):
                self._receive(events.Midi(bytes((CONTROL_CHANGE | channel, control, 0))))
        self._channels.clear()

    # --- clock, network and faults ----------------------------------------------------------------------------

    def advance(self) -> None:
        """Advance the session to the present time, and send its outputs."""
        self._expect(math.inf)
        self.guard(self._advance)

    def _advance(self) -> None:
        """Advance the session, and stop one that has reached a limit; it can still be downloaded."""
        found = map(self._message_of, self.session.advance(self.now()))
        self.send(*(message for message in found if message is not None))
        self._send_changes()
        if (time := self.session.next_time) is not None:
            self._expect(self._began + time)
        limits = self._limits
        is_long = len(self.session.record.journal) > limits.entries or self.now() > limits.session_seconds
        if not self._is_full and (self._notes > limits.notes or is_long):
            self._is_full = True
            self._receive(events.Stop())
            self.send(error_message(self._too_much()))

    def _too_much(self) -> str:
        limits = self._limits
        return (
            f"a session has at most {limits.notes} notes, {limits.entries} entries and "
            f"{limits.session_seconds / 3600:g} hours: download it, and begin another"
        )

    def _message_of(self, output: events.Output) -> Json | None:
        """Return the message for an output, if there is one, and count notes and latencies."""
        if isinstance(output, events.HistoryChanged):
            return {"type": "history", **self._history()}
        if isinstance(output, events.Answered):
            self._answers.append(output.seconds)
            answered = percentiles(self._answers) | {"last": rounded(output.seconds)}
            return {"type": "latency", "answered": answered, "step": percentiles(self.step_seconds)}
        if isinstance(output, events.NotesPlanned):
            self._notes += len(output.notes)
        return messages.output_to_message(output)

    def _expect(self, due: float) -> None:
        if due != self.due:
            self.due = due
            self.when_due(self)

    @property
    def entry(self) -> ModelEntry:
        """The model of the present turn; the one chosen last plays from the next turn on."""
        return self._catalog.entry_of(self.session.model)

    @property
    def wants(self) -> Step | None:
        """The step of the network that the session needs, if any."""
        found: list[Step | None] = [None]
        self.guard(lambda: found.append(self.session.wants))
        return found[-1]

    def supply(self, logits: Logits, state: State, now: float) -> None:
        """Pass the result of the step to the session; `now` is on the manager's clock."""
        self.guard(lambda: self.session.supply(logits, state, now - self._began))

    def score(self) -> Score:
        """Return the whole session, with the recipe of its making as a text."""
        score = self.session.score()
        return replace(score, texts=(self._recipe(), *score.texts))

    def _recipe(self) -> Text:
        config = self.session.config
        return make_recipe(self.entry.bundle, self.seed, config, mode=str(config.mode))

    def guard(self, job: Callable[[], object]) -> None:
        """Do a job; send an error to the page."""
        if error := self.attempt(job):
            self.send(error_message(error))

    def attempt(self, job: Callable[[], object]) -> str:
        """Do a job, and return its error, or "". After an unexpected exception the session begins anew."""
        try:
            job()
        except RitornelloError as error:
            return str(error)
        except Exception as error:
            log.exception("a session failed")
            self._begin_anew()
            return f"a fault of ours, sorry: the session begins anew ({type(error).__name__}: {error})"
        return ""


def _head(model: str, seed: int, config: JamConfig) -> Json:
    """Return what a record has besides its entries and its end."""
    return {"model": model, "seed": seed, "config": config.model_dump(mode="json", exclude_unset=True)}


def kept_config(config: JamConfig, kept: Json) -> tuple[JamConfig, list[str]]:
    """Return `config` with the settings that were kept, and the names of those that are unknown or not allowed here."""
    with suppress(ConfigError):
        return messages.changed_config(config, kept), []
    left_out = []
    for name, value in kept.items():
        try:
            config = messages.changed_config(config, {name: value})
        except ConfigError:
            left_out.append(name[:40])
    return config, left_out


def percentiles(seconds: Iterable[float]) -> Json:
    """Return median and 95th percentile; 0 of nothing."""
    p50, p95 = np.percentile(list(seconds) or [0.0], (50, 95)).tolist()
    return {"p50": rounded(p50), "p95": rounded(p95)}


_HANDLERS: dict[type[Message], Callable[[HostedSession, Any], None]] = {
    messages.Hello: lambda hosted, message: hosted.send(error_message("hello is only for the first message")),
    messages.Ping: HostedSession._answer_ping,
    messages.PlayMidi: HostedSession._play,
    messages.StartMessage: lambda hosted, message: hosted._receive(events.Start()),
    messages.StopMessage: lambda hosted, message: hosted._receive(events.Stop()),
    messages.UndoMessage: lambda hosted, message: hosted._receive(events.Undo()),
    messages.RedoMessage: lambda hosted, message: hosted._receive(events.Redo()),
    messages.AgainMessage: lambda hosted, message: hosted._receive(events.Again()),
    messages.LoopMessage: lambda hosted, message: hosted._receive(events.LoopAnswer(message.on)),
    messages.Panic: HostedSession._panic,
    messages.ConfigureMessage: HostedSession._configure,
    messages.BookmarkMessage: lambda hosted, message: hosted._receive(events.SetBookmark(message.name)),
    messages.GoToMessage: lambda hosted, message: hosted._receive(events.GoTo(message.number)),
    messages.Latency: lambda hosted, message: log.debug("page: %.1f ms", 1000 * message.seconds),
}
"""The handler of each message, except `ChooseModel`: there the connection loads the model first."""

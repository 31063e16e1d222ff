"""The host: the session of a page without a server, as it runs in the page's worker.

The worker runs Python compiled to WebAssembly (Pyodide), with the modules of this library as they are. Here the thread,
the socket and ONNX Runtime of the server are replaced by calls of the worker: it passes frames to `Host.receive`,
calls `Host.advance` when that asked to be called, and steps the network by a function that it gives. Messages and
sessions are those of `live.server`; nothing else is. Nothing here needs a browser, so tests drive it too.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.bundle import Bundle, Card
from ritornello.config import checked
from ritornello.errors import ConfigError, RitornelloError
from ritornello.formats.midi import parse_midi
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.generation.stepper import Logits, State, Stepper
from ritornello.live.config import JamConfig
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.live.server.hosted_session import HostedSession
from ritornello.live.server.limits import ServerLimits
from ritornello.live.server.manager import SessionManager
from ritornello.live.server.messages import ChooseModel, Hello, Json, error_message, parse_message
from ritornello.live.session.engine import Engine
from ritornello.live.session.model import LiveModel
from ritornello.live.session.stored import parse_record, to_record
from ritornello.originality import Index

Run = Callable[[int, Sequence[NDArray[Any]]], Sequence[ArrayLike]]
"""Steps the network: (batch, the input columns and the state) -> (the logits and the state after it), each flat."""

STATE, INDEX = "state ", "index "
"""What the names of arrays begin with: of the initial state, in the order of the network's inputs; of `Index`."""

DERIVED = ("representation", "initial_state", "sampling", "index", "structure")
"""The fields of `LiveModel` that come from the bundle; the others are stored, since finding them takes long."""


LONGEST_WAIT = 3600.0
"""Seconds until the next look at a session that plans nothing."""


# --- what is stored -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """A model for the page, without its network: JSON, and arrays as a file of numpy's npz format."""

    facts: Json
    arrays: bytes


def store(bundle: Bundle, model: LiveModel) -> Stored:
    """Return what `make_entry` needs to make the same model again."""
    found = {
        each.name: getattr(model, each.name)
        for each in fields(LiveModel)
        if each.name not in DERIVED and not each.name.startswith("_")
    }
    facts = {
        "card": bundle.card.model_dump(mode="json"),
        "digest": bundle.digest,
        "size": bundle.size,
        "model": found,
    }
    arrays = {f"{STATE}{number}": part for number, part in enumerate(model.initial_state)}
    if (index := bundle.index) is not None:
        of_index = {each.name: getattr(index, each.name) for each in fields(Index) if each.init}
        facts["index"] = {
            name: value for name, value in of_index.items() if not isinstance(value, np.ndarray)
        }
        arrays |= {
            f"{INDEX}{name}": value for name, value in of_index.items() if isinstance(value, np.ndarray)
        }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return Stored(facts, file.getvalue())


def make_entry(stored: Stored, run: Run) -> ModelEntry:
    """Return the model as a catalog has it, loaded; its network is `run`."""
    facts = stored.facts
    with np.load(io.BytesIO(stored.arrays)) as file:
        arrays = {name: file[name] for name in file.files}
    card = checked(Card, facts["card"])
    bundle = Bundle(card, {}, b"", facts["digest"], facts["size"], Path(f"{card.name}.rit"))
    index = {name.removeprefix(INDEX): array for name, array in arrays.items() if name.startswith(INDEX)}
    if index:
        vars(bundle)["index"] = Index(**index, **_with_tuples(facts["index"]))  # as the cached property does
    initial = tuple(array for name, array in arrays.items() if name.startswith(STATE))
    stepper = PageStepper(card.vocabulary_size, initial, run)
    found = _with_tuples(facts["model"])
    entry = ModelEntry(found["name"], bundle)
    entry.engine = Engine(stepper)
    entry.model = LiveModel(
        representation=bundle.representation,
        initial_state=stepper.initial_state(1),
        sampling=card.sampling,
        index=bundle.index,
        structure=bundle.structure,
        **found,
    )
    entry.model.prepare()
    return entry


def _with_tuples(fields: Json) -> dict[str, Any]:
    """Return the fields of a frozen value from JSON, which has lists only."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


class PageStepper(Stepper):
    """A network that is stepped by the page."""

    def __init__(self, vocabulary_size: int, initial: State, run: Run) -> None:
        self.vocabulary_size, self.threads = vocabulary_size, 1
        self._initial, self._run = initial, run

    def step(self, columns: ArrayLike, state: State) -> tuple[Logits, State]:
        rows = np.asarray(columns, dtype=np.int64)
        batch = len(rows)
        inputs = [np.ascontiguousarray(each).reshape(-1) for each in (rows, *state)]
        logits, *after = (np.asarray(each, dtype=np.float32) for each in self._run(batch, inputs))
        shaped = (part.reshape(before.shape) for part, before in zip(after, state, strict=True))
        return logits.reshape(batch, -1), tuple(shaped)


# --- the session ----------------------------------------------------------------------------------------------


class Host:
    """The server of one page, with one model, which is loaded. `post` gets each message for the page, as text.

    settings: some fields of `JamConfig`, with which sessions begin. seed: see `SessionManager`.
    """

    def __init__(
        self,
        entry: ModelEntry,
        settings: Json,
        seed: int | None,
        post: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entry, self._post, self._clock = entry, post, clock
        config = checked(JamConfig, settings)
        self._manager = SessionManager(Catalog([entry]), config, seed, ServerLimits(), clock)
        self._hosted: HostedSession | None = None

    def send(self, messages: Sequence[Json]) -> None:
        for message in messages:
            self._post(json.dumps(message, separators=(",", ":"), ensure_ascii=False))

    def close(self, reason: str) -> None:
        """Do nothing: the page itself has left the session for another."""

    def receive(self, frame: str) -> None:
        """Handle a message of the page. `hello` begins a session, or goes on with the one that it names."""
        try:
            message = parse_message(frame)
            if isinstance(message, Hello):
                self._hosted = self._manager.connect(message.session, self._entry, self)
            elif isinstance(message, ChooseModel):
                entry = self._manager.catalog.find(message.name)
                self._session.guard(lambda: self._session.use(entry))
            else:
                self._session.handle(message)
        except RitornelloError as error:
            self.send([error_message(error)])

    def advance(self) -> float:
        """Advance the session to the present time, and do one step of the network if it needs one.

        Returns in how many seconds this is to be called again, at the latest.
        """
        if self._manager.advance_due():
            return 0.0
        due = math.inf if self._hosted is None else self._hosted.due
        return max(0.0, min(due - self._clock(), LONGEST_WAIT))

    @property
    def _session(self) -> HostedSession:
        if self._hosted is None:
            raise ConfigError("a connection begins with hello")
        return self._hosted

    def step_seconds(self) -> list[float]:
        """Return the durations of the last steps of the network."""
        return list(self._manager.step_seconds)

    # --- files ------------------------------------------------------------------------------------------------

    def play_call(self, file: bytes) -> None:
        """Play a MIDI file as the call; ConfigError or FormatError if that is not possible."""
        score = parse_midi(file, "the call", self._manager.limits.call_bytes)
        if error := self._session.play_call(score):
            raise ConfigError(error)

    def go_on_from(self, file: bytes) -> None:
        """Go on from a record that was kept; ConfigError if that is not possible."""
        stored = parse_record(file)
        self._session.restore(self._entry, stored, to_record(stored))

    def download(self, name: str) -> bytes:
        """Return the session as a MIDI file; ConfigError for other kinds, which are made by other programs."""
        if not name.endswith(".mid"):
            raise ConfigError(
                f"{name}: a page without a server makes MIDI files only; `ritornello render` makes others"
            )
        score = self._session.score()
        if not score.note_count:
            raise ConfigError("nothing has been played yet")
        return midi_to_bytes(score)


# --- a log ----------------------------------------------------------------------------------------------------

Log = Sequence[tuple[float, Json]]
"""Messages of the page, with the times at which they arrive, in seconds, in order."""


STEP = 0.003
"""Seconds that a step of the network takes by the clock of a log."""


def play_log(entry: ModelEntry, settings: Json, seed: int, log: Log, until: float) -> list[str]:
    """Return the messages for the page of a session that is played from a log, by the log's own clock, up to `until`.

    The same in the worker of a page and on a server, for the same model.
    """
    sent: list[str] = []
    now = 0.0
    host = Host(entry, settings, seed, sent.append, lambda: now)
    host.receive('{"type": "hello"}')
    for at, message in [*log, (until, None)]:
        while (wait := host.advance() or STEP) < at - now:
            now += wait
        now = max(now, at)
        if message is not None:
            host.receive(json.dumps(message))
    return sent

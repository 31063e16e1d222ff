"""Small stand-ins for a live session: models with made-up networks, and a clock that goes from event to event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from build import make_song

from ritornello.live.events import Input, Midi, Output
from ritornello.live.session import Session
from ritornello.live.session.engine import Engine
from ritornello.live.session.model import LiveModel, programs_of
from ritornello.representations import REPRESENTATIONS

UNITS = 8


class TinyNetwork:
    """Steps like a `Stepper`, row by row, so that a row is the same to the last bit in every batch.

    `bias`, (vocabulary,), is added to the logits.
    """

    def __init__(self, vocabulary_size: int, seed: int = 1, bias: Any = 0.0) -> None:
        random = np.random.default_rng(seed)
        self.embedding = random.normal(size=(vocabulary_size, UNITS)).astype(np.float32)
        self.recurrent = random.normal(scale=0.4, size=(UNITS, UNITS)).astype(np.float32)
        self.output = random.normal(size=(UNITS, vocabulary_size)).astype(np.float32)
        self.bias, self.steps = np.float32(bias), 0

    def step(self, columns: Any, state: Any) -> tuple[Any, Any]:
        self.steps += 1
        after = [
            np.tanh(row @ self.recurrent + self.embedding[column[0]])
            for column, row in zip(columns, state[0], strict=True)
        ]
        return np.stack([row @ self.output + self.bias for row in after]), (np.stack(after),)


def live_model(name: str = "multitrack", **options: Any) -> LiveModel:
    """Return a model of a representation that has seen the sample song."""
    kind, song = REPRESENTATIONS[name], make_song()
    representation = kind.fit([kind.collect_statistics(song)], options)
    ensemble = programs_of(representation.decode(representation.encode(song)))
    state = (np.zeros((1, UNITS), dtype=np.float32),)
    return LiveModel(name, representation, state, tuple(dict.fromkeys(ensemble)), ensemble)


def network_for(model: LiveModel, hold: float = 0.0) -> TinyNetwork:
    """Return a network for a model; `hold` is subtracted from the logits of ids that move time, so chords grow."""
    bias = np.where(model.tokens.elapsed > 0, -hold, 0.0)
    return TinyNetwork(model.representation.vocabulary_size, bias=bias)


def key(
    pitch: int, start: float, end: float, velocity: int = 80, channel: int = 0
) -> list[tuple[float, Midi]]:
    """Return a key that is pressed and released, as events with times."""
    return [
        (start, Midi(bytes([0x90 | channel, pitch, velocity]))),
        (end, Midi(bytes([0x80 | channel, pitch, 0]))),
    ]


def tune(
    start: float, pitches: Iterable[int] = (60, 62, 64, 67), seconds: float = 0.5
) -> list[tuple[float, Midi]]:
    """Return keys one after another."""
    return [
        e for i, p in enumerate(pitches) for e in key(p, start + i * seconds, start + (i + 0.9) * seconds)
    ]


Log = list[tuple[float, Input]]


def jam(
    sessions: Session | list[Session],
    network: Any,
    logs: Log | list[Log],
    until: float,
    step_seconds: float = 0.0,
    each: Callable[[float], None] = lambda now: None,
) -> list[list[tuple[float, Output]]]:
    """Advance the clock from event to event until `until`; return each session's outputs with their times.

    A step of the network takes `step_seconds`.
    """
    if isinstance(sessions, Session):
        sessions, logs = [sessions], [logs]  # type: ignore[list-item]
    queues = [sorted(log, key=lambda event: event[0]) for log in logs]  # type: ignore[arg-type]
    engine = Engine(network)
    out: list[list[tuple[float, Output]]] = [[] for _ in sessions]
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += step_seconds
        return now

    def receive() -> None:
        for session, queue in zip(sessions, queues, strict=True):
            while queue and queue[0][0] <= now:
                session.receive(queue[0][1], queue.pop(0)[0])

    def advance() -> None:
        for session, outputs in zip(sessions, out, strict=True):
            outputs += [(now, output) for output in session.advance(now)]

    while now < until:
        receive()
        advance()
        while now < until and engine.step(sessions, clock):
            receive()
            advance()
        each(now)
        times = [session.next_time for session in sessions] + [queue[0][0] for queue in queues if queue]
        known = [time for time in times if time is not None]
        now = max(now + 1e-4, min(known)) if known else until
    return out

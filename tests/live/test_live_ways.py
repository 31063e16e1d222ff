"""The same events give the same notes for the same seed, in every way in to a session: in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from live_fakes import Log, tune
from osc_stage import Stage

from ritornello.config import checked
from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, Midi, Side
from ritornello.live.ports.port_player import PortPlayer, PortSettings
from ritornello.live.server.catalog import Catalog
from ritornello.live.session import Session

BEGAN, SEED, UNTIL = 1000.0, 4, 14.0

MODES: dict[str, dict[str, Any]] = {
    "answer": {"mode": "answer", "pause": 0.3, "response_seconds": 2.0},
    "call-and-response": {"mode": "call-and-response", "call_seconds": 3.0, "temperature": 0.9},
    "trade": {"mode": "trade", "call_bars": 1, "tempo": 100.0, "count_in": 0, "candidates": 2},
}

LOG: Log = sorted([*tune(0.5), *tune(7.0, (67, 65, 64, 60))], key=lambda entry: entry[0])


class Clock:
    time = BEGAN


def by_python(catalog: Catalog, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session that is driven by hand."""
    entry, waiting, now = catalog.find(None), list(LOG), 0.0
    session = Session(entry.model, checked(JamConfig, config), SEED)
    while now < UNTIL:
        while waiting and waiting[0][0] <= now:
            at, event = waiting.pop(0)
            session.receive(event, at)
        session.advance(now)
        entry.engine.run([session], lambda now=now: now)  # type: ignore[misc]
        session.advance(now)
        due = [session.next_time or UNTIL, UNTIL, *(at for at, _ in waiting[:1])]
        now = max(min(due), now + 0.0005) if min(due) < UNTIL else UNTIL
        now = min([now, *(at for at, _ in waiting[:1])])
    return session


class Wires:
    """Ports of MIDI on which LOG comes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.coming = [(BEGAN + at, event.data) for at, event in LOG if isinstance(event, Midi)]

    def receive(self) -> list[tuple[float, bytes]]:
        come = [entry for entry in self.coming if entry[0] <= self.clock.time]
        self.coming = self.coming[len(come) :]
        return come

    def put(self, time: float, item: Any) -> None: ...

    def send(self, data: bytes) -> None: ...

    def publish(self, news: Any, now: float) -> None: ...

    def wait(self, seconds: float) -> None: ...

    def close(self) -> None: ...


def by_midi(catalog: Catalog, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Session:
    """MIDI ports."""
    clock = Clock()
    wires, session = Wires(clock), Session(catalog.find(None).model, checked(JamConfig, config), SEED)
    player = PortPlayer(session, catalog, wires, lambda: clock.time, PortSettings(click=False))
    while clock.time < BEGAN + UNTIL:
        wait = max(player.turn(), 0.0005)
        clock.time = min(
            [clock.time + wait, BEGAN + UNTIL, *(max(at, clock.time) for at, _ in wires.coming[:1])]
        )
    player.turn()
    return session


def by_osc(catalog: Catalog, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Session:
    """OSC: settings as messages, notes in bundles with the tags of their times, all sent at the beginning."""
    stage = Stage(catalog, monkeypatch)
    for name, value in {**checked(JamConfig, config).model_dump(mode="json")}.items():
        if value != getattr(stage.player.session.config, name):
            stage.send(f"setting/{name}", "none" if value is None else value)
    stage.player.turn()
    for at, event in LOG:
        assert isinstance(event, Midi)
        status, pitch, velocity = event.data
        stage.send("note", pitch, velocity if status & 0xF0 == 0x90 else 0, at=BEGAN + at)
    stage.run(UNTIL)
    stage.close()
    return stage.player.session


WAYS: dict[str, Callable[[Catalog, dict[str, Any], pytest.MonkeyPatch], Session]] = {
    "python": by_python,
    "MIDI": by_midi,
    "OSC": by_osc,
}


def played(session: Session) -> list[tuple[int, int, int, float]]:
    """Return the model's notes: pitch, velocity, program, and length to a millisecond."""
    notes: list[LiveNote] = [note for note in session.notes if note.side is Side.MODEL]
    return [(n.pitch, n.velocity, n.program, round((n.end or 0) - n.start, 3)) for n in notes]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "python"])
@pytest.mark.parametrize("mode", MODES)
def test_the_same_events_give_the_same_notes(
    mode: str, way: str, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = played(by_python(catalog, MODES[mode], monkeypatch))
    found = played(WAYS[way](catalog, MODES[mode], monkeypatch))
    assert len(expected) > 8
    assert found == expected

"""The manager: who is forgotten and when, which seeds, and jobs; with a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ritornello.bundle import Sampling, load_bundle
from ritornello.config import checked
from ritornello.data import BUNDLES
from ritornello.errors import ConfigError
from ritornello.live.config import JamConfig
from ritornello.live.events import Turn
from ritornello.live.server.catalog import Catalog, ModelEntry, load_catalog
from ritornello.live.server.hosted_session import NEWEST, OLDEST, HostedSession
from ritornello.live.server.limits import ServerLimits, TokenBucket
from ritornello.live.server.manager import DueQueue, SessionManager
from ritornello.live.server.messages import ConfigureMessage, PlayMidi, StartMessage


class Clock:
    """Tells the time that it is set to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class FakeClient:
    """A client that remembers."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.ended = ""

    def send(self, messages: Sequence[dict[str, Any]]) -> None:
        self.received += messages

    def close(self, reason: str) -> None:
        self.ended = reason

    def texts(self) -> list[str]:
        return [message["text"] for message in self.received if message["type"] == "error"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manager(catalog: Catalog, clock: Clock) -> SessionManager:
    """A manager whose thread does not run: the tests do what it would."""
    return SessionManager(catalog, checked(JamConfig, {}), 7, ServerLimits(sessions=2), clock)


def connect(manager: SessionManager, token: str | None = None) -> tuple[HostedSession, FakeClient]:
    client = FakeClient()
    return manager.connect(token, manager.catalog.find(None), client), client


def test_each_session_has_the_next_seed_and_starts_at_time_0(manager: SessionManager, clock: Clock) -> None:
    first, _ = connect(manager)
    clock.time += 5
    second, client = connect(manager)
    assert (first.seed, second.seed) == (7, 8)
    assert (first.now(), second.now()) == (5, 0)
    assert client.received[0]["now"] == 0
    with pytest.raises(ConfigError, match="all 2 sessions are taken"):
        connect(manager)


def test_who_is_away_falls_silent_and_is_forgotten(manager: SessionManager, clock: Clock) -> None:
    hosted, client = connect(manager)
    hosted.handle(StartMessage())
    hosted.handle(PlayMidi(time=hosted.now(), data=[0x90, 60, 1]))
    hosted.detach(client)
    clock.time += manager.limits.pause_seconds - 1
    manager.expire_sessions()
    assert hosted.session.turn.turn is Turn.PLAYER
    clock.time += 2
    manager.expire_sessions()
    assert hosted.session.turn.turn is Turn.IDLE
    assert connect(manager, hosted.token)[0] is hosted
    hosted.detach(hosted.client)  # type: ignore[arg-type]
    clock.time += manager.limits.away_seconds + 1
    manager.expire_sessions()
    assert connect(manager, hosted.token)[0] is not hosted


def test_a_page_where_nothing_happens_is_sent_away_in_the_end(manager: SessionManager, clock: Clock) -> None:
    hosted, client = connect(manager)
    clock.time += manager.limits.quiet_seconds - 1
    hosted.handle(PlayMidi(time=hosted.now(), data=[0x90, 60, 1]))
    clock.time += 2
    manager.expire_sessions()
    assert not client.ended
    clock.time += manager.limits.quiet_seconds
    manager.expire_sessions()
    assert "nothing was played" in client.ended
    assert not manager.sessions


def test_the_time_of_an_event_is_believed_within_bounds(manager: SessionManager, clock: Clock) -> None:
    hosted, _ = connect(manager)
    hosted.handle(StartMessage())
    clock.time += 50
    times = (10.0, 49.9, 49.5, 1e6)
    for pitch, time in enumerate(times, start=60):
        hosted.handle(PlayMidi(time=time, data=[0x90, pitch, 90]))
    assert [note.start for note in hosted.session.notes] == [50 - OLDEST, 49.9, 49.9, 50 + NEWEST]


def test_a_batch_that_fails_is_stepped_one_by_one(
    manager: SessionManager, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = [connect(manager)[0] for _ in range(2)]
    clients = [hosted.client for hosted in sessions]
    for hosted in sessions:
        hosted.handle(StartMessage())
        hosted.handle(PlayMidi(time=0, data=[0x90, 60, 90]))
        hosted.handle(PlayMidi(time=0, data=[0x80, 60, 0]))
    clock.time += 7
    bad = sessions[0].session

    def broken(self: object) -> Any:
        step = wants.fget(self)  # type: ignore[attr-defined]
        return replace(step, state=()) if self is bad and step else step

    wants = type(bad).wants
    monkeypatch.setattr(type(bad), "wants", property(broken))
    for _ in range(100):
        manager.advance_due()
        clock.time += 0.01
    assert "a batch failed" in caplog.text
    assert "begins anew" in clients[0].texts()[-1]  # type: ignore[union-attr]
    assert sessions[0].session is not bad
    assert not clients[1].texts()  # type: ignore[union-attr]
    assert any(message["type"] == "notes" for message in clients[1].received)  # type: ignore[union-attr]


def test_jobs_are_done_in_the_thread_and_what_they_raise_comes_back(manager: SessionManager) -> None:
    manager.open()
    try:
        manager.post(lambda: 1 / 0)
        assert manager.submit(lambda: 7).result(10) == 7
        with pytest.raises(ConfigError, match="no such session"):
            manager.submit(lambda: manager.find("x")).result(10)
    finally:
        manager.close()


def test_a_bucket_lets_through_a_burst_and_then_so_many_a_second() -> None:
    clock = Clock()
    bucket = TokenBucket(2, 3, clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.time += 0.6
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.time += 100
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_offers_are_known_by_name(catalog: Catalog, bundle_file: object) -> None:
    assert load_catalog([str(bundle_file)]).find(None).name == "tiny"
    assert not load_catalog([str(bundle_file)]).find("tiny").is_loaded
    shipped = [entry.name for entry in load_catalog()]
    assert shipped[0] == "songs"
    assert shipped[1:] == sorted(path.stem for path in BUNDLES.glob("*.rit") if path.stem != "songs")
    with pytest.raises(ConfigError, match="nearest is 'other'"):
        catalog.find("othr")
    first = catalog.find(None)
    with pytest.raises(ConfigError, match="same name"):
        Catalog([first, first])


def test_models_load_ahead_and_their_meters_are_told(bundle_file: Path) -> None:
    bundle = load_bundle(bundle_file)
    catalog = Catalog([ModelEntry("one", bundle), ModelEntry("two", bundle)])
    assert catalog.find("two").to_json()["meters"] == ["3/4", "4/4"]
    catalog.load_ahead().join(60)
    assert all(entry.is_loaded for entry in catalog)
    closed = Catalog([ModelEntry("one", bundle)])
    closed.close()
    closed.load_ahead().join(60)
    assert not closed.find(None).is_loaded


def test_a_session_samples_as_the_card_of_its_model_says_unless_asked(
    clock: Clock, bundle_file: Path
) -> None:
    bundle = load_bundle(bundle_file)
    card = bundle.card.model_copy(update={"sampling": Sampling(temperature=0.85, cadence=False)})
    catalog = Catalog([ModelEntry("plain", bundle), ModelEntry("bands", replace(bundle, card=card))])
    manager = SessionManager(catalog, checked(JamConfig, {}), clock=clock)
    client = FakeClient()
    hosted = manager.connect(None, catalog.find("bands"), client)
    assert client.received[0]["config"]["temperature"] == 0.85
    hosted.handle(ConfigureMessage(config={"tempo": 90}))
    hosted.use(catalog.find("plain"))
    assert client.received[-1]["type"] == "config"
    assert (client.received[-1]["config"]["temperature"], client.received[-1]["config"]["tempo"]) == (1.0, 90)
    hosted.use(catalog.find("bands"))
    assert client.received[0]["config"]["temperature"] == 0.85
    assert hosted.score().texts, "a recipe, though a session knows no cadence"
    hosted.handle(ConfigureMessage(config={"temperature": 1.0}))
    assert client.received[-1]["config"]["temperature"] == 1.0


def test_the_agenda_gives_each_room_once_and_only_when_it_is_still_due(manager: SessionManager) -> None:
    one, two = connect(manager)[0], connect(manager)[0]
    due_queue = DueQueue()
    assert due_queue.next_time == float("inf")
    for hosted, due in ((one, 5.0), (one, 3.0), (two, 4.0), (one, 3.0), (two, float("inf"))):
        hosted.due = due
        due_queue.add(hosted)
    assert due_queue.next_time == 3.0
    assert due_queue.take(2.0) == []
    assert due_queue.take(10.0) == [one]
    assert due_queue.take(10.0) == []
    due_queue.add(one)
    assert due_queue.take(10.0) == [one], "it may be due at the same time again"

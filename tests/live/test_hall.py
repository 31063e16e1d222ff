"""The hall: who is forgotten and when, which seeds, and jobs; with a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.live.config import JamConfig
from ritornello.live.events import Turn
from ritornello.live.server.hall import Agenda, Hall
from ritornello.live.server.limits import Limits, TokenBucket
from ritornello.live.server.messages import PlayMidi, StartMessage
from ritornello.live.server.offers import Offers, make_offers
from ritornello.live.server.room import NEWEST, OLDEST, Room


class Clock:
    """Tells the time that it is set to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.ended = ""

    def tell(self, messages: Sequence[dict[str, Any]]) -> None:
        self.heard += messages

    def end(self, reason: str) -> None:
        self.ended = reason

    def texts(self) -> list[str]:
        return [message["text"] for message in self.heard if message["type"] == "error"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hall(offers: Offers, clock: Clock) -> Hall:
    """A hall whose thread does not run: the tests do what it would."""
    return Hall(offers, checked(JamConfig, {}), 7, Limits(sessions=2), clock)


def enter(hall: Hall, token: str | None = None) -> tuple[Room, Ear]:
    ear = Ear()
    return hall.enter(token, hall.offers.find(None), ear), ear


def test_each_session_has_the_next_seed_and_starts_at_time_0(hall: Hall, clock: Clock) -> None:
    first, _ = enter(hall)
    clock.time += 5
    second, ear = enter(hall)
    assert (first.seed, second.seed) == (7, 8)
    assert (first.now(), second.now()) == (5, 0)
    assert ear.heard[0]["now"] == 0
    with pytest.raises(ConfigError, match="all 2 sessions are taken"):
        enter(hall)


def test_who_is_away_falls_silent_and_is_forgotten(hall: Hall, clock: Clock) -> None:
    room, ear = enter(hall)
    room.hear(StartMessage())
    room.detach(ear)
    clock.time += hall.limits.pause_seconds - 1
    hall.keep_order()
    assert room.session.turn.turn is Turn.PLAYER
    clock.time += 2
    hall.keep_order()
    assert room.session.turn.turn is Turn.IDLE
    assert enter(hall, room.token)[0] is room
    room.detach(room.listener)  # type: ignore[arg-type]
    clock.time += hall.limits.away_seconds + 1
    hall.keep_order()
    assert enter(hall, room.token)[0] is not room


def test_a_page_where_nothing_happens_is_sent_away_in_the_end(hall: Hall, clock: Clock) -> None:
    room, ear = enter(hall)
    clock.time += hall.limits.quiet_seconds - 1
    room.hear(PlayMidi(time=room.now(), data=[0x90, 60, 1]))
    clock.time += 2
    hall.keep_order()
    assert not ear.ended
    clock.time += hall.limits.quiet_seconds
    hall.keep_order()
    assert "nothing was played" in ear.ended
    assert not hall.rooms


def test_the_time_of_an_event_is_believed_within_bounds(hall: Hall, clock: Clock) -> None:
    room, _ = enter(hall)
    room.hear(StartMessage())
    clock.time += 50
    said = (10.0, 49.9, 49.5, 1e6)
    for pitch, time in enumerate(said, start=60):
        room.hear(PlayMidi(time=time, data=[0x90, pitch, 90]))
    assert [note.start for note in room.session.notes] == [50 - OLDEST, 49.9, 49.9, 50 + NEWEST]


def test_a_batch_that_fails_is_stepped_one_by_one(
    hall: Hall, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rooms = [enter(hall)[0] for _ in range(2)]
    ears = [room.listener for room in rooms]
    for room in rooms:
        room.hear(StartMessage())
        room.hear(PlayMidi(time=0, data=[0x90, 60, 90]))
        room.hear(PlayMidi(time=0, data=[0x80, 60, 0]))
    clock.time += 7
    bad = rooms[0].session

    def broken(self: object) -> Any:
        step = wants.fget(self)  # type: ignore[attr-defined]
        return replace(step, state=()) if self is bad and step else step

    wants = type(bad).wants
    monkeypatch.setattr(type(bad), "wants", property(broken))
    for _ in range(100):
        hall.move()
        clock.time += 0.01
    assert "a batch failed" in caplog.text
    assert "begins anew" in ears[0].texts()[-1]  # type: ignore[union-attr]
    assert rooms[0].session is not bad
    assert not ears[1].texts()  # type: ignore[union-attr]
    assert any(message["type"] == "notes" for message in ears[1].heard)  # type: ignore[union-attr]


def test_jobs_are_done_in_the_thread_and_what_they_raise_comes_back(hall: Hall) -> None:
    hall.open()
    try:
        hall.post(lambda: 1 / 0)
        assert hall.ask(lambda: 7).result(10) == 7
        with pytest.raises(ConfigError, match="no such session"):
            hall.ask(lambda: hall.room("x")).result(10)
    finally:
        hall.close()


def test_a_bucket_lets_through_a_burst_and_then_so_many_a_second() -> None:
    clock = Clock()
    bucket = TokenBucket(2, 3, clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.time += 0.6
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.time += 100
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_offers_are_known_by_name(offers: Offers, bundle_file: object) -> None:
    assert make_offers([str(bundle_file)]).find(None).name == "tiny"
    assert not make_offers([str(bundle_file)]).find("tiny").is_loaded
    assert [offer.name for offer in make_offers()] == [
        "songs",
        "bands",
        "chorales",
        "folk",
        "piano",
        "quartets",
    ]
    with pytest.raises(ConfigError, match="nearest is 'other'"):
        offers.find("othr")
    first = offers.find(None)
    with pytest.raises(ConfigError, match="same name"):
        Offers([first, first])


def test_the_agenda_gives_each_room_once_and_only_when_it_is_still_due(hall: Hall) -> None:
    one, two = enter(hall)[0], enter(hall)[0]
    agenda = Agenda()
    assert agenda.next_time == float("inf")
    for room, due in ((one, 5.0), (one, 3.0), (two, 4.0), (one, 3.0), (two, float("inf"))):
        room.due = due
        agenda.add(room)
    assert agenda.next_time == 3.0
    assert agenda.take(2.0) == []
    assert agenda.take(10.0) == [one]
    assert agenda.take(10.0) == []
    agenda.add(one)
    assert agenda.take(10.0) == [one], "it may be due at the same time again"

"""A server that is given a record: it goes on from it, or says in one line why not; and no key press counts twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pages import Page, Served, serving

from ritornello.live.server.catalog import Catalog
from ritornello.live.server.limits import ServerLimits

RECORD: dict[str, Any] = {
    "format": "ritornello-jam",
    "version": 1,
    "model": "tiny",
    "seed": 5,
    "config": {"mode": "answer", "pause": 0.2, "tempo": 90.0, "temperature": 0.7},
    "now": 20.0,
    "entries": [
        ["model", 1, "tiny"],
        ["turn", 2, "player", 0.5, None, 1],
        ["note", 3, "player", 1.0, 1.5, 60, 90, 0, 0],
        ["note", 4, "player", 2.0, None, 62, 90, 0, 0],
        ["bookmark", 5, 1, "here", 3.0, 5],
        ["tempo", 6, 1.0, 93.0, [4, 4], False],
        ["note", 7, "model", 4.0, 25.0, 64, 70, 0, 0],
        ["note", 8, "model", 24.0, 25.0, 66, 70, 0, 0],
    ],
}


@pytest.fixture
def served(catalog: Catalog) -> Iterator[Served]:
    with serving(catalog) as server:
        yield server


def give_back(served: Served, page: Page, **changes: Any) -> tuple[int, str]:
    """Post a record; return status and text."""
    content = json.dumps({**RECORD, **changes}).encode()
    status, _, body = served.get(f"/session/{page.token}/record", content)
    return status, body.decode()


def test_a_session_goes_on_from_a_record(served: Served) -> None:
    with served.page() as page:
        page.hello()
        assert give_back(served, page) == (200, "7 entries")
        welcome = page.wait("welcome")
        journal = page.wait("journal")
        assert welcome["session"] == page.token
        assert welcome["resumed"]
        assert welcome["now"] >= 20
        assert [(n["pitch"], n["end"]) for n in welcome["notes"]] == [(60, 1.5), (62, 20.0), (64, 20.0)]
        assert [mark["name"] for mark in welcome["bookmarks"]] == ["here"]
        assert (welcome["config"]["tempo"], welcome["config"]["temperature"]) == (90.0, 0.7)
        assert welcome["tempo"]["quarters_per_minute"] == 93.0
        assert [row[:2] for row in journal["entries"]][:3] == [["model", 1], ["turn", 2], ["note", 3]]
        assert (journal["head"]["seed"], journal["whole"], journal["heard"]) == (5, True, 0)
        page.send("start")
        page.send("midi", time=welcome["now"], data=[0x90, 60, 90])
        page.send("midi", time=welcome["now"], data=[0x80, 60, 0])
        page.wait("notes")
        page.send("undo")
        assert len(page.wait("history")["notes"]) == 3
        page.send("redo")
        assert len(page.wait("history")["notes"]) > 3


def test_what_another_server_lacks_is_said(served: Served) -> None:
    with served.page() as page:
        page.hello()
        config = RECORD["config"] | {"nonsense": 1, "tempo": 9000.0}
        assert give_back(served, page, model="elsewhere", config=config)[0] == 200
        welcome = page.wait("welcome")
        assert (welcome["model"], welcome["config"]["temperature"]) == ("tiny", 0.7)
        assert "model elsewhere is not offered here: tiny goes on" in page.wait("remark")["text"]
        assert page.wait("remark")["text"].endswith("left out: tempo, nonsense")


def test_what_is_no_record_is_refused_and_the_session_stays(catalog: Catalog) -> None:
    limits = ServerLimits(record_bytes=2000, notes=3, session_seconds=100)
    with serving(catalog, limits) as served, served.page() as page:
        page.hello()
        for changes, reason in (
            ({"version": 3}, "the record: version: must be 1"),
            ({"now": 200.0}, "at most 3 notes, 400000 entries"),
            (
                {"entries": [["note", i, "player", 1.0, 2.0, 60, 9, 0, 0] for i in range(1, 5)]},
                "at most 3 notes",
            ),
            ({"entries": [["model", i, "x" * 50] for i in range(1, 60)]}, "a record has at most 2000 bytes"),
        ):
            status, text = give_back(served, page, **changes)
            assert (status, "\n" in text) == (400, False)
            assert reason in text
        assert served.get("/session/" + "x" * 32 + "/record", b"{}")[0] == 400
        page.settle()
        assert all(message["type"] != "welcome" for message in page.received[1:])


def test_what_was_played_while_the_connection_was_lost_keeps_its_time_and_counts_once(served: Served) -> None:
    with served.page() as page:
        token = page.hello().token
        page.send("start")
        page.play(0x90, 60, 90)
        page.play(0x80, 60, 0)
        page.wait("journal", lambda message: message["heard"] == 2)
    served.wait_until_left(token)
    served.submit(
        lambda: setattr(served.manager.find(token), "_began", served.manager.find(token)._began - 30)
    )
    with served.page() as again:
        left = page.now()
        again.send("hello", session=token, model=None)
        welcome = again.wait("welcome")
        assert again.wait("journal")["heard"] == 2
        for i in range(4):  # it was played in the half minute before
            again.send("midi", time=left + 2 * i, data=[0x90, 70 + i, 90])
            again.send("midi", time=left + 2 * i + 1, data=[0x80, 70 + i, 0])
        again.settle()
        notes = served.submit(lambda: served.manager.find(token).session.notes)
        late = [round(note.start - left, 3) for note in notes if note.pitch >= 70 and note.side == "player"]
        assert welcome["now"] > left + 25
        assert late == [0, 2, 4, 6]
        again.send("midi", time=left, data=[0x90, 80, 90])
        again.settle()
        last = served.submit(lambda: served.manager.find(token).session.notes)
        assert max(note.start for note in last if note.pitch == 80) > left + 25, (
            "later the clock is checked again"
        )

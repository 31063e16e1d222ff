"""Undo, redo and bookmarks: nothing that was played leaves the reach of the player."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from live_fakes import jam, live_model, network_for, tune
from test_session import config

from ritornello.live.config import Mode
from ritornello.live.events import GoTo, Input, LiveNote, Redo, Remark, SetBookmark, Start, Stop, Undo
from ritornello.live.session import Session

MODEL = live_model()
NETWORK = network_for(MODEL)


def made() -> Session:
    """Return a session, idle at 30 s, of three calls with their answers, which begin at 0, 10 and 20 s."""
    session = Session(MODEL, config(Mode.ANSWER, pause=0.5))
    for begin in (0.0, 10.0, 20.0):
        jam(session, NETWORK, [(begin, Start()), *tune(begin + 0.25), (begin + 8.0, Stop())], begin + 8.1)
    return session


def do(session: Session, now: float, *events: Input) -> list[object]:
    """Let the session receive events at a time; return the outputs."""
    return [output for _, output in jam(session, NETWORK, [(now, event) for event in events], now + 0.01)[0]]


def test_redo_brings_back_what_undo_took_turn_by_turn() -> None:
    session, seen = made(), []
    for step in range(3):
        seen.append(session.notes)
        do(session, 30.0 + step, Undo())
    assert session.notes == ()
    for step in range(3):
        do(session, 40.0 + step, Redo())
        assert session.notes == seen.pop()
    assert [output.text for output in do(session, 50.0, Redo()) if isinstance(output, Remark)] == [
        "there is nothing to bring back: it is in the bookmarks if you have played since"
    ]
    do(session, 51.0, Undo())
    assert [note.start // 10 for note in session.notes if note.pitch == 60][:2] == [0, 1], "and undo goes on"


def test_what_was_undone_gets_a_bookmark_when_something_is_played_instead() -> None:
    session = made()
    whole = session.notes
    do(session, 30.0, Undo(), Undo())
    jam(session, NETWORK, [(31.0, Start()), *tune(31.25, (70, 72)), (38.0, Stop())], 38.1)
    assert [mark.name for mark in session.bookmarks] == ["Left at 0:30"]
    instead = session.notes
    do(session, 39.0, Redo())
    assert session.notes == instead, "redo does not take back what was played since"
    do(session, 40.0, GoTo(1))
    assert session.notes == whole
    do(session, 41.0, GoTo(2))
    assert session.notes == instead


def test_a_branch_that_bookmarks_have_gets_no_other() -> None:
    session = made()
    do(session, 30.0, SetBookmark("end"), Undo(), SetBookmark("two"))
    for step in range(6):
        do(session, 31.0 + step, GoTo(1 + step % 2))
    assert [mark.name for mark in session.bookmarks] == ["end", "two"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["undo", "redo", "play", "mark", "go"]), max_size=14), st.data())
def test_every_note_stays_in_reach(steps: list[str], data: st.DataObject) -> None:
    """Whatever is undone and gone to: each note counts now, or at a bookmark, or after redos."""
    session, now = made(), 30.0
    for step in steps:
        now += 10.0
        if step == "play":
            jam(session, NETWORK, [(now, Start()), *tune(now + 0.25, (65, 67)), (now + 6, Stop())], now + 6.1)
        elif step == "go" and session.bookmarks:
            do(session, now, GoTo(data.draw(st.integers(1, len(session.bookmarks)))))
        else:
            do(session, now, {"undo": Undo(), "redo": Redo()}.get(step, SetBookmark("m")))
    played = {number for number, entry in session.record.journal.items() if isinstance(entry, LiveNote)}
    found = {note.number for note in session.notes}
    for _ in range(20):
        do(session, now := now + 1, Redo())
        found |= {note.number for note in session.notes}
    for mark in session.bookmarks:
        do(session, now := now + 1, GoTo(mark.number))
        found |= {note.number for note in session.notes}
    assert found == played

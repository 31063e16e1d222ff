"""The table of turns is true: a session is driven through each row, and nothing else changes the turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from build import make_song
from live_fakes import Log, jam, live_model, network_for, tune
from test_session import config

from ritornello.live.config import Mode
from ritornello.live.events import (
    Again,
    Configure,
    GoTo,
    LoopAnswer,
    Midi,
    Output,
    PlayCall,
    Remark,
    SetBookmark,
    Start,
    Stop,
    Turn,
    TurnBegan,
    Undo,
)
from ritornello.live.session import Session
from ritornello.live.session.transitions import TRANSITIONS, Choice, Event, Transition, When
from ritornello.live.session.turn_taking import PATIENCE

MODEL, OTHER = live_model(), live_model()
NETWORK = network_for(MODEL)
MODES = {
    Turn.IDLE: tuple(Mode),
    Turn.COUNT_IN: (Mode.TRADE, Mode.CONTINUE, Mode.DUET),
    Turn.PLAYER: (Mode.CALL_AND_RESPONSE, Mode.ANSWER, Mode.TRADE, Mode.CONTINUE),
    Turn.MODEL: (Mode.CALL_AND_RESPONSE, Mode.ANSWER, Mode.TRADE),
    Turn.BOTH: (Mode.CONTINUE, Mode.DUET),
}
"""The modes in which a turn can be reached; COUNT_IN is reached with a metronome."""


def go_on(session: Session, until: float) -> list[Output]:
    return [output for _, output in jam(session, NETWORK, [], until)[0]]


def reach(turn: Turn, mode: Mode, counted: bool = False, played: bool = True) -> tuple[Session, float]:
    """Return a session with a bookmark in which it is the turn of `turn`, and the time."""
    counted = counted or turn == Turn.COUNT_IN
    session = Session(MODEL, config(mode, metronome=counted, count_in=2 * counted), seed=1)
    session.receive(SetBookmark("first"), 0.0)
    if turn == Turn.IDLE:
        return session, 0.0
    log: Log = [(0.0, Start()), *(tune(0.3, (60, 64), 0.2) if played and not counted else [])]
    now = 0.9
    jam(session, NETWORK, log, now)
    while session.turn.turn != turn:
        assert now < 5, f"{turn} is not reached in mode {mode}"
        now += 0.05
        go_on(session, now)
    return session, now


def until_a_turn(session: Session, now: float) -> list[Output]:
    """Go on until a turn begins, and return the outputs."""
    outputs: list[Output] = []
    while not turns(outputs) and now < 70:
        now = max(now + 0.01, session.next_time or 0.0)
        outputs += go_on(session, now + 1e-3)
    return outputs


def turns(outputs: list[Output]) -> list[Turn]:
    return [output.turn for output in outputs if isinstance(output, TurnBegan)]


def receives(make: Callable[[Session], object]) -> Callable[[Session, float], list[Output]]:
    """Return what lets a session receive an event, made for it."""

    def do(session: Session, now: float) -> list[Output]:
        session.receive(make(session), now)  # type: ignore[arg-type]
        return list(session.advance(now))

    return do


def use(session: Session, now: float) -> list[Output]:
    session.use(OTHER, now)
    return list(session.advance(now))


def again(session: Session, now: float) -> list[Output]:
    """The turn is told once the first note is decided."""
    session.receive(Again(), now)
    return go_on(session, now + 0.05)


DO: dict[Event, Callable[[Session, float], list[Output]]] = {
    Event.KEY: receives(lambda _: Midi(b"\x90\x3c\x50")),
    Event.START: receives(lambda _: Start()),
    Event.STOP: receives(lambda _: Stop()),
    Event.OVER: until_a_turn,
    Event.CONFIGURE: receives(
        lambda session: Configure(
            session.config.model_copy(update={"metronome": not session.config.metronome})
        )
    ),
    Event.USE: use,
    Event.PLAY_CALL: receives(lambda _: PlayCall(make_song(2))),
    Event.GO_BACK: receives(lambda _: GoTo(1)),
    Event.AGAIN: again,
    Event.LOOP: receives(lambda session: LoopAnswer(not session.is_looping)),
}

LATER = (When.GIVEN, When.LOOPING)
"""The conditions that hold once the model has answered."""

ROWS = [
    (row, mode)
    for row in TRANSITIONS
    if isinstance(row.turn, Turn) and row.when not in (When.LATE, *LATER)
    for mode in MODES[row.turn]
]


IN_MODES = {
    When.PLAYED: (Mode.CALL_AND_RESPONSE, Mode.ANSWER, Mode.TRADE),
    When.PLAYED_JOINT: (Mode.CONTINUE,),
    When.TOO_EARLY: (Mode.ANSWER,),
    When.INTERRUPTED: (Mode.ANSWER,),
}
"""The modes in which a condition can hold, where not in all."""


def next_of(session: Session) -> Turn:
    """Return whose turn begins: the rows of the choice."""
    mode, has_listened = session.config.mode, session._turns.performer.improviser.model_state.row is not None
    is_joint = mode == Mode.DUET or (mode == Mode.CONTINUE and has_listened)
    when = When.JOINT if is_joint else When.CALLS
    return next(Turn(row.then) for row in TRANSITIONS if row.turn == Choice.NEXT and row.when == when)


@pytest.mark.parametrize(
    ("row", "mode"),
    [(row, mode) for row, mode in ROWS if mode in IN_MODES.get(row.when, Mode)],
    ids=lambda each: each.value if isinstance(each, Mode) else f"{each.turn}-{each.event}-{each.when}",
)
def test_the_session_does_what_the_row_says(row: Transition, mode: Mode) -> None:
    assert isinstance(row.turn, Turn)
    assert row.event is not None
    session, now = reach(row.turn, mode, row.when == When.COUNT_IN, row.when != When.SILENT)
    number = session.turn.number
    if row.when == When.INTERRUPTED:
        now = session.turn.start + 0.8
        go_on(session, now)
    outputs = DO[row.event](session, now)
    expected = next_of(session) if row.then == Choice.NEXT else row.then
    assert (session.turn.turn, turns(outputs)[-1]) == (expected, expected)
    if row.when in (When.SILENT, When.TOO_EARLY):
        assert session.turn.number == number


@pytest.mark.parametrize("mode", MODES[Turn.MODEL])
def test_a_late_answer_is_waited_for_and_then_given_up(mode: Mode) -> None:
    session, now = reach(Turn.PLAYER, mode)
    while session.turn.turn == Turn.PLAYER:  # from here on the network is not stepped
        now += 0.1
        session.advance(now)
    stop = session.turn.end
    assert stop is not None
    row = next(row for row in TRANSITIONS if row.when == When.LATE)
    assert (row.turn, row.event) == (Turn.MODEL, Event.OVER)
    outputs = list(session.advance(stop + PATIENCE - 0.1))
    assert (session.turn.turn, turns(outputs)) == (row.then, [])
    outputs = list(session.advance(stop + PATIENCE + 0.1))
    assert (session.turn.turn, turns(outputs)[-1]) == (Turn.PLAYER, Turn.PLAYER)


@pytest.mark.parametrize("mode", MODES[Turn.MODEL])
@pytest.mark.parametrize(
    "row", [row for row in TRANSITIONS if row.when in LATER], ids=lambda row: f"{row.turn}-{row.event}"
)
def test_what_can_be_done_with_an_answer(row: Transition, mode: Mode) -> None:
    session, now = reach(Turn.MODEL, mode)
    if row.when == When.LOOPING:
        session.receive(LoopAnswer(True), now)
    if row.event != Event.OVER:
        until_a_turn(session, now)
        now = session.turn.start + 0.1
        go_on(session, now)
    assert session.turn.turn == row.turn
    assert row.event is not None
    outputs = DO[row.event](session, now)
    expected = next_of(session) if row.then == Choice.NEXT else row.then
    assert (session.turn.turn, turns(outputs)[-1]) == (expected, expected)


@pytest.mark.parametrize("turn", [Turn.COUNT_IN, Turn.PLAYER, Turn.BOTH])
def test_undo_with_nothing_to_take_back_changes_no_turn(turn: Turn) -> None:
    session, now = reach(turn, Mode.DUET if turn == Turn.BOTH else Mode.TRADE, played=False)
    before = session.turn
    session.receive(Undo(), now)
    outputs = list(session.advance(now))
    assert any(isinstance(output, Remark) for output in outputs)
    assert (session.turn, turns(outputs)) == (before, [])


@pytest.mark.parametrize("mode", [Mode.CALL_AND_RESPONSE, Mode.TRADE])
def test_in_turns_of_fixed_lengths_an_answer_cannot_be_interrupted(mode: Mode) -> None:
    session, now = reach(Turn.MODEL, mode)
    before = session.turn
    DO[Event.KEY](session, now)
    assert session.turn == before


ELSEWHERE = {(row.turn, row.event) for row in TRANSITIONS}


@pytest.mark.parametrize(
    ("turn", "event"),
    [(turn, event) for turn in Turn for event in Event if (turn, event) not in ELSEWHERE],
)
def test_no_other_event_changes_the_turn(turn: Turn, event: Event) -> None:
    for mode in MODES[turn]:
        session, now = reach(turn, mode)
        before = session.turn
        idles = event == Event.OVER  # nothing is ever over when idle, or while both play
        outputs = go_on(session, now + 3.0) if idles else DO[event](session, now)
        assert (session.turn, turns(outputs)) == (before, [])


@pytest.mark.parametrize("turn", Turn)
def test_controls_and_small_settings_change_no_turn(turn: Turn) -> None:
    session, now = reach(turn, MODES[turn][0])
    before, bolder = session.turn, session.config.model_copy(update={"temperature": 1.5})
    for event in (Midi(b"\xb0\x07\x50"), SetBookmark("here"), Configure(bolder)):
        session.receive(event, now)
    assert (session.turn, turns(list(session.advance(now)))) == (before, [])

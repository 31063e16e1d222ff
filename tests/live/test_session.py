"""The laws of live sessions: on any log of events, in every mode, for every representation that can be played live."""

from __future__ import annotations

import numpy as np
import pytest
from build import make_song
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import Log, jam, live_model, network_for, tune

from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import (
    Configure,
    GoTo,
    Midi,
    NotesCancelled,
    NotesPlanned,
    PlayCall,
    SetBookmark,
    Side,
    Start,
    Stop,
    Turn,
    TurnBegan,
    Undo,
)
from ritornello.live.session import Session

MODELS = {
    "multitrack": {},
    "melody": {"encoding": "lookback"},
    "drums": {},
    "polyphony": {},
    "performance": {"density": True},
    "improv": {},
    "event_words": {},
}
MODEL = live_model()
NETWORK = network_for(MODEL)

SHORT = {
    "call_seconds": 2.0,
    "response_seconds": 1.5,
    "call_bars": 1,
    "response_bars": 1,
    "tempo": 200.0,
    "temperature": 0.7,
}


def config(mode: Mode | str = Mode.CALL_AND_RESPONSE, **fields: object) -> JamConfig:
    return JamConfig.model_validate({"mode": mode, **SHORT, **fields})


def of(kind: type, told: list) -> list:
    """Return the outputs of a kind."""
    return [output for _, output in told if isinstance(output, kind)]


def planned(told: list, side: Side = Side.MODEL) -> list:
    return [note for output in of(NotesPlanned, told) for note in output.notes if note.side == side]


# --- any log ------------------------------------------------------------------------------------------------------

PITCHES = st.sampled_from([36, 60, 61, 64, 127])
CHANNELS = st.sampled_from([0, 1, 9])


def midi(status: int, *data: st.SearchStrategy[int]) -> st.SearchStrategy[Midi]:
    return st.builds(lambda channel, *rest: Midi(bytes([status | channel, *rest])), CHANNELS, *data)


NOTES = st.one_of(
    midi(0x90, PITCHES, st.sampled_from([0, 1, 80, 127])),
    midi(0x90, PITCHES, st.just(90)),
    midi(0x80, PITCHES, st.just(64)),
    midi(0xB0, st.just(64), st.sampled_from([0, 127])),
    midi(0xB0, st.sampled_from([1, 120, 121, 123]), st.just(0)),
    midi(0xC0, st.sampled_from([0, 40, 73])),
    midi(0xE0, st.just(0), st.just(70)),
)
ORDERS = st.one_of(
    st.just(Start()),
    st.just(Stop()),
    st.just(Undo()),
    st.just(SetBookmark("here")),
    st.just(GoTo(1)),
    st.just(PlayCall(make_song(2))),
    st.builds(
        lambda mode, beat: Configure(config(mode, metronome=beat)), st.sampled_from(Mode), st.booleans()
    ),
)


@st.composite
def logs(draw: st.DrawFn, orders: bool = True) -> Log:
    """Any log: it begins with Start, and events come 0 to 2 seconds after one another."""
    kinds = st.one_of(NOTES, NOTES, NOTES, ORDERS) if orders else NOTES
    events = draw(st.lists(st.tuples(st.sampled_from([0.0, 0.03, 0.3, 2.0]), kinds), max_size=30))
    if orders:
        events.insert(0, (0.0, SetBookmark("first")))
    times = np.cumsum([delta for delta, _ in events]).tolist()
    return [(0.0, Start()), *((time, event) for time, (_, event) in zip(times, events, strict=True))]


def play(log: Log, mode: Mode, model=MODEL, network=NETWORK, seed: int = 1, **options):  # type: ignore[no-untyped-def]
    """Play a log and 4 seconds more; return the session and what was told."""
    session = Session(model, config(mode, **options.pop("config", {})), seed)
    return session, jam(session, network, log, log[-1][0] + 4.0, **options)[0]


@settings(max_examples=25, deadline=None)
@given(logs(), st.sampled_from(Mode))
def test_the_same_log_gives_the_same_output(log: Log, mode: Mode) -> None:
    (one, told), (other, told_again) = play(log, mode), play(log, mode)
    assert told == told_again and one.notes == other.notes and one.score() == other.score()


@settings(max_examples=40, deadline=None)
@given(logs(), st.sampled_from(Mode), st.sampled_from([0.0, 0.004, 0.05]))
def test_notes_are_planned_whole_and_never_for_the_past(log: Log, mode: Mode, step_seconds: float) -> None:
    _, told = play(log, mode, step_seconds=step_seconds)
    for time, output in told:
        for note in output.notes if isinstance(output, NotesPlanned) else ():
            assert note.end is not None and time < note.start < note.end


@settings(max_examples=40, deadline=None)
@given(logs(), st.sampled_from(Mode))
def test_every_note_ends(log: Log, mode: Mode) -> None:
    last = log[-1][0]
    ends = [(last, Midi(bytes([0xB0 | channel, 123, 0]))) for channel in range(16)]
    session, told = play([*log, *ends, (last, Stop())], mode)
    assert all(note.end is not None and note.start <= note.end <= last for note in session.notes)
    assert session.turn.turn == Turn.IDLE and session.wants is None and session.next_time is None
    known = {note.number: note for output in of(NotesPlanned, told) for note in output.notes}
    assert {number for output in of(NotesCancelled, told) for number in output.numbers} <= set(known)
    assert all((track.notes["duration"] >= 1).all() for track in session.score().tracks)


@settings(max_examples=40, deadline=None)
@given(logs(orders=False), st.sampled_from(Mode))
def test_nothing_that_is_played_is_lost(log: Log, mode: Mode) -> None:
    session, _ = play(log, mode)
    pressed: dict[tuple[int, int], tuple[float, int]] = {}
    wanted = []
    for time, event in log:
        if not isinstance(event, Midi):
            continue
        status, pitch, velocity = event.data[0] & 0xF0, event.data[1], (*event.data, 0)[2]
        channel = event.data[0] & 15
        silenced = [k for k in pressed if k[0] == channel] if status == 0xB0 and pitch in (120, 123) else []
        silenced += [(channel, pitch)] if status in (0x80, 0x90) and (channel, pitch) in pressed else []
        wanted += [(*pressed.pop(each), each, time) for each in silenced]
        if status == 0x90 and velocity:
            pressed[channel, pitch] = (time, velocity)
    wanted += [(*begun, each, None) for each, begun in pressed.items()]
    kept = [
        (n.start, n.velocity, (n.channel, n.pitch), n.end) for n in session.notes if n.side == Side.PLAYER
    ]
    assert sorted(map(str, kept)) == sorted(map(str, wanted))
    scored = sum(len(track.notes) for track in session.score().tracks if track.name.startswith("You"))
    assert scored == len(wanted)


@settings(max_examples=15, deadline=None)
@given(logs(), logs(), st.sampled_from(Mode), st.sampled_from(Mode))
def test_two_sessions_do_not_meet(one: Log, other: Log, mode: Mode, other_mode: Mode) -> None:
    until = max(one[-1][0], other[-1][0]) + 2.0
    pairs = [(one, mode), (other, other_mode)]
    alone = [
        jam(Session(MODEL, config(mode), n), NETWORK, log, until)[0] for n, (log, mode) in enumerate(pairs)
    ]
    sessions = [Session(MODEL, config(mode), n) for n, (_, mode) in enumerate(pairs)]
    together = jam(sessions, NETWORK, [one, other], until)
    for mine, both in zip(alone, together, strict=True):
        assert [output for _, output in mine] == [output for _, output in both]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mode", Mode)
def test_every_model_answers_in_every_mode(name: str, mode: Mode) -> None:
    model = live_model(name, **MODELS[name])
    log: Log = [(0.0, Start()), *tune(0.4, (60, 62, 64), 0.4), *tune(2.5, (67, 65), 0.4)]
    session, told = play(log, mode, model, network_for(model))
    notes = planned(told)
    assert notes and {note.program for note in notes} <= set(model.band)
    assert all(1 <= note.velocity <= 127 for note in notes)
    assert len(of(TurnBegan, told)) >= 2 and session.score().note_count >= len(notes)

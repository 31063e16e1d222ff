"""The laws of live sessions: on any log of events, in every mode, for every representation that can be played live."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from build import make_song
from hypothesis import given, settings
from hypothesis import strategies as st
from live_fakes import Log, jam, key, live_model, network_for, tune

from ritornello.bundle import Sampling
from ritornello.errors import ConfigError
from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import (
    Answered,
    Configure,
    GoTo,
    HistoryChanged,
    Midi,
    NotesCancelled,
    NotesPlanned,
    PlayCall,
    Remark,
    SetBookmark,
    Side,
    Start,
    Stop,
    TempoSet,
    Turn,
    TurnBegan,
    Undo,
)
from ritornello.live.session import Session
from ritornello.score import Score, Track, make_notes, ticks_to_seconds

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


def of(kind: type, outputs: list) -> list:
    """Return the outputs of a kind."""
    return [output for _, output in outputs if isinstance(output, kind)]


def pedal(down: float, up: float) -> list:
    """Return the sustain pedal pressed and released."""
    return [(down, Midi(b"\xb0\x40\x7f")), (up, Midi(b"\xb0\x40\x00"))]


def planned(outputs: list, side: Side = Side.MODEL) -> list:
    return [note for output in of(NotesPlanned, outputs) for note in output.notes if note.side == side]


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
    """Play a log and 4 seconds more; return the session and its outputs."""
    session = Session(model, config(mode, **options.pop("config", {})), seed)
    return session, jam(session, network, log, log[-1][0] + 4.0, **options)[0]


@settings(max_examples=25, deadline=None)
@given(logs(), st.sampled_from(Mode))
def test_the_same_log_gives_the_same_output(log: Log, mode: Mode) -> None:
    (one, outputs), (other, outputs_again) = play(log, mode), play(log, mode)
    assert outputs == outputs_again
    assert (one.notes, one.score()) == (other.notes, other.score())


@settings(max_examples=40, deadline=None)
@given(logs(), st.sampled_from(Mode), st.sampled_from([0.0, 0.004, 0.05]))
def test_notes_are_planned_whole_and_never_for_the_past(log: Log, mode: Mode, step_seconds: float) -> None:
    _, outputs = play(log, mode, step_seconds=step_seconds)
    for time, output in outputs:
        for note in output.notes if isinstance(output, NotesPlanned) else ():
            assert time < note.start < note.end


@settings(max_examples=40, deadline=None)
@given(logs(), st.sampled_from(Mode))
def test_every_note_ends(log: Log, mode: Mode) -> None:
    last = log[-1][0]
    ends = [(last, Midi(bytes([0xB0 | channel, 123, 0]))) for channel in range(16)]
    session, outputs = play([*log, *ends, (last, Stop())], mode)
    assert all(note.end is not None and note.start <= note.end <= last for note in session.notes)
    assert (session.turn.turn, session.wants, session.next_time) == (Turn.IDLE, None, None)
    known = {note.number: note for output in of(NotesPlanned, outputs) for note in output.notes}
    assert {number for output in of(NotesCancelled, outputs) for number in output.numbers} <= set(known)
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
    session, outputs = play(log, mode, model, network_for(model))
    notes = planned(outputs)
    assert {note.program for note in notes} <= set(model.default_programs)
    assert all(1 <= note.velocity <= 127 for note in notes)
    assert len(of(TurnBegan, outputs)) >= 2
    cancelled = sum(len(output.numbers) for output in of(NotesCancelled, outputs))
    assert session.score().note_count >= len(notes) - cancelled > 0


# --- turns --------------------------------------------------------------------------------------------------------


def test_turns_have_the_lengths_asked_for() -> None:
    _, outputs = play([(0.0, Start()), *tune(0.3)], Mode.CALL_AND_RESPONSE)
    (first, model, second), (answered,) = of(TurnBegan, outputs)[:3], of(Answered, outputs)
    assert (first.turn, first.start, first.end) == (Turn.PLAYER, 0.0, 2.0)
    assert (model.turn, second.turn, answered.seconds) == (Turn.MODEL, Turn.PLAYER, 0.0)
    assert model.end - model.start == pytest.approx(1.5) == second.start - model.start
    assert planned(outputs)[0].start == pytest.approx(model.start)
    (beat,) = of(TempoSet, outputs)
    assert (beat.bar_line, beat.quarters_per_minute) == (pytest.approx(0.3), pytest.approx(120))
    assert model.start == pytest.approx(2.3)  # the next beat
    assert all(note.start < model.end for note in planned(outputs))


def test_a_call_without_notes_goes_on() -> None:
    _, outputs = play([(0.0, Start()), *tune(4.5)], Mode.CALL_AND_RESPONSE)
    turns = of(TurnBegan, outputs)
    assert [(t.turn, t.start, t.number) for t in turns[:3]] == [
        (Turn.PLAYER, at, 1) for at in (0.0, 2.0, 4.0)
    ]
    assert turns[3].turn == Turn.MODEL


def test_with_a_metronome_the_answer_sounds_on_the_bar_line() -> None:
    _, outputs = play([(0.0, Start()), *tune(1.5, seconds=0.3)], Mode.TRADE)
    (beat,), turns = of(TempoSet, outputs), of(TurnBegan, outputs)
    assert (beat.quarters_per_minute, beat.steady) == (200.0, True)
    bars = [(turn.start - beat.bar_line) / 1.2 for turn in turns]
    assert [turn.turn for turn in turns[:3]] == [Turn.COUNT_IN, Turn.PLAYER, Turn.MODEL]
    assert bars == pytest.approx([round(bar) for bar in bars])
    assert planned(outputs)[0].start == pytest.approx(turns[2].start)
    assert min(time for time, output in outputs if isinstance(output, NotesPlanned)) < turns[2].start


def test_a_late_answer_moves_and_is_not_cut() -> None:
    log: Log = [(0.0, Start()), *tune(1.5, seconds=0.3)]
    _, outputs = play(log, Mode.TRADE)
    _, late = play(log, Mode.TRADE, step_seconds=0.05)
    beat = of(TempoSet, late)[0]
    turn = next(turn for turn in of(TurnBegan, late) if turn.turn == Turn.MODEL)
    moved = turn.start - next(turn for turn in of(TurnBegan, outputs) if turn.turn == Turn.MODEL).start
    assert moved > 0
    assert moved / 0.3 == pytest.approx(round(moved / 0.3))  # whole beats
    assert turn.end - turn.start == pytest.approx(1.2)
    assert (planned(late)[0].start - beat.bar_line) / 0.3 == pytest.approx(
        round((turn.start - beat.bar_line) / 0.3)
    )


def test_the_model_answers_when_the_player_pauses() -> None:
    held = [*pedal(0.2, 3.0), *tune(0.3, (60, 62, 64, 65))]
    _, outputs = play([(0.0, Start()), *held], Mode.ANSWER)
    model = next(turn for turn in of(TurnBegan, outputs) if turn.turn == Turn.MODEL)
    assert model.start == pytest.approx(
        3.8
    )  # the first beat after one of silence: the pedal held the notes until 3
    assert min(time for time, output in outputs if isinstance(output, NotesPlanned)) > 3.5


def test_the_model_answers_after_the_pause_that_is_asked_for() -> None:
    _, outputs = play([(0.0, Start()), *tune(0.3)], Mode.ANSWER, config={"pause": 1.7})
    model = next(turn for turn in of(TurnBegan, outputs) if turn.turn == Turn.MODEL)
    assert model.start == pytest.approx(4.3)  # silent from 2.25 on; the next beat


@pytest.mark.parametrize("mode", Mode)
def test_the_first_note_begins_the_session(mode: Mode) -> None:
    session, outputs = play(tune(1.0, (60, 62, 64, 65) * 2, 0.3), mode)
    first = of(TurnBegan, outputs)[0]
    assert (first.turn, first.start) == (Turn.BOTH if mode is Mode.DUET else Turn.PLAYER, 1.0)
    assert planned(outputs)
    if session.config.keeps_beat:
        assert (
            of(TempoSet, outputs)[0].bar_line == 1.0
        )  # the note is on the bar line, with no count-in before it
    session.receive(Stop(), 30.0)
    jam(session, NETWORK, tune(31.0, (60,), 0.3), 31.1)
    assert session.turn.turn is not Turn.IDLE


def test_a_session_that_waits_for_the_start_does_not_begin_by_itself() -> None:
    session = Session(MODEL, config(Mode.ANSWER))
    session.waits_for_start = True
    jam(session, NETWORK, tune(0.5), 6.0)
    assert session.turn.turn is Turn.IDLE
    assert len(session.notes) == 4


UNASKED = {"response_seconds": None, "response_bars": None}


@pytest.mark.parametrize(("count", "bars"), [(1, 1), (4, 1), (6, 2), (8, 2), (11, 3), (60, 8)])
def test_the_answer_has_as_many_whole_bars_as_the_call(count: int, bars: int) -> None:
    pitches = (60, 62, 64, 65, 67, 65, 64, 62)
    log = tune(0.3, [pitches[n % 8] for n in range(count)], 0.5)
    session = Session(MODEL, config(Mode.ANSWER, **UNASKED, tempo=120.0))
    outputs = jam(session, NETWORK, log, log[-1][0] + 4.0)[0]
    model = next(turn for turn in of(TurnBegan, outputs) if turn.turn == Turn.MODEL)
    beat = of(TempoSet, outputs)[-1]
    assert beat.quarters_per_minute == pytest.approx(120)
    assert model.end - model.start == pytest.approx(bars * 2.0)
    assert (model.start - 0.3) / 0.5 == pytest.approx(round((model.start - 0.3) / 0.5))


def test_turns_of_a_fixed_length_are_equally_long_unless_asked() -> None:
    for mode, seconds in ((Mode.CALL_AND_RESPONSE, 2.0), (Mode.TRADE, 1.2)):
        _, outputs = play([(0.0, Start()), *tune(1.6, seconds=0.2)], mode, config=UNASKED)
        model = next(turn for turn in of(TurnBegan, outputs) if turn.turn == Turn.MODEL)
        assert model.end - model.start == pytest.approx(seconds)


def test_slow_staccato_is_not_taken_for_pauses() -> None:
    keys = [event for n in range(6) for event in key(60 + n, 0.5 + 1.2 * n, 0.75 + 1.2 * n)]
    session = Session(MODEL, config(Mode.ANSWER, tempo=100.0))
    outputs = jam(session, NETWORK, keys, 12.0)[0]
    model = next(turn for turn in of(TurnBegan, outputs) if turn.turn == Turn.MODEL)
    assert of(TempoSet, outputs)[0].quarters_per_minute == pytest.approx(50, rel=0.01)
    assert 0.5 + 7 * 1.2 <= model.start < 0.5 + 9 * 1.2


def test_a_key_ends_the_answer_and_begins_a_call() -> None:
    log = [*tune(0.3), *tune(4.5, (72, 74), 0.4)]  # the answer begins at 2.8
    session, outputs = play(log, Mode.ANSWER, config={"response_seconds": 6.0})
    (cancelled,) = of(NotesCancelled, outputs)
    assert cancelled.at == 4.5
    player = of(TurnBegan, outputs)[2]
    assert (player.turn, player.start, player.number) == (Turn.PLAYER, 4.5, 2)
    theirs = [n for n in session.notes if n.side == Side.MODEL and n.number < cancelled.numbers[0] + 1]
    assert theirs
    assert all(note.end <= 4.5 for note in theirs)
    later = [note for note in planned(outputs) if note.start > 4.5 and note.number not in cancelled.numbers]
    assert min(note.start for note in later) > 5.3


def test_who_goes_on_as_the_answer_begins_was_not_ready() -> None:
    """Then the call goes on: what was played before is answered with what comes."""
    whole, log = tune(0.3, (60, 62, 64, 67), 0.5), tune(2.81, (65, 64, 62, 60), 0.5)
    _, outputs = play([*whole, *log], Mode.ANSWER, config=UNASKED)
    turns = of(TurnBegan, outputs)
    assert [(turn.turn, turn.number) for turn in turns[:3]] == [
        (Turn.PLAYER, 1),
        (Turn.MODEL, 1),
        (Turn.PLAYER, 1),
    ]
    answer = turns[3]
    assert (answer.turn, answer.number) == (Turn.MODEL, 1)
    assert answer.end - answer.start == pytest.approx(4.0, rel=0.01)  # two bars: the call began at 0.3


def test_what_was_played_over_the_answer_is_not_answered_by_itself() -> None:
    log: Log = [(0.0, Start()), *tune(0.3), *tune(2.5, (72, 76), 0.3)]
    _, outputs = play([*log, (9.0, Stop())], Mode.CALL_AND_RESPONSE)
    assert [turn.turn for turn in of(TurnBegan, outputs)].count(Turn.MODEL) == 1


def test_a_tempo_that_is_set_is_expected_of_the_player_and_begins_no_turn() -> None:
    log = tune(0.3, (60, 62, 64, 65, 67, 65), 0.75)  # quarters at 80, or eighths at 40, or halves at 160
    for tempo in (80.0, 160.0):
        session = Session(MODEL, config(Mode.ANSWER))
        tap = (2.0, Configure(session.config.model_copy(update={"tempo": tempo})))
        outputs = jam(session, NETWORK, [*log, tap], 8.0)[0]
        assert [turn.turn for turn in of(TurnBegan, outputs)[:2]] == [Turn.PLAYER, Turn.MODEL]
        shown, heard = of(TempoSet, outputs)
        assert (shown.quarters_per_minute, shown.steady) == (tempo, False)
        assert heard.quarters_per_minute == pytest.approx(tempo, rel=0.01)


def test_a_duet_goes_on_while_the_player_plays() -> None:
    log: Log = [(0.0, Start()), *tune(1.5, (60, 62, 64, 65) * 6, 0.3)]
    _, outputs = play([*log, (20.0, Stop())], Mode.DUET)
    starts = [note.start for note in planned(outputs)]
    assert min(starts) > 1.5
    assert max(starts) < 1.5 + 24 * 0.3 + 4 * 1.2  # then it rests
    for time, output in outputs:
        for note in output.notes if isinstance(output, NotesPlanned) else ():
            assert note.start < time + 3 * 0.3 + 1e-6  # a beat, planned two beats before


def test_for_ever_means_for_ever() -> None:
    session, outputs = play([(0.0, Start()), *tune(0.3), (30.0, Stop())], Mode.CONTINUE)
    starts = np.array([note.start for note in planned(outputs)])
    assert max(np.diff(starts)) < 8
    assert starts[-1] > 25
    assert session.turn.turn == Turn.IDLE


def test_what_is_played_during_the_answer_reaches_the_next_answer() -> None:
    log: Log = [(0.0, Start()), *tune(0.3)]
    quiet, loud = (
        play([*log, *more, *tune(3.8, (60, 62))], Mode.CALL_AND_RESPONSE)[1]
        for more in ([], tune(2.3, (72, 76), 0.4))
    )
    second = [[n.pitch for n in planned(outputs) if n.start > 5.4] for outputs in (quiet, loud)]
    assert second[0] != second[1]


def test_changed_settings_hold_from_the_next_turn() -> None:
    log: Log = [(0.0, Start()), *tune(0.3), (2.5, Configure(config(response_seconds=3.0))), *tune(4.0)]
    session, outputs = play(log, Mode.CALL_AND_RESPONSE)
    first, second = [turn for turn in of(TurnBegan, outputs) if turn.turn == Turn.MODEL]
    assert first.end - first.start == pytest.approx(1.5)
    assert second.end - second.start == pytest.approx(3.0)
    assert session.config.response_seconds == 3.0


def test_only_instruments_and_scale_that_are_asked_for() -> None:
    settings = {"instruments": ("flute", "drums"), "scale": "A minor pentatonic", "response_seconds": 8.0}
    for mode in Mode:
        _, outputs = play([(0.0, Start()), *tune(0.3), (12.0, Stop())], mode, config=settings)
        notes = planned(outputs)
        assert {note.program for note in notes} <= {73, 128}
        assert {note.pitch % 12 for note in notes if note.program != 128} <= {9, 0, 2, 4, 7}


def test_the_model_leaves_the_player_s_part_to_the_player_in_a_duet() -> None:
    log: Log = [(0.0, Start()), *tune(1.5, (60, 62, 64, 65) * 6, 0.3), (9.0, Stop())]
    _, outputs = play(log, Mode.DUET, config={"instrument": "piano"})
    assert planned(outputs)
    assert 0 not in {note.program for note in planned(outputs)}


def test_an_instrument_that_the_model_lacks_is_remarked_on() -> None:
    _, outputs = play([(0.0, Start())], Mode.ANSWER, config={"instrument": "harp"})
    assert "harp" in of(Remark, outputs)[0].text
    drums = live_model("drums")
    _, outputs = play(
        [(0.0, Start())], Mode.ANSWER, drums, network_for(drums), config={"instrument": "piano"}
    )
    assert [remark.text for remark in of(Remark, outputs)] == [
        "drums cannot hear acoustic grand piano, and plays on its own"
    ]
    _, outputs = play([(0.0, Start())], Mode.ANSWER)
    assert not of(Remark, outputs)


def test_another_model_plays_from_the_next_turn_on() -> None:
    other = live_model("drums")
    session = Session(MODEL, config())
    jam(session, NETWORK, [(0.0, Start()), *tune(0.3)], 2.3)
    session.use(other, 2.3)
    assert session.model is MODEL
    session.receive(Midi(b"\x90\x3c\x50"), 4.0)
    assert session.model is other
    outputs = jam(session, network_for(other), [], 7.0)[0]
    assert {note.program for note in planned(outputs)} == {128}
    names = {track.name for track in session.score().tracks}
    assert {name.partition(":")[0] for name in names} >= {"You", "Multitrack", "Drums"}, (
        "each by its own model"
    )


def test_what_is_not_asked_is_sampled_as_the_card_of_the_chosen_model_says() -> None:
    greedy, plain = replace(MODEL, sampling=Sampling(top_k=1, cadence=True)), MODEL
    log = [(0.0, Start()), *tune(0.3), (6.0, Stop())]

    def pitches(session: Session) -> list[int]:
        return [note.pitch for note in planned(jam(session, NETWORK, log, 6.0)[0])]

    expected = pitches(Session(plain, config(top_k=1)))
    assert pitches(Session(plain, config())) != expected == pitches(Session(greedy, config()))
    changed = Session(plain, config())
    changed.use(greedy, 0.0)
    assert changed.config.top_k == 1
    assert pitches(changed) == expected
    changed.use(plain, 6.0)
    assert changed.config.top_k == config().top_k


def test_what_is_asked_goes_before_every_card() -> None:
    first = replace(MODEL, sampling=Sampling(temperature=0.3))
    second = replace(MODEL, sampling=Sampling(top_p=0.9))
    session = Session(first, config(temperature=0.7))
    session.use(second, 0.0)
    assert (session.config.temperature, session.config.top_p) == (0.7, 0.9)
    session.receive(Configure(session.config.model_copy(update={"top_p": 0.5})), 0.0)
    session.use(first, 0.0)
    assert (session.config.temperature, session.config.top_p) == (0.7, 0.5)


# --- scores as calls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [True, False])
def test_a_score_can_be_the_call(start: bool) -> None:
    song = make_song(2)
    log: Log = [*([(0.0, Start())] if start else []), (0.5, PlayCall(song))]
    session = Session(MODEL, config())
    outputs = jam(session, NETWORK, log, 8.0)[0]
    mine = planned(outputs, Side.PLAYER)
    assert len(mine) == song.note_count
    begins = np.sort([note.start for note in mine])
    seconds = np.sort(np.concatenate([ticks_to_seconds(song, track.notes["start"]) for track in song.tracks]))
    assert begins - begins[0] == pytest.approx(seconds)
    model = next(turn for turn in of(TurnBegan, outputs) if turn.turn == Turn.MODEL)
    assert model.start >= max(note.end for note in mine)
    assert of(TempoSet, outputs)[-1].quarters_per_minute == pytest.approx(120)


@pytest.mark.parametrize("mode", [Mode.ANSWER, Mode.CONTINUE])
def test_a_score_that_is_cancelled_is_not_waited_for(mode: Mode) -> None:
    settings = {"metronome": True, "pause": 0.5}
    log: Log = [
        (0.0, Start()),
        (1.5, PlayCall(make_song(8))),
        (
            1.55,
            Configure(config(mode, **settings, tempo=150.0)),
        ),  # a new turn: no note of the score has begun
        *tune(4.0),
    ]
    session, outputs = play(log, mode, config=settings)
    assert of(NotesCancelled, outputs)
    assert [note.pitch for note in session.notes if note.side == Side.PLAYER] == [60, 62, 64, 67]
    answer = next(turn for turn in of(TurnBegan, outputs) if turn.turn in (Turn.MODEL, Turn.BOTH))
    assert 6.4 < answer.start < 7.5  # the pause after the tune ended the call


def test_of_a_long_score_the_first_minute_is_the_call() -> None:
    """L10: 240 s at 120, after two bars of rest; a metronome at 60 makes it twice as long."""
    long = Score(480, (Track(make_notes([(480 * beat, 400, 60, 80) for beat in range(8, 488)])),))
    for fields, bars in ({}, 30), ({"metronome": True, "tempo": 60.0}, 15):
        session = Session(MODEL, config(Mode.ANSWER, **fields))
        session.receive(PlayCall(long), 1.0)
        outputs = session.advance(1.0)
        mine = [note for each in of(NotesPlanned, [(1.0, each) for each in outputs]) for note in each.notes]
        assert mine[-1].start - mine[0].start < 60 <= mine[-1].end - mine[0].start + 0.3
        assert len(mine) == 4 * bars
        assert f"the call is the first {bars} bars of 120: 60 s at most" in [
            each.text for each in outputs if isinstance(each, Remark)
        ]


@pytest.mark.parametrize(
    ("score", "what"),
    [
        (Score(480), "no notes"),
        (Score(480, (Track(make_notes([(480 * 1000, 480, 60, 80)])),)), "500 seconds"),
    ],
)
def test_a_score_that_cannot_be_a_call_is_refused(score: Score, what: str) -> None:
    session = Session(MODEL, config())
    with pytest.raises(ConfigError, match=what):
        session.receive(PlayCall(score), 1.0)
    assert not session.notes
    assert session.turn.turn == Turn.IDLE


# --- going back ---------------------------------------------------------------------------------------------------


def test_undo_takes_the_last_call_and_its_answer_back() -> None:
    session = Session(MODEL, config())
    jam(session, NETWORK, [(0.0, Start()), *tune(0.3)], 3.85)
    before = session.notes
    jam(session, NETWORK, tune(4.0), 7.2)
    assert len(session.notes) > len(before)
    session.receive(Undo(), 7.5)  # when all notes of the first answer have ended
    outputs = jam(session, NETWORK, [], 7.6)[0]
    assert session.notes == before
    assert of(HistoryChanged, outputs)
    assert session.turn.turn == Turn.PLAYER
    session.receive(Undo(), 7.5)
    assert session.notes == ()
    session.receive(Undo(), 7.6)
    assert of(Remark, jam(session, NETWORK, [], 7.7)[0])
    assert session.score().note_count == 0


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from([55, 60, 64, 67, 72]), min_size=1, max_size=6), st.sampled_from([0.0, 3.25]))
def test_from_a_bookmark_the_same_comes_again(pitches: list[int], wait: float) -> None:
    session = Session(MODEL, config(Mode.ANSWER, pause=0.5))
    jam(session, NETWORK, [(0.0, Start()), *tune(0.25)], 4.0)
    jam(session, NETWORK, [(4.5, Stop()), (4.5, SetBookmark("b"))], 4.6)
    before, answers, left = session.notes, [], []
    for begin in (5.0, 12.0 + wait):
        jam(session, NETWORK, [(begin, Start()), *tune(begin + 0.25, pitches, 0.25)], begin + 5.0)
        new = [note for note in session.notes if note.start > begin and note.side == Side.MODEL]
        times = [(n.start - begin, n.end - begin) for n in new]
        answers.append((pytest.approx(np.array(times)), [(n.pitch, n.velocity) for n in new]))
        jam(session, NETWORK, [(begin + 5.5, Stop()), (begin + 5.5, GoTo(1))], begin + 5.6)
        left.append(f"Left at 0:{int(begin + 5.5):02}")
        assert session.notes == before
    assert answers[0][0] == answers[1][0].expected
    assert answers[0][1] == answers[1][1] != []
    assert [mark.name for mark in session.bookmarks] == ["b", *left], "what was left is kept"


def test_bookmarks_are_bounded_and_unknown_ones_refused() -> None:
    session = Session(MODEL)
    for number in range(64):
        session.receive(SetBookmark(str(number)), 0.0)
    with pytest.raises(ConfigError, match="64 already"):
        session.receive(SetBookmark("one more"), 0.0)
    with pytest.raises(ConfigError, match="bookmark 65: there is none"):
        session.receive(GoTo(65), 0.0)


# --- what cannot be, and hours --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "90", "90 3C", "3C 3C 3C", "90 3C 80", "F0 01 02", "C0 01 02"])
def test_malformed_messages_change_nothing(text: str) -> None:
    session = Session(MODEL, config())
    session.receive(Start(), 0.0)
    session.advance(0.0)
    with pytest.raises(ConfigError, match="no channel message"):
        session.receive(Midi(bytes.fromhex(text)), 1.0)
    assert not session.notes
    assert not session.advance(1.0)
    with pytest.raises(ConfigError, match="a session does not accept str"):
        session.receive("nonsense", 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [Mode.DUET, Mode.CALL_AND_RESPONSE])
def test_an_hour_costs_no_more_a_minute_and_keeps_little(mode: Mode) -> None:
    """Three minutes stand for it: what the session holds besides the notes does not grow after the first ones."""
    session = Session(MODEL, config(mode, tempo=100.0))
    held, steps = [], []

    def look(now: float) -> None:
        turns = session._turns
        improviser = turns.performer.improviser
        held.append(
            (
                now,
                len(improviser._marks),
                len(improviser._taken),
                len(turns.player.pending),
                len(turns.history._turns),
            )
        )

    log: Log = [(0.0, Start()), *tune(1.0, (60, 62, 64, 65) * 90, 0.5)]
    for part in range(1, 10):
        before = NETWORK.steps
        now = 20.0 * (part - 1)
        jam(session, NETWORK, [e for e in log if now <= e[0] < now + 20], now + 20.0, each=look)
        steps.append(NETWORK.steps - before)
    most = np.array(held).max(axis=0)[1:]
    assert list(most <= [10, 600, 100, 16]) == [True] * 4
    assert max(steps[3:]) < 2 * max(steps[:3])


def test_the_score_has_the_silences_and_true_times() -> None:
    log: Log = [(1.0, Start()), *tune(1.3, (60, 62)), *pedal(2.0, 2.2), *tune(30.0, (64,))]
    session, _ = play(log, Mode.ANSWER)
    score = session.score()
    assert score.tracks[0].name == "You: flute"
    first = min(note.start for note in session.notes)
    mine = [note.start - first for note in session.notes if note.side == Side.PLAYER]
    assert ticks_to_seconds(score, score.tracks[0].notes["start"]) == pytest.approx(mine, abs=1e-3)
    assert score.tracks[0].controls["value"].tolist() == [127, 0]
    assert score.ticks_per_quarter >= 480
    assert any(text.text == "the model 1" for text in score.texts)


def test_going_back_takes_the_time_out_of_the_score_too() -> None:
    session = Session(MODEL, config())
    jam(session, NETWORK, [(0.0, Start()), *tune(0.25)], 3.6)
    jam(session, NETWORK, [*tune(100.0), (107.0, Undo()), *tune(107.25)], 112.0)
    score = session.score()
    assert score.seconds < 60
    assert score.note_count == len(session.notes)

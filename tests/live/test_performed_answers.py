"""Answers are performed: louder and softer, a little early or late, and as written where both play or nobody asks."""

from __future__ import annotations

import pytest
from live_fakes import Log, jam, live_model, network_for, tune

from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import LiveNote, NotesPlanned, PlayCall, Remark, Side, Start, Stop
from ritornello.live.session import Session
from ritornello.live.session.encoding_window import Window
from ritornello.live.session.performance import Performance
from ritornello.live.session.response_decoder import DecidedNote
from ritornello.score import CONTROL_CHANGE, Score, Text, Track, make_controls, make_notes, ticks_to_seconds
from ritornello.sustain import SUSTAIN

MODEL = live_model()
NETWORK = network_for(MODEL)
WINDOW = Window(0.0, 120.0, (4, 4))
CHORDS = [
    DecidedNote(float(beat), beat + 1.0, pitch, 80, program)
    for beat in range(8)
    for pitch, program in ((40, 32), (60, 0), (64, 0), (72 + beat % 3, 40))
]


def config(**fields: object) -> JamConfig:
    return JamConfig.model_validate(fields)


def performed(delays: bool = True, **fields: object) -> list[DecidedNote]:
    performance = Performance(WINDOW, 1, 0.0, 0.0, delays)
    return [note for half in (CHORDS[:16], CHORDS[16:]) for note in performance.play(config(**fields), half)]


def test_by_default_as_compose_does() -> None:
    assert config().perform is None
    assert performed() == performed(perform=0.5)
    assert performed(perform=0) == CHORDS


def test_a_performance_has_velocities_and_small_delays_and_keeps_the_pitches() -> None:
    played = performed()
    assert [(note.pitch, note.program) for note in played] == [(n.pitch, n.program) for n in CHORDS]
    assert len({note.velocity for note in played}) > 5
    shifts = [note.start - written.start for note, written in zip(played, CHORDS, strict=True)]
    assert max(map(abs, shifts)) > 0.001
    assert max(map(abs, shifts)) < 0.1, "0.05 s"
    assert shifts[:4] == [0.0] * 4, "an answer begins in time"


def test_where_both_play_nothing_is_early_or_late() -> None:
    played = performed(delays=False)
    assert [note.start for note in played] == [note.start for note in CHORDS]
    assert len({note.velocity for note in played}) > 5


def test_swing_is_kept_where_both_play() -> None:
    eighths = [DecidedNote(n / 2, n / 2 + 0.5, 60, 80, 0) for n in range(8)]
    played = Performance(WINDOW, 1, 0.0, 0.0, delays=False).play(config(perform=0, swing=0.62), eighths)
    assert [note.start for note in played[:4]] == pytest.approx([0, 0.62, 1, 1.62], abs=1e-2)


def answer(mode: Mode, **fields: object) -> list[LiveNote]:
    log: Log = [(0.0, Start()), *tune(0.3)]
    settings = {"mode": mode, "call_seconds": 2.0, "response_seconds": 4.0, **fields}
    outputs = jam(Session(MODEL, config(**settings), 1), NETWORK, log, 8.0)[0]
    found = [note for _, output in outputs if isinstance(output, NotesPlanned) for note in output.notes]
    return [note for note in found if note.side is Side.MODEL]


def test_a_session_performs_and_decodes_the_same_notes() -> None:
    plain, played = (answer(Mode.CALL_AND_RESPONSE, perform=amount) for amount in (0, 1))
    assert [note.pitch for note in plain] == [note.pitch for note in played]
    assert plain != played
    assert answer(Mode.CALL_AND_RESPONSE) == answer(Mode.CALL_AND_RESPONSE, perform=0.5)


def pedalled() -> Score:
    controls = make_controls([(0, CONTROL_CHANGE, SUSTAIN, 127), (1900, CONTROL_CHANGE, SUSTAIN, 0)])
    notes = make_notes([(480 * beat, 240, 60 + beat, 90) for beat in range(4)])
    words = (Text(0, "lyric", "la"), Text(480, "lyric", "lo"))
    return Score(480, (Track(notes, controls=controls, texts=words),))


def test_the_pedal_of_a_given_call_is_in_the_record_and_lyrics_are_told() -> None:
    session = Session(MODEL, config(mode=Mode.ANSWER))
    outputs = jam(session, NETWORK, [(0.0, Start()), (0.5, PlayCall(pedalled()))], 3.0)[0]
    mine = next(track for track in session.score().tracks if track.name.startswith("You"))
    assert mine.controls["value"].tolist() == [127, 0]
    (given,) = [each for _, each in outputs if isinstance(each, NotesPlanned) and each.held]
    up_at = given.notes[0].start + 1900 / 480 * 0.5
    assert given.held == pytest.approx([up_at] * 4, abs=1e-3), "what is released earlier sounds on"
    assert [note.end for note in given.sounding] == list(given.held)
    assert given.notes[0].end == pytest.approx(given.notes[0].start + 0.25, abs=1e-3), "keys as they were"
    down, up = ticks_to_seconds(session.score(), mine.controls["tick"])
    assert up - down == pytest.approx(1900 / 480 * 0.5, abs=1e-3)
    told = [output.text for _, output in outputs if isinstance(output, Remark)]
    assert told == ["left out of the call: 2 syllables of lyrics"]
    plain = Score(480, (Track(pedalled().tracks[0].notes),))
    quiet = jam(Session(MODEL), NETWORK, [(0.5, PlayCall(plain))], 1.0)[0]
    assert not [output for _, output in quiet if isinstance(output, Remark)]


def test_a_given_call_that_is_stopped_leaves_no_pedal_down() -> None:
    session = Session(MODEL, config(mode=Mode.ANSWER))
    jam(session, NETWORK, [(0.0, Start()), (0.5, PlayCall(pedalled())), (1.2, Stop())], 3.0)
    mine = next(track for track in session.score().tracks if track.name.startswith("You"))
    assert mine.controls["value"].tolist() == [127, 0]
    assert mine.controls["tick"][1] <= mine.end

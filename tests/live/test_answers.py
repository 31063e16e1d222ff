"""Answers take up their call: key, register, motif; the best of several, in time; given again, and repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from live_fakes import jam, key, live_model, network_for, tune
from test_session import config

from ritornello.live.config import Mode
from ritornello.live.events import (
    Again,
    Harmony,
    LiveNote,
    LoopAnswer,
    LoopSet,
    NotesPlanned,
    Remark,
    Side,
    Start,
    Stop,
    TempoSet,
    Turn,
    TurnBegan,
    Undo,
)
from ritornello.live.server.messages import output_to_message, parse_message
from ritornello.live.session import Session
from ritornello.live.session.answer_preferences import (
    LONGEST_COPY,
    ComesHome,
    Form,
    OwnWords,
    Shape,
    SuitsCall,
    TakesUpMotif,
)
from ritornello.live.session.call_profile import CallProfile, Motif, profile_of
from ritornello.live.session.harmony import harmony_of
from ritornello.live.session.ranking import Ranking, loops, shared
from ritornello.live.session.response_decoder import DecidedNote
from ritornello.score import Meter, Score, Track, make_notes

MODEL = live_model()
NETWORK = network_for(MODEL)
TOKENS = MODEL.tokens
SHAPE = Shape(16.0, 4.0)
TUNE = (62, 64, 66, 67, 69, 66, 62, 61, 62)  # in D major


def score_of(pitches: tuple[int, ...], quarters: float = 1.0) -> Score:
    rows = [(round(480 * quarters * i), round(440 * quarters), pitch, 80) for i, pitch in enumerate(pitches)]
    return Score(480, (Track(make_notes(rows)),), meters=(Meter(0, 4, 4),))


def profile(pitches: tuple[int, ...] = TUNE) -> CallProfile:
    found = profile_of(score_of(pitches))
    assert found is not None
    return found


def ids_of(voice: int, pitch: int) -> int:
    return TOKENS.note_ids(voice, pitch)[0]


class Grammar:
    """The little that a preference reads of a grammar state."""

    def __init__(self) -> None:
        self.quarters, self.last_notes = 0.0, ()


class Follower:
    """Tells a preference the notes of a voice, and asks it what it adds."""

    def __init__(self, state: Any, voice: int = 0) -> None:
        self.state, self.voice, self.grammar = state, voice, Grammar()
        state.advance(self.grammar)
        self.added()  # the answer starts

    def added(self) -> np.ndarray:
        found = self.state.preferred(
            self.grammar, np.ones(TOKENS.size, bool), np.zeros(TOKENS.size, np.float32)
        )
        return np.zeros(TOKENS.size, np.float32) if found is None else found

    def play(self, pitch: int, wait: float = 0.0) -> None:
        self.grammar.quarters += wait
        self.grammar.last_notes = ()
        self.state.advance(self.grammar)
        self.grammar.last_notes = ((self.voice, pitch),)
        self.state.advance(self.grammar)
        self.grammar.last_notes = ()


# --- the call ---------------------------------------------------------------------------------------------------


def test_a_call_tells_its_key_register_pace_and_motif() -> None:
    found = profile()
    assert (found.tonic, found.minor, found.triad) == (2, False, (2, 6, 9))
    assert found.middle == 64
    assert found.pace == 1
    assert min(found.suits[[2, 4, 6, 7, 9]]) > max(found.suits[[3, 5, 8, 10]])
    assert found.motifs[0].pitch == 62
    assert found.motifs[0].intervals[:3] == (2, 2, 1)
    assert set(found.motifs[0].waits) == {1.0}


def test_classes_of_the_call_suit_it_though_they_are_foreign_to_its_key() -> None:
    blue = profile((69, 72, 74, 75, 76, 79, 81, 75, 74, 72, 69))
    assert blue.suits[3] > blue.suits[1]


def test_drums_alone_have_no_profile() -> None:
    drums = Track(make_notes([(0, 480, 36, 80)]), is_drum=True)
    assert profile_of(Score(480, (drums,))) is None


# --- what is preferred ------------------------------------------------------------------------------------------


def test_key_and_register_decide_which_pitch_and_not_whether_a_voice_plays() -> None:
    random = np.random.default_rng(1)
    logits = random.normal(size=TOKENS.size).astype(np.float32)
    allowed = np.ones(TOKENS.size, bool)
    state = SuitsCall(profile(), TOKENS, MODEL.programs_by_voice, 1.0)
    added = state.preferred(Grammar(), allowed, logits)  # type: ignore[arg-type]
    assert added is not None
    pitched = TOKENS.is_pitched
    assert not added[~pitched].any()
    for voice in np.unique(TOKENS.voice[pitched]):
        mine = pitched & (TOKENS.voice == voice)
        before, after = (np.logaddexp.reduce(each[mine]) for each in (logits, logits + added))
        assert after == pytest.approx(before, abs=1e-4)
    voice = int(TOKENS.voice[pitched][0])
    assert added[ids_of(voice, 66)] > added[ids_of(voice, 65)] + 2  # F sharp is in D major, F is not


def test_the_next_note_of_a_motif_is_preferred_at_its_time() -> None:
    call = profile()
    state = TakesUpMotif(call, TOKENS, SHAPE, np.random.default_rng(0), 1.0)
    state.motif = Motif(62, (2, 2, 1), (1.0, 1.0, 1.0))
    state._forms = [Form.MOVED] * 20
    line = Follower(state)
    line.play(69)
    moves = {round(float(TOKENS.elapsed[i]), 3): i for i in np.flatnonzero(TOKENS.elapsed > 0)}
    assert line.added()[moves[1.0]] > 0 > line.added()[moves[2.0]]
    line.grammar.quarters = 1.0
    state.advance(line.grammar)
    added = line.added()
    assert added[ids_of(0, 71)] == added.max() > 0  # a fifth higher than in the call
    line.play(71)
    line.grammar.quarters = 2.0
    state.advance(line.grammar)
    assert line.added()[ids_of(0, 73)] > 0  # C sharp


def test_an_inverted_motif_goes_the_other_way_and_stays_in_the_key() -> None:
    state = TakesUpMotif(profile(), TOKENS, SHAPE, np.random.default_rng(0), 1.0)
    state.motif = Motif(62, (2, 2, 1), (1.0, 1.0, 1.0))
    state._forms = [Form.INVERTED] * 20
    line = Follower(state)
    line.play(69)
    line.grammar.quarters = 1.0
    state.advance(line.grammar)
    assert line.added()[ids_of(0, 67)] == line.added().max() > 0
    line.play(67)
    line.grammar.quarters = 2.0
    state.advance(line.grammar)
    assert line.added().argmax() in (ids_of(0, 66), ids_of(0, 64))  # F is foreign


def test_nine_notes_of_the_call_are_not_played_in_a_row_at_any_pitch() -> None:
    call = profile((55, 57, 59, 60, 62, 60, 59, 62, 67, 66, 67))
    line = Follower(OwnWords(call, TOKENS))
    for number, pitch in enumerate(call.line[:LONGEST_COPY]):
        line.grammar.quarters = float(number)
        assert not line.added().any()
        line.play(pitch + 2)
    line.grammar.quarters = 8.0
    assert line.added()[ids_of(0, call.line[LONGEST_COPY] + 2)] < -20


def test_an_answer_ends_on_the_tonic_which_lasts() -> None:
    assert (SHAPE.last_beat, Shape(12.0, 3.0).last_beat, Shape(4.0, 4.0, 2.0).last_beat) == (14.0, 9.0, 2.0)
    line = Follower(ComesHome(profile(), TOKENS, SHAPE, 1.0))
    line.play(69)
    line.grammar.quarters = 14.0
    line.state.advance(line.grammar)
    added = line.added()
    assert added[ids_of(0, 62)] > added[ids_of(0, 66)] > added[ids_of(0, 64)]
    line.play(62)
    line.grammar.quarters = 14.5
    line.state.advance(line.grammar)
    assert line.added()[ids_of(0, 62)] < 0


# --- the ranking ------------------------------------------------------------------------------------------------


def decided(pitches: tuple[int, ...], quarters: float = 1.0) -> list[DecidedNote]:
    return [DecidedNote(i * quarters, (i + 1) * quarters, pitch, 80, 0) for i, pitch in enumerate(pitches)]


BEST = (69, 71, 73, 74, 66, 67, 69, 62)


@pytest.mark.parametrize(
    "worse",
    [
        (69, 70, 73, 75, 65, 67, 68, 62),  # foreign classes
        tuple(pitch + 24 for pitch in BEST),  # another register
        (69, 71, 69, 71, 69, 71, 69, 71),  # a loop
        (69, 71, 73, 74, 66, 67, 69, 64),  # another end
        (69, 62, 74, 66, 73, 67, 71, 62),  # no motif
    ],
)
def test_what_is_in_the_key_near_and_to_the_point_ranks_higher(worse: tuple[int, ...]) -> None:
    ranking = Ranking(profile(), Shape(8.0, 4.0))
    assert ranking(decided(BEST), 0.0, 8.0) > ranking(decided(worse), 0.0, 8.0)


def test_shares_of_patterns() -> None:
    assert loops((1, 2, 3, 4, 1, 2, 3, 4)) == pytest.approx(1 / 5)
    assert shared((60, 62, 64, 65), (50, 52, 54, 55)) == 1
    assert shared((60, 58, 56, 55), (50, 52, 54, 55)) == 1  # upside down
    assert shared((60, 67, 64, 65), (50, 52, 54, 55)) == 0
    assert Ranking(profile(), SHAPE)([], 0.0, 8.0) == -np.inf


# --- a session --------------------------------------------------------------------------------------------------


def answer(seed: int = 1, step_seconds: float = 0.0, **fields: Any) -> tuple[list[LiveNote], TurnBegan]:
    session = Session(MODEL, config(Mode.ANSWER, response_seconds=6, instruments=("piano",), **fields), seed)
    log = [(0.0, Start()), *tune(0.5, TUNE, 0.5)]
    outputs = [output for _, output in jam(session, NETWORK, log, 12, step_seconds)[0]]
    turn = next(each for each in outputs if isinstance(each, TurnBegan) and each.turn == Turn.MODEL)
    return [note for note in session.notes if note.side == Side.MODEL], turn


def share_in_key(notes: list[LiveNote]) -> float:
    return float(np.mean([note.pitch % 12 in (1, 2, 4, 6, 7, 9, 11) for note in notes]))


def test_answers_keep_to_the_key_and_the_register_of_the_call() -> None:
    near = [note for seed in range(4) for note in answer(seed)[0]]
    free = [note for seed in range(4) for note in answer(seed, closeness=0, candidates=1)[0]]
    assert share_in_key(near) > 0.9 > share_in_key(free)
    assert np.mean([abs(note.pitch - 64) for note in near]) < np.mean([abs(note.pitch - 64) for note in free])


def test_several_answers_are_stepped_in_one_batch() -> None:
    session = Session(MODEL, config(Mode.ANSWER, candidates=3), seed=1)
    sizes = set()
    log = [(0.0, Start()), *tune(0.5, TUNE, 0.5)]

    class Watching:
        def step(self, columns: Any, state: Any) -> Any:
            sizes.add(len(columns))
            return NETWORK.step(columns, state)

    jam(session, Watching(), log, 10)
    assert max(sizes) == 3


def test_with_slow_steps_the_answer_is_chosen_in_time_and_goes_on() -> None:
    notes, turn = answer(step_seconds=0.004, candidates=8)
    quick, wanted = answer(candidates=8)
    assert turn.start == pytest.approx(wanted.start)
    assert notes[0].start == pytest.approx(quick[0].start)
    assert notes[-1].start > turn.start + 3


def test_the_same_call_is_answered_again_in_another_way() -> None:
    session = Session(MODEL, config(Mode.ANSWER, response_seconds=4), seed=1)
    log = [(0.0, Start()), *tune(0.5, (60, 64, 67, 65, 64, 62), 0.5), (9.0, Again()), (9.1, Again())]
    out = jam(session, NETWORK, log, 19.9)[0]
    turns = [each for _, each in out if isinstance(each, TurnBegan) and each.turn == Turn.MODEL]
    beat = next(each for _, each in out if isinstance(each, TempoSet))
    assert len(turns) == 3
    for turn in turns[1:]:
        beats = (turn.start - beat.bar_line) * beat.quarters_per_minute / 60
        assert turn.start > 9
        assert beats == pytest.approx(round(beats), abs=1e-6)
    first, last = (
        [note for note in session.notes if note.side == Side.MODEL and turn.start <= note.start < turn.end]  # type: ignore[operator]
        for turn in (turns[0], turns[-1])
    )
    assert first
    assert last
    sounds = [
        [(round(note.start - turn.start, 3), note.pitch) for note in notes]
        for turn, notes in ((turns[0], first), (turns[-1], last))
    ]
    assert sounds[0] != sounds[1]
    count = len(session.notes)
    jam(session, NETWORK, [(20.0, Undo())], 20.5)
    assert len(session.notes) == count - len(last)


def test_an_answer_is_repeated_until_it_is_ended() -> None:
    session = Session(MODEL, config(Mode.ANSWER, response_seconds=4), seed=1)
    log = [(0.0, Start()), *tune(0.5, (60, 64, 67, 65), 0.5), (4.0, LoopAnswer(True)), *key(72, 14.0, 14.2)]
    out = jam(session, NETWORK, [*log, (18.0, LoopAnswer(False))], 19)[0]
    assert [each.is_on for _, each in out if isinstance(each, LoopSet)] == [True, False]
    both = next(each for _, each in out if isinstance(each, TurnBegan) and each.turn == Turn.BOTH)
    rounds = [
        each.notes for _, each in out if isinstance(each, NotesPlanned) and each.notes[0].start >= both.start
    ]
    patterns = [[(n.pitch, round(n.start - notes[0].start, 6)) for n in notes] for notes in rounds]
    assert len(patterns) >= 3
    assert all(pattern == patterns[0] for pattern in patterns)
    lengths = np.diff([notes[0].start for notes in rounds])
    assert lengths == pytest.approx(lengths[0])
    assert session.turn.turn == Turn.PLAYER
    assert not session.is_looping
    assert not [note for note in session.notes if note.side == Side.MODEL and note.start >= 18]


@pytest.mark.parametrize("event", [Again(), LoopAnswer(True)])
def test_without_an_answer_there_is_none_to_give_again_or_repeat(event: Again | LoopAnswer) -> None:
    session = Session(MODEL, config(Mode.ANSWER), seed=1)
    out = jam(session, NETWORK, [(0.0, event), (1.0, Start()), (2.0, event), (3.0, Stop())], 4)[0]
    assert sum(isinstance(each, Remark) and "no answer" in each.text for _, each in out) == 2


# --- key and chords ---------------------------------------------------------------------------------------------


def test_key_and_chords_of_what_is_heard_and_planned() -> None:
    beat = TempoSet(10.0, 120.0, (4, 4), steady=False)
    chords = ((65, 69, 72), (70, 74, 77), (67, 70, 72, 76), (65, 69, 72))
    notes = [
        LiveNote(0, Side.PLAYER, 10.0 + 2 * at, 12.0 + 2 * at, pitch, 80, 0, 0)
        for at, chord in enumerate(chords)
        for pitch in chord
    ]
    found = harmony_of(notes, Turn.PLAYER, beat, 10.0, 18.0)
    assert found is not None
    assert found.key == "F major"
    assert [(start, name) for start, name in found.chords][:2] == [(10.0, "F"), (12.0, "Bb")]
    assert output_to_message(found) == {
        "type": "harmony",
        "turn": "player",
        "start": 10.0,
        "end": 18.0,
        "key": "F major",
        "chords": found.chords,
    }
    melody = [note for note in notes if note.pitch in (65, 70, 67)]
    line = harmony_of(melody[:2] + melody[3:], Turn.MODEL, beat, 10.0, 18.0)
    assert line is not None
    assert all(name == "" or name.startswith("(") for _, name in line.chords)
    assert harmony_of([], Turn.MODEL, beat, 10.0, 18.0) is None


def test_a_call_and_its_answer_tell_their_harmony() -> None:
    session = Session(MODEL, config(Mode.ANSWER), seed=1)
    out = jam(session, NETWORK, [(0.0, Start()), *tune(0.5, TUNE, 0.5)], 9)[0]
    told = [each for _, each in out if isinstance(each, Harmony)]
    assert told[0].turn == Turn.PLAYER
    assert told[0].key == "D major"
    assert Turn.MODEL in {each.turn for each in told}


def test_the_page_asks_for_another_answer_and_a_loop() -> None:
    assert type(parse_message('{"type": "again"}')).__name__ == "AgainMessage"
    assert parse_message('{"type": "loop", "on": true}').on is True  # type: ignore[attr-defined]

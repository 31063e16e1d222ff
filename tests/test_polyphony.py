"""`polyphony`: the ids and the order of the source, and what makes no sense."""

from __future__ import annotations

import numpy as np
import pytest
from build import TICKS, make_song

from ritornello.representations import Conditions
from ritornello.representations.grids import quantised
from ritornello.representations.polyphony import Polyphony, PolyphonyConfig
from ritornello.score import Score, Track, make_notes

POLYPHONY = Polyphony(PolyphonyConfig())
START, END, STEP_END, NEW, CONTINUED = 0, 1, 2, 3, 131

STEP = TICKS // 4


def piece(*rows: tuple[int, int, int]) -> Score:
    """Return a piece of rows (start and duration in steps, pitch)."""
    notes = make_notes((start * STEP, length * STEP, pitch, 80) for start, length, pitch in rows)
    return Score(TICKS, (Track(notes),))


def rows_of(score: Score) -> list[tuple[int, int, int]]:
    return [
        (int(n["start"]) // STEP, int(n["duration"]) // STEP, int(n["pitch"]))
        for track in score.tracks
        for n in track.notes
    ]


@pytest.mark.parametrize(
    ("name", "token"), [("new 60", 63), ("continued 60", 191), ("step_end", 2), ("start", 0), ("end", 1)]
)
def test_ids_are_those_of_the_source(name: str, token: int) -> None:
    assert POLYPHONY.tokens.name(token) == name
    assert POLYPHONY.vocabulary_size == 259


def test_a_quarter_of_c_major() -> None:
    ids = POLYPHONY.encode(piece((0, 4, 60), (0, 4, 64), (0, 4, 67)))
    new = [NEW + 67, NEW + 64, NEW + 60, STEP_END]
    on = [CONTINUED + 67, CONTINUED + 64, CONTINUED + 60, STEP_END]
    assert ids.tolist() == [START, *new, *on * 3, END]


@pytest.mark.parametrize(("seconds", "step"), [(0.06, 0), (0.07, 1), (0.0625, 1)])
def test_quantising_at_120(seconds: float, step: int) -> None:
    tick = round(seconds * 20_000)  # of 10,000 a quarter
    score = Score(10_000, (Track(make_notes([(tick, 100, 60, 80)])),))
    start, end, _ = quantised(score, False, 4, 64)
    assert start.tolist() == [step]
    assert end.tolist() == [step + 1]  # a note of no steps gets one


def test_what_makes_no_sense_changes_nothing() -> None:
    ids = [CONTINUED + 60, NEW + 64, NEW + 64, START, STEP_END, CONTINUED + 64, CONTINUED + 62, END, STEP_END]
    assert rows_of(POLYPHONY.decode(np.array(ids))) == [(0, 2, 64)]


def test_a_note_struck_again_ends_and_an_open_step_counts() -> None:
    ids = np.array([START, NEW + 60, STEP_END, NEW + 60, NEW + 55])
    assert rows_of(POLYPHONY.decode(ids)) == [(0, 1, 60), (1, 1, 55), (1, 1, 60)]


def test_long_notes_are_cut_and_long_rests_shortened_by_whole_bars() -> None:
    score = piece((16, 100, 60), (16 * 20 + 5, 1, 62))
    assert rows_of(POLYPHONY.decode(POLYPHONY.encode(score))) == [(0, 64, 60), (64 + 69, 1, 62)]


def test_a_primer_leaves_its_last_step_open() -> None:
    primer = POLYPHONY.primer(piece((0, 16, 60)))
    assert primer[-1] == CONTINUED + 60
    grammar = POLYPHONY.grammar(Conditions(bars=2))
    for token in primer.tolist():
        grammar.advance(token)
    assert grammar.place == (0, 15)
    allowed = grammar.allowed_mask()
    assert allowed[STEP_END]
    assert not allowed[END]
    assert allowed[NEW + 59]
    assert not allowed[NEW + 60]


def test_a_note_goes_on_only_if_it_sounded() -> None:
    grammar = POLYPHONY.grammar(Conditions(bars=2))
    for token in (START, NEW + 60, STEP_END):
        grammar.advance(token)
    assert np.flatnonzero(grammar.allowed_mask()[CONTINUED:]).tolist() == [60]


def test_position_is_an_option() -> None:
    scheme = Polyphony(PolyphonyConfig(position=True))
    columns = scheme.inputs(scheme.encode(make_song()))
    assert columns[:, 1].max() == 15
    assert [column.name for column in scheme.columns] == ["token", "position"]

"""Notes as long as the pedals let them sound."""

from __future__ import annotations

import pytest

from ritornello.representations import REPRESENTATIONS
from ritornello.score import CONTROL_CHANGE, Score, Track, make_controls, make_notes
from ritornello.sustain import has_pedal, sustained

QUARTER = 480
SUSTAIN, SOSTENUTO = 64, 66


def played(*notes: tuple[int, int, int], pedals: tuple[tuple[int, int, int], ...] = ()) -> Score:
    """Return notes of (start, duration, pitch) with pedals of (tick, controller, value)."""
    controls = make_controls([(tick, CONTROL_CHANGE, number, value) for tick, number, value in pedals])
    rows = [(start, duration, pitch, 80) for start, duration, pitch in notes]
    return Score(QUARTER, (Track(make_notes(rows), controls=controls),))


def ends(score: Score) -> list[tuple[int, int]]:
    """Return (pitch, end) of each note as it sounds."""
    notes = sustained(score).tracks[0].notes.tolist()
    return [(pitch, start + duration) for start, duration, pitch, _ in notes]


def test_the_sostenuto_pedal_holds_the_keys_that_are_down_and_no_others() -> None:
    pedals = ((200, SOSTENUTO, 127), (1000, SOSTENUTO, 0))
    score = played((0, 300, 48), (100, 50, 52), (250, 100, 60), (900, 200, 64), pedals=pedals)
    # down at 200: 48. Released before: 52; struck later: 60 and 64.
    assert ends(score) == [(48, 1000), (52, 150), (60, 350), (64, 1100)]


def test_a_note_of_the_sostenuto_pedal_goes_on_in_the_sustain_pedal() -> None:
    pedals = ((200, SOSTENUTO, 64), (900, SUSTAIN, 64), (1000, SOSTENUTO, 63), (1500, SUSTAIN, 63))
    score = played((0, 300, 48), (1400, 200, 60), pedals=pedals)
    assert ends(score) == [(48, 1500), (60, 1600)]


@pytest.mark.parametrize("number", [SUSTAIN, SOSTENUTO])
def test_a_pedal_that_stays_down_holds_to_the_end_of_the_last_note(number: int) -> None:
    score = played((0, 300, 48), (1400, 200, 60), pedals=((100, number, 127),))
    assert ends(score) == [(48, 1600), (60, 1600)]


def test_a_pedal_that_moves_while_it_is_down_stays_down_and_half_of_it_is_down() -> None:
    pedals = (
        (0, SUSTAIN, 127),
        (500, SUSTAIN, 64),
        (700, SUSTAIN, 63),
        (800, SUSTAIN, 10),
        (900, SUSTAIN, 100),
    )
    score = played((0, 100, 48), (650, 10, 50), (750, 10, 52), (950, 50, 60), pedals=pedals)
    assert ends(score) == [(48, 700), (50, 700), (52, 760), (60, 1000)]
    assert has_pedal(score.tracks[0])
    assert not has_pedal(played((0, 100, 48), pedals=((0, SUSTAIN, 63),)).tracks[0])


def test_a_pedal_that_is_changed_as_a_note_ends_does_not_hold_it() -> None:
    lifted = played((0, 480, 48), (960, 480, 60), pedals=((0, SUSTAIN, 127), (480, SUSTAIN, 0)))
    assert ends(lifted)[0] == (48, 480)
    pressed = played((0, 480, 48), (960, 480, 60), pedals=((480, SUSTAIN, 127), (960, SUSTAIN, 0)))
    assert ends(pressed)[0] == (48, 960)


def test_each_track_has_its_own_pedal() -> None:
    right = played((0, 100, 72), pedals=((0, SUSTAIN, 127), (960, SUSTAIN, 0))).tracks[0]
    left = played((0, 100, 48), (900, 60, 50)).tracks[0]
    both = sustained(Score(QUARTER, (right, left)))
    assert [track.notes["duration"].tolist() for track in both.tracks] == [[960], [100, 60]]


def test_frames_and_melodies_keep_the_lengths_of_the_keys() -> None:
    held = played(*((i * QUARTER, QUARTER // 2, 60 + i) for i in range(8)), pedals=((0, SUSTAIN, 127),))
    kind = REPRESENTATIONS["frames"]
    fitted = kind.fit([kind.collect_statistics(held)], {})
    back = fitted.decode(fitted.encode(held))
    assert (back.all_notes()["duration"] / back.ticks_per_quarter).tolist() == [0.5] * 8

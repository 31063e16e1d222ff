"""The numbers by which pieces are told apart have the values that their names say, for any piece; those that need real
pieces do not know the piece that they judge."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from build import TICKS, make_song
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.analysis.chords import QUALITIES
from ritornello.evaluation.contrast import KEYS, VOICES, contrast
from ritornello.evaluation.details import OF_OVERLAP, details, details_of
from ritornello.evaluation.features import ENDINGS, FEATURES
from ritornello.evaluation.reference import OUTSIDE, PROGRESSION, measure_against, progressions_of
from ritornello.score import Meter, Score, Track, make_notes

FLAT = make_song()


def track_of(*rows: tuple[float, float, int], program: int = 0) -> Track:
    """Return a track of (start, duration, pitch) in quarters."""
    notes = [(round(start * TICKS), round(duration * TICKS), pitch, 80) for start, duration, pitch in rows]
    return Track(make_notes(notes), program)


def score_of(*tracks: Track) -> Score:
    return Score(TICKS, tracks, meters=(Meter(0, 4, 4),))


def line(*pitches: int, length: float = 1.0) -> Track:
    return track_of(*((at * length, length, pitch) for at, pitch in enumerate(pitches)))


def flat(score: Score, bars: int | None = None) -> dict[str, float]:
    return {name: value for of_group in details(score, bars).values() for name, value in of_group.items()}


CADENCE = score_of(
    track_of(*((0, 4, pitch) for pitch in (43, 59, 62, 65)), *((4, 4, pitch) for pitch in (48, 60, 64, 67)))
)
UP, DOWN = (60, 64, 67, 72), (72, 67, 64, 60)


@pytest.mark.parametrize(
    ("name", "score", "value"),
    [
        ("bars equal to the bar before", score_of(line(*UP, *UP, *DOWN)), 1 / 2),
        ("bars equal to the bar 2 before", score_of(line(*UP, *DOWN, *UP)), 1),
        ("likeness to the bar before", score_of(line(*UP, 60, 64, 67, 71)), 3 / 5),
        ("bars alike to the bar before", score_of(line(*UP, 60, 64, 67, 71)), 1),
        ("likeness of rhythm to the bar 1 before", score_of(line(*UP, *DOWN)), 1),
        ("longest return, in bars", score_of(line(*UP, *DOWN, *(60,) * 32, *UP, *DOWN)), 2),
        ("bars alike to one more than 8 before", score_of(line(*UP, *(60,) * 32, *UP)), 1),
        ("figures of 4 notes that came before: intervals", score_of(line(*UP, 62, 66, 69, 74)), 1 / 5),
        ("melody: repeated", score_of(line(60, 60, 62, 65, 60)), 1 / 4),
        ("melody: steps", score_of(line(60, 60, 62, 65, 60)), 1 / 4),
        ("melody: thirds", score_of(line(60, 60, 62, 65, 60)), 1 / 4),
        ("melody: fourths and fifths", score_of(line(60, 60, 62, 65, 60)), 1 / 4),
        ("melody: turns", score_of(line(60, 62, 64, 62)), 1 / 2),
        ("melody: longest repetition of a note", score_of(line(60, 62, 62, 62, 64)), 3),
        ("latest entrance of a voice, bar", score_of(line(*UP, *UP, *UP), track_of((8, 4, 40))), 2),
        ("highest voice: share of bars with notes", score_of(track_of((4, 1, 80)), line(*UP, *UP)), 1 / 2),
        ("lowest voice: bar of entrance", score_of(line(*UP, *UP), track_of((4, 4, 40))), 1),
        ("parallel fifths", score_of(line(67, 69, 67), line(60, 62, 59)), 1 / 2),
        ("parallel octaves", score_of(line(72, 74, 76, 77), line(60, 62, 64, 62)), 2 / 3),
        ("time in which a voice is above a higher one", score_of(line(72, 74, 60, 77), line(60, 62, 64, 62)), 1 / 4),
        ("notes that are quarters", score_of(line(*UP)), 1),
        ("notes on downbeats", score_of(line(*UP)), 1 / 4),
        ("density of the first two bars", score_of(line(*UP, *UP), track_of((16, 1, 50))), 4 * 5 / 9),
        ("time with the root in the bass", score_of(track_of((0, 4, 60), (0, 4, 64), (0, 4, 67))), 1),
        ("time in maj chords", score_of(track_of((0, 4, 60), (0, 4, 64), (0, 4, 67))), 1),
        ("the root falls a fifth to the last chord", CADENCE, 1),
        ("notes in a burst at the end", score_of(line(*UP), track_of((3.95, 0.05, 50), (3.95, 0.05, 55))), 2),
        ("notes in a burst at the end", score_of(line(*UP)), 0),
    ],
)  # fmt: skip
def test_numbers_by_their_names(name: str, score: Score, value: float) -> None:
    assert flat(score)[name] == pytest.approx(value)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 900), st.integers(0, 127)), max_size=12),
    is_drum=st.booleans(),
    meters=st.sampled_from([(), (Meter(0, 3, 8),), (Meter(0, 4, 4), Meter(500, 5, 16))]),
)
def test_every_piece_has_the_same_numbers(
    rows: list[tuple[int, int, int]], is_drum: bool, meters: tuple[Meter, ...]
) -> None:
    notes = make_notes((start, duration, pitch, 80) for start, duration, pitch in rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = flat(Score(100, (Track(notes, is_drum=is_drum),), meters=meters))
    assert list(found) == list(flat(FLAT))
    assert not any(math.isinf(value) for value in found.values())


def test_names_are_told_apart_and_those_of_the_overlap_are_among_them() -> None:
    groups = details(FLAT)
    assert sum(map(len, groups.values())) == len(flat(FLAT)) > 150
    assert sorted(name for of_group in OF_OVERLAP.values() for name in of_group) == sorted(FEATURES | ENDINGS)
    assert set(KEYS | VOICES) <= set(flat(FLAT))


def test_only_the_ending_is_of_the_whole_piece() -> None:
    long = score_of(line(*UP, *UP, *DOWN, length=1), track_of((11.95, 0.05, 50)))
    assert flat(long, 2)["notes in a burst at the end"] == 1
    assert flat(long, 2)["bars equal to the bar before"] == 1
    table = details_of([long, long], 2, {("form", "more"): np.array([1.0, 2.0])})
    assert table.values.shape == (2, len(flat(long)) + 1)
    assert table.of("more").tolist() == [1, 2]


def chords_of(*roots: int) -> Score:
    return score_of(
        track_of(*((4 * at, 4, root + tone) for at, root in enumerate(roots) for tone in (0, 4, 7)))
    )


def test_chord_changes_are_motions_and_qualities() -> None:
    found = progressions_of(chords_of(48, 53, 53, 55))
    major = QUALITIES.index("maj")
    assert (found.symbol // len(QUALITIES)).tolist() == [5, 2]
    assert (found.symbol % len(QUALITIES)).tolist() == [major, major]
    assert found.before[1] == found.symbol[0] != found.before[0]
    moved = progressions_of(chords_of(50, 55, 55, 57))
    assert moved.symbol.tolist() == found.symbol.tolist()


def test_the_surprise_at_chord_changes_is_that_of_the_other_real_pieces() -> None:
    usual, odd = chords_of(48, 53, 55, 48, 53, 55, 48), chords_of(48, 54, 49, 55, 50, 56)
    real = [usual.transposed(step) for step in range(6)]
    found = measure_against([usual, odd], [0, 1], real, range(6))
    surprise = found.columns()[PROGRESSION]
    assert surprise[0] < 0.7 < 2 < surprise[1]
    alone = measure_against([usual], [0], [usual, odd], [0, 1])  # its own family does not count
    assert alone.nats_per_change > 3


def test_notes_outside_the_range_of_their_voice_by_the_other_real_pieces() -> None:
    def of_two(high: int) -> Score:
        return score_of(line(*range(60, 60 + high)), line(*range(40, 50)))

    real = [of_two(10) for _ in range(4)]
    strange = replace(
        real[0], tracks=(line(*range(60, 64), 90), line(*range(30, 50)), replace(line(10), program=9))
    )
    found = measure_against([strange, real[0]], [9, 0], real, range(4))
    assert found.outside.tolist() == [11, 0]
    assert found.notes.tolist() == [25, 20]  # nobody knows the range of the third voice
    assert found.columns()[OUTSIDE].tolist() == [11 / 25, 0]
    known = measure_against([strange], [9], [strange, *real], [9, *range(4)])
    assert known.outside.tolist() == [11], "a piece does not know itself"


def test_a_contrast_of_pieces_counts_faults() -> None:
    real = [score_of(line(*(60 + step + note for note in (0, 4, 7, 12) * 4))) for step in range(6)]
    composed = [replace(score, tracks=(*score.tracks, track_of((15.95, 0.05, 60)))) for score in real]
    found = contrast(real, composed, [4, 3, None, 4, 4, 4], None, np.random.default_rng(0))
    assert found.two_sample is None
    assert (found.bursts, found.extra_bars) == ((6, 0), 1)
    assert found.facts()["two_sample"] is None
    assert found.keys[0] > 0.9

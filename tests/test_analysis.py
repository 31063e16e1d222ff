"""What a musician would write above a score: keys, chords, phrases, sections, melody, bass and motifs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from build import TICKS

from ritornello.analysis.beats import BAR, BEAT, HALF, WITHIN, find_beats
from ritornello.analysis.chords import NONE, QUALITIES, find_chords
from ritornello.analysis.keys import find_keys
from ritornello.analysis.paths import best_path
from ritornello.score import Meter, Score, Track, make_notes
from ritornello.theory import CHORDS, parse_chord


def played(symbols: str, beats: int = 4, broken: bool = False) -> Score:
    """Return chords of so many quarters each, a bass note below; struck together, or an eighth at a time."""
    rows = []
    for place, symbol in enumerate(symbols.split()):
        chord, start, length = parse_chord(symbol), place * beats * TICKS, beats * TICKS
        tones = sorted(48 + (chord.root + step) % 12 for step in CHORDS[chord.quality])
        rows.append((start, length, 36 + chord.bass, 64))
        if broken:
            eighths = range(0, length, TICKS // 2)
            rows += [(start + at, TICKS // 2, tones[i % len(tones)], 64) for i, at in enumerate(eighths)]
        else:
            rows += [(start, length, tone, 64) for tone in tones]
    return Score(TICKS, (Track(make_notes(rows)),))


def names(score: Score) -> str:
    return " ".join("-" if chord is None else chord.name for _, chord in find_chords(score).named())


PROGRESSION = "C Am Dm G7 C/E F Bdim E7 Am C"


@pytest.mark.parametrize("broken", [False, True])
def test_chords_are_found_whether_struck_or_broken(broken: bool):
    assert names(played(PROGRESSION, broken=broken)) == PROGRESSION


@pytest.mark.parametrize("quality", QUALITIES)
def test_every_quality_is_found(quality: str):
    """On F, as the bass; of the augmented and the diminished seventh any tone could be the root."""
    symbol = parse_chord(f"F{quality}")
    chords = find_chords(played(f"F{quality}"))
    assert (chords.root.tolist(), QUALITIES[chords.quality[0]], chords.bass.tolist()) == ([5], quality, [5])
    assert chords.named()[0][1] == symbol


def test_chords_lie_end_to_end_and_neighbours_differ():
    chords = find_chords(played(PROGRESSION))
    assert chords.start[0] == 0
    assert chords.end[-1] == 10 * 4 * TICKS
    assert (chords.start[1:] == chords.end[:-1]).all()
    assert all(
        a[1:] != b[1:] for a, b in pairwise(zip(chords.start, chords.root, chords.quality, strict=True))
    )


def test_a_passing_note_is_no_chord():
    score = played("C C C C", beats=1)
    passing = Track(make_notes([(TICKS, TICKS // 2, 74, 64), (TICKS + TICKS // 2, TICKS // 2, 76, 64)]))
    assert names(Score(TICKS, (*score.tracks, passing))) == "C"


def test_a_chord_moved_up_is_the_same_higher():
    low = find_chords(played(PROGRESSION))
    high = find_chords(played(PROGRESSION).transposed(5))
    assert ((low.root + 5) % 12 == high.root).all()
    assert (low.quality == high.quality).all()
    assert ((low.bass + 5) % 12 == high.bass).all()


@pytest.mark.parametrize(
    "score",
    [Score(TICKS), Score(TICKS, (Track(make_notes([(0, TICKS, 36, 64)]), is_drum=True),))],
    ids=["empty", "drums"],
)
def test_without_pitch_there_is_no_chord_and_no_key(score: Score):
    chords = find_chords(score)
    assert (chords.root.tolist(), chords.quality.tolist(), chords.bass.tolist()) == ([NONE], [NONE], [NONE])
    assert find_keys(score) == ()


def test_a_long_silence_has_no_chord():
    score = played("C")
    late = Track(make_notes([(32 * TICKS, 4 * TICKS, pitch, 64) for pitch in (43, 59, 62, 67)]))
    assert names(Score(TICKS, (*score.tracks, late))) == "C - G"


def test_a_modulation_is_a_new_key():
    keys = find_keys(played("C F G7 C C F G7 C E A B7 E E A B7 E Cm Fm G7 Cm Cm Fm G7 Cm"))
    assert [(span.tonic, span.minor) for span in keys] == [(0, False), (4, False), (0, True)]
    assert [span.start for span in keys] == [0, 8 * 4 * TICKS, 16 * 4 * TICKS]
    assert (keys[1].key.fifths, keys[2].key.fifths, keys[2].key.minor) == (4, -3, True)


def test_one_chord_of_another_key_is_no_modulation():
    keys = find_keys(played("C F D7 G C F G7 C"))
    assert [(span.tonic, span.minor) for span in keys] == [(0, False)]


@pytest.mark.parametrize(
    ("meter", "levels"),
    [
        ((4, 4), [BAR, BEAT, HALF, BEAT]),
        ((3, 4), [BAR, BEAT, BEAT]),
        ((2, 2), [BAR, WITHIN, HALF, WITHIN]),
        ((6, 8), [BAR, HALF]),
        ((3, 8), [BAR, BEAT, BEAT]),
    ],
)
def test_beats_follow_the_meter(meter: tuple[int, int], levels: list[int]):
    score = Score(TICKS, (Track(make_notes([(0, 1, 60, 64)])),), meters=(Meter(0, *meter),))
    beats = find_beats(score)
    assert beats.level.tolist() == levels
    assert beats.edges[-1] == meter[0] * 4 * TICKS // meter[1]


def test_a_pickup_counts_from_its_end():
    score = played("C C")
    beats = find_beats(Score(TICKS, score.tracks, meters=(Meter(0, 4, 4), Meter(TICKS, 4, 4))))
    assert beats.level.tolist()[:5] == [BEAT, BAR, BEAT, HALF, BEAT]
    assert beats.bar.tolist()[:3] == [0, 1, 1]


def test_the_best_path_is_the_best_of_all():
    rng = np.random.default_rng(0)
    gains, costs = rng.normal(size=(6, 3)), rng.uniform(0, 2, size=6)
    paths = np.array(np.meshgrid(*[range(3)] * 6)).reshape(6, -1).T
    sums = gains[np.arange(6), paths].sum(axis=1) - ((paths[:, 1:] != paths[:, :-1]) * costs[1:]).sum(axis=1)
    assert best_path(gains, costs).tolist() == paths[sums.argmax()].tolist()
